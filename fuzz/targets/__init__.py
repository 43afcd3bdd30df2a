"""Every target, by the floor or the door at which its bytes arrive."""

from __future__ import annotations

from fuzz.target import Target
from fuzz.targets import agreement, bus, doors, exchange, field, ledger, maps, operator, sessions, tables, web

ALL: dict[str, Target] = {
    target.name: target
    for room in (ledger, agreement, exchange, field, tables, maps, operator, web, sessions, doors, bus)
    for target in room.TARGETS
}
