"""What one sees and decides about one's own account: what is held, sessions, tokens."""

from __future__ import annotations

from allauth.account.decorators import reauthentication_required
from allauth.account.internal.flows.reauthentication import is_reauthentication_required
from allauth.mfa.models import Authenticator
from allauth.usersessions.models import UserSession
from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_POST

from safeconduct.agreement.vocabulary import LEVELS
from safeconduct.people import roles, tokens
from safeconduct.people.asking import SignedIn
from safeconduct.people.forms import OwnAccountForm, TokenForm, role_choices
from safeconduct.people.models import Token
from safeconduct.people.passes import void_passes


@require_http_methods(["GET", "HEAD", "POST"])
def overview(request: SignedIn) -> HttpResponse:
    """Everything that the node holds about the account itself, and the few things one may change."""
    account = request.user
    form = OwnAccountForm(request.POST or None, instance=account)
    if request.method == "POST" and form.is_valid():
        form.save()
        messages.success(request, _("Saved."))
        return redirect("people_account")
    factors = Authenticator.objects.filter(user=account)
    context = {
        "form": form,
        "principal": request.principal,
        "clearance": LEVELS[request.principal.clearance],
        "roles": [name for _role, name in role_choices(request.principal.roles)],
        "administers": roles.may_assign(request.principal),
        "assignments": roles.assignments(request.principal, account.person),
        "passkeys": factors.filter(type=Authenticator.Type.WEBAUTHN).count(),
        "totp": factors.filter(type=Authenticator.Type.TOTP).exists(),
        "sessions": len(UserSession.objects.purge_and_list(account)),
        "tokens": sum(token.valid_at(timezone.now()) for token in Token.objects.filter(account=account)),
    }
    return render(request, "people/account.html", context)


@require_http_methods(["GET", "HEAD"])
def sessions(request: SignedIn) -> HttpResponse:
    found = sorted(UserSession.objects.purge_and_list(request.user), key=lambda s: s.last_seen_at)
    return render(request, "people/sessions.html", {"sessions": found[::-1]})


@require_POST
def end_session(request: SignedIn, pk: int) -> HttpResponse:
    get_object_or_404(UserSession, pk=pk, user=request.user).end()
    void_passes(request.user)
    messages.success(request, _("The session has ended."))
    return redirect("people_sessions")


@require_POST
def end_other_sessions(request: SignedIn) -> HttpResponse:
    for session in UserSession.objects.filter(user=request.user):
        if not session.is_current():
            session.end()
    void_passes(request.user)
    messages.success(request, _("Every other session has ended."))
    return redirect("people_sessions")


@require_http_methods(["GET", "HEAD", "POST"])
def token_list(request: SignedIn) -> HttpResponse:
    if request.method == "POST" and is_reauthentication_required(request, app=""):
        # A form is not carried over the question whether it is still the same person.
        return redirect("people_tokens")
    answer: HttpResponse = _tokens(request)
    return answer


@reauthentication_required  # type: ignore[untyped-decorator]
def _tokens(request: SignedIn) -> HttpResponse:
    """The tokens that one has. The text of a new one is on the answer to its form and nowhere else."""
    if request.method != "POST":
        return _tokens_page(request, TokenForm(principal=request.principal))
    account = request.user
    form = TokenForm(request.POST, principal=request.principal)
    if form.is_valid():
        wish = form.cleaned_data
        try:
            token, text = tokens.issue(
                account, wish["name"], wish["roles"], wish["scope"], wish["expires_on"]
            )
        except tokens.TokenRefused as fault:
            form.add_error(None, str(fault))
        else:
            return render(request, "people/token_made.html", {"token": token, "text": text})
    return _tokens_page(request, form)


def _tokens_page(request: SignedIn, form: TokenForm) -> HttpResponse:
    held = Token.objects.filter(account=request.user, revoked_at=None)
    context = {"form": form, "tokens": held, "now": timezone.now()}
    return render(request, "people/tokens.html", context)


@require_POST
def revoke_token(request: SignedIn, pk: int) -> HttpResponse:
    tokens.revoke(get_object_or_404(Token, pk=pk, account=request.user))
    messages.success(request, _("The token no longer works."))
    return redirect("people_tokens")
