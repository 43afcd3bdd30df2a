"""Every page knows who asks: `request.principal`. Nothing but the way in is open to somebody unknown."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Iterable, Iterator
from typing import cast

from django.conf import settings
from django.contrib import messages
from django.contrib.auth.views import redirect_to_login
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect, JsonResponse, StreamingHttpResponse
from django.urls import reverse
from django.utils.translation import gettext as _

from safeconduct.agreement.policy import Subject
from safeconduct.people import tokens
from safeconduct.people.asking import ApiRequest
from safeconduct.people.models import Account
from safeconduct.people.principal import lacks_second_factor, principal_of
from safeconduct.records import here
from safeconduct.records.under import party_under, working_under

OPEN = ("/accounts/", "/static/", "/i18n/", "/healthz", "/livez", "/readyz", "/metrics", "/watch/sos/pass/")
"""Prefixes that need no principal: signing in, files, the choice of language, the health check, a phone's pass, and the
metrics, which have a token of their own.

The pages under /accounts/ that are about an account ask for sign-in themselves.
"""
API = "/api/"
LONGEST_TARGET = 2000
"""Characters of an address that is led back to after signing in; of a longer one its query is dropped."""

AGREEMENT = "Safeconduct-Agreement"
"""Header by which a program says under which of several agreements it writes or asks."""
SESSION_KEY = "under"

SAFE = ("GET", "HEAD", "OPTIONS")


class PrincipalMiddleware:
    """Sets `request.principal` (a Subject or None) and `request.bearer` (a tokens.Bearer or None).

    Under /api/ the answer is the API's own; a token opens it for what the token may do, a session only for
    reading, so that no page elsewhere can make a signed-in browser write.
    """

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: ApiRequest) -> HttpResponse:
        request.principal = None
        request.bearer = None
        answer = self._api(request) if request.path.startswith(API) else self._page(request)
        if answer is None:
            answer = self._under(request)
            if not request.path.startswith("/static/"):
                answer.headers.setdefault("Cache-Control", "no-store")
        return answer

    def _under(self, request: ApiRequest) -> HttpResponse:
        """The answer of who is at work under one of several agreements: a session's choice, or a program's word."""
        program = request.path.startswith(API)
        agreement = request.headers.get(AGREEMENT, "") if program else chosen_agreement(request)
        if not agreement:
            return self.get_response(request)
        looking = request.method in SAFE
        with working_under(agreement, looking):
            answer = self.get_response(request)
        if isinstance(answer, StreamingHttpResponse):
            pieces = answer.streaming_content
            if answer.is_async:
                awaited = cast("AsyncIterator[bytes]", pieces)
                answer.streaming_content = _piece_by_piece(awaited, agreement, looking)
            else:
                answer.streaming_content = _piecewise(cast("Iterable[bytes]", pieces), agreement, looking)
        return answer

    def _api(self, request: ApiRequest) -> HttpResponse | None:
        authorization = request.headers.get("Authorization")
        if authorization is None:
            if request.method in SAFE and isinstance(request.user, Account):
                request.principal = _ready(request.user)
            return None
        text = tokens.from_header(authorization)
        bearer = tokens.present(text) if text else None
        if bearer is None:
            answer = _problem(401, "Unauthorized", "This token is unknown, expired or revoked.")
            answer["WWW-Authenticate"] = 'Bearer error="invalid_token"'
            return answer
        if request.method not in SAFE and not bearer.may_write:
            return _problem(403, "Forbidden", "This token is for reading only.")
        request.bearer = bearer
        request.principal = bearer.principal
        return None

    def _page(self, request: ApiRequest) -> HttpResponse | None:
        if request.path.startswith(OPEN):
            return None
        account = request.user
        if not isinstance(account, Account):
            # A fragment asked for by a script must not be filled with the sign-in page.
            target = request.get_full_path() if "HX-Request" not in request.headers else "/"
            if len(target) > LONGEST_TARGET:
                target = request.path if len(request.path) <= LONGEST_TARGET else "/"
            return redirect_to_login(target, settings.LOGIN_URL)
        if account.must_change_password:
            messages.info(request, _("Choose a password that only you know."))
            return HttpResponseRedirect(reverse("account_change_password"))
        principal = principal_of(account)
        if lacks_second_factor(account, principal):
            messages.info(request, _("Your role needs a second factor. Set one up to go on."))
            return HttpResponseRedirect(reverse("mfa_index"))
        request.principal = principal
        return None


def chosen_agreement(request: HttpRequest) -> str:
    """The agreement that somebody chose to work under, of those there still are; "" for all of them."""
    agreement = str(request.session.get(SESSION_KEY, "")) if here.home().partners else ""
    return agreement if party_under(here.home(), agreement) else ""


def _piecewise(pieces: Iterable[bytes], agreement: str, looking: bool) -> Iterator[bytes]:
    """A file that is made while it is sent, each piece under the agreement."""
    source = iter(pieces)
    while True:
        with working_under(agreement, looking):
            piece = next(source, None)
        if piece is None:
            return
        yield piece


async def _piece_by_piece(
    pieces: AsyncIterator[bytes], agreement: str, looking: bool
) -> AsyncIterator[bytes]:
    """The same of one that is waited for."""
    source = aiter(pieces)
    while True:
        with working_under(agreement, looking):
            try:
                piece = await anext(source)
            except StopAsyncIteration:
                return
        yield piece


def _ready(account: Account) -> Subject | None:
    """The principal of an account that needs nothing done first."""
    principal = principal_of(account)
    return None if account.must_change_password or lacks_second_factor(account, principal) else principal


def _problem(status: int, title: str, detail: str) -> HttpResponse:
    """An RFC 9457 problem."""
    body = {"type": "about:blank", "title": title, "status": status, "detail": detail}
    return JsonResponse(body, status=status, content_type="application/problem+json")
