"""What web processes share: allowances, what is held for a while, signs of life; and nobody waits for one that died."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable

import pytest

from safeconduct.records import commons
from safeconduct.records.commons import SILENT_SECONDS, Commons


def begun(work: Callable[[], object]) -> tuple[int, int]:
    """A child that does this: its number, and a pipe that tells when it has."""
    heard, told = os.pipe()
    child = os.fork()
    if not child:
        try:
            work()
            os.write(told, b"x")
            signal.pause()
        finally:
            os._exit(1)
    os.close(told)
    return child, heard


def forked(work: Callable[[], object]) -> int:
    """A child that has done this, and still lives."""
    child, heard = begun(work)
    assert os.read(heard, 1) == b"x"
    os.close(heard)
    return child


def end(child: int) -> None:
    os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)


def test_an_allowance_is_one_for_all() -> None:
    shared = Commons()
    end(forked(lambda: [shared.level("calls\nmei", 1, 30, 0.5, 10.0) for _ in range(20)]))
    assert [shared.level("calls\nmei", 1, 30, 0.5, 10.0) for _ in range(12)] == [0.0] * 10 + [2.0, 2.0]
    assert shared.level("calls\nwu", 1, 30, 0.5, 10.0) == 0
    assert shared.level("calls\nmei", 1, 30, 0.5, 12.0) == 0 and shared.level("calls\nmei", 1, 30, 0.5, 12.0)


def test_many_at_once_take_no_more_than_there_is() -> None:
    shared = Commons()

    def take() -> None:
        passed = sum(shared.level("x", 1, 1_000, 1e-6, 1.0) == 0 for _ in range(800))
        shared.hold(f"passed {os.getpid()}", str(passed).encode(), 9.0)

    started = [begun(take) for _ in range(3)]
    for _, heard in started:
        assert os.read(heard, 1) == b"x"
        os.close(heard)
    children = [child for child, _ in started]
    passed = [int(shared.held(f"passed {child}", 1.0) or b"0") for child in children]
    for child in children:
        end(child)
    assert sum(passed) == 1_000


def test_as_many_as_there_are_people_find_their_allowance_again() -> None:
    shared = Commons()
    for n in range(5_000):
        shared.level(f"batches\n{n}", 30, 30, 0.5, 1.0)
    assert sum(shared.level(f"batches\n{n}", 1, 30, 0.5, 1.0) > 0 for n in range(5_000)) > 4_990


def test_what_one_holds_another_has_until_its_time_is_over() -> None:
    shared = Commons()
    end(forked(lambda: shared.hold("export", b"all of it" * 1000, 20.0)))
    assert shared.held("export", 19.0) == b"all of it" * 1000
    assert shared.held("export", 20.0) is None and shared.held("other", 1.0) is None
    shared.let_go(20.0)
    assert shared.held("export", 1.0) is None
    assert not shared.hold("large", b"x" * (34 * 1024 * 1024), 20.0)
    for n in range(9):
        assert shared.hold(f"{n}", b"%d" % n, 30.0 + n)
    assert shared.held("0", 1.0) is None and shared.held("8", 1.0) == b"8"


def test_who_is_killed_holding_a_turn_keeps_nobody_waiting() -> None:
    shared = Commons()

    def stop_in_the_middle() -> None:
        shared._turn(0, 1 << 20).__enter__()

    end(forked(stop_in_the_middle))
    assert shared.level("x", 1, 30, 0.5, 1.0) == 0


def test_a_process_that_is_silent_is_seen_and_one_that_died_is_not_there() -> None:
    shared = Commons()
    shared.beat(100.0)
    child = forked(lambda: shared.beat(100.0))
    assert shared.alive(101.0) == (2, 0)
    shared.beat(100.0 + SILENT_SECONDS)
    assert shared.alive(101.0 + SILENT_SECONDS) == (2, 1)
    end(child)
    assert shared.alive(101.0 + SILENT_SECONDS) == (1, 0)
    child = forked(lambda: shared.beat(140.0))
    assert shared.alive(141.0) == (2, 0)
    end(child)


def test_readiness_tells_of_one_that_is_silent(monkeypatch: pytest.MonkeyPatch) -> None:
    shared = Commons()
    monkeypatch.setattr(commons, "_shared", shared)
    shared.beat(time.monotonic() - SILENT_SECONDS - 1)
    assert not commons.all_work()
    shared.beat(time.monotonic())
    assert commons.all_work()


def test_exports_and_forecasts_are_the_same_whoever_is_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    from safeconduct.api.snapshots import Snapshots

    monkeypatch.setattr(commons, "_shared", Commons())
    first = Snapshots().take(("token", 1), lambda: [b"one export"])
    made: list[int] = []
    again = Snapshots().take(("token", 1), lambda: made.append(1) or [b"another"])  # type: ignore[func-returns-value]
    assert first == again and not made
    other = Snapshots().take(("token", 2), lambda: [b"another"])
    assert other is not None and other.raw == b"another"
