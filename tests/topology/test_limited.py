"""Somebody on a host with several partners whose role is for one of them: nothing of the others is told or touched."""

from __future__ import annotations

import html
import re
from collections.abc import Callable, Iterator, Sequence
from hashlib import sha256
from typing import Any

import pytest
from django.test import Client

from bench.constellation import Constellation, agreement_with
from bench.samples import MOMENT, parts_of
from safeconduct.agreement.policy import Subject
from safeconduct.exchange import ahead
from safeconduct.exchange.sealed import Cover
from safeconduct.exchange.sealed_state import SealedState
from safeconduct.oversight import rules as oversight
from safeconduct.oversight.inquiry import open_inquiry
from safeconduct.people.models import Account
from safeconduct.records import here
from safeconduct.records.commit import Committed, Draft, commit
from safeconduct.records.door import Door
from safeconduct.records.find import Query, find
from safeconduct.records.home import Home, Partner
from safeconduct.records.kinds import all_kinds
from safeconduct.records.principals import subject_of, system_subject, to_wire
from safeconduct.records.refusals import NeedsSecond, NotFound, Refused
from safeconduct.records.release import release
from safeconduct.watch.muster import begin_muster
from safeconduct.watch.sos import raise_sos

ONE, OTHER = "p1", "p2"


@pytest.fixture
def host(host_home: Home) -> Iterator[Home]:
    """A host with the demonstration's house rules and two partners, neither of which has a card yet."""
    home = host_home
    for party in (ONE, OTHER):
        home = home.with_partner(Partner(party, agreement(party), f"Party {party}"))
    home.save()
    with Door.open(home) as door, here.at(home, door):
        yield home


def agreement(party: str) -> str:
    return f"pk-{party}"


def holder(home: Home, name: str, **roles: Sequence[str]) -> Subject:
    """Somebody with these roles, each under the agreements named, or under all where none is."""
    for name_of_role, agreements in roles.items():
        given: dict[str, Any] = {"person": name, "account_name": name, "role": name_of_role, "clearance": 3}
        commit(system_subject(home.party), role(given, agreements))
    return subject_of(here.headers(), home, name, 2e9)


def role(given: dict[str, Any], agreements: Sequence[str]) -> Draft:
    return Draft("role_assignment", {"assignment": {**given, "agreements": agreements}}, releasable=())


def incident(actor: Subject, *to: str, **more: Any) -> Committed:
    return commit(actor, Draft("incident", parts_of(all_kinds()["incident"], "Seen"), releasable=to, **more))


def test_a_role_that_counts_everywhere_lends_nothing_to_one_that_does_not(host: Home) -> None:
    both = holder(host, "both", coordinator=[agreement(ONE)], warden=[])
    incident(both, ONE)
    for reach in ([OTHER], [ONE, OTHER]):
        with pytest.raises(Refused):
            incident(both, *reach)


def test_what_concerns_another_agreement_too_is_not_narrowed_by_who_is_limited(host: Home) -> None:
    desk = holder(host, "desk", coordinator=[agreement(ONE)])
    made = incident(system_subject(host.party), ONE, OTHER)
    assert release(desk, made.record).parts
    for reach in ([ONE], []):
        with pytest.raises(Refused):
            incident(desk, *reach, record=made.record, expected=made.version)


def test_roles_are_given_as_far_as_the_role_reaches_that_gives_them(host: Home) -> None:
    giver = holder(host, "giver", administrator=[agreement(ONE)], warden=[])
    part: dict[str, Any] = {"person": "x", "account_name": "x", "role": "analyst", "clearance": 1}
    for agreements in ([], [agreement(OTHER)]):
        with pytest.raises(Refused, match="under those alone"):
            commit(giver, role(part, agreements))
    with pytest.raises(NeedsSecond):
        commit(giver, role(part, [agreement(ONE)]))


