"""The demonstration's made-up history: plainly made up, the same each time, and shaped as incidents are."""

from __future__ import annotations

from datetime import date, timedelta

import numpy as np
import pytest

from safeconduct.incidents.kinds import INCIDENT
from safeconduct.node.demonstration.made_up import DAYS, HOST, PARTNER, SOURCE, made_up
from safeconduct.risk.days import day_named, day_of
from safeconduct.risk.events import Events
from safeconduct.risk.knox import knox
from safeconduct.risk.trend import trend

FILLED = date(2026, 5, 4)


@pytest.mark.parametrize(("side", "towns"), [("host", HOST), ("partner", PARTNER)])
def test_each_says_that_it_is_made_up_and_fits_the_kind(side: str, towns: dict[str, int]) -> None:
    told = list(made_up(side, FILLED))
    assert told == list(made_up(side, FILLED))
    for each in told:
        INCIDENT.validate(dict(each))
        assert each["summary"]["title"].startswith("Made up: ") and each["source"]["name"] == SOURCE
        assert each["where"]["place"] in towns and each["where"]["district"] and each["where"]["province"]
        assert FILLED - timedelta(days=DAYS) <= date.fromisoformat(each["when"]["start"][:10]) < FILLED
    assert len({each["source"]["external"] for each in told}) == len(told)


def test_another_day_moves_all_of_them_and_changes_nothing_else() -> None:
    later = FILLED + timedelta(days=100)
    for one, other in zip(made_up("host", FILLED), made_up("host", later), strict=True):
        moved = date.fromisoformat(other["when"]["start"][:10]) - date.fromisoformat(
            one["when"]["start"][:10]
        )
        assert moved == timedelta(days=100)
        assert {**one, "when": None} == {**other, "when": None}


def test_they_fall_from_year_to_year_repeat_nearby_and_keep_to_few_places() -> None:
    told = list(made_up("host", FILLED))
    days = [day_named(each["when"]["start"]) for each in told]
    rows = [
        (day, each["where"]["latitude"], each["where"]["longitude"], each["where"]["geo_precision"], 1)
        for day, each in zip(days, told, strict=True)
    ]
    events = Events.of(rows)
    until = day_of(FILLED)
    assert trend(events.day, until - DAYS, until).verdict == "falling"
    near = knox(events).rows[1][0]
    assert near.more and near.ratio is not None and near.ratio > 2
    _, counts = np.unique([each["where"]["place"] for each in told], return_counts=True)
    assert np.sort(counts)[::-1][:5].sum() > 0.4 * len(told)
