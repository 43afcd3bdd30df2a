"""The twelve faults at the size that fits here; `python -m faults --long` is the same with more patience."""

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


@pytest.mark.parametrize("name", [n for n, fault in FAULTS.items() if not (ready.POSTGRESQL and fault.files)])
def test_nothing_is_lost_nobody_is_accused_nothing_leaks_and_nothing_is_missed(
    name: str, ground: Ground
) -> None:
    outcome = FAULTS[name].run(ground, FAULTS[name].short, SEED)
    assert outcome.harm == []
    assert outcome.tried and all(outcome.tried.values())


def test_a_server_of_databases_that_is_killed_with_the_rest_loses_nothing() -> None:
    """The command as it is called, with a server of its own: nobody else's is killed."""
    environment = {name: value for name, value in os.environ.items() if name != "SAFECONDUCT_TESTS"}
    command = [sys.executable, "-m", "faults", "kill", "--size", "3", "--database", "postgresql"]
    done = subprocess.run(
        command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False, timeout=900
    )
    assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-2000:]
    assert "kills of the database server" in done.stdout and "kills of writer" in done.stdout
