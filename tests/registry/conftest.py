"""A node whose house rules are the Partner Party's of the demonstration: the registry is that party's."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from safeconduct.records import here
from safeconduct.records.door import Door
from safeconduct.records.home import Home


@pytest.fixture
def registry(partner_home: Home) -> Iterator[Home]:
    with Door.open(partner_home) as door, here.at(partner_home, door):
        yield partner_home
