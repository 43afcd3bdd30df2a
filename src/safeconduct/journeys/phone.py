"""The traveller's phone: my journey, and a word from the road that reaches the node when the network does.

The page works without scripts, and when installed without a network: the word is kept on the phone with its true
time and a key of its own, sent later, and counted once.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any, Final
from uuid import uuid4

from django.contrib import messages
from django.contrib.staticfiles import finders
from django.http import Http404, HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import render
from django.templatetags.static import static
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_POST, require_safe
from pydantic import BaseModel, ConfigDict, Field, model_validator

from safeconduct.journeys.kinds import CHECK_IN_CATEGORIES, MOVEMENT
from safeconduct.journeys.underway import check_in
from safeconduct.journeys.words import CHECK_IN_CATEGORIES as SPOKEN
from safeconduct.journeys.words import STATES, word
from safeconduct.people.asking import SignedIn
from safeconduct.people.passes import owner_of, pass_of
from safeconduct.records.commit import Committed
from safeconduct.records.find import Query, find
from safeconduct.records.moments import instant
from safeconduct.records.release import Released
from safeconduct.shell.answers import answering, reader_of
from safeconduct.shell.outbox import taken
from safeconduct.shell.phone import pieces

TRAVELLER: Final = "protected_person"
JOURNEYS = 20
WORDS = 200
MOST_AGO = 1_440
"""Minutes for which a word that somebody passes on may have been under way."""
WORKER = "dist/phone-worker.js"
SAID: Final = {
    "departed": gettext_lazy("We have departed"),
    "check_in": gettext_lazy("All is well"),
    "delayed": gettext_lazy("We are delayed"),
    "arrived": gettext_lazy("We have arrived"),
}


class Word(BaseModel):
    """A word as a phone sends it: `key` is drawn when it is spoken, `at` is its true time with an offset."""

    model_config = ConfigDict(extra="forbid", str_strip_whitespace=True)

    key: str = Field(min_length=8, max_length=64)
    category: str
    at: str | None = Field(None, max_length=40)
    point: str = Field("", max_length=200)
    delay_minutes: int | None = Field(None, ge=0, le=100_000)
    latitude: float | None = Field(None, ge=-90, le=90, allow_inf_nan=False)
    longitude: float | None = Field(None, ge=-180, le=180, allow_inf_nan=False)
    accuracy_m: float | None = Field(None, ge=0, le=10_000_000, allow_inf_nan=False)

    @model_validator(mode="after")
    def _spoken(self) -> Word:
        if self.category not in CHECK_IN_CATEGORIES:
            raise ValueError("category is " + ", ".join(CHECK_IN_CATEGORIES))
        if (self.latitude is None) != (self.longitude is None):
            raise ValueError("latitude and longitude come together")
        return self

    @property
    def moment(self) -> datetime | None:
        """Raises ValueError for what is no moment, or has no offset."""
        return instant(self.at) if self.at else None

    @property
    def position(self) -> tuple[float, float, float | None] | None:
        if self.latitude is None or self.longitude is None:
            return None
        return self.latitude, self.longitude, self.accuracy_m


@require_safe
@answering
def phone(request: SignedIn) -> HttpResponse:
    """The journeys of whoever is on the road, the present one with what may be said of it."""
    reader = reader_of(request)
    found: list[Released] = []
    if TRAVELLER in reader.roles:
        page = find(reader, Query(MOVEMENT.name, withdrawn=False, descending=False, limit=JOURNEYS))
        found = [*page.records, *page.unplaced]
    going = [each for each in found if each.state not in MOVEMENT.final]
    shown = [_journey(each, _heard(request, each) if each is going[0] else {}) for each in going]
    labels = [each.label for each in going]
    context = {
        "journeys": shown[:1],
        "later": shown[1:],
        "over": [_journey(each, {}) for each in found if each not in going][-3:],
        "traveller": TRAVELLER in reader.roles,
        "pieces": pieces(request),
        "owner": owner_of(request.user),
        "pass": pass_of(request.user),
        "said": [(name, text, str(uuid4())) for name, text in SAID.items() if not _departed(going, name)],
        "page_level": max(labels, key=("OPEN", "RESTRICTED", "CONFIDENTIAL", "SECRET").index, default="OPEN"),
    }
    return render(request, "journeys/phone.html", context)


@require_safe
@answering
def phone_pieces(request: HttpRequest) -> HttpResponse:
    """What other rooms show on the page, by itself: an open page asks for it from time to time."""
    return HttpResponse(pieces(request))


def _departed(going: list[Released], name: str) -> bool:
    """Whether there is no more departing to be told."""
    return name == "departed" and bool(going) and going[0].state != "notified"


def _heard(request: HttpRequest, movement: Released) -> Mapping[str, str]:
    """When the journey was heard of, by point; "" for a word without one."""
    page = find(
        reader_of(request),
        Query("check_in", about=movement.id, parts=("word",), sort="at", descending=False, limit=WORDS),
    )
    words = [each.parts["word"] for each in page.records if "word" in each.parts]
    return {each.get("point", ""): each["at"] for each in words if each["category"] != "delayed"}


def _journey(movement: Released, heard: Mapping[str, str]) -> dict[str, Any]:
    itinerary = movement.parts.get("itinerary", {})
    points = movement.parts.get("check_plan", {}).get("points", [])
    return {
        "id": movement.id,
        "state": movement.state,
        "state_word": word(STATES, movement.state),
        "notice": movement.parts.get("notice", {}),
        "itinerary": itinerary,
        "schematic": bool((itinerary.get("route") or {}).get("schematic")),
        "points": [
            {
                "name": each["name"],
                "due": datetime.fromisoformat(each["due"]),
                "heard": _moment(heard.get(each["name"])),
            }
            for each in points
        ],
        "next": next((each["name"] for each in points if each["name"] not in heard), ""),
        "depart": _moment(itinerary.get("depart")),
        "arrive": _moment(itinerary.get("arrive")),
    }


def _moment(text: str | None) -> datetime | None:
    return datetime.fromisoformat(text) if text else None


@require_POST
@answering
def say(request: HttpRequest, movement: str) -> HttpResponse:
    """One word from the road, from the page's form or from the phone's outbox."""
    reader = reader_of(request)

    def act(given: Mapping[str, Any]) -> Committed:
        as_json = request.content_type == "application/json"
        spoken = Word.model_validate(given if as_json else _of_form(given))
        return check_in(
            reader,
            movement,
            spoken.category,
            spoken.moment,
            spoken.point,
            spoken.delay_minutes,
            spoken.position,
            by=str(request.user),
            key=spoken.key,
        )

    def back() -> str:
        word = SPOKEN[request.POST["category"]]
        messages.success(request, _("Your word is on record: %(word)s.") % {"word": word})
        travels = TRAVELLER in reader.roles
        return reverse("journeys:phone") if travels else reverse("journeys:detail", args=[movement])

    return taken(request, act, back)


def _of_form(form: Mapping[str, Any]) -> dict[str, Any]:
    names = ("key", "category", "point", "delay_minutes")
    given: dict[str, Any] = {name: form[name] for name in names if form.get(name)}
    ago = form.get("minutes_ago", "")
    if ago.isascii() and ago.isdigit() and 0 < int(ago[:6]) <= MOST_AGO:
        given["at"] = (datetime.now(UTC) - timedelta(minutes=int(ago[:6]))).isoformat(timespec="seconds")
    return given


@require_safe
def manifest(request: HttpRequest) -> HttpResponse:
    """What a phone needs to install the page (W3C Web Application Manifest)."""
    body = {
        "name": "Safeconduct",
        "short_name": "Safeconduct",
        "start_url": reverse("journeys:phone"),
        "scope": reverse("journeys:phone"),
        "display": "standalone",
        "background_color": "#0d5c4f",
        "theme_color": "#0d5c4f",
        "icons": [{"src": static("shell/mark.svg"), "sizes": "any", "type": "image/svg+xml"}],
    }
    return JsonResponse(body, content_type="application/manifest+json")


@require_safe
def worker(request: HttpRequest) -> HttpResponse:
    """The service worker, from under the page's own address: it may answer for nothing else."""
    found = finders.find(WORKER)
    if not isinstance(found, str):
        raise Http404
    with open(found, "rb") as file:  # noqa: PTH123
        return HttpResponse(
            file.read(), content_type="text/javascript", headers={"Cache-Control": "no-cache"}
        )
