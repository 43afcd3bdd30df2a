"""How the link to a partner is, as the courier wrote it down in a small file for everybody else to read."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from pathlib import Path

from safeconduct.records.home import Home
from safeconduct.records.users import permit


@dataclass
class Link:
    """How the link to a partner is. Times in seconds since 1970; `failing_since` 0.0 while it works."""

    partner: str
    last_contact: float = 0.0
    last_error: str = ""
    failing_since: float = 0.0
    have: int = 0

    def path(self, home: Home) -> Path:
        return home.link(self.partner)

    def save(self, home: Home) -> None:
        target = self.path(home)
        target.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        draft = target.with_suffix(".new")
        draft.write_text(json.dumps(asdict(self)))
        permit(home, draft, target)
        draft.replace(target)


def link_of(home: Home, partner: str) -> Link:
    """The link as the courier last wrote it down; a blank one when it never ran."""
    blank = Link(partner)
    try:
        found = json.loads(blank.path(home).read_text())
        return Link(**found)
    except (OSError, ValueError, TypeError):
        return blank
