"""Sealed bundles in advance: the file alone opens nothing, nor does the code; what opens is what the feed brings."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import ready
from safeconduct.exchange import ahead, sealed, spoken
from safeconduct.exchange.ahead import Sealed, WrongCode
from safeconduct.exchange.bundle import FeedEntry
from safeconduct.exchange.holdings import ASKED, HELD, REMOVED, SEALED, WITHDRAWN, counts, holdings
from safeconduct.exchange.identity import Card
from safeconduct.records.principals import system_subject
from safeconduct.records.rebuild import fingerprint, rebuild
from safeconduct.records.refusals import Malformed, NotFound, Refused

from .nodes import INCIDENT, PEOPLE, Node, agree, pull, sign
from .test_leaks import everything_outside
from .test_locks import HOUR, Clock, people

CANARY = "Zhang-Canary-4711"
HIDDEN = {"summary": 3, "when": 3, "where": 3}
"""Labels with which no clause but the one about people gives anything of an incident."""

Locked = tuple[Node, Node, Clock]


@pytest.fixture(autouse=True)
def _quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(spoken, "_COST", 2**4)


@pytest.fixture
def locked(nodes: tuple[Node, Node], world: Path) -> Locked:
    """Host and partner that have agreed that people follow once the time lock opens; both at one clock."""
    host, partner = nodes
    agree(host, partner, world, "pk-cn", PEOPLE)
    clock = Clock(host)
    partner.writer.clock = lambda: clock.now
    return host, partner, clock


def system(node: Node) -> Any:
    return system_subject(node.home.party)


def seal(host: Node, *records: str, to: str = "cn") -> Sealed:
    with host.active():
        return ahead.seal(system(host), list(records), to)


def take(partner: Node, file: bytes) -> str:
    with partner.active():
        return ahead.take(system(partner), file).bundle


def enter(partner: Node, bundle: str, code: str) -> list[tuple[str, str, str]]:
    with partner.active():
        return ahead.enter_code(system(partner), bundle, code)


def entries(node: Node, kind: str) -> list[dict[str, Any]]:
    leaves = node.in_tx(lambda tx: [json.loads(e.leaf) for e in tx.log.entries(0, tx.log.size)])
    return [leaf for leaf in leaves if leaf["type"] == kind]


def statuses(host: Node, record: str) -> list[dict[str, str]]:
    with host.active():
        return [dict(held.parts) for _, held in holdings("cn", record=record)]


@pytest.mark.usefixtures("carried")
def test_what_was_given_in_advance_opens_with_its_code_and_the_feed_doubles_nothing(locked: Locked) -> None:
    host, partner, clock = locked
    made = host.commit("incident", INCIDENT, opens=clock.after(12))
    pull(partner, host)
    given = seal(host, made.record)
    assert statuses(host, made.record)[0]["people"] == SEALED
    bundle = take(partner, given.file)
    assert take(partner, given.file) == bundle
    assert people(partner) == [None]
    ((record, kind, outcome),) = enter(partner, bundle, given.code)
    assert (kind, outcome) == ("incident", "taken") and people(partner) == [2]
    (row,) = partner.of_kind("incident", "pk")
    assert row.id == record and row.agreement == "pk-cn" and row.version == 1
    (opened,) = [entry for entry in entries(partner, "sealed") if entry["what"] == "opened"]
    assert opened["ahead_of_feed"] == [record] and opened["by"] == "system" and opened["code_given"]
    (told,) = entries(host, "sealed")
    assert told["record"] == made.record and told["partner"] == "cn" and told["released"] == ["people"]
    assert told["code_shown"] and told["by"] == "system"
    with pytest.raises(Malformed, match="opened"):
        enter(partner, bundle, given.code)
    clock.now += 12 * HOUR
    host.sweep()
    pull(partner, host)
    assert people(partner) == [2] and len(partner.of_kind("incident", "pk")) == 1
    assert statuses(host, made.record) == [{"summary": HELD, "when": HELD, "where": HELD, "people": HELD}]
    for node in (host, partner):
        with node.active():
            before = fingerprint()
            rebuild(node.writer)
            assert fingerprint() == before


def test_records_about_it_go_along_even_those_the_partner_never_heard_of(locked: Locked, world: Path) -> None:
    host, partner, clock = locked
    made = host.commit("incident", INCIDENT, opens=clock.after(12))
    along = host.commit("incident", INCIDENT, about=made.record, opens=clock.after(12), levels=HIDDEN)
    pull(partner, host)
    assert len(partner.of_kind("incident", "pk")) == 1
    given = seal(host, made.record)
    assert {record for record, _ in given.records} == {made.record, along.record}
    enter(partner, take(partner, given.file), given.code)
    first, second = partner.of_kind("incident", "pk")
    assert (second.about, second.version) == (first.id, 1) and people(partner) == [2, 2]
    answer = {"figure": {"what": "killed", "best": 3}, "source": {"outlet": "x", "party": "partner"}}
    partner.commit("claim", answer, about=second.id)
    pull(host, partner)
    (claim,) = host.of_kind("claim", "cn")
    assert claim.about == along.record
    clock.now += 12 * HOUR
    host.sweep()
    pull(partner, host)
    assert [row.id for row in partner.of_kind("incident", "pk")] == [first.id, second.id]
    assert people(partner) == [2, 2]
    assert {status for parts in statuses(host, along.record) for status in parts.values()} == {HELD}


def test_an_amendment_after_sealing_stands_over_what_was_sealed(locked: Locked) -> None:
    host, partner, clock = locked
    made = host.commit("incident", INCIDENT, opens=clock.after(12))
    early, late = seal(host, made.record), seal(host, made.record)
    enter(partner, take(partner, early.file), early.code)
    assert people(partner) == [2]
    host.commit("incident", {"people": {"killed_best": 5}}, record=made.record, expected=1)
    host.commit(
        "incident", {"where": {**INCIDENT["where"], "place": "Gate 2"}}, record=made.record, expected=2
    )
    pull(partner, host)
    assert people(partner) == [None]
    ((_, _, outcome),) = enter(partner, take(partner, late.file), late.code)
    assert outcome == "amended since" and people(partner) == [None]
    again = seal(host, made.record)
    enter(partner, take(partner, again.file), again.code)
    assert people(partner) == [5]
    clock.now += 12 * HOUR
    host.sweep()
    pull(partner, host)
    assert people(partner) == [5]


def test_a_sealed_amendment_that_the_feed_brings_in_two_steps(locked: Locked) -> None:
    host, partner, clock = locked
    made = host.commit("incident", INCIDENT, opens=clock.after(12))
    pull(partner, host)
    host.commit("incident", {"people": {"killed_best": 5}}, record=made.record, expected=1)
    given = seal(host, made.record)
    enter(partner, take(partner, given.file), given.code)
    assert people(partner) == [5]
    clock.now += 12 * HOUR
    host.sweep()
    pull(partner, host)
    assert people(partner) == [5] and len(partner.of_kind("incident", "pk")) == 1


def test_more_parts_by_the_feed_do_not_take_away_what_was_opened(locked: Locked) -> None:
    host, partner, clock = locked
    made = host.commit("incident", INCIDENT, opens=clock.after(12), levels={"where": 2})
    pull(partner, host)
    given = seal(host, made.record)
    enter(partner, take(partner, given.file), given.code)
    host.system("withdraw", record=made.record, parts=["when"], reason="wrong hour")
    pull(partner, host)
    (row,) = partner.of_kind("incident", "pk")
    assert set(row.values()) == {"summary", "people"}


def test_withdrawn_before_it_was_opened_it_opens_no_more(locked: Locked) -> None:
    host, partner, clock = locked
    made = host.commit("incident", INCIDENT, opens=clock.after(12))
    hidden = host.commit("incident", INCIDENT, opens=clock.after(12), levels=HIDDEN)
    unopened, given = seal(host, hidden.record), seal(host, made.record)
    first, second = take(partner, unopened.file), take(partner, given.file)
    host.system("withdraw", record=made.record, reason="named in error")
    host.system("withdraw", record=hidden.record, reason="named in error")
    pull(partner, host)
    for bundle, code in ((first, unopened.code), (second, given.code)):
        with pytest.raises(Malformed, match="taken back"):
            enter(partner, bundle, code)
    assert WITHDRAWN in statuses(host, hidden.record)[0].values()
    assert len(partner.of_kind("incident", "pk")) == 1
    clock.now += 12 * HOUR
    host.sweep()
    pull(partner, host)
    assert people(partner) == [None]


@pytest.mark.usefixtures("carried")
def test_opened_and_then_erased_leaves_nothing_and_a_receipt(locked: Locked) -> None:
    host, partner, clock = locked
    hidden = host.commit("incident", INCIDENT, opens=clock.after(12), levels=HIDDEN)
    unopened = seal(host, hidden.record)
    given = seal(host, hidden.record)
    enter(partner, take(partner, given.file), given.code)
    waiting = take(partner, unopened.file)
    (row,) = partner.of_kind("incident", "pk")
    assert row.present
    host.system("erase", record=hidden.record)
    assert set(statuses(host, hidden.record)[0].values()) == {ASKED}
    pull(partner, host)
    (row,) = partner.of_kind("incident", "pk")
    assert row.present == 0
    assert partner.in_tx(lambda tx: [t for t in tx.disclosures(row.ledger_index) if t]) == []
    pull(host, partner)
    assert set(statuses(host, hidden.record)[0].values()) == {REMOVED}
    with pytest.raises(Malformed, match="taken back"):
        enter(partner, waiting, unopened.code)
    with host.active(), pytest.raises(NotFound):
        ahead.file_of(system(host), given.bundle)


def test_erasure_of_what_was_never_opened_is_answered_too(locked: Locked) -> None:
    host, partner, clock = locked
    hidden = host.commit("incident", INCIDENT, opens=clock.after(12), levels=HIDDEN)
    given = seal(host, hidden.record)
    host.system("erase", record=hidden.record)
    pull(partner, host)
    pull(host, partner)
    assert set(statuses(host, hidden.record)[0].values()) == {REMOVED}
    with pytest.raises(Malformed, match="taken back"):
        take(partner, given.file)


def test_a_clause_suspended_meanwhile_opens_nothing(locked: Locked, world: Path) -> None:
    host, partner, clock = locked
    made = host.commit("incident", INCIDENT, opens=clock.after(12))
    pull(partner, host)
    given = seal(host, made.record)
    bundle = take(partner, given.file)
    sign(partner, world, "pk-cn", PEOPLE, "suspended")
    with pytest.raises(Malformed, match=r"not agreed.*pk-cn/2\.1"):
        enter(partner, bundle, given.code)
    assert people(partner) == [None]
    with pytest.raises(Refused) as caught:
        pull(host, partner)
        host.sweep()
        seal(host, made.record)
    assert ("pk-cn/2.1", "suspended") in caught.value.would
    assert statuses(host, made.record)[0]["people"] == WITHDRAWN


def test_only_what_a_lock_keeps_back_is_sealed(locked: Locked) -> None:
    host, _, clock = locked
    open_now = host.commit("incident", INCIDENT)
    host_only = host.commit("incident", INCIDENT, opens=clock.after(12), releasable=[])
    other = host.commit("incident", INCIDENT, opens=clock.after(12), releasable=["xx"])
    for record in (open_now.record, host_only.record, other.record):
        with pytest.raises(Refused, match="no time lock"):
            seal(host, record)
    with pytest.raises(NotFound):
        seal(host, "0" * 32)
    with pytest.raises(Malformed, match="not paired"):
        seal(host, open_now.record, to="zz")
    nobody = system_subject("pk")._replace(person="p1", roles=frozenset({"analyst"}))
    made = host.commit("incident", INCIDENT, opens=clock.after(12))
    with host.active(), pytest.raises(Refused, match="no role"):
        ahead.seal(nobody, [made.record], "cn")
    assert not entries(host, "sealed")


def test_wrong_codes_are_counted_and_cost_time(locked: Locked) -> None:
    host, partner, clock = locked
    made = host.commit("incident", INCIDENT, opens=clock.after(12))
    pull(partner, host)
    given = seal(host, made.record)
    bundle = take(partner, given.file)
    wrong = spoken.written(spoken.new_code())
    with pytest.raises(spoken.CodeRefused) as misheard:
        enter(partner, bundle, given.code[:-1] + ("0" if given.code[-1] != "0" else "1"))
    assert misheard.value.group == 7 and not isinstance(misheard.value, WrongCode)
    for tries, wait in ((1, 2.0), (2, 4.0), (3, 8.0)):
        with pytest.raises(WrongCode) as caught:
            enter(partner, bundle, wrong)
        assert (caught.value.tries, caught.value.seconds) == (tries, wait)
        with pytest.raises(WrongCode, match="wait") as soon:
            enter(partner, bundle, given.code)
        assert soon.value.tries == tries
        clock.now += wait
    assert [e["tries"] for e in entries(partner, "sealed") if e["what"] == "wrong code"] == [1, 2, 3]
    assert people(partner) == [None]
    enter(partner, bundle, given.code)
    assert people(partner) == [2]


def test_it_expires_on_both_sides(locked: Locked) -> None:
    host, partner, clock = locked
    made = host.commit("incident", INCIDENT, opens=clock.after(12))
    given = seal(host, made.record)
    bundle = take(partner, given.file)
    clock.now += (12 + 72) * HOUR + 1
    with pytest.raises(Malformed, match="could be opened until"):
        enter(partner, bundle, given.code)
    later = seal(host, host.commit("incident", INCIDENT, opens=clock.after(1)).record)
    clock.now += 100 * HOUR
    with pytest.raises(Malformed, match="could be opened until"):
        take(partner, later.file)
    from safeconduct.exchange.unsealing import let_expired_go

    partner.writer.tick(let_expired_go)
    with partner.active():
        assert [each.state for each in ahead.waiting(system(partner))] == ["expired"]


def test_no_changed_byte_and_no_other_node_gets_anything(locked: Locked, world: Path) -> None:
    host, partner, clock = locked
    made = host.commit("incident", INCIDENT, opens=clock.after(12))
    given = seal(host, made.record)
    third = Node(world / "xx")
    try:
        with pytest.raises(Malformed, match="not sealed for this node"):
            take(third, given.file)
    finally:
        third.close()
    step = max(1, len(given.file) // 60)
    for at in range(0, len(given.file), step):
        raw = bytearray(given.file)
        raw[at] ^= 1
        with pytest.raises(Malformed, match="refused"):
            take(partner, bytes(raw))
    for raw in (b"", given.file[:-1], given.file + b"x", sealed.MAGIC, b"x" * 100):
        with pytest.raises(Malformed):
            take(partner, raw)
    with pytest.raises(Malformed):
        take(host, given.file)
    assert not entries(partner, "sealed")


Forge = Callable[[list[FeedEntry]], list[FeedEntry]]


def _later_header(name: str, value: Any) -> Forge:
    def change(found: list[FeedEntry]) -> list[FeedEntry]:
        header = {**json.loads(found[0].leaf), name: value}
        return [FeedEntry(sealed.canonical(header), found[0].parts)]

    return change


@pytest.mark.parametrize(
    "change",
    [
        _later_header("originator", "xx"),
        _later_header("agreement", "pk-xx"),
        _later_header("clauses", []),
        _later_header("clauses", ["pk-cn/99.1"]),
        _later_header("digests", ["A" * 43] * 7),
        _later_header("kind", "weapon"),
        _later_header("state", "lost"),
        _later_header("type", "withdraw"),
        lambda found: [FeedEntry(found[0].leaf, ())],
        lambda found: [],
        lambda found: [FeedEntry(found[0].leaf, ((3, "x"),))],
    ],
)
def test_a_partner_that_seals_what_it_would_not_send_gets_nothing_in(
    locked: Locked, monkeypatch: pytest.MonkeyPatch, change: Forge
) -> None:
    host, partner, clock = locked
    made = host.commit("incident", INCIDENT, opens=clock.after(12))
    pull(partner, host)
    honest = sealed.pack

    def forged(home: Any, card: Card, cover: Any, found: list[FeedEntry], key: bytes) -> bytes:
        return honest(home, card, cover, change(found), key)

    monkeypatch.setattr("safeconduct.exchange.sealing.pack", forged)
    given = seal(host, made.record)
    bundle = take(partner, given.file)
    before = partner.in_tx(lambda tx: tx.log.size)
    with pytest.raises(Malformed, match="refused"):
        enter(partner, bundle, given.code)
    assert partner.in_tx(lambda tx: tx.log.size) == before and people(partner) == [None]


def test_neither_code_nor_contents_lie_in_file_ledger_or_feed(locked: Locked) -> None:
    host, partner, clock = locked
    secret = {**INCIDENT, "response": {"units": CANARY, "text": CANARY}}
    made = host.commit("incident", secret, opens=clock.after(12))
    pull(partner, host)
    given = seal(host, made.record)
    take(partner, given.file)
    code = spoken.heard(given.code)
    needles = [
        CANARY.encode(),
        b"killed_best",
        made.record.encode(),
        given.code.encode(),
        code,
        code.hex().encode(),
    ]
    for needle in needles:
        assert needle not in given.file
    outside = everything_outside(partner, "pk")
    disk, partner_disk = (b"".join(map(databases_of, of)) for of in ((host, partner), (partner,)))
    for needle in (given.code.encode(), given.code.replace(" ", "").encode(), code, code.hex().encode()):
        assert needle not in disk and needle not in outside
    assert CANARY.encode() not in partner_disk and b"killed_best" not in partner_disk
    with host.active():
        assert counts("cn")[SEALED] == 1


def databases_of(node: Node) -> bytes:
    """All that a node's databases hold: their files, on a server what it has of theirs, too."""
    files = list(node.home.path.rglob("*.sqlite3*"))
    return b"".join(
        path.read_bytes()
        for path in files + (ready.files_of_tables(node.home) if node.home.database is not None else [])
    )


def test_taking_and_opening_need_a_role(locked: Locked) -> None:
    host, partner, clock = locked
    made = host.commit("incident", INCIDENT, opens=clock.after(12))
    given = seal(host, made.record)
    stranger = system_subject("cn")._replace(person="p9", roles=frozenset({"coordinator"}))
    with partner.active(), pytest.raises(Refused):
        ahead.take(stranger, given.file)
