"""The analysis put together: figures, tables and charts of the incidents chosen, in the order of the page."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from django.utils.translation import gettext as _

from safeconduct.assessment import analysis_tables as tables
from safeconduct.assessment.analysis_chosen import Chosen
from safeconduct.assessment.analysis_form import AnalysisForm
from safeconduct.assessment.analysis_near import near_repeats
from safeconduct.assessment.analysis_rows import Table, decimal, number, percent, text
from safeconduct.assessment.analysis_words import group_name
from safeconduct.risk.concentration import Concentration, concentration
from safeconduct.risk.counts import Counted, counts
from safeconduct.risk.knox import Knox
from safeconduct.risk.trend import Trend, trend

WHAT = ("category", "target", "attack", "party")
WHERE = ("province", "district", "place")


@dataclass(frozen=True, eq=False)
class Analysis:
    """What one reader's incidents say. `tables` has each table by its name, in the order of the page and the file."""

    chosen: Chosen
    spans: Sequence[Counted]
    trend: Trend
    near: Knox
    concentration: Concentration
    tables: dict[str, Table]


def analyse(form: AnalysisForm, chosen: Chosen) -> Analysis:
    """Everything that the page and the file show of a valid form."""
    events, period, unit = chosen.events, chosen.period, form.counted_by()
    spans, found = counts(events.day, *period, unit), trend(events.day, *period)
    near, held = near_repeats(events), concentration(events)
    group = form.cleaned_data["group"] or "province"
    made = [basis(chosen), tables.by_time(spans, unit), tables.of_trend(found)]
    made += [tables.by_weekday(events), tables.by_hour(events)]
    shown = [each for each in WHAT if each != "attack" or form.cleaned_data["methods"]]
    made += [tables.by_group(events, each) for each in (*shown, *WHERE)]
    made += [tables.of_concentration(held), tables.of_curve(held)]
    made += [tables.of_near_repeats(near), tables.of_pairs(near)]
    made.append(tables.compared(chosen.passing, group, *form.compared()))
    return Analysis(chosen, spans, found, near, held, {each.name: each for each in made})


def basis(chosen: Chosen) -> Table:
    """What the figures rest on: of all the incidents that the reader may know of, where each of them went."""
    seen, used = chosen.seen, len(chosen.events)
    lines = [
        (_("Incidents that you may know of"), seen.known),
        (_("of these, in the figures"), used),
        (_("left out: exercises"), seen.exercises),
        (_("left out: time not known or not shown to you"), seen.undated),
        (_("left out: the same event as another record that is counted"), seen.joined),
        (_("left out: before or after the period"), chosen.outside),
        (_("left out: by the filters"), chosen.filtered),
        (_("withdrawn by whoever reported them, and not among these"), seen.withdrawn),
        (_("in the figures, without a place that is known within about 25 km"), chosen.vague_place),
        (_("in the figures, with a day that is not known within six days"), chosen.vague_time),
    ]
    rows = [[text(name), number(count), percent(count / max(seen.known, 1))] for name, count in lines]
    for party in sorted(set(chosen.events.names["party"].tolist())):
        count = int((chosen.events.names["party"] == party).sum())
        name = _("in the figures, reported by %(party)s") % {"party": group_name("party", party)}
        rows.append([text(name), number(count), percent(count / max(seen.known, 1))])
    note = _(
        "What you may not know of is in no figure, and how much that is cannot be told. Incidents that nobody "
        "reported are in nobody's figures."
    )
    return Table("basis", _("What the figures rest on"), ["", _("Incidents"), _("Share")], rows, note)


def share(chosen: Chosen) -> str:
    """The share of the incidents that the reader may know of which is in the figures."""
    return percent(len(chosen.events) / max(chosen.seen.known, 1)).shown


def gini_shown(found: Concentration) -> str:
    return decimal(found.gini).shown
