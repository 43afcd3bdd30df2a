"""Figures as they were claimed, side by side: nothing here decides who is right."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

from django.utils.translation import gettext as _

from safeconduct.records.release import Released
from safeconduct.reports import words as named

MOST = 12
"""Claims of one incident that a row has room for."""
COUNTED = ("killed", "injured")
Ends = tuple[float | None, float | None, float | None]


def figures(claims: Sequence[Released], people: Mapping[str, Any] | None) -> tuple[str, bool]:
    """(the claims line by line, whether some figure cannot be what all of its sources say)."""
    lines: list[str] = []
    spans: dict[str, list[tuple[float, float]]] = {}
    reported = [(what, _ends(people or {}, f"{what}_")) for what in COUNTED]
    own = [
        f"{named.code('what', what)} {_span(*ends)}"
        for what, ends in reported
        if any(e is not None for e in ends)
    ]
    if own:
        lines.append(_("This report: %s") % "; ".join(own))
    standing = [c for c in claims if c.state != "retracted" and c.parts.get("figure")]
    for claim in sorted(standing, key=lambda c: (c.parts["figure"]["what"], _source(c), c.id)):
        figure = claim.parts["figure"]
        spans.setdefault(figure["what"], []).append(_bounds(*_ends(figure)))
        lines.append(f"{named.code('what', figure['what'])} {_span(*_ends(figure))} · {_source(claim)}")
    differ = any(
        max(low for low, _high in seen) > min(high for _low, high in seen) for seen in spans.values()
    )
    if len(lines) > MOST:
        lines = [*lines[:MOST], _("and %s more") % (len(lines) - MOST)]
    return "\n".join(lines), differ


def _ends(fields: Mapping[str, Any], before: str = "") -> Ends:
    low, best, high = (fields.get(f"{before}{end}") for end in ("low", "best", "high"))
    return low, best, high


def _bounds(low: float | None, best: float | None, high: float | None) -> tuple[float, float]:
    """The least and the most that a figure allows; a best figure alone is exact."""
    if low is None and high is None:
        return best or 0, best or 0
    return low or 0, math.inf if high is None else high


def _source(claim: Released) -> str:
    source = claim.parts.get("source") or {}
    grade = f"{source.get('reliability') or ''}{source.get('credibility') or ''}"
    outlet = source.get("outlet") or _("source withheld")
    return f"{outlet} ({grade})" if grade else str(outlet)


def _span(low: float | None, best: float | None, high: float | None) -> str:
    """A claimed figure in digits: 2, 10–17, ≥ 10, ≤ 16, or 2 (1–3)."""
    if low is None or high is None:
        if low is None and high is None:
            return f"{best or 0:g}"
        span = f"≥ {low:g}" if low is not None else f"≤ {high:g}"
    else:
        span = f"{low:g}" if low == high else f"{low:g}–{high:g}"
    return span if best is None or low == high else f"{best:g} ({span})"
