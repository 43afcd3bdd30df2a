"""Pages of holds: what is held of the partners' records, the holds in force, setting and lifting one."""

from __future__ import annotations

from typing import Any
from uuid import uuid4

from django import forms
from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from safeconduct.agreement.policy import Subject
from safeconduct.exchange.leaves import MAX_REASON
from safeconduct.oversight import holds as rules
from safeconduct.oversight import jobs
from safeconduct.oversight.rules import is_index, people, would
from safeconduct.oversight.wording import kind_name, part_name
from safeconduct.records import here
from safeconduct.records.moments import instant
from safeconduct.records.principals import SYSTEM
from safeconduct.records.refusals import Conflict, Malformed
from safeconduct.shell.answers import answering, reader_of, refusal
from safeconduct.shell.navigation import page_of
from safeconduct.shell.terms import listed

LIVE = "/live"
_LARGEST = 10**18


class HoldForm(forms.Form):
    """Why a record is kept. `seen` is the hold that the page showed, empty for none; `key` makes two presses one."""

    because = forms.CharField(
        label=gettext_lazy("Reason, which whoever asks for the erasure is told"),
        max_length=MAX_REASON,
        widget=forms.Textarea(attrs={"rows": 3, "dir": "auto", "maxlength": MAX_REASON}),
    )
    seen = forms.IntegerField(
        min_value=0,
        max_value=_LARGEST,
        required=False,
        widget=forms.HiddenInput(attrs={"autocomplete": "off"}),
    )
    key = forms.CharField(
        max_length=64, required=False, widget=forms.HiddenInput(attrs={"autocomplete": "off"})
    )


class PartnerFilter(forms.Form):
    """Whose records to list."""

    partner = forms.ChoiceField(label=gettext_lazy("Partner"), required=False)

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        partners = [(p.party, p.name) for p in here.home().partners.values()]
        self.fields["partner"].choices = [("", _("every one")), *partners]  # type: ignore[attr-defined]


@require_GET
@answering
def held_here(request: HttpRequest) -> HttpResponse:
    """What this node holds of the partners' records, and what of it is on hold."""
    reader = reader_of(request)
    form = PartnerFilter(request.GET or None)
    chosen = form.cleaned_data if form.is_bound and form.is_valid() else {}
    page = rules.held_here(reader, chosen.get("partner", ""), _before(request))
    context = {
        "form": form,
        "lines": _lines(reader, page),
        "next": page.next,
        "auditing": jobs.may_audit(here.state().policy, reader),
        "page_level": "RESTRICTED",
        "live_url": LIVE,
    }
    return render(request, "oversight/held_here.html", context)


@require_GET
@answering
def holds(request: HttpRequest) -> HttpResponse:
    """Every hold in force: who set it, when, why, and what waits until it is lifted."""
    reader = reader_of(request)
    page = rules.holds(reader, _before(request))
    context = {
        "lines": _lines(reader, page),
        "next": page.next,
        "auditing": jobs.may_audit(here.state().policy, reader),
        "page_level": "RESTRICTED",
        "live_url": LIVE,
    }
    return render(request, "oversight/holds.html", context)


@require_http_methods(["GET", "POST"])
@answering
def hold(request: HttpRequest, record: str) -> HttpResponse:
    """The hold on one record: what a hold does, then setting one, or stating its reason anew."""
    reader = reader_of(request)
    if request.method == "GET":
        return _page(request, reader, record)
    found = rules.held_on(reader, record)
    _expect(request, reader, found)
    form = HoldForm(request.POST)
    if not form.is_valid():
        return _page(request, reader, record, form, 422)
    given = form.cleaned_data
    try:
        rules.hold(reader, record, given["because"], given["seen"], given["key"])
    except Malformed as fault:
        form.add_error("because", str(fault))
        return _page(request, reader, record, form, 422)
    except Conflict:
        return _overtaken(request, reader, record)
    messages.success(request, _("It is on hold: nothing of it is erased here until the hold is lifted."))
    return redirect("oversight:hold", record=record)


@require_POST
@answering
def lift_hold(request: HttpRequest, record: str) -> HttpResponse:
    """Lift the hold that the page showed."""
    reader = reader_of(request)
    found = rules.held_on(reader, record)
    _expect(request, reader, found)
    seen = request.POST.get("seen", "")
    if not is_index(seen):
        raise Malformed(_("This form does not say which hold it showed."))
    try:
        _index, erased = rules.lift_hold(reader, record, int(seen))
    except Conflict:
        return _overtaken(request, reader, record)
    text = ngettext(
        "The hold is lifted. %(n)s erasure that waited for it is done, and its receipt says so.",
        "The hold is lifted. %(n)s erasures that waited for it are done, and their receipts say so.",
        erased,
    )
    messages.success(request, text % {"n": erased} if erased else _("The hold is lifted. No erasure waited."))
    return redirect("oversight:holds")


def _expect(request: HttpRequest, reader: Subject, found: rules.Kept) -> None:
    if not found.may_hold:
        named = would(reader, "erase", found.kind)
        raise refusal(reader, "erase", found.kind, _("keeping this record on hold"), named, found.id)


def _overtaken(request: HttpRequest, reader: Subject, record: str) -> HttpResponse:
    """Somebody else has set, changed or lifted the hold since the page was shown: say so, and show how it stands."""
    return _page(request, reader, record, status=409)


def _page(
    request: HttpRequest, reader: Subject, record: str, form: HoldForm | None = None, status: int = 200
) -> HttpResponse:
    found = rules.held_on(reader, record)
    standing = found.hold
    begun = {"key": uuid4().hex, "because": standing.because, "seen": standing.index} if standing else None
    context = {
        "line": _line(found, people(reader)),
        "form": (form or HoldForm(initial=begun or {"key": uuid4().hex})) if found.may_hold else None,
        "changing": bool(form),
        "overtaken": status == 409,
        "auditing": jobs.may_audit(here.state().policy, reader),
        "page_level": "RESTRICTED",
        "live_url": LIVE,
    }
    return render(request, "oversight/hold.html", context, status=status)


def _before(request: HttpRequest) -> int | None:
    given = request.GET.get("before", "")
    return int(given) if is_index(given) else None


def _lines(reader: Subject, page: rules.KeptPage) -> list[dict[str, Any]]:
    names = people(reader) if any(each.hold for each in page.lines) else {}
    return [_line(each, names) for each in page.lines]


def _line(found: rules.Kept, names: dict[str, str]) -> dict[str, Any]:
    """A record as the templates show it, the hold on it in words."""
    standing = found.hold
    coarse = found.at and instant(found.at).timestamp() % 86_400 == 0  # the other party told no more of it
    return {
        "found": found,
        "precision": "day" if coarse else "minute",
        "kind": kind_name(found.kind),
        "page": page_of(found.kind, found.id, found.about),
        "parts": _parts(found.parts),
        "hold": standing,
        "by": names.get(standing.by, standing.by) if standing else "",
        "by_node": bool(standing and standing.by == SYSTEM),
        "asked": [(each.partner, each.at, _parts(each.parts)) for each in standing.asked] if standing else [],
        "due": _parts(standing.due) if standing and standing.due else "",
    }


def _parts(given: rules.Parts) -> str:
    """Parts by name, and those that the reader may not read by number."""
    named = [part_name(part) for part in given.names]
    if given.more:
        text = ngettext("%(n)s part that you may not read", "%(n)s parts that you may not read", given.more)
        named.append(text % {"n": given.more})
    return str(listed(named))
