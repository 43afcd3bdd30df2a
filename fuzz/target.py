"""One parser of bytes that somebody else wrote, as something that can be attacked: bytes in, a value or a refusal out."""

from __future__ import annotations

import dataclasses
import json
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from random import Random
from typing import Any

DEPTH = 80
Mutate = Callable[[bytes, Random], bytes]


class Unfit(Exception):
    """An input that is none for this target: what stands around the parser could not be made of it."""


class Finding(AssertionError):
    """An input on which a parser did not do what it must; the text says what it did."""


@dataclass(frozen=True)
class Target:
    """`read` gives the accepted value or raises one of `refuses`; nothing else may come out of it.

    `covers` names the functions of the package that it exercises ("module:function", without the package's name), by
    which the inventory knows that they have a target. `again` writes an accepted value, which must read as the same
    value. `form` says how the bytes are changed: "bytes", "json", or a function of its own. `calls` bounds the
    function calls that an input may cost, by each of its bytes; `memory` the bytes, beside 32 for each byte of input.
    """

    name: str
    read: Callable[[bytes], Any]
    refuses: tuple[type[BaseException], ...]
    seeds: Callable[[], Sequence[bytes]]
    covers: tuple[str, ...]
    again: Callable[[Any], bytes] | None = None
    same: Callable[[Any, Any], bool] = lambda one, other: bool(one == other)
    form: str | Mutate = "bytes"
    words: Sequence[bytes] = field(default=())
    most: int = 64 * 1024
    calls: int = 200
    memory: int = 24 * 1024 * 1024
    stored: bool = True
    """Whether every text in an accepted value must be text that can be stored: no lone surrogate, no endless number."""
    weight: int = 1
    """How many times slower than usual: the short run tries it so much less often."""


def try_one(target: Target, data: bytes) -> bool:
    """Whether the input is accepted. Raises Finding."""
    try:
        value = target.read(data)
    except (*target.refuses, Unfit):
        return False
    except Finding:
        raise
    except BaseException as fault:
        if isinstance(fault, KeyboardInterrupt):
            raise
        raise Finding(f"{target.name}: {type(fault).__name__}: {fault}") from fault
    if target.stored and (why := _unstorable(value, DEPTH)):
        raise Finding(f"{target.name} accepts {why}")
    if target.again is not None:
        _same_again(target, value)
    return True


def _same_again(target: Target, value: Any) -> None:
    assert target.again is not None
    try:
        written = target.again(value)
        second = target.read(written)
    except Exception as fault:
        raise Finding(
            f"{target.name}: what it accepted is not accepted again: {type(fault).__name__}: {fault}"
        ) from fault
    if not target.same(value, second):
        raise Finding(f"{target.name}: what it accepted reads otherwise when it is written again")


def _unstorable(value: Any, depth: int) -> str:
    """What in a value no database and no other program would take; "" for nothing."""
    match value:
        case str():
            try:
                value.encode()
            except UnicodeEncodeError:
                return "a lone surrogate"
            return ""
        case float():
            return "" if math.isfinite(value) else "a number without end"
        case Mapping():
            items: list[Any] = [*value.keys(), *value.values()]
        case list() | tuple() | set() | frozenset():
            items = list(value)
        case _ if dataclasses.is_dataclass(value):
            items = [getattr(value, each.name) for each in dataclasses.fields(value)]
        case _:
            return ""
    if depth == 0:
        return "what is nested too deeply"
    return next((why for each in items if (why := _unstorable(each, depth - 1))), "")


def tree_of(data: bytes, kind: type = dict) -> Any:
    """The JSON value from which a target makes its parser's input. Raises Unfit."""
    try:
        found = json.loads(data)
    except (ValueError, RecursionError):
        raise Unfit from None
    if not isinstance(found, kind):
        raise Unfit
    return found
