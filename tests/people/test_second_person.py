"""What takes two persons: roles, and reading or exporting in bulk; and what one person does alone, at once."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from safeconduct.agreement.clauses import ClauseError, parse_clause
from safeconduct.agreement.policy import Subject
from safeconduct.people import roles, second_person
from safeconduct.people.models import Account
from safeconduct.people.principal import principal_of, still
from safeconduct.records import here
from safeconduct.records.commit import Draft, commit
from safeconduct.records.find import Query, find
from safeconduct.records.home import Home
from safeconduct.records.kinds import vocabulary
from safeconduct.records.principals import system_subject
from safeconduct.records.refusals import Conflict, Malformed, NeedsSecond, NotFound, Refused
from safeconduct.records.release import release
from safeconduct.records.two_person import LONGEST, widens

from .conftest import MakeAccount, SignIn
from .limits import LIMITED, limited_incidents

HELD = {"person": "p", "account_name": "p", "role": "analyst", "units": ["unit-1"], "clearance": 1}


def wish(account: Account, **other: Any) -> dict[str, Any]:
    return {"role": "analyst", "reason": "Starts on Monday.", "clearance": 1, **other}


@contextmanager
def later(seconds: float) -> Iterator[None]:
    """The writer's clock so much ahead."""
    writer = here.door().writer
    assert writer is not None
    before = writer.clock
    writer.clock = lambda: time.time() + seconds
    try:
        yield
    finally:
        writer.clock = before


def asked(actor: Subject, account: Account, **other: Any) -> str:
    return second_person.ask_for_role(actor, account, **wish(account, **other)).record


def bulk_wish(actor: Subject, **other: Any) -> dict[str, Any]:
    expires = (datetime.now(UTC) + timedelta(hours=1)).isoformat()
    given = {
        "asked_by": actor.person,
        "person": actor.person,
        "act": "export",
        "kind": "incident",
        "records": 9,
    }
    return {**given, "reason": "All of them.", "expires": expires, **other}


@pytest.mark.parametrize(
    ("change", "again", "wider"),
    [
        ({}, False, False),
        ({"clearance": 0, "units": []}, False, False),
        ({"until": "2026-01-01T00:00:00Z"}, False, False),
        ({"since": "2100-01-01T00:00:00Z"}, False, False),
        ({}, True, True),
        ({"clearance": 2}, False, True),
        ({"units": ["unit-1", "unit-2"]}, False, True),
        ({"role": "coordinator"}, False, True),
        ({"person": "q"}, False, True),
    ],
)
def test_what_widens_an_assignment(change: dict[str, Any], again: bool, wider: bool) -> None:
    assert widens(HELD, {**HELD, **change}, again) is wider


def test_an_end_that_is_moved_or_cannot_be_read_widens() -> None:
    until = {**HELD, "until": "2026-01-01T00:00:00Z", "since": "2025-01-01T00:00:00Z"}
    assert widens(until, {**until, "until": "2026-01-01T00:00:01Z"})
    assert widens(until, {**until, "until": ""}) and widens(until, {**until, "until": "never"})
    assert widens(until, {**until, "since": "2024-12-31T00:00:00Z"}) and widens(
        until, {**until, "since": "?"}
    )
    assert widens(None, HELD) and not widens(HELD, None)


def test_one_administrator_alone_gives_and_widens_nothing(person: MakeAccount) -> None:
    actor, account = principal_of(person("root", "administrator")), person("sana", "liaison", clearance=2)
    (held,) = roles.assignments(actor, account.person)
    part = dict(release(actor, held.record).parts["assignment"])
    with pytest.raises(NeedsSecond):
        roles.assign_role(actor, account, "analyst")
    for wider in ({"clearance": 3}, {"units": ["unit-1"]}, {"role": "auditor"}, {"person": "somebody"}):
        draft = Draft("role_assignment", {"assignment": {**part, **wider}}, record=held.record, expected=1)
        with pytest.raises(NeedsSecond):
            commit(actor, draft)
    assert principal_of(account) == Subject("pk", frozenset({"liaison"}), 2, person=account.person)
    sql = "SELECT count(*) FROM records_refusal WHERE person = %s"
    assert here.tables().one(sql, [actor.person]) == (5,)
    # Narrowing needs nobody else; what was narrowed does not come back by itself.
    narrower = Draft(
        "role_assignment", {"assignment": {**part, "clearance": 1}}, record=held.record, expected=1
    )
    commit(actor, narrower)
    roles.end_role(actor, held.record)
    assert principal_of(account).roles == frozenset()
    with pytest.raises(NeedsSecond):
        commit(actor, Draft("role_assignment", {}, record=held.record, expected=3, state="open"))


