"""The sections of a situation report besides the incidents: journeys, alarms, open requests, headcount."""

from __future__ import annotations

from typing import Any

from django.utils.translation import get_language
from django.utils.translation import gettext as _

from safeconduct.records.as_of import Recalled
from safeconduct.reports import words as named
from safeconduct.reports.gathering import Gathering, at_minute, recorded
from safeconduct.shell.papers import Facts, Section, Table, Text, words

SUFFIX = {"en": "", "ur": "_ur", "zh-hans": "_zh"}
RECENT = 30 * 86_400.0
"""Seconds that a counted figure says something of who is at a site."""
MOST_SITES = 100


def part(each: Recalled, name: str) -> dict[str, Any]:
    """A part as it was shown; empty where it was not."""
    return dict(each.found.parts.get(name) or {})


def in_language(fields: dict[str, Any], name: str) -> str:
    """A field that is written in three languages, in the reader's, or else in any."""
    mine = fields.get(name + SUFFIX.get(get_language() or "en", ""))
    return str(mine or fields.get(name) or fields.get(f"{name}_ur") or fields.get(f"{name}_zh") or "")


def _when(each: Recalled, told: str | None) -> Text:
    return at_minute(told) if told else recorded(each.found)


def journeys(taken: Gathering, since: float, until: float) -> Section:
    rows = []
    for each in taken.take("movement", ("notice",), since, until):
        notice = part(each, "notice")
        way = " → ".join(filter(None, (notice.get("origin_district"), notice.get("destination_district"))))
        rows.append(
            [
                words(notice.get("reference") or each.found.id[:8], ltr=True),
                _when(each, notice.get("since")),
                at_minute(notice.get("until")),
                words(way),
                words(notice.get("persons", ""), ltr=True),
                _state(each, notice),
            ]
        )
    columns = [_("Reference"), _("From (UTC)"), _("Until (UTC)"), _("Way"), _("Persons"), _("State")]
    table = Table(columns, rows, [1.6, 1.5, 1.5, 3, 0.9, 1.5], _("No journey is on record in this period."))
    return Section(_("Journeys"), [table])


def _state(each: Recalled, fields: dict[str, Any]) -> Text:
    state, exercise = named.state(each.found.state), _("EXERCISE")
    grave = each.found.state in ("overdue", "raised", "open")
    return words(f"{exercise} · {state}" if fields.get("exercise") else state, strong=grave)


def alarms(taken: Gathering, since: float, until: float) -> list[Section]:
    """Calls for help, alerts and musters."""
    calls = [
        [_when(each, call.get("at")), words(call.get("headline") or call.get("site_name", "")),
         words(call.get("district", "")), words(call.get("persons", ""), ltr=True), _state(each, call)]
        for each in taken.take("sos", ("call",), since, until)
        for call in (part(each, "call"),)
    ]  # fmt: skip
    alerts = [
        [_when(each, said.get("sent")), words(in_language(said, "headline")),
         words(named.code("severity", said.get("severity", ""))), _state(each, said)]
        for each in taken.take("alert", ("message",), since, until)
        for said in (part(each, "message"),)
    ]  # fmt: skip
    musters = taken.take("muster", ("call",), since, until)
    figures = taken.take("muster_figure", ("count",), about=[each.found.id for each in musters])
    rolls = [_muster(each, figures) for each in musters]
    person = [_("When (UTC)"), _("What"), _("Where"), _("Persons"), _("State")]
    alert = [_("When (UTC)"), _("What"), _("Severity"), _("State")]
    roll = [_("When (UTC)"), _("Muster"), _("Expected"), _("Accounted"), _("Unaccounted"), _("Unreachable"),
            _("Needs help"), _("State")]  # fmt: skip
    nothing = _("None is on record in this period.")
    return [
        Section(_("Calls for help"), [Table(person, calls, [1.5, 4, 2, 1, 1.6], nothing)]),
        Section(_("Alerts"), [Table(alert, alerts, [1.5, 5, 1.5, 1.6], nothing)]),
        Section(_("Musters"), [Table(roll, rolls, [1.3, 2.2, 1.1, 1.3, 1.5, 1.5, 1, 1.1], nothing)]),
    ]


def _muster(each: Recalled, figures: list[Recalled]) -> list[Text]:
    call = part(each, "call")
    latest: dict[str, Any] = {}
    for figure in figures:
        count = part(figure, "count")
        if figure.found.about == each.found.id and count.get("as_of", "") >= latest.get("as_of", ""):
            latest = count
    names = ("expected", "accounted", "unaccounted", "unreachable", "needs_help")
    return [
        _when(each, call.get("since")),
        words(call.get("title", "")),
        *(words(latest.get(name, ""), ltr=True) for name in names),
        _state(each, call),
    ]


def open_requests(taken: Gathering, until: float) -> Section:
    """Requests for information that nobody had answered by then."""
    rows = [
        [
            _when(each, asked.get("asked")),
            words(asked.get("subject", "")),
            words(asked.get("question", "")),
            at_minute(asked.get("due")),
        ]
        for each in taken.take("information_request", ("request",), None, until, states=("open",))
        for asked in (part(each, "request"),)
    ]
    columns = [_("Asked (UTC)"), _("Subject"), _("Question"), _("Due (UTC)")]
    table = Table(columns, rows, [1.5, 2, 5, 1.5], _("No request for information is open."))
    return Section(_("Open requests for information"), [table])


def headcounts(taken: Gathering, until: float) -> Section:
    """The latest figure of each site that was counted, and their sum."""
    latest: dict[str, Recalled] = {}
    for each in taken.take("headcount", ("figure",), until - RECENT, until):
        known = latest.get(each.found.about)
        if each.found.about and (
            known is None or part(each, "figure").get("as_of", "") >= part(known, "figure").get("as_of", "")
        ):
            latest[each.found.about] = each
    sites = {
        each.found.id: part(each, "identity") for each in taken.take("site", ("identity",), ids=list(latest))
    }
    counted = [(site, part(each, "figure")) for site, each in latest.items() if part(each, "figure")]
    counted.sort(key=lambda pair: (-pair[1].get("count", 0), pair[0]))
    rows = [
        [
            words(in_language(sites.get(site, {}), "name") or site[:8]),
            words(figure.get("count", ""), ltr=True),
            at_minute(figure.get("as_of")),
        ]
        for site, figure in counted
    ]
    total = sum(figure.get("count", 0) for _site, figure in counted)
    facts = Facts(
        [
            (_("Persons counted"), words(f"{total:,}", ltr=True)),
            (_("Sites counted"), words(len(rows), ltr=True)),
        ]
    )
    nothing = _("No site was counted in the thirty days before.")
    table = Table([_("Site"), _("Persons"), _("Counted at (UTC)")], rows[:MOST_SITES], [4, 1, 2], nothing)
    return Section(_("Headcount"), [facts, table] if rows else [table])
