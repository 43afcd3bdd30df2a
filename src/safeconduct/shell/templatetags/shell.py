"""Filters and tags that every room's templates use: `{% load shell %}`."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from functools import lru_cache
from pathlib import Path
from typing import Any

from django import template
from django.templatetags.static import static
from django.utils import timezone
from django.utils.formats import date_format
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _

from safeconduct.agreement.vocabulary import LEVELS
from safeconduct.records import here
from safeconduct.shell.terms import ACT_NAMES, LEVEL_NAMES, ROLE_NAMES, STATUS_NAMES, plain, separator

register = template.Library()

DIST = Path(__file__).resolve().parent.parent / "static" / "dist"


# --- text that runs left to right in every language --------------------------------------------------------


@register.filter
def ltr(value: object) -> SafeString:
    """Isolate a reference, number, call sign or address, so that Urdu text does not reverse its pieces."""
    return format_html('<bdi dir="ltr">{}</bdi>', value)


@register.filter
def coordinates(latitude: Any, longitude: Any = None) -> SafeString | str:
    """`{{ latitude|coordinates:longitude }}`, or of a (latitude, longitude) pair, in degrees; latitude first."""
    if longitude is None and isinstance(latitude, (tuple, list)) and len(latitude) == 2:
        latitude, longitude = latitude
    if latitude in (None, "") or longitude in (None, ""):
        return ""
    text = f"{float(latitude):.4f}, {float(longitude):.4f}"
    return format_html('<bdi dir="ltr" class="number nowrap">{}</bdi>', text)


@register.filter
def between(low: object, high: object) -> SafeString:
    """`{{ low|between:high }}`: one number, or a range that reads low to high in every direction of writing."""
    text = str(low) if low == high else f"{low}–{high}"
    return format_html('<bdi dir="ltr" class="number nowrap">{}</bdi>', text)


# --- levels, statuses, words -------------------------------------------------------------------------------


def level_word(level: object) -> str:
    """The level's name from its name or number; an empty text for anything else."""
    if isinstance(level, int) and not isinstance(level, bool) and 0 <= level < len(LEVELS):
        return LEVELS[level]
    return level if isinstance(level, str) and level in LEVELS else ""


@register.filter
def level_badge(level: object) -> SafeString:
    word = level_word(level)
    text = plain(LEVEL_NAMES, word) if word else _("no label")
    return format_html('<span class="level" data-level="{}">{}</span>', word, text)


@register.simple_tag
def label_banner(level: object) -> SafeString:
    """The page's label. A page that states none is marked as such and treated as the highest level."""
    word = level_word(level)
    text = plain(LEVEL_NAMES, word) if word else _("Label not stated: treat as SECRET")
    return format_html('<p class="banner" data-level="{}">{}</p>', word, text)


@register.filter
def status_badge(status: str, text: object = "") -> SafeString:
    """A clause's status, or another state with its own `text`."""
    return format_html(
        '<span class="status" data-status="{}">{}</span>', status, text or plain(STATUS_NAMES, status)
    )


@register.filter
def level_name(level: object) -> str:
    return plain(LEVEL_NAMES, level_word(level))


@register.filter
def status_name(status: str) -> str:
    return plain(STATUS_NAMES, status)


@register.filter
def role_name(role: str) -> str:
    return plain(ROLE_NAMES, role)


@register.filter
def act_name(act: str) -> str:
    return plain(ACT_NAMES, act)


@register.filter
def listed(words: Iterable[object]) -> SafeString:
    """Words one after the other as the reader's language parts them, each isolated from its neighbours."""
    return format_html_join(separator(), "<bdi>{}</bdi>", ((word,) for word in words))


# --- time --------------------------------------------------------------------------------------------------


def _instant(value: object) -> datetime | None:
    """The instant in UTC; None for what is none, or lies where a time zone would leave the calendar."""
    try:
        if isinstance(value, str):
            value = datetime.fromisoformat(value)
        if isinstance(value, (int, float)) and not isinstance(value, bool):
            value = datetime.fromtimestamp(value, UTC)
    except (ValueError, OverflowError, OSError):
        return None
    if not isinstance(value, datetime) or not 1 < value.year < 9999:
        return None
    return value.astimezone(UTC) if value.tzinfo else value.replace(tzinfo=UTC)


@register.filter
def moment(value: object, precision: str = "minute") -> SafeString | str:
    """An instant in UTC, and in the reader's time zone where that differs.

    `value` is a datetime (a naive one is UTC), epoch seconds or ISO 8601 text; `precision` is "second", "minute"
    or "day". A day has no time zone, so it is shown as it stands in UTC.
    """
    utc = _instant(value)
    if utc is None:
        return ""
    if precision == "day":
        stamp = utc.date().isoformat()
        return format_html('<time datetime="{}">{}</time>', stamp, date_format(utc.date(), "DATE_FORMAT"))
    clock = "%H:%M:%S" if precision == "second" else "%H:%M"
    local = utc.astimezone(timezone.get_current_timezone())
    stamp = utc.isoformat(timespec="seconds").replace("+00:00", "Z")
    text = format_html(
        '{} <bdi dir="ltr" class="number">{} UTC</bdi>',
        date_format(utc.date(), "DATE_FORMAT"),
        utc.strftime(clock),
    )
    if local.utcoffset() != utc.utcoffset():
        day = "" if local.date() == utc.date() else date_format(local.date(), "MONTH_DAY_FORMAT") + " "
        text += format_html(
            ' <span class="soft nowrap">({}<bdi dir="ltr" class="number">{} {}</bdi>)</span>',
            day,
            local.strftime(clock),
            local.tzname(),
        )
    return format_html('<time datetime="{}">{}</time>', stamp, text)


