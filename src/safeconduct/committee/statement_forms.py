"""The forms of statements to the press, and where each is offered."""

from __future__ import annotations

from typing import Any

from django import forms
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from safeconduct.agreement.policy import Subject
from safeconduct.committee import statement_rules as rules
from safeconduct.committee import statement_words as words
from safeconduct.committee.lines import Act, Line
from safeconduct.committee.statement_kinds import line_digest
from safeconduct.committee.work_forms import Moment, SeenForm, WorkForm, choice, long_text, number, short_text
from safeconduct.records.commit import Committed
from safeconduct.records.find import Query, find
from safeconduct.records.moments import MomentRefused, instant
from safeconduct.records.release import Released

_FIELDS = ("title", "mode", "text", "text_ur", "text_zh", "speaker", "since", "until")
_BEGINS = {name: words.STATES[name] for name in ("draft", "put_forward", "neither")}


class LineForm(WorkForm):
    title = short_text("title")
    mode = choice("mode", words.MODES)
    text = long_text("text", _("Text in English"))
    text_ur = long_text("text_ur")
    text_zh = long_text("text_zh")
    speaker = short_text("speaker")
    since = Moment("since", _("From; with notice, not before"))
    until = Moment("until")
    background = long_text("background")
    state = choice("state", _BEGINS, _("Begins as"))
    incident = forms.CharField(widget=forms.HiddenInput, max_length=64, required=False)

    def do(self, actor: Subject, by: str) -> Committed:
        given = self.cleaned_data
        return rules.draft_line(
            actor, self.entered(*_FIELDS), given["background"], given["incident"], given["state"]
        )


class AmendLineForm(WorkForm):
    seen = forms.IntegerField(min_value=1, max_value=10**8, widget=forms.HiddenInput)
    title = short_text("title")
    mode = choice("mode", words.MODES)
    text = long_text("text", _("Text in English"))
    text_ur = long_text("text_ur")
    text_zh = long_text("text_zh")
    speaker = short_text("speaker")
    since = Moment("since", _("From; with notice, not before"))
    until = Moment("until")

    def prepare(self) -> None:
        self.fields["seen"].initial = self.about.version
        for name, value in (self.about.parts.get("line") or {}).items():
            if name in self.fields:
                self.fields[name].initial = _local(value) if name in ("since", "until") else value

    def do(self, actor: Subject, by: str) -> Committed:
        return rules.amend_line(actor, self.record, self.cleaned_data["seen"], self.entered(*_FIELDS))


def _local(value: str) -> Any:
    try:
        return timezone.localtime(instant(value)).replace(tzinfo=None)
    except MomentRefused:
        return None


class PutForwardForm(SeenForm):
    state = "put_forward"

    def do(self, actor: Subject, by: str) -> Committed:
        return rules.move_line(actor, self.record, self.version, self.state)


class InUseForm(PutForwardForm):
    state = "in_use"


class NeitherForm(PutForwardForm):
    state = "neither"


class EndLineForm(PutForwardForm):
    state = "ended"


class LineAnswerForm(WorkForm):
    """The answer is to the words that the page showed: their digest goes with the form."""

    digest = forms.CharField(widget=forms.HiddenInput, min_length=64, max_length=64)
    outcome = choice("outcome", words.ANSWERS)
    text = long_text("text")

    def prepare(self) -> None:
        self.fields["digest"].initial = line_digest(self.about.parts.get("line") or {})

    def do(self, actor: Subject, by: str) -> Committed:
        given = self.cleaned_data
        return rules.answer_line(actor, self.record, given["digest"], given["outcome"], given["text"], by)


class LeakForm(WorkForm):
    seen = forms.IntegerField(min_value=1, max_value=10**8, widget=forms.HiddenInput)
    incident = forms.ChoiceField(label=words.FIELDS["incident"])
    text = long_text("text")

    def prepare(self) -> None:
        self.fields["seen"].initial = self.about.version
        query = Query("incident", category="leak", parts=("summary",), withdrawn=False, sort="at", limit=50)
        field: Any = self.fields["incident"]
        field.choices = [
            (each.id, (each.parts.get("summary") or {}).get("title", each.id[:8]))
            for each in find(self.reader, query).records
        ]

    def do(self, actor: Subject, by: str) -> Committed:
        given = self.cleaned_data
        return rules.note_leak(actor, self.record, given["seen"], given["incident"], given["text"])


class ReportForm(WorkForm):
    title = short_text("title")
    text = long_text("text", _("What was reported"))
    reliability = choice("reliability", {each: each for each in "ABCDEF"})
    credibility = number(words.FIELDS["credibility"], 1, 6)
    name = short_text("name", _("Who reported it"))
    contact = short_text("contact", required=False)

    def do(self, actor: Subject, by: str) -> Committed:
        given = self.cleaned_data
        return rules.file_report(
            actor,
            given["title"],
            given["text"],
            given["reliability"],
            given["credibility"],
            {"name": given["name"], "contact": given["contact"]},
            self.record,
        )


def _shows_line(_reader: Subject, found: Released) -> bool:
    return bool(found.parts.get("line"))


_OPEN = ("draft", "put_forward", "agreed", "in_use", "neither")
LINE = Line(
    name="statements",
    title=_("Statements"),
    lead=_("What may be said to the press, by whom and until when; and what it rests on."),
    root="press_statement",
    listed=("line",),
    below={"press_statement": ("statement_answer", "source_report")},
    acts=(
        Act("line", _("Write a line"), LineForm, "press_statement", primary=True),
        Act("amend", _("Change the words"), AmendLineForm, "press_statement", ("press_statement",), "own",
            ("draft", "put_forward")),
        Act("put-forward", _("Put it forward"), PutForwardForm, "press_statement", ("press_statement",), "own",
            ("draft", "neither"), primary=True),
        Act("in-use", _("Use it with notice"), InUseForm, "press_statement", ("press_statement",), "own",
            ("put_forward",)),
        Act("neither", _("Neither confirm nor deny"), NeitherForm, "press_statement", ("press_statement",), "own",
            ("draft", "put_forward", "agreed", "in_use")),
        Act("end", _("End it"), EndLineForm, "press_statement", ("press_statement",), "own", _OPEN),
        Act("answer", _("Answer"), LineAnswerForm, "statement_answer", ("press_statement",), "other",
            ("put_forward", "in_use", "neither"), primary=True, fits=_shows_line),
        Act("leak", _("Name a leak"), LeakForm, "press_statement", ("press_statement",), "own", _OPEN),
        Act("report", _("File what a source reported"), ReportForm, "source_report", ("press_statement",)),
    ),
)  # fmt: skip
