"""Exports for programs that read a file in pieces.

GDAL, and with it QGIS, asks for the length of a file (HEAD) and then for ranges of it. All pieces must come from
one export, or they do not fit together; and one download is one export in the ledger, not a hundred. So the
export is kept in memory, and nowhere else, for a minute, for the same token with the same rights alone; whichever web
process is asked for the next piece.
"""

from __future__ import annotations

import hashlib
import re
import threading
import time
from collections.abc import Callable, Hashable, Iterable
from dataclasses import dataclass

from django.http import HttpRequest, HttpResponse

from safeconduct.api.problems import Problem
from safeconduct.records import commons

KEPT_SECONDS = 60.0
MAX_BYTES = 32 * 1024 * 1024
MAX_KEPT = 8
_RANGE = re.compile(r"bytes=([0-9]{0,15})-([0-9]{0,15})\Z")


@dataclass(frozen=True)
class Snapshot:
    """One whole export and its entity tag."""

    raw: bytes
    tag: str

    def answer(self, request: HttpRequest, media_type: str) -> HttpResponse:
        """The whole or the range that was asked for (RFC 9110, section 14). Raises Problem for one outside."""
        headers = {"ETag": self.tag, "Accept-Ranges": "bytes"}
        asked = _RANGE.match(request.headers.get("Range", "").strip())
        other = request.headers.get("If-Range", self.tag) != self.tag
        if asked is None or other or asked[1] == asked[2] == "":
            return HttpResponse(self.raw, content_type=media_type, headers=headers)
        size = len(self.raw)
        first = int(asked[1]) if asked[1] else max(0, size - int(asked[2]))
        last = min(int(asked[2]) if asked[1] and asked[2] else size - 1, size - 1)
        if first > last:
            outside = {"Content-Range": f"bytes */{size}"}
            raise Problem(416, "range", "Range not satisfiable", f"The file has {size} bytes.", outside)
        headers["Content-Range"] = f"bytes {first}-{last}/{size}"
        return HttpResponse(self.raw[first : last + 1], status=206, content_type=media_type, headers=headers)


class Snapshots:
    """Exports by who asked for what; the oldest makes room."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._kept: dict[Hashable, Snapshot] = {}

    def take(self, key: Hashable, pieces: Callable[[], Iterable[bytes]]) -> Snapshot | None:
        """The export kept under the key, or a new one of these pieces; None if it is too large to be kept."""
        found = self._found(key)
        if found is not None:
            return found
        raw = bytearray()
        for piece in pieces():
            raw += piece
            if len(raw) > MAX_BYTES:
                return None
        made = _of(bytes(raw))
        if (shared := commons.shared()) is not None:
            until = time.monotonic() + KEPT_SECONDS
            return made if shared.hold(_name(key), made.raw, until) else None
        with self._lock:
            while len(self._kept) >= MAX_KEPT:
                del self._kept[next(iter(self._kept))]
            self._kept[key] = made
        timer = threading.Timer(KEPT_SECONDS, self.drop, [key])
        timer.daemon = True
        timer.start()
        return made

    def _found(self, key: Hashable) -> Snapshot | None:
        if (shared := commons.shared()) is not None:
            raw = shared.held(_name(key), time.monotonic())
            return _of(raw) if raw is not None else None
        with self._lock:
            return self._kept.get(key)

    def drop(self, key: Hashable) -> None:
        with self._lock:
            self._kept.pop(key, None)


def _of(raw: bytes) -> Snapshot:
    return Snapshot(raw, f'"{hashlib.sha256(raw).hexdigest()[:32]}"')


def _name(key: Hashable) -> str:
    return f"export\n{key!r}"


SNAPSHOTS = Snapshots()
