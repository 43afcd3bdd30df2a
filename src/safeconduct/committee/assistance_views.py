"""The pages of assistance: what the Host asked for, what was offered, delivered and accepted, and its end use."""

from __future__ import annotations

from django.http import HttpRequest, HttpResponse
from django.views.decorators.http import require_http_methods, require_safe

from safeconduct.committee.assistance_forms import LINE
from safeconduct.committee.work_views import do_act, show_list, show_page
from safeconduct.shell.answers import answering


@require_safe
@answering
def assistance(request: HttpRequest) -> HttpResponse:
    """The Host's requests for help with its own capabilities."""
    return show_list(request, LINE)


@require_safe
@answering
def assistance_page(request: HttpRequest, record: str) -> HttpResponse:
    """One request with its offers, deliveries, receipts and checks."""
    return show_page(request, LINE, record)


@require_http_methods(["GET", "HEAD", "POST"])
@answering
def assistance_new(request: HttpRequest, act: str) -> HttpResponse:
    """Ask for assistance: the Host alone does."""
    return do_act(request, LINE, act)


@require_http_methods(["GET", "HEAD", "POST"])
@answering
def assistance_act(request: HttpRequest, record: str, act: str) -> HttpResponse:
    """Offer, answer, deliver, receive, check, withdraw."""
    return do_act(request, LINE, act, record)
