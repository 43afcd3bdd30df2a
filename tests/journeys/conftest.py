"""Host and Partner with the clause about journeys agreed, made once and copied for each test."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from exchange.nodes import Node, opened, own_connections
from safeconduct.records.home import Home


@pytest.fixture(scope="session")
def made(prepared: Path) -> Path:
    from journeys import two_nodes

    return two_nodes.made(prepared, "5")


@pytest.fixture
def nodes(made: Path, tmp_path: Path, bare_home: Home) -> Iterator[tuple[Node, Node]]:
    """The host `pk` and its partner `cn`; `bare_home` keeps the accounts of whoever signs in."""
    with own_connections(), opened(made, tmp_path) as both:
        yield both
