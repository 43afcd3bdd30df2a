"""That the writer of this machine stands by while another machine holds the sequencer: a small file that says so.

It is touched for as long as it is true. Whoever finds it fresh need not ask anybody else.
"""

from __future__ import annotations

import json
import time
from dataclasses import asdict, dataclass
from pathlib import Path

from safeconduct.records.home import Home
from safeconduct.records.users import permit

FILE = "standing-by"
FRESH_SECONDS = 20.0


class AlreadyRunning(Exception):
    """Another process holds this home's writer lock, or the database's."""


@dataclass(frozen=True)
class Standing:
    """Since when (seconds since 1970) a writer stands by, and why or for whom, in words."""

    since: float
    words: str


def standing(home: Home) -> Standing | None:
    """How this machine's writer stands by; None where it does not."""
    path = _file(home)
    try:
        if time.time() - path.stat().st_mtime > FRESH_SECONDS:
            return None
        found = json.loads(path.read_text("utf-8"))
        return Standing(float(found["since"]), str(found["words"]))
    except (OSError, ValueError, KeyError, TypeError):
        return None


def note_standing(home: Home, found: Standing) -> None:
    draft = home.path / f"{FILE}.new"
    draft.write_text(json.dumps(asdict(found)), "utf-8")
    draft.chmod(0o600)
    permit(home, draft, _file(home))
    draft.replace(_file(home))


def forget_standing(home: Home) -> None:
    _file(home).unlink(missing_ok=True)


def _file(home: Home) -> Path:
    return home.path / FILE
