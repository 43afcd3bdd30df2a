"""Why a door did not open: the errors that cross the writer's socket unchanged."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from safeconduct.records.kinds import PartRefused


class Refused(Exception):
    """Policy says no. `would` lists (grant id, status of its clause) of what would have allowed it.

    `attempt` is what the ledger keeps of it (person, act, kind or record); it does not cross the socket.
    """

    def __init__(
        self, reason: str, would: Sequence[tuple[str, str]] = (), attempt: Mapping[str, Any] | None = None
    ) -> None:
        self.reason = reason
        self.attempt = dict(attempt or {})
        self.would = tuple((grant, status) for grant, status in would)
        listed = ", ".join(f"{grant} ({status})" for grant, status in self.would)
        super().__init__(f"{reason}; would be allowed by {listed}" if listed else reason)


class NeedsSecond(Refused):
    """One person alone may not do so much: `count` records of a kind within an hour by an act, where `alone` are
    allowed.

    For what is written, `alone` is 0 and `count` 1.
    """

    def __init__(
        self, act: str, kind: str, count: int, alone: int, attempt: Mapping[str, Any] | None = None
    ) -> None:
        self.act, self.kind, self.count, self.alone = act, kind, count, alone
        super().__init__(f"{act} {kind}: a second person has to approve", attempt=attempt)


class NotFound(Exception):
    """No such record, or none that the asker may know of: the two look the same from outside."""

    def __init__(self, record: str = "") -> None:
        self.record = record
        super().__init__("no such record")


class Conflict(Exception):
    """The record has moved on: it is at version `current`, the change was built on another."""

    def __init__(self, current: int) -> None:
        self.current = current
        super().__init__(f"the record is at version {current} now; look at it again before changing it")


class Malformed(ValueError):
    """A request that no rule could judge: a missing field, an unknown kind, a wrong type."""


class Unavailable(Exception):
    """The writer did not answer; whether the change was stored is not known."""


def to_wire(fault: Exception) -> dict[str, Any]:
    """An error as JSON for the socket. Unknown errors say nothing of their insides."""
    match fault:
        case NeedsSecond():
            counts = {"count": fault.count, "alone": fault.alone}
            return {"error": "needs_second", "act": fault.act, "kind": fault.kind, **counts}
        case Refused():
            return {"error": "refused", "reason": fault.reason, "would": [list(w) for w in fault.would]}
        case NotFound():
            return {"error": "not_found", "record": fault.record}
        case Conflict():
            return {"error": "conflict", "current": fault.current}
        case PartRefused():
            return {"error": "part", "kind": fault.kind, "errors": [list(e) for e in fault.errors]}
        case ValueError():
            return {"error": "malformed", "reason": str(fault)}
        case Unavailable():
            return {"error": "unavailable", "reason": str(fault)}
    return {"error": "unavailable", "reason": "the writer could not do this"}


def from_wire(answer: dict[str, Any]) -> Exception:
    match answer["error"]:
        case "needs_second":
            return NeedsSecond(answer["act"], answer["kind"], answer["count"], answer["alone"])
        case "refused":
            return Refused(answer["reason"], [(g, s) for g, s in answer["would"]])
        case "not_found":
            return NotFound(answer["record"])
        case "conflict":
            return Conflict(answer["current"])
        case "part":
            return PartRefused(answer["kind"], [(p, f, w) for p, f, w in answer["errors"]])
        case "malformed":
            return Malformed(answer["reason"])
    return Unavailable(answer.get("reason", ""))
