"""The acts around a sealed bundle, for pages and commands: make one, take one, enter its code.

The code is made and heard here, in the process that shows it and asks for it. The writer gets the key that was
made of it, and no ledger, file or log has either.
"""

from __future__ import annotations

import base64
import secrets
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from safeconduct.agreement.policy import Subject
from safeconduct.exchange.spoken import SALT_BYTES, CodeRefused, as_words, heard, key_of, new_code, written
from safeconduct.records import here
from safeconduct.records.principals import to_wire
from safeconduct.records.refusals import NotFound


@dataclass(frozen=True)
class Sealed:
    """A sealed bundle as it was made. The code is shown once and is nowhere else: `spoken` are its groups in words."""

    bundle: str
    file: bytes
    code: str
    spoken: tuple[str, ...]
    records: tuple[tuple[str, str], ...]
    expires: datetime


@dataclass(frozen=True)
class Waiting:
    """A partner's sealed bundle here. `state` is waiting, opened, taken back or expired; `wait` in seconds."""

    bundle: str
    partner: str
    made: datetime
    received: datetime
    expires: datetime
    state: str
    at: datetime
    tries: int
    wait: float
    salt: bytes


class WrongCode(CodeRefused):
    """The code does not open this bundle; after `seconds` another may be tried. It was counted: `tries`."""

    def __init__(self, reason: str, seconds: float, tries: int) -> None:
        self.seconds = seconds
        self.tries = tries
        super().__init__(reason)


def seal(actor: Subject, records: list[str], partner: str) -> Sealed:
    """Make a sealed bundle of own time-locked records, and of those about them, for a partner.

    Raises NotFound; Refused when no clause lets the partner have them at the opening, or no rule lets the actor
    export them; Malformed.
    """
    code, salt = new_code(), secrets.token_bytes(SALT_BYTES)
    payload = {
        "actor": to_wire(actor),
        "partner": partner,
        "records": records,
        "key": key_of(code, salt).hex(),
        "salt": salt.hex(),
    }
    answer = here.door().call("exchange_seal", payload)
    text = written(code)
    return Sealed(
        bundle=answer["bundle"],
        file=base64.b64decode(answer["file"]),
        code=text,
        spoken=tuple(as_words(text)),
        records=tuple((record, kind) for record, kind in answer["records"]),
        expires=_moment(answer["expires"]),
    )


def file_of(actor: Subject, bundle: str) -> bytes:
    """The file of a sealed bundle that this node made. Raises NotFound."""
    payload = {"actor": to_wire(actor), "bundle": bundle}
    return base64.b64decode(here.door().call("exchange_sealed_file", payload)["file"])


def sealable(actor: Subject, record: str) -> list[tuple[str, int, datetime]]:
    """(partner, number of records, when the last lock opens) for whom the actor could seal a record now."""
    answer = here.door().call("exchange_sealable", {"actor": to_wire(actor), "record": record})
    return [(each["partner"], each["records"], _moment(each["opens"])) for each in answer["partners"]]


def take(actor: Subject, file: bytes) -> Waiting:
    """Keep a partner's sealed bundle until its code comes. Raises Malformed for a file that is not for this node."""
    payload = {"actor": to_wire(actor), "file": base64.b64encode(file).decode()}
    return _waiting(actor, here.door().call("exchange_sealed_take", payload)["bundle"])


def waiting(actor: Subject) -> list[Waiting]:
    """The sealed bundles that came to this node, the latest first. Raises Refused."""
    answer = here.door().call("exchange_sealed_waiting", {"actor": to_wire(actor)})
    return [_of(each) for each in answer["bundles"]]


def enter_code(actor: Subject, bundle: str, spoken: str) -> list[tuple[str, str, str]]:
    """Open a bundle with the code that was heard: (record, kind, what became of it) for each record in it.

    Raises CodeRefused for a group that was misheard, which counts for nothing; WrongCode; NotFound; Malformed.
    """
    code = heard(spoken)
    found = _waiting(actor, bundle)
    if found.wait > 0:
        raise WrongCode(f"after a wrong code, wait {found.wait:.0f} s", found.wait, found.tries)
    payload = {"actor": to_wire(actor), "bundle": bundle, "key": key_of(code, found.salt).hex()}
    answer = here.door().call("exchange_sealed_open", payload)
    if answer["status"] == "opened":
        return [(record, kind, outcome) for record, kind, outcome in answer["records"]]
    seconds, tries = answer["seconds"], answer["tries"]
    raise WrongCode(f"this code does not open the bundle; wait {seconds:.0f} s", seconds, tries)


def _waiting(actor: Subject, bundle: str) -> Waiting:
    for each in waiting(actor):
        if each.bundle == bundle:
            return each
    raise NotFound(bundle)


def _of(each: dict[str, Any]) -> Waiting:
    return Waiting(
        bundle=each["bundle"],
        partner=each["partner"],
        made=_moment(each["made"]),
        received=_moment(each["received"]),
        expires=_moment(each["expires"]),
        state=each["state"],
        at=_moment(each["at"]),
        tries=each["tries"],
        wait=each["wait"],
        salt=bytes.fromhex(each["salt"]),
    )


def _moment(seconds: float) -> datetime:
    return datetime.fromtimestamp(seconds, UTC)
