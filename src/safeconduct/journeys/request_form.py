"""The request form: what a tired person must say of a journey, and nothing that the node can find out itself."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from datetime import date, datetime, time, timedelta
from typing import Any

from django import forms
from django.utils import timezone
from django.utils.translation import gettext, pgettext_lazy
from django.utils.translation import gettext_lazy as _

from safeconduct.geo.routing import Route
from safeconduct.journeys import request_lines as lines
from safeconduct.journeys import words
from safeconduct.journeys.kinds import MOVEMENT
from safeconduct.journeys.lead import Terms
from safeconduct.journeys.request_places import Named, PlaceBook
from safeconduct.journeys.rules import MAX_SERIES
from safeconduct.records.kinds import PartRefused

BEFORE, AFTER = timedelta(minutes=15), timedelta(minutes=60)
"""How far the notified window reaches beyond departure and arrival."""
USUAL = timedelta(hours=6)
"""How long a journey is taken to be whose length nobody knows."""
ROAD_FACTOR = 1.25
"""How much longer than by the road's own time a journey is taken to be."""
WEEKDAYS = [
    ("0", _("Monday")),
    ("1", _("Tuesday")),
    ("2", _("Wednesday")),
    ("3", _("Thursday")),
    ("4", _("Friday")),
    ("5", _("Saturday")),
    ("6", _("Sunday")),
]
NO_ROUTE = "none"
EARLIEST, LATEST = 2000, 2150


def _text(label: Any, required: bool = False, most: int = 200, **attrs: Any) -> forms.CharField:
    widget = forms.TextInput(attrs={"dir": "auto", **attrs})
    return forms.CharField(label=label, max_length=most, required=required, widget=widget)


def _lines(label: Any, help_text: Any) -> forms.CharField:
    widget = forms.Textarea(attrs={"rows": 3, "dir": "auto"})
    return forms.CharField(
        label=label, help_text=help_text, max_length=100_000, required=False, widget=widget
    )


def _day(label: Any, required: bool = True) -> forms.DateField:
    widget = forms.DateInput(attrs={"type": "date"}, format="%Y-%m-%d")
    return forms.DateField(label=label, required=required, widget=widget)


def _hour(label: Any, required: bool = True) -> forms.TimeField:
    widget = forms.TimeInput(attrs={"type": "time"}, format="%H:%M")
    return forms.TimeField(label=label, required=required, widget=widget)


