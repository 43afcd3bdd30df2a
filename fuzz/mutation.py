"""Real inputs made wrong: bytes flipped, cut, doubled and spliced, numbers at their limits, JSON changed as a tree."""

from __future__ import annotations

import copy
import json
from collections.abc import Callable, Sequence
from random import Random
from typing import Any

from fuzz.target import Target

INTERESTING = (
    b"", b"\0", b"\xff", b"\xff\xff\xff\xff", b"\x7f\xff\xff\xff", b"\x80", b"\xed\xa0\x80", b"\xef\xbb\xbf", b"\r",
    b"\n", b"\n\n", b" ", b"-1", b"0", b"1e999", b"9" * 30, b"9" * 5000, b"NaN", b"-0", b'"', b"'", b"\\", b"[" * 2000,
    b"{" * 200, b"]", b"}", b"%00", b"..", b"\xe2\x80\xae", b"\xd9\xa3", b"\xe2\x80\x94", b"<!DOCTYPE a [", b"&a;",
    b"]]>", b"=1+1", b"+", b",", b";", b"\t", b"A" * 4096, b'"\\ud800"', b"\\u0000", b"99999999999999999999",
)  # fmt: skip
VALUES: tuple[Any, ...] = (
    None, True, False, 0, -1, 1, 2**31, 2**53 - 1, 2**53, 2**63 - 1, 2**63, 2**64, -(2**63), 10**400, 0.5, 1e308, -0.0,
    float("inf"), float("nan"), "", " ", "a", "\0", "\ud800", "\udfff\ud83d", "\u202e", "٣", "x" * 5000, "1" * 5000,
    "sha256:" + "0" * 64, "0" * 32, "A" * 43, "A" * 44 + "=", "2024-02-30", "9999-12-31T23:59:59-23:59",
    "0001-01-01T00:00:00+23:59", [], {}, [[]], [None], {"": None}, {"_sd": 1},
)  # fmt: skip

Step = Callable[[bytes, Random, Sequence[bytes]], bytes]


def mutated(target: Target, corpus: Sequence[bytes], words: Sequence[bytes], random: Random) -> bytes:
    """One input from the corpus with a few changes, no longer than the target's longest."""
    data = random.choice(corpus)
    if callable(target.form):
        data = target.form(data, random)
    elif target.form == "json" and random.random() < 0.75:
        return json_changed(data, random)[: target.most]
    else:
        for _ in range(random.choice((1, 1, 1, 2, 3, 5))):
            data = changed(data, random, words, random.choice(corpus))
    return data[: target.most]


def words_of(target: Target, corpus: Sequence[bytes]) -> list[bytes]:
    """What to put in: the target's own words, runs of letters in its real inputs, and what has broken parsers before."""
    found: dict[bytes, None] = dict.fromkeys((*target.words, *INTERESTING))
    for seed in corpus:
        text = bytes(c if chr(c).isalnum() or c > 127 else 32 for c in seed[:20_000])
        for word in text.split()[:400]:
            found.setdefault(word[:40])
    return list(found)


