"""The exposure of a whole road network: kilometres of each edge in each cell, as one sparse matrix.

With it the expected events of every edge under n fields of rates (one forecast, or 300 of a bootstrap) are one
product of matrices.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from safeconduct.geo.network import SCALE, RoadNetwork
from safeconduct.geo.sphere import vectors
from safeconduct.risk.events import Floats
from safeconduct.risk.passage import RESOLUTION, Cells, Nearness, cut

if TYPE_CHECKING:
    from scipy.sparse import csr_array

_CHUNK = 200_000


@dataclass(frozen=True, eq=False)
class RoadExposure:
    """`km[e, c]`: kilometres of edge `e` in `cells[c]`. Every row adds up to the length of its edge."""

    cells: Cells
    km: csr_array[Any]

    @classmethod
    def of(cls, network: RoadNetwork, resolution: int = RESOLUTION) -> RoadExposure:
        """Cut every edge of a network along its course; where it is longer than drawn, by its own length."""
        from scipy.sparse import coo_array  # 0.1 s, for whoever assesses a road

        low = np.minimum(network.first, network.last).astype(np.int64)
        counts = np.abs(network.last.astype(np.int64) - network.first)
        edges, cells, lengths = [], [], []
        for begin in range(0, len(counts), _CHUNK):
            chosen = np.arange(begin, min(begin + _CHUNK, len(counts)))
            edge = np.repeat(chosen, counts[chosen])
            step = np.arange(len(edge)) - np.repeat(
                np.cumsum(counts[chosen]) - counts[chosen], counts[chosen]
            )
            at = low[edge] + step
            starts, ends = (
                vectors(network.course_lat[n] / SCALE, network.course_lon[n] / SCALE) for n in (at, at + 1)
            )
            segment, cell, km = cut(starts, ends, resolution)
            edges.append(edge[segment])
            cells.append(cell)
            lengths.append(km)
        row, km = np.concatenate(edges), np.concatenate(lengths)
        drawn = np.bincount(row, weights=km, minlength=len(counts))
        km = km * np.divide(network.metres / 1000, drawn, out=np.ones(len(counts)), where=drawn > 0)[row]
        distinct, column = np.unique(np.concatenate(cells), return_inverse=True)
        shape = (len(counts), len(distinct))
        return cls(distinct, coo_array((km, (row, column)), shape=shape).tocsr())

    def expected(self, rates: Floats, near: Nearness) -> Floats:
        """R of each edge, passing it once: `rates` of shape (cells,) gives (edges,), of (k, cells) gives (k, edges)."""
        found: Floats = (self.km @ rates.T).T * near.swept
        return found
