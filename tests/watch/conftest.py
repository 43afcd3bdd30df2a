"""Host and Partner with the demonstration's clauses on movements and on alerts agreed."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from journeys import two_nodes
from journeys.two_nodes import Node, opened, own_connections


@pytest.fixture(autouse=True)
def _own_connections(prepared: Path) -> Iterator[None]:
    with own_connections():
        yield


@pytest.fixture(scope="session")
def agreed(prepared: Path) -> Path:
    return two_nodes.made(prepared, "5", "6")


@pytest.fixture
def nodes(agreed: Path, tmp_path: Path) -> Iterator[tuple[Node, Node]]:
    with opened(agreed, tmp_path) as both:
        yield both
