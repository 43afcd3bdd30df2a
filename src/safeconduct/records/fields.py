"""What the parts of many kinds are made of: bounded names and texts, places, moments.

Degrees are WGS 84, distances metres, durations seconds unless a field's name says minutes; moments are ISO
8601 with their UTC offset.
"""

from __future__ import annotations

from typing import Annotated, Literal, get_args

from pydantic import BaseModel, ConfigDict, Field, StringConstraints

Name = Annotated[str, StringConstraints(max_length=200)]
Named = Annotated[str, StringConstraints(min_length=1, max_length=200)]
Text = Annotated[str, StringConstraints(max_length=5_000)]
RecordId = Annotated[str, StringConstraints(max_length=64)]
Code = Annotated[str, StringConstraints(max_length=64, pattern=r"^[^|\x00-\x1f]*$")]
"""A unit's or account's id, as role assignments and the `assigned` of a record name it."""
Latitude = Annotated[float, Field(ge=-90, le=90, allow_inf_nan=False)]
Longitude = Annotated[float, Field(ge=-180, le=180, allow_inf_nan=False)]
Minutes = Annotated[int, Field(ge=0, le=100_000)]
Reliability = Literal["A", "B", "C", "D", "E", "F"]
Credibility = Annotated[int, Field(ge=1, le=6)]
RELIABILITY: tuple[str, ...] = get_args(Reliability)
CREDIBILITY = range(1, 7)
"""The admiralty scale: how reliable a source has been, and how credible what it says is now; F and 6 say "unknown"."""


class Detail(BaseModel):
    """A group of fields within a part."""

    model_config = ConfigDict(extra="forbid", frozen=True, str_strip_whitespace=True)


def located(latitude: float | None, longitude: float | None) -> None:
    """Refuses half a position. Raises ValueError."""
    if (latitude is None) != (longitude is None):
        raise ValueError("latitude and longitude come together")