# --- parties -----------------------------------------------------------------------------------------------


@register.simple_tag(takes_context=True)
def party_name(context: template.Context, party: str) -> str:
    """The name of a party from its id; an unknown id is shown as it is."""
    node = context.get("node")
    return node.names.get(party, party) if node else party


@register.simple_tag(takes_context=True)
def party_side(context: template.Context, party: str) -> str:
    """The side of a party, host or partner, from its id; empty for one that is neither."""
    node = context.get("node")
    return node.sides.get(party, "") if node else ""


# --- blocks ------------------------------------------------------------------------------------------------


@register.inclusion_tag("shell/withheld.html")
def withheld(name: object, reason: object = "", would: Iterable[tuple[str, str]] = ()) -> dict[str, Any]:
    """A part that is not shown: its name, why, and the grants that would open it as (id, status) pairs."""
    return {"name": name, "reason": reason, "would": list(would)}


@register.inclusion_tag("shell/glass.html", takes_context=True)
def glass(context: template.Context, kind: str, record: str) -> dict[str, Any]:
    """The way to an emergency reading of a record, for whom some grant lets break the glass for its kind."""
    reader = getattr(context.get("request"), "principal", None)
    opens = reader is not None and here.state().policy.opens_in_emergency(reader, kind)
    return {"record": record, "opens": opens}


@register.inclusion_tag("shell/hold.html", takes_context=True)
def hold(context: template.Context, kind: str, record: str) -> dict[str, Any]:
    """The way to the hold on a record, for whom some grant lets erase its kind: who may erase it may keep it."""
    reader = getattr(context.get("request"), "principal", None)
    opens = reader is not None and bool(here.state().policy.entries(reader, "erase", kind))
    return {"record": record, "opens": opens}


@register.inclusion_tag("shell/map.html", takes_context=True)
def map(context: template.Context, **options: Any) -> dict[str, Any]:
    """The map. `docs/contributor-interface.md` lists the options."""
    node = context.get("node")
    viewpoint = node.viewpoint if node else "de-facto"
    country = node.country if node else ""
    if viewpoint == "de-facto" or not country:
        viewpoint, country = "de-facto", ""
    words = {
        "map": _("Map"),
        "zoom_in": _("Zoom in"),
        "zoom_out": _("Zoom out"),
        "close": _("Close"),
        "count": _("%(count)s on the map"),
        "cells": _("%(count)s cells on the map"),
    }
    return {
        "viewpoint": viewpoint,
        "country": country,
        "words": json.dumps(words, ensure_ascii=False),
        "basemap_notice": boundary_notice(viewpoint, node.name if node else ""),
        "element": options.pop("id", "map"),
        "attributes": {f"data-{key.replace('_', '-')}": value for key, value in _kept(options).items()},
        "css": options.get("css", ""),
    }


def _kept(options: Mapping[str, Any]) -> dict[str, Any]:
    """The options that are data attributes; a true flag is an attribute without a value, a false one is none."""
    kept = {k: v for k, v in options.items() if k != "css" and v not in (None, False)}
    return {k: "" if v is True else v for k, v in kept.items()}


def boundary_notice(viewpoint: str, party: str) -> str:
    """What a map says of its boundaries."""
    if viewpoint == "de-facto":
        return _(
            "Boundaries are drawn as they are held in fact; lines in dispute are dashed. "
            "The map takes no position on the legal status of any territory."
        )
    return _(
        "Boundaries follow the viewpoint set for %(party)s: lines it does not accept as boundaries are dotted, "
        "other lines in dispute are dashed. Claimed lines are not drawn. "
        "The map takes no position on the legal status of any territory."
    ) % {"party": party}


# --- files of the bundle -----------------------------------------------------------------------------------


@lru_cache(maxsize=1)
def _edition() -> str:
    stamp = DIST / "bundle.stamp"
    return stamp.read_text()[:12] if stamp.is_file() else ""


@register.simple_tag
def asset(name: str) -> str:
    """The address of a file of the bundle; it changes with the bundle, so that no browser keeps an old one."""
    edition = _edition()
    return static(f"dist/{name}") + (f"?v={edition}" if edition else "")


@register.simple_tag
def map_assets() -> SafeString:
    """What a page with a map has in its `head` block."""
    return format_html(
        '<link rel="stylesheet" href="{}"><script type="module" src="{}"></script>',
        asset("map.css"),
        asset("map.js"),
    )


@register.simple_tag
def passkey_assets() -> SafeString:
    """What a page that asks for a passkey has in its `head` block."""
    return format_html('<script type="module" src="{}"></script>', asset("passkey.js"))
