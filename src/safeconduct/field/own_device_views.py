"""The devices that speak for whoever looks: say that one is theirs, or that it is not, or no more."""

from __future__ import annotations

from typing import Any

from django.contrib import messages
from django.http import HttpRequest
from django.http.response import HttpResponseBase
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from safeconduct.field import devices as rules
from safeconduct.field.device_views import line_of, seen_in, shown_once
from safeconduct.field.device_word import ENROLLED
from safeconduct.field.devices import OwnDevice
from safeconduct.people.models import Account
from safeconduct.people.themselves import where_to_show
from safeconduct.records.refusals import NotFound
from safeconduct.shell.answers import answering, reader_of


@never_cache
@require_safe
@answering
def yours(request: HttpRequest) -> HttpResponseBase:
    """Every device that speaks for the reader; first those that wait for the reader's word."""
    lines = _lines(rules.own_devices(reader_of(request)))
    lines.sort(key=lambda line: not line["waits"])
    context = {"lines": lines, "page_level": "CONFIDENTIAL", "live_url": "/live?topics=device"}
    return render(request, "field/yours.html", context)


@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
@answering
def confirm(request: HttpRequest, device: str) -> HttpResponseBase:
    """Say that a device is one's own, after showing anew that it is oneself who says so."""
    reader = reader_of(request)
    if asked := _still_they(request, "field:confirm", device):
        return asked
    if request.method == "POST":
        rules.confirm(reader, device, seen_in(request))
        messages.success(request, _("The device shows what you may see from now on."))
        return redirect("field:yours")
    line = _one(request, device)
    if not line["waits"]:
        raise NotFound(device)
    return render(request, "field/confirm.html", {"line": line, "page_level": "CONFIDENTIAL"})


@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
@answering
def take_code(request: HttpRequest, device: str) -> HttpResponseBase:
    """Take a new code for one's own device, which nobody else has seen: with it the device is confirmed."""
    if asked := _still_they(request, "field:take_code", device):
        return asked
    if request.method == "POST":
        _made, credential = rules.take_code(reader_of(request), device, seen_in(request))
        return shown_once(request, device, credential, "field:yours")
    line = _one(request, device)
    if not line["shows"]:
        raise NotFound(device)
    return render(request, "field/take_code.html", {"line": line, "page_level": "CONFIDENTIAL"})


@require_POST
@answering
def disown(request: HttpRequest, device: str) -> HttpResponseBase:
    """Say that a device is not one's own, or no more: it opens nothing from then on."""
    rules.disown(reader_of(request), device, seen_in(request))
    messages.success(request, _("The device is revoked: it shows nothing, and is not heard any more."))
    return redirect("field:yours")


def _still_they(request: HttpRequest, page: str, device: str) -> HttpResponseBase | None:
    """Where they are asked whether it is still they, and led back to the page from; a form is not carried over that."""
    account = request.user
    then = reverse(page, args=[device])
    shown_at = where_to_show(request, account, then) if isinstance(account, Account) else ""
    return redirect(shown_at) if shown_at else None


def _one(request: HttpRequest, device: str) -> dict[str, Any]:
    for line in _lines(rules.own_devices(reader_of(request))):
        if line["id"] == device:
            return line
    raise NotFound(device)


def _lines(held: list[OwnDevice]) -> list[dict[str, Any]]:
    persons = {person for each in held for person in each.by}
    accounts = Account.objects.filter(person__in=sorted(persons))
    names = {each.person: each.display_name or each.username for each in accounts}
    return [_line(each, names) for each in held]


def _line(held: OwnDevice, names: dict[str, str]) -> dict[str, Any]:
    record = held.record
    return {
        **line_of(record),
        "holder": (record.parts.get("link") or {}).get("holder", ""),
        "by": [names.get(person, person) for person in held.by],
        "at": record.at,
        "shows": record.state != ENROLLED,
    }
