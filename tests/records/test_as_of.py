"""What was on record at a moment that has passed, decided by what may be read now."""

from __future__ import annotations

import time
from datetime import UTC, datetime
from typing import Any

import pytest

from records.test_commit import PARTS, person
from records.test_release import SECRETS, entries
from safeconduct.agreement.policy import Subject
from safeconduct.records import here, rebuild
from safeconduct.records.as_of import Past, Then, find_as_of, past
from safeconduct.records.commit import Committed, Draft, commit
from safeconduct.records.home import Home
from safeconduct.records.principals import to_wire
from safeconduct.records.refusals import Malformed

pytestmark = pytest.mark.both

OFFICER = Subject("pk", frozenset({"watch_officer"}), 3, frozenset(), frozenset(), "p1")


@pytest.fixture(autouse=True)
def _officer(node: Home) -> None:
    assert person("watch_officer") == OFFICER


def now() -> Past:
    time.sleep(0.005)
    moment = past(datetime.now(UTC))
    time.sleep(0.005)
    return moment


def titled(title: str, **more: Any) -> dict[str, Any]:
    return {**PARTS, "summary": {**PARTS["summary"], "title": title}, **more}


def amended(made: Committed, title: str, **more: Any) -> Committed:
    draft = Draft(
        "incident", titled(title, **more), record=made.record, expected=made.version, state="update"
    )
    return commit(OFFICER, draft)


def titles(moment: Past, wanted: Then | None = None, reader: Any = OFFICER) -> list[str]:
    found, _ = find_as_of(reader, moment, wanted or Then("incident"))
    return [each.found.parts["summary"]["title"] for each in found]


def test_a_moment_knows_what_was_recorded_by_then_and_nothing_later(node: Home) -> None:
    empty = now()
    made = commit(OFFICER, Draft("incident", titled("as first told")))
    first = now()
    amended(made, "as told later")
    commit(OFFICER, Draft("incident", titled("not yet there")))
    assert titles(empty) == [] and titles(first) == ["as first told"]
    assert sorted(titles(now())) == ["as told later", "not yet there"]
    (then,), more = find_as_of(OFFICER, first, Then("incident"))
    assert (then.found.version, then.found.state, then.changed, more) == (1, "immediate", 1, False)


def test_a_moment_is_the_same_however_long_the_ledger_grows(node: Home) -> None:
    made = commit(OFFICER, Draft("incident", titled("v1")))
    moment = now()
    for number in range(40):
        made = amended(made, f"v{number + 2}")
        assert past(moment.at) == moment
    assert titles(moment) == ["v1"]
    rebuild.rebuild(writer())
    assert past(moment.at) == moment and titles(moment) == ["v1"]


def writer() -> Any:
    found = here.door().writer
    assert found is not None
    return found


def test_the_future_is_not_told(node: Home) -> None:
    with pytest.raises(Malformed):
        past(datetime.fromtimestamp(time.time() + 60, UTC))


def test_what_may_not_be_read_now_is_not_read_in_the_past_either(node: Home) -> None:
    made = commit(OFFICER, Draft("incident", SECRETS))
    before = now()
    commit(
        OFFICER,
        Draft("incident", {}, record=made.record, expected=1, levels={"people": 3, "summary": 3, "where": 3}),
    )
    analyst = person("analyst", "p2", clearance=1)
    found, _ = find_as_of(analyst, before, Then("incident"))
    assert all("summary" not in each.found.parts and "people" not in each.found.parts for each in found)
    assert "CANARY" not in repr(found)


def test_a_label_raised_then_and_lowered_since_still_holds_for_that_version(node: Home) -> None:
    made = commit(OFFICER, Draft("incident", SECRETS, levels={"summary": 3, "when": 3, "where": 3}))
    before = now()
    lowered = {"summary": 1, "when": 1, "where": 1}
    commit(OFFICER, Draft("incident", {}, record=made.record, expected=1, levels=lowered))
    analyst = person("analyst", "p2", clearance=1)
    assert find_as_of(analyst, before, Then("incident")) == ([], False)
    assert len(find_as_of(analyst, now(), Then("incident"))[0]) == 1


