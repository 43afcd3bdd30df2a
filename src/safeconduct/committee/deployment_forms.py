"""The forms of deployments, and where each is offered."""

from __future__ import annotations

from typing import Any

from django import forms
from django.utils.translation import gettext_lazy as _

from safeconduct.agreement.policy import Subject
from safeconduct.committee import deployment_rules as rules
from safeconduct.committee import deployment_words as words
from safeconduct.committee.deployment_kinds import AGREED_PARTS, MEETINGS, terms_digest
from safeconduct.committee.lines import Act, Line
from safeconduct.committee.work_forms import Day, SeenForm, WorkForm, long_text, short_text
from safeconduct.records.commit import Committed
from safeconduct.records.find import Query, find
from safeconduct.records.release import Released


class ProposalForm(WorkForm):
    title = short_text("title")
    purpose = long_text("purpose", required=True, limit=10_000)
    place = short_text("place", required=False)
    since = Day("since")
    until = Day("until")
    review = Day("review")
    terms = long_text("terms", required=True, limit=20_000)

    def clean(self) -> dict[str, Any]:
        given: dict[str, Any] = super().clean() or {}
        since, until, review = given.get("since"), given.get("until"), given.get("review")
        if since and until and until < since:
            self.add_error("until", _("It does not end before it begins."))
        if review and until and review > until:
            self.add_error("review", _("It is reviewed before it ends."))
        return given

    def do(self, actor: Subject, by: str) -> Committed:
        proposal = self.entered("title", "purpose", "place", "since", "until", "review")
        return rules.propose_deployment(actor, proposal, self.cleaned_data["terms"])


class TermsForm(WorkForm):
    seen = forms.IntegerField(min_value=1, max_value=10**8, widget=forms.HiddenInput)
    terms = long_text("terms", required=True, limit=20_000)

    def prepare(self) -> None:
        self.fields["seen"].initial = self.about.version
        self.fields["terms"].initial = (self.about.parts.get("terms") or {}).get("text", "")

    def do(self, actor: Subject, by: str) -> Committed:
        given = self.cleaned_data
        return rules.amend_terms(actor, self.record, given["seen"], given["terms"])


class DiscussionForm(WorkForm):
    text = long_text("text", _("What was said"), required=True)
    reference = short_text("reference", required=False)
    meeting = forms.ChoiceField(label=words.FIELDS["meeting"], required=False)

    def prepare(self) -> None:
        field: Any = self.fields["meeting"]
        field.choices = [("", "—"), *_meetings(self.reader)]

    def do(self, actor: Subject, by: str) -> Committed:
        given = self.cleaned_data
        return rules.note_discussion(
            actor, self.record, given["text"], given["reference"], given["meeting"], by
        )


def _meetings(reader: Subject) -> list[tuple[str, str]]:
    """The latest meetings that the reader may know of, by title or by day."""
    found = find(reader, Query(MEETINGS[0], withdrawn=False, sort="at", limit=50)).records
    return [(each.id, _titled(each)) for each in found]


def _titled(each: Released) -> str:
    titles = [part["title"] for part in each.parts.values() if part.get("title")]
    return f"{each.at:%Y-%m-%d} {titles[0] if titles else each.id[:8]}"


class ConsentForm(WorkForm):
    """The signature is on the terms that the page showed: their digest goes with the form."""

    digest = forms.CharField(widget=forms.HiddenInput, min_length=64, max_length=64)
    read = forms.BooleanField(label=_("I have read the proposal and these terms, and consent to them."))

    def prepare(self) -> None:
        self.fields["digest"].initial = terms_digest(self.about.parts)

    def do(self, actor: Subject, by: str) -> Committed:
        return rules.consent(actor, self.record, self.cleaned_data["digest"], by)


class WithdrawConsentForm(SeenForm):
    def do(self, actor: Subject, by: str) -> Committed:
        return rules.withdraw_consent(actor, self.record, self.version)


class ApproveForm(SeenForm):
    def do(self, actor: Subject, by: str) -> Committed:
        return rules.approve(actor, self.record, self.version)


class EndForm(SeenForm):
    def do(self, actor: Subject, by: str) -> Committed:
        return rules.end_deployment(actor, self.record, self.version)


def _shows_terms(_reader: Subject, found: Released) -> bool:
    return all(found.parts.get(name) for name in AGREED_PARTS)


LINE = Line(
    name="deployments",
    title=_("Deployments"),
    lead=_(
        "Security staff or agencies of one party in the territory of the other: discussed here, and only where a "
        "clause that both have agreed permits it. Nothing is commanded or tasked through it."
    ),
    root="deployment",
    listed=("proposal",),
    below={"deployment": ("deployment_discussion", "deployment_consent")},
    acts=(
        Act("propose", _("Propose a deployment"), ProposalForm, "deployment", primary=True),
        Act("terms", _("Write the terms anew"), TermsForm, "deployment", ("deployment",), "own", ("proposed",)),
        Act(
            "discuss", _("Record a discussion"), DiscussionForm, "deployment_discussion", ("deployment",),
            states=("proposed", "approved"),
        ),
        Act(
            "consent", _("Consent to these terms"), ConsentForm, "deployment", ("deployment",), "other",
            ("proposed",), act="approve", primary=True, fits=_shows_terms,
        ),
        Act("approve", _("Sign as proposer"), ApproveForm, "deployment", ("deployment",), "own", ("proposed",),
            act="approve"),
        Act("end", _("End it"), EndForm, "deployment", ("deployment",), "own", ("proposed", "approved")),
        Act(
            "withdraw-consent", _("Withdraw the consent"), WithdrawConsentForm, "deployment_consent",
            ("deployment_consent",), "own", ("given",),
        ),
    ),
)  # fmt: skip
