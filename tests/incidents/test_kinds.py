from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from safeconduct.incidents.kinds import CLAIM, FIGURES, INCIDENT
from safeconduct.records.kinds import PartRefused, all_kinds
from safeconduct.records.moments import MomentRefused, in_order, instant


def test_parts_stand_in_the_order_that_masks_count_on() -> None:
    assert INCIDENT.part_names == ("summary", "when", "where", "people", "method", "response", "source")
    assert CLAIM.part_names == ("figure", "source", "remark")
    assert INCIDENT.default_levels() == {
        "summary": 1,
        "when": 1,
        "where": 1,
        "people": 2,
        "method": 2,
        "response": 3,
        "source": 2,
    }


@pytest.mark.parametrize(
    ("part", "value", "said"),
    [
        ("summary", {"title": "", "category": "attack"}, "at least 1"),
        ("summary", {"title": "x" * 201, "category": "attack"}, "at most 200"),
        ("summary", {"title": "x", "narrative": "n" * 20_001, "category": "attack"}, "at most 20000"),
        ("summary", {"title": "x", "category": "strike"}, "attack"),
        ("summary", {"title": "x", "category": "attack", "face": "x"}, "Extra"),
        ("when", {"start": "2024-02-30"}, "no such date"),
        ("when", {"start": "2024-10-06T23:00"}, "offset"),
        ("when", {"start": "20241006"}, "not a day"),
        ("when", {"start": "2024-10-06", "end": "2024-10-05"}, "before start"),
        ("when", {"start": "2024-10-06", "time_precision": 6}, "less than or equal to 5"),
        ("where", {"latitude": 90.1, "longitude": 0}, "less than or equal to 90"),
        ("where", {"latitude": float("nan"), "longitude": 0}, "finite"),
        ("where", {"latitude": 1, "longitude": -180.5}, "greater than or equal to -180"),
        ("where", {"latitude": 1}, "come together"),
        ("where", {}, "name of a place"),
        ("where", {"place": "Karachi", "geo_precision": 0}, "greater than or equal to 1"),
        ("people", {"killed_low": 3, "killed_best": 2}, "must not descend"),
        ("people", {"injured_host_low": 3, "injured_host_high": 2}, "injured_host"),
        ("people", {"killed_best": -1}, "greater than or equal to 0"),
        ("source", {"reliability": "G"}, "'F'"),
        ("source", {"credibility": 7}, "less than or equal to 6"),
        ("source", {"url": "javascript:alert(1)"}, "web address"),
    ],
)
def test_a_faulty_part_is_refused_and_named(part: str, value: dict[str, object], said: str) -> None:
    with pytest.raises(PartRefused, match=f"(?s)incident.{part}.*{said}"):
        INCIDENT.validate({part: value})


@pytest.mark.parametrize(
    ("figure", "said"),
    [
        ({"what": "killed"}, "at least one"),
        ({"what": "killed", "best": 2.5}, "whole numbers"),
        ({"what": "killed", "low": 5, "high": 4}, "descend"),
        ({"what": "targets", "best": 1}, "killed"),
        ({"what": "explosives_kg", "best": float("nan")}, "greater than or equal to 0"),
    ],
)
def test_a_faulty_claim_is_refused(figure: dict[str, object], said: str) -> None:
    with pytest.raises(PartRefused, match=said):
        CLAIM.validate({"figure": figure})


def test_a_claim_may_say_at_least_or_up_to_and_weigh_fractions() -> None:
    checked = CLAIM.validate({"figure": {"what": "explosives_kg", "low": 70, "high": 80.5, "unit": "kg"}})
    assert checked["figure"] == {"what": "explosives_kg", "low": 70, "high": 80.5, "unit": "kg"}


@given(st.sampled_from(FIGURES), st.lists(st.integers(0, 999), min_size=3, max_size=3))
def test_figures_are_taken_exactly_when_they_ascend(name: str, numbers: list[int]) -> None:
    value = dict(zip((f"{name}_low", f"{name}_best", f"{name}_high"), numbers, strict=True))
    if numbers == sorted(numbers):
        assert (INCIDENT.validate({"people": value})["people"] or {}).items() >= value.items()
    else:
        with pytest.raises(PartRefused):
            INCIDENT.validate({"people": value})


@given(st.text(max_size=40))
def test_a_moment_is_read_or_refused_never_anything_else(text: str) -> None:
    try:
        found = instant(text)
    except MomentRefused:
        return
    assert found.tzinfo is not None


def test_a_day_and_an_instant_of_the_same_night_are_in_order() -> None:
    assert in_order("2024-10-06T23:00+05:00", "2024-10-06")
    assert in_order("2024-10-06", "2024-10-06")
    assert not in_order("2024-10-06T23:00+05:00", "2024-10-06T22:59+05:00")
    assert not in_order("2024-10-06T23:00+05:00", "2024-10-04")


def test_what_joins_records_is_found_by_what_it_joins_them_by() -> None:
    shape = all_kinds()["same_event"]
    assert shape.joins == ("statement", "pair") == shape.dimensions["external"]
    with pytest.raises(ValueError, match="by what it joins"):
        replace(shape, joins=("statement", "at"))
