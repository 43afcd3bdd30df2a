"""A node whose ledger has grown, made quickly: the same leaves, bodies and rows, in groups of 10,000.

Per ten entries two incidents, five readings, a refusal, the opening of a stream and a leaf of padding. A pattern (an
incident of 2,000 made-up ones, a reading of one of the newest incidents) is made as `commit()` makes it: canonical
header, salted disclosures, parts sealed under keys of their own. The entries after a pattern are its leaf with another
record id and moment, and its body again. What is left out: everything that a commit asks (validation, policy, two
persons) and sets off (timers, messages, the exchange, the bus), salts and keys of each entry's own (40 bytes a part in
the key store), reading before writing in the tables, and the wait for the disk. Tree, leaf hashes and tables are whole:
`verify` holds, and `rebuild` makes the very same rows (tests/scale/test_short_forms.py).
"""

from __future__ import annotations

import hashlib
import json
import random
import secrets
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from bench.nodes import Node, incidents
from safeconduct.ledger.database import wait_for_disk

GROUP = 10_000
KINDS, READINGS = 2_000, 50
"""Patterns of incidents in all, and of readings for each group."""
RARE = 1_000
"""One incident of so many speaks of a pipeline."""
_FIRST, _APART = 1_262_304_000.0, 60.0
"""2010-01-01, and the seconds from one entry to the next."""
_RECORD, _AT = b"R" * 32, b"T" * 24


class Pattern(NamedTuple):
    """An entry of which many are made. `row` are the values of its row in the order of the tables' columns."""

    leaf: bytes
    body: bytes
    row: dict[str, Any]
    words: Sequence[tuple[int, str]]
    shown: Sequence[tuple[str, int, str]]


class Growing:
    """Fills a node up to a size, as often as it is asked to."""

    def __init__(self, node: Node) -> None:
        self.node = node
        self.draw = random.Random(11)
        self.made = 0
        models = incidents(KINDS, seed=7)
        models[0]["summary"]["title"] += " pipeline"
        self.incidents = [self._pattern("incident", parts, "post_incident") for parts in models]
        self.recent: list[str] = [secrets.token_hex(16)]

    def to(self, size: int) -> None:
        """Append until the ledger has `size` entries; durable on return."""
        db, tables, log = self.node.writer.db, self.node.writer.tables, self.node.writer.log
        from safeconduct.records.following import mark_applied

        wait_for_disk(db, False)
        while (first := log.size) < size:
            readings = [self._reading() for _ in range(READINGS)]
            made = Made(self.node, first)
            entries = [self._entry(made, readings) for _ in range(min(GROUP, size - first))]
            db.execute("BEGIN IMMEDIATE")
            tables.execute("BEGIN")
            log.append(entries)
            made.write()
            mark_applied(tables, log.size)
            db.execute("COMMIT")
            tables.execute("COMMIT")
        wait_for_disk(db, True)

    def _entry(self, made: Made, readings: Sequence[Pattern]) -> tuple[bytes, bytes | None]:
        from safeconduct.ledger.canonical import canonical
        from safeconduct.records.transaction import iso

        number = self.made
        self.made += 1
        moment = _FIRST + _APART * number
        at, person = iso(moment), f"person-{number % 40}"
        match number % 10:
            case 0 | 5:
                which = 0 if number // 5 % RARE == 0 else self.draw.randrange(1, KINDS)
                return made.version(self.incidents[which], self._id(keep=True), at, moment)
            case 3:
                header = {"at": at, "reason": "no clause", "would": [], "person": person, "act": "read"}
                return made.refusal({**header, "record": self.recent[-1]}, moment)
            case 7:
                header = {"at": at, "person": person, "what": "opened", "topics": ["incident"]}
                return made.bare(canonical({"type": "stream", **header}))
            case 9:
                return made.bare(canonical({"type": "pad", "nonce": f"{self.draw.getrandbits(128):032x}"}))
        return made.version(readings[self.draw.randrange(READINGS)], self._id(), at, moment)

    def _id(self, keep: bool = False) -> str:
        made = f"{self.draw.getrandbits(128):032x}"
        if keep:
            self.recent = [*self.recent[-200:], made]
        return made

    def _reading(self) -> Pattern:
        record = self.draw.choice(self.recent)
        shown = [{"record": record, "version": 1, "parts": ["people", "summary"]}]
        what = {"act": "read", "of": self.node.home.party, "kind": "incident", "records": shown}
        what["at"] = "2010-01-01T00:00:00.000Z"
        who = {"person": f"person-{self.draw.randrange(40)}", "roles": ["watch_officer"]}
        return self._pattern("reading", {"what": what, "who": who}, "", record)

    def _pattern(self, name: str, given: Mapping[str, Any], state: str, about: str = "") -> Pattern:
        """As `commit.store` and `projection.put_row` make an entry and its row."""
        from safeconduct.ledger.canonical import canonical
        from safeconduct.ledger.parts import digest, disclosures
        from safeconduct.records.entries import pack
        from safeconduct.records.kinds import DIMENSIONS, kind
        from safeconduct.records.projection import dimension_values, pack_levels, parts_of
        from safeconduct.records.rows import party_set
        from safeconduct.records.search import fold, searched
        from safeconduct.records.spelling import also_known_as
        from safeconduct.records.tiers import tiers_of

        shape, party = kind(name), self.node.home.party
        checked = shape.validate(given)
        values = {part: checked.get(part) for part in shape.part_names}
        texts = disclosures(values, shape.part_names)
        levels = list(shape.default_levels().values())
        digests = [digest(text) for text in texts]
        header = {
            "record": _RECORD.decode(), "version": 1, "kind": name, "originator": party, "about": about,
            "derived_from": [], "act": "write", "by": "person-1", "at": _AT.decode(),
            "state": state or shape.states[0], "levels": levels, "releasable": [], "orcon": False,
            "assigned": [], "opens": "", "prev": "", "clauses": ["house"], "parts": digests,
        }  # fmt: skip
        tx = self.node.writer._fresh([])
        sealing = [int(value is not None) for value in values.values()]
        body = pack([tx._store(*each) for each in zip(texts, sealing, digests, strict=True)])
        present, parts = parts_of(shape, texts)
        timed, least = tiers_of(shape, levels, "")
        row = {
            "version": 1, "kind": name, "originator": party, "agreement": "", "state": header["state"],
            "about": about, "levels": pack_levels(levels), "time_tier": timed, "least_tier": least,
            "releasable": "", "orcon": False, "assigned": "", "bearers": "", "opens": None,
            "present": present, "withdrawn": False, "erased": 0,
            **dict(zip(DIMENSIONS, dimension_values(shape, parts), strict=True)),
            "parts": json.dumps(parts, ensure_ascii=False, separators=(",", ":")),
        }  # fmt: skip
        texts_of: dict[int, list[str]] = {}
        for path, text in searched(shape, parts):
            mine = texts_of.setdefault(shape.bit(path.partition(".")[0]), [])
            mine += [text, *([also_known_as(text)] if path in shape.names else [])]
        words = [(bit, fold("\n".join(found))) for bit, found in texts_of.items()]
        shown = [
            (item["record"], item["version"], party_set(item["parts"]))
            for item in (parts.get("what") or {}).get("records", ())
        ]
        return Pattern(canonical({"type": "version", **header}), body, row, words, shown)


