"""risk: forecasts tried on past years, from a file that a party holds."""

from __future__ import annotations

import json
import sys
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from safeconduct.risk.days import date_of, day_named, day_of, iso_of

if TYPE_CHECKING:
    from safeconduct.risk.backtest import Backtest, OfMethod
    from safeconduct.risk.blocks import Estimate
    from safeconduct.risk.events import Events

NAMES = {
    "uniform": "the same everywhere",
    "count90": "count of 90 days",
    "count365": "count of 365 days",
    "ever": "kernel over all time",
    "standard": "standard: 365 days and kernel",
    "scales": "option: regression on counts",
}
VERDICTS = {
    "better": "The option measurably beats the standard forecast.",
    "mixed": "The option's chances are measurably truer, but it finds measurably fewer incidents in the same area.",
    "none": "The option does not measurably beat the standard forecast.",
    "worse": "The option is measurably worse than the standard forecast.",
    "few": "Too few incidents to say whether the option beats the standard forecast.",
    "": "The option could not be asked: too few incidents before the years that were tested.",
}
LIMITS = (
    "Places only. Incidents that are not in the file are not foreseen either: what was not reported, what failed, and "
    "in UCDP's data whatever killed nobody; there is no hour and no intent in it. An input to a decision by somebody "
    "who is authorised to make it."
)
MOST_OUTLINE_BYTES = 64 * 1024**2
YEARS = 4


@click.group()
def risk() -> None:
    """Try the forecasts on past years."""


@risk.command()
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option(
    "--area",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="GeoJSON polygons of the area; without them, within 50 km of an incident known before the tested years.",
)
@click.option("--layout", type=click.Choice(["ucdp", "acled", "gtd"]), help="Force a known layout.")
@click.option("--from", "since", type=click.IntRange(1970, 9998), help="The first year to be tested.")
@click.option("--to", "until", type=click.IntRange(1970, 9998), help="The last; the newest in the file.")
@click.option("--days", type=click.Choice(["7", "30"]), default="7", help="How far ahead.")
@click.option(
    "--lag", type=click.IntRange(0, 365), default=0, help="Days after which an incident is reported."
)
@click.option("--seed", type=click.IntRange(0, 2**31), default=0, help="Draws resamples, and cells for fits.")
@click.option("--json", "as_json", is_flag=True, help="All figures, for a program.")
def backtest(
    file: Path,
    area: Path | None,
    layout: str | None,
    since: int | None,
    until: int | None,
    days: str,
    lag: int,
    seed: int,
    as_json: bool,
) -> None:
    """Forecast every week of past years from what was known before it, and compare with what came.

    FILE is any that `import` reads. Incidents count that are known to within 25 km and six days.
    """
    from safeconduct.risk import backtest as testing

    events, refused = _events(file, layout)
    if not len(events):
        raise ValueError(f"{file.name} holds no incident with a day and a position")
    newest = int(events.day[-1])
    last = until or date_of(newest).year
    first = since or last - YEARS + 1
    if first > last:
        raise ValueError(f"the years to be tested run from {first} to {last}")
    setting = testing.Setting(_new_year(first), min(_new_year(last + 1), newest + 1), int(days), lag, seed)
    found = testing.backtest(events, [_outline(area)] if area else [], setting)
    if as_json:
        click.echo(json.dumps(_told(found, len(events), refused), indent=2))
        return
    for line in _lines(found, len(events), refused):
        click.echo(line)


def _events(file: Path, layout: str | None) -> tuple[Events, int]:
    """The incidents of the file, and how many rows are none."""
    from safeconduct.incidents.importers.run import RefusedRow, read
    from safeconduct.risk.events import Events

    rows, provinces, refused = [], [], 0
    for count, row in enumerate(read(file, layout), 1):
        if sys.stderr.isatty() and count % 1_000 == 0:
            click.echo(f"\r{count:,} rows read", nl=False, err=True)
        if isinstance(row, RefusedRow):
            refused += 1
            continue
        when, where = row.parts.get("when") or {}, row.parts.get("where") or {}
        if not when.get("start") or where.get("latitude") is None or where.get("longitude") is None:
            continue
        rows.append(
            (
                day_named(when["start"]),
                where["latitude"],
                where["longitude"],
                where.get("geo_precision") or 7,
                when.get("time_precision") or 5,
            )
        )
        provinces.append(where.get("province") or "")
    return Events.of(rows, province=provinces), refused


def _outline(path: Path) -> Any:
    from safeconduct.risk.grid import AreaError

    if path.stat().st_size > MOST_OUTLINE_BYTES:
        raise AreaError(f"{path.name} is larger than {MOST_OUTLINE_BYTES // 1024**2} MiB")
    try:
        return json.loads(path.read_text("utf-8"))
    except (ValueError, RecursionError) as fault:
        raise AreaError(f"{path.name} is no GeoJSON: {fault}") from fault


def _new_year(year: int) -> int:
    return day_of(date(year, 1, 1))


def _told(found: Backtest, rows: int, refused: int) -> dict[str, Any]:
    option = found.of("scales")
    return {
        **found.plain(),
        "placed": rows,
        "refused_rows": refused,
        "first_day": iso_of(found.first),
        "last_day": iso_of(found.last),
        "verdict": option.verdict if option else "",
        "sentence": VERDICTS[option.verdict if option else ""],
        "milliseconds": {each.method: round(each.milliseconds, 3) for each in found.methods},
    }


