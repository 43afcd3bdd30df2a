"""The work on alerts: count whom one reaches, issue it, update it, cancel it, answer it.

Each function acts in the name of a person and raises what `records.commit` raises: Refused (with the clause that would
allow it), NotFound, Conflict, PartRefused, Malformed or Unavailable.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from safeconduct.agreement.policy import Subject
from safeconduct.records import here, principals
from safeconduct.records.commit import Committed
from safeconduct.records.door import Door

Parts = Mapping[str, Mapping[str, Any]]


def count_audience(actor: Subject, area: Mapping[str, Any], door: Door | None = None) -> dict[str, int]:
    """How many persons, accounts, sites and open journeys of this party an area reaches, before anything is sent."""
    payload = {"actor": principals.to_wire(actor), "area": dict(area)}
    found: dict[str, int] = (door or here.door()).call("alert_count", payload)
    return found


def silence(actor: Subject, alert: str, door: Door | None = None) -> dict[str, int]:
    """Of how many of this party's persons an alert is for (`persons`), how many have not answered (`silent`)."""
    payload = {"actor": principals.to_wire(actor), "alert": alert}
    found: dict[str, int] = (door or here.door()).call("alert_silence", payload)
    return found


def issue_alert(actor: Subject, parts: Parts, key: str = "", door: Door | None = None) -> Committed:
    """Alert everybody in an area, at sites, of organisations or on open journeys; the same `key` counts once."""
    return _call("alert_issue", actor, {"parts": _plain(parts), "key": key}, door)


def update_alert(
    actor: Subject,
    alert: str,
    seen: int,
    parts: Parts,
    new_danger: bool = False,
    door: Door | None = None,
) -> Committed:
    """Say it anew, on the version that was `seen`. Who has answered is not paged again, unless the danger is new."""
    payload = {"alert": alert, "seen": seen, "parts": _plain(parts), "new_danger": new_danger}
    return _call("alert_update", actor, payload, door)


def cancel_alert(actor: Subject, alert: str, seen: int, door: Door | None = None) -> Committed:
    """The danger is over, or never was. Nobody is paged for it; every screen shows it."""
    return _call("alert_update", actor, {"alert": alert, "seen": seen, "parts": {}, "cancel": True}, door)


def answer_alert(
    actor: Subject,
    alert: str,
    answer: str,
    at: str | None = None,
    means: str = "page",
    version: int | None = None,
    round_: int | None = None,
    who: Mapping[str, Any] | None = None,
    account: str = "",
    key: str = "",
    door: Door | None = None,
) -> Committed:
    """Received, safe, or needs help (which goes up the ladder); `at` is when it was said, long past or now.

    `account` is whose answer it is if not the actor's own: a warden answers for a group one by one.
    """
    receipt = {"answer": answer, "means": means, "at": at, "version": version, "round": round_}
    parts: dict[str, Any] = {"receipt": {name: value for name, value in receipt.items() if value is not None}}
    if who:
        parts["who"] = dict(who)
    payload = {"alert": alert, "parts": parts, "account": account, "key": key}
    return _call("alert_acknowledge", actor, payload, door)


def _plain(parts: Parts) -> dict[str, Any]:
    return {name: dict(part) for name, part in parts.items()}


def _call(job: str, actor: Subject, payload: dict[str, Any], door: Door | None) -> Committed:
    answer = (door or here.door()).call(job, {"actor": principals.to_wire(actor), **payload})
    return Committed(answer["record"], answer["version"], answer["index"])
