"""A host in the midst of three partners, and a partner amid three hosts: made once, copied for each test."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

import ready
from bench.constellation import CENTRE, Constellation, make, names
from bench.every_kind import fill
from bench.nodes import Node
from exchange.nodes import own_connections
from faults import canary

OTHERS = 3
"""So many that what is meant for one could reach several."""
SEED = 8
TO = {1: ["other-001"], 2: ["other-002"], 3: ["other-002", "other-003"]}
"""To whom the host's records of every kind are addressed that bear this word."""
FROM = {101: "other-001", 102: "other-002"}
"""Whose records to the host bear this word."""


def word(number: int) -> str:
    return canary.word(number, SEED)


def _fill(world: Constellation, folder: Path) -> None:
    """Records of every kind in both directions; their ids lie in `ids.json`, by word."""
    ids = {number: fill(world.centre, to, word(number)) for number, to in TO.items()}
    ids |= {number: fill(world.others[party], [CENTRE], word(number)) for number, party in FROM.items()}
    (folder / "ids.json").write_text(json.dumps({n: list(made.values()) for n, made in ids.items()}))


@pytest.fixture
def around(prepared: Path, tmp_path: Path) -> Iterator[Callable[..., Constellation]]:
    """`around("host")`: a host with its partners; `around("partner")`: a partner with its hosts; with `filled`, records
    of every kind have crossed."""
    opened: list[Constellation] = []

    def make_one(side: str, filled: bool) -> Callable[[Path], None]:
        def making(folder: Path) -> None:
            with own_connections():
                made = make(folder, side, OTHERS, prepared, lambda: ready.database(prepared))
                if filled:
                    _fill(made, folder)
                made.settle()
                made.close()

        return making

    def found(side: str, filled: bool = False) -> Constellation:
        made = ready.shared(f"around-{side}-{filled}", make_one(side, filled))
        world = ready.copy(made, tmp_path / side)
        others = {party: Node(world / party) for party in names(OTHERS)}
        opened.append(Constellation(world, Node(world / CENTRE), others))
        return opened[-1]

    with own_connections():
        yield found
        for each in opened:
            each.close()
