"""Two nodes whose people's readings are looked at."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from exchange.conftest import made, world
from exchange.nodes import Node, own_connections

__all__ = ["made", "world"]


@pytest.fixture
def both(bare_home: Any, world: Path) -> Iterator[tuple[Node, Node]]:
    """Two nodes in this process, on which all readings are logged and cross."""
    from exchange.test_readings import with_house_rules, with_readings

    with own_connections():
        host, partner = Node(world / "pk"), Node(world / "cn")
        with_readings(host, partner, world, "pk-cn")
        for node in (host, partner):
            with_house_rules(node, world)
        yield host, partner
        partner.close()
        host.close()
