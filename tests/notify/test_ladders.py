"""Which ladder holds, whom a rung tells, and what is queued with it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from firing import fire_all
from journeys.journey_node import T0
from notify.notify_node import Telling, telling
from safeconduct.notify.answering import answer_escalation
from safeconduct.notify.rota import told_by
from safeconduct.notify.rungs import Rung, Where, ladder_for
from safeconduct.records.commit import Draft, commit
from safeconduct.records.home import Home
from safeconduct.records.kinds import PartRefused, kind
from safeconduct.records.refusals import Conflict, Malformed

HOUR = 3600.0


@pytest.fixture
def node(host_home: Home) -> Iterator[Telling]:
    with telling(host_home) as found:
        yield found


def wait(node: Telling, seconds: float) -> None:
    node.clock.now += seconds
    for _ in range(5):
        fire_all(node.writer)


def escalation(node: Telling, about: str) -> dict[str, Any]:
    return node.escalations(about)[-1]


def test_the_most_specific_ladder_holds(node: Telling) -> None:
    def step(role: str) -> list[dict[str, Any]]:
        return [{"after_seconds": 0, "roles": [role]}]

    def chosen(kind: str, site: str = "", district: str = "") -> str:
        found = node.read(lambda tx: ladder_for(tx, kind, Where(site, district)))
        return found.rungs[0].roles[0]

    assert chosen("sos") == "watch_officer", "the setting, where no record says otherwise"
    node.ladder(step("commander"))
    assert chosen("sos") == chosen("movement") == "commander"
    node.ladder(step("coordinator"), kind="sos")
    assert chosen("sos") == "coordinator" and chosen("movement") == "commander"
    node.ladder(step("liaison"), district="Karachi")
    assert chosen("sos", district="Karachi") == "liaison" and chosen("sos") == "coordinator"
    site = node.ladder(step("warden"), site="s1")
    node.ladder(step("auditor"), district="Karachi", kind="sos")
    assert chosen("sos", "s1", "Karachi") == "warden" and chosen("sos", "s2", "Karachi") == "auditor"
    node.ladder(step("analyst"), site="s1")
    assert chosen("sos", "s1") == "analyst", "of two alike the later one"
    row = node.row(site)
    commit(node.system, Draft("ladder", {}, record=site, expected=row.version, state="ended"))


@pytest.mark.parametrize(
    "steps",
    [
        [],
        [{"after_seconds": 0}],
        [{"after_seconds": 0, "roles": ["administrators"]}],
        [{"after_seconds": 60, "roles": ["warden"]}, {"after_seconds": 60, "roles": ["warden"]}],
        [{"after_seconds": -1, "roles": ["warden"]}],
        [{"after_seconds": 7 * 86_400 + 1, "roles": ["warden"]}],
        [{"after_seconds": n, "roles": ["warden"]} for n in range(21)],
        [{"after_seconds": 0, "roles": ["warden"], "channels": ["e mail"]}],
        [{"after_seconds": 0, "roles": ["warden"], "units": ["a|b"]}],
    ],
)
def test_a_ladder_that_could_not_be_climbed_is_refused(steps: list[Any]) -> None:
    with pytest.raises(PartRefused):
        kind("ladder").validate({"scope": {}, "steps": {"steps": steps}})


def test_an_sos_climbs_tells_each_once_a_rung_and_a_late_answer_still_counts(node: Telling) -> None:
    for name, role in (("wali", "watch_officer"), ("wafa", "watch_officer"), ("coco", "coordinator")):
        node.person(name, role)
        node.contact(name, "sms", "+92300" + str(len(name)) * 4)
    sos = node.sos()
    assert sorted(each[:4] for each in node.deliveries(sos)) == [
        ("wafa", "sms", "queued", 1),
        ("wali", "sms", "queued", 1),
    ]
    wait(node, 61)
    assert escalation(node, sos)["rung"] == 2
    assert ("coco", "sms", "queued", 2, "") in node.deliveries(sos)
    wait(node, 3 * 86_400)
    assert escalation(node, sos)["rung"] == 4, "the top, long ago, and nobody has answered"
    officer = node.person("late", "watch_officer")
    answer_escalation(officer, escalation(node, sos)["id"], "on it")
    assert escalation(node, sos)["state"] == "answered"
    assert {each[2] for each in node.deliveries(sos)} == {"not_needed"}
    assert node.take("sms") == []
    with pytest.raises(Conflict):
        answer_escalation(officer, escalation(node, sos)["id"])


def test_who_is_on_call_is_told_and_else_all_who_hold_the_role(node: Telling) -> None:
    for name in ("a", "b", "c"):
        node.person(name, "watch_officer")
        node.contact(name, "sms", "0300111")
    rung = Rung(0, ("watch_officer",))

    def told(district: str = "") -> set[str]:
        found = node.read(lambda tx: told_by(tx, rung, frozenset(), Where("", district)))
        return {each.person for each in found}

    now = node.clock.now
    assert told() == {"a", "b", "c"}
    first = node.shift("a", now - HOUR, now + HOUR, role="watch_officer")
    node.shift("b", now - HOUR, now + HOUR, role="watch_officer", district="Karachi")
    node.shift("c", now + HOUR, now + 9 * HOUR, role="watch_officer")
    assert told() == {"a"} and told("Karachi") == {"b"} and told("Lahore") == {"a"}
    row = node.row(first)
    commit(node.system, Draft("on_call", {}, record=first, expected=row.version, state="handed_over"))
    assert told() == {"a", "b", "c"}, "handed over to nobody: everyone is told rather than none"
    node.clock.now = now + 2 * HOUR
    assert told() == {"c"}
    node.clock.now = now + 10 * HOUR
    assert told() == {"a", "b", "c"}


def test_a_shift_that_was_taken_over_early_counts_at_once(node: Telling) -> None:
    node.person("a", "watch_officer")
    node.person("b", "watch_officer")
    now = node.clock.now
    node.shift("b", now + 600, now + HOUR, "on_duty", role="watch_officer")
    found = node.read(lambda tx: told_by(tx, Rung(0, ("watch_officer",)), frozenset(), Where()))
    assert [(each.person, each.by_name) for each in found] == [("b", True)]


def test_the_duty_bearer_is_who_serves_in_the_unit(node: Telling) -> None:
    node.person("karim", "commander", ("unit-7",))
    node.person("other", "commander", ("unit-77",))
    rung = Rung(0, ("duty_bearer",))
    found = node.read(lambda tx: told_by(tx, rung, frozenset({"unit-7"}), Where()))
    assert [(each.person, each.role) for each in found] == [("karim", "duty_bearer")]


def test_somebody_on_call_who_cannot_be_reached_is_recorded(node: Telling) -> None:
    node.person("a", "watch_officer")
    node.shift("a", node.clock.now, node.clock.now + HOUR, role="watch_officer")
    assert node.deliveries(node.sos()) == [("a", "none", "failed", 1, "no_contact_point")]


def test_nobody_is_told_outside_of_what_he_may_not_know(node: Telling) -> None:
    node.person("admin", "administrator")
    node.contact("admin", "sms", "0300111")
    node.ladder([{"after_seconds": 0, "roles": ["administrator"], "persons": ["admin", "stranger"]}])
    assert node.deliveries(node.sos()) == []


def test_telling_the_same_again_queues_nothing(node: Telling) -> None:
    from safeconduct.notify.rota import Told
    from safeconduct.notify.telling import tell

    node.person("a", "watch_officer")
    node.contact("a", "sms", "0300111")
    sos = node.sos()
    persons = [Told("a"), Told("a")]
    again = [node.read(lambda tx: tell(tx, tx.row(sos), persons, occasion="v1")) for _ in range(3)]
    assert again == [1, 0, 0]
    assert len(node.deliveries(sos)) == 2, "one of the ladder, one of the occasion"


def test_an_exercise_stays_one_on_every_rung_and_real_ones_go_first(node: Telling) -> None:
    node.person("a", "watch_officer")
    node.person("c", "coordinator")
    node.contact("a", "sms", "0300111")
    node.contact("c", "sms", "0300112")
    practised = node.sos(exercise=True)
    wait(node, 61)
    real = node.sos()
    assert escalation(node, practised)["exercise"] is True and not escalation(node, real)["exercise"]
    sent = node.take("sms", allow=2)
    assert [each["exercise"] for each in sent] == [False, True], (
        "the real one before those that waited longer"
    )
    assert "EXERCISE" not in sent[0]["body"] + sent[0]["title"]
    assert sent[1]["body"].startswith("EXERCISE EXERCISE EXERCISE") and "EXERCISE" in sent[1]["title"]
    assert {row.values()["to"]["exercise"] for row in node.about(practised, "delivery")} == {True}
    assert {row.values()["to"]["exercise"] for row in node.about(real, "delivery")} == {False}


def test_no_flag_makes_an_exercise_real(node: Telling) -> None:
    practised = node.sos(exercise=True)
    node.raise_about(practised, exercise=False)
    assert escalation(node, practised)["exercise"] is True


@pytest.mark.parametrize(
    ("channel", "address"),
    [
        ("email", "a@b.c,d@e.f"),
        ("email", "a@b.c?bcc=x"),
        ("email", "plain"),
        ("sms", "+92 300"),
        ("sms", "123/456"),
        ("telegram", "1/2"),
        ("telegram", "a b"),
        ("webhook", "https://inside.example/"),
        ("telegram", "{number}"),
        ("sms", "0" * 201),
        ("E-Mail", "a@b.example"),
    ],
)
def test_an_address_that_could_become_another_is_refused(channel: str, address: str) -> None:
    with pytest.raises(PartRefused):
        kind("contact_point").validate({"address": {"channel": channel, "address": address}})


def test_a_contact_point_never_crosses_and_stays_with_its_person(node: Telling) -> None:
    part = {"address": {"channel": "sms", "address": "0300111"}}
    with pytest.raises(Malformed):
        commit(node.system, Draft("contact_point", part, assigned=["a", "b"], releasable=()))
    record = node.contact("a", "sms", "0300111")
    with pytest.raises(Malformed):
        commit(node.system, Draft("contact_point", {}, record=record, expected=1, assigned=["b"]))
    assert node.clock.now < T0


def test_a_ladder_changed_while_it_is_climbed_holds_from_the_next_rung(node: Telling) -> None:
    node.person("a", "watch_officer")
    steps = [{"after_seconds": 0, "roles": ["warden"]}, {"after_seconds": 60, "roles": ["warden"]}]
    ladder = node.ladder(steps, kind="sos")
    sos = node.sos()
    changed = {"steps": {"steps": [steps[0], {"after_seconds": 60, "roles": ["watch_officer"]}]}}
    commit(node.system, Draft("ladder", changed, record=ladder, expected=1, state="ended"))
    wait(node, 61)
    found = escalation(node, sos)
    assert found["rung"] == 2 and found["roles"] == ["watch_officer"]
