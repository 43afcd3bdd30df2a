"""The features of a GeoJSON file one after the other, without holding the file in memory."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import ijson

MOST_BYTES = 2 * 1024**3
MOST_EVENTS = 4_000_000
"""Tokens of one feature: about a million positions."""
DEEPEST = 24


class GeoJsonError(ValueError):
    """A file that is no GeoJSON feature collection, or one that is out of bounds."""


def features(path: Path) -> Iterator[dict[str, Any]]:
    """Every feature of a collection. Raises GeoJsonError where the file is not or no longer one."""
    if path.stat().st_size > MOST_BYTES:
        raise GeoJsonError(f"the file is larger than {MOST_BYTES // 1024**3} GiB")
    count = 0
    with path.open("rb") as source:
        try:
            for feature in _features(source):
                count += 1
                yield feature
        except (ijson.JSONError, UnicodeDecodeError, OverflowError, RecursionError) as fault:
            if isinstance(fault, ijson.IncompleteJSONError):
                raise GeoJsonError(
                    f"the file is cut off after {count:,} features, or is no GeoJSON"
                ) from fault
            raise GeoJsonError(f"the file is no GeoJSON after {count:,} features") from fault


def _features(source: Any) -> Iterator[dict[str, Any]]:
    events = ijson.basic_parse(source, use_float=True)
    if next(events, (None, None))[0] != "start_map":
        raise GeoJsonError("the file is no GeoJSON feature collection")
    found = False
    key = ""
    for event, value in events:
        if event == "map_key":
            key = value
        elif event in ("start_map", "start_array"):
            if key == "features" and event == "start_array":
                found = True
                yield from _items(events)
            else:
                _value(event, value, events, MOST_EVENTS)
    if not found:
        raise GeoJsonError("the file is no GeoJSON feature collection")


def _items(events: Iterator[tuple[str, Any]]) -> Iterator[dict[str, Any]]:
    for event, value in events:
        if event == "end_array":
            return
        item = _value(event, value, events, MOST_EVENTS)
        if isinstance(item, dict):
            yield item


def _value(event: str, value: Any, events: Iterator[tuple[str, Any]], most: int) -> Any:
    """One JSON value from its first event on; its size and depth are bounded, and so what it takes to hold it."""
    if event not in ("start_map", "start_array"):
        return value
    top: Any = {} if event == "start_map" else []
    stack, keys = [top], [""]
    for _ in range(most):
        event, value = next(events)
        holder = stack[-1]
        if event == "map_key":
            keys[-1] = value
        elif event in ("end_map", "end_array"):
            stack.pop()
            keys.pop()
            if not stack:
                return top
        else:
            nested = event in ("start_map", "start_array")
            item = ({} if event == "start_map" else []) if nested else value
            if isinstance(holder, dict):
                holder[keys[-1]] = item
            else:
                holder.append(item)
            if nested:
                stack.append(item)
                keys.append("")
                if len(stack) > DEEPEST:
                    raise GeoJsonError(f"a feature is nested deeper than {DEEPEST}")
    raise GeoJsonError(f"a feature has more than {most:,} values")
