"""The forms of the joint strategy, and where each is offered."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from django import forms
from django.utils.translation import gettext_lazy as _

from safeconduct.agreement.policy import Subject
from safeconduct.committee import strategy_rules as rules
from safeconduct.committee import strategy_words as words
from safeconduct.committee.lines import Act, Line
from safeconduct.committee.strategy_kinds import MEASURE, NEXT_STATES
from safeconduct.committee.work_forms import (
    AccountChoice,
    Day,
    FilesField,
    SeenForm,
    WorkForm,
    choice,
    long_text,
    number,
    short_text,
)
from safeconduct.records import here
from safeconduct.records.commit import Committed
from safeconduct.records.find import Query, find
from safeconduct.records.release import Released


class ObjectiveForm(WorkForm):
    title = short_text("title")
    text = long_text("text")
    criterion = long_text("criterion", required=True)
    risk = choice("risk", words.RISKS)
    place = short_text("place", required=False)
    since = Day("since")
    review = Day("review")

    def do(self, actor: Subject, by: str) -> Committed:
        goal = self.entered("title", "text", "criterion", "risk", "place", "since", "review")
        return rules.adopt_objective(actor, goal)


class ReachedForm(SeenForm):
    state = "reached"

    def do(self, actor: Subject, by: str) -> Committed:
        return rules.end_objective(actor, self.record, self.version, self.state)


class DroppedForm(ReachedForm):
    state = "dropped"


class LessonForm(WorkForm):
    title = short_text("title")
    text = long_text("text")

    def do(self, actor: Subject, by: str) -> Committed:
        given = self.cleaned_data
        return rules.record_lesson(actor, self.record, given["title"], given["text"], by)


class RecommendationForm(WorkForm):
    title = short_text("title")
    text = long_text("text")
    to = choice("to", words.SIDES)

    def do(self, actor: Subject, by: str) -> Committed:
        given = self.cleaned_data
        return rules.recommend(actor, self.record, given["title"], given["text"], given["to"], by)


class NotPursuedForm(SeenForm):
    def do(self, actor: Subject, by: str) -> Committed:
        return rules.leave_recommendation(actor, self.record, self.version)


class MeasureForm(WorkForm):
    title = short_text("title")
    text = long_text("text")
    place = short_text("place", required=False)
    owner = short_text("owner", _("Owner, as the other party is told"))
    account = AccountChoice(
        _("Person who answers for it here"), _("Is reminded when it is due, and cannot verify it.")
    )
    due = Day("due")
    risk = choice("risk", words.RISKS)
    verify_how = long_text("verify_how", required=True)
    objective = forms.ChoiceField(label=words.FIELDS["objective"], required=False)
    band = choice("band", words.BANDS)
    cost_remark = long_text("remark", _("Remark on the cost"))

    def prepare(self) -> None:
        entries = here.state().policy.entries(self.reader, "write", MEASURE.name)
        if all(entry.bit != MEASURE.bit("cost") for entry in entries):
            del self.fields["band"], self.fields["cost_remark"]
        query = Query("objective", state="current", parts=("goal",), withdrawn=False, limit=100)
        titles = [(each.parts.get("goal") or {}).get("title") for each in find(self.reader, query).records]
        field: Any = self.fields["objective"]
        field.choices = [("", "—"), *((title, title) for title in dict.fromkeys(titles) if title)]

    def do(self, actor: Subject, by: str) -> Committed:
        given = self.cleaned_data
        plan = self.entered("title", "text", "place", "owner", "due", "risk", "verify_how", "objective")
        cost = {"band": given["band"], "remark": given["cost_remark"]} if "band" in given else None
        return rules.take_measure(actor, self.record, plan, given["account"], cost, by)


class ProgressForm(WorkForm):
    seen = forms.IntegerField(min_value=1, max_value=10**8, widget=forms.HiddenInput)
    state = forms.ChoiceField(label=_("How far it is"))
    remark = long_text("remark")

    def prepare(self) -> None:
        field: Any = self.fields["state"]
        states = [self.about.state, *NEXT_STATES.get(self.about.state, ())]
        field.choices = [(each, words.STATES[each]) for each in states if each in words.STATES]
        self.fields["seen"].initial = self.about.version

    def do(self, actor: Subject, by: str) -> Committed:
        given = self.cleaned_data
        return rules.move_measure(actor, self.record, given["seen"], given["state"], given["remark"], by)


class VerifyForm(WorkForm):
    method = choice("method", words.METHODS)
    outcome = choice("outcome", words.FINDINGS)
    text = long_text("text", _("What was found"))
    evidence = FilesField(_("Evidence"), _("Pictures or plain text. “Complete” needs at least one."))

    def do(self, actor: Subject, by: str) -> Committed:
        given = self.cleaned_data
        return rules.verify(
            actor, self.record, given["method"], given["outcome"], given["text"], given["evidence"], by
        )


class EffectForm(WorkForm):
    what = choice("what", words.COUNTED)
    risk = choice("risk", words.RISKS, _("Category of the incidents"))
    place = short_text("place", _("District, as incidents name it"), required=False)
    turned = Day("since", _("The measure took effect on"))
    days_before = number(_("Days before that"), 1, 3_650, initial=365)
    days_after = number(_("Days after that"), 1, 3_650)
    near_before = number(_("Near misses before"), required=False)
    near_after = number(_("Near misses after"), required=False)
    persons_before = number(_("Headcount covered before"), 1, 10_000_000, required=False)
    persons_after = number(_("Headcount covered after"), 1, 10_000_000, required=False)
    source = short_text("source", _("Who counted the near misses"), required=False)

    def clean(self) -> dict[str, Any]:
        given: dict[str, Any] = super().clean() or {}
        near = given.get("near_before"), given.get("near_after")
        if given.get("what") == "near_misses" and (None in near or not given.get("source")):
            self.add_error("source", words.REFUSALS["near misses are given with who counted them"])
        if (given.get("persons_before") is None) != (given.get("persons_after") is None):
            self.add_error(
                "persons_after", words.REFUSALS["a headcount is given for both periods or for none"]
            )
        return given

    def do(self, actor: Subject, by: str) -> Committed:
        given = self.cleaned_data
        persons = given["persons_before"], given["persons_after"]
        near = given["near_before"], given["near_after"]
        return rules.state_effect(
            actor,
            self.record,
            given["what"],
            given["risk"],
            given["place"],
            datetime.fromisoformat(given["turned"]).replace(tzinfo=UTC).timestamp(),
            given["days_before"],
            given["days_after"],
            events=near if None not in near else None,
            persons=persons if None not in persons else None,
            source=given["source"],
            by=by,
        )


def _not_its_owner(reader: Subject, found: Released) -> bool:
    owner = found.parts.get("owner") or {}
    return reader.person not in (owner.get("account"), owner.get("reporter"))


LINE = Line(
    name="strategy",
    title=_("Joint strategy"),
    lead=_(
        "To prevent similar incidents: what is to be reached, which measures are taken, who has verified them, "
        "and what was seen afterwards."
    ),
    root="objective",
    listed=("goal",),
    below={
        "incident": ("lesson",),
        "lesson": ("recommendation",),
        "objective": ("recommendation", "measure", "effect"),
        "recommendation": ("measure",),
        "measure": ("verification", "effect"),
        "verification": ("evidence",),
    },
    acts=(
        Act("objective", _("Adopt an objective"), ObjectiveForm, "objective", primary=True),
        Act("lesson", _("Record a lesson"), LessonForm, "lesson", ("incident",), primary=True),
        Act(
            "recommend", _("Recommend"), RecommendationForm, "recommendation", ("lesson", "objective"),
            states=("recorded", "current"),
        ),
        Act("measure", _("Take a measure"), MeasureForm, "measure", ("recommendation", "objective"),
            states=("made", "current")),
        Act("not-pursued", _("It is not pursued"), NotPursuedForm, "recommendation", ("recommendation",), "own",
            ("made",)),
        Act(
            "progress", _("Say how far it is"), ProgressForm, "measure", ("measure",), "own",
            ("planned", "under_way", "reported", "dropped"),
        ),
        Act(
            "verify", _("Verify"), VerifyForm, "verification", ("measure",), states=("reported", "verified"),
            primary=True, fits=_not_its_owner,
        ),
        Act("effect", _("State the effect seen"), EffectForm, "effect", ("measure", "objective"),
            states=("verified", "current", "reached")),
        Act("reached", _("It is reached"), ReachedForm, "objective", ("objective",), "own", ("current",)),
        Act("dropped", _("It is dropped"), DroppedForm, "objective", ("objective",), "own", ("current",)),
    ),
)  # fmt: skip
