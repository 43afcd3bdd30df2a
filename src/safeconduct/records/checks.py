"""Rules that many kinds have: what a record is about, and which part it never lacks."""

from __future__ import annotations

from typing import Any

from safeconduct.records.kinds import PartRefused
from safeconduct.records.refusals import Malformed


def about(*kinds: str) -> Any:
    """A check that a record is about one of these kinds, and goes on being about the same one."""

    def check(tx: Any, given: Any) -> None:
        name = given.draft.kind
        row = tx.row(given.header["about"]) if given.header["about"] else None
        if row is None or row.kind not in kinds:
            raise Malformed(f"a {name} is about a {' or '.join(kinds)}")
        if given.previous is not None and given.previous.about != given.header["about"]:
            raise Malformed(f"a {name} stays with what it is about")

    return check


def about_if_any(*kinds: str) -> Any:
    """The same for a record that may stand alone."""
    check = about(*kinds)

    def check_if_any(tx: Any, given: Any) -> None:
        if given.header["about"] or (given.previous is not None and given.previous.about):
            check(tx, given)

    return check_if_any


def requires(part: str, what: str) -> Any:
    """A check that a part is there from the first version on and never emptied."""

    def check(_tx: Any, given: Any) -> None:
        if (given.previous is None or part in given.parts) and not given.parts.get(part):
            raise PartRefused(given.draft.kind, [(part, "", what)])

    return check


def stays(*parts: str, why: str = "what was sent or set stays as it was: send or add another") -> Any:
    """A check that these parts are written once, and never again, not even alike."""

    def check(_tx: Any, given: Any) -> None:
        if given.previous is not None and not given.parts.keys().isdisjoint(parts):
            raise Malformed(why)

    return check


def all_of(*checks: Any) -> Any:
    def check(tx: Any, given: Any) -> None:
        for each in checks:
            each(tx, given)

    return check
