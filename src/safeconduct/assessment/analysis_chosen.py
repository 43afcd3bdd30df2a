"""The incidents that the figures rest on, and what was left out and why: nothing is left out in silence."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from safeconduct.assessment.analysis_form import CHOSEN, AnalysisForm, Period
from safeconduct.assessment.seen import Seen
from safeconduct.risk.events import SURE_OF_DAY, SURE_OF_PLACE, Bools, Events, Ints
from safeconduct.risk.knox import exact


@dataclass(frozen=True, eq=False)
class Chosen:
    """`events` are those of the period that pass the filters, `numbers` their places in `Seen`; `passing` are those
    of any time that pass, from which two other periods can be compared. The other counts are what was left out."""

    seen: Seen
    events: Events
    passing: Events
    numbers: Ints
    period: Period
    filtered: int
    outside: int

    @property
    def vague_place(self) -> int:
        """Of the events, how many have no position, or one that is only known to the district or worse."""
        return int((np.isnan(self.events.lat) | (self.events.place > SURE_OF_PLACE)).sum())

    @property
    def vague_time(self) -> int:
        """Of the events, how many have a day that is only known to the week or worse."""
        return int((self.events.time > SURE_OF_DAY).sum())


def choose(form: AnalysisForm, seen: Seen) -> Chosen:
    """The incidents of a valid form, out of those that were seen (which may be fewer than the form was made of)."""
    events = seen.events
    passes = _passing(form, events)
    since, until = form.period()
    within = (events.day >= since) & (events.day < until)
    numbers = np.flatnonzero(passes & within).astype(np.int64)
    return Chosen(
        seen=seen,
        events=events.where(numbers),
        passing=events.where(passes),
        numbers=numbers,
        period=(since, until),
        filtered=int((within & ~passes).sum()),
        outside=int((~within).sum()),
    )


def _passing(form: AnalysisForm, events: Events) -> Bools:
    passes: Bools = np.ones(len(events), np.bool_)
    told = form.cleaned_data
    for name in CHOSEN:
        wanted = told[name]
        if wanted:
            passes &= np.isin(events.names[name], wanted if isinstance(wanted, list) else [wanted])
    if told["precision"] == "sure":
        passes &= events.sure
    elif told["precision"] == "exact":
        passes &= exact(events)
    return passes
