"""Host and Partner whose clause 5 is agreed, made once and copied for each test."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

import ready
from exchange.nodes import Node, own_connections
from journeys import two_nodes


@pytest.fixture
def _own_connections(prepared: Path) -> Iterator[None]:
    with own_connections():
        yield


@pytest.fixture(scope="session")
def clause_5(prepared: Path) -> Path:
    return two_nodes.made(prepared, "5")


@pytest.fixture
def world(clause_5: Path, tmp_path: Path) -> Path:
    ready.copy(clause_5, tmp_path / "world")
    return tmp_path / "world"


@pytest.fixture
def nodes(_own_connections: None, world: Path) -> Iterator[tuple[Node, Node]]:
    host, partner = Node(world / "pk"), Node(world / "cn")
    yield host, partner
    partner.close()
    host.close()
