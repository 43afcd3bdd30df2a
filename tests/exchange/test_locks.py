"""Time locks: they open on the originator's clock, once, whatever happens to the record, the link or the clock."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest

from safeconduct.exchange.holdings import HELD, WITHDRAWN, holdings
from safeconduct.records.rows import RowView
from safeconduct.records.transaction import iso

from .nodes import INCIDENT, PEOPLE, Node, agree, bundle_bytes, pull

HOUR = 3600.0
Pair = tuple[Node, Node]


class Clock:
    """A node's clock that stands still until it is moved."""

    def __init__(self, node: Node, start: str = "2030-01-01T00:00:00+00:00") -> None:
        self.now = datetime.fromisoformat(start).timestamp()
        node.writer.clock = lambda: self.now

    def after(self, hours: float) -> str:
        return iso(self.now + hours * HOUR)


@pytest.fixture
def locked(nodes: Pair, world: Path) -> tuple[Node, Node, Clock]:
    """Host and partner that have agreed that people follow once the time lock opens; the host's clock."""
    host, partner = nodes
    agree(host, partner, world, "pk-cn", PEOPLE)
    return host, partner, Clock(host)


def people(node: Node, originator: str = "pk") -> list[int | None]:
    rows = [row.values() for row in node.of_kind("incident", originator)]
    return [row["people"]["killed_best"] if "people" in row else None for row in rows]


def test_a_lock_opens_at_its_moment_and_not_before(locked: tuple[Node, Node, Clock]) -> None:
    host, partner, clock = locked
    host.commit("incident", INCIDENT, opens=clock.after(12))
    start = clock.now
    for hours, there in ((0.0, None), (11.9999, None), (12.0, 2)):
        clock.now = start + hours * HOUR
        host.sweep()
        pull(partner, host)
        assert people(partner) == [there], hours
    size = host.feed("cn").size
    clock.now += 1
    host.sweep()
    assert host.feed("cn").size == size


def test_nothing_in_the_feed_tells_of_what_is_locked(locked: tuple[Node, Node, Clock]) -> None:
    host, partner, clock = locked
    made = host.commit("incident", INCIDENT, opens=clock.after(12))
    before = bundle_bytes(host, partner)
    host.commit("incident", {"people": {"killed_best": 77}}, record=made.record, expected=1)
    host.commit("incident", {}, record=made.record, expected=2, opens=clock.after(13))
    host.sweep()
    assert bundle_bytes(host, partner) == before
    pull(partner, host)
    (row,) = partner.of_kind("incident", "pk")
    assert row.opens is None and not row.present >> 3 & 1


def test_a_lock_outlives_a_restart(locked: tuple[Node, Node, Clock]) -> None:
    host, partner, clock = locked
    host.commit("incident", INCIDENT, opens=clock.after(12))
    path = host.home.path
    host.close()
    again = Node(path)
    try:
        opened = Clock(again)
        opened.now = clock.now + 12 * HOUR
        again.sweep()
        pull(partner, again)
        assert people(partner) == [2]
    finally:
        again.close()
        host.writer = again.writer


def test_an_amendment_opens_it_earlier_or_later(locked: tuple[Node, Node, Clock]) -> None:
    host, partner, clock = locked
    start = clock.now
    made = host.commit("incident", INCIDENT, opens=clock.after(12))
    host.commit("incident", {}, record=made.record, expected=1, opens=clock.after(6))
    clock.now = start + 6 * HOUR
    host.sweep()
    pull(partner, host)
    assert people(partner) == [2]
    later = host.commit("incident", {}, record=made.record, expected=2, opens=iso(start + 24 * HOUR))
    pull(partner, host)
    assert people(partner) == [None]
    with host.active():
        assert {held.parts["people"] for _, held in holdings("cn") if "people" in held.parts} == {WITHDRAWN}
    clock.now = start + 12 * HOUR
    host.sweep()
    pull(partner, host)
    assert people(partner) == [None]
    host.commit("incident", {}, record=made.record, expected=later.version, opens=iso(clock.now))
    pull(partner, host)
    assert people(partner) == [2]
    with host.active():
        assert any(held.parts.get("people") == HELD for _, held in holdings("cn"))


