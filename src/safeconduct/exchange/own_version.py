"""A version of an own record as the ledger has it, and what policy sees of it when it is to leave."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import Any

from safeconduct.agreement.policy import Item
from safeconduct.exchange.identity import decoy_secret
from safeconduct.exchange.state import State
from safeconduct.exchange.view import Crossing, crossing
from safeconduct.records.kinds import Kind, all_kinds
from safeconduct.records.projection import epoch, pack_levels, values_of
from safeconduct.records.transaction import Tx


class Version:
    """One own version as the ledger has it: its header, and its parts once they are asked for."""

    def __init__(self, tx: Tx, index: int) -> None:
        self.tx = tx
        self.index = index
        self.header, self.hash = tx.identified(index)
        self.kind: Kind = all_kinds()[self.header["kind"]]
        self._texts: Sequence[str | None] | None = None

    @property
    def texts(self) -> Sequence[str | None]:
        if self._texts is None:
            self._texts = self.tx.disclosures(self.index)
        return self._texts

    def values(self) -> Sequence[Any]:
        """The parts' values by position; None for one that is empty or erased."""
        return self.kind.fitted(values_of(self.texts))

    def levels(self) -> Sequence[int]:
        """The parts' labels by position."""
        return self.kind.fitted(self.header["levels"], 0)

    def crossing(self, partner: str) -> Crossing:
        """Its parts as this partner gets them: those that it was made with, whatever the kind has got since."""
        decoy = partial(decoy_secret, self.tx.home)
        names = self.kind.part_names[: len(self.texts)]
        return crossing(self.texts[: len(names)], names, partner, decoy, self.hash)

    def present(self) -> int:
        return sum(1 << bit for bit, value in enumerate(self.values()) if value is not None)

    def item(self, answerable: frozenset[str]) -> Item:
        """As policy sees it; `answerable` are the duty bearers of the party that is to get it."""
        h = self.header
        return Item(
            id=h["record"],
            kind=h["kind"],
            originator=h["originator"],
            state=h["state"],
            levels=pack_levels(h["levels"]),
            releasable=frozenset(h["releasable"]),
            orcon=bool(h["orcon"]),
            assigned=answerable,
            opens=epoch(h["opens"]),
        )


def as_opened(tx: Tx, item: Item) -> Item:
    """The record as policy is to see it: without its time lock once that has opened, whatever the clock says now."""
    if item.opens is None or item.opens <= tx.now or State(tx.db).opened(item.id, item.opens):
        return item._replace(opens=None)
    return item