def changed(data: bytes, random: Random, words: Sequence[bytes], other: bytes) -> bytes:
    """One change anywhere."""
    at, size = random.randint(0, len(data)), random.choice((1, 1, 2, 4, 8, 32, 200))
    match random.randrange(11):
        case 0 if data:
            where = random.randrange(len(data))
            return data[:where] + bytes([data[where] ^ 1 << random.randrange(8)]) + data[where + 1 :]
        case 1 if data:
            where = random.randrange(len(data))
            return data[:where] + bytes([random.randrange(256)]) + data[where + 1 :]
        case 2:
            return data[:at]
        case 3:
            return data[:at] + data[at + size :]
        case 4:
            return data[:at] + data[at : at + size] * random.choice((2, 2, 3, 50)) + data[at + size :]
        case 5:
            return data[:at] + other[random.randint(0, len(other)) :]
        case 6:
            word = random.choice(words)
            return data[:at] + word + data[at + (len(word) if random.random() < 0.5 else 0) :]
        case 7:
            width = random.choice((1, 2, 4, 8))
            number = random.choice(
                (0, 1, 127, 128, 255, 2**15, 2**16 - 1, 2**31, 2**32 - 1, 2**63, 2**64 - 1)
            )
            return data[:at] + (number % 2 ** (8 * width)).to_bytes(width) + data[at + width :]
        case 8:
            lines = data.split(b"\n")
            one, two = random.randrange(len(lines)), random.randrange(len(lines))
            lines[one], lines[two] = lines[two], lines[one]
            return b"\n".join(lines)
        case 9:
            word = random.choice(words)
            return data.replace(random.choice(words) or b"\0", word, 1)
    return random.randbytes(size) if random.random() < 0.1 else data[:at] + random.randbytes(size) + data[at:]


def json_changed(data: bytes, random: Random) -> bytes:
    """A JSON text with one to three nodes of its tree changed, canonical most of the time."""
    plain, ascii_alone = random.random() < 0.9, random.random() < 0.4
    try:
        tree = json.loads(data)
        for _ in range(random.choice((1, 1, 2, 3))):
            tree = _node_changed(tree, random)
        text = json.dumps(
            tree, ensure_ascii=ascii_alone, sort_keys=plain, separators=(",", ":") if plain else None
        )
    except (ValueError, RecursionError):
        return data
    raw = text.encode("utf-8", "surrogatepass")
    if random.random() < 0.05 and b":" in raw:  # a key that stands there twice
        at = raw.index(b"{") + 1 if b"{" in raw else 0
        key = raw[at : raw.find(b",", at) + 1]
        raw = raw[:at] + key + raw[at:]
    return raw


def _node_changed(tree: Any, random: Random) -> Any:
    paths: list[tuple[Any, ...]] = [()]
    _walk(tree, (), paths)
    path = random.choice(paths)
    value = _at(tree, path)
    return _put(tree, path, _other(value, tree, paths, random))


def _walk(value: Any, path: tuple[Any, ...], paths: list[tuple[Any, ...]]) -> None:
    if len(paths) > 2000 or len(path) > 30:
        return
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, each in items:
        paths.append((*path, key))
        _walk(each, (*path, key), paths)


def _at(tree: Any, path: tuple[Any, ...]) -> Any:
    for key in path:
        tree = tree[key]
    return tree


def _put(tree: Any, path: tuple[Any, ...], value: Any) -> Any:
    if not path:
        return value
    holder = _at(tree, path[:-1])
    if value is _GONE:
        del holder[path[-1]]
    else:
        holder[path[-1]] = value
    return tree


_GONE = object()


def _other(value: Any, tree: Any, paths: Sequence[tuple[Any, ...]], random: Random) -> Any:
    match random.randrange(9):
        case 0 if value is not tree:
            return _GONE
        case 1:
            return copy.deepcopy(_at(tree, random.choice(paths)))
        case 2 if isinstance(value, dict):
            return {**value, random.choice(("", "x", "\ud800", "type", "format")): _value(random)}
        case 3 if isinstance(value, list):
            return value * random.choice((2, 3, 40))
        case 4 if isinstance(value, str) and value:
            at = random.randrange(len(value))
            return (
                value[:at]
                + random.choice((chr(random.randrange(0x300)), "", "\ud800", "/", "\n"))
                + value[at + 1 :]
            )
        case 5 if isinstance(value, int):
            return value + random.choice((-1, 1, 2**32, -value, 2**53))
        case 6:
            nested: Any = value
            for _ in range(random.choice((1, 5, 70, 300))):
                nested = [nested] if random.random() < 0.5 else {"a": nested}
            return nested
    return _value(random)


def _value(random: Random) -> Any:
    return copy.deepcopy(random.choice(VALUES))
