"""Accounts and roles, for those whose house rules let them write role assignments.

The records' policy decides about roles; these pages decide nothing that it would refuse. An administrator
sees accounts and roles, and nothing of what a role reads.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable
from functools import wraps
from typing import Concatenate, ParamSpec
from uuid import UUID

from allauth.mfa.models import Authenticator
from allauth.usersessions.models import UserSession
from django.conf import settings
from django.contrib import messages
from django.http import Http404, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_POST

from safeconduct.people import roles, second_person
from safeconduct.people.asking import SignedIn
from safeconduct.people.forms import ROLE_NAMES, ClearanceForm, LinkForm, NewAccountForm, RoleForm
from safeconduct.people.models import Account, DirectoryLink, Token
from safeconduct.people.passes import void_passes
from safeconduct.records.refusals import Conflict, Malformed, NotFound, Refused

P = ParamSpec("P")


def for_administrators(
    view: Callable[Concatenate[SignedIn, P], HttpResponse],
) -> Callable[Concatenate[SignedIn, P], HttpResponse]:
    """Only for principals that may write role assignments; to anyone else the page does not exist."""

    @wraps(view)
    def guarded(request: SignedIn, /, *args: P.args, **kwargs: P.kwargs) -> HttpResponse:
        if not roles.may_assign(request.principal):
            raise Http404
        return view(request, *args, **kwargs)

    return guarded


@require_http_methods(["GET", "HEAD"])
@for_administrators
def accounts(request: SignedIn) -> HttpResponse:
    now = timezone.now()
    held: dict[str, list[str]] = {}
    for assignment in roles.assignments(request.principal):
        if assignment.holds_at(now):
            held.setdefault(assignment.person, []).append(str(ROLE_NAMES[assignment.role]))
    listed = [(account, held.get(account.person, [])) for account in Account.objects.order_by("username")]
    return render(request, "people/accounts.html", {"accounts": listed})


@require_http_methods(["GET", "HEAD", "POST"])
@for_administrators
def new_account(request: SignedIn) -> HttpResponse:
    """Make an account with a password that is shown once and that its owner must replace at first sign-in."""
    form = NewAccountForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        made = form.save(commit=False)
        return _with_first_password(request, made)
    return render(request, "people/account_new.html", {"form": form})


@require_http_methods(["GET", "HEAD", "POST"])
@for_administrators
def account(request: SignedIn, pk: UUID) -> HttpResponse:
    found = get_object_or_404(Account, pk=pk)
    form = ClearanceForm(request.POST or None, initial={"clearance": found.clearance})
    if request.method == "POST" and form.is_valid():
        _do(request, lambda: roles.set_clearance(request.principal, found, form.cleaned_data["clearance"]))
        return redirect("people_edit_account", pk=pk)
    alone = second_person.gives_roles_alone(request.principal)
    return _account_page(request, found, form, RoleForm(account=found, alone=alone))


@require_POST
@for_administrators
def give_role(request: SignedIn, pk: UUID) -> HttpResponse:
    found = get_object_or_404(Account, pk=pk)
    alone = second_person.gives_roles_alone(request.principal)
    form = RoleForm(request.POST, account=found, alone=alone)
    if not form.is_valid():
        return _account_page(request, found, ClearanceForm(initial={"clearance": found.clearance}), form)
    wish, actor = form.cleaned_data, request.principal
    if "reason" in wish:
        _do(
            request,
            lambda: roles.ask_role(actor, found, **wish),
            _("Asked: a second person has to approve it."),
        )
    else:
        _do(request, lambda: roles.assign_role(actor, found, **wish))
    return redirect("people_edit_account", pk=pk)


@require_POST
@for_administrators
def take_role(request: SignedIn, record: str) -> HttpResponse:
    owner = get_object_or_404(Account, person=request.POST.get("person", ""))
    _do(request, lambda: roles.end_role(request.principal, record))
    return redirect("people_edit_account", pk=owner.pk)


@require_POST
@for_administrators
def lock(request: SignedIn, pk: UUID) -> HttpResponse:
    """Lock an account, which ends its sessions and tokens, or unlock it. One's own stays as it is."""
    found = get_object_or_404(Account, pk=pk)
    if found == request.user:
        messages.error(request, _("Somebody else has to lock your account."))
        return redirect("people_edit_account", pk=pk)
    found.locked = request.POST.get("locked") == "yes"
    found.save(update_fields=["locked"])
    if found.locked:
        _end_sessions(found)
    messages.success(request, _("The account is locked.") if found.locked else _("The account is unlocked."))
    return redirect("people_edit_account", pk=pk)


