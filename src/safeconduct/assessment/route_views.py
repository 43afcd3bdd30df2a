"""The pages of route options: ways side by side, what is kept of them, and the choice of a person.

Only journey managers see any of it. Whoever may neither assess nor read is refused, with the grants that would let him.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from django.contrib import messages
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from safeconduct.agreement.policy import Subject
from safeconduct.agreement.vocabulary import LEVELS
from safeconduct.assessment import route_rules as rules
from safeconduct.assessment.route_figures import drawn, lines, missing
from safeconduct.assessment.route_forms import ChoiceForm, QuestionForm
from safeconduct.assessment.route_kinds import ROUTE_OPTION
from safeconduct.assessment.route_places import Gazetteer
from safeconduct.assessment.route_words import NO_ROUTE, REFUSALS, STATES
from safeconduct.geo.routing import NoRoute
from safeconduct.records import here
from safeconduct.records.find import Query, find
from safeconduct.records.kinds import PartRefused
from safeconduct.records.moments import instant
from safeconduct.records.refusals import Conflict, Malformed, NotFound
from safeconduct.records.release import Released, release
from safeconduct.shell.answers import answering, reader_of, refusal
from safeconduct.shell.navigation import page_of
from safeconduct.shell.terms import plain

PAGE = 20
LEVEL = LEVELS[ROUTE_OPTION.default_levels()["options"]]


@require_http_methods(["GET", "HEAD", "POST"])
@answering
def routes(request: HttpRequest) -> HttpResponse:
    """Ask for the ways between two places, and keep what was reckoned."""
    reader = reader_of(request)
    _expect(reader)
    book = Gazetteer(reader, here.home().path)
    asked = request.POST if request.method == "POST" else None
    form = QuestionForm(asked, reader=reader, book=book, today=datetime.now(UTC).date())
    found: rules.Assessed | None = None
    if asked is not None and form.is_valid() and form.question and book.atlas.roads:
        try:
            found = rules.assess(reader, book.atlas.roads, form.question, str(request.user))
            if "keep" in asked:
                kept = rules.keep_options(reader, found, form.cleaned_data["movement"])
                messages.success(request, _("Kept. It is in the ledger, and stays with this party."))
                return HttpResponseRedirect(reverse("routes:page", args=[kept.record]))
        except NoRoute as fault:
            form.add_error(None, NO_ROUTE.get(fault.reason, str(fault)))
        except NotFound:
            form.add_error("movement", _("That movement is not known to you."))
        except (PartRefused, Malformed, ValueError) as fault:
            form.add_error(None, _reason(fault))
    status = 422 if form.errors else 200
    return _asking(request, reader, book, form, found, status)


def _asking(
    request: HttpRequest,
    reader: Subject,
    book: Gazetteer,
    form: QuestionForm,
    found: rules.Assessed | None,
    status: int,
) -> HttpResponse:
    level = found.level if found else LEVEL
    held = find(reader, Query(ROUTE_OPTION.name, withdrawn=False, sort="at", limit=PAGE)).records
    context: dict[str, Any] = {
        "form": form,
        "places": book.names(),
        "roads": book.atlas.roads,
        "faults": book.atlas.faults,
        "kept": [(each, _way_chosen(each), plain(STATES, each.state)) for each in held],
        "may_keep": rules.may(reader, "write"),
        "page_level": max(
            [level, book.level, form.level, *(_level(each) for each in held)], key=LEVELS.index
        ),
        **(_shown(found.parts) if found else {}),
    }
    return render(request, "assessment/route_options.html", context, status=status)


@require_safe
@answering
def route_page(request: HttpRequest, record: str) -> HttpResponse:
    """What was kept, as it was reckoned; and the choice, or the form to make it."""
    reader = reader_of(request)
    found = _option(reader, record)
    return _page(request, reader, found, _choosing(reader, found, None), 200)


@require_POST
@answering
def choose(request: HttpRequest, record: str) -> HttpResponse:
    """A person decides for one of the options."""
    reader = reader_of(request)
    found = _option(reader, record)
    if not rules.may(reader, "approve"):
        raise refusal(reader, "approve", ROUTE_OPTION.name, "approve route_option: no grant", record=found.id)
    form = ChoiceForm(request.POST, ways=_ways(found))
    if form.is_valid():
        given = form.cleaned_data
        expires = given["expires"].isoformat()
        try:
            rules.choose_way(
                reader, found.id, given["seen"], int(given["way"]), given["why"], expires, str(request.user)
            )
        except Conflict as fault:
            text = _("The record is at version %(n)s now. Look at it again before you change it.")
            form.add_error(None, text % {"n": fault.current})
        except (PartRefused, Malformed) as fault:
            form.add_error(None, _reason(fault))
        else:
            messages.success(request, _("Chosen. It is in the ledger with your reason."))
            return HttpResponseRedirect(reverse("routes:page", args=[found.id]))
    return _page(request, reader, found, form, 422)


@require_POST
@answering
def drop(request: HttpRequest, record: str) -> HttpResponse:
    """They are used no more."""
    reader = reader_of(request)
    found = _option(reader, record)
    if not rules.may(reader, "write"):
        raise refusal(reader, "write", ROUTE_OPTION.name, "write route_option: no grant", record=found.id)
    seen = request.POST.get("seen", "")
    if not (seen.isascii() and seen.isdigit() and len(seen) < 9):
        raise Malformed("the version that was seen is a number")
    rules.drop_options(reader, found.id, int(seen))
    messages.success(request, _("Dropped. It stays on record as such."))
    return HttpResponseRedirect(reverse("routes:page", args=[found.id]))


def _page(
    request: HttpRequest, reader: Subject, found: Released, form: ChoiceForm | None, status: int
) -> HttpResponse:
    choice = found.parts.get("choice")
    expired = choice is not None and instant(choice["expires"]).date() < datetime.now(UTC).date()
    context = {
        "option": found,
        "state": plain(STATES, found.state),
        "movement_url": page_of("movement", found.about) if found.about else "",
        "form": form,
        "choice": choice,
        "expired": expired,
        "may_drop": found.state != "dropped" and rules.may(reader, "write"),
        "page_level": _level(found),
        **_shown(found.parts),
    }
    return render(request, "assessment/route_page.html", context, status=status)


def _shown(parts: Any) -> dict[str, Any]:
    told = lines(parts)
    return {
        "options": parts.get("options"),
        "basis": parts.get("basis"),
        "lines": told,
        "courses": drawn(parts),
        "missing": missing(parts),
        "any_known": any(line.one_in for line in told),
        "crash": (parts.get("basis") or {}).get("crash"),
    }


def _expect(reader: Subject) -> None:
    """Journey managers only: those whom a clause in force lets assess ways, or read what was kept. What is reckoned is
    on no record yet, so that its label is held against the clearance here."""
    if not (rules.may(reader, "write") or rules.may(reader, "read")):
        raise refusal(reader, "read", ROUTE_OPTION.name, "read route_option: no grant")
    if reader.clearance < LEVELS.index(LEVEL):
        raise refusal(reader, "read", ROUTE_OPTION.name, "read route_option: clearance")


def _option(reader: Subject, record: str) -> Released:
    found = release(reader, record)
    if found.kind != ROUTE_OPTION.name:
        raise NotFound(record)
    return found


def _choosing(reader: Subject, found: Released, data: Any) -> ChoiceForm | None:
    if found.state != "assessed" or found.withdrawn or not rules.may(reader, "approve"):
        return None
    return ChoiceForm(data, ways=_ways(found), initial={"seen": found.version})


def _ways(found: Released) -> int:
    return len((found.parts.get("options") or {}).get("ways") or [])


def _way_chosen(found: Released) -> int:
    return int((found.parts.get("choice") or {}).get("way", 0))


def _level(found: Released) -> str:
    return max(found.levels.values(), key=LEVELS.index, default=LEVEL)


def _reason(fault: Exception) -> str:
    said = [why for _part, _field, why in fault.errors] if isinstance(fault, PartRefused) else [str(fault)]
    bare = [each.removeprefix("Value error, ") for each in said]
    return " ".join(str(REFUSALS.get(each, each)) for each in bare)
