"""One way out: who gets which part, what is noted first, what nobody may learn."""

from __future__ import annotations

import asyncio
import json
from typing import Any, NamedTuple

import pytest

from records.test_commit import PARTS, person
from safeconduct.agreement.policy import Subject
from safeconduct.incidents.kinds import INCIDENT
from safeconduct.records import here
from safeconduct.records.commit import Draft, commit
from safeconduct.records.find import Query, count, find
from safeconduct.records.home import Home
from safeconduct.records.principals import system_subject
from safeconduct.records.refusals import Malformed, NotFound, Refused
from safeconduct.records.release import fetch_row, release
from safeconduct.records.rows import item_of
from safeconduct.shell.audience import Audience, Change, _look_up

pytestmark = pytest.mark.both

SECRETS = {
    **PARTS,
    "people": {"killed_best": 2, "victims": "CANARY-PEOPLE"},
    "response": {"units": "CANARY-UNITS"},
    "source": {"name": "CANARY-SOURCE"},
}


class Ear(NamedTuple):
    """A listener to the live stream, as the audience knows it."""

    subject: Subject
    cookies: str
    topics: frozenset[str]


def entries(kind: str) -> list[dict[str, Any]]:
    writer = here.door().writer
    assert writer is not None
    found = [json.loads(e.leaf) for e in writer.log.entries(0, writer.log.size)]
    return [e for e in found if e.get("kind") == kind or e["type"] == kind]


def test_parts_come_by_role_and_the_rest_is_named_with_the_rule(node: Home) -> None:
    made = commit(person("watch_officer"), Draft("incident", SECRETS))
    analyst = person("analyst", "p2", clearance=2)
    found = release(analyst, made.record)
    assert "summary" in found.parts and "people" not in found.parts and "response" not in found.parts
    withheld = {w.part: w for w in found.withheld}
    assert withheld["response"].reason == "R3" and withheld["people"].reason == "no grant"
    assert "CANARY-PEOPLE" not in repr(found) and "CANARY-UNITS" not in repr(found)


def test_a_logged_part_is_noted_before_it_is_returned(node: Home) -> None:
    officer = person("coordinator")
    made = commit(officer, Draft("incident", SECRETS))
    row = fetch_row(made.record)
    assert row is not None
    logged = here.state().policy.logged(officer, "export", item_of(row), 0.0) & row.present
    assert logged, "the house rules log at least one part that a co-ordinator may export"
    found = release(officer, made.record, act="export")
    (noted,) = entries("reading")
    value = json.loads(here.tables().all("SELECT parts FROM records_row WHERE kind = 'reading'")[0][0])
    (item,) = value["what"]["records"]
    assert (item["record"], item["version"]) == (made.record, 1)
    assert set(item["parts"]) == {n for b, n in enumerate(INCIDENT.part_names) if logged >> b & 1}
    assert value["who"] == {"person": "p1", "roles": ["coordinator"]}
    assert noted["releasable"] == [] and set(item["parts"]) <= set(found.parts)


def test_not_found_and_may_not_know_are_the_same_and_the_attempt_is_kept(node: Home) -> None:
    made = commit(person("watch_officer"), Draft("incident", PARTS))
    administrator = person("administrator", "p2")
    with pytest.raises(NotFound) as hidden:
        release(administrator, made.record)
    with pytest.raises(NotFound) as absent:
        release(administrator, "f" * 32)
    assert str(hidden.value) == str(absent.value)
    # Both attempts are kept, or the ledger's size would tell them apart.
    assert [entry["record"] for entry in entries("refusal")[-2:]] == [made.record, "f" * 32]


def test_an_act_one_may_not_do_on_what_one_may_see_is_refused(node: Home) -> None:
    made = commit(person("watch_officer"), Draft("incident", PARTS))
    with pytest.raises(Refused):
        release(person("auditor", "p2", clearance=2), made.record, act="command")


def many(number: int) -> None:
    officer = person("watch_officer")
    for day in range(number):
        parts = {
            **SECRETS,
            "summary": {"title": f"Event {day}", "category": "attack" if day % 2 else "threat"},
            "when": {"start": f"2024-01-{day + 1:02d}"},
        }
        commit(officer, Draft("incident", parts))