@require_POST
@for_administrators
def reset(request: SignedIn, pk: UUID) -> HttpResponse:
    """For a lost telephone or a forgotten password: a new first password, no second factor, no token left.

    Whoever resets an account could use it, so its roles are stated anew: that is in the ledger.
    """
    found = get_object_or_404(Account, pk=pk)
    try:
        roles.renew_roles(request.principal, found)
    except (Refused, NotFound, Conflict) as refusal:
        messages.error(request, str(refusal))
        return redirect("people_edit_account", pk=pk)
    DirectoryLink.objects.filter(account=found).delete()
    Authenticator.objects.filter(user=found).delete()
    Token.objects.filter(account=found, revoked_at=None).update(revoked_at=timezone.now())
    _end_sessions(found)
    return _with_first_password(request, found)


@require_POST
@for_administrators
def link(request: SignedIn, pk: UUID) -> HttpResponse:
    """Let an account sign in as a subject of the office's own issuer, and no more by a password.

    Whoever links an account could use it, as one who resets it could: its roles are stated anew.
    """
    found = get_object_or_404(Account, pk=pk)
    issuer, form = settings.OIDC, LinkForm(request.POST)
    if issuer is None:
        raise Http404
    if not form.is_valid():
        messages.error(request, " ".join(map(str, form.errors["subject"])))
        return redirect("people_edit_account", pk=pk)
    wanted = {"issuer": issuer.issuer, "subject": form.cleaned_data["subject"]}
    if DirectoryLink.objects.filter(**wanted).exclude(account=found).exists():
        messages.error(request, _("Another account signs in by this subject."))
        return redirect("people_edit_account", pk=pk)
    _do(
        request,
        lambda: _link(request, found, wanted),
        _("The account signs in by the office's issuer from now on."),
    )
    return redirect("people_edit_account", pk=pk)


def _link(request: SignedIn, found: Account, wanted: dict[str, str]) -> None:
    roles.renew_roles(request.principal, found)
    Token.objects.filter(account=found, revoked_at=None).update(revoked_at=timezone.now())
    _end_sessions(found)
    found.set_unusable_password()
    found.must_change_password = False
    found.save()
    DirectoryLink.objects.update_or_create(account=found, defaults=wanted)


def _with_first_password(request: SignedIn, found: Account) -> HttpResponse:
    password = "-".join(secrets.token_hex(3) for _part in range(4))
    found.set_password(password)
    found.must_change_password = True
    found.save()
    return render(request, "people/account_password.html", {"account": found, "password": password})


def _end_sessions(found: Account) -> None:
    for session in UserSession.objects.filter(user=found):
        session.end()
    void_passes(found)


def _account_page(
    request: SignedIn, found: Account, clearance: ClearanceForm, role: RoleForm
) -> HttpResponse:
    now = timezone.now()
    held = [
        (assignment, ROLE_NAMES[assignment.role], assignment.holds_at(now))
        for assignment in roles.assignments(request.principal, found.person)
    ]
    context = {
        "account": found,
        "form": clearance,
        "role_form": role,
        "held": held,
        "link": DirectoryLink.objects.filter(account=found).first(),
        "link_form": LinkForm() if settings.OIDC is not None else None,
        "alone": second_person.gives_roles_alone(request.principal),
    }
    return render(request, "people/account_edit.html", context)


def _do(request: SignedIn, rule: Callable[[], object], done: str = "") -> None:
    """Carry out a rule and say how it went."""
    try:
        rule()
    except (Refused, Malformed) as refusal:
        messages.error(request, str(refusal))
    except (NotFound, Conflict):
        messages.error(request, _("It changed meanwhile. Look at it again."))
    else:
        messages.success(request, done or _("Saved."))
