"""What a change of the agreement adds and removes, grouped into lines that people can read."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from safeconduct.agreement.proof import Change, Difference
from safeconduct.committee.wording import kind_name
from safeconduct.shell.terms import ACT_NAMES, PART_NAMES, ROLE_NAMES, STATE_NAMES, plain


@dataclass(frozen=True)
class ChangeLine:
    """All roles, acts and parts that change alike: they of `party` may, or may no longer, do this.

    `hours` before a record's time, where a time lock opens earlier or later; 0 where it has no part in it.
    `count` is in combinations of role, act, part, state, level and fact.
    """

    party: str
    roles: tuple[str, ...]
    acts: tuple[str, ...]
    kind: str
    parts: tuple[str, ...]
    originator: str
    states: tuple[str, ...]
    levels: tuple[str, ...]
    hours: int
    count: int


@dataclass(frozen=True)
class Changes:
    """`combinations_*` count single permissions: one role, one act, one part, in one state of a record."""

    added: tuple[ChangeLine, ...]
    removed: tuple[ChangeLine, ...]
    combinations_added: int
    combinations_removed: int

    @property
    def nothing(self) -> bool:
        return not self.added and not self.removed


def changes(found: Difference) -> Changes:
    return Changes(
        added=tuple(_lines(found.added)),
        removed=tuple(_lines(found.removed)),
        combinations_added=found.counts["added_keys"],
        combinations_removed=found.counts["removed_keys"],
    )


def _lines(found: Iterable[Change]) -> list[ChangeLine]:
    """Put together the parts of one role and act, then the acts with equal parts, then the roles."""
    rows: list[_Row] = [
        ({"party": c.party, "role": c.role, "act": c.act, "kind": c.kind, "part": c.part, "of": c.originator,
          "states": c.states, "levels": c.levels, "hours": c.hours}, c.size)
        for c in found
    ]  # fmt: skip
    for name in ("part", "act", "role"):
        rows = _together(rows, name)
    return [
        ChangeLine(
            party=row["party"],
            roles=tuple(plain(ROLE_NAMES, role) for role in row["role"]),
            acts=tuple(plain(ACT_NAMES, act) for act in row["act"]),
            kind=kind_name(row["kind"]),
            parts=tuple(plain(PART_NAMES, name) for name in row["part"]),
            originator=row["of"],
            states=tuple(plain(STATE_NAMES, state) for state in row["states"]),
            levels=row["levels"],
            hours=row["hours"],
            count=count,
        )
        for row, count in rows
    ]


_Row = tuple[dict[str, Any], int]


def _together(rows: list[_Row], name: str) -> list[_Row]:
    """Rows that are alike but for one member become one, with all of its values; their counts add up."""
    found: dict[tuple[Any, ...], tuple[dict[str, Any], list[Any], int]] = {}
    for row, count in rows:
        rest = {k: v for k, v in row.items() if k != name}
        key = tuple(rest.items())
        _, values, total = found.get(key, (rest, [], 0))
        values.append(row[name])
        found[key] = (rest, values, total + count)
    return [({**rest, name: tuple(values)}, total) for rest, values, total in found.values()]
