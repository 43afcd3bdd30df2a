"""Bundles on a memory stick: the bytes that travel over HTTPS, sealed to the partner's card (HPKE, RFC 9180).

The file is `safeconduct-stick/v1` LF, then bundles, each with a length of four bytes before it. What is sealed
is a note, signed by the sender's feed key, that names sender, receiver and the bundle's hash, and the bundle.
"""

from __future__ import annotations

import base64
import hashlib
import os
import struct
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.hpke import AEAD, KDF, KEM, Suite

from safeconduct.exchange.bundle import MAX_BUNDLE
from safeconduct.exchange.delivery import feed_of
from safeconduct.exchange.identity import Card, feed_key, hpke_key
from safeconduct.exchange.inbound import partner_of
from safeconduct.ledger.notes import MAX_NOTE, NoteRefused, open_note, sign_note
from safeconduct.records.door import Door
from safeconduct.records.home import Home, Partner
from safeconduct.records.hooks import job
from safeconduct.records.transaction import Tx

MAGIC = b"safeconduct-stick/v1\n"
_LENGTH = struct.Struct(">I")
_NOTE = struct.Struct(">H")
_SUITE = Suite(KEM.X25519, KDF.HKDF_SHA256, AEAD.AES_256_GCM)
_OVERHEAD = 1024 + MAX_NOTE


class StickRefused(ValueError):
    """A file that is not for this node, not from this partner, or damaged."""


@dataclass(frozen=True)
class Report:
    """What was written or taken in: entries of the feed, and the size the receiver has after it."""

    partner: str
    bundles: int
    entries: int
    size: int
    status: str

    def __str__(self) -> str:
        count = f"{self.entries:,} {'entry' if self.entries == 1 else 'entries'}"
        return f"{self.partner}: {count} in {self.bundles} bundle(s), to size {self.size:,} ({self.status})"


@job("exchange_bundles")
def bundles_job(tx: Tx, payload: dict[str, Any]) -> dict[str, Any]:
    """One bundle for the partner from `start` on (None: from what it has acknowledged), in base64."""
    partner, _ = partner_of(tx, payload)
    feed = feed_of(tx.home, partner.party)
    ack = feed.acks().get("feed")
    start = payload.get("start")
    if start is None:
        start = ack.size if ack is not None else 0
    bundle = feed.bundle(int(start))
    return {
        "bundle": base64.b64encode(bundle.pack()).decode(),
        "start": bundle.start,
        "end": bundle.end,
        "size": feed.size,
    }


def export_bundle(home: Home, partner: str, path: Path, door: Door, since: int | None = None) -> Report:
    """Write to a file what a partner has not acknowledged, or everything from feed index `since` on.

    The file also carries this node's cosignatures, so that a stick each way closes the circle.
    """
    paired, card = _paired(home, partner)
    sealed: list[bytes] = []
    start, first = since, -1
    while True:
        answer = door.call("exchange_bundles", {"partner": paired.party, "start": start})
        first = answer["start"] if first < 0 else first
        sealed.append(_seal(home, card, base64.b64decode(answer["bundle"])))
        start = answer["end"]
        if start >= answer["size"]:
            break
    draft = path.with_name(path.name + ".part")
    with draft.open("wb") as target:
        target.write(MAGIC + b"".join(_LENGTH.pack(len(one)) + one for one in sealed))
        target.flush()
        os.fsync(target.fileno())
    draft.replace(path)
    return Report(paired.party, len(sealed), start - first, start, "written")


def import_bundle(home: Home, partner: str, path: Path, door: Door) -> Report:
    """Take in a file that a partner wrote for this node. Raises StickRefused or Malformed, taking in nothing
    of the bundle that is wrong and of those after it."""
    paired, card = _paired(home, partner)
    bundles = [_open(home, card, sealed) for sealed in _read(path)]
    before: int | None = None
    answer: dict[str, Any] = {"have": 0, "status": "empty"}
    for raw in bundles:
        if before is None:
            before = door.call("exchange_cursor", {"partner": paired.party})["have"]
        bundle = base64.b64encode(raw).decode()
        answer = door.call("ingest", {"partner": paired.party, "bundle": bundle, "carried": True})
        if answer["status"] in ("gap", "fork", "frozen"):
            break
    return Report(
        paired.party, len(bundles), answer["have"] - (before or 0), answer["have"], str(answer["status"])
    )


def _paired(home: Home, partner: str) -> tuple[Partner, Card]:
    found = home.partners.get(partner)
    if found is None or not found.card:
        raise StickRefused(f"this node is not paired with {partner}")
    return found, Card.of(found.card)


def _statement(sender: str, receiver: str, bundle: bytes) -> str:
    digest = base64.b64encode(hashlib.sha256(bundle).digest()).decode()
    return f"safeconduct-stick/v1\n{sender}\n{receiver}\n{digest}\n"


def _info(sender: str, receiver: str) -> bytes:
    return f"safeconduct-stick/v1\n{sender}\n{receiver}".encode()


def _seal(home: Home, card: Card, bundle: bytes) -> bytes:
    note = sign_note(_statement(home.party, card.party, bundle), feed_key(home, card.party))
    inner = _NOTE.pack(len(note)) + note + bundle
    return _SUITE.encrypt(inner, card.hpke, info=_info(home.party, card.party))


def _open(home: Home, card: Card, sealed: bytes) -> bytes:
    try:
        inner = _SUITE.decrypt(sealed, hpke_key(home), info=_info(card.party, home.party))
    except (InvalidTag, ValueError) as fault:
        raise StickRefused("the file was not sealed for this node, or is damaged") from fault
    if len(inner) < _NOTE.size:
        raise StickRefused("the file is cut short")
    (length,) = _NOTE.unpack_from(inner)
    note, bundle = inner[_NOTE.size : _NOTE.size + length], inner[_NOTE.size + length :]
    try:
        text, _ = open_note(note, [card.feed])
    except NoteRefused as fault:
        raise StickRefused(f"the file does not come from {card.party}: {fault}") from fault
    if text != _statement(card.party, home.party, bundle):
        raise StickRefused("the signature is on another bundle")
    return bundle


def _read(path: Path) -> list[bytes]:
    found: list[bytes] = []
    with path.open("rb") as source:
        if source.read(len(MAGIC)) != MAGIC:
            raise StickRefused("not a file of this format")
        while head := source.read(_LENGTH.size):
            if len(head) != _LENGTH.size:
                raise StickRefused("the file is cut short")
            (length,) = _LENGTH.unpack(head)
            if length > MAX_BUNDLE + _OVERHEAD:
                raise StickRefused("a bundle in the file is too long")
            sealed = source.read(length)
            if len(sealed) != length:
                raise StickRefused("the file is cut short")
            found.append(sealed)
    return found
