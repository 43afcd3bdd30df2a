"""The backtest: what it counts, that it never looks ahead, and the figures on the published incidents."""

from __future__ import annotations

import csv
import json
from datetime import date
from pathlib import Path

import numpy as np
import pytest

from risk.areas import SQUARE, scattered, square
from safeconduct.risk import backtest as testing
from safeconduct.risk.backtest import Estimate, Refused, Setting, backtest, verdict
from safeconduct.risk.events import Events
from safeconduct.risk.grid import AreaError, Grid
from safeconduct.risk.scales import ManyScales, TooFew
from safeconduct.risk.scores import hit_rate
from safeconduct.risk.standard import expected

EVENTS = scattered(1_500, 4_200)
FIRST = 13_400
SETTING = Setting(FIRST, FIRST + 430)
QUICK = ("uniform", "count90", "count365", "ever", "standard")
SHARED = Path(__file__).resolve().parents[3] / "shared" / "data"
PAKISTAN = SHARED / "ucdp_ged_pakistan_1989_2019.csv"


def test_it_adds_up_what_each_week_gives_by_itself() -> None:
    found = backtest(EVENTS, [SQUARE], SETTING, QUICK)
    before = EVENTS.where(EVENTS.day < found.first)
    grid = Grid.over([SQUARE], before.lat, before.lon)
    cell = grid.number(EVENTS.lat, EVENTS.lon)
    hits = total = 0.0
    for origin in SETTING.origins():
        window = (EVENTS.day >= origin) & (EVENTS.day < origin + 7)
        happened = np.bincount(cell[window & (cell >= 0)], minlength=len(grid))
        forecast = expected(grid, cell, EVENTS.day, origin, 7)
        hits += (hit_rate(forecast, grid.area_km2, happened, 0.05) or 0) * happened.sum()
        total += window.sum()
    scores = found.of("standard")
    assert scores is not None
    assert found.incidents == total
    assert scores.hit5.value == pytest.approx(hits / total)
    assert scores.pai5 == pytest.approx(hits / total / 0.05)
    assert scores.skill is None
    assert scores.verdict == ""
    assert sum(each.incidents for each in scores.provinces) == total
    assert sum(each.expected for each in scores.provinces) == pytest.approx(scores.expected)
    assert [each.name for each in scores.provinces] == ["East", "West"]


def test_pointing_anywhere_hits_as_much_as_its_area() -> None:
    found = backtest(EVENTS, [SQUARE], SETTING, QUICK)
    uniform = found.of("uniform")
    inside = 1 - found.outside / found.incidents
    assert uniform is not None
    assert uniform.hit1.value == pytest.approx(0.01 * inside)
    assert uniform.pai5 == pytest.approx(inside)
    assert uniform.verdict == "worse"


def test_what_comes_outside_the_area_is_missed() -> None:
    far = Events.of([(SETTING.origins()[3], 25.0, 62.0, 1, 1)] * 40, province=["Far"] * 40)
    both = Events.of(
        (
            (int(d), float(y), float(x), 1, 1)
            for each in (EVENTS, far)
            for d, y, x in zip(each.day, each.lat, each.lon, strict=True)
        ),
        province=[*EVENTS.names["province"].tolist(), *["Far"] * 40],
    )
    found, without = (backtest(each, [SQUARE], SETTING, QUICK) for each in (both, EVENTS))
    scores, other = found.of("standard"), without.of("standard")
    assert scores is not None and other is not None and scores.hit5.value and other.hit5.value
    assert (found.outside, found.cells) == (without.outside + 40, without.cells)
    assert scores.hit5.value == pytest.approx(other.hit5.value * without.incidents / found.incidents)
    assert scores.provinces[1].hit5 == 0


def test_an_incident_in_four_windows_is_one_witness() -> None:
    few = [(FIRST + 100 + 9 * n, 25.0 + n / 50, 67.0, 1, 1) for n in range(10)]
    both = Events.of(
        [
            *zip(
                EVENTS.day.tolist(),
                EVENTS.lat.tolist(),
                EVENTS.lon.tolist(),
                EVENTS.place,
                EVENTS.time,
                strict=True,
            ),
            *few,
        ],
        province=[*EVENTS.names["province"].tolist(), *["Few"] * len(few)],
    )
    found = backtest(both, [SQUARE], Setting(FIRST, FIRST + 430, horizon=30), ("ever",)).of("ever")
    assert found is not None
    told = {each.name: each for each in found.provinces}
    assert (told["Few"].once, told["Few"].incidents >= 40) == (10, True)
    assert told["Few"].gain5 is None and told["Few"].ends1 is None and told["Few"].ends5 is None
    west = told["West"]
    assert west.once >= 30 and west.incidents > 4 * west.once - 20 and west.gain5 is not None
    assert west.ends5 is not None and west.hit5 is not None and west.ends5[0] < west.hit5 < west.ends5[1]


def test_the_same_incidents_and_seed_give_the_same_record() -> None:
    short = Setting(FIRST, FIRST + 150, horizon=30, lag=14)
    one, other = (backtest(EVENTS, [], short, ("scales",)) for _ in range(2))
    assert one == other
    assert one.made == "around"
    assert json.loads(json.dumps(one.plain())) == json.loads(json.dumps(other.plain()))


