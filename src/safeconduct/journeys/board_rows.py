"""The lines of the board: what one journey shows, ready to be written; sorted so that what needs somebody is first."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from django.urls import reverse
from django.utils.functional import Promise
from django.utils.safestring import SafeString
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy

from safeconduct.agreement.policy import Policy, Subject
from safeconduct.exchange.links import LinkDown
from safeconduct.journeys.board_holder import Holder, holder_of
from safeconduct.journeys.board_journeys import Journey
from safeconduct.journeys.board_link import Lock
from safeconduct.journeys.board_state import NOWHERE, course, next_due
from safeconduct.journeys.board_times import Clock
from safeconduct.journeys.underway_course import Course, Due, instant_of
from safeconduct.journeys.words import PARTS, REASONS, STAGES, word
from safeconduct.records.release import Released

GROUPS: Mapping[str, Promise] = {
    "overdue": pgettext_lazy("group of journeys", "Overdue"),
    "escalated": pgettext_lazy("group of journeys", "Escalated"),
    "under_way": pgettext_lazy("group of journeys", "Under way"),
    "to_come": pgettext_lazy("group of journeys", "To come"),
    "ended": pgettext_lazy("group of journeys", "Ended"),
}
_ORDER = {name: number for number, name in enumerate(GROUPS)}
_AWAITED = {
    "missed_check_in": pgettext_lazy("word that is due", "Check-in"),
    "not_departed": pgettext_lazy("word that is due", "Departure"),
    "never_departed": pgettext_lazy("word that is due", "Departure"),
    "not_arrived": pgettext_lazy("word that is due", "Arrival"),
}
ITINERARY = {
    "shown": _("Itinerary open"),
    "withheld": _("Itinerary withheld"),
    "absent": _("No itinerary yet"),
    "erased": _("Itinerary erased"),
    "awaited": _("Itinerary awaited"),
    "waits": _("Itinerary under time lock"),
}


@dataclass(frozen=True)
class Raised:
    """One open escalation of the `party` that it is to answer for. `at` is when this rung was reached, in epoch
    seconds; `url` where it is answered."""

    party: str
    reason: str
    point: str
    rung: int
    at: float
    since: SafeString
    url: str


@dataclass(frozen=True)
class BoardLine:
    """One journey on the board. Times of `since`, `late` and the like that end in `_at` are epoch seconds."""

    id: str
    group: str
    key: float
    stage: str
    stage_word: str
    reference: str
    exercise: bool
    emergency: bool
    withdrawn: bool
    withheld: str
    window: SafeString | str
    origin: str
    destination: str
    persons: int | None
    organisation: str
    itinerary: str
    itinerary_word: str
    opens_at: float | None
    opens: SafeString | str
    holder: Holder | None
    holder_since: SafeString | str
    given: SafeString | str
    first_unit: str
    due: Due | None
    due_word: str
    due_at: SafeString | str
    allowance_minutes: int
    last_heard: SafeString | str
    escalations: tuple[Raised, ...]
    legs: str
    as_of: SafeString | str
    label: str


def group_of(journey: Journey) -> str:
    if journey.movement.withdrawn or journey.stage in ("arrived", "cancelled"):
        return "ended"
    if journey.stage == "overdue":
        return "overdue"
    if journey.escalations:
        return "escalated"
    return "under_way" if journey.stage == "under_way" else "to_come"


def order(journey: Journey) -> tuple[int, float, float, str]:
    """Overdue first, then escalated, under way by what is due next, to come by departure, and what has ended."""
    group = group_of(journey)
    due = journey.course.unmet[0].deadline if journey.course.unmet else 0.0
    by = due if group in ("overdue", "under_way") else journey.since
    if group == "escalated":
        by = min((_raised(each) for each in journey.escalations), default=0.0)
    return _ORDER[group], by, journey.since, journey.movement.id


def counts(journeys: Iterable[Journey]) -> list[tuple[str, str, int]]:
    """How many journeys stand where, as (stage, its word, number); stages without any are left out."""
    found = Counter(each.stage for each in journeys)
    return [(stage, word(STAGES, stage), found[stage]) for stage in STAGES if found[stage]]


def is_mine(reader: Subject, journey: Journey) -> bool:
    """Whether a unit of the reader bears duty for a leg, or an escalation waits for a role the reader holds."""
    if any((leg.parts.get("duty") or {}).get("unit") in reader.units for leg in journey.legs):
        return True
    asked = {role for each in journey.escalations for role in (each.parts.get("step") or {}).get("roles", ())}
    return not asked.isdisjoint(reader.roles)


def is_in(journey: Journey, district: str) -> bool:
    """Whether the journey begins, ends or passes in a district, as far as its notice is visible."""
    return district.casefold() in (each.casefold() for each in districts(journey))


def districts(journey: Journey) -> set[str]:
    notice = journey.movement.parts.get("notice") or {}
    ends = (notice.get("origin_district"), notice.get("destination_district"))
    return {each for each in (*ends, *notice.get("districts", ())) if each}


def is_called(journey: Journey, text: str) -> bool:
    notice = journey.movement.parts.get("notice") or {}
    said = f"{notice.get('reference', '')}\n{notice.get('organisation', '')}\n{notice.get('purpose', '')}"
    return text.casefold() in said.casefold()


class Lines:
    """Makes lines of journeys for one reader at one moment."""

    def __init__(
        self,
        reader: Subject,
        policy: Policy,
        now: float,
        down: Mapping[str, LinkDown],
        may_answer: bool,
    ) -> None:
        self.reader = reader
        self.policy = policy
        self.clock = Clock(now)
        self.down = down
        self.may_answer = may_answer
        self._hours: dict[str, int | None] = {}
        self._words = {stage: word(STAGES, stage) for stage in STAGES}
        self._itineraries = {name: str(text) for name, text in ITINERARY.items()}

    def line(self, journey: Journey) -> BoardLine:
        movement, parts = journey.movement, journey.movement.parts
        notice, clock = parts.get("notice") or {}, self.clock
        origin, destination = _ends(movement)
        group = group_of(journey)
        holder = self._holder(journey)
        due = None if group == "ended" else self._due(journey)
        opens = self.opens(journey)
        told = movement.told.get("itinerary", "withheld")
        last = journey.course.last
        return BoardLine(
            id=movement.id,
            group=group,
            key=order(journey)[1],
            stage=journey.stage,
            stage_word=self._words.get(journey.stage, journey.stage),
            reference=notice.get("reference", ""),
            exercise=bool(notice.get("exercise")),
            emergency=bool(notice.get("emergency")),
            withdrawn=movement.withdrawn,
            withheld="" if notice else word(PARTS, "notice"),
            window=clock.between(instant_of(notice["since"]), instant_of(notice["until"])) if notice else "",
            origin=origin,
            destination=destination,
            persons=notice.get("persons"),
            organisation=notice.get("organisation", ""),
            itinerary=told,
            itinerary_word=self._itineraries.get(told, ""),
            opens_at=opens,
            opens=clock.at(opens) if opens is not None else "",
            holder=holder if group != "to_come" else None,
            holder_since=clock.at(holder.since) if holder else "",
            given=clock.at(holder.given) if holder and holder.given is not None else "",
            first_unit=holder.name if holder and group == "to_come" else "",
            due=due,
            due_word=(due.point or str(_AWAITED.get(due.reason, ""))) if due else "",
            due_at=clock.at(due.due) if due else "",
            allowance_minutes=round((due.deadline - due.due) / 60) if due else 0,
            last_heard=clock.at(last.at) if last is not None and group != "ended" else "",
            escalations=tuple(self._raised(each) for each in journey.escalations if each.parts.get("step")),
            legs=" ".join(leg.id for leg in journey.legs),
            as_of=self._as_of(journey),
            label=max((*journey.levels(),), key=_LEVEL.__getitem__),
        )

    def opens(self, journey: Journey) -> float | None:
        """When the itinerary opens to this reader: by its own lock, or by the clause where the other party has not
        given it yet. None where no lock is known, or the reader will not be shown it."""
        movement = journey.movement
        if movement.opens is not None:
            return movement.opens.timestamp()
        if movement.told.get("itinerary") != "awaited" or not journey.noticed or journey.ended:
            return None
        hours = self._opens_hours(self.reader.party, movement.originator)
        return journey.since - hours * 3600.0 if hours is not None else None

    def locks(self, journeys: Iterable[Journey]) -> list[Lock]:
        """The itineraries that a link that is down keeps from opening: here, and those of own journeys there."""
        found = []
        for journey in journeys:
            movement = journey.movement
            if journey.ended or not journey.noticed:
                continue
            opens = (
                self.opens(journey)
                if movement.originator != self.reader.party
                else self._opens_there(journey)
            )
            if opens is not None:
                reference = movement.parts["notice"]["reference"]
                found.append(Lock(movement.id, reference, movement.originator, opens))
        return found

    def _opens_there(self, journey: Journey) -> float | None:
        hours = [self._opens_hours(party, self.reader.party) for party in self.down]
        known = [each for each in hours if each is not None]
        return journey.since - max(known) * 3600.0 if known else None

    def _opens_hours(self, to_party: str, originator: str) -> int | None:
        key = f"{to_party}|{originator}"
        if key not in self._hours:
            self._hours[key] = self.policy.limit("opens_hours", "movement", "itinerary", to_party, originator)
        return self._hours[key]

    def _due(self, journey: Journey) -> Due | None:
        """The word that is awaited first. What was escalated was reckoned with the itinerary, which the board does
        not read: its due time goes before the one that the plan alone gives."""
        due = next_due(journey.stage, self._course(journey))
        steps = [each.parts["step"] for each in journey.escalations if each.parts.get("step")]
        missed = [each for each in steps if due is not None and each["reason"] == due.reason]
        if due is None or not missed:
            return due
        at = min(instant_of(each["due"]) for each in missed)
        point = next((each["point"] for each in missed if each.get("point")), due.point)
        return Due(at + due.deadline - due.due, at, due.reason, point)

    def _course(self, journey: Journey) -> Course:
        """How far it has come: of a cleared one that nothing was heard of, what is due first."""
        if journey.course is NOWHERE and journey.stage == "cleared":
            return course(journey.movement, journey.check_ins, self.clock.now)
        return journey.course

    def _holder(self, journey: Journey) -> Holder | None:
        if journey.ended or journey.stage == "refused":
            return None
        words = [each.parts["word"] for each in journey.check_ins if each.parts.get("word")]
        departed = min(
            (instant_of(each["at"]) for each in words if each["category"] != "delayed"), default=None
        )
        return holder_of(journey.legs, journey.handovers, departed, self.clock.now)

    def _raised(self, escalation: Released) -> Raised:
        step = escalation.parts["step"]
        at = _raised(escalation)
        own = escalation.originator == self.reader.party
        url = reverse("journeys:answer", args=[escalation.id]) if own and self.may_answer else ""
        point = step.get("point", "")
        return Raised(
            "" if own else escalation.originator,
            word(REASONS, step["reason"]),
            point,
            step["rung"],
            at,
            self.clock.at(at),
            url,
        )

    def _as_of(self, journey: Journey) -> SafeString | str:
        """How old what the other party says of this journey is, when the link to it is down."""
        if not self.down or journey.ended:
            return ""
        said = (journey.movement, *journey.acknowledgements, *journey.check_ins, *journey.legs)
        parties = {each.originator for each in said}
        if journey.movement.originator == self.reader.party:
            parties |= set(self.down)
        oldest = min((self.down[party].as_of for party in parties if party in self.down), default=0.0)
        return self.clock.at(oldest) if oldest else ""


_LEVEL = {"OPEN": 0, "RESTRICTED": 1, "CONFIDENTIAL": 2, "SECRET": 3}


def _ends(movement: Released) -> tuple[str, str]:
    """From and to: the places where the itinerary was asked for and shown, else the districts of the notice."""
    itinerary, notice = movement.parts.get("itinerary") or {}, movement.parts.get("notice") or {}
    if itinerary:
        return itinerary["origin"]["place"], itinerary["destination"]["place"]
    return notice.get("origin_district", ""), notice.get("destination_district", "")


def _raised(escalation: Released) -> float:
    step = escalation.parts.get("step") or {}
    return instant_of(step["raised"]) if step else escalation.at.timestamp()


def highest(labels: Sequence[str]) -> str:
    """The highest of the labels; OPEN where nothing is shown."""
    return max(labels, key=_LEVEL.__getitem__, default="OPEN")