class RequestForm(forms.Form):
    """One Movement Notification. After is_valid(), `parts`, `names` and `days` are what the rules take."""

    key = forms.CharField(widget=forms.HiddenInput, max_length=64, required=False)
    seen = forms.IntegerField(widget=forms.HiddenInput, required=False, min_value=1)
    origin = _text(pgettext_lazy("place", "From"), required=True, list="places", autofocus=True)
    destination = _text(pgettext_lazy("place", "To"), required=True, list="places")
    depart_day = _day(_("Day of departure"))
    depart_hour = _hour(_("Hour of departure"))
    arrive_day = _day(_("Day of arrival"), required=False)
    arrive_hour = _hour(_("Hour of arrival"), required=False)
    persons = forms.IntegerField(label=words.FIELDS["persons"], min_value=1, max_value=10_000, required=False)
    vehicles = forms.IntegerField(label=words.FIELDS["vehicles"], min_value=0, max_value=200, required=False)
    purpose = _text(words.FIELDS["purpose"])
    emergency = forms.BooleanField(label=_("Emergency: this journey cannot wait"), required=False)
    route = forms.ChoiceField(label=words.FIELDS["route"], required=False)
    names = _lines(
        _("Names"),
        _(
            "One to a line: name; nationality; employer; passport. Without names, the number of persons will do."
        ),
    )
    vehicle_lines = _lines(
        _("About the vehicles"), _("One to a line: number plate; type; armoured, where it is.")
    )
    stops = _lines(_("Stops on the way"), _("One to a line: place; minutes."))
    check_every = forms.ChoiceField(
        label=_("Check-in"),
        choices=[
            (2, _("every 2 hours")),
            (1, _("every hour")),
            (4, _("every 4 hours")),
            (0, _("only at departure and arrival")),
        ],
        required=False,
        initial=2,
    )
    points = _lines(_("Check-in points"), _("One to a line: name; hour. They replace the regular check-ins."))
    contact_name = _text(_("Contact on the road"))
    contact_phone = _text(words.FIELDS["phone"], inputmode="tel")
    organisation = _text(words.FIELDS["organisation"])
    reference = _text(words.FIELDS["reference"])
    origin_district = _text(words.FIELDS["origin_district"])
    destination_district = _text(words.FIELDS["destination_district"])
    repeat_until = _day(_("Repeat until"), required=False)
    weekdays = forms.MultipleChoiceField(
        label=_("On these days"), choices=WEEKDAYS, required=False, widget=forms.CheckboxSelectMultiple
    )
    exercise = forms.BooleanField(label=_("This is an exercise"), required=False)

    def __init__(
        self,
        data: Any = None,
        *,
        book: PlaceBook,
        terms: Terms,
        now: float,
        amends: Mapping[str, Any] | None = None,
        **options: Any,
    ) -> None:
        """`amends` are the parts of the movement that is amended; its names are records of their own."""
        self.book, self.terms, self.now, self.amends = book, terms, now, amends
        super().__init__(data, **options)
        self.parts: dict[str, Any] = {}
        self.traveller_parts: list[dict[str, Any]] = []
        self.days: list[int] = [0]
        said = self.data if self.is_bound else self.initial
        self.start = book.look_up(str(said.get("origin") or "").strip()[:200])
        self.end = book.look_up(str(said.get("destination") or "").strip()[:200])
        self.routes: list[Route] = book.routes(self.start, self.end)
        numbers = [(str(number), str(number + 1)) for number in range(len(self.routes))]
        route = self.fields["route"]
        route.choices = [("", ""), *numbers, (NO_ROUTE, "")]  # type: ignore[attr-defined]
        if amends is not None:
            for name in ("names", "repeat_until", "weekdays"):
                del self.fields[name]

    @property
    def chosen(self) -> str:
        """The number of the chosen route as the page shows it."""
        said = str(self["route"].value() or "")
        return said or ("0" if self.routes else NO_ROUTE)

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean() or {}
        self.traveller_parts = self._read("names", lines.names_in) or []
        vehicles = self._read("vehicle_lines", lines.vehicles_in) or []
        stops = self._read("stops", lines.stops_in) or []
        persons = cleaned.get("persons") or len(self.traveller_parts)
        if "persons" not in self.errors and not persons:
            self.add_error("persons", _("Say how many persons travel, or name them."))
        elif persons < len(self.traveller_parts):
            self.add_error("persons", _("There are more names than persons."))
        for name in ("depart_day", "arrive_day"):
            if (day := cleaned.get(name)) and not EARLIEST <= day.year <= LATEST:
                self.add_error(name, _("Nobody travels in that year."))
        start, end = self._district("origin", self.start), self._district("destination", self.end)
        if self.errors:
            return cleaned
        route = self._route()
        depart = _moment(cleaned["depart_day"], cleaned["depart_hour"])
        arrive = self._arrive(depart, route)
        points = self._points(depart, arrive)
        if self.errors or arrive is None:
            return cleaned
        self.parts = {
            "notice": self._notice(start, end, depart, arrive, persons, len(vehicles), route),
            "itinerary": self._itinerary(depart, arrive, stops, route),
            "vehicles": {"vehicles": vehicles} if vehicles else None,
            "check_plan": {"points": points},
            "contact": self._contact(),
        }
        if self.amends is None:
            self.parts = {name: part for name, part in self.parts.items() if part is not None}
            self._repeat(depart.date())
        self._keep()
        if not self.errors:
            self._check_lead()
        return cleaned

    def changed_parts(self) -> dict[str, Any]:
        """The parts that differ from those of the movement that is amended."""
        before = self.amends or {}
        checked = MOVEMENT.validate(self.parts)
        return {name: part for name, part in checked.items() if part != before.get(name)}

    def _read(self, name: str, read: Callable[[str], list[Any]]) -> list[Any] | None:
        try:
            return read(self.cleaned_data.get(name) or "")
        except lines.LineRefused as fault:
            self.add_error(name, _refused(fault))
            return None

    def _district(self, name: str, place: Named) -> str:
        district = self.cleaned_data.get(f"{name}_district") or place.district
        if not district and self.cleaned_data.get(name):
            self.add_error(
                f"{name}_district", _("This place is not known here. Say in which district it is.")
            )
        return district

    def _route(self) -> Route | None:
        said = self.cleaned_data.get("route") or ("0" if self.routes else NO_ROUTE)
        return None if said == NO_ROUTE else self.routes[int(said)]

    def _arrive(self, depart: datetime, route: Route | None) -> datetime | None:
        day, hour = self.cleaned_data.get("arrive_day"), self.cleaned_data.get("arrive_hour")
        if hour is None:
            if day is not None:
                self.add_error("arrive_hour", _("Say the hour too, or leave the day empty."))
                return None
            takes = timedelta(seconds=route.duration_s * ROAD_FACTOR) if route else USUAL
            return depart + timedelta(minutes=15 * max(1, math.ceil(takes / timedelta(minutes=15))))
        arrive = _moment(day or depart.date(), hour)
        if day is None and arrive <= depart:
            arrive = _moment(depart.date() + timedelta(days=1), hour)
        if arrive <= depart:
            self.add_error("arrive_hour", _("The arrival is not before the departure."))
            return None
        return arrive

    def _points(self, depart: datetime, arrive: datetime | None) -> list[dict[str, str]]:
        typed = self._read("points", lambda text: lines.points_in(text, depart))
        if typed or arrive is None or "points" in self.errors:
            return typed or []
        every = timedelta(hours=int(self.cleaned_data["check_every"] or 2))
        found: list[dict[str, str]] = []
        due = depart + every
        while every and due < arrive - timedelta(minutes=30) and len(found) < 90:
            name = gettext("Check-in %(number)s") % {"number": len(found) + 1}
            found.append({"name": name, "due": due.isoformat()})
            due += every
        return found

    def _notice(
        self,
        start: str,
        end: str,
        depart: datetime,
        arrive: datetime,
        persons: int,
        named_vehicles: int,
        route: Route | None,
    ) -> dict[str, Any]:
        said = self.cleaned_data
        crossed = [start, *(route.passed.areas if route else ()), end]
        return {
            "reference": said["reference"] or f"MN-{depart:%Y%m%d}-{said['key'][:4].upper() or '0'}",
            "purpose": said["purpose"],
            "category": (self.amends or {}).get("notice", {}).get("category", _category(persons)),
            "since": (depart - BEFORE).isoformat(),
            "until": (arrive + AFTER).isoformat(),
            "origin_district": start,
            "destination_district": end,
            "districts": list(dict.fromkeys(crossed))[:100],
            "persons": persons,
            "vehicles": said["vehicles"] if said["vehicles"] is not None else named_vehicles,
            "emergency": said["emergency"],
            "organisation": said["organisation"],
            "exercise": said["exercise"],
        }

    def _itinerary(
        self, depart: datetime, arrive: datetime, stops: list[tuple[str, int]], route: Route | None
    ) -> dict[str, Any]:
        found: dict[str, Any] = {
            "origin": self.start.plain() | ({"site": self.start.site} if self.start.site else {}),
            "destination": self.end.plain() | ({"site": self.end.site} if self.end.site else {}),
            "stops": [{**self.book.look_up(name).plain(), "minutes": minutes} for name, minutes in stops],
            "depart": depart.isoformat(),
            "arrive": arrive.isoformat(),
        }
        return found | ({"route": route.plain()} if route else {})

    def _contact(self) -> dict[str, str] | None:
        name, phone = self.cleaned_data["contact_name"], self.cleaned_data["contact_phone"]
        return {"name": name, "phone": phone} if name or phone else None

    def _repeat(self, first: date) -> None:
        until, chosen = self.cleaned_data.get("repeat_until"), self.cleaned_data.get("weekdays")
        if until is None:
            if chosen:
                self.add_error("repeat_until", _("Say until when it is repeated."))
            return
        if not first <= until <= first + timedelta(days=366):
            self.add_error("repeat_until", _("The last day is within a year of the first."))
            return
        days = range((until - first).days + 1)
        self.days = [d for d in days if not chosen or str((first + timedelta(days=d)).weekday()) in chosen]
        if not self.days:
            self.add_error("weekdays", _("No such day lies between the first and the last."))
        elif len(self.days) > MAX_SERIES:
            text = _("A series has at most %(most)s days; this one has %(days)s.")
            self.add_error("repeat_until", text % {"most": MAX_SERIES, "days": len(self.days)})

    def _keep(self) -> None:
        """What the parts' own models refuse is said beside the form."""
        try:
            MOVEMENT.validate(self.parts)
        except PartRefused as fault:
            for part, path, why in fault.errors:
                name = path.partition(".")[0]
                self.add_error(
                    name if name in self.fields else None, f"{words.word(words.PARTS, part)}: {why}"
                )

    def _check_lead(self) -> None:
        notice = self.parts["notice"]
        before = (self.amends or {}).get("notice", {})
        sooner = not before or datetime.fromisoformat(notice["since"]) < datetime.fromisoformat(
            before["since"]
        )
        if sooner and not notice["emergency"] and self.terms.late(notice["since"], self.now):
            text = _(
                "Clause %(clause)s asks for %(hours)s hours' notice. Choose a later departure; or, if the journey "
                "cannot wait, mark it as an emergency: the other party then has the itinerary at once."
            )
            said = {"clause": self.terms.lead_clause.partition("/")[2], "hours": self.terms.lead_hours}
            self.add_error("emergency", text % said)


def _refused(fault: lines.LineRefused) -> str:
    return gettext("Line %(number)s: %(why)s") % {"number": fault.number, "why": fault.why}


def _category(persons: int) -> str:
    return "single" if persons == 1 else "group"


def _moment(day: date, hour: time) -> datetime:
    """A day and an hour in the node's time zone. An hour that the clocks skip is taken as the one after."""
    return timezone.make_aware(datetime.combine(day, hour))
