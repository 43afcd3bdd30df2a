"""Charts drawn by the node itself, as SVG made of numbers: nothing in them was written by anybody.

Time runs from left to right in every language, as on the axis of a map. The table beside a chart has its figures.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence

from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString

from safeconduct.assessment.analysis_form import Period
from safeconduct.risk.concentration import Concentration
from safeconduct.risk.counts import Counted
from safeconduct.risk.days import day_of
from safeconduct.risk.trend import Trend

WIDTH, HEIGHT = 720, 240
LEFT, RIGHT, TOP, BOTTOM = 40, 8, 8, 24
_ACROSS, _DOWN = WIDTH - LEFT - RIGHT, HEIGHT - TOP - BOTTOM
_MARKS = 9
_POINTS = 60


def time_chart(spans: Sequence[Counted], trend: Trend, period: Period, alternative: str) -> SafeString:
    """Bars by unit with the intervals of their counts, hollow where the unit is cut, and the fitted trend."""
    if not spans:
        return SafeString("")
    since, until = period
    top = _round_up(max(each.high for each in spans))
    pieces = [_rules(top)]
    for each in spans:
        left, right = (_x((day_of(end) - since) / (until - since)) for end in (each.since, each.until))
        inset = min(1.0, (right - left) * 0.1)
        middle, height = (left + right) / 2, _y(0) - _y(each.count / top)
        pieces.append(
            format_html(
                '<g><title>{}: {}</title><rect class="bar{}" x="{}" y="{}" width="{}" height="{}"/>'
                '<path class="whisker" d="M{} {}V{}"/></g>',
                each.since.isoformat(),
                each.count,
                "" if each.whole else " cut",
                _of(left + inset),
                _of(_y(each.count / top)),
                _of(right - left - 2 * inset),
                _of(height),
                _of(middle),
                _of(_y(each.low / top)),
                _of(_y(each.high / top)),
            )
        )
    if trend.ratio is not None:
        days = sorted((each.until - each.since).days for each in spans)[len(spans) // 2]
        steps = [step / _POINTS for step in range(_POINTS + 1)]
        line = [(step, min(trend.rate(step) * days / 365.25 / top, 1.0)) for step in steps]
        pieces.append(_line(line, "trend"))
    step = math.ceil(len(spans) / _MARKS)
    marks = [(day_of(each.since) - since) / (until - since) for each in spans[::step]]
    names = [each.since.isoformat()[:7] for each in spans[::step]]
    pieces.append(_marks(zip(marks, names, strict=True)))
    return _drawn(pieces, alternative)


def curve_chart(found: Concentration, alternative: str) -> SafeString:
    """The share of the incidents over the share of the cells that were hit; the diagonal is an equal spread."""
    if found.events == 0:
        return SafeString("")
    shares = (0, 0.25, 0.5, 0.75, 1)
    pieces = [_rules(1.0, "%"), _line([(0.0, 0.0), (1.0, 1.0)], "even"), _line(found.curve, "curve")]
    pieces.append(_marks((share, f"{share * 100:.0f}%") for share in shares))
    return _drawn(pieces, alternative)


def _round_up(value: float) -> float:
    """The least of 1, 2 and 5 times a power of ten that reaches the value, 4 at least: the axis has quarters."""
    value = max(value, 4.0)
    power = 10 ** math.floor(math.log10(value))
    return next(float(step * power) for step in (1, 2, 4, 8, 10) if step * power >= value)


def _x(share: float) -> float:
    return LEFT + share * _ACROSS


def _y(share: float) -> float:
    return TOP + (1 - share) * _DOWN


def _of(value: float) -> str:
    return f"{value:.1f}"


def _rules(top: float, unit: str = "") -> SafeString:
    shares = (0.0, 0.25, 0.5, 0.75, 1.0)
    scale = 100 if unit else 1
    return format_html_join(
        "",
        '<path class="rule" d="M{} {}H{}"/><text x="{}" y="{}" text-anchor="end">{}{}</text>',
        (
            (
                LEFT,
                _of(_y(share)),
                WIDTH - RIGHT,
                LEFT - 4,
                _of(_y(share) + 4),
                f"{share * top * scale:g}",
                unit,
            )
            for share in shares
        ),
    )


def _marks(marks: Iterable[tuple[float, str]]) -> SafeString:
    return format_html_join(
        "",
        '<text x="{}" y="{}" text-anchor="{}">{}</text>',
        (
            (
                _of(_x(share)),
                HEIGHT - 6,
                "end" if share > 0.95 else "start" if share < 0.05 else "middle",
                name,
            )
            for share, name in marks
        ),
    )


def _line(points: Sequence[tuple[float, float]], css: str) -> SafeString:
    path = " ".join(f"{_of(_x(across))},{_of(_y(up))}" for across, up in points)
    return format_html('<polyline class="{}" points="{}"/>', css, path)


def _drawn(pieces: Sequence[SafeString], alternative: str) -> SafeString:
    body = format_html_join("", "{}", ((each,) for each in pieces))
    return format_html(
        '<svg class="chart" viewBox="0 0 {} {}" role="img" aria-label="{}" direction="ltr">{}</svg>',
        WIDTH,
        HEIGHT,
        alternative,
        body,
    )