def test_approval_by_another_gives_the_role_once_and_says_who(person: MakeAccount) -> None:
    actor, account = principal_of(person("root", "administrator")), person("sana", clearance=1)
    second = principal_of(person("chief", "coordinator"))
    request = asked(actor, account, units=["unit-7"])
    assert principal_of(account).roles == frozenset()
    second_person.decide(second, request, 1, True, "I called her.")
    subject = principal_of(account)
    assert (subject.roles, subject.units, subject.clearance) == ({"analyst"}, {"unit-7"}, 1)
    found = release(second, request)
    assert found.state == "used" and found.parts["decision"]["by"] == second.person
    made = found.parts["use"]["record"]
    assert release(second, made).about == request
    writer = here.door().writer
    assert writer is not None
    index = release(second, made).ledger_index
    header = json.loads(writer.log.entry(index).leaf)
    assert (header["by"], header["approved_by"]) == (actor.person, second.person)
    roles.end_role(actor, made)
    with pytest.raises(Refused):
        second_person.decide(second, request, found.version, True)
    with pytest.raises(Conflict):
        second_person.decide(second, request, 1, True)
    assert principal_of(account).roles == frozenset()


def test_neither_who_asks_nor_who_is_favoured_nor_the_node_approves(person: MakeAccount) -> None:
    root, chief = person("root", "administrator", "coordinator"), person("chief", "coordinator")
    actor, favoured = principal_of(root), principal_of(chief)
    request = asked(actor, chief, role="auditor")
    decision = {"by": actor.person, "text": ""}
    for subject in (actor, favoured):
        with pytest.raises(Refused):
            second_person.decide(subject, request, 1, True)
    by_node = {"decision": {"by": "system", "text": ""}}
    with pytest.raises(Refused):
        commit(
            system_subject("pk"),
            Draft("role_request", by_node, record=request, expected=1, state="approved"),
            "approve",
        )
    other = principal_of(person("other", "coordinator"))
    forged = Draft("role_request", {"decision": decision}, record=request, expected=1, state="approved")
    with pytest.raises(Refused):
        commit(other, forged, "approve")
    for role in ("analyst", "auditor", "watch_officer"):
        with pytest.raises((Refused, NotFound)):
            second_person.decide(principal_of(person(f"a-{role}", role)), request, 1, True)
    # Writing is not approving, and an approval changes nothing else.
    with pytest.raises(Refused):
        commit(actor, Draft("role_request", {}, record=request, expected=1, state="approved"))
    for more in ({"state": "used"}, {"state": "approved", "levels": {"wish": 0}}):
        draft = Draft("role_request", {"decision": {"by": other.person}}, record=request, expected=1, **more)
        with pytest.raises(Refused):
            commit(other, draft, "approve")
    assert principal_of(chief).roles == {"coordinator"}