class Made:
    """The entries of a group and the rows that follow from them."""

    def __init__(self, node: Node, first: int) -> None:
        self.tables = node.writer.tables
        self.next = first
        self.rows: list[list[Any]] = []
        self.versions: list[tuple[Any, ...]] = []
        self.shown: list[tuple[Any, ...]] = []
        self.words: dict[str, list[Sequence[Any]]] = {}
        self.refusals: list[tuple[Any, ...]] = []

    def bare(self, leaf: bytes) -> tuple[bytes, None]:
        self.next += 1
        return leaf, None

    def refusal(self, header: Mapping[str, Any], moment: float) -> tuple[bytes, None]:
        from safeconduct.ledger.canonical import canonical

        self.refusals.append((self.next, moment, header["person"], header["act"], header["record"]))
        return self.bare(canonical({"type": "refusal", **header}))

    def version(self, like: Pattern, record: str, at: str, moment: float) -> tuple[bytes, bytes]:
        from safeconduct.records.projection import COLUMNS
        from safeconduct.records.search import PART_BITS

        index = self.next
        self.next += 1
        leaf = like.leaf.replace(_RECORD, record.encode()).replace(_AT, at.encode())
        own = {"id": record, "at": moment, "ledger_index": index, "born": index}
        own["header"] = hashlib.sha256(leaf).hexdigest()
        row = {**like.row, **own}
        self.rows.append([row[column] for column in COLUMNS])
        self.versions.append((record, 1, index, moment, "write"))
        self.shown += [(record, *each) for each in like.shown]
        for bit, text in like.words:
            sql, values = self.tables.dialect.put_text(index << PART_BITS | bit, text)
            self.words.setdefault(sql, []).append(values)
        return leaf, like.body

    def write(self) -> None:
        from safeconduct.records.projection import COLUMNS

        for table, columns, rows in (
            ("records_row", COLUMNS, self.rows),
            ("records_version", ("record", "version", "ledger_index", "at", "act"), self.versions),
            ("records_shown", ("reading", "record", "version", "parts"), self.shown),
            ("records_refusal", ("ledger_index", "at", "person", "act", "record"), self.refusals),
        ):
            marks = ", ".join(["%s"] * len(columns))
            sql = f"INSERT INTO {table} ({', '.join(columns)}) VALUES ({marks})"
            self.tables.deferred += [(sql, row) for row in rows]
        for sql, rows in self.words.items():
            self.tables.deferred += [(sql, row) for row in rows]
        self.tables.settle()


def sizes(most: int) -> Iterator[int]:
    """10,000, 100,000, … up to `most`, and `most` itself."""
    size = 10_000
    while size < most:
        yield size
        size *= 10
    yield most
