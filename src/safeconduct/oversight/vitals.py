"""What a node measures of itself: sizes, ages and counts. No person, no place and no record's content is in it."""

from __future__ import annotations

import base64
import shutil
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from cryptography import x509

from safeconduct.oversight.link import LinkHealth, links
from safeconduct.records import here
from safeconduct.records.bus_link import addresses, standing
from safeconduct.records.door import Door
from safeconduct.records.home import Home, last_backup, last_restore_drill
from safeconduct.records.machines import several
from safeconduct.shell.since import READ


@dataclass(frozen=True)
class Vitals:
    """A node at one moment. Times in seconds since 1970, sizes in bytes.

    `timers`, `messages` and `recompute` are what the writer's jobs "timers", "notify" and "recompute" answer.
    `backup` is when the last backup was complete and `drill` when one was last restored on trial, None for never.
    `certificates` says by party when the certificate that is pinned for it ends, and `pages_certificate` when that of
    the pages does, None where they have none. `bus_lost` is since when this process or the writer has no line to NATS,
    None where both have one or need none. `vital` are the kinds on which lives may depend, as the clauses in force say.
    """

    at: float
    entries: int
    links: tuple[LinkHealth, ...]
    timers: Mapping[str, Any]
    messages: Mapping[str, Any]
    disk_free: int
    disk_size: int
    backup: float | None
    certificates: Mapping[str, float]
    vital: frozenset[str] = frozenset()
    recompute: Mapping[str, Any] = field(default_factory=dict)
    drill: float | None = None
    pages_certificate: float | None = None
    bus_lost: float | None = None
    unconfirmed: Mapping[str, Any] = field(default_factory=dict)

    @property
    def messages_oldest(self) -> float:
        """Seconds for which the oldest message outside has waited."""
        return _age(self.messages["since"], self.at)

    @property
    def notifier_silent(self) -> float | None:
        """Seconds since the notifier last asked for messages; None when it never did."""
        return _age(self.messages["asked"], self.at) if self.messages["asked"] else None


def vitals(now: float | None = None) -> Vitals:
    """Raises Unavailable when the writer does not answer."""
    home, door = here.home(), here.door()
    told = door.call("sequencer", {}) if several(home) else {}
    disk = shutil.disk_usage(home.path)
    return Vitals(
        at=time.time() if now is None else now,
        entries=_entries(),
        links=tuple(links(now)),
        timers=door.call("timers", {}),
        messages=door.call("notify", {}),
        disk_free=disk.free,
        disk_size=disk.total,
        backup=told["backup"] if told else last_backup(home),
        certificates=_certificates(home),
        vital=_vital(),
        recompute=door.call("recompute", {}),
        drill=told["drill"] if told else last_restore_drill(home),
        pages_certificate=_pages_certificate(home),
        bus_lost=_bus_lost(home, door),
        unconfirmed=door.call("devices_unconfirmed", {}),
    )


def _bus_lost(home: Home, door: Door) -> float | None:
    if not addresses(home):
        return None
    found, told = standing(home), door.call("bus", {})
    lost = [found[1]] if found is not None and not found[0] else []
    return min([*lost, *([told["since"]] if told and not told["connected"] else [])], default=None)


def _vital() -> frozenset[str]:
    grants = here.state().policy.grants.values()
    return frozenset(kind for placed in grants if placed.grant.life_safety for kind in placed.grant.kinds)


def _entries() -> int:
    found = here.tables().one(READ, [])
    return int(found[0]) if found else 0


def _certificates(home: Home) -> dict[str, float]:
    ends = {}
    for partner in home.partners.values():
        if pinned := partner.card.get("tls"):
            certificate = x509.load_der_x509_certificate(base64.b64decode(pinned))
            ends[partner.party] = certificate.not_valid_after_utc.timestamp()
    return ends


def _pages_certificate(home: Home) -> float | None:
    """When the certificate in the file ends; that a process still has an older one is not seen here."""
    named = home.settings.get("tls_certificate")
    if not named:
        return None
    try:
        held = x509.load_pem_x509_certificate((home.path / named).read_bytes())
    except (OSError, ValueError):
        return 0.0
    return held.not_valid_after_utc.timestamp()


def _age(moment: str, now: float) -> float:
    return max(0.0, now - datetime.fromisoformat(moment).timestamp()) if moment else 0.0
