"""Whoever a device waits for is told; and what becomes of those that were enrolled before anybody was asked.

Such a device goes on showing things for two weeks, since somebody on the road may depend on it tonight. It is marked as
one that nobody has confirmed, the person is told at once and again before the end, and the end is in the forenoon of
the node's own day. Then it shows nothing until its person's word; what it sends counts all the time.
"""

from __future__ import annotations

from datetime import UTC, datetime, time, timedelta
from typing import Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from safeconduct.field.device_kinds import DEVICE
from safeconduct.field.device_word import ENROLLED, PROVISIONAL, WAITING, whose
from safeconduct.notify.rota import Told
from safeconduct.notify.telling import tell
from safeconduct.records.commit import Draft, store
from safeconduct.records.events import log_event
from safeconduct.records.hooks import job, on_policy, on_tick, on_version
from safeconduct.records.moments import instant
from safeconduct.records.own import own_rows
from safeconduct.records.principals import system_subject
from safeconduct.records.rows import RowView
from safeconduct.records.transaction import Tx, iso
from safeconduct.timers.due import arm, timer

TERM_DAYS, REMIND_DAYS = 14, 3
END_HOUR = 11
"""The hour of the node's day (`time_zone` in node.toml) at which a term ends."""
EVERY = 60.0
AT_ONCE = 200
TIMER = "device_term"


@on_version
def tell_whose_it_is(tx: Tx, row: Any, index: int) -> None:
    """A device that waits for a person's word tells that person so, once for each version that makes it wait; not of
    what they do themselves."""
    if row.kind != DEVICE.name or row.originator != tx.home.party or row.state not in (WAITING, PROVISIONAL):
        return
    if tx.header(index)["by"] != _person(row):
        _tell(tx, row, f"device|{row.id}|{row.version}")


@on_policy
def tell_who_may_know_now(tx: Tx, _before: Any, _after: Any) -> None:
    """A rule that lets people answer may come later than the devices; who was told lately is not told again."""
    for row in own_rows(tx, DEVICE.name, states=(WAITING, PROVISIONAL)):
        _tell(tx, row, f"device|{row.id}|{row.version}")


@on_tick(TIMER, EVERY)
def begin_terms(tx: Tx) -> None:
    """Give those a term that an earlier program enrolled, when nobody was asked."""
    begun = 0
    for row in own_rows(tx, DEVICE.name, states=(ENROLLED,), category="tak"):
        if begun < AT_ONCE and _person(row):
            begun += tx.attempt(lambda row=row: _begin(tx, row)) is None  # type: ignore[misc]
    if begun:
        log_event("devices_unconfirmed", count=begun)


@job("devices_unconfirmed")
def unconfirmed_job(tx: Tx, _payload: dict[str, Any]) -> dict[str, Any]:
    """How many devices show things on nobody's word, and when the first of them shows nothing any more."""
    rows = own_rows(tx, DEVICE.name, states=(PROVISIONAL,))
    ends = [until for row in rows if (until := _until(row)) and _person(row)]
    return {"count": len(ends), "until": min(ends, default="")}


def _begin(tx: Tx, row: RowView) -> None:
    end = end_of_term(tx.now, str(tx.home.settings.get("time_zone", "UTC")))
    link = {**row.values()["link"], "until": iso(end)}
    _store(tx, row, PROVISIONAL, {"link": link}, [_person(row)])
    arm(tx, f"{TIMER}|{row.id}", end - REMIND_DAYS * 86_400.0, TIMER, {"device": row.id})


def end_of_term(now: float, zone: str) -> float:
    """The forenoon after two weeks, by the node's own clock; epoch seconds."""
    try:
        place = ZoneInfo(zone)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        place = ZoneInfo("UTC")
    day = (datetime.fromtimestamp(now, UTC).astimezone(place) + timedelta(days=TERM_DAYS + 1)).date()
    return datetime.combine(day, time(END_HOUR), place).timestamp()


@timer(TIMER)
def go_on(tx: Tx, payload: dict[str, Any], _due: float) -> None:
    """The reminder, and then the end. A device about which something was said meanwhile is none of this."""
    row = tx.row(str(payload["device"]))
    if row is None or row.kind != DEVICE.name or row.withdrawn or row.state != PROVISIONAL:
        return
    end = instant(_until(row)).timestamp()
    if end > tx.now:
        _tell(tx, row, f"device|{row.id}|{row.version}|soon")
        arm(tx, f"{TIMER}|{row.id}", end, TIMER, payload)
    else:
        _store(tx, row, WAITING, {}, None)


def _store(tx: Tx, row: RowView, state: str, parts: dict[str, Any], assigned: list[str] | None) -> None:
    draft = Draft(DEVICE.name, parts, record=row.id, expected=row.version, state=state, assigned=assigned)
    store(tx, system_subject(tx.home.party), "write", DEVICE, draft)


def _tell(tx: Tx, row: RowView, occasion: str) -> None:
    if person := _person(row):
        tell(tx, row, [Told(person, by_name=True)], occasion=occasion)


def _person(row: RowView) -> str:
    values = row.values()
    return whose(values.get("identity") or {}, values.get("link"))


def _until(row: RowView) -> str:
    return str((row.values().get("link") or {}).get("until") or "")
