"""The forecast that the demonstration's analyst issued a fortnight ago: what came in its week stands beside it."""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import UTC, datetime

from safeconduct.assessment.forecast_made import LAG, SEED, Asked, make
from safeconduct.assessment.forecast_reckoned import DONE, Reckoned
from safeconduct.assessment.forecast_rules import issue
from safeconduct.records import here
from safeconduct.records.door import Door
from safeconduct.records.principals import subject_of
from safeconduct.risk.days import day_of
from safeconduct.risk.reckoning import reckon

PURPOSE = "Made up for the demonstration: in which districts patrols are added in that week."
DECIDER = "Joint Security Committee"
WEEKS = 52
AGO = 14
"""Days from its first day until today."""


def issue_one(person: Callable[[str], str], door: Door) -> None:
    """For a week that is over, with the record of the year before it."""
    analyst = subject_of(here.headers(), here.home(), person("analyst"), time.time())
    made = make(analyst, Asked(7, LAG, day_of(datetime.now(UTC).date()) - AGO))
    told = reckon(made.known, made.outlines, made.origin, made.asked.days, made.asked.lag, SEED, WEEKS)
    behind = Reckoned(DONE, None, told["backtest"], told["refused"])
    issue(analyst, made, behind, "standard", PURPOSE, DECIDER, "Analyst", door=door)
