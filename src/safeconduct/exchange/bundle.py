"""`safeconduct-bundle/v1`: what one node gives the other, the same bytes over HTTPS and on a memory stick.

    safeconduct-bundle/v1 LF
    FEED  from, to, the signed checkpoint at `to`, the entries [from, to): leaf and disclosures
    HEAD  the sender's ledger checkpoint as a C2SP tlog-witness `add-checkpoint` body, or empty
    COSG  the sender's cosignatures on the receiver's feed and ledger, canonical JSON

Each section is a tag of four letters, a length of four bytes (big endian) and that many bytes; all three
stand in this order. A disclosure is given with its part's position; a length of 0 says that it was erased.
"""

from __future__ import annotations

import json
import struct
from dataclasses import dataclass
from typing import Any

from safeconduct.exchange.leaves import MAX_LEAF
from safeconduct.ledger.canonical import CanonicalRefused, canonical
from safeconduct.ledger.notes import MAX_NOTE, MAX_REQUEST
from safeconduct.records.kinds import MAX_PARTS

MAGIC = b"safeconduct-bundle/v1\n"
MAX_BUNDLE = 64 * 1024 * 1024
MAX_ENTRIES = 10_000
MAX_COSIGNATURES = 2 * MAX_NOTE + 4096
_TAGS = (b"FEED", b"HEAD", b"COSG")
_SECTION = struct.Struct(">4sI")
_FEED = struct.Struct(">QQI")
_ENTRY = struct.Struct(">HB")
_PART = struct.Struct(">BI")
_MAX_SIZE = 2**53 - 1


class BundleRefused(ValueError):
    """Bytes that are no bundle, or a bundle that is not what its sender signed."""


@dataclass(frozen=True, slots=True)
class FeedEntry:
    """A leaf and what is disclosed with it, by part position; None for a part erased since."""

    leaf: bytes
    parts: tuple[tuple[int, str | None], ...] = ()


@dataclass(frozen=True)
class Cosignatures:
    """What a node has cosigned of its partner: signed notes, b"" for none yet.

    `ledger_size` is how far it has cosigned the partner's ledger: the `old` of the next proof it needs.
    """

    feed: bytes = b""
    ledger: bytes = b""
    ledger_size: int = 0

    def pack(self) -> bytes:
        return canonical(
            {"feed": self.feed.decode(), "ledger": self.ledger.decode(), "ledger_size": self.ledger_size}
        )

    @classmethod
    def unpack(cls, raw: bytes) -> Cosignatures:
        """Read them; the notes in them are not yet verified. Raises BundleRefused."""
        if len(raw) > MAX_COSIGNATURES:
            raise BundleRefused("the cosignatures are too long")
        try:
            found = json.loads(raw)
            exact = canonical(found) == raw
        except (ValueError, RecursionError, CanonicalRefused):
            raise BundleRefused("the cosignatures are not canonical JSON") from None
        if not exact or not isinstance(found, dict) or found.keys() != {"feed", "ledger", "ledger_size"}:
            raise BundleRefused("not a set of cosignatures")
        size: Any = found["ledger_size"]
        if type(size) is not int or not 0 <= size <= _MAX_SIZE:
            raise BundleRefused("the cosigned size is no size")
        if not isinstance(found["feed"], str) or not isinstance(found["ledger"], str):
            raise BundleRefused("a cosigned note is text")
        return cls(found["feed"].encode(), found["ledger"].encode(), size)


@dataclass(frozen=True)
class Bundle:
    """Entries [start, start + len(entries)) of a feed, the checkpoint after them, and what goes with it."""

    start: int
    note: bytes
    entries: tuple[FeedEntry, ...] = ()
    head: bytes = b""
    cosignatures: Cosignatures = Cosignatures()

    @property
    def end(self) -> int:
        return self.start + len(self.entries)

    def pack(self) -> bytes:
        """The bytes that travel. Raises BundleRefused when they would be too many."""
        out = [_FEED.pack(self.start, self.end, len(self.note)), self.note]
        for entry in self.entries:
            out += (_ENTRY.pack(len(entry.leaf), len(entry.parts)), entry.leaf)
            for position, text in entry.parts:
                data = text.encode("ascii") if text is not None else b""
                out += (_PART.pack(position, len(data)), data)
        sections = (b"".join(out), self.head, self.cosignatures.pack())
        whole = MAGIC + b"".join(
            _SECTION.pack(tag, len(section)) + section for tag, section in zip(_TAGS, sections, strict=True)
        )
        if len(whole) > MAX_BUNDLE:
            raise BundleRefused(f"a bundle of {len(whole)} bytes")
        return whole

    @classmethod
    def unpack(cls, raw: bytes) -> Bundle:
        """Read a bundle; nothing in it is verified yet. Raises BundleRefused."""
        if len(raw) > MAX_BUNDLE:
            raise BundleRefused("the bundle is too long")
        if not raw.startswith(MAGIC):
            raise BundleRefused("not a bundle of this format")
        reader = _Reader(raw, len(MAGIC))
        feed, head, cosignatures = (_Reader(reader.section(tag)) for tag in _TAGS)
        reader.finish()
        start, end, length = feed.unpack(_FEED)
        if not start <= end <= _MAX_SIZE or end - start > MAX_ENTRIES or length > MAX_NOTE:
            raise BundleRefused("the bundle's range or note is out of bounds")
        note = feed.take(length)
        entries = tuple(_entry(feed) for _ in range(end - start))
        feed.finish()
        if len(head.raw) > MAX_REQUEST:
            raise BundleRefused("the ledger's head is too long")
        return cls(start, note, entries, head.raw, Cosignatures.unpack(cosignatures.raw))


class _Reader:
    def __init__(self, raw: bytes, at: int = 0) -> None:
        self.raw = raw
        self.at = at

    def take(self, length: int) -> bytes:
        end = self.at + length
        if end > len(self.raw):
            raise BundleRefused("the bundle is cut short")
        found = self.raw[self.at : end]
        self.at = end
        return found

    def unpack(self, form: struct.Struct) -> tuple[Any, ...]:
        return form.unpack(self.take(form.size))

    def section(self, tag: bytes) -> bytes:
        found, length = self.unpack(_SECTION)
        if found != tag:
            raise BundleRefused(f"section {tag.decode()} is not in its place")
        return self.take(length)

    def finish(self) -> None:
        if self.at != len(self.raw):
            raise BundleRefused("the bundle has bytes too many")


def _entry(reader: _Reader) -> FeedEntry:
    length, count = reader.unpack(_ENTRY)
    if length > MAX_LEAF or count > MAX_PARTS:
        raise BundleRefused("an entry is out of bounds")
    leaf = reader.take(length)
    parts: list[tuple[int, str | None]] = []
    for _ in range(count):
        position, size = reader.unpack(_PART)
        if parts and position <= parts[-1][0]:
            raise BundleRefused("parts stand in order, each once")
        try:
            text = reader.take(size).decode("ascii") if size else None
        except UnicodeDecodeError:
            raise BundleRefused("a disclosure is ASCII") from None
        parts.append((position, text))
    return FeedEntry(leaf, tuple(parts))
