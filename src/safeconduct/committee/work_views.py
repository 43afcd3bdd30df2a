"""What the pages of every line of the committee's work have in common: a list, a record with all about it, an act."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import render
from django.urls import reverse
from django.utils.translation import gettext as _

from safeconduct.agreement.policy import Subject
from safeconduct.agreement.vocabulary import LEVELS
from safeconduct.committee.explaining import would
from safeconduct.committee.lines import Act, Line
from safeconduct.committee.sheets import Sheet, highest, thread, threads
from safeconduct.committee.work_forms import WorkForm
from safeconduct.committee.work_words import reason
from safeconduct.records import here
from safeconduct.records.attachments import AttachmentRefused
from safeconduct.records.commit import Committed
from safeconduct.records.find import Query, find
from safeconduct.records.kinds import PartRefused
from safeconduct.records.refusals import Malformed, NotFound, Refused
from safeconduct.records.release import Released, release
from safeconduct.shell.answers import reader_of, refusal

PAGE = 20
HIGHEST_UP = 6
PREFILLED = ("incident",)
"""What a link may fill in beforehand; nothing by which somebody signs."""
PLAIN_FAULTS = (PartRefused, Malformed, AttachmentRefused, ValueError)


def show_list(
    request: HttpRequest,
    line: Line,
    template: str = "work_list",
    also: Sequence[Sheet] = (),
    level: str = "OPEN",
    adorn: Callable[[list[Sheet]], None] | None = None,
    **extra: Any,
) -> HttpResponse:
    """The records that a line begins with, the latest first, with what is offered to begin another.

    `also` are sheets that the page shows besides, `level` the label of what else it shows; `adorn` adds to the sheets
    of the list.
    """
    reader = reader_of(request)
    cursor = str(request.GET.get("cursor", ""))[:400]
    query = Query(line.root, parts=line.listed, withdrawn=False, sort="at", limit=PAGE, cursor=cursor)
    page = find(reader, query)
    tops = threads(reader, page.records, line.below)
    if adorn is not None:
        adorn(tops)
    following = request.GET.copy()
    following["cursor"] = page.next_cursor
    context = {
        "line": line,
        "tops": tops,
        "offers": line.offers(reader, None),
        "next": f"?{following.urlencode()}" if page.next_cursor else "",
        "page_level": max(level, highest([*tops, *also]), key=LEVELS.index),
        "live_url": line.live,
        "kinds": " ".join(line.kinds),
        **extra,
    }
    return render(request, f"committee/{template}.html", context)


def show_page(request: HttpRequest, line: Line, record: str, **extra: Any) -> HttpResponse:
    """One record of a line with everything about it, live."""
    reader = reader_of(request)
    found = _of_line(line, release(reader, record))
    top = line.offering(reader, thread(reader, found, line.below))
    context = {
        "line": line,
        "top": top,
        "page_level": highest([top]),
        "live_url": line.live,
        "kinds": " ".join(line.kinds),
        **extra,
    }
    context["alone"] = "HX-Request" in request.headers
    name = "_work_whole" if context["alone"] else "work_page"
    return render(request, f"committee/{name}.html", context)


def do_act(request: HttpRequest, line: Line, name: str, record: str = "") -> HttpResponse:
    """The form of an act, and the act. A refusal says which clause would allow it."""
    reader = reader_of(request)
    act = line.act(name)
    if act is None:
        raise Http404
    found = _of_line(line, release(reader, record)) if record else None
    if (found.kind if found else None) not in (act.to or (None,)):
        raise Http404
    data = (request.POST, request.FILES) if request.method == "POST" else (None, None)
    prefilled = {name: request.GET[name] for name in PREFILLED if name in request.GET}
    form = act.form(*data, reader=reader, found=found, initial=prefilled)
    if data[0] is None:
        _expect(reader, act, record)
    elif form.is_valid():
        done = _done(request, reader, form)
        if done is not None:
            messages.success(request, _("It is in the ledger."))
            return HttpResponseRedirect(_after(line, reader, found, done))
    if act.form.plain:
        for faults in form.errors.values():
            messages.error(request, " ".join(map(str, faults)))
        return HttpResponseRedirect(_back(line, reader, found))
    top = thread(reader, found, {}) if found else None
    context = {
        "line": line,
        "act": act,
        "form": form,
        "top": top,
        "back": _back(line, reader, found),
        "page_level": highest([top]) if top else "RESTRICTED",
        "multipart": form.is_multipart(),
    }
    return render(request, "committee/work_act.html", context, status=422 if data[0] is not None else 200)


def _done(request: HttpRequest, reader: Subject, form: WorkForm) -> Committed | None:
    """What the rule stored; None where it was not taken and the form says why."""
    try:
        return form.do(reader, str(request.user))
    except Refused as fault:
        raise Refused(reason(fault), fault.would, fault.attempt) from fault
    except PLAIN_FAULTS as fault:
        form.add_error(None, reason(fault))
        return None


def _expect(reader: Subject, act: Act, record: str) -> None:
    if not here.state().policy.entries(reader, act.act, act.writes):
        told = would(act.act, act.writes, reader)
        raise refusal(reader, act.act, act.writes, f"{act.act} {act.writes}: no grant", told, record)


def _of_line(line: Line, found: Released) -> Released:
    if found.kind not in line.kinds:
        raise NotFound(found.id)
    return found


def _after(line: Line, reader: Subject, found: Released | None, done: Committed) -> str:
    """Where the work goes on: the top of what the record stands under, or the new record itself."""
    if found is None:
        try:
            return _address(line, release(reader, done.record))
        except NotFound:
            return reverse(f"{line.name}:list")
    return _back(line, reader, found)


def _back(line: Line, reader: Subject, found: Released | None) -> str:
    if found is None:
        return reverse(f"{line.name}:list")
    for _step in range(HIGHEST_UP):
        if found.kind == line.root or not found.about:
            break
        try:
            above = release(reader, found.about)
        except NotFound:
            break
        if above.kind not in line.kinds:
            break
        found = above
    return _address(line, found)


def _address(line: Line, found: Released) -> str:
    return reverse(f"{line.name}:{'chain' if found.kind == 'incident' else 'page'}", args=[found.id])