def test_a_request_is_made_in_ones_own_name_and_stays_as_it_was(person: MakeAccount) -> None:
    actor, account = principal_of(person("root", "administrator")), person("sana")
    expires = (datetime.now(UTC) + timedelta(hours=1)).isoformat()
    part = {**wish(account), "person": account.person, "asked_by": actor.person, "expires": expires}
    for change, fault in (
        ({"asked_by": account.person}, Refused),
        ({"person": actor.person}, Refused),
        ({"expires": (datetime.now(UTC) + timedelta(seconds=LONGEST + 60)).isoformat()}, Malformed),
        ({"expires": "2020-01-01T00:00:00Z"}, Malformed),
        ({"expires": "soon"}, Malformed),
    ):
        with pytest.raises(fault):
            commit(actor, Draft("role_request", {"wish": {**part, **change}}, releasable=()))
    for draft in (
        Draft("role_request", {"wish": part}, releasable=(), state="approved"),
        Draft("role_request", {"wish": part, "decision": {"by": "x"}}, releasable=()),
        Draft("role_request", {"decision": {"by": "x"}}, releasable=()),
    ):
        with pytest.raises((Malformed, Refused)):
            commit(actor, draft)
    request = asked(actor, account)
    with pytest.raises(Malformed):
        commit(
            actor, Draft("role_request", {"wish": {**part, "role": "auditor"}}, record=request, expected=1)
        )


def test_who_asked_must_still_be_one_to_give_roles(person: MakeAccount) -> None:
    root, account = person("root", "administrator"), person("sana")
    second = principal_of(person("chief", "coordinator"))
    request = asked(principal_of(root), account)
    other = principal_of(person("root2", "administrator"))
    (held,) = roles.assignments(other, root.person)
    roles.end_role(other, held.record)
    with pytest.raises(Refused):
        second_person.decide(second, request, 1, True)
    assert release(second, request).state == "asked" and not principal_of(account).roles


def test_a_request_expires_and_is_taken_back(person: MakeAccount) -> None:
    actor, account = principal_of(person("root", "administrator")), person("sana")
    second = principal_of(person("chief", "coordinator"))
    first, other = asked(actor, account), asked(actor, account)
    with later(LONGEST), pytest.raises(Refused, match="expired"):
        second_person.decide(second, first, 1, True)
    second_person.take_back(actor, other, 1)
    with pytest.raises(Refused):
        second_person.decide(second, other, 2, True)
    assert not principal_of(account).roles


def test_whoever_resets_an_account_does_not_get_its_roles(
    person: MakeAccount, sign_in: SignIn, node: Home
) -> None:
    """Else one administrator could become the other, and be both persons."""
    root, other = person("root", "administrator"), person("root2", "administrator")
    browser = sign_in(root)
    assert browser.post(f"/people/{other.pk}/reset/").status_code == 200
    assert principal_of(other).roles == frozenset()
    found = find(principal_of(root), Query("role_request")).records
    assert [record.parts["wish"]["role"] for record in found] == ["administrator"]
    second_person.decide(principal_of(person("chief", "coordinator")), found[0].id, 1, True)
    assert principal_of(other).roles == {"administrator"}


def test_a_ceiling_that_holds_a_role_down_is_not_lifted_alone(person: MakeAccount) -> None:
    actor, account = principal_of(person("root", "administrator")), person("sana", "coordinator", clearance=3)
    Account.objects.filter(pk=account.pk).update(clearance=1)
    account.refresh_from_db()
    with pytest.raises(Refused):
        roles.set_clearance(actor, account, 3)
    roles.set_clearance(actor, account, 0)
    roles.set_clearance(actor, account, 2)
    assert principal_of(account).clearance == 0


def test_the_pages_ask_and_another_approves(person: MakeAccount, sign_in: SignIn) -> None:
    root, chief = sign_in(person("root", "administrator")), sign_in(person("chief", "coordinator"))
    account = person("wei", clearance=2)
    page = root.get(f"/people/{account.pk}/").content.decode()
    assert "Ask for the role" in page and "second person" in page
    form = {"role": "liaison", "units": "", "clearance": "1"}
    assert root.post(f"/people/{account.pk}/roles/", form).status_code == 200, "a reason is asked for"
    assert root.post(f"/people/{account.pk}/roles/", {**form, "reason": "New here."}).status_code == 302
    assert not principal_of(account).roles
    request = find(principal_of(Account.objects.get(username="root")), Query("role_request")).records[0].id
    address = f"/oversight/second-person/{request}/"
    assert "Somebody else has to approve this" in root.get(address).content.decode()
    approve = {"step": "approve", "seen": "1", "text": "Seen."}
    assert root.post(address, approve).status_code == 403
    assert "New here." in chief.get("/oversight/second-person/").content.decode() or chief.get(address)
    assert chief.post(address, approve).status_code == 302
    assert principal_of(account).roles == {"liaison"}
    assert sign_in(person("sana", "watch_officer")).get("/oversight/second-person/").status_code == 404


