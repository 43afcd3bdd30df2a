"""Timers fire once, in order of due, each by itself, whatever the clock does."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from conftest import using
from firing import fire_all
from records.test_commit import PARTS
from safeconduct.node.backups import backup
from safeconduct.records import here
from safeconduct.records.commit import Draft, store
from safeconduct.records.door import Door
from safeconduct.records.home import Home
from safeconduct.records.kinds import kind
from safeconduct.records.principals import system_subject
from safeconduct.records.rebuild import fingerprint, rebuild
from safeconduct.records.transaction import Tx
from safeconduct.records.writer import Writer
from safeconduct.timers import due as timers
from safeconduct.timers import firing
from safeconduct.timers.due import arm, armed, disarm, timer

T0 = 1_730_000_000.0
fired: list[tuple[str, float]] = []


def put(tx: Tx, external: str) -> None:
    parts = {**PARTS, "summary": {"title": external, "category": "attack"}}
    store(tx, system_subject(tx.home.party), "write", kind("incident"), Draft("incident", parts))


@timer("test_note")
def note(tx: Tx, payload: dict[str, Any], due: float) -> None:
    fired.append((payload["n"], due))
    put(tx, payload["n"])


@timer("test_fails_half_way")
def fails(tx: Tx, payload: dict[str, Any], due: float) -> None:
    put(tx, "must not stay")
    arm(tx, "test/by a failure", due, "test_note", {"n": "never"})
    tx.announce({"topic": "never"})
    if payload.get("from", -1.0) <= tx.now < payload.get("until", 1e18):
        raise KeyError("a canary that no status shows")
    fired.append(("mended", due))


@timer("test_again")
def again(tx: Tx, payload: dict[str, Any], due: float) -> None:
    fired.append(("again", due))
    if payload["left"]:
        arm(tx, "test/again", due + 10, "test_again", {"left": payload["left"] - 1})


class Clock:
    def __init__(self) -> None:
        self.now = T0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    fired.clear()
    return Clock()


@pytest.fixture
def writer(bare_home: Home, clock: Clock) -> Iterator[Writer]:
    made = Writer(bare_home, clock)
    with Door(bare_home, made) as door, here.at(bare_home, door):
        yield made


def do(writer: Writer, function: Callable[[Tx], object]) -> None:
    answers = writer._transact([lambda tx: {"": str(function(tx))}])
    assert "error" not in answers[0], answers


def count(writer: Writer, title: str = "") -> int:
    rows = writer.tables.all("SELECT parts FROM records_row WHERE kind = 'incident'", [])
    return sum(title in parts for (parts,) in rows)


def waiting(writer: Writer) -> list[str]:
    found: list[str] = []
    do(writer, lambda tx: found.extend(each.key for each in armed(tx)))
    return found


@pytest.mark.both
def test_they_fire_once_in_order_of_due_and_not_before(writer: Writer, clock: Clock) -> None:
    for n, seconds in (("c", 30), ("a", 10), ("b", 20)):
        do(writer, lambda tx, n=n, s=seconds: arm(tx, f"test/{n}", T0 + s, "test_note", {"n": n}))
    assert not writer.tick(firing.fire_due) and fired == []
    clock.now = T0 + 25
    fire_all(writer)
    assert fired == [("a", T0 + 10), ("b", T0 + 20)]
    assert waiting(writer) == ["test/c"]
    clock.now = T0 + 40
    fire_all(writer)
    fire_all(writer)
    assert [n for n, _ in fired] == ["a", "b", "c"] and count(writer) == 3 and not waiting(writer)


@pytest.mark.both
def test_a_key_has_one_timer_and_what_is_disarmed_does_not_fire(writer: Writer, clock: Clock) -> None:
    do(writer, lambda tx: arm(tx, "test/k", T0 + 1, "test_note", {"n": "old"}))
    do(writer, lambda tx: arm(tx, "test/k", T0 + 2, "test_note", {"n": "new"}))
    do(writer, lambda tx: arm(tx, "test/gone", T0 + 2, "test_note", {"n": "gone"}))
    taken: list[object] = []
    do(writer, lambda tx: taken.extend([disarm(tx, "test/gone"), disarm(tx, "no such")]))
    assert taken == [True, False]
    clock.now = T0 + 5
    writer.tick(firing.fire_due)
    assert [n for n, _ in fired] == ["new"]


@pytest.mark.both
def test_one_that_fails_is_taken_back_whole_and_the_others_go_on(writer: Writer, clock: Clock) -> None:
    heard: list[dict[str, Any]] = []
    writer.listeners.append(heard.append)
    do(writer, lambda tx: arm(tx, "test/1", T0 + 1, "test_note", {"n": "first"}))
    do(writer, lambda tx: arm(tx, "test/2", T0 + 2, "test_fails_half_way", {}))
    do(writer, lambda tx: arm(tx, "test/3", T0 + 3, "test_note", {"n": "third"}))
    do(writer, lambda tx: arm(tx, "test/4", T0 + 3, "no_such_timer", {}))
    clock.now = T0 + 5
    size = writer.log.size
    fire_all(writer)
    assert [n for n, _ in fired] == ["first", "third"]
    assert writer.log.size == size + 2 and count(writer, "must not stay") == 0
    assert waiting(writer) == ["test/2", "test/4"]
    assert {event["topic"] for event in heard} == {"incident"}
    before = fingerprint()
    rebuild(writer)
    assert fingerprint() == before


def test_a_failure_is_tried_again_with_growing_pauses_and_seen_in_the_status(
    writer: Writer, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    mended = T0 + 20_000
    do(writer, lambda tx: arm(tx, "test/x", T0, "test_fails_half_way", {"until": mended}))
    tries = []
    while clock.now < mended + 2_000:
        before = writer.call("timers", {})["failing"]
        writer.tick(firing.fire_due)
        if writer.call("timers", {})["failing"] != before:
            tries.append(clock.now)
        step = 1 if clock.now < T0 + 60 else 20
        clock.now += step
    pauses = [b - a for a, b in pairwise(tries)]
    assert pauses[:4] == [2, 4, 8, 16] and max(pauses) <= firing.LONGEST_PAUSE + step
    assert fired == [("mended", T0), ("never", T0)] and not waiting(writer)

    clock.now = T0
    do(writer, lambda tx: arm(tx, "test/y", T0, "test_fails_half_way", {}))
    writer.tick(firing.fire_due)
    lines = "\n".join(firing.describe(here.door()))
    assert "test_fails_half_way fails: 1 waiting" in lines and "KeyError" in lines and "canary" not in lines


def test_the_next_due_follows_the_last_due_not_the_moment_it_ran(writer: Writer, clock: Clock) -> None:
    do(writer, lambda tx: arm(tx, "test/again", T0, "test_again", {"left": 3}))
    for _ in range(8):
        clock.now += 7
        writer.tick(firing.fire_due)
    assert fired == [("again", T0), ("again", T0 + 10), ("again", T0 + 20), ("again", T0 + 30)]


def test_a_clock_set_forward_fires_once_and_set_back_waits(writer: Writer, clock: Clock) -> None:
    do(writer, lambda tx: arm(tx, "test/1", T0 + 60, "test_note", {"n": "one"}))
    do(writer, lambda tx: arm(tx, "test/2", T0 + 3600, "test_note", {"n": "two"}))
    clock.now = T0 + 100
    writer.tick(firing.fire_due)
    clock.now = T0 - 86_400
    writer.tick(firing.fire_due)
    clock.now = T0 + 100
    writer.tick(firing.fire_due)
    assert [n for n, _ in fired] == ["one"]
    clock.now = T0 + 10 * 365 * 86_400
    writer.tick(firing.fire_due)
    writer.tick(firing.fire_due)
    assert [n for n, _ in fired] == ["one", "two"]


def test_a_clock_set_back_does_not_lengthen_the_pause_of_a_failure(writer: Writer, clock: Clock) -> None:
    do(writer, lambda tx: arm(tx, "test/x", T0 - 90_000, "test_fails_half_way", {"from": T0}))
    writer.tick(firing.fire_due)
    assert writer.call("timers", {})["failing"]
    clock.now = T0 - 40_000
    writer.tick(firing.fire_due)
    assert fired[0] == ("mended", T0 - 90_000)


def test_what_cannot_be_kept_is_refused(writer: Writer) -> None:
    def refused(key: str, due: float, payload: Any) -> None:
        def work(tx: Tx) -> None:
            with pytest.raises((ValueError, TypeError)):
                arm(tx, key, due, "test_note", payload)

        do(writer, work)

    refused("", T0, {})
    refused("k" * 201, T0, {})
    refused("k", float("nan"), {})
    refused("k", float("inf"), {})
    refused("k", T0, {"big": "x" * 20_000})
    refused("k", T0, {"nan": float("nan")})
    refused("k", T0, {"what": object()})
    assert not waiting(writer)


def test_a_name_is_given_once() -> None:
    with pytest.raises(ValueError, match="two timers"):
        timer("test_note")(lambda tx, payload, due: None)


def test_five_thousand_late_timers_at_a_start_leave_room_for_commits(bare_home: Home, clock: Clock) -> None:
    with Door(bare_home, Writer(bare_home, clock)) as door:
        writer = door.writer
        assert writer is not None
        do(
            writer,
            lambda tx: [
                arm(tx, f"test/{n}", T0 + n % 700, "test_note", {"n": str(n)} if n < 300 else {"n": "later"})
                if n < 300
                else arm(tx, f"test/{n}", T0 + 5_000 + n, "test_note", {"n": "later"})
                for n in range(5_000)
            ],
        )
    clock.now = T0 + 1_000
    with Door(bare_home, Writer(bare_home, clock)) as door, here.at(bare_home, door):
        writer = door.writer
        assert writer is not None
        rounds = 0
        while writer.tick(firing.fire_due):
            rounds += 1
            assert len(fired) <= (rounds + 1) * firing.AT_ONCE
        assert rounds >= 2
        assert len(fired) == 300 and fired == sorted(fired, key=lambda f: f[1])
        assert writer.call("timers", {})["waiting"] == 4_700


@pytest.mark.files("`backup` and `restore` copy files")
def test_backups_have_them_and_a_rebuild_keeps_them(bare_home: Home, clock: Clock, tmp_path: Path) -> None:
    with Door(bare_home, Writer(bare_home, clock)) as door, here.at(bare_home, door):
        writer = door.writer
        assert writer is not None
        do(writer, lambda tx: arm(tx, "test/1", T0 + 60, "test_note", {"n": "kept"}))
        rebuild(writer)
        assert waiting(writer) == ["test/1"]
        backup(bare_home, tmp_path / "backup")
    restored = Home.load(tmp_path / "backup")
    (restored.path / "keys").symlink_to(bare_home.keys)
    (restored.path / "tables.sqlite3").write_bytes(bare_home.tables.read_bytes())
    clock.now = T0 + 61
    with using(restored), Door(restored, Writer(restored, clock)) as door, here.at(restored, door):
        assert door.writer is not None
        door.writer.tick(firing.fire_due)
    assert fired == [("kept", T0 + 60)]


@given(
    st.lists(st.tuples(st.integers(0, 20), st.integers(0, 30), st.booleans()), max_size=30),
    st.lists(st.integers(-5, 12), max_size=8),
)
def test_whatever_is_armed_and_however_the_clock_runs_each_fires_exactly_once_in_the_end(
    orders: list[tuple[int, int, bool]], steps: list[int]
) -> None:
    class Bare:
        """Just enough of a transaction for timers that store nothing."""

        def __init__(self, now: float) -> None:
            self.now, self.db = now, db

        def attempt(self, function: Callable[[], None]) -> None:
            function()

    import sqlite3

    db = sqlite3.connect(":memory:", isolation_level=None)
    timers.create_tables(db)
    ran: list[str] = []
    timers._handlers["law"] = lambda tx, payload, due: ran.append(payload["k"])
    expected: dict[int, str] = {}
    for number, (key, due, taken) in enumerate(orders):
        arm(Bare(0), f"{key}", due, "law", {"k": str(number)})  # type: ignore[arg-type]
        expected[key] = str(number)
        if taken:
            disarm(Bare(0), f"{key}")  # type: ignore[arg-type]
            expected.pop(key)
    now = 0.0
    for step in steps:
        now += step
        firing.fire_due(Bare(now))  # type: ignore[arg-type]
    firing.fire_due(Bare(1_000))  # type: ignore[arg-type]
    assert sorted(ran) == sorted(expected.values())
    db.close()