def test_what_was_erased_since_is_named_with_its_day_and_not_shown(node: Home) -> None:
    made = commit(OFFICER, Draft("incident", SECRETS))
    moment = now()
    unchanged = commit(OFFICER, Draft("incident", titled("other", people={"victims": "CANARY-TWO"})))
    later = now()
    amended(made, "later", people={"victims": "CANARY-LATER"})
    coordinator = person("coordinator", "p3")
    for record in (made.record, unchanged.record):
        payload = {"actor": to_wire(coordinator), "record": record, "parts": ["people"], "reason": "asked"}
        here.door().call("erase", payload)
    for at in (moment, later):
        found, _ = find_as_of(OFFICER, at, Then("incident"))
        assert "CANARY-PEOPLE" not in repr(found) and "CANARY-TWO" not in repr(found)
        for each in found:
            assert set(each.erased) == {"people"} and each.erased["people"] > at.at
            assert each.found.erased == ("people",)


def test_a_withdrawal_counts_from_the_moment_it_was_made(node: Home) -> None:
    made = commit(OFFICER, Draft("incident", titled("withdrawn later")))
    before = now()
    payload = {
        "actor": to_wire(person("coordinator", "p3")),
        "record": made.record,
        "parts": [],
        "reason": "",
    }
    here.door().call("withdraw", payload)
    (then,), _ = find_as_of(OFFICER, before, Then("incident"))
    assert not then.found.withdrawn and then.withdrawn_since is not None
    (since,), _ = find_as_of(OFFICER, now(), Then("incident"))
    assert since.found.withdrawn and since.withdrawn_since is None


def test_a_period_counts_by_the_time_the_version_then_told(node: Home) -> None:
    made = commit(OFFICER, Draft("incident", titled("moved", when={"start": "2024-10-06T20:00:00Z"})))
    moment = now()
    amended(made, "moved", when={"start": "2024-11-01T20:00:00Z"})
    october = (datetime(2024, 10, 6, tzinfo=UTC).timestamp(), datetime(2024, 10, 7, tzinfo=UTC).timestamp())
    wanted = Then("incident", since=october[0], until=october[1])
    assert titles(moment, wanted) == ["moved"] and titles(now(), wanted) == []


def test_reading_the_past_is_noted_like_reading_the_present(node: Home) -> None:
    made = commit(OFFICER, Draft("incident", SECRETS))
    moment = now()
    amended(made, "later")
    assert not entries("reading")
    coordinator = person("coordinator", "p3")
    find_as_of(coordinator, moment, Then("incident"), act="export")
    assert len(entries("reading")) == 1
    find_as_of(coordinator, now(), Then("incident"), act="export")
    assert len(entries("reading")) == 2
    outside = Then("incident", until=0.0)
    find_as_of(coordinator, moment, outside, act="export")
    assert len(entries("reading")) == 2, "what is not shown is not noted"


def test_past_rows_are_made_again_from_the_ledger(node: Home) -> None:
    made = commit(OFFICER, Draft("incident", SECRETS))
    coordinator = to_wire(person("coordinator", "p3"))
    here.door().call(
        "erase", {"actor": coordinator, "record": made.record, "parts": ["people"], "reason": ""}
    )
    here.door().call("withdraw", {"actor": coordinator, "record": made.record, "parts": [], "reason": ""})
    before = rebuild.fingerprint()
    rebuild.rebuild(writer())
    assert rebuild.fingerprint() == before
    assert {row[0] for row in here.tables().all("SELECT what FROM records_past")} == {"erased", "withdrawn"}


def test_only_the_parts_and_states_that_are_asked_for_are_given(node: Home) -> None:
    made = commit(OFFICER, Draft("incident", SECRETS))
    moment = now()
    amended(made, "later")
    for at, state in ((moment, "immediate"), (now(), "update")):
        wanted = Then("incident", parts=("summary",), states=(state,))
        (each,), _ = find_as_of(OFFICER, at, wanted)
        assert set(each.found.parts) == {"summary"} and each.found.state == state
        assert find_as_of(OFFICER, at, Then("incident", states=("closed",))) == ([], False)
