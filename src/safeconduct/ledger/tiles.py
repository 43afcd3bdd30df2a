"""A log as files: the layout of C2SP tlog-tiles, and beside it the bodies, which that standard does not know.

`tile/L/N` are hashes, `tile/entries/N` leaves, `bodies/N` what lies beside the leaves of a full tile. The names are
made here and never read from anywhere; no link is followed, and nothing is read before its size is known to be right.
"""

from __future__ import annotations

import os
import stat
import struct
from collections.abc import Callable, Sequence
from pathlib import Path

from safeconduct.ledger.tree import HASH_SIZE, TILE_HEIGHT, TILE_WIDTH

LONGEST_LEAF = 0xFFFF
"""Bytes of an entry: a bundle says its length in two."""
MOST_BODIES = 4 << 30
"""Bytes of a file of bodies; beyond, it is no archive of ours."""
_NONE = 0xFFFF_FFFF
_LENGTHS = struct.Struct(f">{TILE_WIDTH}I")
_CHUNK = 1 << 20


class ArchiveRefused(ValueError):
    """An archive, or a file of it, that is missing, damaged or no archive: says which and why."""


def number(index: int) -> str:
    """1234067 is x001/x234/067."""
    groups = [f"{index % 1000:03d}"]
    while index := index // 1000:
        groups.append(f"x{index % 1000:03d}")
    return "/".join(reversed(groups))


def tile(level: int, index: int, width: int = TILE_WIDTH) -> str:
    """Where a tile of hashes lies; one that is not full says its width."""
    return f"tile/{level}/{number(index)}{_partial(width)}"


def bundle(index: int, width: int = TILE_WIDTH) -> str:
    """Where a tile's leaves lie."""
    return f"tile/entries/{number(index)}{_partial(width)}"


def bodies(index: int) -> str:
    """Where the bodies of a full tile lie."""
    return f"bodies/{number(index)}"


def _partial(width: int) -> str:
    return "" if width == TILE_WIDTH else f".p/{width}"


def tiles_of(size: int) -> list[tuple[int, int, int]]:
    """(level, index, width) of every tile of a tree of that size."""
    found, level = [], 0
    while hashes := size >> (TILE_HEIGHT * level):
        full, rest = divmod(hashes, TILE_WIDTH)
        found += [(level, index, TILE_WIDTH) for index in range(full)]
        if rest:
            found.append((level, full, rest))
        level += 1
    return found


def pack_leaves(leaves: Sequence[bytes]) -> bytes:
    """Raises ArchiveRefused for a leaf that is longer than a bundle can say."""
    if any(len(leaf) > LONGEST_LEAF for leaf in leaves):
        raise ArchiveRefused(f"an entry is longer than {LONGEST_LEAF} bytes, which tiles cannot hold")
    return b"".join(len(leaf).to_bytes(2, "big") + leaf for leaf in leaves)


def unpack_leaves(raw: bytes, count: int) -> list[bytes]:
    """Exactly `count` leaves. Raises ArchiveRefused."""
    leaves, at = [], 0
    for _ in range(count):
        end = at + 2 + int.from_bytes(raw[at : at + 2], "big")
        if at + 2 > len(raw) or end > len(raw):
            raise ArchiveRefused("entries are cut off")
        leaves.append(raw[at + 2 : end])
        at = end
    if at != len(raw):
        raise ArchiveRefused("more than the entries")
    return leaves


def pack_bodies(found: Sequence[bytes | None]) -> bytes:
    """The bodies of a full tile: their lengths, four bytes each, and they themselves; None for one that is not here."""
    lengths = _LENGTHS.pack(*(_NONE if body is None else len(body) for body in found))
    return lengths + b"".join(filter(None, found))


def unpack_bodies(raw: bytes) -> list[bytes | None]:
    """Raises ArchiveRefused for what is not exactly the bodies of a tile."""
    if len(raw) < _LENGTHS.size:
        raise ArchiveRefused("bodies are cut off")
    found: list[bytes | None] = []
    at = _LENGTHS.size
    for length in _LENGTHS.unpack_from(raw):
        found.append(None if length == _NONE else raw[at : at + length])
        at += 0 if length == _NONE else length
    if at != len(raw):
        raise ArchiveRefused("bodies of another length")
    return found


