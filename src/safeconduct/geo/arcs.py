"""Arcs from junction to junction, and the paths of least weight over them, whatever the arcs weigh in one search.

Dijkstra's method ("A note on two problems in connexion with graphs", Numerische Mathematik 1, 1959), as scipy has it.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]
WIDER = 3.0
"""How many times farther is looked when nothing was found."""


class Arcs:
    """Arc `n` leads from junction `tail[n]` to `head[n]`, of `count`; several may lead between the same two."""

    def __init__(self, count: int, tail: Ints, head: Ints) -> None:
        self.count = count
        self._order = np.lexsort((head, tail))
        tail, head = tail[self._order], head[self._order]
        differs = np.ones(len(tail), bool)
        differs[1:] = (tail[1:] != tail[:-1]) | (head[1:] != head[:-1])
        self._first = np.flatnonzero(differs)
        self._heads = head[self._first].astype(np.int32)
        self._rows = np.searchsorted(tail[self._first], np.arange(count + 1)).astype(np.int32)

    def parts(self) -> Ints:
        """For each junction the number of the part of the network within which one gets there and back."""
        from scipy.sparse.csgraph import connected_components

        _, labels = connected_components(self._table(np.ones(len(self._first))), connection="strong")
        found: Ints = labels
        return found

    def least(
        self, source: int, targets: Sequence[int], weights: Floats, likely: float = math.inf
    ) -> list[list[int] | None]:
        """The arcs of the path of least weight to each target, None where there is none.

        `weights` by arc, 0 or more, infinite for one that is closed. Nothing heavier than `likely` is looked at before
        it is known that a target is farther.
        """
        ordered = weights[self._order]
        table = self._table(np.minimum.reduceat(ordered, self._first) if len(ordered) else ordered)
        reached, before = self._search(table, source, targets, likely)
        return [
            self._back(source, target, before, ordered) if reached[target] < math.inf else None
            for target in targets
        ]

    def _search(self, table: Any, source: int, targets: Sequence[int], likely: float) -> tuple[Floats, Ints]:
        from scipy.sparse.csgraph import dijkstra

        limit = likely if likely > 0 else math.inf
        while True:
            reached, before = dijkstra(table, indices=source, return_predecessors=True, limit=limit)
            if limit == math.inf or bool(np.isfinite(reached[list(targets)]).all()):
                return reached, before
            limit = limit * WIDER if limit < WIDER * likely else math.inf

    def _back(self, source: int, target: int, before: Ints, ordered: Floats) -> list[int]:
        arcs = []
        while target != source:
            earlier = int(before[target])
            begin, end = self._rows[earlier], self._rows[earlier + 1]
            place = begin + int(np.searchsorted(self._heads[begin:end], target))
            first = self._first[place]
            last = self._first[place + 1] if place + 1 < len(self._first) else len(ordered)
            arcs.append(int(self._order[first + int(np.argmin(ordered[first:last]))]))
            target = earlier
        return arcs[::-1]

    def _table(self, weights: Floats) -> Any:
        from scipy.sparse import csr_array

        return csr_array((weights, self._heads, self._rows), shape=(self.count, self.count))
