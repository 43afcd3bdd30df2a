"""Issuing a forecast, and what came of it. A forecast is an input to a decision that somebody else makes."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import numpy as np

from safeconduct.agreement.policy import Subject
from safeconduct.agreement.vocabulary import LEVELS
from safeconduct.assessment.forecast_cells import order, rows
from safeconduct.assessment.forecast_kinds import FORECAST
from safeconduct.assessment.forecast_made import SEED, Made, window
from safeconduct.assessment.forecast_reckoned import DONE, Reckoned
from safeconduct.assessment.seen import incidents_seen
from safeconduct.records.commit import Committed, Draft, commit
from safeconduct.records.door import Door
from safeconduct.records.refusals import Malformed
from safeconduct.records.release import Released
from safeconduct.records.transaction import iso
from safeconduct.risk.days import day_of, iso_of
from safeconduct.risk.grid import cells_each
from safeconduct.risk.grid import find as find_cells
from safeconduct.risk.interval import interval

MOST_NAMED = 2_000
"""Sources that a record names: the newest of those that are counted."""
ISSUED_CELLS = 20
DAY = 86_400.0


def issue(
    actor: Subject,
    made: Made,
    behind: Reckoned,
    method: str,
    purpose: str,
    decider: str,
    by: str = "",
    door: Door | None = None,
) -> Committed:
    """Put a forecast on record as it is now, with how its method did before.

    It is at least as secret as anything that it was made from, and goes no further than any incident that its author
    saw: all are in its counts. It names those of the last 365 days; older ones shape the kernel and the backtest, and
    are not named. Raises Malformed where there is nothing to issue, and what commit() raises.
    """
    if behind.state != DONE:
        raise Malformed("how the method did before is still being reckoned")
    if not made.in_year:
        raise Malformed("there is nothing to issue: no incident in 365 days")
    if method == "scales" and behind.option is None:
        raise Malformed("the option has too few incidents to be fitted")
    sources = _sources(made)
    level = max(LEVELS.index(made.seen.level), *FORECAST.default_levels().values())
    parts: dict[str, Any] = {
        "basis": _basis(made, len(sources), by or actor.person),
        "expected": _expected(made, behind, method),
        "tried": _tried(behind.backtest, method) if behind.backtest else None,
        "use": {"purpose": purpose, "decider": decider},
    }
    draft = Draft(
        FORECAST.name,
        {name: part for name, part in parts.items() if part is not None},
        derived_from=sources,
        levels=dict.fromkeys(FORECAST.part_names, level),
        releasable=sorted(made.seen.reach),
        orcon=made.seen.orcon or None,
    )
    return commit(actor, draft, door=door)


def _sources(made: Made) -> list[str]:
    counted = np.flatnonzero((made.known.day >= window(made)) & (made.cell >= 0))
    return [made.records[number] for number in counted[-MOST_NAMED:].tolist()]


def _basis(made: Made, named: int, by: str) -> dict[str, Any]:
    grid = made.grid
    newest = made.newest if made.newest is not None else made.origin
    return {
        "origin": iso_of(made.origin),
        "days": made.asked.days,
        "lag": made.asked.lag,
        "known": made.seen.known,
        "used": len(made.known),
        "year": made.in_year,
        "named": named,
        "newest": iso_of(newest),
        "newest_party": made.newest_party,
        "made": grid.made,
        "cells": len(grid),
        "area_km2": round(float(grid.area_km2.sum()), 1),
        "resolution": grid.resolution,
        "seed": SEED,
        "at": iso(time.time()),
        "by": by,
    } | ({"reach_km": grid.reach_km} if grid.reach_km else {})


def _expected(made: Made, behind: Reckoned, method: str) -> dict[str, Any]:
    numbers = behind.option if method == "scales" and behind.option is not None else made.numbers
    total = float(numbers.sum())
    low, high = interval(numbers, made.asked.days)
    whole = interval(np.array([total]), made.asked.days)
    named = {each.number: each for each in rows(made, behind.option, "en", ISSUED_CELLS)}
    foremost = [each for each in order(made, numbers).tolist()[:ISSUED_CELLS] if numbers[each] > 0]
    cells = []
    for number in foremost:
        row = named[number]
        cell = {
            "cell": row.cell,
            "latitude": row.latitude,
            "longitude": row.longitude,
            "name": " · ".join(filter(None, (row.place, row.district)))[:200],
            "expected": _rounded(numbers[number]),
            "low": _rounded(low[number]),
            "high": _rounded(high[number]),
            "year": row.year,
            "ever": row.ever,
        }
        other = made.numbers[number] if method == "scales" else row.option
        cells.append(cell | ({"option": _rounded(other)} if other is not None else {}))
    ends = {"low": _rounded(whole[0][0]), "high": _rounded(whole[1][0])}
    return {"method": method, "total": _rounded(total), **ends, "cells": cells}


def _tried(backtest: Mapping[str, Any], method: str) -> dict[str, Any]:
    scores, provinces, verdict = [], [], ""
    for each in backtest["methods"]:
        skill = each["skill"] or {}
        told = {
            "method": each["method"],
            "hit1": each["hit1"]["value"],
            "hit5": each["hit5"]["value"],
            "brier": each["brier"],
            "log_loss": each["log_loss"],
            "expected": _rounded(each["expected"]),
            "skill": skill.get("value"),
            "skill_low": skill.get("low"),
            "skill_high": skill.get("high"),
        }
        scores.append({name: value for name, value in told.items() if value is not None})
        if each["method"] == "scales":
            verdict = each["verdict"]
        if each["method"] == method:
            provinces = [
                {
                    "name": one["name"][:200],
                    "incidents": one["incidents"],
                    "expected": _rounded(one["expected"]),
                }
                | ({"hit5": one["hit5"]} if one["hit5"] is not None else {})
                for one in each["provinces"]
                if one["incidents"] or one["expected"] >= 0.05
            ][:200]
    return {
        "first": iso_of(backtest["first"]),
        "last": iso_of(backtest["last"]),
        "windows": backtest["windows"],
        "incidents": backtest["incidents"],
        "outside": backtest["outside"],
        "verdict": verdict,
        "scores": scores,
        "provinces": provinces,
    }


def _rounded(number: Any) -> float:
    return round(float(number), 5)


@dataclass(frozen=True)
class Outcome:
    """What came in a forecast's period, as the reader may see it now: `over` once the period and the lag are.

    `cells` the number in each of the forecast's cells, in its order; `elsewhere` in none of them; `unsure` not known
    to within 25 km and six days, and in no count; `joined` of the same event as another. `level`: the highest label of
    the incidents.
    """

    over: bool
    ends: str
    cells: tuple[int, ...]
    elsewhere: int
    unsure: int
    joined: int
    level: str

    @property
    def total(self) -> int:
        return sum(self.cells) + self.elsewhere


def outcome(reader: Subject, found: Released, now: float | None = None) -> Outcome | None:
    """None where the reader may not see which cells and days the forecast is about."""
    basis, expected = found.parts.get("basis"), found.parts.get("expected")
    if not basis or not expected:
        return None
    first = datetime.fromisoformat(basis["origin"][:10]).replace(tzinfo=UTC)
    origin = day_of(first.date())
    until = origin + basis["days"]
    moment = time.time() if now is None else now
    # A day is the report's own day: its instant may lie half a day before or after.
    seen = incidents_seen(reader, first.timestamp() - DAY, first.timestamp() + (basis["days"] + 1) * DAY)
    inside = seen.events.between(origin, until)
    sure = inside.where(inside.sure)
    cells = np.array([int(each["cell"], 16) for each in expected["cells"]], np.uint64)
    ascending = np.argsort(cells)
    at = find_cells(
        cells[ascending], cells_each(np.stack((sure.lat, sure.lon), axis=-1), basis["resolution"])
    )
    counts = np.zeros(len(cells), np.int64)
    counts[ascending] = np.bincount(at[at >= 0], minlength=len(cells))
    return Outcome(
        over=moment >= (until + basis["lag"]) * DAY,
        ends=iso_of(until - 1),
        cells=tuple(counts.tolist()),
        elsewhere=int((at < 0).sum()),
        unsure=len(inside) - len(sure),
        joined=seen.joined,
        level=seen.level,
    )
