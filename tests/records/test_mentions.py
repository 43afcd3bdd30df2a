"""Records by words that stand in them: as the table has them, whenever it was first asked."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from safeconduct.records import here
from safeconduct.records.commit import Draft, commit
from safeconduct.records.door import Door
from safeconduct.records.home import Home
from safeconduct.records.hooks import HOOKS
from safeconduct.records.mentions import NEWEST, Mentions
from safeconduct.records.principals import system_subject
from safeconduct.records.writer import Writer

SYSTEM = system_subject("pk")


@pytest.fixture
def writer(partner_home: Home) -> Iterator[Writer]:
    with Door.open(partner_home) as door, here.at(partner_home, door):
        assert door.writer is not None
        yield door.writer


@pytest.fixture
def by_holder() -> Iterator[Mentions]:
    before = list(HOOKS.version)
    yield Mentions("contact_point", lambda row: (row.assigned.strip("|"), row.values()["address"]["address"]))
    HOOKS.version[:] = before


def point(person: str) -> str:
    address = {"channel": "sms", "address": "+923001234567"}
    draft = Draft("contact_point", {"address": address}, assigned=[person], state="in_use", releasable=())
    return commit(SYSTEM, draft).record


def found(writer: Writer, mentions: Mentions, word: str) -> list[str]:
    records: list[str] = []

    def work(tx: Any) -> None:
        records.extend(row.id for row in mentions.of(tx, word))

    writer.tick(work)
    return records


def test_those_from_before_and_those_that_come_are_found_and_no_others(
    writer: Writer, by_holder: Mentions
) -> None:
    before = [point("jane"), point("joe")]
    assert found(writer, by_holder, "jane") == [before[0]]
    after = point("jane")
    assert found(writer, by_holder, "jane") == [before[0], after]
    assert found(writer, by_holder, "nobody") == []


def test_what_a_record_says_now_counts_and_not_what_it_said(writer: Writer, by_holder: Mentions) -> None:
    record = point("jane")
    assert found(writer, by_holder, "+923001234567") == [record]
    address = {"channel": "sms", "address": "+923007654321"}
    commit(SYSTEM, Draft("contact_point", {"address": address}, record=record, expected=1))
    assert found(writer, by_holder, "+923001234567") == []
    assert found(writer, by_holder, "+923007654321") == [record]


def test_only_the_newest_of_very_many_are_looked_at(writer: Writer, by_holder: Mentions) -> None:
    assert found(writer, by_holder, "jane") == []
    made = [point("jane") for _ in range(NEWEST + 3)]
    assert found(writer, by_holder, "jane") == made[3:]
