"""What a malicious partner, or someone on the way, makes: entries, feeds of them, and bytes that were changed."""

from __future__ import annotations

import json
import random
from collections.abc import Callable
from pathlib import Path
from typing import Any

from safeconduct.exchange.bundle import Bundle, FeedEntry
from safeconduct.exchange.identity import feed_key, feed_origin
from safeconduct.ledger.database import open_database
from safeconduct.ledger.log import Log
from safeconduct.ledger.notes import sign_checkpoint
from safeconduct.ledger.parts import digest, disclosure

from .nodes import INCIDENT, Node


def state_of(node: Node) -> tuple[Any, ...]:
    """All that a bundle could change."""
    log = node.writer.log
    evidence = node.writer.db.execute("SELECT count(*) FROM exchange_evidence").fetchone()[0]
    frozen = node.writer.db.execute("SELECT partner, frozen FROM exchange_partner").fetchall()
    return log.size, log.root(), node.have("pk"), evidence, frozen


class Forger:
    """The host's feed as the host itself could falsify it: with its own keys, any leaves it likes."""

    def __init__(self, host: Node, folder: Path) -> None:
        self.host = host
        self.db = open_database(folder / "forged.sqlite3")
        self.log = Log(self.db, "feed", feed_origin("pk", "cn"))
        self.key = feed_key(host.home, "cn")
        self.entries: list[FeedEntry] = list(host.feed("cn").bundle(0).entries)

    def bundle(self, start: int) -> bytes:
        self.db.execute("BEGIN")
        self.log.append([(entry.leaf, None) for entry in self.entries[self.log.size :]])
        self.db.execute("COMMIT")
        note = sign_checkpoint(self.log.checkpoint(), self.key)
        return Bundle(start, note, tuple(self.entries[start:])).pack()


def entry(**changes: Any) -> FeedEntry:
    """A well-formed first version of an incident, with changes."""
    summary = disclosure("summary", INCIDENT["summary"], "a" * 24)
    digests = [digest(summary), *(digest(disclosure(f"p{n}", None, f"{n}")) for n in range(6))]
    header: dict[str, Any] = {
        "type": "version", "record": "ab" * 16, "version": 1, "kind": "incident", "originator": "pk",
        "agreement": "pk-cn", "clauses": ["pk-cn/1.1"], "state": "immediate", "labels": {"summary": 1},
        "at": "2024-10-06", "digests": digests, "commitment": "c" * 43, "orcon": False,
    }  # fmt: skip
    parts = changes.pop("parts", ((0, summary),))
    header |= changes
    header = {k: v for k, v in header.items() if v is not None}
    return FeedEntry(json.dumps(header, sort_keys=True, separators=(",", ":")).encode(), parts)


SUMMARY = disclosure("summary", INCIDENT["summary"], "a" * 24)
BAD: dict[str, Callable[[], FeedEntry]] = {
    "another originator": lambda: entry(originator="xx"),
    "another agreement": lambda: entry(agreement="pk-xx"),
    "a clause of another agreement": lambda: entry(clauses=["pk-xx/1.1"]),
    "a kind that is no word": lambda: entry(kind="Strike!"),
    "a kind that is no text": lambda: entry(kind=7),
    "an unknown kind with a part that is not labelled": lambda: entry(kind="strike", labels={}),
    "an unknown kind with another part's disclosure": lambda: entry(kind="strike", labels={"target": 1}),
    "an unknown kind with a part that fits no digest": lambda: entry(
        kind="strike", parts=((0, disclosure("summary", {}, "b" * 24)),)
    ),
    "an unknown kind without digests": lambda: entry(kind="strike", digests=[]),
    "an unknown kind of another originator": lambda: entry(kind="strike", originator="xx"),
    "an unknown part": lambda: entry(labels={"summary": 1, "target": 1}),
    "a label out of range": lambda: entry(labels={"summary": 4}),
    "a label that is no number": lambda: entry(labels={"summary": True}),
    "a version that skips": lambda: entry(version=2),
    "a version of no number": lambda: entry(version=1.5),
    "a digest too few": lambda: entry(digests=["a" * 43]),
    "a doubled digest": lambda: entry(digests=[digest(SUMMARY)] * 7),
    "a disclosure that no digest knows": lambda: entry(parts=((0, disclosure("summary", {}, "b" * 24)),)),
    "a disclosure of an unlabelled part": lambda: entry(parts=((0, SUMMARY), (1, SUMMARY))),
    "a labelled part that is missing": lambda: entry(parts=()),
    "a record of one's own": lambda: entry(record="../../etc"),
    "about a third party": lambda: entry(about={"originator": "xx", "record": "cd" * 16}),
    "about a record that never crossed": lambda: entry(about={"originator": "cn", "record": "cd" * 16}),
    "an unknown field": lambda: entry(command="deploy"),
    "a missing field": lambda: entry(commitment=None),
    "a time that is none": lambda: entry(at="yesterday"),
    "parts of a version never sent": lambda: entry(type="parts"),
    "an unknown type": lambda: entry(type="key"),
    "a withdrawal of what was never sent": lambda: FeedEntry(
        b'{"agreement":"pk-cn","kind":"incident","originator":"pk","parts":["summary"],'
        b'"record":"' + b"ab" * 16 + b'","type":"withdraw"}'
    ),
    "a receipt for nothing": lambda: FeedEntry(
        b'{"agreement":"pk-cn","because":"","erase":0,"originator":"pk","outcome":"removed",'
        b'"record":"' + b"ab" * 16 + b'","type":"receipt"}'
    ),
    "no JSON": lambda: FeedEntry(b"\xff\xfe"),
    "JSON that is not canonical": lambda: FeedEntry(b'{"type": "version"}'),
    "deep nesting": lambda: FeedEntry(b"[" * 30_000 + b"]" * 30_000),
}


def mutated(raw: bytes, chosen: random.Random) -> bytes:
    """The bytes with one bit flipped, the end cut off, or something put in."""
    changed = bytearray(raw)
    at = chosen.randrange(len(raw))
    match chosen.randrange(4):
        case 0 | 1:
            changed[at] ^= 1 << chosen.randrange(8)
        case 2:
            del changed[at:]
        case _:
            changed[at:at] = chosen.randbytes(chosen.randrange(1, 9))
    return bytes(changed)