def test_pages_follow_one_another_without_gap_or_double(node: Home) -> None:
    many(7)
    reader = person("analyst", "p2", clearance=2)
    seen: list[str] = []
    cursor = ""
    while True:
        page = find(reader, Query("incident", limit=3, cursor=cursor))
        seen += [r.parts["summary"]["title"] for r in page.records]
        cursor = page.next_cursor
        if not cursor:
            break
    assert seen == [f"Event {day}" for day in reversed(range(7))]
    assert count(reader, Query("incident")) == 7


def test_a_record_whose_time_may_not_be_seen_is_beside_the_list_not_lost(node: Home) -> None:
    many(2)
    made = commit(person("watch_officer"), Draft("incident", SECRETS, levels={"when": 3}))
    analyst = person("analyst", "p2", clearance=2)
    page = find(analyst, Query("incident"))
    assert len(page.records) == 2 and [r.id for r in page.unplaced] == [made.record]
    assert "when" not in page.unplaced[0].parts
    assert find(analyst, Query("incident", since=0.0)).unplaced == []
    everything = find(person("coordinator", "p3"), Query("incident"))
    assert len(everything.records) == 3 and everything.unplaced == []


@pytest.mark.parametrize("few", [0, 5_000])
def test_filters_look_only_at_visible_parts(node: Home, monkeypatch: pytest.MonkeyPatch, few: int) -> None:
    monkeypatch.setattr("safeconduct.records.find.FEW", few)
    many(4)
    analyst = person("analyst", "p2", clearance=2)
    assert len(find(analyst, Query("incident", category="attack")).records) == 2
    assert len(find(analyst, Query("incident", text="event")).records) == 4
    assert find(analyst, Query("incident", text="CANARY-PEOPLE")).records == []
    assert find(analyst, Query("incident", text="CANARY-UNITS")).records == []
    assert len(find(person("coordinator", "p3"), Query("incident", text="CANARY-UNITS")).records) == 4
    assert len(find(analyst, Query("incident", bbox=(67, 24, 68, 25))).records) == 4
    assert find(analyst, Query("incident", bbox=(0, 0, 1, 1))).records == []


@pytest.mark.parametrize(
    "text", ['"', "NEAR(", "a OR b", "*", "title:x", "'; DROP TABLE", "\x00", "ڈاکہ 爆炸"]
)
def test_a_query_has_no_operators(node: Home, text: str) -> None:
    many(1)
    assert find(person("analyst", "p2", 2), Query("incident", text=text)).records == []


def test_three_scripts_are_found(node: Home) -> None:
    officer = person("watch_officer")
    for title in ("کراچی میں دھماکا", "卡拉奇机场附近爆炸", "Émeute à Karachi"):
        commit(officer, Draft("incident", {**PARTS, "summary": {"title": title, "category": "attack"}}))
    for text, expected in (("كراچي", 1), ("机场", 1), ("emeute", 1), ("场机", 0), ("dha", 0)):
        assert len(find(officer, Query("incident", text=text)).records) == expected, text


@pytest.mark.parametrize("cursor", ["x", "e30", "W10", "ÿ", "WyJhdCIsMSwiYSJd"])
def test_a_forged_cursor_is_refused(node: Home, cursor: str) -> None:
    with pytest.raises(Malformed):
        find(person("analyst", "p2", 2), Query("incident", cursor=cursor))


def test_what_a_record_is_about_is_told_to_who_may_know_of_that_alone(node: Home) -> None:
    hidden = commit(
        system_subject("pk"), Draft("incident", PARTS, levels={"summary": 3, "when": 3, "where": 3})
    )
    claim = {"figure": {"what": "killed", "best": 3}, "source": {"outlet": "x", "party": "press"}}
    said = commit(system_subject("pk"), Draft("claim", claim, about=hidden.record))
    officer, liaison = person("watch_officer", "p1"), person("liaison", "p2", 1)
    assert release(officer, said.record).about == hidden.record
    assert release(liaison, said.record).about == ""
    page = find(liaison, Query("claim", sort="at"))
    assert [found.about for found in page.records] == [""]
    assert [found.about for found in find(officer, Query("claim", sort="at")).records] == [hidden.record]

    async def heard() -> list[str]:
        audience = Audience()
        listeners = [Ear(officer, "", frozenset()), Ear(liaison, "", frozenset())]
        changes = [_look_up(Change("claim", said.record, said.index))]
        found = await audience.decide(listeners, changes)
        audience.close()
        by_ear = {listener: told for alike, told in found for listener in alike}
        return [change.about for listener in listeners for change in by_ear[listener]]

    assert asyncio.run(heard()) == [hidden.record, ""]
