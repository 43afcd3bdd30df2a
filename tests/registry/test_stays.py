"""Nobody is at two places at once, and every headcount is right and says how old it is."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from registry.people import epoch_hour, hour, person, site, somebody
from safeconduct.agreement.policy import Subject
from safeconduct.oversight.rules import withdraw
from safeconduct.records.find import Query, Span, find
from safeconduct.records.home import Home
from safeconduct.records.kinds import PartRefused
from safeconduct.records.refusals import Malformed, NotFound, Refused
from safeconduct.records.release import release
from safeconduct.registry import rules
from safeconduct.registry.headcounts import Stated, headcount, headcounts, total


def stays(reader: Subject, who: str) -> list[dict[str, Any]]:
    page = find(reader, Query("presence", about=who, descending=False, withdrawn=False))
    return [record.parts["stay"] for record in page.records]


def test_an_arrival_elsewhere_ends_the_stay_before(registry: Home) -> None:
    watch = somebody("coordinator")
    port, camp, who = site(watch), site(watch, "Camp", "Kech"), person(watch)
    rules.arrive(watch, who, port, hour(1))
    rules.arrive(watch, who, camp, hour(5))
    assert [(stay["site"], stay.get("until")) for stay in stays(watch, who)] == [
        (port, hour(5)),
        (camp, None),
    ]
    counted = headcounts(watch, [port, camp])
    assert {at: each.count for at, each in counted.items()} == {camp: 1}
    rules.depart(watch, who, hour(6))
    with pytest.raises(Malformed):
        rules.depart(watch, who, hour(7))
    assert headcounts(watch, [port, camp]) == {}


def test_an_arrival_where_one_is_already_changes_nothing(registry: Home) -> None:
    watch = somebody("coordinator")
    port, who = site(watch), person(watch)
    first = rules.arrive(watch, who, port, hour(1))
    assert rules.arrive(watch, who, port, hour(3)).record == first.record
    assert len(stays(watch, who)) == 1


def test_two_places_at_once_are_refused(registry: Home) -> None:
    watch = somebody("coordinator")
    port, camp, who = site(watch), site(watch, "Camp"), person(watch)
    rules.arrive(watch, who, port, hour(10))
    with pytest.raises(PartRefused, match="elsewhere"):
        rules.arrive(watch, who, camp, hour(4))
    with pytest.raises(PartRefused, match="elsewhere"):
        rules.arrive(watch, who, camp, hour(10))
    second = rules.arrive(watch, who, camp, hour(20))
    with pytest.raises(PartRefused, match="elsewhere"):
        rules.correct_stay(watch, second.record, 1, camp, hour(15), None)
    assert headcounts(watch, [port, camp])[camp].count == 1


def test_nobody_arrives_tomorrow_or_departs_before_arriving(registry: Home) -> None:
    watch = somebody("coordinator")
    port, who = site(watch), person(watch)
    with pytest.raises(PartRefused, match="not come to that"):
        rules.arrive(watch, who, port, hour(24 * 40))
    rules.arrive(watch, who, port, hour(10))
    with pytest.raises(Malformed):
        rules.depart(watch, who, hour(9))
    with pytest.raises(PartRefused, match="not come to that"):
        rules.depart(watch, who, hour(24 * 40))
    for nonsense in ("", "yesterday", "2024-13-40T10:00Z", "2024-10-06T10:00"):
        with pytest.raises((Malformed, PartRefused)):
            rules.depart(watch, who, nonsense)


def test_only_persons_arrive_and_only_at_sites(registry: Home) -> None:
    watch = somebody("coordinator")
    port, who = site(watch), person(watch)
    for wrong in ((port, port), (who, who), ("none", port), (who, "none")):
        with pytest.raises(NotFound):
            rules.arrive(watch, *wrong, hour(1))
    with pytest.raises(Refused):
        rules.arrive(somebody("warden"), who, port, hour(1))
    with pytest.raises(NotFound):
        rules.arrive(somebody("analyst"), who, port, hour(1))


def test_who_leaves_for_good_is_counted_nowhere(registry: Home) -> None:
    watch = somebody("coordinator")
    port, who = site(watch), person(watch)
    rules.arrive(watch, who, port, hour(1))
    rules.leave(watch, who, hour(2))
    assert release(watch, who).state == "departed"
    assert headcounts(watch, [port]) == {}
    with pytest.raises(Malformed, match="has left"):
        rules.arrive(watch, who, port, hour(3))


def test_a_returned_figure_is_never_added_to_those_by_name(registry: Home) -> None:
    watch = somebody("coordinator")
    port = site(watch)
    first, second, third = (person(watch, name) for name in ("Li Na", "Wang Fang", "Zhao Lei"))
    rules.arrive(watch, first, port, hour(1))
    rules.return_headcount(watch, port, 40, hour(2))
    one = headcounts(watch, [port])[port]
    assert (one.count, one.as_of, one.basis, one.named) == (40, epoch_hour(2), "returned", 1)
    rules.arrive(watch, second, port, hour(3))
    rules.arrive(watch, third, port, hour(3.5))
    rules.depart(watch, first, hour(4))
    one = headcounts(watch, [port])[port]
    assert (one.count, one.basis, one.arrived_since, one.departed_since) == (41, "updated", 2, 1)
    assert one.as_of == epoch_hour(4)
    with pytest.raises(Malformed, match="later count"):
        rules.return_headcount(watch, port, 12, hour(1))
    rules.return_headcount(watch, port, 0, hour(5))
    assert headcounts(watch, [port])[port].count == 2, "never fewer than are there by name"


@pytest.mark.parametrize("count", [-1, 100_001, 1.5, "many", None])
def test_a_count_is_a_count(registry: Home, count: Any) -> None:
    watch = somebody("coordinator")
    port = site(watch)
    with pytest.raises(PartRefused):
        rules.return_headcount(watch, port, count, hour(1))


def test_who_may_not_see_stays_gets_the_figure_as_it_was_stated(registry: Home) -> None:
    watch, analyst = somebody("coordinator"), somebody("analyst", clearance=1)
    port, who = site(watch), person(watch, account="traveller")
    rules.arrive(watch, who, port, hour(1))
    traveller = somebody("protected_person", "traveller")
    assert [r.about for r in find(traveller, Query("presence")).records] == [who]
    assert headcounts(analyst, [port]) == headcounts(traveller, [port]) == {}
    rules.return_headcount(watch, port, 12, hour(2))
    told = headcounts(analyst, [port])[port]
    assert (told.count, told.basis, told.named) == (12, "stated", None)
    assert headcounts(traveller, [port]) == {}, "one's own stay is not a headcount"


def test_a_withdrawn_stay_counts_no_more(registry: Home) -> None:
    watch = somebody("coordinator")
    port, who = site(watch), person(watch)
    made = rules.arrive(watch, who, port, hour(1))
    withdraw(watch, made.record, (), "entered twice")
    assert headcounts(watch, [port]) == {}
    rules.arrive(watch, who, port, hour(1))
    assert headcounts(watch, [port])[port].count == 1


def test_what_is_not_known_is_said_and_not_counted_as_none() -> None:
    known = {"a": headcount([Span("p", "a", 5, None)], [], 10)}
    summed = total({site: each for site, each in known.items() if each}, ["a", "b"])
    assert (summed.count, summed.sites, summed.unknown, summed.oldest) == (1, 2, 1, 5)


ACTS = st.lists(
    st.tuples(
        st.sampled_from(["arrive", "depart", "withdraw", "correct", "return"]),
        st.integers(0, 2),
        st.integers(0, 2),
        st.integers(0, 12),
    ),
    max_size=14,
)


@settings(max_examples=12, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(acts=ACTS)
def test_totals_agree_with_a_plain_model(registry: Home, acts: list[tuple[str, int, int, int]]) -> None:
    """Whatever is entered, in whatever order: every total is that of a plain list of who is where."""
    watch = somebody("coordinator")
    sites = [site(watch, f"Site {n}", f"District {n % 2}") for n in range(3)]
    persons = [person(watch, f"Person {n}") for n in range(3)]
    model: dict[str, tuple[int, int, float, float | None]] = {}
    returned: dict[int, tuple[float, int]] = {}
    for clock, (act, p, s, value) in enumerate(acts, start=1):
        now = clock + value / 100
        mine = {k: v for k, v in model.items() if v[0] == p}
        current = next((k for k, v in mine.items() if v[3] is None), None)
        if act == "arrive":
            made = rules.arrive(watch, persons[p], sites[s], hour(now))
            if current is None or model[current][1] != s:
                if current is not None:
                    model[current] = (*model[current][:3], now)
                model[made.record] = (p, s, now, None)
        elif act == "depart" and current is not None:
            rules.depart(watch, persons[p], hour(now))
            model[current] = (*model[current][:3], now)
        elif act == "withdraw" and mine:
            withdraw(watch, gone := sorted(mine)[0], (), "wrong")
            del model[gone]
        elif act == "correct" and current is not None:
            found = release(watch, current)
            rules.correct_stay(watch, current, found.version, sites[s], found.parts["stay"]["since"], None)
            model[current] = (p, s, *model[current][2:])
        elif act == "return":
            rules.return_headcount(watch, sites[s], value, hour(now))
            returned[s] = (now, value)
    end = len(acts) + 1.0
    counted = headcounts(watch, sites, now=epoch_hour(end))
    for n, at in enumerate(sites):
        there = {v[0] for v in model.values() if v[1] == n and v[3] is None}
        expected = len(there)
        if n in returned:
            moment, figure = returned[n]
            then = {
                v[0]
                for v in model.values()
                if v[1] == n and v[2] <= moment and (v[3] is None or moment < v[3])
            }
            expected = max(figure + len(there) - len(then), len(there))
        assert (counted[at].count if at in counted else 0) == expected
    assert total(counted, sites).count == sum(each.count for each in counted.values())


@given(
    st.lists(st.tuples(st.integers(0, 9), st.floats(0, 50), st.floats(0, 50)), max_size=30),
    st.integers(0, 60),
    st.floats(0, 100),
)
def test_never_fewer_than_by_name_and_never_the_sum(
    told: list[tuple[int, float, float]], figure: int, as_of: float
) -> None:
    spans = [Span(str(p), "a", since, since + length) for p, since, length in told]
    one = headcount(spans, [Stated(figure, as_of)], 100.0)
    assert one is not None and one.named is not None
    assert one.count >= one.named
    assert one.count <= max(figure + one.arrived_since, one.named)
