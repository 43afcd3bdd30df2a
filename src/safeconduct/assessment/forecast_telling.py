"""What the page says of a backtest, in words and in rows: never more than the intervals do."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django.utils.translation import gettext as _

from safeconduct.assessment.forecast_words import GAINS, METHODS, VERDICTS
from safeconduct.risk.days import iso_of

PERCENT = 100


def told(backtest: Mapping[str, Any]) -> dict[str, Any]:
    """Everything that the template shows of a backtest, as `Backtest.plain` has it."""
    methods = {each["method"]: each for each in backtest["methods"]}
    option = methods.get("scales")
    return {
        "first": iso_of(backtest["first"]),
        "last": iso_of(backtest["last"]),
        "windows": backtest["windows"],
        "days": backtest["setting"]["horizon"],
        "lag": backtest["setting"]["lag"],
        "cells": backtest["cells"],
        "area_km2": backtest["area_km2"],
        "known": backtest["known"],
        "incidents": backtest["incidents"],
        "outside": backtest["outside"],
        "came": backtest["came"],
        "overlap": backtest["came"] != backtest["incidents"],
        "scores": [_score(each) for each in backtest["methods"]],
        "in_range": methods["standard"]["in_range"] * PERCENT,
        "sentences": sentences(option),
        "provinces": _provinces(methods.get("standard"), option),
        "calibration": [_calibrated(methods[name]) for name in ("standard", "scales") if name in methods],
    }


def sentences(option: Mapping[str, Any] | None) -> list[str]:
    """Whether the option measurably beats the standard forecast: as a whole, in 1 and 5 % of the area, by province."""
    verdict = option["verdict"] if option else ""
    said = [str(VERDICTS[verdict])]
    if option is None or verdict == "few":
        return said
    for share, gain in ((1, option["gain1"]), (5, option["gain5"])):
        if gain and gain["value"] is not None:
            said.append(
                _(
                    "In %(share)s %% of the area it finds: %(verdict)s (difference %(value)s, 95 %% interval %(ends)s)."
                )
                % {"share": share, "verdict": GAINS[_direction(gain)], **_signed(gain)}
            )
    unbeaten = [
        each["name"] or _("not said")
        for each in option["provinces"]
        if each["incidents"] and (each["gain5"] is None or _direction(each["gain5"]) != "more")
    ]
    if unbeaten:
        said.append(
            _(
                "In 5 %% of the area the option does not measurably beat the standard forecast in: %(provinces)s."
            )
            % {"provinces": " · ".join(f"\u2068{name}\u2069" for name in unbeaten)}
        )
    return said


def _direction(estimate: Mapping[str, Any]) -> str:
    low, high = estimate["low"], estimate["high"]
    if low is None or high is None:
        return "unclear"
    return "more" if low > 0 else "less" if high < 0 else "unclear"


def _signed(estimate: Mapping[str, Any]) -> dict[str, str]:
    low, high = estimate["low"], estimate["high"]
    ends = "–" if low is None or high is None else f"{low:+.2f} … {high:+.2f}"
    return {"value": f"\u2066{estimate['value']:+.2f}\u2069", "ends": f"\u2066{ends}\u2069"}


def _score(each: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "method": METHODS[each["method"]],
        "code": each["method"],
        "hits": [with_ends(each["hit1"]), with_ends(each["hit5"])],
        "pai1": each["pai1"],
        "pai5": each["pai5"],
        "brier": each["brier"] * 1e4,
        "log_loss": each["log_loss"] * 1e4,
        "skill": with_ends(each["skill"], PERCENT, "+.1f"),
        "expected": each["expected"],
        "in_range": each["in_range"] * PERCENT,
    }


def with_ends(given: Mapping[str, Any] | None, times: float = 1, form: str = ".2f") -> dict[str, str] | None:
    if given is None or given["value"] is None:
        return None
    ends = [given[end] for end in ("low", "high")]
    known = [f"{end * times:{form}}" for end in ends if end is not None]
    return {"value": f"{given['value'] * times:{form}}", "ends": " … ".join(known) if len(known) == 2 else ""}


def _provinces(standard: Mapping[str, Any] | None, option: Mapping[str, Any] | None) -> list[dict[str, Any]]:
    if standard is None:
        return []
    others = option["provinces"] if option else [None] * len(standard["provinces"])
    return [
        {
            **{key: own[key] for key in ("name", "incidents", "once")},
            "expected": own["expected"],
            "hits": [_hit(own, "1"), _hit(own, "5")],
            "option": other["expected"] if other else None,
            "option_hits": [_hit(other, "1"), _hit(other, "5")],
        }
        for own, other in zip(standard["provinces"], others, strict=True)
        if own["incidents"] or own["expected"] >= 0.05
    ]


def _hit(province: Mapping[str, Any] | None, share: str) -> dict[str, str] | None:
    if province is None:
        return None
    low, high = province["ends" + share] or (None, None)
    return with_ends({"value": province["hit" + share], "low": low, "high": high})


def _calibrated(each: Mapping[str, Any]) -> dict[str, Any]:
    """Stated and come, in percent, with the scale on which both are drawn."""
    rows = [
        {
            "low": f"{row['low'] * PERCENT:g}",
            "high": f"{row['high'] * PERCENT:g}",
            "count": row["count"],
            "stated": row["stated"] * PERCENT,
            "came": row["came"] * PERCENT,
        }
        for row in each["calibration"]
    ]
    return {"method": METHODS[each["method"]], "rows": rows}
