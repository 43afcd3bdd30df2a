"""The minimum standards of a node: those of the package, as the party's own file changes them.

TOML, `assessment/standards.toml` in the home. A file that cannot be read leaves the package's standards in force, and
what is wrong with it is said on the page.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path
from typing import Annotated

from pydantic import BaseModel, Field, ValidationError

from safeconduct.assessment.srm_standard_kinds import MOST_ITEMS, SITE_CLASSES, Group, ItemCode, SiteClass
from safeconduct.records.fields import Detail, Text
from safeconduct.records.laid_in import FileRefused, Kept, content_of, refused, toml_of

FOLDER, NAME = "assessment", "standards.toml"
MAX_BYTES = 1024 * 1024


class Standard(Detail):
    """One minimum standard, in the languages that its author has."""

    code: ItemCode
    group: Group
    classes: Annotated[list[SiteClass], Field(min_length=1)]
    en: Annotated[Text, Field(min_length=1, max_length=1_000)]
    ur: Annotated[Text, Field(max_length=1_000)] = ""
    zh: Annotated[Text, Field(max_length=1_000)] = ""

    def said(self, language: str) -> str:
        """In `en`, `ur` or `zh-hans`; in English where it is not written otherwise."""
        return {"ur": self.ur, "zh-hans": self.zh}.get(language) or self.en


class _File(BaseModel):
    model_config = {"extra": "forbid", "frozen": True}
    item: Annotated[list[Standard], Field(max_length=MOST_ITEMS)] = []
    leave_out: Annotated[list[ItemCode], Field(max_length=MOST_ITEMS)] = []


@dataclass(frozen=True)
class Standards:
    """`fault` says what is wrong with the own file, which was then left out."""

    items: tuple[Standard, ...]
    fault: str = ""

    def of(self, site_class: str) -> list[Standard]:
        """Those of a class of site, in their order."""
        return [each for each in self.items if site_class in each.classes]

    def said(self, code: str, text: str, language: str) -> str:
        """What was asked, in the reader's language where this node knows the same words in it."""
        for each in self.items:
            if each.code == code and text in (each.en, each.ur, each.zh):
                return each.said(language)
        return text


def load(home: Path) -> Standards:
    """The standards of a home, read again only when its file has changed."""
    return _kept.of(home / FOLDER / NAME)


def built_in() -> tuple[Standard, ...]:
    """The standards that come with the package."""
    return tuple(_parsed(files("safeconduct.assessment").joinpath(NAME).read_bytes(), NAME).item)


def adapted(base: Sequence[Standard], text: bytes, name: str) -> tuple[Standard, ...]:
    """The standards as a file changes them. Raises FileRefused that names the item and the reason."""
    file = _parsed(text, name)
    known = {each.code: each for each in base}
    if strange := set(file.leave_out) - known.keys():
        raise FileRefused(f"{name}: leave_out names no standard: {', '.join(sorted(strange))}")
    kept = {code: each for code, each in known.items() if code not in file.leave_out}
    found = tuple({**kept, **{each.code: each for each in file.item}}.values())
    for site_class in SITE_CLASSES:
        if sum(site_class in each.classes for each in found) > MOST_ITEMS:
            raise FileRefused(f"{name}: more than {MOST_ITEMS} standards for {site_class}")
    return found


def _read(path: Path) -> Standards:
    base = built_in()
    if not path.exists():
        return Standards(base)
    try:
        return Standards(adapted(base, content_of(path, MAX_BYTES), NAME))
    except FileRefused as fault:
        return Standards(base, str(fault))


def _parsed(text: bytes, name: str) -> _File:
    try:
        file = _File.model_validate(toml_of(text, name))
    except ValidationError as fault:
        raise refused(name, fault) from None
    codes = [each.code for each in file.item]
    if len(codes) != len(set(codes)):
        raise FileRefused(f"{name}: two items have the same code")
    return file


_kept = Kept(_read)
