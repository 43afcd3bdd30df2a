"""Thirteen faults done to two real nodes, each counting what it tried and what was lost: `python -m faults`.

They stand on the means of the tests (`tests/exchange`): homes on disk, writers in this process, bundles by hand.
"""

import sys
from pathlib import Path

sys.path.insert(1, str(Path(__file__).resolve().parent.parent / "tests"))
