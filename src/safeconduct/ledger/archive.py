"""A log's beginning as an archive: hash tiles up to a signed head, leaves and bodies of the entries before `end`.

Anyone can verify it with nothing but the public keys: leaves against hashes, hashes against the tree, the tree against
the signed head, and the files of bodies against a second tree whose head is signed, too (`bodies/checkpoint`).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Protocol

from safeconduct.ledger.keys import Verifier
from safeconduct.ledger.notes import MAX_NOTE, Checkpoint, NoteRefused, open_checkpoint, unverified_checkpoint
from safeconduct.ledger.tiles import (
    MOST_BODIES,
    ArchiveRefused,
    Folder,
    bodies,
    bundle,
    pack_bodies,
    pack_leaves,
    tile,
    tiles_of,
    unpack_bodies,
)
from safeconduct.ledger.tree import HASH_SIZE, TILE_WIDTH, Frontier, leaf_hash

HEAD, BODIES_HEAD, BODIES_HASHES = "checkpoint", "bodies/checkpoint", "bodies/hashes"
Kept = Callable[[bytes | None], bool]
"""Whether a body stays in the database and does not go into the archive."""


class Source(Protocol):
    """The log that is archived."""

    def entries(self, start: int, end: int) -> Sequence[tuple[int, bytes, bytes | None]]: ...

    def hashes(self, level: int, start: int, count: int) -> Sequence[bytes]: ...


@dataclass(frozen=True)
class Found:
    """What a verified archive holds: the signed head with its signers, and the entries before `end`."""

    head: Checkpoint
    signers: tuple[str, ...]
    end: int


def bodies_origin(origin: str) -> str:
    """The origin of the tree over the files of bodies."""
    return f"{origin}/bodies"


def write(folder: Folder, source: Source, note: bytes, first: int, end: int, kept: Kept) -> Iterator[str]:
    """Write what the archive of the entries before `end` lacks, of which those before `first` are there already.

    Yields the name of each file when it is durable and was read again. Both are full tiles, `note` is a head that
    covers them. Raises ArchiveRefused.
    """
    size = unverified_checkpoint(note).size
    if first % TILE_WIDTH or end % TILE_WIDTH or not 0 <= first <= end <= size:
        raise ArchiveRefused("an archive holds whole tiles, up to a signed head")
    digests = [*_digests(folder, first // TILE_WIDTH)]
    for index in range(first // TILE_WIDTH, end // TILE_WIDTH):
        found = source.entries(index * TILE_WIDTH, (index + 1) * TILE_WIDTH)
        if len(found) != TILE_WIDTH:
            raise ArchiveRefused(f"{bundle(index)}: the entries are not all there")
        folder.write(bundle(index), pack_leaves([leaf for _, leaf, _ in found]))
        yield bundle(index)
        # What was erased since an attempt that was broken off is not written again: its file is made anew.
        raw = pack_bodies([None if kept(body) else body for _, _, body in found])
        folder.write(bodies(index), raw, replaces=True)
        digests.append(leaf_hash(raw))
        yield bodies(index)
    for level, index, width in tiles_of(size):
        start = index * TILE_WIDTH
        folder.write(tile(level, index, width), b"".join(source.hashes(level, start, width)))
        yield tile(level, index, width)
    folder.write(BODIES_HASHES, b"".join(digests), replaces=True)
    yield BODIES_HASHES
    folder.write(HEAD, note, replaces=True)
    yield HEAD


def bodies_head(folder: Folder, origin: str, end: int) -> Checkpoint:
    """The head to sign of the files of bodies that were written."""
    digests = _digests(folder, end // TILE_WIDTH)
    return Checkpoint(bodies_origin(origin), len(digests), _root(digests))


def _digests(folder: Folder, count: int) -> list[bytes]:
    """Digests of the first `count` files of bodies; what else is listed belongs to an attempt that was broken off."""
    raw = folder.beginning(BODIES_HASHES, count * HASH_SIZE) if count else b""
    return [raw[at : at + HASH_SIZE] for at in range(0, count * HASH_SIZE, HASH_SIZE)]


def _root(digests: Sequence[bytes]) -> bytes:
    frontier = Frontier()
    frontier.extend(digests)
    return frontier.root()


def verify(
    folder: Folder, keys: Sequence[Verifier], progress: Callable[[int, int], None] | None = None
) -> Found:
    """Verify everything. One of `keys` has signed both heads. Raises ArchiveRefused that names the file and why."""
    head, signers = _head(folder, HEAD, keys)
    files, signed_by = _head(folder, BODIES_HEAD, keys)
    if files.origin != bodies_origin(head.origin) or not set(signed_by) & set(signers):
        raise ArchiveRefused(f"{BODIES_HEAD}: it is of another log")
    end = files.size * TILE_WIDTH
    if end > head.size:
        raise ArchiveRefused(f"{BODIES_HEAD}: it reaches beyond the signed head")
    digests = _digests(folder, files.size)
    if _root(digests) != files.root:
        raise ArchiveRefused(f"{BODIES_HASHES}: it is not what was signed")
    frontier, above = Frontier(), list[tuple[int, int, bytes]]()
    for level, index, width in tiles_of(head.size):
        if level:
            break
        name = tile(0, index, width)
        raw = folder.hashes(name, width)
        hashes = [raw[at : at + HASH_SIZE] for at in range(0, len(raw), HASH_SIZE)]
        if index < files.size:
            _entries_hold(folder, index, hashes, digests[index])
        above += frontier.extend(hashes)
        if progress is not None:
            progress(min(head.size, (index + 1) * TILE_WIDTH), head.size)
    if frontier.root() != head.root:
        raise ArchiveRefused("tile/0: the hashes are not those of the signed head")
    _tiles_hold(folder, head.size, above)
    return Found(head, signers, end)


def _head(folder: Folder, name: str, keys: Sequence[Verifier]) -> tuple[Checkpoint, tuple[str, ...]]:
    try:
        opened = open_checkpoint(folder.read(name, MAX_NOTE), keys)
    except NoteRefused as fault:
        raise ArchiveRefused(f"{name}: {fault}") from None
    if not any(key.algorithm == "ed25519" for key in opened.signers):
        raise ArchiveRefused(f"{name}: only cosigned; the log's own key is needed")
    return opened.checkpoint, tuple(key.name for key in opened.signers)


def _entries_hold(folder: Folder, index: int, hashes: Sequence[bytes], digest: bytes) -> None:
    for place, (leaf, promised) in enumerate(zip(folder.leaves(index), hashes, strict=True)):
        if leaf_hash(leaf) != promised:
            raise ArchiveRefused(
                f"{bundle(index)}: entry {index * TILE_WIDTH + place} is not the one in the tree"
            )
    bodies_of(folder, index, digest)


def bodies_of(folder: Folder, index: int, digest: bytes) -> list[bytes | None]:
    """The bodies of a tile, whose file has this digest. Raises ArchiveRefused."""
    name = bodies(index)
    raw = folder.read(name, MOST_BODIES)
    if leaf_hash(raw) != digest:
        raise ArchiveRefused(f"{name}: it is not the file that was archived")
    try:
        return unpack_bodies(raw)
    except ArchiveRefused as fault:
        raise ArchiveRefused(f"{name}: {fault}") from None


def _tiles_hold(folder: Folder, size: int, full: Sequence[tuple[int, int, bytes]]) -> None:
    """The tiles above the leaves are those that follow from them."""
    roots: dict[int, list[bytes]] = {}
    for level, _, root in full:
        roots.setdefault(level, []).append(root)
    for level, index, width in tiles_of(size):
        if level:
            name = tile(level, index, width)
            wanted = roots.get(level, [])[index * TILE_WIDTH : index * TILE_WIDTH + width]
            if folder.hashes(name, width) != b"".join(wanted):
                raise ArchiveRefused(f"{name}: it is not what the tiles below it make")
