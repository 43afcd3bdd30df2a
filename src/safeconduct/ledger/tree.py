"""The Merkle tree of RFC 6962: appending, proving and checking.

An appender keeps a `Frontier` of at most 64 hashes. `Proofs` makes proofs from stored leaf hashes and
from the roots of full tiles 256 wide (level 1 = the root of 256 leaves, level 2 of 256 such, ...).
All hashes are SHA-256, 32 bytes.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Sequence

TILE_HEIGHT = 8
TILE_WIDTH = 1 << TILE_HEIGHT
HASH_SIZE = 32

_sha256 = hashlib.sha256
EMPTY_ROOT = _sha256(b"").digest()

HashReader = Callable[[int, int, int], Sequence[bytes]]
"""(level, start, count) -> that many hashes: level 0 are leaves, level n roots of full tiles."""


def leaf_hash(leaf: bytes) -> bytes:
    """The hash of a leaf, kept apart from inner nodes by its prefix 0x00."""
    return _sha256(b"\x00" + leaf).digest()


def node_hash(left: bytes, right: bytes) -> bytes:
    """The hash of an inner node, prefix 0x01."""
    return _sha256(b"\x01" + left + right).digest()


class Frontier:
    """What an appender must remember of a tree: the roots of its perfect subtrees, largest first."""

    __slots__ = ("hashes", "size")

    def __init__(self, size: int = 0, hashes: Iterable[bytes] = ()) -> None:
        self.size = size
        self.hashes = list(hashes)
        if size < 0 or len(self.hashes) != size.bit_count():
            raise ValueError("a frontier holds one hash for every 1 bit of its size")

    def copy(self) -> Frontier:
        return Frontier(self.size, self.hashes)

    def add(self, leaf: bytes) -> None:
        """Append one leaf, given its leaf hash."""
        self.extend((leaf,))

    def extend(self, leaves: Iterable[bytes]) -> list[tuple[int, int, bytes]]:
        """Append leaf hashes in order; returns (level, index, root) of every tile that became full."""
        sha256 = _sha256
        stack = self.hashes
        size = self.size
        full: list[tuple[int, int, bytes]] = []
        for digest in leaves:
            rest = size
            height = 0
            while rest & 1:
                digest = sha256(b"\x01" + stack.pop() + digest).digest()
                rest >>= 1
                height += 1
                if not height & (TILE_HEIGHT - 1):
                    full.append((height // TILE_HEIGHT, rest, digest))
            stack.append(digest)
            size += 1
        self.size = size
        return full

    def root(self) -> bytes:
        if not self.hashes:
            return EMPTY_ROOT
        digest = self.hashes[-1]
        for left in self.hashes[-2::-1]:
            digest = _sha256(b"\x01" + left + digest).digest()
        return digest


def fold(hashes: Sequence[bytes]) -> bytes:
    """The Merkle tree hash over `hashes` (at least one), taken as they are."""
    if not hashes:
        raise ValueError("nothing to fold")
    level = list(hashes)
    while len(level) > 1:
        pairs = [_sha256(b"\x01" + level[i] + level[i + 1]).digest() for i in range(0, len(level) - 1, 2)]
        if len(level) & 1:
            pairs.append(level[-1])
        level = pairs
    return level[0]


class Proofs:
    """Roots and proofs for any size up to what `get` can read."""

    def __init__(self, get: HashReader) -> None:
        self._get = get

    def root(self, size: int) -> bytes:
        return self.subtree(0, size) if size else EMPTY_ROOT

    def frontier(self, size: int) -> Frontier:
        """The appender's state at `size`."""
        hashes = []
        start = 0
        for bit in range(size.bit_length() - 1, -1, -1):
            if size >> bit & 1:
                hashes.append(self.subtree(start, start + (1 << bit)))
                start += 1 << bit
        return Frontier(size, hashes)

    def subtree(self, start: int, end: int) -> bytes:
        """The hash over leaves [start, end), a subtree that RFC 6962's splitting can reach."""
        width = end - start
        level, span = 0, 1
        while span * TILE_WIDTH <= width:
            span *= TILE_WIDTH
            level += 1
        full, rest = divmod(width, span)
        hashes = list(self._get(level, start // span, full))
        if not _whole(hashes, full):
            raise LookupError(f"{full} hashes of level {level} from {start // span} on are not all there")
        if rest:
            hashes.append(self.subtree(end - rest, end))
        return fold(hashes)

    def inclusion(self, index: int, size: int) -> list[bytes]:
        """The audit path of leaf `index` in the tree of `size` leaves (RFC 6962, 2.1.1)."""
        if not 0 <= index < size:
            raise ValueError(f"no leaf {index} in a tree of {size}")
        path = []
        start, end = 0, size
        while end - start > 1:
            split = start + _left_width(end - start)
            if index < split:
                path.append(self.subtree(split, end))
                end = split
            else:
                path.append(self.subtree(start, split))
                start = split
        return path[::-1]

    def consistency(self, old: int, new: int) -> list[bytes]:
        """Proof that the tree of `old` leaves is a prefix of that of `new` (RFC 6962, 2.1.2)."""
        if not 0 <= old <= new:
            raise ValueError(f"{old} is not a size before {new}")
        if old in (0, new):
            return []
        path = []
        start, end = 0, new
        while end != old:
            split = start + _left_width(end - start)
            if old <= split:
                path.append(self.subtree(split, end))
                end = split
            else:
                path.append(self.subtree(start, split))
                start = split
        if start:
            path.append(self.subtree(start, end))
        return path[::-1]


def _whole(hashes: Sequence[bytes], count: int) -> bool:
    try:
        return len(hashes) == count and len(b"".join(hashes)) == count * HASH_SIZE
    except TypeError:
        return False


def _left_width(width: int) -> int:
    return 1 << ((width - 1).bit_length() - 1)


def verify_inclusion(index: int, size: int, leaf: bytes, proof: Sequence[bytes], root: bytes) -> bool:
    """Does `proof` show the leaf hash `leaf` at `index` of the tree with this size and root?"""
    if not 0 <= index < size or not _hashes(leaf, root, *proof):
        return False
    position, last, digest = index, size - 1, leaf
    for sibling in proof:
        if last == 0:
            return False
        if position & 1 or position == last:
            digest = node_hash(sibling, digest)
            while position and not position & 1:
                position >>= 1
                last >>= 1
        else:
            digest = node_hash(digest, sibling)
        position >>= 1
        last >>= 1
    return last == 0 and digest == root


def verify_consistency(old: int, new: int, old_root: bytes, new_root: bytes, proof: Sequence[bytes]) -> bool:
    """Does `proof` show that the tree (old, old_root) is a prefix of (new, new_root)?

    Every tree continues the empty one, whose only root is the hash of nothing; that needs no proof.
    """
    if not 0 <= old <= new or not _hashes(old_root, new_root, *proof):
        return False
    if old == new:
        return not proof and old_root == new_root and (old > 0 or old_root == EMPTY_ROOT)
    if old == 0:
        return not proof and old_root == EMPTY_ROOT
    if not proof:
        return False
    path = list(proof)
    if old & (old - 1) == 0:
        path.insert(0, old_root)
    position, last = old - 1, new - 1
    while position & 1:
        position >>= 1
        last >>= 1
    was = now = path[0]
    for sibling in path[1:]:
        if last == 0:
            return False
        if position & 1 or position == last:
            was = node_hash(sibling, was)
            now = node_hash(sibling, now)
            while position and not position & 1:
                position >>= 1
                last >>= 1
        else:
            now = node_hash(now, sibling)
        position >>= 1
        last >>= 1
    return last == 0 and was == old_root and now == new_root


def _hashes(*values: bytes) -> bool:
    return all(isinstance(value, bytes) and len(value) == HASH_SIZE for value in values)
