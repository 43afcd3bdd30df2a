"""What the buttons of a movement's pages do: each is one act, and one function of `rules`."""

from __future__ import annotations

import time
from collections.abc import Callable
from functools import wraps
from typing import Any

from django import forms
from django.contrib import messages
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.http.response import HttpResponseBase
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST

from safeconduct.journeys import review_forms, rules
from safeconduct.journeys.detail import whole
from safeconduct.journeys.detail_views import review_page, unit_names
from safeconduct.records.kinds import PartRefused
from safeconduct.records.refusals import Conflict, Malformed, NotFound
from safeconduct.records.release import release
from safeconduct.shell.answers import answering, reader_of

Page = Callable[..., HttpResponseBase]


def _back(movement: str, page: str = "detail", anchor: str = "") -> HttpResponse:
    return HttpResponseRedirect(reverse(f"journeys:{page}", args=[movement]) + anchor)


def reviewing(name: str, form_of: Callable[[Any], Any]) -> Callable[[Page], Page]:
    """A view that gets a filled-in form of the review page; where it does not pass, the page with it as typed."""

    def around(view: Page) -> Page:
        @require_POST
        @answering
        @wraps(view)
        def act(request: HttpRequest, movement: str) -> HttpResponseBase:
            form = form_of(request.POST)
            if form.is_valid():
                try:
                    return view(request, movement, form)
                except (Malformed, PartRefused) as fault:
                    _say_on(form, str(fault))
                except Conflict:
                    _say_on(form, _("Somebody decided meanwhile. Look at the decision before you change it."))
                    return review_page(
                        request, whole(reader_of(request), movement, time.time()), 409, **{name: form}
                    )
            found = whole(reader_of(request), movement, time.time())
            return review_page(request, found, 422, **{name: form})

        return act

    return around


def _say_on(form: Any, text: str) -> None:
    if isinstance(form, forms.Form):
        form.add_error(None, text)
    else:
        form.non_form_errors().append(text)


def _name(request: HttpRequest) -> str:
    return str(request.user)


@reviewing("acknowledge", lambda data: review_forms.AcknowledgeForm(data, prefix="ack"))
def acknowledge(request: HttpRequest, movement: str, form: forms.Form) -> HttpResponse:
    """ "We have it." Nothing else."""
    rules.acknowledge(reader_of(request), movement, remark=form.cleaned_data["remark"], by=_name(request))
    messages.success(
        request, _("Acknowledged: the other party sees that you have it. It is not cleared by that.")
    )
    return _back(movement, "review")


@reviewing("clear", lambda data: review_forms.ClearForm(data, prefix="clear"))
def clear(request: HttpRequest, movement: str, form: forms.Form) -> HttpResponse:
    """Decide that the movement may go."""
    said = form.cleaned_data
    rules.clear(reader_of(request), movement, said["conditions"], _name(request), said["seen"])
    messages.success(request, _("Cleared. The other party sees it."))
    return _back(movement, "review")


@reviewing("refuse", lambda data: review_forms.RefuseForm(data, prefix="refuse"))
def refuse(request: HttpRequest, movement: str, form: forms.Form) -> HttpResponse:
    """Refuse, or take a clearance back: what it is follows from what stands."""
    said, actor = form.cleaned_data, reader_of(request)
    standing = rules.decision_on(actor, movement)
    act = rules.revoke if standing is not None and standing.state == "cleared" else rules.refuse
    act(actor, movement, said["reason"], _name(request), said["seen"])
    messages.success(request, _("Refused. The other party sees it, with your reason."))
    return _back(movement, "review")


@reviewing("legs", lambda data: review_forms.LegFormSet(data, prefix="legs"))
def legs(request: HttpRequest, movement: str, form: Any) -> HttpResponse:
    """Say which unit answers for which leg."""
    actor = reader_of(request)
    rules.assign_legs(actor, movement, review_forms.planned(form, unit_names(actor)))
    messages.success(request, _("Assigned. Each unit sees the leg it answers for."))
    return _back(movement, "review", "#legs")


@require_POST
@answering
def cancel(request: HttpRequest, movement: str) -> HttpResponse:
    """Cancel an own movement, on the version that was seen."""
    seen = request.POST.get("seen", "")
    if not (seen.isascii() and seen.isdigit() and len(seen) < 10):
        raise Malformed("which version was seen?")
    rules.cancel_movement(reader_of(request), movement, int(seen))
    messages.success(request, _("Cancelled. The other party sees it."))
    return _back(movement)


@require_POST
@answering
def comment(request: HttpRequest, movement: str) -> HttpResponse:
    """Comment on the movement or, with `about`, on something that was said of it."""
    actor = reader_of(request)
    form = review_forms.CommentForm(request.POST, prefix="comment")
    if not form.is_valid():
        messages.error(request, _("A comment says something, in at most 5,000 characters."))
        return _back(movement, anchor="#said")
    about = request.POST.get("about") or movement
    if about != movement:
        _belongs(request, about, movement)
    said = form.cleaned_data
    rules.comment(actor, about, said["text"], said["stance"], _name(request))
    messages.success(request, _("Said. It is in the ledger."))
    return _back(movement, anchor="#said")


def _belongs(request: HttpRequest, record: str, movement: str) -> None:
    """Raises NotFound for a record that does not speak of this movement."""
    found = whole(reader_of(request), movement, time.time())
    known = [*found.comments, *found.said["clearance"], *found.said["leg"]]
    if record not in {each.id for each in known}:
        raise NotFound(record)


@require_POST
@answering
def name(request: HttpRequest, movement: str) -> HttpResponse:
    """Put one more name on the manifest."""
    form = review_forms.NameForm(request.POST, prefix="name")
    if not form.is_valid():
        messages.error(request, _("A name has at least one letter and at most 200."))
    else:
        rules.name_traveller(reader_of(request), movement, form.parts())
        messages.success(request, _("The name is on the manifest."))
    return _back(movement, anchor="#manifest")


@require_POST
@answering
def withdraw_name(request: HttpRequest, movement: str, entry: str) -> HttpResponse:
    """Take one name back."""
    actor = reader_of(request)
    form = review_forms.ReasonForm(request.POST)
    if release(actor, entry).about != movement:
        raise NotFound(entry)
    if not form.is_valid():
        messages.error(request, _("Say why the name is withdrawn."))
    else:
        told = rules.withdraw_name(actor, entry, form.cleaned_data["reason"])
        text = (
            _("Withdrawn, and the other party told.") if told else _("Withdrawn. It had not been given yet.")
        )
        messages.success(request, text)
    return _back(movement, anchor="#manifest")


@require_POST
@answering
def handover(request: HttpRequest, movement: str, handover: str, word: str) -> HttpResponse:
    """Say one's own unit's word of a handover: `give` or `take`."""
    actor = reader_of(request)
    found = release(actor, handover)
    if found.kind != "handover" or release(actor, found.about).about != movement:
        raise NotFound(handover)
    (rules.give if word == "give" else rules.take)(actor, handover, _name(request))
    messages.success(
        request,
        _("Given. Your unit holds the journey until the other has taken it.")
        if word == "give"
        else _("Taken. From now on your unit answers for the journey."),
    )
    return _back(movement, anchor="#legs")