@pytest.mark.parametrize("take_back", [oversight.withdraw, oversight.ask_erasure])
def test_what_another_agreement_has_too_is_not_taken_back_by_who_is_limited(
    host: Home, take_back: Any
) -> None:
    desk = holder(
        host,
        "desk",
        coordinator=[agreement(ONE)],
        administrator=[agreement(ONE)],
        security_manager=[agreement(ONE)],
    )
    own, both = incident(desk, ONE), incident(system_subject(host.party), ONE, OTHER)
    take_back(desk, own.record, (), "")
    with pytest.raises(Refused):
        take_back(desk, both.record, (), "")
    offered = oversight.own_record(desk, both.record)
    assert (offered.withdraw, offered.erase) == ((), ())


def test_refused_attempts_on_what_is_anothers_are_not_told_to_who_is_limited(host: Home) -> None:
    auditor, free = holder(host, "auditor", auditor=[agreement(ONE)]), holder(host, "free", auditor=[])
    stranger = holder(host, "stranger", warden=[])
    mine, theirs = (incident(system_subject(host.party), party).record for party in (ONE, OTHER))
    for record in (mine, theirs):
        with pytest.raises(NotFound):
            release(stranger, record)
    assert refused(free) == {mine, theirs}
    assert refused(auditor) == {mine}


def refused(reader: Subject) -> set[str]:
    return {row["record"] for row in here.door().call("refusals", {"actor": to_wire(reader)})["refusals"]}


def test_a_muster_by_who_is_limited_asks_after_nobody_of_another_agreement(host: Home) -> None:
    settled(host)
    desk, free = (
        holder(host, name, watch_officer=to) for name, to in (("desk", [agreement(ONE)]), ("free", []))
    )
    assert [expected(each) for each in (free, desk)] == [2, 1]


def settled(home: Home) -> None:
    """Two sites, each known to one partner, and somebody who stays at each."""
    kinds, system = all_kinds(), system_subject(home.party)
    for party in (ONE, OTHER):
        site = commit(system, Draft("site", parts_of(kinds["site"], party), releasable=[party]))
        who = commit(system, Draft("person", parts_of(kinds["person"], party), releasable=()))
        stay = {"stay": {"site": site.record, "since": MOMENT}}
        commit(system, Draft("presence", stay, about=who.record, state="arrived", releasable=()))


def expected(officer: Subject) -> int:
    return int(release(officer, muster(officer)).parts["roll"]["expected"])


def muster(officer: Subject) -> str:
    call = {**parts_of(all_kinds()["muster"], "Muster")["call"], "scope": "country"}
    return begin_muster(officer, call).record


def test_what_goes_to_nobody_and_speaks_of_anothers_record_is_not_for_who_is_limited(host: Home) -> None:
    desk, free = (holder(host, name, auditor=to) for name, to in (("desk", [agreement(ONE)]), ("free", [])))
    mine, theirs, shared = (
        incident(system_subject(host.party), *to).record for to in ([ONE], [OTHER], [ONE, OTHER])
    )
    again = release(free, theirs)
    commit(
        system_subject(host.party),
        Draft("incident", {}, record=theirs, expected=again.version, releasable=()),
    )
    assert not can_read(desk, theirs), "what went to another is not for all once it goes nowhere"
    for record, known in ((mine, {desk, free}), (shared, {desk, free}), (theirs, {free})):
        inquiry = open_inquiry(free, record, "Who?").record
        assert {each for each in (desk, free) if can_read(each, inquiry)} == known
        listed = {each for each in (desk, free) if inquiry in ids_of(each, "inquiry")}
        assert listed == known, "the list says the same"


def test_what_was_read_of_another_agreement_is_not_told_to_who_is_limited(host: Home) -> None:
    desk, free = (holder(host, name, auditor=to) for name, to in (("desk", [agreement(ONE)]), ("free", [])))
    system, parts = system_subject(host.party), parts_of(all_kinds()["liaison_message"], "Seen")
    reach: list[tuple[str, ...]] = [(ONE,), (OTHER,), (ONE, OTHER), (), (OTHER,)]
    made = [commit(system, Draft("liaison_message", parts, releasable=to)).record for to in reach]
    assert len(find(free, Query("liaison_message", sort="at")).records) == len(made)
    by_agreement = [{made[0]}, {made[2]}, {made[3]}, {made[1], made[4]}]
    found = read(free), read(desk)
    assert all(each in found[0] for each in by_agreement) and len(found[0]) == len(by_agreement)
    assert all(each in found[1] for each in by_agreement[:3]) and len(found[1]) == 3


