"""Own records of one kind by words that stand in them, in the writer's memory.

For a look-up that comes by the thousand and may not go through the table: made from it when first asked, brought up to
date with every version, and gone with the process, so that no word of a sealed part lies anywhere else. It only
chooses candidates: whoever asks looks at the record itself.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from weakref import WeakKeyDictionary

from safeconduct.ledger.log import Log
from safeconduct.records.hooks import on_version
from safeconduct.records.own import own_rows
from safeconduct.records.rows import RowView
from safeconduct.records.transaction import Tx

NEWEST = 100
"""Records that are found under one word: what came before them is over."""

Words = Callable[[RowView], Iterable[str]]


class Mentions:
    """`words` says under which words a record is found. One for each kind and process, made when a module is read."""

    def __init__(self, kind: str, words: Words) -> None:
        self._kind, self._words = kind, words
        self._found: WeakKeyDictionary[Log, dict[str, dict[str, None]]] = WeakKeyDictionary()
        on_version(self._follow)

    def of(self, tx: Tx, word: str) -> list[RowView]:
        """The records that say this word now, in the order in which they came to; without withdrawn ones."""
        found = self._found.get(tx.log)
        if found is None:
            found = self._found[tx.log] = {}
            for row in own_rows(tx, self._kind):
                self._add(found, row)
        rows = (tx.row(record) for record in found.get(word, ()))
        return [row for row in rows if row is not None and not row.withdrawn and word in self._words(row)]

    def _follow(self, tx: Tx, row: RowView, index: int) -> None:
        found = self._found.get(tx.log)
        if found is not None and row.kind == self._kind:
            self._add(found, row)

    def _add(self, found: dict[str, dict[str, None]], row: RowView) -> None:
        for word in self._words(row):
            records = found.setdefault(word, {})
            records[row.id] = None
            if len(records) > NEWEST:
                del records[next(iter(records))]
