"""The demonstration's history: publicly reported attacks as incidents, every figure as somebody's claim."""

from __future__ import annotations

import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from importlib.resources import files
from typing import Any

OPEN_PARTS = {"summary": 0, "when": 0, "where": 0, "method": 0, "source": 0}


@dataclass(frozen=True)
class Attack:
    """One reported attack: the parts of its incident, and its claims as (claiming party, parts)."""

    title: str
    parts: Mapping[str, Mapping[str, Any]]
    claims: tuple[tuple[str, Mapping[str, Mapping[str, Any]]], ...]


def attacks() -> Iterator[Attack]:
    """The bundled list, oldest first."""
    told = tomllib.loads(files("safeconduct.node.demonstration").joinpath("attacks.toml").read_text("utf-8"))
    for entry in sorted(told["attack"], key=lambda e: (e["date"], e.get("local_time", ""))):
        yield Attack(
            entry["title"],
            _parts(entry, told["utc_offset"], told["country"]),
            tuple((claim["party"], _claim(claim)) for claim in entry["claims"]),
        )


def _parts(entry: Mapping[str, Any], offset: str, country: str) -> dict[str, dict[str, Any]]:
    time = entry.get("local_time")
    return {
        "summary": {
            "title": entry["title"],
            "narrative": entry["summary"],
            "category": "attack",
            "target_class": entry["target_class"],
        },
        "when": {
            "start": f"{entry['date']}T{time}:00{offset}" if time else entry["date"],
            "time_precision": entry["time_precision"],
            "local_hour_known": bool(time),
        },
        "where": {
            "latitude": entry["latitude"],
            "longitude": entry["longitude"],
            "geo_precision": entry["geo_precision"],
            "place": entry["place"],
            "district": entry["district"],
            "province": entry["province"],
            "country": country,
        },
        "method": {"type": entry["method"], "detail": entry.get("method_detail", "")},
        "source": {"name": "public reports", "external": f"reported:{entry['id']}"},
    }


def _claim(claim: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
    figure = {k: claim[k] for k in ("what", "low", "best", "high", "unit") if k in claim}
    source = {
        "outlet": claim["outlet"],
        "party": claim["party"],
        "reliability": claim["reliability"],
        "credibility": claim["credibility"],
        "published": claim["date"],
    }
    remark = {"remark": {"text": claim["remark"]}} if "remark" in claim else {}
    return {"figure": figure, "source": source, **remark}
