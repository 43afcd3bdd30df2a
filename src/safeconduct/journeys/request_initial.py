"""What the request form begins with: sensible times, or an earlier movement's fields."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta
from typing import Any
from uuid import uuid4

from django.utils import timezone

from safeconduct.journeys.lead import Terms
from safeconduct.journeys.request_lines import vehicle_rows, written
from safeconduct.journeys.underway_course import instant_of
from safeconduct.records.release import Released

MORNING = 8
MARGIN = timedelta(hours=2)
"""Beyond the lead time: writing the notice takes a while too."""


def fresh(terms: Terms, now: float) -> dict[str, Any]:
    """Departure in the first morning that keeps to the lead time."""
    earliest = timezone.localtime(_aware(now)) + timedelta(hours=terms.lead_hours or 0) + MARGIN
    depart = earliest.replace(hour=MORNING, minute=0, second=0, microsecond=0)
    if depart < earliest:
        depart += timedelta(days=1)
    return {"key": uuid4().hex, "depart_day": depart.date(), "depart_hour": depart.time(), "check_every": 2}


def copied(
    found: Released, manifest: Iterable[Mapping[str, Any]], terms: Terms, now: float
) -> dict[str, Any]:
    """A movement again, at its own hour of the first day that keeps to the lead time."""
    first = fresh(terms, now)
    again = as_typed(found.parts)
    arrive_day, arrive_hour = again.pop("arrive_day", None), again.pop("arrive_hour", None)
    before, hour = again.pop("depart_day", None), again.get("depart_hour")
    again |= {"key": first["key"], "reference": "", "emergency": False, "depart_day": first["depart_day"]}
    if hour is not None and hour.hour < MORNING:
        again["depart_day"] += timedelta(days=1)
    if before is not None and arrive_day is not None:
        again["arrive_day"] = again["depart_day"] + (arrive_day - before)
        again["arrive_hour"] = arrive_hour
    again.setdefault("depart_hour", first["depart_hour"])
    who = [each["who"] for each in manifest if each.get("who")]
    names = [[w["name"], w.get("nationality", ""), w.get("employer", "")] for w in who]
    return {**again, "names": written(names)}


def as_typed(parts: Mapping[str, Any]) -> dict[str, Any]:
    """The parts of a movement as the fields of the form; of parts that are withheld nothing."""
    notice, itinerary = parts.get("notice") or {}, parts.get("itinerary") or {}
    plan, contact = parts.get("check_plan") or {}, parts.get("contact") or {}
    found: dict[str, Any] = {
        name: notice.get(name, "")
        for name in (
            *("reference", "purpose", "persons", "vehicles", "organisation", "emergency", "exercise"),
            *("origin_district", "destination_district"),
        )
    }
    found |= {"contact_name": contact.get("name", ""), "contact_phone": contact.get("phone", "")}
    found["vehicle_lines"] = written(vehicle_rows((parts.get("vehicles") or {}).get("vehicles", ())))
    if itinerary:
        depart, arrive = (_local(itinerary[name]) for name in ("depart", "arrive"))
        found |= {
            "origin": itinerary["origin"]["place"],
            "destination": itinerary["destination"]["place"],
            "depart_day": depart.date(),
            "depart_hour": depart.time(),
            "arrive_day": arrive.date(),
            "arrive_hour": arrive.time(),
            "stops": written(
                [[each["place"], each.get("minutes") or ""] for each in itinerary.get("stops", ())]
            ),
            "route": "" if itinerary.get("route") else "none",
        }
    found["points"] = written(
        [[each["name"], f"{_local(each['due']):%H:%M}"] for each in plan.get("points", ())]
    )
    return found


def _local(moment: str) -> datetime:
    return timezone.localtime(_aware(instant_of(moment))).replace(second=0, microsecond=0)


def _aware(moment: float) -> datetime:
    return datetime.fromtimestamp(moment, timezone.get_default_timezone())
