"""The kinds' language: what a record of a kind is made of.

A kind is a fixed, ordered list of *parts*. A part is a named group of fields that is labelled, released,
withheld, sealed and erased as one. Rooms declare their kinds; everything else in the house reads them here.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from types import MappingProxyType
from typing import Any, ClassVar

from pydantic import BaseModel, ConfigDict, ValidationError

from safeconduct.agreement.vocabulary import LEVELS, KindShape, Vocabulary

DIMENSIONS = ("time", "until", "latitude", "longitude", "category", "place", "external", "figure")
"""Columns a list may filter or sort by; each kind says which field of which part fills them."""

MAX_PARTS = 16
MAX_PART_BYTES = 256 * 1024


class PartModel(BaseModel):
    """The fields of one part. `level` is the label the part bears unless its author raises it.

    A part that is not `tabled` (an attachment's content) lies in the ledger only and is fetched when opened.
    `max_bytes` bounds its JSON.
    """

    model_config = ConfigDict(extra="forbid", frozen=True, str_strip_whitespace=True)
    level: ClassVar[str] = "RESTRICTED"
    tabled: ClassVar[bool] = True
    max_bytes: ClassVar[int] = MAX_PART_BYTES


_UNKNOWN = frozenset({"extra_forbidden", "literal_error"})
"""What pydantic calls a field that a model does not have, and a word that is none of those it knows."""


class PartRefused(ValueError):
    """A part that does not fit its kind; `errors` has (part, field path, reason) triples.

    `unknown`: all that is wrong are fields and words that the kind does not have, as a later version's would be.
    """

    def __init__(self, kind: str, errors: list[tuple[str, str, str]], unknown: bool = False) -> None:
        self.kind = kind
        self.errors = errors
        self.unknown = unknown
        super().__init__("; ".join(f"{kind}.{part}.{path}: {why}" for part, path, why in errors))


LEAST_JOINED = 2
"""Records without which nothing is joined (`Kind.joins`): one alone waits for the others."""


@dataclass(frozen=True)
class Kind:
    """A kind of record.

    `searched` lists `part.field` names whose text the full-text index holds; those in `names` are names of
    persons and things, which are also found by how they are spelled and sound in another script. `check` is
    the kind's own rule (called by commit() in the writer, inside the transaction); it raises a
    `records.refusals.Refused`.
    `crosses_by_pairing` marks the few kinds that two paired nodes need to have an agreement at all.
    `assigns` is a (part, field): the unit or account named there is a duty bearer of the record it is about.
    `authorises` is a (part, field): the person of a partner named there may see what the record is about, where a
    grant asks for that; it fills the dimension `external`, and a dimension `until` ends it.
    `inherits_bearers`: the bearers of what a record is about are bearers of the record. `final` are the states
    after which nothing more happens; terms of erasure count from the day one of them was reached. `falls_with`:
    it makes no sense without the record it is about, and is withdrawn with that by the party that wrote both.
    `addressed`: where it speaks of no other record it belongs to one agreement, and a node with several must be told
    to which; the others are for every partner unless their author says otherwise.
    `joins` is a (part, field): what a party's records with the same value there are about belongs together, and none
    of them is shown or told to whoever may not know of each of these; it fills the dimension `external`.
    `telemetry_of` is the (kind, part) that it belongs to and is as confidential as, for a kind that is never recorded.
    """

    name: str
    parts: Mapping[str, type[PartModel]]
    states: tuple[str, ...] = ("open",)
    dimensions: Mapping[str, tuple[str, str]] = field(default_factory=dict)
    searched: tuple[str, ...] = ()
    names: tuple[str, ...] = ()
    check: Callable[[Any, Any], None] | None = None
    crosses_by_pairing: bool = False
    by_system: bool = False
    assigns: tuple[str, str] | None = None
    authorises: tuple[str, str] | None = None
    inherits_bearers: bool = False
    final: tuple[str, ...] = ()
    falls_with: bool = False
    addressed: bool = False
    joins: tuple[str, str] | None = None
    telemetry_of: tuple[str, str] | None = None

    def __post_init__(self) -> None:
        if not 0 < len(self.parts) <= MAX_PARTS:
            raise ValueError(f"kind {self.name}: 1 to {MAX_PARTS} parts")
        for column, (part, name) in self.dimensions.items():
            if column not in DIMENSIONS or name not in self.parts[part].model_fields:
                raise ValueError(f"kind {self.name}: dimension {column} names no field {part}.{name}")
        for path in self.searched:
            part, _, name = path.partition(".")
            if name not in self.parts[part].model_fields:
                raise ValueError(f"kind {self.name}: searched field {path} does not exist")
        if not set(self.names) <= set(self.searched):
            raise ValueError(f"kind {self.name}: names are among what is searched")
        if self.assigns and self.assigns[1] not in self.parts[self.assigns[0]].model_fields:
            raise ValueError(f"kind {self.name}: assigns names no field {'.'.join(self.assigns)}")
        if self.authorises and self.dimensions.get("external") != self.authorises:
            raise ValueError(f"kind {self.name}: whom it authorises is its dimension external")
        if self.joins and self.dimensions.get("external") != self.joins:
            raise ValueError(f"kind {self.name}: by what it joins is its dimension external")
        if not set(self.final) <= set(self.states):
            raise ValueError(f"kind {self.name}: a final state is one of its states")

    @cached_property
    def part_names(self) -> tuple[str, ...]:
        return tuple(self.parts)

    @cached_property
    def _bits(self) -> dict[str, int]:
        return {name: position for position, name in enumerate(self.parts)}

    def bit(self, part: str) -> int:
        """Position of a part in masks and in `levels`. Raises KeyError for a part the kind does not have."""
        return self._bits[part]

    def fitted(self, values: Sequence[Any], missing: Any = None) -> list[Any]:
        """What a version has at each part of the kind as it is now: a version of an earlier program lacks the parts
        that were appended since, and what a later one has beyond them is not known here."""
        known = list(values[: len(self.parts)])
        return known + [missing] * (len(self.parts) - len(known))

    def default_levels(self) -> dict[str, int]:
        return {name: LEVELS.index(model.level) for name, model in self.parts.items()}

    def validate(self, parts: Mapping[str, Any]) -> dict[str, dict[str, Any] | None]:
        """Parts checked against their models, as JSON values; None for a part that is explicitly empty.

        Raises PartRefused that names every fault at once.
        """
        checked: dict[str, dict[str, Any] | None] = {}
        errors: list[tuple[str, str, str]] = []
        faults: set[str] = set()
        for name, value in parts.items():
            model = self.parts.get(name)
            if model is None:
                errors.append((name, "", "this kind has no such part"))
                continue
            if value is None:
                checked[name] = None
                continue
            try:
                instance = value if isinstance(value, model) else model.model_validate(value)
                checked[name] = instance.model_dump(mode="json", exclude_none=True)
            except ValidationError as fault:
                told = fault.errors(include_url=False)
                errors += [(name, ".".join(map(str, e["loc"])), e["msg"]) for e in told]
                faults |= {e["type"] for e in told}
        if errors:
            raise PartRefused(self.name, errors, unknown=bool(faults) and faults <= _UNKNOWN)
        return checked


_kinds: dict[str, Kind] = {}


def register(kind: Kind) -> Kind:
    """Add a kind to the house; a room calls this once per kind when it is imported."""
    present = _kinds.get(kind.name)
    if present is not None and present is not kind:
        raise ValueError(f"kind {kind.name} is declared twice")
    _kinds[kind.name] = kind
    return kind


def kind(name: str) -> Kind:
    """The kind of that name. Raises KeyError for an unknown one."""
    return _kinds[name]


def kinds() -> Iterator[Kind]:
    return iter(_kinds.values())


def all_kinds() -> Mapping[str, Kind]:
    return MappingProxyType(_kinds)


def vocabulary() -> Vocabulary:
    """What clause files may name: every kind with its parts and states."""
    return Vocabulary({k.name: KindShape(k.name, k.part_names, k.states) for k in _kinds.values()})
