"""What a process has loaded when it has started is not looked through for garbage again; what comes later is."""

from __future__ import annotations

import json
import subprocess
import sys

PROGRAM = """
import gc, json, weakref
gc.disable()
from safeconduct.records import commit
from safeconduct.records.started import settle

class Knot:
    pass

def tied():
    one, two = Knot(), Knot()
    one.other, two.other = two, one
    return weakref.ref(one)

before, enabled = tied(), gc.isenabled()
settle()
looked_at, frozen, later = len(gc.get_objects()), gc.get_freeze_count(), tied()
gc.collect()
print(json.dumps([enabled, gc.isenabled(), looked_at, frozen, before() is None, later() is None]))
"""


def test_what_is_loaded_is_left_alone_and_garbage_is_still_found() -> None:
    said = subprocess.run(
        [sys.executable, "-c", PROGRAM], capture_output=True, check=True, timeout=180
    ).stdout
    enabled_before, enabled, looked_at, frozen, earlier_gone, later_gone = json.loads(said)
    assert (enabled_before, enabled) == (False, True)
    assert looked_at * 20 < frozen
    assert earlier_gone and later_gone
