"""Words that occur nowhere else, and looking for them in any bytes, however they were spelled there."""

from __future__ import annotations

import base64
import binascii
import gzip
import json
import zlib
from collections.abc import Iterable, Iterator
from pathlib import Path


def word(number: int, seed: int) -> str:
    """A canary: letters and digits that no language, digest or base64 makes by chance."""
    return f"Qzx{seed}canary{number}wjQ"


def spellings(canary: str) -> list[bytes]:
    """The canary as plain text, in the text index's small letters, in UTF-16, in hex, and within base64 at each of
    its three alignments."""
    raw = canary.encode()
    found = [raw, canary.lower().encode(), canary.encode("utf-16-le"), raw.hex().encode()]
    for offset in range(3):
        padded = base64.b64encode(b"\x00" * offset + raw + b"\x00" * 3)
        start = (8 * offset + 5) // 6 + (1 if offset else 0)
        found.append(padded[start : start + 8 * len(raw) // 6 - 2])
    found += [piece.translate(bytes.maketrans(b"+/", b"-_")) for piece in found[4:]]
    return found


def found_in(raw: bytes, canaries: Iterable[str]) -> list[str]:
    """Which of the canaries are in the bytes, or in what they unfold to."""
    layers = list(_layers(raw))
    return [c for c in canaries if any(s in layer for s in spellings(c) for layer in layers)]


def _layers(raw: bytes) -> Iterator[bytes]:
    yield raw
    for unfold in (gzip.decompress, zlib.decompress):
        try:
            yield unfold(raw)
        except (OSError, EOFError, zlib.error, gzip.BadGzipFile):
            continue


def disclosed(texts: Iterable[str]) -> bytes:
    """What disclosures in their travelling form say, opened."""
    opened = []
    for text in texts:
        try:
            opened.append(json.dumps(json.loads(base64.urlsafe_b64decode(text + "==")), ensure_ascii=False))
        except (ValueError, binascii.Error):
            opened.append(text)
    return "\n".join(opened).encode()


def bytes_of(folder: Path) -> Iterator[tuple[Path, bytes]]:
    """Every file below a folder, as it lies on the disk."""
    for path in sorted(folder.rglob("*")):
        if path.is_file() and not path.is_socket():
            yield path, path.read_bytes()
