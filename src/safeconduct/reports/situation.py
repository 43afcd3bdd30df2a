"""The situation report of a day or a week, as known at a moment: put together for one reader from what they may see."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta

from django.utils.translation import get_language, ngettext
from django.utils.translation import gettext as _

from safeconduct.agreement.policy import Subject
from safeconduct.exchange.passings import silences
from safeconduct.records import here
from safeconduct.records.as_of import Past, Recalled
from safeconduct.records.moments import instant
from safeconduct.records.refusals import Malformed
from safeconduct.reports import words as named
from safeconduct.reports.claims import figures
from safeconduct.reports.gathering import Gathering, at_minute, in_words, recorded
from safeconduct.reports.sections import alarms, headcounts, journeys, open_requests
from safeconduct.shell.context import node
from safeconduct.shell.papers import Bars, Facts, Map, Paper, Section, Table, Text, isolated, words
from safeconduct.shell.printed_map import Place, draw
from safeconduct.shell.same_event import put_together, taken_as_one
from safeconduct.shell.templatetags.shell import boundary_notice
from safeconduct.shell.terms import LEVEL_NAMES, plain

SPANS = {"day": 1, "week": 7}
MOST_PLACES = 99


@dataclass(frozen=True)
class Period:
    """Whole days in UTC: the last one, and how many."""

    last: date
    days: int

    @property
    def since(self) -> datetime:
        return datetime.combine(self.last - timedelta(self.days - 1), datetime.min.time(), UTC)

    @property
    def until(self) -> datetime:
        return datetime.combine(self.last + timedelta(1), datetime.min.time(), UTC)

    @classmethod
    def of(cls, last: date, span: str) -> Period:
        """Raises Malformed for a span that is none, or a day outside the calendar that clocks count."""
        if span not in SPANS or not 1970 < last.year < 9999:
            raise Malformed("a report is of a day or a week")
        return cls(last, SPANS[span])


def situation(reader: Subject, period: Period, moment: Past, act: str = "read") -> tuple[Paper, Gathering]:
    """The report in the language in force, and what it was made from. Logged parts are noted before it returns."""
    taken = Gathering(reader, moment, act)
    since, until = period.since.timestamp(), period.until.timestamp()
    incidents = taken.take("incident", ("summary", "when", "where", "people"), since, until)
    said = taken.take("same_event", ("statement",), about=[each.found.id for each in incidents])
    instead = taken_as_one(
        reader, [each.found for each in incidents], put_together(each.found for each in said)
    )
    claims = taken.take("claim", ("figure", "source"), about=[each.found.id for each in incidents])
    sections = [
        _incidents(incidents, claims, instead),
        *_charts(incidents, period, instead),
        journeys(taken, since, until),
        *alarms(taken, since, until),
        open_requests(taken, until),
        _link(moment, since, until),
        headcounts(taken, min(until, moment.at.timestamp())),
    ]
    overview = Section(_("Overview"), [Facts(_overview(period, moment, len(incidents), len(instead), taken))])
    level = taken.level
    paper = Paper(
        title=_("Situation report"),
        subtitle=_("%(party)s. As known on %(moment)s")
        % {"party": isolated(here.home().name), "moment": in_words(moment.at)},
        level=level,
        label=plain(LEVEL_NAMES, level),
        language=get_language() or "en",
        moment=moment.at.timestamp(),
        standing=taken.standing(),
        sections=[overview, *sections, taken.gaps()],
    )
    return paper, taken


def _overview(
    period: Period, moment: Past, incidents: int, joined: int, taken: Gathering
) -> list[tuple[str, Text]]:
    days = words(f"{period.since.date()} – {period.last}" if period.days > 1 else str(period.last), ltr=True)
    counts = Counter(each.found.kind for each in taken.taken)
    facts = [
        (_("Period"), days),
        (_("As known at"), words(in_words(moment.at))),
        (_("Incidents"), words(incidents - joined, ltr=True)),
    ]
    if joined:
        facts.append((_("Records of the same event, not counted again"), words(joined, ltr=True)))
    facts += [
        (name, words(counts[kind], ltr=True))
        for kind, name in (
            ("movement", _("Journeys")),
            ("sos", _("Calls for help")),
            ("alert", _("Alerts")),
            ("muster", _("Musters")),
        )
        if counts[kind]
    ]
    return facts


def _incidents(
    incidents: Sequence[Recalled], claims: Sequence[Recalled], instead: Mapping[str, str]
) -> Section:
    rows = []
    numbers = {each.found.id: number for number, each in enumerate(incidents, 1)}
    exercise, differing = _("EXERCISE"), _("Figures differ")
    for number, each in enumerate(incidents, 1):
        found = each.found
        summary, where = found.parts.get("summary") or {}, found.parts.get("where") or {}
        title = summary.get("title") or _("withheld")
        if summary.get("exercise"):
            title = f"{exercise} · {title}"
        if found.id in instead:
            same = _("the same event as No. %(number)s") % {"number": numbers[instead[found.id]]}
            title = f"{title} ({same})"
        place = ", ".join(filter(None, (where.get("place"), where.get("district"), where.get("province"))))
        said, differ = figures(
            [c.found for c in claims if c.found.about == found.id], found.parts.get("people")
        )
        rows.append(
            [
                words(number, ltr=True),
                at_minute(start)
                if (start := (found.parts.get("when") or {}).get("start"))
                else recorded(found),
                words(title, strong=True),
                words(
                    f"{named.code('category', summary['category'])} · {named.state(found.state)}"
                    if summary.get("category")
                    else named.state(found.state)
                ),
                words(place),
                words(f"{differing}\n{said}" if differ else said, soft=not differ),
            ]
        )
    columns = [_("No."), _("When (UTC)"), _("What happened"), _("Kind"), _("Where"), _("Figures as claimed")]
    table = Table(columns, rows, [0.5, 1.5, 3, 1.6, 2, 2.8], _("No incident is on record in this period."))
    return Section(_("Incidents"), [table])


def _charts(incidents: Sequence[Recalled], period: Period, instead: Collection[str]) -> list[Section]:
    if not incidents:
        return []
    kinds: Counter[str] = Counter()
    days: Counter[date] = Counter()
    places = []
    for number, each in enumerate(incidents, 1):
        if each.found.id in instead:
            continue
        parts = each.found.parts
        if category := (parts.get("summary") or {}).get("category"):
            kinds[category] += 1
        if start := (parts.get("when") or {}).get("start"):
            days[instant(start).astimezone(UTC).date()] += 1
        where = parts.get("where") or {}
        if where.get("latitude") is not None and number <= MOST_PLACES:
            exact = where.get("geo_precision", 1) == 1
            places.append(Place(where["longitude"], where["latitude"], number, exact))
    blocks: list[Bars | Map] = []
    ranked = sorted(kinds.items(), key=lambda pair: (-pair[1], pair[0]))
    if ranked:
        bars = [(words(named.code("category", name)), count) for name, count in ranked]
        blocks.append(Bars(_("Incidents by kind"), bars))
    if period.days > 1 and days:
        every = [period.since.date() + timedelta(number) for number in range(period.days)]
        blocks.append(
            Bars(
                _("Incidents by day"),
                [(words(day.strftime("%m-%d"), ltr=True), days[day]) for day in every],
                upright=True,
            )
        )
    where_drawn = node()
    if svg := draw(places, where_drawn.viewpoint, where_drawn.country):
        notice = boundary_notice(where_drawn.viewpoint, where_drawn.name)
        legend = _("Numbers as in the table; a hollow mark is only roughly known.")
        count = ngettext("Map with %(n)s incident", "Map with %(n)s incidents", len(places))
        blocks.append(Map(svg, f"{legend} {notice} Natural Earth.", count % {"n": len(places)}))
    return [Section(_("Charts and map"), blocks)] if blocks else []


def _link(moment: Past, since: float, until: float) -> Section:
    """When the partners' signatures did not come: as this node's own ledger tells it."""
    names = {p.party: p.name for p in here.home().partners.values()}
    rows = [
        [
            words(names.get(gap.partner, gap.partner)),
            at_minute(gap.since),
            at_minute(gap.until) if gap.until else words(_("until the end of what is known")),
        ]
        for gap in silences(moment.size, since, min(until, moment.at.timestamp()))
    ]
    nothing = _("No silence of more than half an hour is on record.")
    return Section(
        _("The link"),
        [Table([_("Silent: no signature of"), _("From (UTC)"), _("Until (UTC)")], rows, [3, 2, 2], nothing)],
    )
