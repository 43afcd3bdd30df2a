"""What a partner is shown live: the newest position of each journey whose flow a clause permits, in one small file.

The writer replaces the file whenever something changes; the feed server reads it and nothing else of the positions.
A partner that was away finds the newest position of each journey and not all that it missed, so the file never
grows. What may flow no longer is gone with the next replacement.

The first line is `{"seq": N, "spool": ID}`: each change counts up, and a new ID means that counting began anew. Then
one line a journey, the longest unchanged first: `[seq, originator, record, at, latitude, longitude, accuracy_m,
speed, heading]`, the movement named as the partner knows it, `at` in seconds since 1970.
"""

from __future__ import annotations

import json
import os
import secrets
import time
from bisect import bisect_right
from collections.abc import Sequence
from pathlib import Path

from safeconduct.records.home import Home
from safeconduct.records.users import permit

MOST = 2_000
"""Journeys of which positions flow to one partner at the same time; the longest unchanged give way."""
MAX_BYTES = 512 * 1024
FRESH_SECONDS = 15.0
"""A spool that the writer has not touched for so long is not given out: no suspension could have reached it."""
SETTLED_SECONDS = 0.1
"""A file that was replaced a moment ago may have been replaced again within one tick of the file system's clock."""

Name = tuple[str, str]
"""A movement in the partner's terms: its originator, and the id under which it crosses."""


def spool_file(home: Home, partner: str) -> Path:
    return home.feed(partner) / "positions.live"


class Spool:
    """The writer's side. Changes are in memory until `save`."""

    def __init__(self, home: Home, partner: str) -> None:
        self._home = home
        self._file = spool_file(home, partner)
        self._id = secrets.token_hex(8)
        self._seq = 0
        self._lines: dict[Name, tuple[float, bytes]] = {}
        self._changed = True

    def put(self, name: Name, at: float, values: Sequence[float | None]) -> bool:
        """Let this be the newest position of a movement, unless a newer one is there. `values` follow `at`."""
        known = self._lines.get(name)
        if known is not None and known[0] >= at:
            return False
        self._seq += 1
        line = json.dumps([self._seq, *name, at, *values], separators=(",", ":")).encode() + b"\n"
        self._lines.pop(name, None)
        self._lines[name] = (at, line)
        while len(self._lines) > MOST:
            del self._lines[next(iter(self._lines))]
        self._changed = True
        return True

    def drop(self, name: Name) -> None:
        """Nothing of this movement flows any more."""
        if self._lines.pop(name, None) is not None:
            self._seq += 1
            self._changed = True

    def newest(self, name: Name) -> float | None:
        """When the position was taken that is there of a movement."""
        known = self._lines.get(name)
        return known[0] if known is not None else None

    def save(self) -> None:
        """Replace the file if something changed, else say that it still holds."""
        if not self._changed:
            if self._lines:
                os.utime(self._file)
            return
        head = json.dumps({"seq": self._seq, "spool": self._id}, separators=(",", ":")).encode() + b"\n"
        self._file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        draft = self._file.with_suffix(".new")
        with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as target:
            target.write(head + b"".join(line for _, line in self._lines.values()))
        permit(self._home, draft, self._file)
        draft.replace(self._file)
        self._changed = False

    def remove(self) -> None:
        """The writer ends: nothing is given out until one is back."""
        self._lines.clear()
        self._changed = True
        self._file.unlink(missing_ok=True)


class Shelf:
    """The feed server's side: what there is to give out, read again when the file has changed."""

    def __init__(self, home: Home, partner: str) -> None:
        self._file = spool_file(home, partner)
        self._stamp: tuple[int, int, int] | None = None
        self._id = ""
        self._head = b""
        self._lines: list[bytes] = []
        self._seqs: list[int] = []

    def since(self, spool: str, seq: int) -> bytes | None:
        """What has changed since `seq` of a spool, all of it if that is another; None for nothing."""
        if not self._read():
            return None
        first = bisect_right(self._seqs, seq) if spool == self._id else 0
        lines = self._lines[first:]
        return self._head + b"".join(lines) if lines else None

    def _read(self) -> bool:
        try:
            found = self._file.stat()
        except OSError:
            self._stamp = None
            return False
        now = time.time()
        if now - found.st_mtime > FRESH_SECONDS:
            return False
        stamp = (found.st_mtime_ns, found.st_ino, found.st_size)
        if stamp == self._stamp and now - found.st_mtime > SETTLED_SECONDS:
            return True
        try:
            head, *lines = self._file.read_bytes().splitlines(keepends=True)
            name = str(json.loads(head)["spool"])
            seqs = [int(line[1 : line.index(b",")]) for line in lines]
        except (OSError, ValueError, KeyError, TypeError, RecursionError):
            self._stamp = None
            return False
        self._stamp, self._head, self._lines, self._seqs, self._id = stamp, head, lines, seqs, name
        return True
