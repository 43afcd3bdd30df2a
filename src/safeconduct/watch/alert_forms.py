"""The forms of alerts: composing one in three languages, and taking in a file of another agency."""

from __future__ import annotations

import hashlib
import json
import math
import re
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from django import forms
from django.utils.translation import gettext_lazy as _

from safeconduct.records.moments import instant
from safeconduct.watch import alert_words as words
from safeconduct.watch.alert_kinds import (
    CATEGORIES,
    CERTAINTIES,
    LANGUAGES,
    MOST_NAMED,
    MOST_POINTS,
    SEVERITIES,
    STATUSES,
    SUFFIX,
    URGENCIES,
)
from safeconduct.watch.cap_reading import MAX_BYTES

Choices = Sequence[tuple[str, str]]
MOST_HOURS = 2_160
_TONGUE = {"en": ("en", "ltr"), "ur": ("ur", "rtl"), "zh": ("zh-Hans", "ltr")}
_POINT = re.compile(r"\s*(-?\d{1,2}(?:\.\d+)?)\s*[,\s]\s*(-?\d{1,3}(?:\.\d+)?)\s*")


def _written(label: Any, language: str, rows: int = 0) -> forms.CharField:
    tag, direction = _TONGUE[language]
    attributes = {"lang": tag, "dir": direction}
    if rows:
        widget: forms.Widget = forms.Textarea(attrs={**attributes, "rows": rows})
        return forms.CharField(label=label, required=False, max_length=5_000, widget=widget)
    return forms.CharField(
        label=label, required=False, max_length=200, widget=forms.TextInput(attrs=attributes)
    )


def _choice(name: str, codes: Sequence[str], spoken: Mapping[str, Any], initial: str) -> forms.ChoiceField:
    label = words.FIELDS.get(name, _("Category"))
    return forms.ChoiceField(label=label, choices=[(code, spoken[code]) for code in codes], initial=initial)


