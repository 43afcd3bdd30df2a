"""Where word is due next: the same whatever the order in which the words came, and silence is always noticed."""

from __future__ import annotations

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from safeconduct.journeys.underway_course import LONGEST_DELAY_MINUTES, Heard, Plan, course_of, heard_in

M = 60.0
PLAN = Plan(
    since=0,
    until=600 * M,
    depart=10 * M,
    arrive=300 * M,
    points=(("Hub", 60 * M), ("Bela", 120 * M), ("Khuzdar", 200 * M)),
    window=15 * M,
    allowance=10 * M,
)


def heard(minute: float, category: str = "check_in", point: str = "", delay: int | None = None) -> Heard:
    return Heard(minute * M, minute * M, category, point, delay)


def nexts(*words: Heard) -> list[tuple[str, str, float]]:
    return [(d.reason, d.point, d.deadline / M) for d in course_of(PLAN, sorted(words)).unmet]


def test_before_departure_the_departure_is_due_first() -> None:
    found = nexts()
    assert found[0] == ("not_departed", "", 10 + 15 + 10)
    assert found[-1] == ("never_departed", "", 610)


def test_a_plan_without_an_itinerary_is_watched_by_its_points_and_its_window() -> None:
    plan = Plan(since=0, until=600 * M, points=(("Hub", 60 * M),), allowance=10 * M)
    assert [d.reason for d in course_of(plan, []).unmet] == ["not_departed", "never_departed"]
    gone = course_of(plan, [heard(5, "departed")])
    assert [(d.reason, d.deadline / M) for d in gone.unmet] == [("missed_check_in", 70), ("not_arrived", 610)]


def test_each_check_in_meets_what_was_due_and_arrival_meets_all() -> None:
    gone = heard(10, "departed")
    assert nexts(gone)[0] == ("missed_check_in", "Hub", 70)
    assert nexts(gone, heard(44))[0][1] == "Hub", "before the window it does not count"
    assert nexts(gone, heard(45))[0][1] == "Bela"
    assert nexts(gone, heard(30, point="hub"))[0][1] == "Bela", "the point it names is passed, whenever"
    assert nexts(gone, heard(58, point="Bela"))[0][1] == "Khuzdar"
    assert nexts(gone, heard(190))[0] == ("not_arrived", "", 310)
    assert nexts(gone, heard(250, "arrived")) == []


def test_late_at_one_point_is_late_at_the_next() -> None:
    assert nexts(heard(10, "departed"), heard(90, point="Hub"))[0] == ("missed_check_in", "Bela", 160)
    assert nexts(heard(40, "departed"))[0] == ("missed_check_in", "Hub", 100)


def test_a_delay_puts_the_next_word_off_but_silence_cannot_be_bought() -> None:
    gone = heard(10, "departed")
    assert nexts(gone, heard(55, "delayed", delay=30))[0] == ("missed_check_in", "Hub", 95)
    assert nexts(gone, heard(55, "delayed"))[0][2] == 95
    endless = nexts(gone, heard(55, "delayed", delay=100_000))[0]
    assert endless[2] == 55 + LONGEST_DELAY_MINUTES + 10
    assert nexts(heard(5, "delayed", delay=60))[0] == ("not_departed", "", 65 + 25)


def test_words_of_another_day_say_nothing() -> None:
    assert course_of(PLAN, [heard(-2000, "arrived")]).arrived is False


def test_a_movement_without_its_notice_has_no_plan() -> None:
    with pytest.raises(KeyError):
        Plan.of({"itinerary": {}})


WORDS = st.builds(
    lambda at, category, point, delay: {
        "at": f"2026-01-01T{at // 60:02}:{at % 60:02}:00Z",
        "entered": f"2026-01-01T{at // 60:02}:{at % 60:02}:30Z",
        "category": category,
        "point": point,
        "delay_minutes": delay,
    },
    st.integers(0, 1439),
    st.sampled_from(["departed", "check_in", "delayed", "arrived"]),
    st.sampled_from(["", "Hub", "Bela", "nowhere"]),
    st.none() | st.integers(0, 100_000),
)


@given(st.lists(WORDS, max_size=12), st.randoms())
def test_order_and_doubles_change_nothing(words: list[dict[str, object]], chance: random.Random) -> None:
    start = 1_767_225_600.0
    plan = Plan(
        since=start,
        until=start + 86_000,
        depart=start + 600,
        arrive=start + 20_000,
        points=(("Hub", start + 4_000), ("Bela", start + 9_000)),
        window=900,
        allowance=600,
    )
    mixed = [*words, *words]
    chance.shuffle(mixed)
    first = course_of(plan, heard_in(words))
    assert course_of(plan, heard_in(mixed)) == first
    latest = max((w.at for w in heard_in(words)), default=start)
    for due in first.unmet:
        assert due.due <= max(latest + LONGEST_DELAY_MINUTES * M, plan.until) + 3 * 86_400
    assert bool(first.unmet) is not first.arrived