@pytest.mark.parametrize("lag", [0, 20])
def test_the_other_forecast_never_looks_ahead_nor_into_the_lag(lag: int) -> None:
    grid = square()
    cell = grid.number(EVENTS.lat, EVENTS.lon)
    known = EVENTS.day < FIRST - lag
    whole = ManyScales(grid, cell, EVENTS.day, 7, lag, seed=3).expected(FIRST)
    cut = ManyScales(grid, cell[known], EVENTS.day[known], 7, lag, seed=3).expected(FIRST)
    assert whole == pytest.approx(cut, rel=1e-9)
    moved = np.where(known, cell, 0)
    assert whole == pytest.approx(
        ManyScales(grid, moved, EVENTS.day, 7, lag, seed=3).expected(FIRST), rel=1e-9
    )
    assert (whole > 0).all()


def test_the_order_in_which_weeks_are_asked_changes_nothing() -> None:
    grid = square()
    cell = grid.number(EVENTS.lat, EVENTS.lon)
    forward, back = (ManyScales(grid, cell, EVENTS.day, 7) for _ in range(2))
    weeks = range(FIRST, FIRST + 28, 7)
    first = {week: forward.expected(week) for week in weeks}
    for week in reversed(weeks):
        assert (back.expected(week) == first[week]).all()


def test_recalibration_brings_the_sum_to_what_came() -> None:
    """When only a tenth is reported from some day on, the factor falls below 1."""
    grid = square()
    cell = grid.number(EVENTS.lat, EVENTS.lon)
    usual = ManyScales(grid, cell, EVENTS.day, 7).factor(FIRST)
    fewer = (EVENTS.day < FIRST - 364) | (np.arange(len(EVENTS)) % 10 == 0)
    fallen = ManyScales(grid, cell[fewer], EVENTS.day[fewer], 7).factor(FIRST)
    assert fallen < 0.7 < usual < 1.4


def test_too_few_incidents_are_said_to_be_too_few() -> None:
    few = scattered(40, 3_000)
    grid = square()
    with pytest.raises(TooFew):
        ManyScales(grid, grid.number(few.lat, few.lon), few.day, 7).expected(13_000)
    found = backtest(few, [SQUARE], Setting(12_500, 12_900), ("scales", "uniform"))
    uniform = found.of("uniform")
    assert found.missing == ("scales",)
    assert uniform is not None and uniform.verdict == "few"


@pytest.mark.parametrize(
    ("setting", "reason"),
    [
        (Setting(FIRST, FIRST + 5), "no full window"),
        (Setting(FIRST, FIRST - 500), "no full window"),
        (Setting(9_000, 9_400), "no incident is known"),
        (Setting(FIRST, FIRST + 430, horizon=0), "horizon is 1 to 90"),
        (Setting(FIRST, FIRST + 430, lag=-1), "lag 0 to 365"),
        (Setting(FIRST, FIRST + 40_000), "more than 1,600 weeks"),
    ],
)
def test_what_cannot_be_tested_is_refused(setting: Setting, reason: str) -> None:
    with pytest.raises(Refused, match=reason):
        backtest(EVENTS, [SQUARE], setting, QUICK)
    with pytest.raises(AreaError):
        backtest(EVENTS, [{"type": "Point"}], SETTING, QUICK)


def test_verdicts() -> None:
    more, less, unclear = Estimate(1, 0.5, 2), Estimate(-1, -2, -0.5), Estimate(0, -1, 1)
    said = {"skill": more, "gain1": unclear, "gain5": more}
    assert verdict(said, 100) == "better"
    assert verdict(said, 29) == "few"
    assert verdict({**said, "gain1": less}, 100) == "mixed"
    assert verdict({**said, "skill": unclear}, 100) == "none"
    assert verdict({**said, "skill": less}, 100) == "worse"


@pytest.mark.skipif(not PAKISTAN.exists(), reason="the data file lies beside the project only in some places")
def test_the_standard_forecast_reaches_its_figures_on_the_published_incidents() -> None:
    """Pakistan 2016-2019: 0.50 of incidents in 1 % of the area, 0.72 in 5 %."""
    start = date(1970, 1, 1).toordinal()
    with PAKISTAN.open(encoding="utf-8") as source:
        rows = list(csv.DictReader(source))
    events = Events.of(
        (
            (
                date.fromisoformat(row["date_start"][:10]).toordinal() - start,
                float(row["latitude"]),
                float(row["longitude"]),
                int(row["where_prec"]),
                int(row["date_prec"]),
            )
            for row in rows
        ),
        province=[row["adm_1"] for row in rows],
    )
    outline = json.loads((SHARED / "admin0_pak.geojson").read_text(encoding="utf-8"))
    since, until = (date(year, 1, 1).toordinal() - start for year in (2016, 2020))
    found = backtest(events, [outline], Setting(since, until), QUICK)
    scores = found.of(testing.STANDARD)
    assert scores is not None and scores.hit1.value and scores.hit5.value
    assert (found.windows, found.incidents) == (208, 372)
    assert scores.hit1.value >= 0.50
    assert scores.hit5.value >= 0.72
    others = [each for each in found.methods if each.method not in (testing.STANDARD, "ever")]
    assert all(each.hit5.value < scores.hit5.value and each.verdict == "worse" for each in others)
