"""What may be done with an assessment or a noted difference, and when a page offers it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

from django.urls import reverse
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from safeconduct.agreement.policy import Subject
from safeconduct.assessment import srm_forms as forms
from safeconduct.assessment.srm_kinds import ASSESSMENT, DIFFERENCE
from safeconduct.records import here
from safeconduct.records.release import Released


@dataclass(frozen=True)
class Act:
    """Done to a record of the kind `to` ("" begins a new one) that is `whose` and in one of `states`.

    `listed`: the page offers it as a button of its own; the others stand beside what they are done to. What is offered
    is a courtesy: commit() and the kinds' own rules decide.
    """

    name: str
    label: Promise
    form: type[forms.SrmForm]
    to: str = ASSESSMENT.name
    writes: str = ASSESSMENT.name
    whose: Literal["own", "other", "any"] = "own"
    states: Sequence[str] = ("draft",)
    act: str = "write"
    primary: bool = False
    listed: bool = True

    def fits(self, reader: Subject, found: Released | None) -> bool:
        if found is None or not self.to:
            return found is None and not self.to
        own = found.originator == reader.party
        return (
            found.kind == self.to
            and not found.withdrawn
            and found.state in self.states
            and self.whose in ("any", "own" if own else "other")
        )

    def offered(self, reader: Subject, found: Released | None) -> bool:
        if not self.fits(reader, found):
            return False
        return bool(here.state().policy.entries(reader, self.act, self.writes))


ACTS: dict[str, Act] = {
    each.name: each
    for each in (
        Act("site", _("Assess a site"), forms.PlaceForm, "", primary=True),
        Act("area", _("Assess an area"), forms.AreaForm, ""),
        Act("movement", _("Assess a journey"), forms.MovementForm, ""),
        Act("scope", _("Title and period"), forms.ScopeForm),
        Act("situation", _("Situation"), forms.SituationForm),
        Act("programme", _("Programme"), forms.ProgrammeForm),
        Act("threat", _("Rate a threat"), forms.ThreatForm),
        Act("unrate", _("Take it out"), forms.UnrateForm, listed=False),
        Act("propose", _("Propose a decision"), forms.ProposeForm, primary=True),
        Act("take-back", _("Take back"), forms.TakeBackForm, states=("proposed",)),
        Act("approve", _("Approve"), forms.ApproveForm, states=("proposed",), act="approve", primary=True),
        Act("send-back", _("Send back"), forms.SendBackForm, states=("proposed",), act="approve"),
        Act("labels", _("Labels"), forms.LabelForm, states=("draft", "proposed", "approved")),
        Act(
            "recommend", _("Recommend"), forms.AdviceForm, writes="recommendation", whose="any",
            states=("approved",), listed=False,
        ),
        Act(
            "difference", _("Note the difference"), forms.DifferenceForm, writes=DIFFERENCE.name, whose="other",
            states=("approved",), listed=False,
        ),
        Act(
            "settle", _("Say what was agreed"), forms.SettleForm, to=DIFFERENCE.name, writes=DIFFERENCE.name,
            states=("noted", "settled"),
        ),
    )
}  # fmt: skip


def offers(reader: Subject, found: Released | None) -> list[dict[str, Any]]:
    """What a page offers the reader for a record, or to begin: a button for what needs no form, else a link."""
    return [
        {
            "name": each.name,
            "label": each.label,
            "plain": each.form.plain,
            "primary": each.primary,
            "seen": found.version if found else 0,
            "url": address(each.name, found),
        }
        for each in ACTS.values()
        if each.listed and each.offered(reader, found)
    ]


def may(reader: Subject, name: str, found: Released | None) -> bool:
    return ACTS[name].offered(reader, found)


def address(name: str, found: Released | None) -> str:
    if found is None:
        return reverse("srm:new", args=[name])
    return reverse("srm:act", args=[found.id, name])
