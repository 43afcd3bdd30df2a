"""What measures the sizes of docs/scale.md, at the size that fits here: that it runs, and that what was acknowledged is
what is there. Never how fast."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

import ready

ROOT = Path(__file__).parent.parent.parent
QUANTITIES = {
    "commits/s", "releases/s", "catch-up after a week, h", "start-up, s", "memory of a node, MB", "readings/s",
    "positions/s", "muster replies/s", "SOS, own room, p50, ms", "SOS, other room, p99, ms", "screens held",
    "growth a day, MB", "rebuild, entries/s",
}  # fmt: skip
pytestmark = pytest.mark.files("each brings the servers it needs")


def module(name: str, *words: str) -> str:
    """What a module prints that is called as docs/scale.md says, in a process that knows nothing of this run."""
    kept = {k: v for k, v in os.environ.items() if not k.startswith(("SAFECONDUCT", "DJANGO"))}
    command = [sys.executable, "-m", name, *words]
    done = subprocess.run(
        command, cwd=ROOT, env=kept, capture_output=True, text=True, check=False, timeout=800
    )
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]
    return done.stdout


@pytest.fixture
def world() -> Path:
    """Two paired nodes with a few people, made once in a run."""

    def fill(folder: Path) -> None:
        module("bench.world", str(folder), "--devices", "6", "--names", "20", "--travellers", "5")

    return ready.shared("world", fill)


@pytest.mark.parametrize("where", [("sqlite", "1"), ("postgresql", "2")], ids=lambda where: where[0])
def test_every_quantity_is_measured_beside_its_limit_and_what_was_acknowledged_is_there(
    world: Path, where: tuple[str, str]
) -> None:
    given = ("--database", where[0], "--processes", where[1], "--seconds", "0.4", "--screens", "6")
    found = json.loads(module("bench.scale_cell", str(world), *given).splitlines()[-1])
    assert found.keys() >= QUANTITIES
    assert all(figure > 0 and limit > 0 for figure, limit in found.values())
    assert found["screens held"] == [6.0, 6.0]


def test_a_soak_loses_nothing_leaks_nothing_and_accuses_nobody(world: Path) -> None:
    said = module("faults", "soak", "--minutes", "0.35", "--scale", "0.1", "--world", str(world))
    for what in (
        "kills of",
        "kills of the database server",
        "positions answered for",
        "canaries that may not leave",
    ):
        assert what in said, said


def test_what_a_node_grew_by_quickly_verifies_and_is_rebuilt_to_the_same_rows() -> None:
    said = module("bench.growth", "--most", "10000", "--runs", "1")
    assert "10,000 entries" in said and "rebuild" in said


def test_announcements_and_reports_go_through_nats() -> None:
    said = module("bench.fanout", "--events", "200", "--reports", "40", "--screens", "8", "--pairs", "1")
    assert "announcement" in said


def test_one_in_the_midst_of_several_leaks_nothing() -> None:
    said = module("bench.topology", "--hosts", "1", "--partners", "1", "3")
    assert "leaked" in said
