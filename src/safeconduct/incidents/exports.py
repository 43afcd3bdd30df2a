"""Incidents as CSV and GeoJSON: only what was released to whoever exports, as a stream.

CSV cells that a spreadsheet would run as a formula get a leading apostrophe. GeoJSON follows RFC 7946:
WGS 84, longitude before latitude, no `crs`, a null geometry where the place is unknown or withheld.
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from safeconduct.incidents.kinds import INCIDENT
from safeconduct.records.safe_cells import BOM, csv_row, safe_cell

Released = Mapping[str, Any]

HEADER = ("id", "version", "state", "originator", "label")
COLUMNS = tuple((part, name) for part, model in INCIDENT.parts.items() for name in model.model_fields)


@dataclass(frozen=True)
class Writer:
    """How one file format is written: `opening`, the records with `separator` between them, `closing`."""

    content_type: str
    opening: str
    line: Callable[[Released], str]
    separator: str = ""
    closing: str = ""

    def pieces(self, records: Iterable[Released]) -> Iterator[str]:
        """The whole file, piece by piece."""
        yield self.opening
        for number, record in enumerate(records):
            yield (self.separator if number else "") + self.line(record)
        yield self.closing


def _csv_line(record: Released) -> str:
    parts = record["parts"]
    cells = [safe_cell(record.get(name)) for name in HEADER]
    cells += [safe_cell((parts.get(part) or {}).get(name)) for part, name in COLUMNS]
    return csv_row([*cells, safe_cell(";".join(record.get("withheld", ())))])


def csv_writer(bom: bool = False) -> Writer:
    """CSV (RFC 4180, CRLF). `bom` helps spreadsheets that do not expect UTF-8."""
    names = (*HEADER, *(f"{part}.{name}" for part, name in COLUMNS), "withheld")
    return Writer("text/csv; charset=utf-8", (BOM if bom else "") + csv_row(names), _csv_line)


def feature(record: Released) -> dict[str, Any]:
    """One incident as a GeoJSON Feature; properties are flat (`when.start`), as map programs expect."""
    parts = record["parts"]
    where = parts.get("where") or {}
    latitude, longitude = where.get("latitude"), where.get("longitude")
    properties: dict[str, Any] = {name: record.get(name) for name in HEADER if name != "id"}
    for part, name in COLUMNS:
        value = (parts.get(part) or {}).get(name)
        if value not in (None, "") and (part, name) not in (("where", "latitude"), ("where", "longitude")):
            properties[f"{part}.{name}"] = value
    properties["withheld"] = list(record.get("withheld", ()))
    return {
        "type": "Feature",
        "id": record["id"],
        "geometry": _point(latitude, longitude),
        "properties": properties,
    }


def _point(latitude: Any, longitude: Any) -> dict[str, Any] | None:
    if latitude is None or longitude is None or not (math.isfinite(latitude) and math.isfinite(longitude)):
        return None
    return {"type": "Point", "coordinates": [longitude, latitude]}


def _geojson_line(record: Released) -> str:
    return json.dumps(feature(record), ensure_ascii=False, separators=(",", ":"), allow_nan=False)


GEOJSON = Writer(
    "application/geo+json",
    '{"type":"FeatureCollection","features":[',
    _geojson_line,
    separator=",\n",
    closing="]}\n",
)
"""A FeatureCollection; its pieces joined are one JSON text."""
