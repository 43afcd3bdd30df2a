"""The forms of minimum standards: a checklist without a script, a file, and what ought to be done about a gap."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from django import forms
from django.utils.translation import gettext_lazy as _

from safeconduct.assessment import srm_words as words
from safeconduct.assessment.srm_forms import line, lines
from safeconduct.assessment.srm_standard_files import Standard
from safeconduct.assessment.srm_standard_kinds import FINDINGS
from safeconduct.records.attachments import MAX_BYTES


class CheckForm(forms.Form):
    """One finding and one remark for each standard. `text` is stored as the checker's language has it."""

    remark = lines(_("Remark on the whole"))

    def __init__(self, *args: Any, standards: Sequence[Standard], language: str, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.standards, self.language = standards, language
        for each in standards:
            self.fields[f"finding_{each.code}"] = forms.ChoiceField(
                label=each.said(language),
                choices=[("", "—"), *((code, words.FINDINGS[code]) for code in FINDINGS)],
            )
            self.fields[f"remark_{each.code}"] = forms.CharField(
                label=_("Remark"),
                required=False,
                max_length=5_000,
                widget=forms.TextInput(attrs={"dir": "auto"}),
            )

    def clean(self) -> dict[str, Any]:
        given: dict[str, Any] = super().clean() or {}
        for each in self.standards:
            found = given.get(f"finding_{each.code}")
            if found and found != "met" and not given.get(f"remark_{each.code}"):
                why = words.REFUSALS["what is not met, or does not apply, says why"]
                self.add_error(f"remark_{each.code}", why)
        return given

    @property
    def rows(self) -> list[dict[str, Any]]:
        return [
            {
                "standard": each,
                "group": words.GROUPS[each.group],
                "finding": self[f"finding_{each.code}"],
                "remark": self[f"remark_{each.code}"],
            }
            for each in self.standards
        ]

    def items(self) -> list[dict[str, Any]]:
        given = self.cleaned_data
        return [
            {
                "code": each.code,
                "group": each.group,
                "text": each.said(self.language),
                "finding": given[f"finding_{each.code}"],
                "remark": given[f"remark_{each.code}"],
            }
            for each in self.standards
        ]


class EvidenceForm(forms.Form):
    code = forms.CharField(max_length=40, widget=forms.HiddenInput)
    file = forms.FileField(label=_("Evidence"), max_length=200)

    def clean_file(self) -> Any:
        file = self.cleaned_data["file"]
        if file.size > 4 * MAX_BYTES:
            raise forms.ValidationError(_("The file is too large."))
        return file


class GapForm(forms.Form):
    title = line(_("Title"))
    text = lines(_("What ought to be done"))
    to = forms.ChoiceField(label=_("Addressed to"), choices=list(words.SIDES.items()))
