"""One way in: what commit() stores, and what it refuses."""

from __future__ import annotations

import pytest

from safeconduct.agreement.policy import Subject
from safeconduct.records import here
from safeconduct.records.commit import Draft, commit
from safeconduct.records.home import Home
from safeconduct.records.kinds import PartRefused
from safeconduct.records.principals import system_subject
from safeconduct.records.refusals import Conflict, Malformed, NotFound, Refused

pytestmark = pytest.mark.both

WHERE = {"latitude": 24.9, "longitude": 67.17, "place": "Karachi airport", "district": "Karachi"}
PARTS = {
    "summary": {"title": "Bomb against a convoy", "category": "attack"},
    "when": {"start": "2024-10-06T23:00:00+05:00"},
    "where": WHERE,
}


def person(role: str, name: str = "p1", clearance: int = 3) -> Subject:
    """Someone with one role, given by record."""
    assignment = {"person": name, "account_name": name, "role": role, "clearance": clearance}
    draft = Draft("role_assignment", {"assignment": assignment}, releasable=())
    commit(system_subject("pk"), draft)
    return Subject("pk", frozenset({role}), clearance, frozenset(), frozenset(), name)


def test_a_version_is_stored_and_found_in_ledger_and_tables(node: Home) -> None:
    made = commit(person("watch_officer"), Draft("incident", PARTS))
    assert (made.version, len(made.record)) == (1, 32)
    writer = here.door().writer
    assert writer is not None
    header = __import__("json").loads(writer.log.entry(made.index).leaf)
    assert header["record"] == made.record and len(header["parts"]) == 7
    assert header["clauses"] == ["house/H1.1"] or header["clauses"][0].startswith("house/")


def test_amendment_carries_over_what_it_leaves_out(node: Home) -> None:
    actor = person("watch_officer")
    made = commit(actor, Draft("incident", PARTS))
    again = commit(
        actor,
        Draft("incident", {"people": {"killed_best": 2}}, record=made.record, expected=1, state="update"),
    )
    row = here.tables().one("SELECT parts, version, state FROM records_row WHERE id = %s", [made.record])
    assert row is not None and row[1:] == (2, "update") and again.version == 2
    assert '"killed_best":2' in row[0] and "Karachi airport" in row[0]


def test_an_old_version_is_a_conflict_that_names_the_current_one(node: Home) -> None:
    actor = person("watch_officer")
    made = commit(actor, Draft("incident", PARTS))
    commit(actor, Draft("incident", {}, record=made.record, expected=1, state="update"))
    with pytest.raises(Conflict) as fault:
        commit(actor, Draft("incident", {}, record=made.record, expected=1, state="closed"))
    assert fault.value.current == 2


def test_a_role_that_records_do_not_give_is_no_role(node: Home) -> None:
    pretender = Subject("pk", frozenset({"coordinator"}), 3, frozenset(), frozenset(), "nobody")
    with pytest.raises(Refused):
        commit(pretender, Draft("incident", PARTS))
    with pytest.raises(Refused):
        commit(person("analyst")._replace(roles=frozenset({"coordinator"})), Draft("incident", PARTS))


def test_a_refusal_is_in_the_ledger_with_nothing_stored(node: Home) -> None:
    administrator = person("administrator")
    writer = here.door().writer
    assert writer is not None
    before = writer.log.size
    with pytest.raises(Refused):
        commit(administrator, Draft("incident", PARTS))
    entry = __import__("json").loads(writer.log.entry(before).leaf)
    assert (entry["type"], entry["person"], entry["kind"]) == ("refusal", "p1", "incident")
    assert writer.log.size == before + 1
    assert here.tables().one("SELECT count(*) FROM records_row WHERE kind = 'incident'") == (0,)


