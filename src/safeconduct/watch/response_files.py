"""The reference files of a response: which checklist a class of site has, and which hospitals there are.

Both are TOML and lie in the folder `response` of a home. Checklists come with the package and a node's own file takes
the place of those it names; hospitals there are none until the operator lays them in.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path
from typing import Annotated, Self

from pydantic import BaseModel, Field, TypeAdapter, ValidationError, model_validator

from safeconduct.geo.sphere import Point
from safeconduct.records.fields import Detail, Latitude, Longitude, Name, Named, Text
from safeconduct.records.laid_in import FileRefused, Kept, content_of, refused, toml_of
from safeconduct.watch.response_kinds import (
    MOST_ITEMS,
    SITE_CLASSES,
    TRAUMA,
    ItemCategory,
    Room,
    Trauma,
)

FOLDER, CHECKLISTS, HOSPITALS = "response", "checklists.toml", "hospitals.toml"
MAX_BYTES = 4 * 1024 * 1024
MOST_HOSPITALS = 20_000


class Prepared(Detail):
    """One item as a checklist prepares it, due so many minutes after the beginning."""

    category: ItemCategory
    room: Room
    minutes: Annotated[int, Field(ge=1, le=43_200)] | None = None
    trauma: Trauma | None = None
    en: Text = ""
    ur: Text = ""
    zh: Text = ""

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        if self.trauma is not None and self.category != "hospital":
            raise ValueError("only a hospital has a trauma capability")
        if self.category == "other" and not self.en:
            raise ValueError("an item of category other says in English what is to be done")
        return self


class HospitalLine(Detail):
    """A hospital as the file has it."""

    name: Named
    name_ur: Name = ""
    name_zh: Name = ""
    latitude: Latitude
    longitude: Longitude
    trauma: Trauma = "none"
    helicopter: bool = False
    phone: Name = ""

    def suits(self, needed: str) -> bool:
        return TRAUMA.index(self.trauma) >= TRAUMA.index(needed)

    @property
    def point(self) -> Point:
        return Point(self.latitude, self.longitude)


class HospitalTable(BaseModel):
    """Hospitals and where the table is from; `made_up` marks one that is for exercises and demonstrations only."""

    model_config = {"extra": "forbid", "frozen": True}
    source: Named
    made_up: bool = False
    hospital: Annotated[list[HospitalLine], Field(max_length=MOST_HOSPITALS)] = []


Checklists = Mapping[str, Sequence[Prepared]]
_items: TypeAdapter[list[Prepared]] = TypeAdapter(
    Annotated[list[Prepared], Field(min_length=1, max_length=MOST_ITEMS)]
)


@dataclass(frozen=True)
class ResponseFiles:
    """What a node has; `faults` says what is wrong with a file that was therefore left out."""

    checklists: Checklists
    hospitals: HospitalTable | None
    faults: tuple[str, ...] = ()


def load(home: Path) -> ResponseFiles:
    """The files of a home, read again only when one has changed."""
    return _kept.of(home / FOLDER / CHECKLISTS, home / FOLDER / HOSPITALS)


def _read(checklists: Path, hospitals: Path) -> ResponseFiles:
    prepared, table, faults = dict(built_in()), None, []
    if checklists.exists():
        try:
            prepared.update(parse_checklists(content_of(checklists, MAX_BYTES), CHECKLISTS))
        except FileRefused as fault:
            faults.append(str(fault))
    if hospitals.exists():
        try:
            table = parse_hospitals(content_of(hospitals, MAX_BYTES), HOSPITALS)
        except FileRefused as fault:
            faults.append(str(fault))
    return ResponseFiles(prepared, table, tuple(faults))


def built_in() -> Checklists:
    """The checklists that come with the package."""
    return parse_checklists(files("safeconduct.watch").joinpath(CHECKLISTS).read_bytes(), CHECKLISTS)


def parse_checklists(text: bytes, name: str) -> Checklists:
    """Checklists by class of site. Raises FileRefused that names the class, the item and the reason."""
    found = {}
    for site_class, items in toml_of(text, name).items():
        if site_class not in SITE_CLASSES:
            raise FileRefused(f"{name}: {site_class}: a class of site is {', '.join(SITE_CLASSES)}")
        try:
            found[site_class] = _items.validate_python(items)
        except ValidationError as fault:
            raise refused(f"{name}: {site_class}", fault) from None
    return found


def parse_hospitals(text: bytes, name: str) -> HospitalTable:
    """A table of hospitals. Raises FileRefused that names the hospital's number and the reason."""
    try:
        return HospitalTable.model_validate(toml_of(text, name))
    except ValidationError as fault:
        raise refused(name, fault) from None


_kept = Kept(_read)
