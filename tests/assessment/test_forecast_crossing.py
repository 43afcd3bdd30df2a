"""A forecast crosses by clause 3.20, to analysts and coordinators, and no further than what it was made from."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest

from assessment.test_forecast_pages import drafts, today
from exchange.nodes import opened
from journeys import two_nodes
from journeys.two_nodes import Node, person, pull
from safeconduct.agreement.policy import Subject
from safeconduct.assessment.forecast_made import Asked, make
from safeconduct.assessment.forecast_reckoned import Reckoned
from safeconduct.assessment.forecast_rules import issue, outcome
from safeconduct.records.commit import Draft, commit_many
from safeconduct.records.find import Query, find
from safeconduct.records.principals import system_subject
from safeconduct.records.refusals import Refused
from safeconduct.records.release import Released, release


@pytest.fixture
def nodes(prepared: Path, tmp_path: Path) -> Iterator[tuple[Node, Node]]:
    """Clause 3 alone is agreed: incidents cross once they are closed, and not before."""
    with opened(two_nodes.made(prepared, "3"), tmp_path) as both:
        yield both


def put(node: Node, made: list[Draft]) -> None:
    with node.active():
        answers = commit_many(system_subject(node.home.party), made, door=node.door)
        assert not [each for each in answers if isinstance(each, Exception)]


def issued(node: Node, who: Subject) -> Released:
    with node.active():
        made = make(who, Asked(lag=0))
        done = issue(
            who, made, Reckoned("done"), "standard", "Where to add protection", "JSC", door=node.door
        )
        return release(who, done.record, door=node.door)


def seen_by(node: Node, who: Subject) -> list[Released]:
    with node.active():
        return find(who, Query("forecast", sort="at"), door=node.door).records


def test_the_other_partys_analyst_gets_it_and_others_do_not(nodes: tuple[Node, Node]) -> None:
    host, partner = nodes
    analyst, theirs = person(host, "a", "analyst"), person(partner, "b", "analyst")
    watch = person(partner, "c", "watch_officer")
    put(host, drafts(40, today() - timedelta(days=3)))
    own = issued(host, analyst)
    assert own.label == "RESTRICTED"
    pull(partner, host)
    (got,) = seen_by(partner, theirs)
    assert got.parts == own.parts
    assert got.originator == "pk"
    assert seen_by(partner, watch) == []
    with partner.active():
        came = outcome(theirs, got)
    assert came is not None
    assert not came.over


def test_made_from_what_is_held_back_it_stays_at_home(nodes: tuple[Node, Node]) -> None:
    host, partner = nodes
    analyst, theirs = person(host, "a", "analyst"), person(partner, "b", "analyst")
    put(host, drafts(30, today() - timedelta(days=3)))
    (kept,) = drafts(1, today() - timedelta(days=3))
    put(host, [Draft("incident", kept.parts, state="closed", levels=kept.levels, releasable=())])
    own = issued(host, analyst)
    assert own.releasable == frozenset()
    pull(partner, host)
    assert seen_by(partner, theirs) == []


def test_an_old_incident_that_is_held_back_keeps_its_count_at_home(nodes: tuple[Node, Node]) -> None:
    """It is in the cells' counts of all time and in the backtest, though it is no named source."""
    host, partner = nodes
    analyst, theirs = person(host, "a", "analyst"), person(partner, "b", "analyst")
    put(host, drafts(30, today() - timedelta(days=3)))
    (kept,) = drafts(1, today() - timedelta(days=900))
    put(host, [Draft("incident", kept.parts, state="closed", levels=kept.levels, releasable=())])
    own = issued(host, analyst)
    assert sum(each["ever"] for each in own.parts["expected"]["cells"]) == 31
    assert own.releasable == frozenset()
    pull(partner, host)
    assert seen_by(partner, theirs) == []


def test_what_its_author_may_not_pass_on_is_not_passed_on_as_a_forecast(nodes: tuple[Node, Node]) -> None:
    host, _partner = nodes
    put(host, drafts(30, today() - timedelta(days=3)))
    (kept,) = drafts(1, today() - timedelta(days=900))
    put(host, [Draft("incident", kept.parts, state="closed", levels=kept.levels, orcon=True)])
    assert issued(host, person(host, "a", "analyst")).orcon


def test_it_bears_the_highest_label_of_what_it_was_made_from(nodes: tuple[Node, Node]) -> None:
    host, partner = nodes
    analyst, theirs = person(host, "a", "analyst"), person(partner, "b", "analyst")
    put(host, drafts(30, today() - timedelta(days=3)) + drafts(5, today() - timedelta(days=3), level=2))
    own = issued(host, analyst)
    assert set(own.levels.values()) == {"CONFIDENTIAL"}
    pull(partner, host)
    assert seen_by(partner, theirs) == []


def test_from_secret_incidents_nobody_issues_one_below(nodes: tuple[Node, Node]) -> None:
    host, _partner = nodes
    coordinator = person(host, "k", "coordinator")
    put(host, drafts(10, today() - timedelta(days=3)) + drafts(5, today() - timedelta(days=3), level=3))
    with host.active():
        made = make(coordinator, Asked(lag=0))
        assert made.seen.level == "SECRET"
        with pytest.raises(Refused):
            issue(coordinator, made, Reckoned("done"), "standard", "x", "y", door=host.door)