class Folder:
    """A folder of such files. Raises ArchiveRefused for everything that is wrong with it."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def read(self, name: str, most: int, exactly: int | None = None) -> bytes:
        """A file below the folder, through folders and no links, with at most (or exactly) so many bytes."""

        def fits(size: int) -> int | None:
            return size if size <= most and exactly in (None, size) else None

        return self._read(name, fits)

    def beginning(self, name: str, size: int) -> bytes:
        """The first bytes of a file that may have more of them, which are not read."""
        return self._read(name, lambda found: size if found >= size else None)

    def _read(self, name: str, wanted: Callable[[int], int | None]) -> bytes:
        try:
            descriptor = self._open(name)
        except OSError as fault:
            raise ArchiveRefused(f"{name}: {_why(fault)}") from None
        try:
            found = os.fstat(descriptor)
            if not stat.S_ISREG(found.st_mode):
                raise ArchiveRefused(f"{name}: no file")
            size = wanted(found.st_size)
            if size is None:
                raise ArchiveRefused(f"{name}: {found.st_size} bytes, which is not its size")
            with os.fdopen(os.dup(descriptor), "rb") as file:
                raw = file.read(size)
                ended = size < found.st_size or not file.read(1)
            if len(raw) != size or not ended:
                raise ArchiveRefused(f"{name}: it changed while it was read")
            return raw
        except OSError as fault:
            raise ArchiveRefused(f"{name}: {_why(fault)}") from None
        finally:
            os.close(descriptor)

    def _open(self, name: str) -> int:
        *folders, last = name.split("/")
        within = os.open(self.path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            for each in folders:
                below = os.open(
                    each, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC, dir_fd=within
                )
                os.close(within)
                within = below
            return os.open(last, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC, dir_fd=within)
        finally:
            os.close(within)

    def hashes(self, name: str, count: int) -> bytes:
        """A file of so many hashes."""
        return self.read(name, count * HASH_SIZE, count * HASH_SIZE)

    def leaves(self, index: int, width: int = TILE_WIDTH) -> list[bytes]:
        name = bundle(index, width)
        try:
            return unpack_leaves(self.read(name, width * (2 + LONGEST_LEAF)), width)
        except ArchiveRefused as fault:
            raise _named(name, fault) from None

    def write(self, name: str, raw: bytes, *, replaces: bool = False) -> None:
        """Write a file, durable, and read it again. One that is there with the same bytes is left; with others it is
        refused, unless this one `replaces` it."""
        target = self.path / name
        present = self._present(name, len(raw))
        if present == raw:
            return
        if present is not None and not replaces:
            raise ArchiveRefused(f"{name}: another one is there already")
        try:
            self._make(target.parent)
            draft = target.with_name(f"{target.name}.new")
            draft.unlink(missing_ok=True)
            descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
            with os.fdopen(descriptor, "wb") as file:
                file.write(raw)
                file.flush()
                os.fsync(descriptor)
                # What is read again comes from the disk, and not from what was to be written there.
                os.posix_fadvise(descriptor, 0, 0, os.POSIX_FADV_DONTNEED)
            draft.replace(target)
            sync_folder(target.parent)
        except OSError as fault:
            raise ArchiveRefused(f"{name}: {_why(fault)}") from None
        if self.read(name, len(raw), len(raw)) != raw:
            raise ArchiveRefused(f"{name}: the disk did not keep what was written")

    def _present(self, name: str, size: int) -> bytes | None:
        """What is there already: None for nothing, b"" for something of another size."""
        try:
            self._open_and_close(name)
        except FileNotFoundError:
            return None
        except OSError as fault:
            raise ArchiveRefused(f"{name}: {_why(fault)}") from None
        try:
            return self.read(name, size, size)
        except ArchiveRefused:
            return b""

    def _open_and_close(self, name: str) -> None:
        os.close(self._open(name))

    def _make(self, folder: Path) -> None:
        if not folder.exists():
            self._make(folder.parent)
            folder.mkdir(mode=0o700)
            sync_folder(folder.parent)


def sync_folder(folder: Path) -> None:
    """The names in a folder are on the disk."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _named(name: str, fault: ArchiveRefused) -> ArchiveRefused:
    return fault if str(fault).startswith(name) else ArchiveRefused(f"{name}: {fault}")


def _why(fault: OSError) -> str:
    return {2: "it is missing", 20: "a folder is none", 40: "a link"}.get(
        fault.errno or 0, fault.strerror or "?"
    )