def _lines(found: Backtest, rows: int, refused: int) -> list[str]:
    setting = found.setting
    made = (
        "the outline that was given, and cells with an incident known before"
        if found.made == "polygons"
        else f"within {setting.around_km:g} km of an incident known before"
    )
    lines = [
        f"{rows:,} incidents with a day and a position"
        + (f", {refused:,} rows of the file refused" if refused else ""),
        f"{found.windows} windows of {setting.horizon} days, beginning on Mondays from {iso_of(found.first)} to "
        f"{iso_of(found.last)}; reporting lag {setting.lag} days; seed {setting.seed}",
        f"{found.cells:,} cells (H3, resolution {setting.resolution}), {found.area_km2:,.0f} km2: {made}",
        f"{found.known:,} incidents known before, {found.incidents:,} in the tested time, {found.outside:,} of these "
        "outside the area and so missed",
        "",
        f"{'':<30}{'hit rate in 1 %':>22}{'in 5 %':>22}{'PAI 1 %':>9}{'5 %':>6}{'Brier':>9}{'log loss':>10}"
        f"{'saved %':>22}{'expected':>10}{'in range':>9}",
    ]
    for each in found.methods:
        lines.append(
            f"{NAMES[each.method]:<30}{_share(each.hit1):>22}{_share(each.hit5):>22}{_plain(each.pai1):>9}"
            f"{_plain(each.pai5):>6}{each.brier * 1e4:>9.2f}{each.log_loss * 1e4:>10.2f}{_percent(each.skill):>22}"
            f"{each.expected:>10,.0f}{each.in_range:>9.2f}"
        )
    lines += [
        f"{'came':<30}{found.came:>110,}",
        "",
        "Brackets: 95 %, from resampled blocks of 8 weeks. Brier score and log loss: per cell and window, times "
        "10,000. Saved: of the standard forecast's log loss. In range: windows whose number of incidents lay in "
        "the range that 9 in 10 should lie in.",
        "",
        *_by_province(found),
        "",
        *_calibrated(found),
        "",
        *_sentences(found),
        LIMITS,
    ]
    return lines


def _by_province(found: Backtest) -> list[str]:
    from safeconduct.risk.backtest import FEWEST

    shown = [each for each in (found.of("standard"), found.of("scales")) if each]
    lines = [
        f"{'by province':<42}{'came':>6}{'once':>6}"
        + "".join(f"{each.method:>10}{'in 1 %':>19}{'in 5 %':>19}" for each in shown)
    ]
    for number, province in enumerate(shown[0].provinces):
        line = f"{(province.name or 'not said')[:41]:<42}{province.incidents:>6,}{province.once:>6,}"
        for each in shown:
            own = each.provinces[number]
            rates = ((own.hit1, own.ends1), (own.hit5, own.ends5))
            line += f"{own.expected:>10,.1f}" + "".join(f"{_with_ends(*each):>19}" for each in rates)
        lines.append(line)
    return [
        *lines,
        "Expected number, and share of what came that lay in 1 and 5 % of the whole area. Came: in each window anew; "
        f"once: each incident once. With fewer than {FEWEST} of these a share is little more than chance, and has no "
        "brackets.",
    ]


def _with_ends(value: float | None, ends: tuple[float, float] | None) -> str:
    return _plain(value, 2) + (f" [{ends[0]:.2f}, {ends[1]:.2f}]" if ends else "")


def _calibrated(found: Backtest) -> list[str]:
    lines = [f"{'stated chance':<24}{'cells':>12}{'stated':>10}{'came':>10}"]
    for each in (found.of("standard"), found.of("scales")):
        if each:
            lines.append(NAMES[each.method])
            lines += [
                f"  {row.low:>8g} to {row.high:<10g}{row.count:>12,}{row.stated:>10.4f}{row.came:>10.4f}"
                for row in each.calibration
            ]
    return lines


def _sentences(found: Backtest) -> list[str]:
    option = found.of("scales")
    lines = [VERDICTS[option.verdict if option else ""]]
    if option is None or option.verdict == "few":
        return lines
    for share, gain in ((1, option.gain1), (5, option.gain5)):
        if gain is None or gain.value is None:
            continue
        said = {"more": "measurably more", "less": "measurably fewer", "unclear": "no measurable difference"}
        lines.append(f"In {share} % of the area: {said[gain.direction]} ({_share(gain, sign=True)}).")
    return [*lines, *_provinces_unbeaten(option)]


def _provinces_unbeaten(option: OfMethod) -> list[str]:
    unbeaten = [
        each.name or "not said"
        for each in option.provinces
        if each.incidents and (each.gain5 is None or each.gain5.direction != "more")
    ]
    return [f"In 5 % of the area no measurable gain in: {', '.join(unbeaten)}."] if unbeaten else []


def _share(told: Estimate, sign: bool = False) -> str:
    if told.value is None:
        return "-"
    form = "+.3f" if sign else ".3f"
    ends = "" if told.low is None or told.high is None else f" [{told.low:{form}}, {told.high:{form}}]"
    return f"{told.value:{form}}{ends}"


def _percent(told: Estimate | None) -> str:
    if told is None or told.value is None:
        return "-"
    ends = (
        "" if told.low is None or told.high is None else f" [{told.low * 100:+.1f}, {told.high * 100:+.1f}]"
    )
    return f"{told.value * 100:+.1f}{ends}"


def _plain(told: float | None, digits: int = 1) -> str:
    return "-" if told is None else f"{told:.{digits}f}"
