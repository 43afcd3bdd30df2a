"""The long reckoning in a process of its own is the one that is made here."""

from __future__ import annotations

import json
import subprocess
import sys
from typing import Any

import pytest

from risk.areas import SQUARE, scattered
from safeconduct.risk import reckoning
from safeconduct.risk.reckoning import Failed, apart, reckon

EVENTS = scattered(300, 3_600)


def test_another_process_gives_what_this_one_does() -> None:
    asked = ([SQUARE], 13_500, 30, 5, 3, 20)
    here = json.loads(json.dumps(reckon(EVENTS, *asked)))
    assert _rounded(apart(EVENTS, *asked)) == _rounded(here)
    assert len(here["expected"]["numbers"]) == len(here["expected"]["cells"]) > 50
    assert here["backtest"]["windows"] >= 18
    assert here["backtest"]["last"] + 30 <= 13_500 - 5


def _rounded(found: Any) -> Any:
    """To twelve digits: in which order a sum is made depends on where in memory the numbers lie."""
    match found:
        case dict():
            return {name: _rounded(value) for name, value in found.items()}
        case list():
            return [_rounded(value) for value in found]
        case float():
            return float(f"{found:.12g}")
    return found


def test_what_comes_after_the_origin_is_not_looked_at() -> None:
    known = EVENTS.where(EVENTS.day < 13_000 - 5)
    one, other = (reckon(each, [SQUARE], 13_000, 7, 5, weeks=5) for each in (EVENTS, known))
    assert one == other


def test_few_incidents_and_none() -> None:
    few = reckon(scattered(5, 100), [SQUARE], 10_200, 7, 0)
    assert few["expected"] is None
    assert few["backtest"] is None
    assert "no incident is known before" in few["refused"]
    assert reckon(EVENTS.where(slice(0, 0)), [], 10_200, 7, 0)["refused"] == "no incident is known"


def test_a_process_that_fails_is_said_to_have_failed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reckoning.sys, "executable", "/bin/false")
    with pytest.raises(Failed):
        apart(EVENTS, [SQUARE], 13_500, 7, 0)


def test_the_process_has_nothing_of_the_node(monkeypatch: pytest.MonkeyPatch) -> None:
    """Neither where its home is, nor a passphrase, nor a module that lies in the folder where it was started."""
    asked: dict[str, Any] = {}

    def run(command: list[str], **given: Any) -> Any:
        asked.update(given, command=command)
        raise OSError("not here")

    monkeypatch.setenv("SAFECONDUCT_PASSPHRASE", "canary")
    monkeypatch.setattr(subprocess, "run", run)
    with pytest.raises(Failed):
        apart(EVENTS, [SQUARE], 13_500, 7, 0)
    assert "canary" not in str(asked["env"]) and "PATH" in asked["env"]
    assert asked["command"][1] == "-P"


def test_it_refuses_what_is_no_such_file() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "safeconduct.risk.reckoning"],
        input=b"nothing",
        capture_output=True,
        check=False,
    )
    assert done.returncode != 0
    assert done.stdout == b""
