"""The writer's side of what devices say: which journey they are on, their SOS, their alarm. A device that was revoked
a moment ago says nothing more: the writer looks at its record each time."""

from __future__ import annotations

import math
from typing import Any

from safeconduct.field.device_kinds import DEVICE
from safeconduct.field.device_word import reads_as
from safeconduct.records.commit import Draft, store
from safeconduct.records.history import authors
from safeconduct.records.hooks import job
from safeconduct.records.kinds import kind
from safeconduct.records.moments import instant
from safeconduct.records.once import once
from safeconduct.records.principals import SYSTEM, system_subject
from safeconduct.records.refusals import NotFound
from safeconduct.records.rows import RowView, item_of
from safeconduct.records.transaction import Tx, iso
from safeconduct.watch.sos_kinds import SOS
from safeconduct.watch.sos_writer import sos_job

MOVEMENT = "movement"
EARLY = 3_600.0
"""Seconds before a journey's earliest departure from which on its positions are kept."""
BELIEVED = 86_400.0
"""Seconds by which a device's clock may be off: beyond, the moment counts at which this node heard of it."""
SAME_CALL = 600.0
MOST_OWN = 200
"""Devices of one person that are listed."""
MOST_CALLS = 10
"""Calls for help of one site alarm, in different words, that may be open at a time."""
CALLS = {
    "phone": "person",
    "tak": "person",
    "tracker": "vehicle",
    "site_alarm": "site",
    "sms_gateway": "device",
}
"""What kind of SOS a category of device raises."""

Answer = dict[str, Any]


@job("field_device")
def device_job(tx: Tx, payload: Answer) -> Answer:
    """What a device is, and the journey it is on now, with the moment (epoch seconds) from which on positions belong
    to that; `movement` is empty when there is none. `reads_as` is who may see what it is shown now, "" for nobody.
    Raises NotFound for a device that is not enrolled."""
    row, identity, link = enrolled(tx, str(payload["device"]))
    journey = _journey(tx, identity, link)
    return {
        "device": row.id,
        "name": identity["name"],
        "category": identity["category"],
        "protocol": identity["protocol"],
        "site": identity.get("site", ""),
        "person": link.get("account") or row.id,
        "movement": journey[0].id if journey else "",
        "since": journey[1] if journey else 0.0,
        "reads_as": reads_as(row, tx.now),
    }


@job("own_devices")
def own_devices_job(tx: Tx, payload: Answer) -> Answer:
    """The devices that speak for the person who asks and are not revoked, each with who enrolled it."""
    person = tx.subject(payload["actor"]).person
    rows = tx.rows_open(DEVICE.name, person) if person else []
    own = [row for row in rows if (row.values().get("link") or {}).get("account") == person]
    return {"devices": {row.id: sorted(authors(tx, row.id)) for row in own[:MOST_OWN]}}


@job("field_sos")
def device_sos_job(tx: Tx, payload: Answer) -> Answer:
    """Raise an SOS for a device that asks for help; while it has one that is open, that is the answer.

    An exercise is never the answer to the real thing. Behind the alarm of a site stand many people: what it says in
    other words is another call for help. A clock that is a day off is not believed, and stops nothing.
    """
    row, identity, link = enrolled(tx, str(payload["device"]))
    exercise, text = bool(payload.get("exercise")), str(payload.get("text") or "")[:1_000]
    waiting = [each for each in tx.rows_open(SOS.name, row.id) if _is_of(each, row.id, exercise)]
    if identity["category"] == "site_alarm" and len(waiting) < MOST_CALLS:
        waiting = [each for each in waiting if (each.values().get("words") or {}).get("text", "") == text]
    for each in waiting:
        return {"record": each.id, "version": each.version, "index": each.ledger_index}
    journey = _journey(tx, identity, link)
    site = tx.row(identity.get("site") or "")
    about = journey[0].id if journey else (site.id if site is not None and site.kind == "site" else "")
    at, key = _pressed(payload, tx.now)
    parts: Answer = {
        "call": {
            "category": CALLS[identity["category"]],
            "at": at,
            "means": "device",
            "headline": identity["name"],
            "exercise": exercise,
        },
        "caller": {"person": link.get("account", ""), "name": link.get("holder", ""), "device": row.id},
    }
    if payload.get("place"):
        parts["place"] = {**payload["place"], "source": "device"}
    if text:
        parts["words"] = {"text": text}
    told = {"actor": {"person": SYSTEM}, "parts": parts, "about": about, "key": f"{row.id}\n{key}"}
    return sos_job(tx, told)


