"""The state that decides is never older than it says it is."""

from __future__ import annotations

from typing import Any

from conftest import SIGNATORY_KEY
from safeconduct.node import signing_here
from safeconduct.records import here
from safeconduct.records.home import Home
from safeconduct.records.standing import load_state


class Interrupted:
    """Tables in which an act arrives just after the rows were read, as one may from another process."""

    def __init__(self, tables: Any) -> None:
        self.tables = tables
        self.waiting = True

    def all(self, sql: str, parameters: list[Any]) -> list[tuple[Any, ...]]:
        rows: list[tuple[Any, ...]] = self.tables.all(sql, parameters)
        if self.waiting:
            self.waiting = False
            signing_here.act("house", "H1", "suspended", SIGNATORY_KEY, None, here.door())
        return rows

    def one(self, sql: str, parameters: list[Any]) -> tuple[Any, ...] | None:
        found: tuple[Any, ...] | None = self.tables.one(sql, parameters)
        return found


def test_an_act_that_arrives_while_the_state_is_read_is_not_missed(node: Home) -> None:
    before = here.state()
    seen = load_state(Interrupted(here.tables()), node)
    assert seen.agreements["house"].standing.status("H1") == "agreed", "read before the act"
    assert seen.index == before.index, "so that the next look reads it again"
    assert here.state().agreements["house"].standing.status("H1") == "suspended"
