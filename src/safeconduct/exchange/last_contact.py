"""How the link to a partner is, as the courier wrote it down in a small file for everybody else to read."""

from __future__ import annotations

import contextlib
import json
import time
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from safeconduct.records.home import Home
from safeconduct.records.hooks import job
from safeconduct.records.machines import several
from safeconduct.records.refusals import Unavailable
from safeconduct.records.users import permit

if TYPE_CHECKING:
    from safeconduct.records.door import Door
    from safeconduct.records.transaction import Tx


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


@job("links", by=("web", "field"))
def links_job(tx: Tx, payload: dict[str, Any]) -> dict[str, Any]:
    """How each link is, for the pages of another machine than the courier's."""
    return {"links": [asdict(link_of(tx.home, partner)) for partner in tx.home.partners]}


def link_seen(home: Home, partner: str, door: Door) -> Link:
    """The link as the courier last wrote it down, on whichever machine it is; blank when it never ran or nobody knows.

    Of another machine what is told may be a second old.
    """
    if not several(home):
        return link_of(home, partner)
    at, known = _seen.get(home.path, (0.0, {}))
    if time.monotonic() - at > SEEN_SECONDS:
        with contextlib.suppress(Unavailable):  # what was known last is still true of then
            known = {each["partner"]: Link(**each) for each in door.call("links", {})["links"]}
        _seen[home.path] = (time.monotonic(), known)
    return known.get(partner, Link(partner))


SEEN_SECONDS = 1.0
_seen: dict[Path, tuple[float, dict[str, Link]]] = {}
