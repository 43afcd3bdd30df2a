"""When the link was silent, by the cosignatures that this node's ledger has."""

from __future__ import annotations

from django.utils import translation

from reports.conftest import Day
from reports.test_situation import WEEK, said
from safeconduct.exchange.models import CosignedBy
from safeconduct.exchange.passings import silences
from safeconduct.records.as_of import Past
from safeconduct.records.home import Home
from safeconduct.reports.situation import situation

NINE = 1_728_205_200.0
"""2024-10-06 09:00 UTC."""


def cosigned(*minutes: float) -> None:
    for number, minute in enumerate(minutes, 1):
        CosignedBy.objects.create(ledger_index=number, partner="cn", size=number * 256, at=NINE + minute * 60)


def test_a_gap_between_cosignatures_is_a_silence(node: Home) -> None:
    cosigned(0, 10, 20, 95, 105, 115)
    (gap,) = silences(100, NINE, NINE + 7_200)
    assert (gap.partner, gap.since, gap.until) == ("cn", NINE + 1_200, NINE + 5_700)
    assert silences(100, NINE, NINE + 900) == []


def test_one_that_lasts_has_no_end_at_the_moment(node: Home) -> None:
    cosigned(0, 10, 95)
    (gap,) = silences(3, NINE, NINE + 4_000)
    assert gap.until is None, "the third cosignature is not among the first three entries"
    (gap,) = silences(100, NINE + 1_000, NINE + 4_000)
    assert gap.since == NINE + 600, "it began before what is asked about"


def test_the_report_names_it(day: Day) -> None:
    cosigned(0, 10, 95, 100)
    with translation.override("en"):
        text = said(situation(day.officer, WEEK, Past(day.moment.at, 10**6))[0])
    assert "2024-10-06 09:10" in text and "2024-10-06 10:35" in text
