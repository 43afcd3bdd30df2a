"""Where journeys are, for those who may read their itinerary; each such reading is noted like one of that part.

A page that follows positions opens the stream (`/positions/stream`), which is noted when it opens and when it closes;
`latest` and `track` are for what is shown once.
"""

from __future__ import annotations

import time
from collections.abc import Sequence

from safeconduct.agreement.policy import Subject
from safeconduct.positions.keeping import ITINERARY, MOVEMENT, keep_days
from safeconduct.positions.store import Position, Store
from safeconduct.records import here
from safeconduct.records.door import Door
from safeconduct.records.find import Query, find
from safeconduct.records.kinds import kind
from safeconduct.records.refusals import NotFound
from safeconduct.records.release import heading

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


def latest(reader: Subject, movements: Sequence[str], door: Door | None = None) -> dict[str, Position]:
    """The newest position of each of these movements whose itinerary the reader may read now, by movement.

    The others are left out without a word. The reading is durable in the ledger before this returns.
    """
    asked = list(dict.fromkeys(movements))[:MOST_MOVEMENTS]
    there = store().latest(asked, _since(asked))
    allowed = _noted(reader, list(there), door)
    return {movement: there[movement] for movement in there if movement in allowed}


def track(
    reader: Subject, movement: str, limit: int = MOST_POSITIONS, door: Door | None = None
) -> list[Position]:
    """The way a movement has come as far as its positions are kept, oldest first. Raises NotFound for one whose
    itinerary the reader may not read."""
    if movement not in _noted(reader, [movement], door):
        raise NotFound(movement)
    return store().track(movement, _since([movement]), min(limit, MOST_POSITIONS))


def follow(reader: Subject, movements: Sequence[str], door: Door | None = None) -> dict[str, Position | None]:
    """What a stream begins with: each of these movements that the reader may follow, with its newest position.

    All of them are noted as read, those without a position too: the stream may show one at any moment.
    """
    allowed = _noted(reader, list(dict.fromkeys(movements))[:MOST_MOVEMENTS], door)
    there = newest(sorted(allowed))
    return {movement: there.get(movement) for movement in sorted(allowed)}


def may_follow(reader: Subject, movement: str) -> bool:
    """Whether the policy lets the reader see where a movement is, now. Notes nothing: for a stream that is noted."""
    found = heading(movement)
    if found is None or found[0].kind != MOVEMENT:
        return False
    mask = here.state().policy.mask(reader, "read", found[0], time.time())
    return bool(mask >> kind(MOVEMENT).bit(ITINERARY) & 1)


def newest(movements: Sequence[str]) -> dict[str, Position]:
    """The newest positions without asking who reads them: for a stream, which asks `may_follow`."""
    return store().latest(movements, _since(movements))


def _noted(reader: Subject, movements: Sequence[str], door: Door | None) -> set[str]:
    if not movements:
        return set()
    query = Query(MOVEMENT, ids=movements, parts=(ITINERARY,), sort="at", limit=len(movements))
    page = find(reader, query, door=door)
    return {record.id for record in (*page.records, *page.unplaced) if ITINERARY in record.parts}


def _since(movements: Sequence[str]) -> float:
    """What is older is to be erased: it is not shown while that is still to be done."""
    policy, home = here.state().policy, here.home()
    parties = (home.party, *home.partners)
    return time.time() - 86_400.0 * min(keep_days(policy, party) for party in parties) if movements else 0.0
