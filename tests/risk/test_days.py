"""Days as numbers: a report's day is the one that it names, and no number is a day that no calendar has."""

from __future__ import annotations

from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from safeconduct.risk.days import date_of, day_named, day_of, iso_of


@given(st.dates())
def test_a_day_comes_back_from_its_number(day: date) -> None:
    assert date_of(day_of(day)) == day and day_named(iso_of(day_of(day))) == day_of(day)


def test_the_day_is_the_one_that_is_written_whatever_its_offset() -> None:
    assert (day_of(date(1970, 1, 1)), iso_of(-1)) == (0, "1969-12-31")
    assert day_named("2024-10-06T23:00+05:00") == day_named("2024-10-06") == 20_002


@pytest.mark.parametrize("number", [10**9, -(10**9), 10**30])
def test_a_number_that_no_calendar_has_is_no_day(number: int) -> None:
    with pytest.raises(ValueError, match="no such day"):
        date_of(number)
