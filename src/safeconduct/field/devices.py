"""The work on devices: enrol, hand out a credential anew, revoke; and who a device is to the protocols."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from safeconduct.agreement.policy import Subject
from safeconduct.field import credentials
from safeconduct.field.cot_devices import Device
from safeconduct.field.device_kinds import DEVICE
from safeconduct.records import here
from safeconduct.records.commit import Committed, Draft, commit
from safeconduct.records.door import Door
from safeconduct.records.refusals import NotFound
from safeconduct.records.release import Released, release


def enrol(actor: Subject, parts: Mapping[str, Any], door: Door | None = None) -> tuple[Committed, str]:
    """Enrol a device; returns its record and its credential, which nobody can be shown again."""
    assigned = [account] if (account := (parts.get("link") or {}).get("account")) else None
    made = commit(
        actor, Draft(DEVICE.name, parts, state="enrolled", assigned=assigned, releasable=()), door=door
    )
    return made, credentials.issue(made.record)


def renew(actor: Subject, device: str, seen: int, door: Door | None = None) -> tuple[Committed, str]:
    """Give a device another credential, because the first was lost or seen; the first ends at once."""
    made = commit(actor, Draft(DEVICE.name, {}, record=device, expected=seen, state="enrolled"), door=door)
    return made, credentials.issue(device)


def revoke(actor: Subject, device: str, seen: int, door: Door | None = None) -> Committed:
    """The device speaks to this node no more, from now on; connections that it holds are ended."""
    made = commit(actor, Draft(DEVICE.name, {}, record=device, expected=seen, state="revoked"), door=door)
    credentials.revoke(device)
    return made


def device_of(reader: Subject, record: str) -> Released:
    """A device by its id. Raises NotFound for a record of another kind as for none."""
    found = release(reader, record)
    if found.kind != DEVICE.name:
        raise NotFound(record)
    return found


class Enrolled:
    """The devices of this node as the listeners ask for them. Asks databases: called in a thread."""

    def by_certificate(self, fingerprint: bytes) -> Device | None:
        found = credentials.device_of_certificate(fingerprint)
        return self._described(found) if found else None

    def by_token(self, text: str) -> Device | None:
        found = credentials.device_of(text)
        return self._described(found) if found else None

    def _described(self, device: str) -> Device | None:
        try:
            said = here.door().call("field_device", {"device": device})
        except NotFound:
            return None
        person = "" if said["person"] == device else said["person"]
        return Device(device, said["name"], person, said["movement"])