def test_a_record_one_may_not_read_is_not_found(node: Home) -> None:
    made = commit(person("watch_officer"), Draft("incident", PARTS))
    administrator = person("administrator", "p2")
    with pytest.raises(NotFound):
        commit(administrator, Draft("incident", {}, record=made.record, expected=1))
    with pytest.raises(NotFound):
        commit(administrator, Draft("incident", {}, record="0" * 32, expected=1))


@pytest.mark.parametrize(
    "parts",
    [
        {**PARTS, "summary": {"title": "x", "category": "airstrike"}},
        {**PARTS, "nonsense": {}},
        {**PARTS, "where": {"latitude": 91, "longitude": 0}},
        {**PARTS, "summary": {"title": "x", "category": "attack", "narrative": "y" * 300_000}},
        {"summary": PARTS["summary"]},
    ],
)
def test_parts_that_do_not_fit_are_named(node: Home, parts: dict) -> None:
    with pytest.raises(PartRefused) as fault:
        commit(person("watch_officer"), Draft("incident", parts))
    assert fault.value.errors and fault.value.kind == "incident"


@pytest.mark.parametrize("act", ["read", "export", "disclose", "withdraw", "erase", "launch", ""])
def test_only_acts_that_make_a_version_are_committed(node: Home, act: str) -> None:
    with pytest.raises(Malformed):
        commit(person("coordinator"), Draft("incident", PARTS), act=act)


def test_unknown_kind_state_level_and_stranger_are_malformed(node: Home) -> None:
    actor = person("watch_officer")
    for draft in (
        Draft("missile", {}),
        Draft("incident", PARTS, state="won"),
        Draft("incident", PARTS, levels={"summary": 9}),
        Draft("incident", PARTS, levels={"nothing": 1}),
        Draft("incident", PARTS, releasable=["xx"]),
        Draft("incident", PARTS, expected=3),
    ):
        with pytest.raises(Malformed):
            commit(actor, draft)


def test_nobody_gives_themselves_a_role_and_readings_are_not_written_by_hand(node: Home) -> None:
    admin = person("administrator", "boss")
    with pytest.raises(Refused, match="someone else"):
        commit(admin, Draft("role_assignment", {"assignment": {"person": "boss", "role": "coordinator"}}))
    with pytest.raises(Refused):
        commit(admin, Draft("reading", {"who": {"person": "x", "roles": []}}))


def test_a_label_is_lowered_and_a_release_widened_only_by_who_may_write_the_part(node: Home) -> None:
    """Leaving a part out of an amendment must not be a way to change who sees it."""
    secret = {**PARTS, "response": {"units": "two patrols"}}
    made = commit(system_subject("pk"), Draft("incident", secret, releasable=()))
    analyst = person("analyst", clearance=2)
    coordinator = person("coordinator", "p2")
    for levels in ({"response": 0}, {"summary": 0}):
        with pytest.raises(Refused):
            commit(
                analyst, Draft("incident", {}, record=made.record, expected=1, state="update", levels=levels)
            )
    low = person("watch_officer", "p3", clearance=1)
    with pytest.raises(Refused, match="response"):
        commit(
            low, Draft("incident", {}, record=made.record, expected=1, state="update", levels={"response": 0})
        )
    row = here.tables().one("SELECT version FROM records_row WHERE id = %s", [made.record])
    assert row == (1,)
    lowered = Draft("incident", {}, record=made.record, expected=1, state="update", levels={"response": 2})
    assert commit(coordinator, lowered).version == 2


def test_a_part_that_is_filled_later_has_at_least_its_usual_label(node: Home) -> None:
    actor = person("watch_officer")
    made = commit(actor, Draft("incident", PARTS, levels={"response": 0, "people": 3}))
    more = {"response": {"units": "Escort 14"}, "people": {"killed_best": 1}}
    commit(actor, Draft("incident", more, record=made.record, expected=1, state="update"))
    row = here.tables().one("SELECT levels FROM records_row WHERE id = %s", [made.record])
    assert row is not None and (row[0] >> 10 & 3, row[0] >> 6 & 3) == (3, 3)
