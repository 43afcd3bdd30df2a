"""Signing in by the office's own issuer: leaving for it, and coming back as an account that exists here."""

from __future__ import annotations

from dataclasses import asdict

from allauth.account.utils import perform_login
from allauth.core import ratelimit
from django.conf import settings
from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import redirect
from django.urls import reverse
from django.utils.http import url_has_allowed_host_and_scheme
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET

from safeconduct.people import oidc
from safeconduct.people.models import DirectoryLink
from safeconduct.records.events import log_event

KEPT = "people_oidc"


@require_GET
def start(request: HttpRequest) -> HttpResponse:
    """Leave for the issuer. Where none is configured the page does not exist."""
    issuer = _issuer()
    if not ratelimit.consume(request, action="login"):
        return HttpResponse(status=429)
    wanted = request.GET.get("next", "")
    back_to = (
        wanted if url_has_allowed_host_and_scheme(wanted, {request.get_host()}, request.is_secure()) else ""
    )
    try:
        address, leaving = oidc.leave(issuer, _callback(request), back_to)
    except oidc.SignOnRefused as fault:
        return _refused(request, fault)
    request.session[KEPT] = asdict(leaving)
    return HttpResponseRedirect(address)


@require_GET
def callback(request: HttpRequest) -> HttpResponse:
    """Come back from the issuer. Only an account that an administrator has linked comes in, with its second factor."""
    issuer = _issuer()
    try:
        leaving = oidc.Leaving.of(request.session.pop(KEPT, None))
        subject = oidc.come_back(issuer, _callback(request), leaving, request.GET)
        link = (
            DirectoryLink.objects.select_related("account")
            .filter(issuer=issuer.issuer, subject=subject)
            .first()
        )
        if link is None:
            raise oidc.SignOnRefused("no account is linked")
    except oidc.SignOnRefused as fault:
        return _refused(request, fault)
    answer: HttpResponse = perform_login(
        request, link.account, email_verification="none", redirect_url=leaving.back_to or None
    )
    return answer


def _issuer() -> oidc.Issuer:
    found: oidc.Issuer | None = settings.OIDC
    if found is None:
        raise Http404
    return found


def _callback(request: HttpRequest) -> str:
    return str(request.build_absolute_uri(reverse("oidc_callback")))


def _refused(request: HttpRequest, fault: oidc.SignOnRefused) -> HttpResponse:
    """One sentence for whatever the reason was: a stranger learns neither who has an account nor why not."""
    log_event("sign_on_refused", fault=fault)
    messages.error(request, _("Single sign-on did not work, or no account here is linked to you."))
    return redirect("account_login")
