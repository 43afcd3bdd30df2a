"""The forms of assistance, and where each is offered."""

from __future__ import annotations

from django.utils.translation import gettext_lazy as _

from safeconduct.agreement.policy import Subject
from safeconduct.committee import assistance_rules as rules
from safeconduct.committee import assistance_words as words
from safeconduct.committee.lines import Act, Line
from safeconduct.committee.work_forms import Day, SeenForm, WorkForm, choice, long_text, number, short_text
from safeconduct.records.commit import Committed

_QUANTITY = words.FIELDS["quantity"]


class NeedForm(WorkForm):
    title = short_text("title")
    category = choice("category", words.CATEGORIES)
    quantity = number(_QUANTITY, 1, initial=1)
    unit = short_text("unit", required=False)
    place = short_text("place", required=False)
    due = Day("due", _("Wanted by"), required=False)
    text = long_text("text", _("What for"))

    def do(self, actor: Subject, by: str) -> Committed:
        need = self.entered("title", "category", "quantity", "unit", "place", "due", "text")
        return rules.ask(actor, need, by)


class MetForm(SeenForm):
    state = "met"

    def do(self, actor: Subject, by: str) -> Committed:
        return rules.end_request(actor, self.record, self.version, self.state)


class WithdrawRequestForm(MetForm):
    state = "withdrawn"


class OfferForm(WorkForm):
    title = short_text("title")
    category = choice("category", words.CATEGORIES)
    quantity = number(_QUANTITY, 1, initial=1)
    unit = short_text("unit", required=False)
    deliveries = number(words.FIELDS["deliveries"], 1, 100, initial=1)
    due = Day("due", required=False)
    text = long_text("text")
    end_use = long_text("end_use", required=True)
    check_how = long_text("check_how", required=True)
    every_days = number(words.FIELDS["every_days"], 1, 3_660, initial=180)

    def prepare(self) -> None:
        need = self.about.parts.get("need") or {}
        for name in ("title", "category", "quantity", "unit"):
            self.fields[name].initial = need.get(name, self.fields[name].initial)

    def do(self, actor: Subject, by: str) -> Committed:
        offered = self.entered("title", "category", "quantity", "unit", "deliveries", "due", "text")
        condition = self.entered("end_use", "check_how", "every_days")
        return rules.offer(actor, self.record, offered, condition, by)


class OfferAnswerForm(WorkForm):
    outcome = choice("outcome", words.ANSWERED)
    text = long_text("text")

    def do(self, actor: Subject, by: str) -> Committed:
        given = self.cleaned_data
        return rules.answer_offer(actor, self.record, given["outcome"], given["text"], by)


class DeliverForm(WorkForm):
    title = short_text("title")
    category = choice("category", words.CATEGORIES)
    quantity = number(_QUANTITY, 1, initial=1)
    unit = short_text("unit", required=False)
    place = short_text("place", required=False)
    text = long_text("text")

    def prepare(self) -> None:
        offered = self.about.parts.get("offer") or {}
        for name in ("title", "category", "unit"):
            self.fields[name].initial = offered.get(name, self.fields[name].initial)

    def do(self, actor: Subject, by: str) -> Committed:
        given = self.entered("title", "category", "quantity", "unit", "place", "text")
        return rules.deliver(actor, self.record, given, by)


class ReceiveForm(WorkForm):
    outcome = choice("outcome", words.RECEIVED)
    quantity = number(_("Quantity accepted"))
    text = long_text("text")

    def do(self, actor: Subject, by: str) -> Committed:
        given = self.cleaned_data
        return rules.receive(actor, self.record, given["outcome"], given["quantity"], given["text"], by)


class CheckForm(WorkForm):
    outcome = choice("outcome", words.KEPT)
    text = long_text("text", _("What was seen, and where"))

    def do(self, actor: Subject, by: str) -> Committed:
        given = self.cleaned_data
        return rules.check_end_use(actor, self.record, given["outcome"], given["text"], by)


class FulfilledForm(SeenForm):
    state = "fulfilled"

    def do(self, actor: Subject, by: str) -> Committed:
        return rules.end_offer(actor, self.record, self.version, self.state)


class WithdrawOfferForm(FulfilledForm):
    state = "withdrawn"


LINE = Line(
    name="assistance",
    title=_("Assistance"),
    lead=_(
        "Help with the Host Party's own capabilities: goods, training, maintenance, advice and graded warnings. "
        "What is delivered belongs to the Host Party, which operates it alone."
    ),
    root="assistance_request",
    listed=("need",),
    below={
        "assistance_request": ("assistance_offer",),
        "assistance_offer": ("assistance_answer", "assistance_delivery", "end_use_check"),
        "assistance_delivery": ("assistance_receipt",),
    },
    acts=(
        Act("ask", _("Ask for assistance"), NeedForm, "assistance_request", side="host", primary=True),
        Act("met", _("The need is met"), MetForm, "assistance_request", ("assistance_request",), "own", ("open",)),
        Act(
            "withdraw-request", _("Withdraw the request"), WithdrawRequestForm, "assistance_request",
            ("assistance_request",), "own", ("open",),
        ),
        Act(
            "offer", _("Offer"), OfferForm, "assistance_offer", ("assistance_request",), "other", ("open",),
            "partner", primary=True,
        ),
        Act(
            "answer", _("Answer the offer"), OfferAnswerForm, "assistance_answer", ("assistance_offer",), "other",
            ("made",), "host", primary=True,
        ),
        Act(
            "deliver", _("Record a delivery"), DeliverForm, "assistance_delivery", ("assistance_offer",), "own",
            ("accepted",), "partner", primary=True,
        ),
        Act(
            "receive", _("Accept or refuse the delivery"), ReceiveForm, "assistance_receipt",
            ("assistance_delivery",), "other", ("handed_over",), "host", primary=True,
        ),
        Act(
            "check", _("Check the end use"), CheckForm, "end_use_check", ("assistance_offer",),
            states=("accepted", "fulfilled"),
        ),
        Act(
            "fulfilled", _("Everything is delivered"), FulfilledForm, "assistance_offer", ("assistance_offer",),
            "own", ("accepted",), "partner",
        ),
        Act(
            "withdraw-offer", _("Withdraw the offer"), WithdrawOfferForm, "assistance_offer",
            ("assistance_offer",), "own", ("made", "accepted"), "partner",
        ),
    ),
)  # fmt: skip
