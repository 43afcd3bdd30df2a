"""Every threat has its control, and a test that exists."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent.parent
PAGE = ROOT / "docs" / "threat-model.md"
BY_HAND = ("by hand", "the page says so")


def rows() -> Iterator[tuple[str, str, str]]:
    for line in PAGE.read_text("utf-8").splitlines():
        cells = [cell.strip() for cell in re.split(r"(?<!\\)\|", line)[1:-1]]
        if (
            line.startswith("|")
            and len(cells) == 3
            and cells[0] != "threat"
            and not cells[0].startswith("--")
        ):
            yield cells[0], cells[1], cells[2]


def test_every_table_has_a_threat_a_control_and_a_test() -> None:
    text = PAGE.read_text("utf-8")
    tables = [line for line in text.splitlines() if line.startswith("|---")]
    assert set(tables) == {"|---|---|---|"} and len(list(rows())) > 80


@pytest.mark.parametrize(("threat", "control", "test"), list(rows()), ids=[row[0][:60] for row in rows()])
def test_a_threat_has_a_control_and_a_test_that_exists(threat: str, control: str, test: str) -> None:
    named = re.findall(r"`(tests/[^`]+)`", test)
    assert threat and control
    assert named or test in BY_HAND or "not prevented" in f"{control} {test}".lower(), (
        "neither tested nor said to be open"
    )
    for path in named:
        assert list(ROOT.glob(path)), path
