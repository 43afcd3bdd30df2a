"""TOML files that an operator lays into a home: read with a limit, refused with reasons, kept until they change."""

from __future__ import annotations

import threading
import tomllib
from collections.abc import Callable
from pathlib import Path
from typing import Any, Generic, TypeVar

from pydantic import ValidationError

NAMED_FAULTS = 5
Content = TypeVar("Content")
_Stamp = tuple[tuple[int, int, int] | None, ...]


class FileRefused(ValueError):
    """A file that does not say what it must; the text names file, place and reason."""


def content_of(path: Path, most: int) -> bytes:
    """Raises FileRefused for a file that cannot be read or has more than `most` bytes."""
    try:
        with path.open("rb") as file:
            text = file.read(most + 1)
    except OSError as fault:
        raise FileRefused(f"{path.name}: {fault.strerror}") from None
    if len(text) > most:
        raise FileRefused(f"{path.name}: more than {most // 2**20} MB")
    return text


def toml_of(text: bytes, name: str) -> dict[str, Any]:
    """Raises FileRefused."""
    try:
        return tomllib.loads(text.decode("utf-8-sig"))
    except (ValueError, RecursionError) as fault:  # a number of too many digits is no TOMLDecodeError
        raise FileRefused(f"{name}: this is no TOML file: {fault}") from None


def refused(where: str, fault: ValidationError) -> FileRefused:
    """The first faults, with items counted from one as people count."""
    said = []
    for each in fault.errors(include_url=False)[:NAMED_FAULTS]:
        place = [f"number {part + 1}" if isinstance(part, int) else str(part) for part in each["loc"]]
        said.append(": ".join([where, *place, each["msg"]]))
    return FileRefused("; ".join(said))


class Kept(Generic[Content]):
    """What files say, read again only when one of them has changed. For any thread."""

    def __init__(self, read: Callable[..., Content]) -> None:
        self._read = read
        self._lock = threading.Lock()
        self._held: dict[tuple[Path, ...], tuple[_Stamp, Content]] = {}

    def of(self, *paths: Path) -> Content:
        stamp = tuple(map(_stamp, paths))
        with self._lock:
            held = self._held.get(paths)
            if held is None or held[0] != stamp:
                held = self._held[paths] = (stamp, self._read(*paths))
            return held[1]


def _stamp(path: Path) -> tuple[int, int, int] | None:
    try:
        found = path.stat()
    except OSError:
        return None
    return found.st_ino, found.st_mtime_ns, found.st_size
