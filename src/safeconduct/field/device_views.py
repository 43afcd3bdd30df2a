"""The devices that may speak to this node, and the page that is shown once when one is enrolled."""

from __future__ import annotations

import base64

from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.safestring import mark_safe
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from safeconduct.field import device_words as words
from safeconduct.field import devices as rules
from safeconduct.field.cot_enrolment import data_package
from safeconduct.field.credentials import name_of
from safeconduct.field.device_forms import DeviceForm
from safeconduct.field.device_word import PROVISIONAL, REVOKED, WAITING
from safeconduct.field.enrolment import Doors, invitation, qr_svg
from safeconduct.people.models import Account
from safeconduct.records import here
from safeconduct.records.find import Query, find
from safeconduct.records.release import Released
from safeconduct.shell.answers import answering, reader_of

LISTED = 500


@require_GET
@answering
def devices(request: HttpRequest) -> HttpResponseBase:
    """Every device that the reader may see: first those that wait for the word of whose they are, those that were
    revoked last."""
    reader = reader_of(request)
    page = find(reader, Query("device", parts=("identity", "link"), sort="at", limit=LISTED))
    lines = [line_of(record) for record in (*page.records, *page.unplaced)]
    lines.sort(key=lambda line: (line["state"] == REVOKED, not line["waits"]))
    level = "CONFIDENTIAL" if any(line["level"] == "CONFIDENTIAL" for line in lines) else "RESTRICTED"
    context = {"lines": lines, "page_level": level, "may_enrol": _may_enrol(request)}
    return render(request, "field/devices.html", context)


@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
@answering
def enrol(request: HttpRequest) -> HttpResponseBase:
    """Enrol one; the answer to the form shows its credential, this once."""
    form = DeviceForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        person = _person(form)
        if not form.errors:
            made, credential = rules.enrol(reader_of(request), form.parts(person))
            return shown_once(request, made.record, credential)
    return render(request, "field/enrol.html", {"form": form, "page_level": "CONFIDENTIAL"})


@never_cache
@require_POST
@answering
def renew(request: HttpRequest, device: str) -> HttpResponseBase:
    """Another credential for the same device; the first no longer opens anything."""
    _made, credential = rules.renew(reader_of(request), device, seen_in(request))
    return shown_once(request, device, credential)


@require_POST
@answering
def revoke(request: HttpRequest, device: str) -> HttpResponseBase:
    """End a device's credential: it opens nothing from then on."""
    rules.revoke(reader_of(request), device, seen_in(request))
    return redirect("field:devices")


def seen_in(request: HttpRequest) -> int:
    """The version that the form was made for; 0, which none is, for what is no number."""
    given = request.POST.get("seen", "")
    return int(given) if given.isascii() and given.isdecimal() and len(given) < 10 else 0


def doors_of(request: HttpRequest) -> Doors:
    """Where devices reach this node, as the browser that enrols them reached it."""
    settings = here.home().settings
    base = request.build_absolute_uri("/").rstrip("/")
    tls = bool(settings.get("tls_certificate"))
    mqtt, cot = int(settings.get("mqtt_port", 0)), int(settings.get("cot_port", 0))
    return Doors(base, mqtt, cot, tls)


def shown_once(
    request: HttpRequest, device: str, credential: str, back: str = "field:devices"
) -> HttpResponse:
    """The page of a credential; `back` names the page that it was asked for on."""
    found = rules.device_of(reader_of(request), device)
    identity = dict(found.parts["identity"])
    doors = doors_of(request)
    text = invitation(identity, credential, doors)
    package = data_package(here.home(), device, doors.host) if identity["protocol"] == "cot" else None
    context = {
        "line": line_of(found),
        "credential": credential,
        "user": name_of(credential),
        "invitation": text,
        "qr": mark_safe(qr_svg(text)),  # noqa: S308  (drawn here: black squares, no text)
        "package": base64.b64encode(package).decode() if package else "",
        "back": reverse(back),
        "own": back == "field:yours",
        "page_level": "CONFIDENTIAL",
    }
    return render(request, "field/enrolled.html", context)


def line_of(record: Released) -> dict[str, object]:
    identity = record.parts.get("identity", {})
    until = (record.parts.get("link") or {}).get("until", "")
    return {
        "id": record.id,
        "version": record.version,
        "name": identity.get("name", record.id[:8]),
        "category": words.CATEGORIES.get(identity.get("category", ""), ""),
        "protocol": words.PROTOCOLS.get(identity.get("protocol", ""), ""),
        "vehicle": identity.get("vehicle", ""),
        "state": record.state,
        "waits": record.state in (WAITING, PROVISIONAL),
        "shows_nothing": record.state == WAITING,
        "until": until if record.state == PROVISIONAL else "",
        "level": record.label,
        "state_word": words.STATES.get(record.state, record.state),
    }


def _may_enrol(request: HttpRequest) -> bool:
    return bool(here.state().policy.entries(reader_of(request), "write", "device"))


def _person(form: DeviceForm) -> str:
    name = str(form.cleaned_data["account"]).strip().lower()
    account = Account.objects.filter(username=name).first() if name else None
    if name and account is None:
        form.add_error("account", words.NO_ACCOUNT)
    return str(account.person) if account else ""
