"""Host and Partner for the tests of the room: the clauses on strategy, incidents, journeys and alerts are agreed."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from exchange.nodes import Node, opened, own_connections
from journeys import two_nodes

CLAUSES = ("3", "4", "5", "6")


@pytest.fixture(autouse=True)
def _own_connections(prepared: Path) -> Iterator[None]:
    with own_connections():
        yield


@pytest.fixture
def rooms(prepared: Path, tmp_path: Path) -> Iterator[tuple[Node, Node]]:
    with opened(two_nodes.made(prepared, *CLAUSES), tmp_path) as both:
        yield both