def test_what_is_withdrawn_before_the_opening_never_leaves(locked: tuple[Node, Node, Clock]) -> None:
    host, partner, clock = locked
    whole = host.commit("incident", INCIDENT, opens=clock.after(12))
    part = host.commit("incident", INCIDENT, opens=clock.after(12))
    host.system("withdraw", record=whole.record, reason="named in error")
    host.system("withdraw", record=part.record, parts=["people"], reason="named in error")
    clock.now += 13 * HOUR
    host.sweep()
    pull(partner, host)
    assert people(partner) == [None, None]
    assert [row.withdrawn for row in partner.of_kind("incident", "pk")] == [True, False]


def test_each_partner_gets_what_its_own_clause_opens(locked: tuple[Node, Node, Clock], world: Path) -> None:
    host, partner, clock = locked
    third = Node(world / "xx")
    try:
        host.commit("incident", INCIDENT, opens=clock.after(12))
        clock.now += 12 * HOUR
        host.sweep()
        pull(partner, host)
        pull(third, host)
        assert people(partner) == [2] and people(third) == [None]
        agree(host, third, world, "pk-xx", PEOPLE)
        pull(third, host)
        assert people(third) == [2]
    finally:
        third.close()


def test_a_lock_that_opens_while_the_link_is_down_is_released_in_time(
    locked: tuple[Node, Node, Clock],
) -> None:
    host, partner, clock = locked
    host.commit("incident", INCIDENT, opens=clock.after(12))
    pull(partner, host)
    clock.now += 12 * HOUR
    due = clock.now
    host.sweep()
    clock.now += 5 * HOUR
    with host.active():
        (held,) = [h for _, h in holdings("cn") if "people" in h.parts]
    entry = host.in_tx(lambda tx: tx.header(tx.log.size - 1))
    assert entry["type"] == "disclosure" and entry["released"] == ["people"] and entry["at"] == iso(due)
    assert people(partner) == [None]
    pull(partner, host)
    assert people(partner) == [2] and held.since < datetime.fromtimestamp(clock.now, UTC)


@pytest.mark.usefixtures("carried")
def test_a_clock_that_is_set_back_closes_nothing_again(locked: tuple[Node, Node, Clock]) -> None:
    host, partner, clock = locked
    start = clock.now
    made = host.commit("incident", INCIDENT, opens=clock.after(12))
    past = host.commit("incident", INCIDENT, opens=iso(start - HOUR))
    clock.now = start + 12 * HOUR
    host.sweep()
    clock.now = start - 24 * HOUR
    host.commit(
        "incident", {"where": {**INCIDENT["where"], "place": "Gate 2"}}, record=made.record, expected=1
    )
    host.commit("incident", {"people": {"killed_best": 3}}, record=past.record, expected=1)
    host.in_tx(lambda tx: tx.db.execute("INSERT INTO exchange_sweep VALUES ('cn', -1)"))
    host.sweep()
    pull(partner, host)
    assert people(partner) == [2, 3]
    fresh = host.commit("incident", INCIDENT, opens=iso(start))
    pull(partner, host)
    assert people(partner) == [2, 3, None] and fresh.version == 1


def test_a_version_that_was_filled_up_later_is_remembered_as_it_first_came(
    locked: tuple[Node, Node, Clock],
) -> None:
    host, partner, clock = locked
    host.commit("incident", INCIDENT, opens=clock.after(12))
    pull(partner, host)
    (row,) = partner.of_kind("incident", "pk")
    before = partner.writer.log.size
    clock.now += 12 * HOUR
    host.sweep()
    pull(partner, host)
    assert people(partner) == [2]

    def then(size: int) -> dict[str, object]:
        asked = {"act": "read", "kind": "incident", "parts": [], "since": None, "until": None, "states": []}
        (found,) = partner.system("as_of", **asked, about=None, ids=None, size=size, records=[row.id])["rows"]
        return RowView(*found["row"]).values()

    assert "people" not in then(before) and "summary" in then(before)
    assert "people" in then(partner.writer.log.size)