class AlertForm(forms.Form):
    """An alert as it is composed. `message` and `area` are its parts; `counted` is which area was counted last."""

    key = forms.CharField(widget=forms.HiddenInput, max_length=64, required=False)
    seen = forms.IntegerField(widget=forms.HiddenInput, required=False, min_value=1)
    counted = forms.CharField(widget=forms.HiddenInput, max_length=64, required=False)

    event = forms.CharField(
        label=words.FIELDS["event"], max_length=200, help_text=_("What happens, in a few words")
    )
    category = _choice("category", CATEGORIES, words.CATEGORIES, "Security")
    urgency = _choice("urgency", URGENCIES, words.URGENCIES, "Immediate")
    severity = _choice("severity", SEVERITIES, words.SEVERITIES, "Severe")
    certainty = _choice("certainty", CERTAINTIES, words.CERTAINTIES, "Observed")
    status = forms.ChoiceField(
        label=_("Real or practised"), choices=[(code, words.STATUSES[code]) for code in STATUSES]
    )
    hours = forms.IntegerField(
        label=_("In force for so many hours"), min_value=1, max_value=MOST_HOURS, initial=6
    )

    headline = _written(_("Headline in English"), "en")
    text = _written(_("What has happened, in English"), "en", 4)
    instruction = _written(_("What to do, in English"), "en", 3)
    headline_ur = _written(_("Headline in Urdu"), "ur")
    text_ur = _written(_("What has happened, in Urdu"), "ur", 4)
    instruction_ur = _written(_("What to do, in Urdu"), "ur", 3)
    headline_zh = _written(_("Headline in Chinese"), "zh")
    text_zh = _written(_("What has happened, in Chinese"), "zh", 4)
    instruction_zh = _written(_("What to do, in Chinese"), "zh", 3)

    description = forms.CharField(label=_("The area, in words"), max_length=200, required=False)
    sites = forms.MultipleChoiceField(label=_("Sites"), required=False)
    organisations = forms.MultipleChoiceField(label=_("Organisations"), required=False)
    districts = forms.CharField(
        label=_("Districts"), max_length=5_000, required=False, help_text=_("Parted by commas")
    )
    movements = forms.BooleanField(label=_("Everybody on an open journey"), required=False)
    latitude = forms.FloatField(label=_("Circle: latitude"), min_value=-90, max_value=90, required=False)
    longitude = forms.FloatField(label=_("Circle: longitude"), min_value=-180, max_value=180, required=False)
    radius_km = forms.FloatField(
        label=_("Circle: radius in kilometres"), min_value=0.01, max_value=2_000, required=False
    )
    boundary = forms.CharField(
        label=_("Polygon: one corner on each line"),
        required=False,
        max_length=100_000,
        help_text=_("Latitude, longitude: 24.86, 67.01"),
        widget=forms.Textarea(attrs={"rows": 4, "dir": "ltr"}),
    )
    new_danger = forms.BooleanField(
        label=_("This is new danger: page everybody again, also those who have answered"), required=False
    )

    def __init__(
        self,
        *args: Any,
        sites: Choices = (),
        organisations: Choices = (),
        amends: bool = False,
        **kwargs: Any,
    ) -> None:
        super().__init__(*args, **kwargs)
        self.fields["sites"].choices = list(sites)  # type: ignore[attr-defined]
        self.fields["organisations"].choices = list(organisations)  # type: ignore[attr-defined]
        self.names = {**dict(sites), **dict(organisations)}
        if amends:
            del self.fields["status"]
        else:
            del self.fields["new_danger"]

    def clean(self) -> dict[str, Any]:
        given: dict[str, Any] = super().clean() or {}
        if not any(given.get("headline" + end) for end in SUFFIX.values()):
            self.add_error("headline", _("Write a headline in at least one language."))
        for language in LANGUAGES:
            end = SUFFIX[language]
            if (given.get("text" + end) or given.get("instruction" + end)) and not given.get(
                "headline" + end
            ):
                self.add_error("headline" + end, _("Whoever writes a text writes its headline too."))
        circle = [given.get(name) for name in ("latitude", "longitude", "radius_km")]
        if any(each is not None for each in circle) and None in circle:
            self.add_error("radius_km", _("A circle has a latitude, a longitude and a radius."))
        given["polygon"] = self._ring(given.get("boundary", ""))
        names = ("sites", "organisations", "districts", "movements", "polygon", "radius_km")
        if not self.errors and not any(given.get(name) for name in names):
            self.add_error(
                None, _("An alert is for an area, a site, an organisation or those on open journeys.")
            )
        return given

    def _ring(self, text: str) -> list[list[float]] | None:
        lines = [line for line in text.splitlines() if line.strip()]
        if not lines:
            return None
        found = [match for line in lines if (match := _POINT.fullmatch(line))]
        ring = [[float(match[2]), float(match[1])] for match in found]
        right = all(abs(longitude) <= 180 and abs(latitude) <= 90 for longitude, latitude in ring)
        if len(found) != len(lines) or not right or not 3 <= len(ring) < MOST_POINTS:
            self.add_error(
                "boundary", _("Three corners or more, each a latitude and a longitude in degrees.")
            )
            return None
        return ring if ring[0] == ring[-1] else [*ring, ring[0]]

    def message(self, now: float) -> dict[str, Any]:
        """The message as it was typed, in force from `now` (seconds since 1970)."""
        given = self.cleaned_data
        names = ["event", "category", "urgency", "severity", "certainty", "status"]
        names += [name + end for name in ("headline", "text", "instruction") for end in SUFFIX.values()]
        expires = datetime.fromtimestamp(now, UTC) + timedelta(hours=given["hours"])
        found = {name: given[name] for name in names if given.get(name)}
        return {**found, "sent": _iso(datetime.fromtimestamp(now, UTC)), "expires": _iso(expires)}

    def area(self) -> dict[str, Any]:
        given = self.cleaned_data
        parts = re.split(r"[,،、\n]", given["districts"])
        found: dict[str, Any] = {
            "description": given["description"],
            "sites": given["sites"],
            "site_names": [self.names[each][:200] for each in given["sites"]],
            "organisations": given["organisations"],
            "organisation_names": [self.names[each][:200] for each in given["organisations"]],
            "movements": given["movements"],
            "districts": [name.strip()[:200] for name in parts if name.strip()][:MOST_NAMED],
        }
        if given["polygon"]:
            found["polygon"] = given["polygon"]
        if given["radius_km"] is not None:
            centre = {"latitude": given["latitude"], "longitude": given["longitude"]}
            found["circle"] = {**centre, "radius_m": given["radius_km"] * 1000}
        return found

    def area_digest(self) -> str:
        """Which area this is, to know whether it was the one that was counted."""
        text = json.dumps(self.area(), sort_keys=True, ensure_ascii=False)
        return hashlib.sha256(text.encode()).hexdigest()


def as_typed(
    message: Mapping[str, Any], area: Mapping[str, Any], now: float, known: frozenset[str]
) -> dict[str, Any]:
    """An alert as its form would have been filled in; `known` are the ids that can be chosen now."""
    names = ["event", "category", "urgency", "severity", "certainty", "status"]
    names += [name + end for name in ("headline", "text", "instruction") for end in SUFFIX.values()]
    found: dict[str, Any] = {name: message[name] for name in names if message.get(name)}
    left = (instant(message["expires"]).timestamp() - now) / 3600 if message.get("expires") else 6
    found["hours"] = min(max(1, math.ceil(left)), MOST_HOURS)
    found |= {"description": area.get("description", ""), "movements": bool(area.get("movements"))}
    found["sites"] = [each for each in area.get("sites", ()) if each in known]
    found["organisations"] = [each for each in area.get("organisations", ()) if each in known]
    found["districts"] = ", ".join(area.get("districts", ()))
    circle = area.get("circle") or {}
    if circle:
        found |= {"latitude": circle["latitude"], "longitude": circle["longitude"]}
        found["radius_km"] = circle["radius_m"] / 1000
    corners = [f"{latitude}, {longitude}" for longitude, latitude in (area.get("polygon") or ())[:-1]]
    found["boundary"] = "\n".join(corners)
    return found


class CapFileForm(forms.Form):
    """A file with one CAP 1.2 message."""

    file = forms.FileField(label=_("CAP 1.2 message (XML)"), max_length=200)
    agency = forms.CharField(label=_("From which agency"), max_length=200, required=False)

    def clean_file(self) -> Any:
        file = self.cleaned_data["file"]
        if file.size > MAX_BYTES:
            raise forms.ValidationError(_("A message has at most 512 KB."))
        return file


def _iso(at: datetime) -> str:
    return at.isoformat(timespec="seconds").replace("+00:00", "Z")
