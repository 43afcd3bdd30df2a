"""Where journeys are, for those who may know it; each such reading is noted.

What this node's own devices say is for those who may read the itinerary, and a reading of that part. What a partner's
node sent is for those to whom a clause gives that party's track.

A page that follows positions opens the stream (`/positions/stream`), which is noted when it opens and when it closes;
`latest` and `track` are for what is shown once.
"""

from __future__ import annotations

import time
from collections.abc import Collection, Mapping, Sequence

from safeconduct.agreement.policy import Subject
from safeconduct.positions.keeping import keep_days
from safeconduct.positions.kinds import ITINERARY, MOVEMENT, TRACK
from safeconduct.positions.store import OWN, Position, Store
from safeconduct.records import here
from safeconduct.records.door import Door
from safeconduct.records.find import Query, find
from safeconduct.records.kinds import kind
from safeconduct.records.refusals import NotFound
from safeconduct.records.release import heading
from safeconduct.records.telemetry import may_see, show

MOST_MOVEMENTS = 2_000
MOST_POSITIONS = 20_000

_stores: dict[str, Store] = {}


def store() -> Store:
    """The positions of the node this process belongs to."""
    home = here.home()
    found = _stores.get(str(home.path))
    if found is None:
        found = _stores[str(home.path)] = Store(home)
    return found


Sources = frozenset[str]
"""Whose positions of a movement somebody may see: "" for those of this node's own devices, else a partner's id."""


def latest(reader: Subject, movements: Sequence[str], door: Door | None = None) -> dict[str, Position]:
    """The newest position of each of these movements that the reader may see now, by movement.

    The others are left out without a word. The reading is durable in the ledger before this returns.
    """
    asked = list(dict.fromkeys(movements))[:MOST_MOVEMENTS]
    there = list(newest(dict.fromkeys(asked, _everybody())))
    return newest(_noted(reader, there, door))


def track(
    reader: Subject, movement: str, limit: int = MOST_POSITIONS, door: Door | None = None
) -> list[Position]:
    """The way a movement has come as far as its positions are kept, oldest first. Raises NotFound for one that the
    reader may not follow."""
    sources = _noted(reader, [movement], door).get(movement)
    if not sources:
        raise NotFound(movement)
    return store().track(movement, _since([movement]), min(limit, MOST_POSITIONS), sources)


def follow(
    reader: Subject, movements: Sequence[str], door: Door | None = None
) -> dict[str, tuple[Sources, Position | None]]:
    """What a stream begins with: each of these movements that the reader may follow, whose positions of it, and the
    newest.

    All of them are noted as read, those without a position too: the stream may show one at any moment.
    """
    allowed = _noted(reader, list(dict.fromkeys(movements))[:MOST_MOVEMENTS], door)
    there = newest(allowed)
    return {movement: (allowed[movement], there.get(movement)) for movement in sorted(allowed)}


def may_follow(reader: Subject, movement: str) -> Sources:
    """Whose positions of a movement the policy lets the reader see now: none for one that may not be followed.

    Who may read the itinerary may see where the own devices say that the journey is; what a partner's node sent, by
    the clause about its track. Notes nothing: for a stream that is noted.
    """
    found = heading(movement)
    if found is None or found[0].kind != MOVEMENT:
        return frozenset()
    mask = here.state().policy.mask(reader, "read", found[0], time.time())
    own = {OWN} if mask >> kind(MOVEMENT).bit(ITINERARY) & 1 else set()
    return frozenset(own | {p for p in here.home().partners if may_see(reader, movement, TRACK.name, p)})


def newest(movements: Mapping[str, Sources]) -> dict[str, Position]:
    """The newest position of each movement of those sources, without asking who reads it: for a stream, which asks
    `may_follow`."""
    since = _since(movements)
    by: dict[Sources, list[str]] = {}
    for movement, sources in movements.items():
        by.setdefault(sources, []).append(movement)
    found: dict[str, Position] = {}
    for sources, some in by.items():
        found |= store().latest(some, since, sources)
    return found


def received(reader: Subject, movements: Sequence[str], door: Door | None = None) -> dict[str, Position]:
    """The newest position that a partner's node sent of each of these movements, noted as read; those that the reader
    may not see are left out."""
    partners = frozenset(here.home().partners)
    there = newest(dict.fromkeys(movements, partners)) if partners else {}
    seen: dict[str, Sources] = {}
    for partner in partners:
        for movement in show(reader, sorted(there), TRACK.name, partner, door):
            seen[movement] = seen.get(movement, frozenset()) | {partner}
    return newest(seen)


def _everybody() -> Sources:
    return frozenset({OWN, *here.home().partners})


def _noted(reader: Subject, movements: Sequence[str], door: Door | None) -> dict[str, Sources]:
    """Whose positions of these movements the reader may see; durable as read before this returns."""
    if not movements:
        return {}
    query = Query(MOVEMENT, ids=movements, parts=(ITINERARY,), sort="at", limit=len(movements))
    page = find(reader, query, door=door)
    found = {
        record.id: frozenset({OWN}) for record in (*page.records, *page.unplaced) if ITINERARY in record.parts
    }
    for partner in here.home().partners:
        for movement in show(reader, movements, TRACK.name, partner, door):
            found[movement] = found.get(movement, frozenset()) | {partner}
    return found


def _since(movements: Collection[str]) -> float:
    """What is older is to be erased: it is not shown while that is still to be done."""
    policy, home = here.state().policy, here.home()
    parties = (home.party, *home.partners)
    return time.time() - 86_400.0 * min(keep_days(policy, party) for party in parties) if movements else 0.0
