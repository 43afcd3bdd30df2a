"""A node whose house rules are the Partner Party's of the demonstration: the registry is that party's."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from conftest import enact_house_rules
from safeconduct.records import here
from safeconduct.records.door import Door
from safeconduct.records.home import Home


@pytest.fixture
def registry(bare_home: Home) -> Iterator[Home]:
    with Door.open(bare_home) as door, here.at(bare_home, door):
        enact_house_rules("partner")
        yield bare_home
