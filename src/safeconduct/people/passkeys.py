"""Passkeys: every key that is enrolled here can sign in by itself, and checks who holds it."""

from __future__ import annotations

from typing import Any

from allauth.mfa.webauthn.forms import (
    AddWebAuthnForm,
    AuthenticateWebAuthnForm,
    LoginWebAuthnForm,
    ReauthenticateWebAuthnForm,
)
from allauth.mfa.webauthn.internal import auth
from allauth.mfa.webauthn.views import AddWebAuthnView, LoginWebAuthnView
from django import forms
from django.contrib import messages
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import reverse
from django.utils.translation import gettext_lazy as _
from django.views.decorators.cache import never_cache
from fido2.webauthn import AuthenticationResponse, RegistrationResponse


class AnswerField(forms.JSONField):
    """What an authenticator answered; the library takes the shape of it on trust, so it is looked at first."""

    def __init__(self, shape: type[AuthenticationResponse | RegistrationResponse]) -> None:
        super().__init__(widget=forms.HiddenInput)
        self.shape = shape

    def clean(self, value: Any) -> Any:
        answer = super().clean(value)
        try:
            self.shape.from_dict(answer)
        except (ValueError, TypeError, KeyError, IndexError, AttributeError, OverflowError) as fault:
            raise forms.ValidationError(_("This is no answer of a passkey."), code="malformed") from fault
        return answer


class SignInForm(LoginWebAuthnForm):  # type: ignore[misc]
    credential = AnswerField(AuthenticationResponse)


class SecondFactorForm(AuthenticateWebAuthnForm):  # type: ignore[misc]
    credential = AnswerField(AuthenticationResponse)


class ConfirmForm(ReauthenticateWebAuthnForm):  # type: ignore[misc]
    credential = AnswerField(AuthenticationResponse)


class AddPasskeyForm(AddWebAuthnForm):  # type: ignore[misc]
    name = forms.CharField(label=_("Name of the passkey"), required=False, max_length=100)
    credential = AnswerField(RegistrationResponse)
    passwordless = forms.BooleanField(required=False, initial=True, widget=forms.HiddenInput)

    def clean_passwordless(self) -> bool:
        return True


class AddPasskey(AddWebAuthnView):  # type: ignore[misc]
    """The key must be discoverable and must verify its holder, or it could not replace a password."""

    form_class = AddPasskeyForm
    template_name = "people/passkey_add.html"

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        context: dict[str, Any] = super().get_context_data(**kwargs)
        context["options"] = auth.begin_registration(self.request.user, True)
        return context


class PasskeySignIn(LoginWebAuthnView):  # type: ignore[misc]
    """Sign-in with a passkey alone: it is two factors in one, what one has and what one knows or is."""

    form_class = SignInForm
    template_name = "people/passkey_sign_in.html"

    def get(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        page: HttpResponse = self.render_to_response(self.get_context_data())
        return page

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        context: dict[str, Any] = super().get_context_data(**kwargs)
        context["options"] = auth.begin_authentication(user=None)
        return context

    def form_invalid(self, form: forms.Form) -> HttpResponse:
        messages.error(self.request, _("That passkey does not open an account here."))
        return HttpResponseRedirect(reverse("account_login"))


add = AddPasskey.as_view()
sign_in = never_cache(PasskeySignIn.as_view())
