"""Who may say where a journey is, and what counts as saying it: everything in a batch is checked before it is kept."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from safeconduct.agreement.policy import Item, Subject, is_assigned
from safeconduct.positions.keeping import DEFAULT_DAYS, keep_days
from safeconduct.positions.kinds import MOVEMENT
from safeconduct.positions.store import Position
from safeconduct.records import here
from safeconduct.records.kinds import kind
from safeconduct.records.moments import instant
from safeconduct.records.projection import pack_levels
from safeconduct.records.release import heading

AT_ONCE = 1_000
"""Positions in a batch."""
AHEAD_SECONDS = 300.0
"""By how much a phone's clock may be fast."""
WORD, POSITION = "check_in", "position"
"""Who may write this part of a check-in about a movement may also send its positions."""

_Text = Annotated[str, Field(max_length=40)]


class _Fix(BaseModel):
    model_config = ConfigDict(extra="ignore", strict=True)

    at: _Text | float
    latitude: Annotated[float, Field(ge=-90, le=90, allow_inf_nan=False)]
    longitude: Annotated[float, Field(ge=-180, le=180, allow_inf_nan=False)]
    accuracy_m: Annotated[float, Field(ge=0, le=1e7, allow_inf_nan=False)] | None = None
    speed: Annotated[float, Field(ge=0, le=10_000, allow_inf_nan=False)] | None = None
    heading: Annotated[float, Field(ge=0, le=360, allow_inf_nan=False)] | None = None


@dataclass(frozen=True)
class Batch:
    """What of a batch can be kept, for how many days, and for each of the others its number and why not."""

    movement: str
    positions: list[Position]
    refused: list[tuple[int, str]]
    days: float = DEFAULT_DAYS


class BatchRefused(ValueError):
    """Not a batch of positions; the text is for the one who sends."""


def may_send(sender: Subject, movement: str) -> bool:
    """Whether the sender travels in a movement or bears the duty for it, and it is not over."""
    found = heading(movement)
    if found is None or found[0].kind != MOVEMENT:
        return False
    item = found[0]
    if item.state in kind(MOVEMENT).final or not is_assigned(sender, item):
        return False
    levels = pack_levels(list(kind(WORD).default_levels().values()))
    word = Item("", WORD, here.home().party, "open", levels, assigned=frozenset({sender.person}))
    return here.state().policy.decide(sender, "write", word, POSITION, time.time()).permit


def read_batch(sender: Subject, body: Any) -> Batch:
    """A batch as a phone sends it: `{"movement": id, "positions": [{"at", "latitude", "longitude", ...}]}`.

    `at` is ISO 8601 with its offset, or seconds since 1970. Raises BatchRefused for what is no batch at all; a
    single position that is none, or not of now, is refused alone, so that it does not hold up the others.
    """
    if not isinstance(body, dict) or not isinstance(body.get("movement"), str):
        raise BatchRefused("a batch names its movement")
    given = body.get("positions")
    if not isinstance(given, list) or len(given) > AT_ONCE:
        raise BatchRefused(f"a batch has a list of at most {AT_ONCE} positions")
    movement, now = body["movement"], time.time()
    days = keep_days(here.state().policy, _originator(movement))
    oldest = now - 86_400.0 * days
    batch = Batch(movement, [], [], days)
    for number, each in enumerate(given):
        try:
            fix = _Fix.model_validate(each)
            at = instant(fix.at).timestamp() if isinstance(fix.at, str) else fix.at
            if not oldest < at <= now + AHEAD_SECONDS:
                raise ValueError("its time has not come yet, or is long past")
        except ValidationError as fault:
            batch.refused.append((number, str(fault.errors(include_url=False)[0]["msg"])[:200]))
        except ValueError as fault:
            batch.refused.append((number, str(fault)[:200]))
        else:
            values = (fix.latitude, fix.longitude, fix.accuracy_m, fix.speed, fix.heading)
            batch.positions.append(Position(movement, sender.person, at, *values))
    return batch


def _originator(movement: str) -> str:
    found = heading(movement)
    return found[0].originator if found is not None else here.home().party
