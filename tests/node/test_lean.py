"""What a process loads before it is asked for anything: what few of its answers need comes with those answers."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest

from safeconduct.records.home import Home

HEAVY = {"pypinyin", "igraph", "aiohttp", "apprise", "openpyxl", "scipy"}
STARTED = {
    "field": "from safeconduct.field import process",
    "web": "from safeconduct.node import asgi",
    "writer": "from safeconduct.records import service",
}
PROGRAM = """
import json, sys
from safeconduct.records.home import Home
from safeconduct.node.django_start import start_django
start_django(Home.load(sys.argv[1]), sys.argv[2])
{what}
before = sorted({{name.partition(".")[0] for name in sys.modules}})
from safeconduct.records.spelling import latin
plain = latin("Karachi Airport"), "pypinyin" in sys.modules
chinese = latin("张伟"), "pypinyin" in sys.modules
print(json.dumps([before, plain, chinese]))
"""


@pytest.mark.parametrize("process", STARTED)
def test_what_is_heavy_is_loaded_with_the_first_answer_that_needs_it(bare_home: Home, process: str) -> None:
    command = [sys.executable, "-c", PROGRAM.format(what=STARTED[process]), str(bare_home.path), process]
    said = subprocess.run(command, capture_output=True, text=True, check=True, timeout=180).stdout
    loaded, plain, chinese = json.loads(said)
    assert not HEAVY & set(loaded)
    assert plain == ["karachi airport", False]
    assert chinese == ["zhang wei", True]
