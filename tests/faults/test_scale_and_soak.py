"""The table of `bench.scale` and the soak of `faults.soak` at the size that fits here: that they run, and that what was
acknowledged is what is there. Never how fast."""

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


def module(name: str, *words: str) -> subprocess.CompletedProcess[str]:
    kept = {k: v for k, v in os.environ.items() if not k.startswith(("SAFECONDUCT", "DJANGO"))}
    command = [sys.executable, "-m", name, *words]
    return subprocess.run(
        command, cwd=ROOT, env=kept, capture_output=True, text=True, check=False, timeout=1_500
    )


@pytest.fixture
def world() -> Path:
    """Two paired nodes with a few people, made once in a run."""

    def fill(folder: Path) -> None:
        done = module("bench.world", str(folder), "--devices", "6", "--names", "20", "--travellers", "5")
        assert done.returncode == 0, done.stderr[-2000:]

    return ready.shared("world", fill)


def test_every_quantity_is_measured_beside_its_limit_and_what_was_acknowledged_is_there(world: Path) -> None:
    given = ("--database", "postgresql", "--processes", "2", "--seconds", "0.4", "--screens", "6")
    done = module("bench.scale_cell", str(world), *given)
    assert done.returncode == 0, done.stderr[-3000:]
    found = json.loads(done.stdout.splitlines()[-1])
    assert found.keys() >= QUANTITIES
    assert all(figure > 0 and limit > 0 for figure, limit in found.values())
    assert found["screens held"] == [6.0, 6.0]


def test_a_soak_loses_nothing_leaks_nothing_and_accuses_nobody(world: Path) -> None:
    done = module("faults", "soak", "--minutes", "0.35", "--scale", "0.1", "--world", str(world))
    said = done.stdout + done.stderr[-3000:]
    assert done.returncode == 0, said
    for what in (
        "kills of",
        "kills of the database server",
        "positions answered for",
        "canaries that may not leave",
    ):
        assert what in done.stdout, said