def read(auditor: Subject) -> list[set[str]]:
    """What each reading of messages names that the auditor is shown."""
    named = [
        each.parts["what"]["records"]
        for each in find(auditor, Query("reading", sort="at", limit=1000)).records
        if each.parts["what"]["kind"] == "liaison_message"
    ]
    return [{each["record"] for each in some} for some in named]


def test_what_another_partner_has_of_a_shared_record_is_not_told_to_who_is_limited(
    around: Callable[[str], Constellation],
) -> None:
    world = around("host")
    one, two, _ = sorted(world.others)
    with world.centre.active():
        shared = incident(system_subject(world.centre.home.party), one, two).record
        desk, free = (
            browser(world.centre.home, name, auditor=to, coordinator=to)
            for name, to in (("desk", [agreement_with(one)]), ("free", []))
        )
        for client, told in ((free, {one, two}), (desk, {one})):
            listed, page = (
                client.get(f"/oversight/holdings/{path}").content.decode() for path in ("", f"{shared}/")
            )
            assert "incident" in listed.lower()
            assert {each for each in (one, two) if f"/oversight/preview/{shared}/{each}/" in page} == told
            assert {each for each in (one, two) if f"<td>Party {each}</td>" in listed} == told
            shown = {
                e for e in (one, two) if client.get(f"/oversight/preview/{shared}/{e}/").status_code == 200
            }
            assert shown == told
            first = client.get(f"/oversight/preview/{shared}/")
            assert first.headers["Location"].endswith(f"/{one}/")


def test_what_is_made_of_two_agreements_is_for_nobody_who_is_limited_to_one(host: Home) -> None:
    desk, free = (
        holder(host, name, coordinator=to) for name, to in (("desk", [agreement(ONE)]), ("free", []))
    )
    sources = [incident(system_subject(host.party), to).record for to in (ONE, OTHER)]
    made = commit(free, Draft("incident", parts_of(all_kinds()["incident"], "Both"), derived_from=sources))
    again = commit(free, Draft("incident", {}, record=made.record, expected=made.version, state="update"))
    for record in (made.record, again.record):
        assert (can_read(desk, record), can_read(free, record)) == (False, True)


def test_a_muster_over_two_agreements_is_for_nobody_who_is_limited_to_one(host: Home) -> None:
    settled(host)
    desk, free = (
        holder(host, name, watch_officer=to) for name, to in (("desk", [agreement(ONE)]), ("free", []))
    )
    record = muster(free)
    assert (can_read(desk, record), can_read(free, record)) == (False, True)


def test_a_call_for_help_from_where_nobody_is_told_of_any_more_is_taken(host: Home) -> None:
    system, kinds = system_subject(host.party), all_kinds()
    site = commit(system, Draft("site", parts_of(kinds["site"], "Camp"), releasable=[OTHER]))
    commit(system, Draft("site", {}, record=site.record, expected=site.version, releasable=()))
    caller = holder(host, "caller", protected_person=[])
    link = {**parts_of(kinds["person"], "Caller"), "link": {"account": caller.person}}
    who = commit(system, Draft("person", link, state="active", releasable=()))
    stay = {"stay": {"site": site.record, "since": MOMENT}}
    commit(system, Draft("presence", stay, about=who.record, state="arrived", releasable=()))
    call = {**parts_of(kinds["sos"], "Help"), "caller": {"person": caller.person}}
    call = {"call": {**call["call"], "means": "floor"}, "caller": call["caller"]}
    assert raise_sos(caller, call, key="1").record


def test_a_sealed_bundle_of_another_partner_is_not_told_to_nor_opened_by_who_is_limited(host: Home) -> None:
    desk, free = (
        holder(host, name, coordinator=to) for name, to in (("desk", [agreement(ONE)]), ("free", []))
    )
    writer = here.door().writer
    assert writer is not None
    for party in (ONE, OTHER):
        cover = Cover(party, host.party, agreement(party), bundle_of(party), 1, 2_000_000_000, bytes(16))
        writer.tick(lambda tx, cover=cover: SealedState(tx.db).take(cover, b"", tx.now, "free"))
    assert [{each.partner for each in ahead.waiting(reader)} for reader in (free, desk)] == [
        {ONE, OTHER},
        {ONE},
    ]
    asked = {"actor": to_wire(desk), "bundle": bundle_of(OTHER), "key": "00" * 32}
    with pytest.raises(NotFound):
        here.door().call("exchange_sealed_open", asked)


