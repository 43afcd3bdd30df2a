"""Files of the Uppsala Conflict Data Program: GED and the monthly Candidate events.

The data are public (CC BY 4.0; cite Sundberg and Melander 2013, Journal of Peace Research 50(4)), so every
part is labelled OPEN. Figures are deaths only: the set has no wounded, no method and no hour. The columns
that quote the press or describe the spot in free text are left out, for they may name individuals.
"""

from __future__ import annotations

from safeconduct.incidents.importers.cells import (
    Cellmap,
    Parts,
    RowRefused,
    code,
    coordinates,
    day,
    whole,
    without_blanks,
    words,
)

NAME = "ucdp"
REQUIRED = frozenset(
    (
        "id",
        "type_of_violence",
        "where_prec",
        "latitude",
        "longitude",
        "date_prec",
        "date_start",
        "best",
        "high",
        "low",
    )
)

VIOLENCE = {
    1: ("State-based violence", "attack", "unknown"),
    2: ("Non-state violence", "unrest", "unknown"),
    3: ("One-sided violence", "attack", "civilians"),
}
"""type_of_violence: UCDP's words, our category, our target class."""

_SIDES = (
    ("deaths_a", "side A"),
    ("deaths_b", "side B"),
    ("deaths_civilians", "civilians"),
    ("deaths_unknown", "unknown"),
)


def convert(cells: Cellmap) -> tuple[str, Parts]:
    """One row as (identifier in the data set, parts of an incident). Raises RowRefused."""
    number = whole(cells, "id")
    if number is None:
        raise RowRefused("id: empty")
    violence, category, target = VIOLENCE[code(cells, "type_of_violence", 1, 3)]
    place = words(cells, "where_coordinates")
    start = day(cells, "date_start")
    if not start:
        raise RowRefused("date_start: empty")
    parties = words(cells, "dyad_name") or words(cells, "conflict_name")
    figures, doubt = _figures(cells)
    return str(number), without_blanks(
        {
            "summary": {
                "title": _title(violence, parties, place or words(cells, "country")),
                "narrative": _narrative(cells, violence),
                "category": category,
                "target_class": target,
            },
            "when": {
                "start": start,
                "end": day(cells, "date_end"),
                "time_precision": code(cells, "date_prec", 1, 5),
            },
            "where": {
                **coordinates(cells),
                "geo_precision": code(cells, "where_prec", 1, 7),
                "place": place,
                "district": words(cells, "adm_2"),
                "province": words(cells, "adm_1"),
                "country": words(cells, "country"),
            },
            "people": figures | {"victims": ". ".join(filter(None, (_by_side(cells), doubt)))},
            "source": {
                "name": words(cells, "source_version") or "UCDP GED",
                "external": f"{NAME}:{number}",
                "remark": _remark(cells),
            },
        }
    )


def _figures(cells: Cellmap) -> tuple[dict[str, int | str], str]:
    """Killed as low, best and high. Some published rows have them descend: then the span is made to hold all
    three, and the second value says what stands in the file."""
    given = [whole(cells, end) for end in ("low", "best", "high")]
    numbers = [number for number in given if number is not None and number >= 0]
    if len(numbers) < 3:
        raise RowRefused("low, best and high must all be given, and none below 0")
    low, best, high = numbers
    doubt = "" if low <= best <= high else f"The file has low {low}, best {best}, high {high}"
    return {"killed_low": min(numbers), "killed_best": best, "killed_high": max(numbers)}, doubt


def _title(violence: str, parties: str, place: str) -> str:
    tail = f", {place}" if place else ""
    head = f"{violence}: {parties}" if parties else violence
    return f"{head[: 200 - len(tail)]}{tail}"[:200]


def _narrative(cells: Cellmap, violence: str) -> str:
    lines = [
        f"{label}: {text}"
        for label, column in (
            ("Conflict", "conflict_name"),
            ("Dyad", "dyad_name"),
            ("Side A", "side_a"),
            ("Side B", "side_b"),
        )
        if (text := words(cells, column))
    ]
    return "\n".join([f"{violence} as coded by UCDP.", *lines])


def _by_side(cells: Cellmap) -> str:
    deaths = [f"{label} {number}" for column, label in _SIDES if (number := whole(cells, column)) is not None]
    return f"Deaths by side: {', '.join(deaths)}" if deaths else ""


def _remark(cells: Cellmap) -> str:
    reports, clarity = whole(cells, "number_of_sources"), whole(cells, "event_clarity")
    said = [
        "Event clarity: 1 (clear)" if clarity == 1 else f"Event clarity: {clarity}" if clarity else "",
        f"Reports used: {reports}" if reports is not None and reports > 0 else "",
        f"Reported by: {offices}" if (offices := words(cells, "source_office", 1_500)) else "",
    ]
    return ". ".join(piece for piece in said if piece)
