"""What a site's alarm system reports: JSON or a form with `event`, and perhaps `at`, `text`, `id`, `exercise`.

A call for help (panic, duress, hold-up, an attack under way) is an SOS of the site; everything else that is an alarm
becomes an incident report, for the room to look at. A restored or cleared alarm, a test and a heartbeat are answered
and not kept.
"""

from __future__ import annotations

from dataclasses import dataclass
from hashlib import sha256
from typing import Any, Final
from urllib.parse import parse_qs

from safeconduct.field.said import NotUnderstood, json_object

FIELDS = 64
CALLS: Final = frozenset({"sos", "panic", "duress", "hold_up", "holdup", "attack", "shots", "explosion"})
REPORTS: Final = {
    "perimeter": ("other", "perimeter alarm"),
    "intrusion": ("crime", "intrusion alarm"),
    "fence": ("other", "fence alarm"),
    "gate": ("other", "gate alarm"),
    "gate_forced": ("crime", "gate forced"),
    "access": ("other", "access control alarm"),
    "access_denied": ("other", "access denied"),
    "door_forced": ("crime", "door forced"),
    "door_held": ("other", "door held open"),
    "tamper": ("crime", "tampering"),
    "fire": ("accident", "fire alarm"),
    "smoke": ("accident", "smoke alarm"),
    "flood": ("natural", "water alarm"),
    "power": ("other", "power failure"),
}
QUIET: Final = frozenset(
    {"restore", "restored", "clear", "cleared", "test", "heartbeat", "ok", "armed", "disarmed"}
)


@dataclass(frozen=True)
class Alarm:
    """One report: `category` and `what` of the incident, or a call for help, or neither."""

    category: str = ""
    what: str = ""
    sos: bool = False
    at: str = ""
    text: str = ""
    key: str = ""
    exercise: bool = False


def fields_of(content_type: str, body: bytes) -> dict[str, str]:
    """The text fields of a JSON object or a form. Raises NotUnderstood."""
    if content_type == "application/json":
        given = list(json_object(body).items())[:FIELDS]
        return {name[:64]: _plain(value) for name, value in given if not isinstance(value, dict | list)}
    try:
        if content_type == "application/x-www-form-urlencoded":
            form = parse_qs(body.decode("utf-8"), max_num_fields=FIELDS, strict_parsing=bool(body))
            return {name[:64]: values[0] for name, values in form.items()}
    except ValueError:
        raise NotUnderstood("not a form") from None
    raise NotUnderstood("application/json or application/x-www-form-urlencoded")


def read(fields: dict[str, str]) -> Alarm:
    """What the alarm means. Raises NotUnderstood for an event that nobody here has named."""
    event = fields.get("event", "").strip().lower().replace("-", "_").replace(" ", "_")
    state = fields.get("state", "").strip().lower()
    if event in QUIET or state in QUIET:
        return Alarm()
    at, text = fields.get("at", "")[:40], fields.get("text", "")[:1_000]
    given = fields.get("id", "")
    key = sha256(f"{event}\n{given or (at and at + text)}".encode()).hexdigest() if given or at else ""
    exercise = fields.get("exercise", "").lower() in ("true", "1", "yes")
    if event in CALLS:
        return Alarm(what=event, sos=True, at=at, text=text, key=key, exercise=exercise)
    if event not in REPORTS:
        raise NotUnderstood("event is one of " + ", ".join(sorted({*REPORTS, *CALLS, *QUIET})))
    category, what = REPORTS[event]
    return Alarm(category, what, False, at, text, key, exercise)


def _plain(value: Any) -> str:
    return "true" if value is True else "" if value in (None, False) else str(value)
