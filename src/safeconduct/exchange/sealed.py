"""A sealed bundle: what crosses when a time lock opens, given in advance, which opens with a code by telephone.

    safeconduct-sealed/v1 LF
    sealed to the receiver's card (HPKE, RFC 9180):
        a note, signed by the sender's feed key: from, to, agreement, bundle, made, expires, salt, hash of the body
        the body: canonical JSON, padded, under a key that scrypt makes of the code and the salt (AES-256-GCM)

So the file alone opens nothing, and neither does the code. What is inside are feed entries as the feed will have
them: when the feed brings them later, they say nothing new.
"""

from __future__ import annotations

import base64
import hashlib
import json
import re
import struct
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.hpke import AEAD, KDF, KEM, Suite

from safeconduct.exchange.bundle import FeedEntry
from safeconduct.exchange.identity import Card, feed_key, hpke_key
from safeconduct.ledger.canonical import CanonicalRefused, canonical
from safeconduct.ledger.notes import NoteRefused, open_note, sign_note
from safeconduct.ledger.parts import UnsealRefused, seal, unseal
from safeconduct.records.home import Home

FORMAT = "safeconduct-sealed/v1"
MAGIC = f"{FORMAT}\n".encode()
MAX_FILE = 16 * 1024 * 1024
MAX_ENTRIES = 500
PAD = 4096
_NOTE = struct.Struct(">H")
_SUITE = Suite(KEM.X25519, KDF.HKDF_SHA256, AEAD.AES_256_GCM)
_BUNDLE = re.compile(r"[0-9a-f]{32}")
_NUMBER = re.compile(r"0|[1-9][0-9]{0,15}")


class SealedRefused(ValueError):
    """A file that is not for this node, not from this partner, or damaged; or contents out of form."""


@dataclass(frozen=True)
class Cover:
    """What a sealed bundle says of itself before it is opened. Times in seconds since 1970."""

    sender: str
    receiver: str
    agreement: str
    bundle: str
    made: int
    expires: int
    salt: bytes

    def text(self) -> str:
        salt = base64.b64encode(self.salt).decode()
        lines = (
            FORMAT,
            self.sender,
            self.receiver,
            self.agreement,
            self.bundle,
            self.made,
            self.expires,
            salt,
        )
        return "".join(f"{line}\n" for line in lines)

    @classmethod
    def parse(cls, text: str) -> Cover:
        lines = text.split("\n")
        if len(lines) != 9 or lines[0] != FORMAT or lines[8] or not _BUNDLE.fullmatch(lines[4]):
            raise SealedRefused("the note is not that of a sealed bundle")
        if not all(_NUMBER.fullmatch(line) for line in lines[5:7]):
            raise SealedRefused("the note's times are malformed")
        try:
            salt = base64.b64decode(lines[7], validate=True)
        except ValueError as fault:
            raise SealedRefused("the note's salt is malformed") from fault
        sender, receiver, agreement, bundle = lines[1:5]
        cover = cls(sender, receiver, agreement, bundle, int(lines[5]), int(lines[6]), salt)
        if cover.text() != text:
            raise SealedRefused("the note has two spellings")
        return cover


def pack(home: Home, card: Card, cover: Cover, entries: Sequence[FeedEntry], key: bytes) -> bytes:
    """The file: entries under the code's key, signed by the feed key, sealed to the partner's card."""
    contents = {"entries": [[json.loads(e.leaf), [list(part) for part in e.parts]] for e in entries]}
    plain = canonical(contents)
    plain += b" " * (-len(plain) % PAD)
    body = seal(key, plain, cover.text().encode())
    note = sign_note(cover.text() + _hash_line(body), feed_key(home, card.party))
    raw = MAGIC + _SUITE.encrypt(
        _NOTE.pack(len(note)) + note + body, card.hpke, info=_info(home.party, card.party)
    )
    if len(raw) > MAX_FILE:
        raise SealedRefused("too much for one sealed bundle")
    return raw


def uncover(home: Home, cards: Iterable[Card], raw: bytes) -> tuple[Cover, bytes]:
    """The cover of a file and its body, still under the code. Raises SealedRefused.

    It must come from one of these partners and be for this node; whoever changed a byte is found out.
    """
    if len(raw) > MAX_FILE:
        raise SealedRefused("the file is too long for a sealed bundle")
    if not raw.startswith(MAGIC):
        raise SealedRefused("not a sealed bundle")
    for card in cards:
        try:
            inner = _SUITE.decrypt(raw[len(MAGIC) :], hpke_key(home), info=_info(card.party, home.party))
        except (InvalidTag, ValueError):
            continue
        return _verified(home, card, inner)
    raise SealedRefused("the file was not sealed for this node by a partner, or is damaged")


def _verified(home: Home, card: Card, inner: bytes) -> tuple[Cover, bytes]:
    if len(inner) < _NOTE.size:
        raise SealedRefused("the file is cut short")
    (length,) = _NOTE.unpack_from(inner)
    note, body = inner[_NOTE.size : _NOTE.size + length], inner[_NOTE.size + length :]
    try:
        text, _ = open_note(note, [card.feed])
    except NoteRefused as fault:
        raise SealedRefused(f"the file does not come from {card.party}: {fault}") from fault
    tail = _hash_line(body)
    if not text.endswith(tail):
        raise SealedRefused("the signature is on another bundle")
    cover = Cover.parse(text.removesuffix(tail))
    if (cover.sender, cover.receiver, cover.agreement) != (card.party, home.party, card.agreement):
        raise SealedRefused("the bundle is of another party or agreement")
    return cover, body


def opened(cover: Cover, body: bytes, key: bytes) -> list[FeedEntry] | None:
    """The entries in a body; None when the key is not the one. Raises SealedRefused for contents out of form."""
    try:
        plain = unseal(key, body, cover.text().encode())
    except UnsealRefused:
        return None
    try:
        found = json.loads(plain)
        exact = canonical(found) == plain.rstrip(b" ")
    except (ValueError, RecursionError, CanonicalRefused):
        raise SealedRefused("the contents are not canonical JSON") from None
    if not exact or not isinstance(found, dict) or found.keys() != {"entries"}:
        raise SealedRefused("the contents are out of form")
    entries = found["entries"]
    if not isinstance(entries, list) or not 0 < len(entries) <= MAX_ENTRIES:
        raise SealedRefused("a sealed bundle holds some entries")
    return [_entry(entry) for entry in entries]


def _entry(entry: Any) -> FeedEntry:
    match entry:
        case [dict() as header, list() as parts]:
            given = tuple(_part(part) for part in parts)
            if [position for position, _ in given] == sorted({position for position, _ in given}):
                return FeedEntry(canonical(header), given)
    raise SealedRefused("an entry is out of form")


def _part(part: Any) -> tuple[int, str]:
    match part:
        case [int() as position, str() as text] if not isinstance(position, bool) and text.isascii():
            return position, text
    raise SealedRefused("a part is out of form")


def _hash_line(body: bytes) -> str:
    return f"{base64.b64encode(hashlib.sha256(body).digest()).decode()}\n"


def _info(sender: str, receiver: str) -> bytes:
    return f"{FORMAT}\n{sender}\n{receiver}".encode()
