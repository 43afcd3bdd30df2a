"""The work on devices: enrol, hand out a credential anew, revoke; what the person whose a device is says to it; and who
it is to the protocols."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from safeconduct.agreement.policy import Subject
from safeconduct.field import credentials
from safeconduct.field.cot_devices import Device
from safeconduct.field.device_kinds import DEVICE
from safeconduct.field.device_word import CONFIRMED, REVOKED, WAITING, WORD, state_by
from safeconduct.records import here
from safeconduct.records.commit import Committed, Draft, commit
from safeconduct.records.door import Door
from safeconduct.records.find import Query, find
from safeconduct.records.principals import to_wire
from safeconduct.records.refusals import NotFound
from safeconduct.records.release import Released, release


def enrol(actor: Subject, parts: Mapping[str, Any], door: Door | None = None) -> tuple[Committed, str]:
    """Enrol a device; returns its record and its credential, which nobody can be shown again. One that shows what
    somebody else may see waits for that person's word."""
    link = parts.get("link") or {}
    assigned = [account] if (account := link.get("account")) else None
    state = state_by(actor.person, parts["identity"], link)
    made = commit(actor, Draft(DEVICE.name, parts, state=state, assigned=assigned, releasable=()), door=door)
    return made, credentials.issue(made.record)


def renew(actor: Subject, device: str, seen: int, door: Door | None = None) -> tuple[Committed, str]:
    """Give a device another credential, because the first was lost or seen; the first ends at once, and with it the
    word that was given for it."""
    found = device_of(actor, device)
    state = state_by(actor.person, found.parts.get("identity") or {}, found.parts.get("link"))
    made = commit(actor, Draft(DEVICE.name, {}, record=device, expected=seen, state=state), door=door)
    return made, credentials.issue(device)


def revoke(actor: Subject, device: str, seen: int, door: Door | None = None) -> Committed:
    """The device speaks to this node no more, from now on; connections that it holds are ended."""
    made = commit(actor, Draft(DEVICE.name, {}, record=device, expected=seen, state=REVOKED), door=door)
    credentials.revoke(device)
    return made


def confirm(actor: Subject, device: str, seen: int, door: Door | None = None) -> Committed:
    """The device is mine: it may show what I may see, for as long as nobody does anything to it."""
    draft = Draft(DEVICE.name, {}, record=device, expected=seen, state=CONFIRMED)
    return commit(actor, draft, WORD, door=door)


def take_code(actor: Subject, device: str, seen: int, door: Door | None = None) -> tuple[Committed, str]:
    """The device is mine, by a credential that nobody but its bearer has seen: who enrolled it may have kept the first.

    It waits while the credentials change, so that the first never opens what the word is given for.
    """
    draft = Draft(DEVICE.name, {}, record=device, expected=seen, state=WAITING)
    waits = commit(actor, draft, WORD, door=door)
    credential = credentials.issue(device)
    return confirm(actor, device, waits.version, door), credential


def disown(actor: Subject, device: str, seen: int, door: Door | None = None) -> Committed:
    """The device is not mine, or no more: it is revoked, whoever enrolled it."""
    draft = Draft(DEVICE.name, {}, record=device, expected=seen, state=REVOKED)
    made = commit(actor, draft, WORD, door=door)
    credentials.revoke(device)
    return made


@dataclass(frozen=True)
class OwnDevice:
    """A device that speaks for somebody, and the persons who enrolled it or gave it a credential."""

    record: Released
    by: tuple[str, ...]


def own_devices(reader: Subject, door: Door | None = None) -> list[OwnDevice]:
    """The devices that speak for the reader and are not revoked, as far as the reader may see them."""
    if not reader.roles:
        return []
    told = (door or here.door()).call("own_devices", {"actor": to_wire(reader)})
    by: Mapping[str, list[str]] = told["devices"]
    if not by:
        return []
    query = Query(DEVICE.name, ids=tuple(by), sort="at", limit=len(by))
    return [OwnDevice(each, tuple(by[each.id])) for each in find(reader, query, door=door).records]


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
        return Device(device, said["name"], person, said["movement"], said["reads_as"])
