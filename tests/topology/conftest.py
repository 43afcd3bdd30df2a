"""A host in the midst of four partners, and a partner in the midst of four hosts: made once, copied for each test."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

import ready
from bench.constellation import CENTRE, Constellation, make, names
from bench.nodes import Node
from exchange.nodes import own_connections

OTHERS = 4
"""So many that what is meant for one could reach several."""


@pytest.fixture
def around(prepared: Path, tmp_path: Path) -> Iterator[Callable[[str], Constellation]]:
    """`around("host")`: a host with its partners; `around("partner")`: a partner with its hosts."""
    opened: list[Constellation] = []

    def make_one(side: str) -> Callable[[Path], None]:
        def making(folder: Path) -> None:
            with own_connections():
                made = make(folder, side, OTHERS, prepared)
                made.settle()
                made.close()

        return making

    def found(side: str) -> Constellation:
        made = ready.shared(f"around-{side}", make_one(side))
        world = ready.copy(made, tmp_path / side)
        others = {party: Node(world / party) for party in names(OTHERS)}
        opened.append(Constellation(world, Node(world / CENTRE), others))
        return opened[-1]

    with own_connections():
        yield found
        for each in opened:
            each.close()
