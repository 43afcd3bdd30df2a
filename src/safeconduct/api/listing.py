"""From a request's filters to a page of records."""

from __future__ import annotations

import math
from typing import Any

from pydantic import BaseModel

from safeconduct.agreement.policy import Subject
from safeconduct.api.asked import Asked
from safeconduct.api.problems import Problem, bad_request
from safeconduct.api.schemas import Filters, Listed
from safeconduct.records.find import Query


def reader(request: Asked) -> Subject:
    """Who asks: the token's owner with the token's roles."""
    return request.bearer.principal


def only(request: Asked, filters: type[BaseModel] | None = None) -> None:
    """Refuse parameters that nobody knows: a misspelt filter must not widen a list. Raises Problem."""
    known = set(filters.model_fields) if filters else set()
    if strangers := sorted(set(request.GET) - known):
        listed = [{"parameter": name[:100], "detail": "no such parameter"} for name in strangers[:20]]
        raise Problem(400, "bad-request", "Bad request", "A parameter is not known here.", errors=listed)
    for name in request.GET:
        if len(request.GET.getlist(name)) > 1:
            raise bad_request("A parameter is given twice.")


def query(kind: str, filters: Listed, **more: Any) -> Query:
    return Query(
        kind,
        text=filters.text,
        since=filters.since.timestamp() if filters.since else None,
        until=filters.until.timestamp() if filters.until else None,
        bbox=_box(filters.bbox) if isinstance(filters, Filters) else None,
        category=filters.category,
        place=filters.place,
        originator=filters.originator,
        state=filters.state,
        withdrawn=filters.withdrawn,
        sort=filters.sort,
        descending=filters.descending,
        limit=filters.limit,
        cursor=filters.cursor,
        **more,
    )


def _box(text: str) -> tuple[float, float, float, float] | None:
    if not text:
        return None
    try:
        west, south, east, north = (float(piece) for piece in text.split(","))
    except ValueError:
        raise bad_request("bbox is west,south,east,north in degrees.") from None
    inside = all(map(math.isfinite, (west, south, east, north))) and -90 <= south <= north <= 90
    if not inside or max(abs(west), abs(east)) > 180:
        raise bad_request("bbox is west,south,east,north in degrees.")
    return west, south, east, north
