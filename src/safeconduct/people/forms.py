from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import UTC, datetime, time, timedelta
from typing import Any

from django import forms
from django.conf import settings
from django.core.validators import RegexValidator
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from safeconduct.agreement.policy import Subject
from safeconduct.agreement.vocabulary import LEVELS, ROLES
from safeconduct.people.models import SCOPES, Account, Token
from safeconduct.records import here

ROLE_NAMES = {
    "coordinator": _("Coordinator"),
    "commander": _("Commander"),
    "watch_officer": _("Watch officer"),
    "liaison": _("Liaison officer"),
    "security_officer": _("Security officer"),
    "security_manager": _("Security manager"),
    "analyst": _("Analyst"),
    "auditor": _("Auditor"),
    "signatory": _("Signatory"),
    "administrator": _("Administrator"),
    "observer": _("Observer"),
    "warden": _("Warden"),
    "protected_person": _("Protected person"),
}
TOKEN_DAYS = 90


def role_choices(roles: Collection[str] = ROLES) -> list[tuple[str, Any]]:
    """Roles with their names, in the order of the vocabulary."""
    return [(role, ROLE_NAMES[role]) for role in ROLES if role in roles]


def _offer(field: forms.Field, choices: Sequence[tuple[Any, Any]], initial: Any) -> None:
    if not isinstance(field, forms.ChoiceField):
        raise TypeError("only a choice has choices")
    field.choices = choices
    field.initial = initial


class OwnAccountForm(forms.ModelForm):  # type: ignore[type-arg]
    language = forms.ChoiceField(
        label=_("Language"), required=False, choices=[("", _("As the browser asks")), *settings.LANGUAGES]
    )

    class Meta:
        model = Account
        fields = ("display_name", "language")


class TokenForm(forms.ModelForm):  # type: ignore[type-arg]
    roles = forms.MultipleChoiceField(label=_("Roles"), widget=forms.CheckboxSelectMultiple)
    expires_on = forms.DateField(
        label=_("Last day"),
        widget=forms.DateInput(attrs={"type": "date"}, format="%Y-%m-%d"),
        help_text=_("At most a year from now."),
    )

    class Meta:
        model = Token
        fields = ("name", "scope")
        widgets = {"scope": forms.RadioSelect}

    def __init__(self, *args: Any, principal: Subject, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        today = timezone.now().date()
        _offer(self.fields["roles"], role_choices(principal.roles), sorted(principal.roles))
        _offer(self.fields["scope"], SCOPES, "read")
        self.fields["expires_on"].initial = today + timedelta(days=TOKEN_DAYS)

    def clean_expires_on(self) -> datetime:
        """The first moment at which the token no longer works: the end of its last day, UTC."""
        last: Any = self.cleaned_data["expires_on"]
        today = timezone.now().date()
        if not today <= last <= today + timedelta(days=365):
            raise forms.ValidationError(_("Choose a day within a year from now."))
        return datetime.combine(last + timedelta(days=1), time.min, tzinfo=UTC)


class NewAccountForm(forms.ModelForm):  # type: ignore[type-arg]
    class Meta:
        model = Account
        fields = ("username", "display_name", "clearance")

    def clean_username(self) -> str:
        return str(self.cleaned_data["username"]).lower()


class ClearanceForm(forms.Form):
    clearance = forms.TypedChoiceField(label=_("Clearance"), coerce=int, choices=list(enumerate(LEVELS)))


class LinkForm(forms.Form):
    subject = forms.CharField(
        label=_("Subject (sub) at the office's issuer"),
        max_length=255,
        validators=[RegexValidator(r"\A[\x21-\x7e]+\Z", _("Letters, digits and signs, without spaces."))],
    )


class RoleForm(forms.Form):
    role = forms.ChoiceField(label=_("Role"), choices=role_choices)
    units = forms.CharField(
        label=_("Units"),
        required=False,
        max_length=400,
        help_text=_("Separated by commas; leave empty for none."),
    )
    agreements = forms.MultipleChoiceField(
        label=_("Agreements"),
        required=False,
        help_text=_("The role counts under these alone; choose none for all."),
    )
    clearance = forms.TypedChoiceField(label=_("Clearance in this role"), coerce=int)
    until = forms.DateField(
        label=_("Last day"), required=False, widget=forms.DateInput(attrs={"type": "date"}, format="%Y-%m-%d")
    )

    reason = forms.CharField(
        label=_("Reason, for the second person"),
        max_length=1_000,
        widget=forms.Textarea(attrs={"rows": 2}),
    )

    def __init__(self, *args: Any, account: Account, alone: bool = True, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if alone:
            del self.fields["reason"]
        partners = here.home().partners.values()
        if len(partners) > 1:
            _offer(self.fields["agreements"], sorted((p.agreement, p.name or p.party) for p in partners), [])
        else:
            del self.fields["agreements"]
        _offer(self.fields["clearance"], list(enumerate(LEVELS))[: account.clearance + 1], account.clearance)

    def clean_units(self) -> list[str]:
        return [unit.strip() for unit in self.cleaned_data["units"].split(",") if unit.strip()]

    def clean_until(self) -> datetime | None:
        last = self.cleaned_data["until"]
        if last is None:
            return None
        if last < timezone.now().date():
            raise forms.ValidationError(_("This day is over."))
        return datetime.combine(last + timedelta(days=1), time.min, tzinfo=UTC)
