"""Nodes that are paired and have an agreement, made once and copied for each test."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

import ready

from .forging import Forger
from .nodes import INCIDENT, Node, make_parties, own_connections, pull


@pytest.fixture(autouse=True)
def _own_connections(prepared: Path) -> Iterator[None]:
    """Leave Django's databases as they were found, whatever nodes a test opened."""
    with own_connections():
        yield


@pytest.fixture(scope="session")
def made(prepared: Path) -> Path:
    """A folder with the homes of `make_parties`."""

    def fill(folder: Path) -> None:
        with own_connections():
            make_parties(prepared, folder)

    return ready.shared("three-parties", fill)


@pytest.fixture
def world(made: Path, tmp_path: Path) -> Path:
    """A copy of the prepared homes for one test."""
    folder = tmp_path / "world"
    ready.copy(made, folder)
    return folder


@pytest.fixture
def nodes(world: Path) -> Iterator[tuple[Node, Node]]:
    """The host `pk` and its partner `cn`."""
    host, partner = Node(world / "pk"), Node(world / "cn")
    yield host, partner
    partner.close()
    host.close()


@pytest.fixture
def forger(nodes: tuple[Node, Node], tmp_path: Path) -> Forger:
    host, partner = nodes
    host.commit("incident", INCIDENT)
    pull(partner, host)
    return Forger(host, tmp_path)
