"""The drill, as an operator runs it: every promise kept over a link that is cut, also when processes are killed."""

from __future__ import annotations

import os
import re
import subprocess
import sys

import pytest

from safeconduct.node.processes import ORDER

PROMISES = 29
KILLED = 18
"""Three processes of two nodes at three moments."""


@pytest.mark.parametrize("kill", ["", "each"])
def test_every_promise_of_the_story_is_kept(kill: str) -> None:
    command = [sys.executable, "-c", "from safeconduct.node.cli import main; main()", "drill"]
    clean = {k: v for k, v in os.environ.items() if not k.startswith(("SAFECONDUCT", "DJANGO"))}
    more = ["--kill", kill] if kill else []
    done = subprocess.run([*command, *more], env=clean, capture_output=True, text=True, timeout=900)
    assert done.returncode == 0, done.stdout + done.stderr[-2000:]
    assert len(re.findall(r"^ +\d+\.\d\d s  kept ", done.stdout, re.MULTILINE)) == PROMISES
    assert "BROKEN" not in done.stdout and "every promise kept" in done.stdout
    killed = re.search(r"(\d+) processes killed", done.stdout)
    assert killed is not None and int(killed[1]) == (KILLED if kill else 0)
    named = {
        name
        for names in re.findall(r"kill -9 of (.+) on both nodes", done.stdout)
        for name in names.split(", ")
    }
    assert named == (set(ORDER) if kill else set())
