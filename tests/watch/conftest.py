"""Host and Partner with the demonstration's clauses on movements and on alerts agreed."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from journeys import two_nodes
from journeys.two_nodes import Node


@pytest.fixture(autouse=True)
def _own_connections(prepared: Path) -> Iterator[None]:
    from django.db import connections

    before = dict(connections.settings["tables"])
    yield
    connections.settings["tables"] = before
    if hasattr(connections._connections, "tables"):
        del connections["tables"]


@pytest.fixture(scope="session")
def agreed(prepared: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    from django.db import connections

    before = dict(connections.settings["tables"])
    folder = tmp_path_factory.mktemp("watch")
    two_nodes.make(prepared, folder, ("5", "6"))
    connections.settings["tables"] = before
    return folder


@pytest.fixture
def nodes(agreed: Path, tmp_path: Path) -> Iterator[tuple[Node, Node]]:
    shutil.copytree(agreed, tmp_path / "world")
    host, partner = Node(tmp_path / "world" / "pk"), Node(tmp_path / "world" / "cn")
    yield host, partner
    partner.close()
    host.close()