def bundle_of(party: str) -> str:
    return sha256(party.encode()).hexdigest()[:32]


def can_read(reader: Subject, record: str) -> bool:
    try:
        return bool(release(reader, record).parts)
    except NotFound:
        return False


def ids_of(reader: Subject, kind: str) -> set[str]:
    return {each.id for each in find(reader, Query(kind, sort="at")).records}


def test_how_much_another_partner_holds_is_not_told_to_who_is_limited(
    around: Callable[[str], Constellation],
) -> None:
    world = around("host")
    everyone, one = set(world.others), min(world.others)
    with world.centre.active():
        for name, to, told in (("free", [], everyone), ("desk", [agreement_with(one)], {one})):
            client = browser(world.centre.home, name, auditor=to)
            links, held = (
                client.get(f"/oversight/{page}/").content.decode() for page in ("link", "holdings")
            )
            assert {each for each in everyone if f"<h2>Party {each}</h2>" in links} == told
            assert {each for each in everyone if f'aria-label="Party {each}"' in held} == told


def test_what_came_under_another_agreement_and_the_holds_on_it_are_not_told_to_who_is_limited(
    around: Callable[..., Constellation],
) -> None:
    world = around("host", filled=True)
    node = world.centre
    one, other = sorted(world.others)[:2]
    system = {"person": "system", "roles": ["system"]}
    with node.active():
        received = {party: latest(party) for party in (one, other)}
        own = {party: incident(system_subject(node.home.party), party).record for party in (one, other)}
        for party in (one, other):
            for record, why in ((received[party], f"why-{party}"), (own[party], f"why-own-{party}")):
                here.door().call("hold", {"actor": system, "record": record, "because": why})
        for name, to, told in (("free", [], {one, other}), ("desk", [agreement_with(one)], {one})):
            client = browser(node.home, name, auditor=to)
            held, holds = (whole(client, f"/oversight/{page}/") for page in ("held", "holds"))
            for party in (one, other):
                shown = party in told
                assert (received[party] in held) == (f"why-{party}" in holds) == shown, (name, party)
                assert (f"why-own-{party}" in holds) == shown, (name, party)
                for record in (received[party], own[party]):
                    answer = client.get(f"/oversight/holds/{record}/")
                    assert answer.status_code == (200 if shown else 404), (name, party)
                    form = client.post(f"/oversight/holds/{record}/", {"because": "x"})
                    assert (form.status_code == 404) != shown and form.status_code != 302, (name, party)
        client = browser(node.home, "chooses", auditor=[])
        client.post("/under/", {"agreement": agreement_with(other), "next": "/"})
        held, holds = (whole(client, f"/oversight/{page}/") for page in ("held", "holds"))
        assert received[other] in held and f"why-{other}" in holds and f"why-own-{other}" in holds
        assert received[one] not in held and f"why-{one}" not in holds and f"why-own-{one}" not in holds


def whole(client: Client, url: str) -> str:
    """A list with all of its pages."""
    found, query = "", ""
    while True:
        page = client.get(url + query).content.decode()
        found += page
        earlier = re.search(r'<a class="button" href="(\?[^"]*before=\d+)"', page)
        if earlier is None:
            return found
        query = html.unescape(earlier[1])


def latest(party: str) -> str:
    """An incident that came from this party."""
    sql = "SELECT id FROM records_row WHERE kind = 'incident' AND originator = %s ORDER BY born"
    return str(here.tables().all(sql, [party])[-1][0])


def browser(home: Home, name: str, **roles: Sequence[str]) -> Client:
    account = Account.objects.create_account(name, clearance=3)
    holder(home, account.person, **roles)
    client = Client(SERVER_NAME="localhost")
    client.force_login(account)
    return client
