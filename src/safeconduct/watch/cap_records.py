"""Between an alert's parts and a CAP message: what of the one stands where in the other."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, Final

from safeconduct.records.moments import instant
from safeconduct.watch.alert_kinds import LANGUAGES, MOST_AREAS, MOST_NAMED, SUFFIX
from safeconduct.watch.cap import (
    CERTAINTIES,
    SEVERITIES,
    URGENCIES,
    CapAlert,
    CapArea,
    CapInfo,
    Reference,
    as_name,
)

UNSAID: Final = timedelta(hours=24)
"""How long a message is in force that does not say until when."""
OUT: Final = {"actual": "Actual", "exercise": "Exercise", "test": "Test"}
IN: Final = {"Actual": "actual", "Exercise": "exercise", "Test": "test"}
"""By CAP's status; System and Draft are nobody's alert."""
TEXT, NAME = 5_000, 200

Parts = Mapping[str, Mapping[str, Any]]


def as_cap(record: str, version: int, state: str, party: str, parts: Parts, public: bool) -> CapAlert:
    """An alert, as far as these parts tell, as the message of its present version."""
    message, source = parts.get("message") or {}, parts.get("source") or {}
    references = [Reference.parse(each) for each in source.get("references", ())]
    kind = "Cancel" if state == "cancelled" else "Update" if references else "Alert"
    sent = instant(message["sent"])
    if source.get("identifier"):
        own = Reference.parse(source["identifier"])
    else:
        own = Reference(f"{as_name(party)}.safeconduct", f"{as_name(record)}-{version}", sent)
    areas = _areas(parts.get("area") or {})
    return CapAlert(
        reference=own,
        status=OUT[message["status"]],
        message_type=kind if kind == "Alert" or references else "Alert",
        scope="Public" if public else "Restricted",
        restriction="" if public else "For those who were given access to this feed.",
        note="EXERCISE" if message["status"] == "exercise" else "",
        references=references,
        infos=[_info(message, language, areas) for language in LANGUAGES if _said(message, language)],
    )


def _said(message: Mapping[str, Any], language: str) -> bool:
    return bool(message.get("headline" + SUFFIX[language]))


def _info(message: Mapping[str, Any], language: str, areas: Sequence[CapArea]) -> CapInfo:
    end = SUFFIX[language]
    return CapInfo(
        language=message.get("language") or language if language == "en" else language,
        categories=[message["category"]],
        event=message["event"],
        urgency=message["urgency"],
        severity=message["severity"],
        certainty=message["certainty"],
        headline=message.get("headline" + end, ""),
        description=message.get("text" + end, ""),
        instruction=message.get("instruction" + end, ""),
        sender_name=message.get("sender", ""),
        onset=instant(message["onset"]) if message.get("onset") else None,
        expires=instant(message["expires"]),
        areas=areas,
    )


def _areas(area: Mapping[str, Any]) -> list[CapArea]:
    """One area: its shapes, and in words what has no shape. Records hold longitude first, CAP latitude."""
    rings = [*filter(None, [area.get("polygon")]), *(area.get("polygons") or ())]
    rounds = [*filter(None, [area.get("circle")]), *(area.get("circles") or ())]
    named = [
        area.get("description", ""),
        *area.get("site_names", ()),
        *area.get("organisation_names", ()),
        *area.get("districts", ()),
        *(["open journeys"] if area.get("movements") else []),
    ]
    words = ", ".join(filter(None, named))
    if not (words or rings or rounds):
        return []
    return [
        CapArea(
            description=words or "The area drawn",
            polygons=[[(latitude, longitude) for longitude, latitude in ring] for ring in rings],
            circles=[((c["latitude"], c["longitude"]), c["radius_m"] / 1000) for c in rounds],
        )
    ]


def parts_of(cap: CapAlert, agency: str) -> dict[str, dict[str, Any]]:
    """A message of another agency as the parts of an alert. `agency` is who it came through if it names nobody.

    Where a message says several things in one language, each of its own area, the gravest of them is what it says
    here, and all areas are its area.
    """
    infos = sorted(cap.infos, key=_rank)
    first = infos[0] if infos else None
    chosen: dict[str, CapInfo] = {}
    for info in infos:
        language = _language(info.language)
        if language:
            chosen.setdefault(language, info)
    plain = chosen.get("en")
    message: dict[str, Any] = {
        "event": (first.event if first else "Message without content")[:NAME],
        "status": IN[cap.status],
        "sent": _iso(cap.reference.sent),
        "expires": _iso(_expires(cap)),
        "sender": ((first.sender_name if first else "") or cap.reference.sender)[:NAME],
    }
    if first is not None:
        codes = {"category": first.categories[0], "urgency": first.urgency}
        message |= {**codes, "severity": first.severity, "certainty": first.certainty}
        if first.onset:
            message["onset"] = _iso(first.onset)
    if plain is None and (first is None or not chosen):
        plain = first
        if first is not None:
            message["language"] = first.language
    for language, info in {**chosen, **({"en": plain} if plain is not None else {})}.items():
        end = SUFFIX[language]
        message["headline" + end] = _cut(info.headline or info.event, NAME)
        message["text" + end] = _cut(info.description, TEXT)
        message["instruction" + end] = _cut(info.instruction, TEXT)
    if first is None:
        message["headline"] = message["event"]
    references = [str(each) for each in cap.references][-MOST_NAMED // 5 :]
    source = {
        "agency": _cut(agency or cap.reference.sender, NAME),
        "identifier": str(cap.reference),
        "references": references,
    }
    return {"message": message, "area": _area(cap.infos), "source": source}


def _rank(info: CapInfo) -> tuple[int, int, int]:
    """The gravest first: by severity, then urgency, then certainty; what is unknown comes after what is known."""
    return (
        SEVERITIES.index(info.severity),
        URGENCIES.index(info.urgency),
        CERTAINTIES.index(info.certainty),
    )


def _expires(cap: CapAlert) -> datetime:
    said = [info.expires for info in cap.infos if info.expires is not None]
    latest = max(said, default=cap.reference.sent + UNSAID)
    return max(latest, cap.reference.sent)


def _language(tag: str) -> str:
    head = tag.lower().replace("_", "-").split("-")[0]
    return head if head in LANGUAGES else ""


def _area(infos: Sequence[CapInfo]) -> dict[str, Any]:
    """All areas of all infos, each shape once."""
    names: list[str] = []
    rings: list[list[list[float]]] = []
    rounds: list[dict[str, float]] = []
    for area in (area for info in infos for area in info.areas):
        if area.description and area.description not in names:
            names.append(area.description)
        for ring in area.polygons:
            turned = [[longitude, latitude] for latitude, longitude in ring]
            if turned not in rings:
                rings.append(turned)
        for (latitude, longitude), kilometres in area.circles:
            each = {"latitude": latitude, "longitude": longitude, "radius_m": kilometres * 1000}
            if each not in rounds:
                rounds.append(each)
    found: dict[str, Any] = {"description": _cut("; ".join(names), NAME)}
    if rings:
        found |= {"polygon": rings[0], "polygons": rings[1 : MOST_AREAS + 1]}
    if rounds:
        found |= {"circle": rounds[0], "circles": rounds[1 : MOST_AREAS + 1]}
    return found


def _cut(text: str, most: int) -> str:
    return text if len(text) <= most else text[: most - 1] + "…"


def _iso(at: datetime) -> str:
    return at.isoformat(timespec="seconds").replace("+00:00", "Z")
