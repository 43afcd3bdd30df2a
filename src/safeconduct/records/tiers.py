"""Tiers: where lists begin for a reader from whom most records of a kind are hidden.

A tier is the level of a label, 0 to 3, and 4 more where a partner released the record. Each row has two of them: that
of the part that bears its time, and that of its least confidential part. An index has each tier in the order of lists,
so that a list can leave out what no grant could show, instead of going through it.
"""

from __future__ import annotations

from collections.abc import Sequence

from safeconduct.agreement.policy import Policy, Subject
from safeconduct.agreement.sql import highest_levels
from safeconduct.agreement.vocabulary import LEVELS
from safeconduct.records.kinds import Kind

RECEIVED = len(LEVELS)
"""What is added to the level where the record is a partner's."""
TIERS = frozenset(range(2 * RECEIVED))


def tiers_of(kind: Kind, levels: Sequence[int], agreement: str) -> tuple[int, int]:
    """The tier of the part that bears the time (that of level 0 for a kind without one) and of the least confidential
    part. `levels` are those of a header: what an earlier version of the kind did not have counts for nothing."""
    above = RECEIVED if agreement else 0
    bit = kind.bit(kind.dimensions["time"][0]) if "time" in kind.dimensions else len(levels)
    return (levels[bit] if bit < len(levels) else 0) + above, min(levels, default=0) + above


def open_tiers(
    policy: Policy, subject: Subject, act: str, kind: Kind, own: str, needed: int, timed: bool
) -> frozenset[int]:
    """The tiers of records of which the subject could see all parts in `needed`, or any part where that is 0: those of
    the time, which is then needed, too, or those of the least confidential part.

    `own` is the party whose node this is. No record of another tier has them visible.
    """
    highest = highest_levels(policy, subject, act, kind.name)
    time_bit = kind.bit(kind.dimensions["time"][0]) if timed else -1
    found = set[int]()
    for received in (False, True):
        by_bit = dict.fromkeys(range(len(kind.parts)), -1)
        for (bit, originator), level in highest.items():
            if (originator != own) == received:
                by_bit[bit] = max(level, by_bit[bit])
        least = min(
            (level for bit, level in by_bit.items() if needed >> bit & 1), default=max(by_bit.values())
        )
        level = by_bit[time_bit] if timed and least >= 0 else least
        found.update(each + (RECEIVED if received else 0) for each in range(level + 1))
    return frozenset(found)
