"""The thirteen faults at the size that fits here; `python -m faults --long` is the same with more patience."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

import ready
from exchange.nodes import own_connections
from faults.catalogue import FAULTS
from faults.ground import Ground
from faults.homes import make

SEED = 1
ROOT = Path(__file__).parent.parent.parent


@pytest.fixture
def ground(prepared: Path, tmp_path: Path) -> Ground:
    def fill(folder: Path) -> None:
        with own_connections():
            make(prepared, folder)

    return Ground(ready.shared("faults", fill), tmp_path)


@pytest.mark.parametrize(
    "name", [n for n, fault in FAULTS.items() if not (ready.POSTGRESQL and (fault.stops or fault.files))]
)
def test_nothing_is_lost_nobody_is_accused_nothing_leaks_and_nothing_is_missed(
    name: str, ground: Ground
) -> None:
    outcome = FAULTS[name].run(ground, FAULTS[name].size(long=False), SEED)
    assert outcome.harm == []
    assert outcome.tried and all(outcome.tried.values())


@pytest.mark.parametrize(
    ("given", "tried"),
    [
        (["kill"], ["kills of the database server", "kills of writer"]),
        (
            ["torn", "disk", "bits", "snapshot", "erasure", "--feeds"],
            [
                "torn segments of the log",
                "with torn pages",
                "failed flushes",
                "flips without checksums",
                "ledgers put back alone",
                "files on the server searched",
            ],
        ),
    ],
    ids=["killed", "damaged"],
)
def test_a_server_of_databases_that_is_harmed_loses_nothing(given: list[str], tried: list[str]) -> None:
    """The command as it is called, with a server of its own: nobody else's is killed or damaged."""
    environment = {name: value for name, value in os.environ.items() if name != "SAFECONDUCT_TESTS"}
    command = [sys.executable, "-m", "faults", *given, "--database", "postgresql"]
    done = subprocess.run(
        command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False, timeout=1800
    )
    assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-2000:]
    assert [what for what in tried if what not in done.stdout] == []