@pytest.fixture
def incidents(node: Home, tmp_path: Path) -> list[str]:
    return limited_incidents(tmp_path)


def test_nobody_reads_or_exports_in_bulk_alone(person: MakeAccount, incidents: list[str]) -> None:
    reader = principal_of(person("kim", "security_manager"))
    for record in incidents[:2] * 2:
        assert release(reader, record).parts["summary"]
    with pytest.raises(NeedsSecond) as stopped:
        release(reader, incidents[2])
    assert (stopped.value.act, stopped.value.count, stopped.value.alone) == ("read", 3, 2)
    with pytest.raises(NeedsSecond):
        find(reader, Query("incident"))
    assert len(find(reader, Query("incident", limit=2), "export").records) == 2, (
        "each act is counted by itself"
    )
    with pytest.raises(NeedsSecond):
        find(reader, Query("incident"), "export")
    sql = "SELECT count(*) FROM records_shown s JOIN records_row r ON r.id = s.reading WHERE r.external = %s"
    assert here.tables().one(sql, [reader.person]) == (6,), "what was stopped is not noted as shown"
    with later(3_601):
        release(reader, incidents[2])


def test_where_lives_depend_on_it_nobody_is_stopped(person: MakeAccount, incidents: list[str]) -> None:
    for roles_held in (("watch_officer",), ("warden",), ("security_manager", "warden")):
        reader = principal_of(person("-".join(roles_held).replace("_", "-"), *roles_held))
        assert len(find(reader, Query("incident", parts=("summary",), sort="at")).records) == 4


def test_an_approval_lasts_an_hour_for_so_many_and_once(person: MakeAccount, incidents: list[str]) -> None:
    reader, second = (
        principal_of(person("kim", "security_manager")),
        principal_of(person("audit", "auditor")),
    )
    request = second_person.ask_in_bulk(reader, "export", "incident", 3, "For the report.").record
    with pytest.raises(NeedsSecond):
        find(reader, Query("incident", limit=3), "export")
    with pytest.raises((Refused, NotFound)):
        second_person.decide(reader, request, 1, True)
    second_person.decide(second, request, 1, True)
    assert len(find(reader, Query("incident", limit=3), "export").records) == 3
    assert len(find(reader, Query("incident", limit=3), "export").records) == 3
    for query, what in ((Query("incident", limit=4), "export"), (Query("incident", limit=3), "read")):
        with pytest.raises(NeedsSecond):
            find(reader, query, what)
    assert release(second, request).state == "used"
    with later(3_601), pytest.raises(NeedsSecond):
        find(reader, Query("incident", limit=3), "export")
    again = second_person.ask_in_bulk(reader, "export", "incident", 4, "Once more.").record
    second_person.decide(second, again, 1, True)
    second_person.take_back(reader, again, 2)
    with pytest.raises(NeedsSecond):
        find(reader, Query("incident"), "export")
    other = principal_of(person("lee", "security_manager"))
    with pytest.raises(NeedsSecond):
        find(other, Query("incident", limit=3), "export")


def test_nobody_asks_for_another_in_bulk(person: MakeAccount, incidents: list[str]) -> None:
    reader, other = (principal_of(person(name, "security_manager")) for name in ("kim", "lee"))
    for change in ({"person": other.person}, {"asked_by": other.person}):
        draft = Draft(
            "bulk_request", {"wish": bulk_wish(reader, **change)}, releasable=(), assigned=(reader.person,)
        )
        with pytest.raises(Refused):
            commit(reader, draft)


