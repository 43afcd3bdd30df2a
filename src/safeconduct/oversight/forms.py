"""What people choose and enter on the pages of oversight."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from django import forms
from django.utils.translation import gettext_lazy as _

from safeconduct.exchange.holdings import STATUSES
from safeconduct.oversight.wording import ENTRY_NAMES, HOLDING_NAMES, part_name
from safeconduct.records import here

MAX_REASON = 500
_EVERY = ("", _("every one"))


class HoldingsFilter(forms.Form):
    """Which holdings to list."""

    partner = forms.ChoiceField(label=_("Partner"), required=False)
    status = forms.ChoiceField(
        label=_("How it stands"),
        required=False,
        choices=[_EVERY, *((status, HOLDING_NAMES[status]) for status in STATUSES)],
    )

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        partners = [(p.party, p.name) for p in here.home().partners.values()]
        self.fields["partner"].choices = [_EVERY, *partners]  # type: ignore[attr-defined]


class RecallForm(forms.Form):
    """Which parts of a record to take back, and why. No part chosen means the whole record."""

    parts = forms.MultipleChoiceField(
        label=_("Parts"),
        required=False,
        widget=forms.CheckboxSelectMultiple,
        help_text=_("With none chosen, the whole record."),
    )
    reason = forms.CharField(label=_("Reason, for this party's own record"), max_length=MAX_REASON)

    def __init__(self, parts: Iterable[str], *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["parts"].choices = [(part, part_name(part)) for part in parts]  # type: ignore[attr-defined]


class EntriesFilter(forms.Form):
    """Which type of ledger entries to list."""

    type = forms.ChoiceField(label=_("Type"), required=False, choices=[_EVERY, *ENTRY_NAMES.items()])
    before = forms.IntegerField(required=False, min_value=0, widget=forms.HiddenInput)


class ReadingsFilter(forms.Form):
    """Whose readings to list: logged by this party or by a partner, of one record or of all."""

    originator = forms.ChoiceField(label=_("Logged by"), required=False)
    about = forms.CharField(label=_("Record"), required=False, max_length=64)

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        home = here.home()
        names = [(home.party, home.name), *((p.party, p.name) for p in home.partners.values())]
        self.fields["originator"].choices = [_EVERY, *names]  # type: ignore[attr-defined]
