"""What people enter on the agreement's pages."""

from __future__ import annotations

from typing import Any

from django import forms
from django.utils.translation import gettext_lazy as _

from safeconduct.agreement.clauses import Clause, ClauseError
from safeconduct.agreement.signatures import Signatory
from safeconduct.agreement.source import MAX_CLAUSE_BYTES
from safeconduct.agreement.vocabulary import ACTS, ROLES
from safeconduct.committee import rules
from safeconduct.committee.documents import AgreementView
from safeconduct.committee.passkeys import MAX_ANSWER
from safeconduct.committee.wording import kind_name
from safeconduct.records import here
from safeconduct.records.kinds import kinds
from safeconduct.records.refusals import Malformed
from safeconduct.shell.terms import ACT_NAMES, ROLE_NAMES


class ClauseForm(forms.Form):
    """A clause file, uploaded or pasted. `clause` is the file once the form is valid."""

    file = forms.FileField(
        label=_("Clause file"),
        required=False,
        help_text=_("TOML front matter between lines of +++, then the text in each language."),
    )
    text = forms.CharField(
        label=_("or its text"),
        required=False,
        strip=False,
        max_length=MAX_CLAUSE_BYTES,
        widget=forms.Textarea(attrs={"rows": 24, "spellcheck": "false", "dir": "auto", "class": "digest"}),
    )

    def __init__(self, place: AgreementView, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.place = place
        self.faults: tuple[ClauseError, ...] = ()
        self.clause: Clause | None = None

    def clean(self) -> dict[str, Any]:
        cleaned: dict[str, Any] = super().clean() or {}
        upload, text = cleaned.get("file"), cleaned.get("text", "")
        if upload is None and not text.strip():
            raise forms.ValidationError(_("Choose a file or paste its text."))
        if upload is not None and upload.size > MAX_CLAUSE_BYTES:
            raise forms.ValidationError(_("A clause file is smaller than 256 KiB."))
        # Browsers send a text area with CRLF; a file is taken byte for byte.
        raw = upload.read() if upload is not None else text.replace("\r\n", "\n").encode()
        name = upload.name if upload is not None else str(_("pasted text"))
        try:
            self.clause = rules.read_clause_file(self.place, raw, name)
        except ClauseError as fault:
            self.faults = fault.all
            raise forms.ValidationError(_("The file is refused; nothing was put on record.")) from fault
        except Malformed as fault:
            raise forms.ValidationError(str(fault)) from fault
        return cleaned


class SignForm(forms.Form):
    """An act as it was shown, with a passkey's answer or a pasted signature."""

    act = forms.CharField(max_length=16_384, strip=False, widget=forms.HiddenInput)
    answer = forms.CharField(required=False, max_length=MAX_ANSWER, widget=forms.HiddenInput)
    signature = forms.CharField(
        label=_("Signature"),
        required=False,
        max_length=MAX_ANSWER,
        widget=forms.Textarea(attrs={"rows": 3, "spellcheck": "false", "dir": "ltr", "class": "digest"}),
        help_text=_("The line that the command above prints."),
    )

    def clean(self) -> dict[str, Any]:
        cleaned: dict[str, Any] = super().clean() or {}
        if not cleaned.get("answer") and not cleaned.get("signature"):
            raise forms.ValidationError(_("There is no signature yet."))
        return cleaned


class EnrolForm(forms.Form):
    """Whose new passkey it is."""

    name = forms.CharField(
        label=_("Name of the person"),
        max_length=120,
        help_text=_("As it shall stand beside every act they sign."),
    )


class AnswerForm(forms.Form):
    """What the authenticator answered when it made a key."""

    answer = forms.CharField(max_length=MAX_ANSWER, widget=forms.HiddenInput)


class CandidateForm(forms.Form):
    """Somebody put forward as signatory: the text that enrolling gave, or a key file's public half."""

    candidate = forms.CharField(
        label=_("Enrolment text of a passkey"),
        required=False,
        max_length=rules.MAX_CANDIDATE,
        widget=forms.Textarea(attrs={"rows": 4, "spellcheck": "false", "dir": "ltr", "class": "digest"}),
    )
    name = forms.CharField(label=_("or the name of the person"), required=False, max_length=120)
    public = forms.CharField(
        label=_("and the public half of their key file"),
        required=False,
        max_length=200,
        help_text=_("The line that “safeconduct agreement keygen” prints."),
        widget=forms.TextInput(attrs={"dir": "ltr", "class": "digest", "spellcheck": "false"}),
    )

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.signatory: Signatory | None = None

    def clean(self) -> dict[str, Any]:
        cleaned: dict[str, Any] = super().clean() or {}
        text, name, public = (cleaned.get(field, "") for field in ("candidate", "name", "public"))
        if not text and not (name and public):
            raise forms.ValidationError(_("Paste an enrolment text, or give a name and a public key."))
        try:
            self.signatory = rules.candidate(text) if text else rules.key_file_candidate(name, public)
        except Malformed as fault:
            raise forms.ValidationError(str(fault)) from fault
        return cleaned


class ExplainForm(forms.Form):
    """The question of the page "who may do what"."""

    party = forms.ChoiceField(label=_("Party"))
    role = forms.ChoiceField(label=_("Role"), choices=[(role, ROLE_NAMES[role]) for role in ROLES])
    act = forms.ChoiceField(label=_("Act"), choices=[(act, ACT_NAMES[act]) for act in ACTS])
    kind = forms.ChoiceField(label=_("Kind of record"))
    pending = forms.BooleanField(label=_("also what is not in force"), required=False)

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        home = here.home()
        names = {home.party: home.name, **{p.party: p.name for p in home.partners.values()}}
        self.fields["party"].choices = list(names.items())  # type: ignore[attr-defined]
        self.fields["kind"].choices = [(kind.name, kind_name(kind.name)) for kind in kinds()]  # type: ignore[attr-defined]
