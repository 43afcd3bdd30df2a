"""What travels through NATS between the processes of one node: subjects, and messages that only they can write.

Every subject begins with the party's id. A message is its authentication (HMAC-SHA256 under `keys/bus`, over the
subject too, so that none can be moved to another) and JSON: `{"run", "first", "beat", "events"}` of the writer,
`{"movements"}` of who took positions. It tells what the bus in the home tells, kinds, record ids and ledger indexes,
and never a part of a record.
"""

from __future__ import annotations

import hashlib
import hmac
import json
import re
from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeGuard

Answer = dict[str, Any]

MOST_BYTES = 256 * 1024
MOST_EVENTS = 500
MOST_MOVEMENTS = 2_000
BEAT = "_beat"
"""Where the writer says how far it is, though nothing happens."""
_OTHER = "_"
_MAC = 32
_TOKEN = re.compile(r"[a-z][a-z0-9_]{0,39}\Z")
_RECORD = re.compile(r"[A-Za-z0-9_.:/-]{0,128}\Z")
_MOST_INDEX = 1 << 53


class NotOurs(ValueError):
    """A message that no process of this node wrote, or not as it should; the text is a word for the log."""


@dataclass(frozen=True)
class Told:
    """Announcements of the writer in a row: `first` is the number of the first, or of the next one where there are
    none. `beat` counts the writer's signs of life, 0 in a message that is none. `run` is "" for what is no announcement
    of the writer and has no number; `told_at_door` of one that did not come through NATS."""

    run: str
    first: int
    events: Sequence[Answer] = field(default_factory=tuple)
    beat: int = 0
    told_at_door: bool = False


def announced(party: str, kind: str = "") -> str:
    """The subject of the announcements about a kind; those that are about none share one."""
    return f"{party}.announce.{kind if _TOKEN.match(kind) else _OTHER}"


def beating(party: str) -> str:
    return f"{party}.announce.{BEAT}"


def every(party: str) -> str:
    return f"{party}.announce.>"


def moved(party: str) -> str:
    """Where whoever took positions says which journeys they are of."""
    return f"{party}.moved"


def bell(party: str) -> str:
    """Where the writer rings for the process that serves the feeds: a message without a word."""
    return f"{party}.bell.feed"


def heard_by(party: str, kinds: Collection[str] | None) -> list[str]:
    """The writer's subjects for a process that hears of these kinds alone; None: of everything."""
    if kinds is None:
        return [every(party)]
    return [*(announced(party, kind) for kind in sorted(kinds)), beating(party)]


class Writing:
    """Writes and reads messages under the node's key."""

    def __init__(self, key: bytes) -> None:
        self._key = key

    def pack(self, subject: str, told: Told) -> bytes:
        said = {"run": told.run, "first": told.first, "beat": told.beat, "events": list(told.events)}
        return self._sign(subject, json.dumps(said, separators=(",", ":")).encode())

    def pack_moved(self, subject: str, movements: Collection[str]) -> bytes:
        return self._sign(subject, json.dumps({"movements": sorted(movements)}).encode())

    def read(self, subject: str, raw: bytes) -> Told:
        """Raises NotOurs."""
        said = self._open(subject, raw)
        run, events = said.get("run"), said.get("events")
        first, beat = said.get("first"), said.get("beat")
        if not isinstance(run, str) or not 0 < len(run) <= 64 or not isinstance(events, list):
            raise NotOurs("malformed")
        if not _whole(first) or not _whole(beat) or len(events) > MOST_EVENTS:
            raise NotOurs("malformed")
        if not all(_fit(event, subject) for event in events):
            raise NotOurs("unknown_topic")
        return Told(run, first, events, beat)

    def read_moved(self, subject: str, raw: bytes) -> Told:
        """The same of a message that says which journeys moved, as an event of the bus. Raises NotOurs."""
        movements = self._open(subject, raw).get("movements")
        if not isinstance(movements, list) or len(movements) > MOST_MOVEMENTS:
            raise NotOurs("malformed")
        if not all(isinstance(each, str) and _RECORD.match(each) for each in movements):
            raise NotOurs("malformed")
        return Told("", 0, [{"topic": "positions", "movements": movements}])

    def _sign(self, subject: str, said: bytes) -> bytes:
        return self._mac(subject, said) + said

    def _open(self, subject: str, raw: bytes) -> Answer:
        if len(raw) > MOST_BYTES:
            raise NotOurs("too_large")
        if not hmac.compare_digest(self._mac(subject, raw[_MAC:]), raw[:_MAC]):
            raise NotOurs("forged")
        try:
            said = json.loads(raw[_MAC:])
        except (ValueError, RecursionError):
            raise NotOurs("malformed") from None
        if not isinstance(said, dict):
            raise NotOurs("malformed")
        return said

    def _mac(self, subject: str, said: bytes) -> bytes:
        return hmac.digest(self._key, subject.encode() + b"\n" + said, hashlib.sha256)


def _whole(value: Any) -> TypeGuard[int]:
    return type(value) is int and 0 <= value < _MOST_INDEX


def _fit(event: object, subject: str) -> bool:
    """Whether that is an event of the bus, and told where events of its kind are told."""
    if not isinstance(event, dict) or not isinstance(event.get("topic"), str):
        return False
    kind, record, index = event.get("kind", ""), event.get("record", ""), event.get("index", 0)
    if not isinstance(kind, str) or not isinstance(record, str):
        return False
    if index != -1 and not _whole(index):  # -1: before the first entry
        return False
    if not _TOKEN.match(event["topic"]) or not _RECORD.match(record):
        return False
    movements = event.get("movements", [])
    if not isinstance(movements, list) or not all(isinstance(each, str) for each in movements):
        return False
    return subject.rpartition(".")[2] == (kind if _TOKEN.match(kind) else _OTHER)
