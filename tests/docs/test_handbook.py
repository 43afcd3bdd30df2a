"""The handbook's commands do what the handbook says, typed in its order on two nodes.

`SAFECONDUCT_HANDBOOK=installed` types them with the installed program and `serve`, and installs it anew where the
handbook says "as root"; that takes minutes. Else each command is a fork of one process, and a node's processes are
those that the procedures need.
"""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

import ready

from . import ready_shell
from .handbook import Machine, blocks, missing_line

ROOT = Path(__file__).resolve().parents[2]
HANDBOOK = ROOT / "docs" / "handbook.md"
INSTALLED = os.environ.get("SAFECONDUCT_HANDBOOK") == "installed"
SIDES = {"host": "pk", "partner": "cn"}
RULES = ("01-incidents", "03-agreement", "04-roles-and-readings")
PROCEDURES = (
    "Install", "Make a node", "Pair", "Back up", "Try a restore", "Restore", "Lose a machine", "Begin a new epoch",
    "Rotate", "Upgrade", "Lose a key", "Part company",
)  # fmt: skip

START = """#!/bin/bash
# Stands for the service manager: the processes of the node, and their end.
set -eu
cd "$(dirname "$0")"
case $1 in
start)
    {start}
    for _ in $(seq 900); do
        grep -q ready serve.log 2>/dev/null || {answers} && exit 0
        sleep 0.1
    done
    cat serve.log; exit 1;;
stop)
    for pid in $(cat pids); do kill "$pid" 2>/dev/null || true; done
    for pid in $(cat pids); do while kill -0 "$pid" 2>/dev/null; do sleep 0.05; done; done
    rm -f pids serve.log;;
esac
"""
FORKED = (
    "for process in writer feed courier; do safeconduct process $process >>serve.log 2>&1 </dev/null; done"
)
SERVED = "safeconduct serve >serve.log 2>&1 & echo $! >pids"


@pytest.fixture
def place() -> Iterator[Path]:
    """A folder with a short name: sockets lie in it."""
    with tempfile.TemporaryDirectory(prefix="hb-") as folder:
        yield Path(folder)


@pytest.fixture
def program(place: Path) -> Iterator[Path]:
    """The folder in which the program `safeconduct` lies."""
    folder = place / "program" / "bin"
    folder.mkdir(parents=True)
    tools = place / "tools"
    tools.mkdir()
    (tools / "litestream").symlink_to(Path(sys.executable).parent / "litestream")
    if INSTALLED:
        yield folder.parent
        return
    at = place / "shell.sock"
    given = {**os.environ, "SAFECONDUCT_HOME": str(ready.OWN / "home"), "PYTHONPATH": str(ROOT / "tests")}
    with subprocess.Popen(
        [sys.executable, ready_shell.__file__, str(at)], env=given, stdout=subprocess.PIPE, text=True
    ) as shell:
        assert shell.stdout is not None and shell.stdout.readline() == "loaded\n"
        ready_shell.command(folder, at)
        yield folder.parent
        shell.terminate()


def free_ports(count: int) -> list[int]:
    taken = [socket.socket() for _ in range(count)]
    for each in taken:
        each.bind(("127.0.0.1", 0))
    ports = [each.getsockname()[1] for each in taken]
    for each in taken:
        each.close()
    return ports


def machine(place: Path, program: Path, side: str, ports: list[int]) -> Machine:
    folder = place / SIDES[side]
    (folder / "rules").mkdir(parents=True)
    demonstration = ROOT / "src" / "safeconduct" / "node" / "demonstration"
    for name in RULES:
        for file in (demonstration / "house" / side).glob(f"{name}.md"):
            shutil.copy(file, folder / "rules")
    clauses = place / "clauses"
    clauses.mkdir(exist_ok=True)
    shutil.copy(demonstration / "agreement" / "04-incidents-and-claims.md", clauses)
    service = folder / "service"
    answers = "test -S home/writer.sock"
    service.write_text(
        START.format(start=SERVED if INSTALLED else FORKED, answers="false" if INSTALLED else answers)
    )
    service.chmod(0o755)
    return Machine(
        SIDES[side],
        folder,
        {
            "PATH": f"{program / 'bin'}:{place / 'tools'}:{os.environ['PATH']}",
            "PROGRAM": str(program),
            "SOURCE": str(ROOT),
            "SAFECONDUCT_HOME": str(folder / "home"),
            "SAFECONDUCT_PASSPHRASE": "a passphrase of the test",
            "BACKUPS": str(folder / "backups"),
            "KEY_COPY": str(folder / "key-copy"),
            "CARDS": str(place / "cards"),
            "SIGNATORY": str(folder / "signatory"),
            "HOUSE": str(folder / "rules"),
            "CLAUSES": str(clauses),
            "START": f"{service} start",
            "STOP": f"{service} stop",
            "PORT": str(ports[0]),
            "EXCHANGE_PORT": str(ports[1]),
            "EXCHANGE_URL": f"https://127.0.0.1:{ports[1]}",
        },
    )


def test_every_procedure_is_there_and_every_block_says_who_types_it() -> None:
    found = list(blocks(HANDBOOK.read_text("utf-8")))
    assert list(dict.fromkeys(block.procedure for block in found if block.procedure)) == list(PROCEDURES)
    refused = [block for block in found if block.how.startswith("refused")]
    assert len(refused) > 10 and all(block.expected for block in refused)


def test_lines_are_looked_for_in_their_order() -> None:
    said = "backup of 12 ledger entries in /b\nother\n  last"
    assert missing_line(("backup of … ledger entries in …", "last"), said) is None
    assert missing_line(("last", "other"), said) == "other"
    assert missing_line(("backup of … entries",), said) == "backup of … entries"


def test_the_handbook_word_for_word(place: Path, program: Path) -> None:
    ports = free_ports(4)
    machines = {
        "host": machine(place, program, "host", ports[:2]),
        "partner": machine(place, program, "partner", ports[2:]),
    }
    typed = 0
    try:
        for block in blocks(HANDBOOK.read_text("utf-8")):
            if block.how.startswith("as root") and not INSTALLED:
                continue
            for who in ("host", "partner") if block.who == "each" else (block.who,):
                other = machines["partner" if who == "host" else "host"]
                machines[who].type(block, other.spoken)
                typed += 1
    finally:
        for each in machines.values():
            subprocess.run([each.folder / "service", "stop"], check=False, capture_output=True)
    assert typed > 90
    keys = [path for path in place.rglob("*") if path.is_file() and path.suffix in (".key", ".pem")]
    assert keys and all(path.stat().st_mode & 0o077 == 0 for path in keys)