def test_a_page_that_is_stopped_says_so_and_leads_to_the_second_person(
    person: MakeAccount, sign_in: SignIn, incidents: list[str]
) -> None:
    kim, audit = sign_in(person("kim", "security_manager")), sign_in(person("audit", "auditor"))
    answer = kim.get("/incidents/export.csv")
    page = answer.content.decode()
    assert answer.status_code == 403 and "A second person is needed" in page and "Shots" not in page
    assert "/oversight/second-person/bulk/?act=export&amp;kind=incident&amp;records=4" in page
    form = {"act": "export", "kind": "incident", "records": "4", "reason": "The yearly figures."}
    made = kim.post("/oversight/second-person/bulk/", form)
    assert made.status_code == 302
    for wrong in (
        {"kind": "sos"},
        {"records": "0"},
        {"records": "9" * 20},
        {"act": "command"},
        {"reason": ""},
    ):
        assert kim.post("/oversight/second-person/bulk/", {**form, **wrong}).status_code == 422
    assert "The yearly figures." in audit.get(made["Location"]).content.decode()
    assert audit.post(made["Location"], {"step": "approve", "seen": "1", "text": "Fine."}).status_code == 302
    answer = kim.get("/incidents/export.csv")
    assert answer.status_code == 200


@pytest.mark.parametrize(
    ("old", "new", "why"),
    [
        ('logged = ["read", "export"]', 'logged = ["export"]', "log the act read"),
        ('logged = ["read", "export"]', "logged = true\nlife_safety = true", "lives depend on"),
        ('may    = ["read", "export"]', 'may    = ["read", "export", "write"]', "0 for write"),
        ('may    = ["read", "export"]', 'may    = ["read", "export", "approve"]', "not for approve"),
        ("two_person_above = 2", "two_person_above = -1", "whole number"),
        ("two_person_above = 2", "two_person_above = true", "whole number"),
    ],
)
def test_a_limit_that_could_not_hold_is_refused(old: str, new: str, why: str) -> None:
    with pytest.raises(ClauseError, match=why):
        parse_clause(LIMITED.replace(old, new, 1).encode(), vocabulary())


def test_a_file_under_way_ends_with_the_role_or_the_account(person: MakeAccount) -> None:
    root, account = person("root", "administrator"), person("kim", "analyst", "liaison")
    before = principal_of(account)
    assert still(before) == before
    held = {each.role: each.record for each in roles.assignments(principal_of(root), account.person)}
    roles.end_role(principal_of(root), held["liaison"])
    assert still(before).roles == {"analyst"}
    Account.objects.filter(pk=account.pk).update(locked=True)
    with pytest.raises(Refused):
        still(before)
    Account.objects.filter(pk=account.pk).update(locked=False)
    roles.end_role(principal_of(root), held["analyst"])
    with pytest.raises(Refused):
        still(before)


def test_who_may_approve_is_told_and_who_asked_hears_the_decision(person: MakeAccount) -> None:
    actor, account = principal_of(person("root", "administrator", "coordinator")), person("sana", "analyst")
    chief, favoured = principal_of(person("chief", "coordinator")), person("deputy", "coordinator")
    person("reader", "auditor")
    for each in (actor, chief, principal_of(favoured), principal_of(account)):
        address = {"channel": "mail", "address": f"{each.person}@pk.example"}
        draft = Draft("contact_point", {"address": address}, assigned=[each.person], releasable=())
        commit(system_subject("pk"), draft)
    writer = here.door().writer
    assert writer is not None

    def told(request: str) -> list[str]:
        rows = writer.db.execute("SELECT person FROM notify_send WHERE about = ? ORDER BY queued", (request,))
        return [who for (who,) in rows]

    request = asked(actor, favoured, role="auditor")
    assert told(request) == [chief.person]
    second_person.decide(chief, request, 1, True, "I called him.")
    assert told(request) == [chief.person, actor.person]
    taken_back = asked(actor, account, role="auditor")
    assert set(told(taken_back)) == {chief.person, favoured.person}
    second_person.take_back(actor, taken_back, 1)
    assert len(told(taken_back)) == 2
