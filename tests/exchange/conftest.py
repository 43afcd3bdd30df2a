"""Nodes that are paired and have an agreement, made once and copied for each test."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from .nodes import FIRST, Node, agree, create, pair, propose_first


@pytest.fixture(autouse=True)
def _own_connections(prepared: Path) -> Iterator[None]:
    """Leave Django's databases as they were found, whatever nodes a test opened."""
    from django.db import connections

    before = dict(connections.settings["tables"])
    yield
    connections.settings["tables"] = before
    if hasattr(connections._connections, "tables"):
        del connections["tables"]


@pytest.fixture(scope="session")
def made(prepared: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the homes of `pk` (host of both), `cn` and `xx`, paired, clause 1 agreed with both."""
    from django.db import connections

    folder = tmp_path_factory.mktemp("made")
    before = dict(connections.settings["tables"])
    host = create(folder, prepared, "pk", "host")
    for party, agreement in (("cn", "pk-cn"), ("xx", "pk-xx")):
        pair(host, create(folder, prepared, party, "partner"), agreement)
    for party, agreement in (("cn", "pk-cn"), ("xx", "pk-xx")):
        first, second = Node(folder / "pk"), Node(folder / party)
        propose_first(first, folder, agreement)
        agree(first, second, folder, agreement, FIRST)
        first.close()
        second.close()
    connections.settings["tables"] = before
    return folder


@pytest.fixture
def world(made: Path, tmp_path: Path) -> Path:
    """A copy of the prepared homes for one test."""
    folder = tmp_path / "world"
    shutil.copytree(made, folder)
    return folder


@pytest.fixture
def nodes(world: Path) -> Iterator[tuple[Node, Node]]:
    """The host `pk` and its partner `cn`."""
    host, partner = Node(world / "pk"), Node(world / "cn")
    yield host, partner
    partner.close()
    host.close()
