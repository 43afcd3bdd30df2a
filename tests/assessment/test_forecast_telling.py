"""What is said of a backtest is never more than its intervals; what is put on record is bounded."""

from __future__ import annotations

from typing import Any

import pytest

from safeconduct.assessment.forecast_kinds import FORECAST, MOST_CELLS
from safeconduct.assessment.forecast_telling import sentences
from safeconduct.records.kinds import PartRefused


def gain(low: float | None, high: float | None) -> dict[str, Any]:
    return {"value": 0.02, "low": low, "high": high}


def option(verdict: str, first: Any, second: Any, *provinces: dict[str, Any]) -> dict[str, Any]:
    return {"verdict": verdict, "gain1": first, "gain5": second, "provinces": provinces}


def test_where_the_interval_holds_zero_no_difference_is_said() -> None:
    plain, *more = sentences(option("none", gain(-0.01, 0.05), gain(0.01, 0.05)))
    assert plain == "The option does not measurably beat the standard forecast."
    assert "In 1 % of the area it finds: no measurable difference" in more[0]
    assert "In 5 % of the area it finds: measurably more incidents" in more[1]
    assert "measurably fewer" in sentences(option("mixed", gain(-0.05, -0.01), gain(None, None)))[1]


def test_each_province_without_a_measurable_gain_is_named() -> None:
    told = sentences(
        option(
            "better",
            gain(0.01, 0.05),
            gain(0.01, 0.05),
            {"name": "Sindh", "incidents": 40, "gain5": gain(-0.1, 0.1)},
            {"name": "Punjab", "incidents": 40, "gain5": gain(0.1, 0.2)},
            {"name": "", "incidents": 3, "gain5": None},
            {"name": "Gilgit", "incidents": 0, "gain5": None},
        )
    )[-1]
    assert "Sindh" in told
    assert "not said" in told
    assert "Punjab" not in told
    assert "Gilgit" not in told


def test_few_incidents_and_no_option_end_what_is_said() -> None:
    assert sentences(option("few", gain(0.1, 0.2), gain(0.1, 0.2))) == [
        "Too few incidents to say whether the option beats the standard forecast."
    ]
    assert len(sentences(None)) == 1


CELL: dict[str, Any] = {
    "cell": "8542e443fffffff", "latitude": 24.9, "longitude": 67.1,
    "expected": 0.1, "low": 0.05, "high": 0.2, "year": 2, "ever": 7,
}  # fmt: skip


def where(*cells: dict[str, Any], **changed: Any) -> dict[str, Any]:
    return {
        "expected": {"method": "standard", "total": 1.0, "low": 0.5, "high": 2.0, "cells": cells} | changed
    }


def test_a_cell_that_is_one_is_taken() -> None:
    assert FORECAST.validate(where(CELL))["expected"]


@pytest.mark.parametrize(
    "wrong",
    [
        where(),
        where(*[CELL] * (MOST_CELLS + 1)),
        where({**CELL, "low": 0.3}),
        where({**CELL, "expected": float("nan")}),
        where({**CELL, "expected": -1}),
        where({**CELL, "latitude": 91}),
        where({**CELL, "cell": "<script>"}),
        where({**CELL, "person": "somebody"}),
        where(CELL, method="hawkes"),
        where(CELL, total=float("inf")),
    ],
)
def test_what_is_no_forecast_is_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(PartRefused):
        FORECAST.validate(wrong)
