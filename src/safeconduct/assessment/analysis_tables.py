"""The tables of the analysis, from the incidents chosen."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from itertools import pairwise
from typing import Any

import numpy as np
from django.utils.translation import gettext as _

from safeconduct.assessment.analysis_form import Period
from safeconduct.assessment.analysis_rows import (
    Cell,
    Table,
    decimal,
    number,
    percent,
    probability,
    span,
    text,
)
from safeconduct.assessment.analysis_words import GROUPS, UNITS, VERDICTS, WEEKDAYS, group_name
from safeconduct.risk.compare import Compared, compare
from safeconduct.risk.concentration import Concentration
from safeconduct.risk.counts import Counted, garwood
from safeconduct.risk.days import iso_of
from safeconduct.risk.events import EXACT, Events, Ints
from safeconduct.risk.knox import SPACE, TIME, Knox
from safeconduct.risk.trend import Trend

MOST_COMPARED = 40
"""Groups that are compared: those with most incidents in both periods together."""


def by_time(spans: Sequence[Counted], unit: str) -> Table:
    highest = max((each.count for each in spans), default=0)
    rows = [
        [
            text(each.since.isoformat()),
            text((each.until - timedelta(days=1)).isoformat()),
            number(each.count, highest),
            *span(each.low, each.high),
            text("" if each.whole else _("not whole")),
        ]
        for each in reversed(spans)
    ]
    columns = [_("From"), _("To"), _("Incidents"), _("low"), _("high"), ""]
    title = _("Incidents by %(unit)s") % {"unit": str(UNITS[unit]).lower()}
    return Table("time", title, columns, rows, _independent())


def _independent() -> str:
    return _("The interval holds the expected count in 95 of 100 cases, if incidents were independent.")


def of_trend(found: Trend) -> Table:
    row: list[Cell] = [number(found.events), number(found.days), decimal(found.ratio)]
    row += [*span(found.low, found.high, 2), decimal(found.dispersion)]
    columns = [_("Incidents"), _("Days"), _("Ratio from year to year"), _("low"), _("high"), _("Dispersion")]
    return Table("trend", _("Trend"), columns, [row], trend_said(found))


def trend_said(found: Trend) -> str:
    """What the trend comes to, in a sentence."""
    told = {
        "ratio": f"{found.ratio or 0:.2f}",
        "low": f"{found.low or 0:.2f}",
        "high": f"{found.high or 0:.2f}",
    }
    return {
        "few": _(
            "Too few incidents, or too short a time, to speak of a trend: it takes ten within a year at least."
        ),
        "spell": _(
            "No trend can be fitted: all incidents lie in a small part of the period. Look at the bars."
        ),
        "falling": _(
            "Falling: each year has %(ratio)s times as many as the year before (%(low)s to %(high)s)."
        ),
        "rising": _(
            "Rising: each year has %(ratio)s times as many as the year before (%(low)s to %(high)s)."
        ),
        "none": _(
            "No measurable trend: each year has %(ratio)s times as many as the year before, but anything from "
            "%(low)s to %(high)s would fit, no change among it."
        ),
    }[found.verdict] % told


def by_weekday(events: Events) -> Table:
    days = events.day[events.time == EXACT]
    # 1970-01-01 was a Thursday.
    found = np.bincount((days + 3) % 7, minlength=7)
    rows = [
        [text(str(name)), number(int(count), int(found.max())), *span(*garwood(int(count)))]
        for name, count in zip(WEEKDAYS, found, strict=True)
    ]
    note = _("Rests on %(n)s incidents whose day is exactly known.") % {"n": len(days)}
    return Table(
        "weekday", _("By day of the week"), [_("Day"), _("Incidents"), _("low"), _("high")], rows, note
    )


def by_hour(events: Events) -> Table:
    hours = events.names["hour"]
    known = hours[hours != ""]
    found = np.bincount(known.astype(np.int64), minlength=24) if len(known) else np.zeros(24, np.int64)
    highest = int(found.max())
    rows = [[text(_("Hour unknown")), number(len(hours) - len(known))]]
    rows += [
        [text(f"{hour:02d}:00–{hour:02d}:59"), number(int(count), highest)]
        for hour, count in enumerate(found)
        if len(known)
    ]
    note = _("The hour is known of %(n)s of %(all)s incidents; local time, as reported.")
    note %= {"n": len(known), "all": len(hours)}
    return Table("hour", _("By hour of the day"), [_("Hour"), _("Incidents")], rows, note)


def by_group(events: Events, group: str) -> Table:
    values, counts = np.unique(events.names[group], return_counts=True)
    order = np.lexsort((values, -counts))
    total, highest = max(len(events), 1), int(counts.max()) if len(counts) else 0
    rows = []
    for each in order:
        count = int(counts[each])
        name = text(group_name(group, str(values[each])))
        rows.append([name, number(count, highest), *span(*garwood(count)), percent(count / total)])
    # The ends stand beside the count, of which they are: they are no interval of the share.
    columns = [str(GROUPS[group]), _("Incidents"), _("low"), _("high"), _("Share")]
    title = _("By %(group)s") % {"group": str(GROUPS[group]).lower()}
    return Table(group, title, columns, rows, _independent())


def of_near_repeats(found: Knox) -> Table:
    columns = [_("Distance")]
    columns += [_("%(low)s to %(high)s days") % {"low": low, "high": high} for low, high in TIME]
    rows = []
    for name, line in zip(distances(), found.rows, strict=False):
        cells = [text(name)]
        for cell in line:
            shown = f"{cell.ratio:.1f}×" if cell.ratio is not None else "–"
            cells.append(Cell(decimal(cell.ratio).value, shown, True, strong=cell.more))
        rows.append(cells)
    return Table("near_repeats", _("Near repeats: pairs seen, by pairs to be expected"), columns, rows)


def of_pairs(found: Knox) -> Table:
    columns = [_("Distance"), _("Days apart"), _("Pairs"), _("Expected"), _("Ratio"), "p"]
    rows = [
        [
            text(name),
            Cell(f"{low}..{high}", f"{low}–{high}", True),
            number(cell.observed),
            decimal(cell.expected, 1),
            decimal(cell.ratio),
            probability(cell.p),
        ]
        for name, line in zip(distances(), found.rows, strict=False)
        for (low, high), cell in zip(TIME, line, strict=True)
    ]
    note = _("p: the share of %(n)s shuffles of the days within each year with as many pairs or more.")
    return Table("pairs", _("Pairs of incidents"), columns, rows, note % {"n": found.permutations})


def distances() -> list[str]:
    ends = [f"{end:g}" for end in SPACE]
    further = [_("up to %(n)s km") % {"n": ends[1]}]
    further += [_("%(low)s to %(high)s km") % {"low": low, "high": high} for low, high in pairwise(ends[1:])]
    return [_("same coordinates"), *further]


def of_concentration(found: Concentration) -> Table:
    columns = [_("Share of the incidents"), _("Cells"), _("Area, km²"), _("Share of the cells hit")]
    rows = [
        [
            percent(each.share),
            number(each.cells),
            decimal(each.area_km2, 0),
            percent(each.cells / found.cells),
        ]
        for each in found.points
    ]
    return Table("concentration", _("How few cells hold them"), columns, rows)


def of_curve(found: Concentration) -> Table:
    rows = [[decimal(across, 4), decimal(held, 4)] for across, held in found.curve]
    columns = [_("Share of the cells hit"), _("Share of the incidents")]
    return Table("curve", _("Concentration curve"), columns, rows)


def compared(events: Events, group: str, before: Period, after: Period) -> Table:
    groups = _groups(events, group, before, after)
    found = compare([("", _within(events.day, before, after)), *groups], before, after)
    # The whole stands first; it is one more look at the same incidents, and counted among them.
    rows = [
        _line(each, _("All") if not number_ else group_name(group, each.name))
        for number_, each in enumerate(found)
    ]
    columns = [str(GROUPS[group]), _("Before"), _("After"), _("Ratio of rates"), _("low"), _("high")]
    columns += [_("p, corrected"), _("Dispersion"), _("Verdict")]
    told = {
        "one": iso_of(before[0]),
        "two": iso_of(before[1] - 1),
        "three": iso_of(after[0]),
        "four": iso_of(after[1] - 1),
    }
    note = _("Before: %(one)s to %(two)s. After: %(three)s to %(four)s.") % told
    return Table("compared", _("Two periods compared"), columns, rows, note)


def _line(each: Compared, name: str) -> list[Cell]:
    verdict: Any = VERDICTS[each.verdict]
    return [
        text(name),
        number(each.before),
        number(each.after),
        decimal(each.ratio),
        *span(each.low, each.high, 2),
        probability(each.adjusted),
        decimal(each.dispersion, 1),
        text(str(verdict), strong=each.verdict in ("fewer", "more")),
    ]


def _within(day: Ints, *periods: Period) -> Ints:
    inside = np.zeros(len(day), np.bool_)
    for since, until in periods:
        inside |= (day >= since) & (day < until)
    found: Ints = day[inside]
    return found


def _groups(events: Events, group: str, before: Period, after: Period) -> list[tuple[str, Ints]]:
    """The groups with most incidents in both periods together: which they are does not depend on the difference."""
    found = []
    for value in np.unique(events.names[group]):
        day = _within(events.day[events.names[group] == value], before, after)
        if len(day):
            found.append((str(value), day))
    found.sort(key=lambda each: (-len(each[1]), each[0]))
    return found[:MOST_COMPARED]
