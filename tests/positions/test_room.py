"""Positions whose term is over give the disk back what they took."""

from __future__ import annotations

import pytest

from safeconduct.positions import store as storing
from safeconduct.positions.store import Position, Store
from safeconduct.records.home import Home


@pytest.mark.files("PostgreSQL uses the room for what comes next, and has no file to look at")
def test_the_file_is_small_again_when_a_term_is_over(
    bare_home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(storing, "PAGES", 50)
    store = Store(bare_home)
    store.put([Position("old", "mei", float(n), 25.0, 66.9, 10.0) for n in range(20_000)])
    store.put([Position("new", "mei", float(n), 25.0, 66.9, 10.0) for n in range(100)])
    store.sweep()
    full = bare_home.positions.stat().st_size
    assert store.forget("old") == 20_000
    rounds = 1
    while store.give_back():
        rounds += 1
    store.sweep()
    assert rounds > 3 and bare_home.positions.stat().st_size < full / 10
    assert len(store.track("new", 0, 200)) == 100
    store.close()
