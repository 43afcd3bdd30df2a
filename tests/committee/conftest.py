"""Two nodes for the tests of the committee's room: one pair that meets, one whose committee works."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from committee.work_nodes import _own_connections, allowed, committees, deploying, working  # noqa: F401
from journeys import two_nodes
from journeys.two_nodes import Node, opened


@pytest.fixture(scope="session")
def meeting_homes(prepared: Path) -> Path:
    return two_nodes.made(prepared, "1", "2")


@pytest.fixture
def nodes(meeting_homes: Path, tmp_path: Path) -> Iterator[tuple[Node, Node]]:
    with opened(meeting_homes, tmp_path) as both:
        yield both
