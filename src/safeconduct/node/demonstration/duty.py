"""Who is on duty in the demonstration, how they are reached, and which ladders hold. All of it is made up, and every
channel leads to a file on this machine: nothing leaves it."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from safeconduct.node.demonstration.cast import CAST
from safeconduct.node.demonstration.register import put
from safeconduct.node.loopback import Gateway, Message
from safeconduct.records.commit import Draft
from safeconduct.records.door import Door
from safeconduct.records.transaction import iso

OUTSIDE = "outside.log"
"""In the demonstration's folder: every message that would have left for a provider, as it would have read there."""
HOUR = 3_600.0
WATCH = "watch_officer"

POINTS: Mapping[str, Sequence[tuple[str, str, str, str]]] = {
    "host": (
        ("watch", "sms", "+92000000001", "en"),
        ("watch", "email", "watch@host.example", "en"),
        ("coordinator", "email", "coordinator@host.example", "en"),
        ("commander", "sms", "+92000000002", "ur"),
        ("commander-karachi", "sms", "+92000000003", "ur"),
        ("liaison", "email", "liaison@host.example", "en"),
        ("signatory", "sms", "+92000000004", "en"),
    ),
    "partner": (
        ("watch", "sms", "+86000000001", "zh-hans"),
        ("watch", "webhook", "embassy-watch", "zh-hans"),
        ("coordinator", "email", "coordinator@partner.example", "zh-hans"),
        ("manager", "sms", "+86000000002", "zh-hans"),
        ("security", "email", "security@partner.example", "en"),
        ("traveller", "sms", "+86000000003", "zh-hans"),
        ("warden", "sms", "+86000000004", "zh-hans"),
    ),
}
"""By side: account, channel, address, language; the first of an account is tried first."""

SHIFTS: Mapping[str, Sequence[tuple[str, str, str, float, float, str]]] = {
    "host": (
        ("coordinator", WATCH, "", -12, -4, "handed_over"),
        ("watch", WATCH, "", -4, 4, "on_duty"),
        ("coordinator", WATCH, "", 4, 12, "planned"),
        ("commander", "", "gwadar-police", -4, 20, "on_duty"),
        ("commander-karachi", "", "karachi-police", -4, 20, "on_duty"),
    ),
    "partner": (
        ("coordinator", WATCH, "", -12, -4, "handed_over"),
        ("watch", WATCH, "", -4, 4, "on_duty"),
        ("security", WATCH, "", 4, 12, "planned"),
        ("manager", "security_manager", "", -4, 20, "on_duty"),
    ),
}
"""By side: account, role, unit, from and to in hours from now, state."""

LADDERS: Mapping[str, Sequence[tuple[Mapping[str, str], Sequence[tuple[float, Sequence[str]]]]]] = {
    "host": (
        ({"kind": "sos"}, ((0, (WATCH, "duty_bearer")), (60, ("coordinator",)), (180, ("commander", "signatory")))),
        ({"kind": "sos", "district": "Gwadar"}, ((0, (WATCH, "duty_bearer", "commander")), (60, ("coordinator",)))),
        ({"kind": "muster"}, ((0, (WATCH,)), (120, ("coordinator",)))),
    ),
    "partner": (
        ({"kind": "sos"}, ((0, (WATCH, "security_manager")), (60, ("coordinator", "security_officer")))),
        ({"kind": "muster"}, ((0, (WATCH,)), (120, ("coordinator",)))),
        ({"kind": "alert"}, ((0, (WATCH, "security_officer")), (300, ("coordinator",)))),
    ),
}  # fmt: skip
"""By side: for what, and after how many seconds which roles are told. One more holds for the Partner's first site."""
NIGHT = "Quiet night. Convoy of the port company left on time; the gate camera of the port site is being repaired."
LOG = (
    (-3.6, "Gate camera of the port site is out of order; the guard walks the fence every half hour."),
    (-1.2, "Telephone check with the other room: both lines work."),
)


def outside(folder: Path) -> Gateway:
    """What stands for the providers of both nodes: it writes down what it gets. The caller closes it."""
    path = folder / OUTSIDE

    def note(message: Message) -> None:
        line = f"{datetime.now(UTC):%Y-%m-%d %H:%M:%S} {message.channel} {message.to}: {message.text!r}\n"
        with path.open("a", encoding="utf-8") as out:
            out.write(line)

    return Gateway(note=note)


def begin_duty(side: str, party: str, person: Callable[[str], str], first_site: str, door: Door) -> None:
    """Put contact points, shifts, ladders, the night's log and its hand-over on record. `person` is the id by which
    records name the person of an account."""
    now = time.time()
    put(
        party,
        [
            *_points(side, person),
            *_shifts(side, person, now),
            *_ladders(side, first_site),
            *(Draft("shift_entry", {"entry": {"at": iso(now + hours * HOUR), "text": text, "by": "Watch officer"}})
              for hours, text in LOG),
        ],
        door,
    )  # fmt: skip


def _points(side: str, person: Callable[[str], str]) -> list[Draft]:
    found, orders = [], dict[str, int]()
    for account, channel, address, language in POINTS[side]:
        orders[account] = orders.get(account, 0) + 1
        part = {"channel": channel, "address": address, "order": orders[account], "language": language}
        found.append(Draft("contact_point", {"address": part}, assigned=[person(account)], releasable=()))
    return found


def _shifts(side: str, person: Callable[[str], str], now: float) -> list[Draft]:
    found, names = [], {part.username: part.name for part in CAST[side]}
    for account, role, unit, since, until, state in SHIFTS[side]:
        part: dict[str, Any] = {
            "person": person(account), "name": names[account],
            "since": iso(now + since * HOUR), "until": iso(now + until * HOUR),
        }  # fmt: skip
        part |= {"role": role} if role else {"unit": unit}
        found.append(
            Draft("on_call", {"shift": part}, state=state, assigned=[person(account)], releasable=())
        )
    return found


def _ladders(side: str, first_site: str) -> list[Draft]:
    own = [*LADDERS[side]]
    if first_site:
        own.append(
            ({"kind": "sos", "site": first_site}, ((0, (WATCH, "security_manager", "security_officer")),))
        )
    return [
        Draft(
            "ladder",
            {
                "scope": dict(scope),
                "steps": {
                    "steps": [{"after_seconds": after, "roles": list(roles)} for after, roles in steps]
                },
            },
            state="in_force",
            releasable=(),
        )
        for scope, steps in own
    ]


def hand_over_night(person: Callable[[str], Any], door: Door) -> None:
    """The night's hand-over, written by who had the watch and taken over by who has it. `person` is the principal of
    an account."""
    from safeconduct.records.commit import commit

    now = time.time()
    before, after = person("coordinator"), person("watch")
    note = {
        "since": iso(now - 12 * HOUR), "until": iso(now - 4 * HOUR), "from_person": before.person,
        "from_name": "Co-ordinator", "text": NIGHT, "open": [],
    }  # fmt: skip
    written = commit(before, Draft("shift_handover", {"note": note}, state="written"), door=door)
    taken = {"at": iso(now - 4 * HOUR), "person": after.person, "name": "Watch officer"}
    draft = Draft(
        "shift_handover",
        {"acceptance": taken},
        record=written.record,
        expected=written.version,
        state="accepted",
    )
    commit(after, draft, door=door)
