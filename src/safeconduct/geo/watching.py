"""Watching a fence: does a fix mean that somebody entered or left, or is it noise at the edge?

A phone says how good its fix is: within `accuracy` metres with a probability of about 68 %. So a fix inside counts
as inside, and a fix outside counts as outside only beyond twice its accuracy (all but two in a thousand fixes of
somebody who is inside lie nearer). Between the two nothing is known, and what was last known stays. A crossing is
told when `CONFIRM` fixes in a row say so. A fix that is worse than `USELESS` or older than the last one is ignored.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, Generic, TypeVar

from safeconduct.geo.fences import Fence, FenceSet
from safeconduct.geo.sphere import Point

CONFIRM = 2
"""Fixes in a row that must agree."""
USELESS = 5_000.0
"""Metres of accuracy from which a fix says nothing."""
UNSAID = 50.0
"""Metres of accuracy taken where a device does not say."""
FINEST = 5.0
"""Metres: no fix is believed to be better."""

Key = TypeVar("Key")


@dataclass(frozen=True)
class Fix:
    """A position at a time (with zone), with the radius in metres that the device gives for it."""

    at: Point
    moment: datetime
    accuracy: float | None = None

    @property
    def doubt(self) -> float:
        """Metres of accuracy to reckon with."""
        return UNSAID if self.accuracy is None or self.accuracy <= 0 else max(self.accuracy, FINEST)


@dataclass(frozen=True)
class Standing:
    """What is known of one who moves and one fence. `inside` is None until something is known.

    `since` is the moment of the first of the fixes that now say otherwise, `count` their number.
    """

    inside: bool | None = None
    last: datetime | None = None
    since: datetime | None = None
    count: int = 0

    def plain(self) -> dict[str, Any]:
        """As JSON can hold it; `Standing.of` reads it again."""
        moments = {name: getattr(self, name) for name in ("last", "since")}
        told = {name: moment.isoformat() if moment else None for name, moment in moments.items()}
        return {"inside": self.inside, "count": self.count, **told}

    @classmethod
    def of(cls, plain: Mapping[str, Any]) -> Standing:
        read = {n: datetime.fromisoformat(plain[n]) if plain.get(n) else None for n in ("last", "since")}
        return cls(plain.get("inside"), read["last"], read["since"], int(plain.get("count", 0)))


@dataclass(frozen=True)
class Crossing:
    """Somebody entered or left. `since` is when it was first seen, `distance` the metres outside at `fix`."""

    enters: bool
    since: datetime
    fix: Fix
    distance: float


def step(fence: Fence, standing: Standing, fix: Fix) -> tuple[Standing, Crossing | None]:
    """What is known after one more fix, and the crossing that it shows, if it does.

    The first thing that becomes known is where somebody is, not that they crossed: there is no crossing from None.
    """
    if fix.doubt > USELESS or (standing.last is not None and fix.moment <= standing.last):
        return standing, None
    away = fence.distance(fix.at)
    says = True if away == 0.0 else False if away > 2 * fix.doubt else None
    if says is None or says == standing.inside:
        return Standing(standing.inside, fix.moment), None
    if standing.inside is None:
        return Standing(says, fix.moment), None
    since = standing.since or fix.moment
    if standing.count + 1 < CONFIRM:
        return replace(standing, last=fix.moment, since=since, count=standing.count + 1), None
    return Standing(says, fix.moment), Crossing(says, since, fix, away)


class Watcher(Generic[Key]):
    """Watches all fences of a set for one who moves."""

    def __init__(self, fences: FenceSet[Key], standings: Mapping[Key, Standing] | None = None) -> None:
        self._fences = fences
        self.standings = dict(standings or {})

    def see(self, fix: Fix) -> list[tuple[Key, Crossing]]:
        """Take in one fix; the crossings that it shows, by fence."""
        found = []
        for key, fence in self._fences.fences.items():
            self.standings[key], crossing = step(fence, self.standings.get(key, Standing()), fix)
            if crossing:
                found.append((key, crossing))
        return found

    def inside(self) -> list[Key]:
        """The fences that the last fixes say to be inside of."""
        return [key for key, standing in self.standings.items() if standing.inside]
