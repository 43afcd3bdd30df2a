"""The drill, as an operator runs it: every promise kept over a link that is cut, and a writer that is killed."""

from __future__ import annotations

import os
import re
import subprocess
import sys

import pytest


@pytest.mark.parametrize("more", [(), ("--kill-writer",)])
def test_every_promise_of_the_story_is_kept(more: tuple[str, ...]) -> None:
    command = [sys.executable, "-c", "from safeconduct.node.cli import main; main()", "drill", *more]
    clean = {k: v for k, v in os.environ.items() if not k.startswith(("SAFECONDUCT", "DJANGO"))}
    done = subprocess.run(command, env=clean, capture_output=True, text=True, timeout=240)
    assert done.returncode == 0, done.stdout + done.stderr[-2000:]
    assert len(re.findall(r"^ +\d+\.\d\d s  kept ", done.stdout, re.MULTILINE)) == 12
    assert "BROKEN" not in done.stdout
    assert "not yet part of the drill: the committee" in done.stdout