def _is_of(sos: RowView, device: str, exercise: bool) -> bool:
    values = sos.values()
    ours = (values.get("caller") or {}).get("device") == device
    return ours and bool((values.get("call") or {}).get("exercise")) == exercise


def _pressed(payload: Answer, now: float) -> tuple[str, str]:
    """When a device asked for help, and what is the same for the same call however often it is sent: the sender's own
    number for it, else its moment. A clock that is a day off says the same moment again and again; its calls are the
    same for some minutes only, so that a later one is heard."""
    given = str(payload.get("at") or iso(now))
    try:
        at = instant(given).timestamp()
    except ValueError:
        at = math.nan
    right = abs(at - now) <= BELIEVED
    exercise = "exercise\n" if payload.get("exercise") else ""
    key = str(payload.get("key") or "") or (given if right else f"{given[:40]}\n{now // SAME_CALL:.0f}")
    return (iso(at) if right else iso(now)), exercise + key


@job("field_alarm")
def alarm_job(tx: Tx, payload: Answer) -> Answer:
    """Store what a site's alarm reported as an incident; the same report sent again is one."""
    row, identity, _link = enrolled(tx, str(payload["device"]))
    site = tx.row(identity.get("site") or "")
    title = f"{identity['name']}: {payload['what']}"[:200]
    parts: Answer = {
        "summary": {
            "title": title,
            "narrative": str(payload.get("text", ""))[:5_000],
            "category": payload["category"],
            "exercise": bool(payload.get("exercise")),
        },
        "when": {"start": _past(payload.get("at"), tx.now)},
    }
    district = _district(site)
    parts["where"] = {"place": identity["name"], **({"district": district} if district else {})}
    incident = kind("incident")
    system = system_subject(tx.home.party)
    draft = Draft("incident", parts, state="immediate", derived_from=[row.id])
    key = str(payload.get("key") or "")
    return once(tx, f"alarm\n{row.id}", key, lambda: store(tx, system, "write", incident, draft))


def enrolled(tx: Tx, device: str) -> tuple[RowView, Answer, Answer]:
    """A device with its identity and whose it is. Raises NotFound for one that is not enrolled. One that waits for
    its person's word is heard like any other: what it sends is never refused for want of that."""
    row = tx.row(device)
    if row is None or row.kind != DEVICE.name or row.withdrawn or row.state in DEVICE.final:
        raise NotFound(device)
    values = row.values()
    return row, values["identity"], values.get("link") or {}


def _journey(tx: Tx, identity: Answer, link: Answer) -> tuple[RowView, float] | None:
    """The open journey of the device: its own movement, that of the account that carries it, or its vehicle's."""
    found: list[tuple[bool, float, RowView]] = []
    movement, account, plate = identity.get("movement"), link.get("account"), identity.get("vehicle")
    rows = [tx.row(movement)] if movement else []
    for mentioned in filter(None, (account, plate)):
        rows += tx.rows_open(MOVEMENT, mentioned)
    for row in rows:
        if row is None or row.kind != MOVEMENT or row.withdrawn or row.state in kind(MOVEMENT).final:
            continue
        values = row.values()
        plates = {v.get("plate") for v in (values.get("vehicles") or {}).get("vehicles", ())}
        if row.id != movement and account not in item_of(row).assigned and plate not in plates - {""}:
            continue
        since = instant(values["notice"]["since"]).timestamp() - EARLY
        if row.state != "notified" or since <= tx.now:
            found.append((row.state != "notified", since, row))
    if not found:
        return None
    _underway, since, row = max(found, key=lambda each: each[:2])
    return row, since


def _past(at: object, now: float) -> str:
    try:
        moment = instant(str(at)).timestamp()
    except ValueError:
        return iso(now)
    return iso(min(moment, now))


def _district(site: RowView | None) -> str:
    if site is None or site.kind != "site":
        return ""
    for part in site.values().values():
        if isinstance(part, dict) and part.get("district"):
            return str(part["district"])
    return ""
