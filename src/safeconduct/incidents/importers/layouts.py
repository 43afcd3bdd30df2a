"""Which layout a file has, and what its columns mean.

UCDP, ACLED and GTD files are recognised by their header. ACLED and GTD bar passing their data on, so what
comes from a file that a user holds bears the kind's own levels and nothing is labelled OPEN. Any other file
is read with a column mapping that its user gives.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass

from safeconduct.incidents.importers import ucdp
from safeconduct.incidents.importers.cells import (
    Cellmap,
    Parts,
    RowRefused,
    code,
    coordinates,
    day,
    shown,
    whole,
    without_blanks,
    words,
)
from safeconduct.records.delimited import FileRefused


@dataclass(frozen=True)
class Layout:
    """A known arrangement of columns. `convert` gives the identifier and the parts, or raises RowRefused."""

    name: str
    required: frozenset[str]
    convert: Callable[[Cellmap], tuple[str, Parts]]
    public: bool = False


_ACLED_PLACE = {1: 1, 2: 3, 3: 4}
_ACLED_TIME = {1: 1, 2: 3, 3: 4}
_ACLED_CATEGORY = {
    "battles": "attack",
    "explosions/remote violence": "attack",
    "violence against civilians": "attack",
    "protests": "unrest",
    "riots": "unrest",
}
_ACLED_METHOD = {
    "suicide bomb": "suicide_bombing",
    "remote explosive/landmine/ied": "explosive_device",
    "grenade": "explosive_device",
    "shelling/artillery/missile attack": "indirect_fire",
    "air/drone strike": "air_or_drone",
    "abduction/forced disappearance": "abduction",
    "mob violence": "crowd",
    "violent demonstration": "crowd",
    "armed clash": "shooting",
}


def _acled(cells: Cellmap) -> tuple[str, Parts]:
    identifier = words(cells, "event_id_cnty") or words(cells, "data_id")
    start = day(cells, "event_date")
    if not identifier or not start:
        raise RowRefused("event_id_cnty and event_date must be given")
    event, sub = words(cells, "event_type"), words(cells, "sub_event_type")
    place = words(cells, "location")
    abduction = sub.casefold() == "abduction/forced disappearance"
    precision = _ACLED_TIME[code(cells, "time_precision", 1, 3)] if cells.get("time_precision") else 1
    parties = " / ".join(name for column in ("actor1", "actor2") if (name := words(cells, column)))
    return identifier, without_blanks(
        {
            "summary": {
                "title": ", ".join(piece for piece in (sub or event, place) if piece)[:200],
                "narrative": "\n".join(p for p in (parties, cells.get("notes", "")[:19_000]) if p),
                "category": "kidnapping" if abduction else _ACLED_CATEGORY.get(event.casefold(), "other"),
                "target_class": "civilians" if words(cells, "civilian_targeting") else None,
            },
            "when": {"start": start, "time_precision": precision},
            "where": {
                **coordinates(cells),
                "geo_precision": _ACLED_PLACE[code(cells, "geo_precision", 1, 3)],
                "place": place,
                "district": words(cells, "admin2"),
                "province": words(cells, "admin1"),
                "country": words(cells, "country"),
            },
            "people": {"killed_best": whole(cells, "fatalities")},
            "method": {"type": _ACLED_METHOD.get(sub.casefold(), "unknown"), "detail": sub},
            "source": {
                "name": "ACLED",
                "external": f"acled:{identifier}",
                "remark": words(cells, "source", 1_500),
            },
        }
    )


_GTD_PLACE = {1: 1, 2: 3, 3: 3, 4: 4, 5: 6}
_GTD_METHOD = {
    "armed assault": "shooting",
    "assassination": "shooting",
    "bombing/explosion": "explosive_device",
    "hostage taking (kidnapping)": "abduction",
    "hostage taking (barricade incident)": "abduction",
    "facility/infrastructure attack": "arson",
    "unarmed assault": "assault",
}
_GTD_TARGET = {
    "private citizens & property": "civilians",
    "police": "security_force",
    "military": "security_force",
    "government (diplomatic)": "institution",
    "educational institution": "institution",
    "utilities": "infrastructure",
    "transportation": "infrastructure",
}


def _gtd(cells: Cellmap) -> tuple[str, Parts]:
    identifier = words(cells, "eventid")
    if not identifier:
        raise RowRefused("eventid: empty")
    start, precision = _gtd_day(cells)
    attack = words(cells, "attacktype1_txt")
    place = words(cells, "city")
    place = "" if place.casefold() == "unknown" else place
    doubtful = whole(cells, "doubtterr") == 1
    kidnapping = "kidnapping" in attack.casefold()
    suicide = whole(cells, "suicide") == 1
    return identifier, without_blanks(
        {
            "summary": {
                "title": ", ".join(piece for piece in (attack or "Attack", place) if piece)[:200],
                "narrative": "\n".join(
                    p for p in (words(cells, "gname"), cells.get("summary", "")[:19_000]) if p
                ),
                "category": "kidnapping" if kidnapping else "attack",
                "target_class": _GTD_TARGET.get(words(cells, "targtype1_txt").casefold()),
            },
            "when": {"start": start, "time_precision": precision},
            "where": {
                **coordinates(cells),
                "geo_precision": _GTD_PLACE[code(cells, "specificity", 1, 5)]
                if cells.get("specificity")
                else 6,
                "place": place,
                "province": words(cells, "provstate"),
                "country": words(cells, "country_txt"),
            },
            "people": {
                "killed_best": whole(cells, "nkill"),
                "injured_best": whole(cells, "nwound"),
                "nationalities": words(cells, "natlty1_txt"),
            },
            "method": {
                "type": "suicide_bombing" if suicide else _GTD_METHOD.get(attack.casefold(), "unknown"),
                "detail": words(cells, "weapsubtype1_txt") or words(cells, "weaptype1_txt"),
            },
            "source": {
                "name": "Global Terrorism Database",
                "external": f"gtd:{identifier}",
                "remark": "The database doubts that this was terrorism" if doubtful else "",
            },
        }
    )


def _gtd_day(cells: Cellmap) -> tuple[str, int]:
    """Year, month and day of which month and day may be 0 for unknown; (day, time precision)."""
    year, month, date = (whole(cells, column) for column in ("iyear", "imonth", "iday"))
    if not year:
        raise RowRefused("iyear: empty")
    text = f"{year:04}-{month or 1:02}-{date or 1:02}"
    precision = 5 if not month else 4 if not date else 1
    return day({"iyear, imonth, iday": text}, "iyear, imonth, iday"), precision


UCDP = Layout(ucdp.NAME, ucdp.REQUIRED, ucdp.convert, public=True)
ACLED = Layout(
    "acled",
    frozenset(
        ("event_id_cnty", "event_date", "event_type", "latitude", "longitude", "geo_precision", "fatalities")
    ),
    _acled,
)
GTD = Layout(
    "gtd", frozenset(("eventid", "iyear", "imonth", "iday", "attacktype1_txt", "latitude", "longitude")), _gtd
)
LAYOUTS = {layout.name: layout for layout in (UCDP, ACLED, GTD)}


def recognise(columns: Iterable[str], name: str | None = None) -> Layout:
    """The layout of that name, or the one that fits. Raises FileRefused, naming what is missing."""
    present = frozenset(columns)
    if name is not None:
        if name not in LAYOUTS:
            raise FileRefused(f"no layout is called {shown(name)}; there are {', '.join(LAYOUTS)}")
        missing = sorted(LAYOUTS[name].required - present)
        if missing:
            raise FileRefused(f"the header lacks columns of {name}: {', '.join(missing)}")
        return LAYOUTS[name]
    for layout in LAYOUTS.values():
        if layout.required <= present:
            return layout
    nearest = max(LAYOUTS.values(), key=lambda layout: len(layout.required & present) / len(layout.required))
    missing = sorted(nearest.required - present)
    raise FileRefused(
        f"the header fits no known layout ({', '.join(LAYOUTS)}); nearest is {nearest.name}, "
        f"which also has {', '.join(missing)}. Give a column mapping for a file of your own"
    )
