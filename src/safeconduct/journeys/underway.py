"""What is said of a journey under way: word from the road, and the answer of whoever takes an escalation on.

Each function acts in the name of a person and raises what `records.commit` raises. What follows by itself (the
movement's state, the next check-in, the ladder) is the writer's, in the same transaction: `underway_watch`.
"""

from __future__ import annotations

import time
from datetime import UTC, datetime
from typing import Any

from safeconduct.agreement.policy import Subject
from safeconduct.journeys.kinds import CHECK_IN
from safeconduct.records import here, principals
from safeconduct.records.commit import Committed
from safeconduct.records.door import Door
from safeconduct.records.refusals import Malformed

"""How often an answer is given again because the ladder climbed meanwhile."""


def check_in(
    actor: Subject,
    movement: str,
    category: str = "check_in",
    at: datetime | None = None,
    point: str = "",
    delay_minutes: int | None = None,
    position: tuple[float, float, float | None] | None = None,
    by: str = "",
    key: str = "",
    door: Door | None = None,
) -> Committed:
    """Say that a journey was heard of at `at`, its true time (None: now), departed, delayed or arrived.

    `at` may long be past: a phone sends from its outbox when it can. The same `key` (of the person, for this
    movement) counts once. `position` is latitude, longitude and the accuracy in metres.
    """
    now = datetime.fromtimestamp(time.time(), UTC)
    true_time = now if at is None else at
    if true_time.tzinfo is None:
        raise Malformed("the time of a check-in has a zone")
    word: dict[str, Any] = {"at": _iso(true_time), "entered": _iso(now), "category": category}
    word |= {"point": point, "by": by or actor.person}
    if delay_minutes is not None:
        word["delay_minutes"] = delay_minutes
    parts: dict[str, Any] = {"word": word}
    if position is not None:
        parts["position"] = {"latitude": position[0], "longitude": position[1], "accuracy_m": position[2]}
    # Checked here too, so that a form learns of a fault without asking the writer.
    CHECK_IN.validate(parts)
    payload = {"actor": principals.to_wire(actor), "movement": movement, "parts": parts, "key": key}
    answer = (door or here.door()).call("journey_check_in", payload)
    return Committed(answer["record"], answer["version"], answer["index"])


def _iso(moment: datetime) -> str:
    return moment.astimezone(UTC).isoformat(timespec="seconds").replace("+00:00", "Z")
