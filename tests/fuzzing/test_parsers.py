"""Each parser of foreign bytes gives a value or its own refusal, within bounds, and takes again what it took.

The inputs are the same in each run; `python -m fuzz` goes on from here for as long as one likes.
"""

from __future__ import annotations

import os
from collections.abc import Iterator

import pytest

from fuzz.inventory import declared_errors, readers
from fuzz.own import ERRORS, READERS
from fuzz.running import REGRESSIONS, folder_of, regressions, run
from fuzz.target import Finding, Target
from fuzz.targets import ALL
from fuzz.work import try_bounded, try_weighed
from safeconduct.records.home import Home

EXECUTIONS = int(os.environ.get("FUZZ_EXECUTIONS", "250"))


@pytest.fixture(autouse=True)
def _own_databases(bare_home: Home) -> Iterator[None]:
    """Tokens and sessions are looked up in empty accounts."""
    yield


@pytest.mark.parametrize("name", ALL)
def test_a_parser_accepts_or_refuses_and_does_nothing_else(name: str) -> None:
    target = ALL[name]
    outcome = run(target, EXECUTIONS // target.weight)
    assert outcome.tried >= len(target.seeds())


def test_what_was_found_once_is_tried_in_every_run() -> None:
    folders = {folder_of(target).name for target in ALL.values()}
    assert {each.name for each in REGRESSIONS.iterdir()} <= folders
    assert sum(len(regressions(target)) for target in ALL.values()) > 0


def test_every_function_that_takes_bytes_apart_has_a_target_or_a_reason() -> None:
    found, covered = readers(), {each for target in ALL.values() for each in target.covers}
    assert sorted(found.keys() - covered - READERS.keys()) == []
    assert sorted(covered & READERS.keys()) == []
    assert sorted((covered | READERS.keys()) - found.keys() - ELSEWHERE) == []


ELSEWHERE = {"exchange.inbound:ingest_job"}


def test_every_error_that_a_parser_declares_is_asked_for() -> None:
    refused = {
        f"{error.__module__.removeprefix('safeconduct.')}:{error.__name__}"
        for target in ALL.values()
        for error in target.refuses
    }
    assert sorted(declared_errors() - refused - ERRORS.keys()) == []
    assert sorted(ERRORS.keys() & refused) == []


def _target(read: object, **more: object) -> Target:
    return Target("made up", read, (KeyError,), lambda: [b"seed"], (), **more)  # type: ignore[arg-type]


def test_the_harness_itself_sees_each_sort_of_fault() -> None:
    def falls(data: bytes) -> None:
        raise TypeError

    def spins(data: bytes) -> None:
        while True:
            len(data)

    def hoards(data: bytes) -> int:
        return len(bytearray(64 * 1024 * 1024))

    def takes_surrogates(data: bytes) -> str:
        return "\ud800"

    def forgets(data: bytes) -> bytes:
        return data[:2]

    for target, tried in (
        (_target(falls), try_bounded),
        (_target(spins), try_bounded),
        (_target(hoards), try_weighed),
        (_target(takes_surrogates), try_bounded),
        (_target(forgets, again=lambda value: value + b"x", same=lambda a, b: False), try_bounded),
    ):
        with pytest.raises(Finding):
            tried(target, b"seed")
    assert not try_bounded(_target({}.__getitem__), b"seed")
