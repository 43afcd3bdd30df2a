"""The first line at the door of another machine: which protocol each end speaks.

Two versions of the node work side by side while a party upgrades its machines one after the other. Each says the
newest protocol that it speaks and the oldest that it still understands; the newest that both do holds. A change of the
protocol that an older end would get wrong raises PROTOCOL; a new job, or a new field that may be missing, does not.
"""

from __future__ import annotations

import json
from functools import lru_cache
from importlib import metadata
from typing import Any

PROTOCOL, OLDEST = 1, 1
LIMIT = 4096
"""Bytes that a first line may have."""


class Unfitting(OSError):
    """The two ends have no protocol in common, or the answer was none; in words."""


@lru_cache(maxsize=1)
def version() -> str:
    """Of this end, for words."""
    return metadata.version("safeconduct")


def earlier_than(own: str, there: str) -> bool:
    """Whether a version is an earlier one than that which another machine said."""
    return _numbers(own) < _numbers(there)


def _numbers(text: str) -> list[int]:
    return [int(each) for each in text.split(".") if each.isascii() and each.isdigit()]


def said(**more: str) -> bytes:
    """The own first line, as it goes over the wire."""
    hello = {"speaks": PROTOCOL, "since": OLDEST, "version": version(), **more}
    return json.dumps({"hello": hello}).encode() + b"\n"


def refused(fault: Unfitting) -> bytes:
    return json.dumps({"error": "unfitting", "reason": str(fault)}).encode() + b"\n"


def heard(line: bytes, who: str) -> dict[str, Any]:
    """What the other end said; `who` it is, for the words. Raises Unfitting."""
    if not line.endswith(b"\n") or len(line) > LIMIT:
        raise Unfitting(f"the {who} does not say who it is")
    try:
        found = json.loads(line)
        if "error" in found:
            raise Unfitting(str(found.get("reason", ""))[:500])
        hello = found["hello"]
        speaks, since = hello["speaks"], hello["since"]
        told = str(hello.get("version", ""))[:40]
        if type(speaks) is not int or type(since) is not int or not since <= speaks:
            raise ValueError(speaks)
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as fault:
        raise Unfitting(f"the {who} does not say who it is") from fault
    if speaks < OLDEST or since > PROTOCOL:
        older = f"{who} ({told})" if speaks < OLDEST else f"other end ({version()})"
        raise Unfitting(
            f"the {who} speaks protocol {since} to {speaks} and this end {OLDEST} to {PROTOCOL}: upgrade the {older}"
        )
    return {**hello, "protocol": min(speaks, PROTOCOL)}
