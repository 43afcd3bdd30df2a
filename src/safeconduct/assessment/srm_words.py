"""The words of Security Risk Management: parts, states, fields, codes with what they mean, and what is refused."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy

from safeconduct.records.kinds import PartRefused
from safeconduct.records.refusals import Refused
from safeconduct.shell.terms import plain

Words = Mapping[str, Any]
"""Code -> its word, translated when it is shown."""

PARTS: Words = {
    "scope": pgettext_lazy("part of an assessment", "What is assessed"),
    "situation": pgettext_lazy("part of an assessment", "Situation"),
    "programme": pgettext_lazy("part of an assessment", "Programme"),
    "threats": pgettext_lazy("part of an assessment", "Threats and ratings"),
    "vulnerabilities": pgettext_lazy("part of an assessment", "What is weak, what is in place"),
    "decision": pgettext_lazy("part of an assessment", "Decision proposed"),
    "approval": pgettext_lazy("part of an assessment", "Approval"),
    "owner": pgettext_lazy("part of an assessment", "Author here"),
    "difference": pgettext_lazy("part of a difference", "Both ratings"),
    "way_forward": pgettext_lazy("part of a difference", "Agreed way forward"),
    "result": pgettext_lazy("part of a check", "What was found"),
    "shows": pgettext_lazy("part of evidence", "Of which standard"),
}
STATES: Words = {
    "draft": pgettext_lazy("state of an assessment", "draft"),
    "proposed": pgettext_lazy("state of an assessment", "proposed"),
    "approved": pgettext_lazy("state of an assessment", "approved"),
    "expired": pgettext_lazy("state of an assessment", "expired"),
    "superseded": pgettext_lazy("state of an assessment", "replaced by a newer one"),
    "noted": pgettext_lazy("state of a difference", "noted"),
    "settled": pgettext_lazy("state of a difference", "way forward agreed"),
}
FIELDS: Words = {
    "subject": pgettext_lazy("field of an assessment", "Of"),
    "area": pgettext_lazy("field of an assessment", "Area or district"),
    "radius_km": _("Radius, km"),
    "data_as_of": _("Data as of"),
    "missing": _("Missing from the data"),
    "forecast": _("Forecast that was read"),
    "activity": _("Activity"),
    "criticality": _("Programme criticality"),
    "persons": _("Persons"),
    "exposure": _("How long and how often"),
    "category": _("Category"),
    "event": _("Undesirable event"),
    "likelihood": _("Likelihood"),
    "impact": _("Impact"),
    "further": _("Further measures needed"),
    "residual_likelihood": _("Residual likelihood"),
    "residual_impact": _("Residual impact"),
    "residual": _("Residual risk"),
    "vulnerabilities": _("Vulnerabilities"),
    "present": _("Measures in place"),
    "reason": _("Reason"),
    "author": _("Author"),
    "approver": _("Approved by"),
    "expires": _("Expires"),
    "says": _("Compared"),
    "finding": pgettext_lazy("field of a check", "Found"),
    "site_class": _("Class of the site"),
}
LIKELIHOOD: Words = {
    "very_unlikely": pgettext_lazy("likelihood", "very unlikely"),
    "unlikely": pgettext_lazy("likelihood", "unlikely"),
    "moderately_likely": pgettext_lazy("likelihood", "moderately likely"),
    "likely": pgettext_lazy("likelihood", "likely"),
    "very_likely": pgettext_lazy("likelihood", "very likely"),
}
LIKELIHOOD_MEANS: Words = {
    "very_unlikely": _("Nothing points to it within the period; it would surprise."),
    "unlikely": _("It could happen within the period, but little points to it."),
    "moderately_likely": _("It may or may not happen within the period; there are signs either way."),
    "likely": _("More points to it than against it within the period."),
    "very_likely": _("It is expected within the period, or happens there already."),
}
IMPACT: Words = {
    "negligible": pgettext_lazy("impact", "negligible"),
    "minor": pgettext_lazy("impact", "minor"),
    "moderate": pgettext_lazy("impact", "moderate"),
    "severe": pgettext_lazy("impact", "severe"),
    "critical": pgettext_lazy("impact", "critical"),
}
IMPACT_MEANS: Words = {
    "negligible": _("Nobody is hurt; work goes on."),
    "minor": _("Light injuries or stress; little damage; work is delayed."),
    "moderate": _("Injuries that are not life-threatening; damage; work stops for a time."),
    "severe": _("Serious injuries or a death; great damage; work stops for long."),
    "critical": _("Several deaths, or a loss from which the work does not recover."),
}
RISK: Words = {
    "low": pgettext_lazy("level of risk", "low"),
    "medium": pgettext_lazy("level of risk", "medium"),
    "high": pgettext_lazy("level of risk", "high"),
    "very_high": pgettext_lazy("level of risk", "very high"),
    "unacceptable": pgettext_lazy("level of risk", "unacceptable"),
}
CRITICALITY: Words = {
    "PC1": _("PC1: saves lives at scale, or is wanted by the head of the organisation"),
    "PC2": _("PC2: contributes most to what is to be reached"),
    "PC3": _("PC3: contributes to what is to be reached"),
    "PC4": _("PC4: can wait"),
}
SUBJECTS: Words = {
    "site": pgettext_lazy("what is assessed", "Site"),
    "area": pgettext_lazy("what is assessed", "Area"),
    "movement": pgettext_lazy("what is assessed", "Journey"),
}
CATEGORIES: Words = {
    "armed_conflict": pgettext_lazy("category of threat", "Armed conflict"),
    "terrorism": pgettext_lazy("category of threat", "Terrorism"),
    "crime": pgettext_lazy("category of threat", "Crime"),
    "civil_unrest": pgettext_lazy("category of threat", "Civil unrest"),
    "hazard": pgettext_lazy("category of threat", "Hazards"),
}
EVENTS: Words = {
    "indirect_fire": pgettext_lazy("undesirable event", "shelling or rockets"),
    "crossfire": pgettext_lazy("undesirable event", "caught in crossfire"),
    "mines": pgettext_lazy("undesirable event", "mines and remnants of war"),
    "roadside_bomb": pgettext_lazy("undesirable event", "bomb on the road"),
    "vehicle_bomb": pgettext_lazy("undesirable event", "bomb in a vehicle"),
    "armed_attack": pgettext_lazy("undesirable event", "armed attack"),
    "complex_attack": pgettext_lazy("undesirable event", "complex attack"),
    "hostage_taking": pgettext_lazy("undesirable event", "hostage taking"),
    "robbery": pgettext_lazy("undesirable event", "robbery"),
    "burglary": pgettext_lazy("undesirable event", "burglary"),
    "kidnapping_for_ransom": pgettext_lazy("undesirable event", "kidnapping for ransom"),
    "extortion": pgettext_lazy("undesirable event", "extortion"),
    "demonstration": pgettext_lazy("undesirable event", "demonstration"),
    "riot": pgettext_lazy("undesirable event", "riot"),
    "road_block": pgettext_lazy("undesirable event", "road block"),
    "road_crash": pgettext_lazy("undesirable event", "road crash"),
    "earthquake": pgettext_lazy("undesirable event", "earthquake"),
    "flood": pgettext_lazy("undesirable event", "flood"),
    "fire": pgettext_lazy("undesirable event", "fire"),
    "heat": pgettext_lazy("undesirable event", "heat"),
    "disease": pgettext_lazy("undesirable event", "disease"),
    "other": pgettext_lazy("undesirable event", "another event"),
}
OUTCOMES: Words = {
    "accept": pgettext_lazy("decision on a risk", "accept"),
    "control": pgettext_lazy("decision on a risk", "control"),
    "avoid": pgettext_lazy("decision on a risk", "avoid"),
    "transfer": pgettext_lazy("decision on a risk", "transfer"),
}
OUTCOMES_MEAN: Words = {
    "accept": _("go on as it is, without a further measure"),
    "control": _("go on with the further measures, at the residual risk"),
    "avoid": _("do not do it, or not there, or not then"),
    "transfer": _("let somebody else carry it who can carry it better"),
}
SAYS: Words = {
    "same": pgettext_lazy("two ratings compared", "the same"),
    "host_higher": pgettext_lazy("two ratings compared", "the Host's is higher"),
    "partner_higher": pgettext_lazy("two ratings compared", "the Partner's is higher"),
    "differs": pgettext_lazy("two ratings compared", "other words, the same risk"),
    "host_only": pgettext_lazy("two ratings compared", "rated by the Host alone"),
    "partner_only": pgettext_lazy("two ratings compared", "rated by the Partner alone"),
}
VERDICTS: Words = {
    "none": pgettext_lazy("two counts compared", "no event in either year"),
    "fewer": pgettext_lazy("two counts compared", "fewer than in the year before"),
    "more": pgettext_lazy("two counts compared", "more than in the year before"),
    "unclear": pgettext_lazy("two counts compared", "chance alone may explain the difference"),
}
FINDINGS: Words = {
    "met": pgettext_lazy("standard", "met"),
    "partly": pgettext_lazy("standard", "partly met"),
    "not_met": pgettext_lazy("standard", "not met"),
    "not_applicable": pgettext_lazy("standard", "does not apply"),
}
GROUPS: Words = {
    "perimeter": pgettext_lazy("group of standards", "Perimeter"),
    "access": pgettext_lazy("group of standards", "Access control"),
    "guards": pgettext_lazy("group of standards", "Guard force"),
    "communications": pgettext_lazy("group of standards", "Communications"),
    "medical": pgettext_lazy("group of standards", "Medical"),
    "evacuation": pgettext_lazy("group of standards", "Muster and evacuation"),
    "shelter": pgettext_lazy("group of standards", "Shelter"),
    "safety": pgettext_lazy("group of standards", "Fire"),
    "residential": pgettext_lazy("group of standards", "Residences"),
    "other": pgettext_lazy("group of standards", "Other"),
}
CLASSES: Words = {
    "work_site": pgettext_lazy("class of a site", "Work site"),
    "institution": pgettext_lazy("class of a site", "Institution"),
    "residence": pgettext_lazy("class of a site", "Residence"),
}
SIDES: Words = {"host": _("Host Party"), "partner": _("Partner Party"), "both": _("Both Parties")}
CODES: Mapping[str, Words] = {
    "likelihood": LIKELIHOOD,
    "residual_likelihood": LIKELIHOOD,
    "impact": IMPACT,
    "residual_impact": IMPACT,
    "risk": RISK,
    "residual": RISK,
    "criticality": CRITICALITY,
    "event": EVENTS,
    "category": CATEGORIES,
    "says": SAYS,
    "subject": SUBJECTS,
    "finding": FINDINGS,
    "group": GROUPS,
    "outcome": OUTCOMES,
}
REFUSALS: Words = {
    "the end is not before the beginning": _("The end is not before the beginning."),
    "an area has its name, and nothing else has one": _("An area has its name."),
    "a circle has a centre and a radius": _("A circle has a centre and a radius."),
    "latitude and longitude come together": _("Latitude and longitude come together."),
    "no such event in this category of threat": _("There is no such event in this category of threat."),
    "another event says what it is": _("Another event says what it is."),
    "measures do not make a threat likelier or worse": _("Measures do not make a threat likelier or worse."),
    "without a further measure the risk stays as it is": _(
        "Without a further measure the residual risk is the present one."
    ),
    "the review is not after the expiry": _("The review is not after the expiry."),
    "a risk that stays unacceptable is avoided or transferred": _(
        "A risk that stays unacceptable is avoided or transferred. It is neither accepted nor controlled."
    ),
    "an unacceptable risk is not accepted": _("An unacceptable risk is not accepted."),
    "to control a risk takes a further measure": _("To control a risk takes a further measure."),
    "what was approved stays as it was: begin another assessment": _(
        "What was approved stays as it was. Begin another assessment."
    ),
    "what was proposed is taken back before it is changed": _(
        "What was proposed is taken back before it is changed."
    ),
    "an assessment is proposed before it is approved": _("An assessment is proposed before it is approved."),
    "an assessment is proposed with its programme and its threats": _(
        "An assessment is proposed with its programme and its threats."
    ),
    "an assessment is approved by a person who may approve it": _(
        "An assessment is approved by a person who may approve it."
    ),
    "an assessment is approved by somebody other than who wrote it": _(
        "An assessment is approved by somebody other than who wrote it."
    ),
    "this assessment has expired: begin another": _("This assessment has expired. Begin another."),
    "what is compared is approved and in force": _("What is compared is approved and in force."),
    "both ratings must be known to who compares them": _("Both ratings must be known to who compares them."),
    "measures follow from an approved assessment": _("Measures follow from an approved assessment."),
    "what is not met, or does not apply, says why": _("What is not met, or does not apply, says why."),
    "no such gap was found there": _("No such gap was found there."),
    "only JPEG, PNG, WebP and UTF-8 text are taken": _(
        "Only JPEG, PNG, WebP and plain text files are taken."
    ),
    "an empty file": _("The file is empty."),
    "a picture that cannot be read whole": _("The picture cannot be read whole."),
}


def word(field: str, value: object) -> str:
    """The word for a code in a field."""
    return plain(CODES.get(field, {}), str(value))


def event_word(threat: Mapping[str, Any]) -> str:
    """What may happen, in words: the event's own, and for another one its title alone."""
    if threat["event"] == "other":
        return str(threat.get("title", ""))
    return plain(EVENTS, str(threat["event"]))


def reason_of(fault: Refused) -> str:
    """What a refusal says, in words where it is one of the rules of this work."""
    return str(REFUSALS.get(fault.reason, fault.reason))


def reason(fault: Exception) -> str:
    """Why something was not taken, in the reader's words."""
    said = [why for _part, _field, why in fault.errors] if isinstance(fault, PartRefused) else [str(fault)]
    bare = [each.removeprefix("Value error, ") for each in said]
    return " ".join(str(REFUSALS.get(each, each)) for each in bare)
