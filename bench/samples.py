"""Parts of every kind that pass its own rules, with a word of the caller's in every field that takes words.

What a field takes is found by trying: a kind that is added later, or a part, is filled without a word here.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from types import UnionType
from typing import Annotated, Any, Literal, Union, get_args, get_origin

from pydantic import BaseModel, ValidationError

from safeconduct.records.kinds import Kind

MOMENT = "2026-03-01T10:00:00+00:00"
_PLAIN: tuple[Any, ...] = (
    MOMENT,
    "2026-03-01",
    1,
    1.5,
    True,
    "a" * 32,
    "text/plain",
    "dGV4dA==",
    "+9230000000",
    "",
    None,
)
"""What is tried where the word does not fit."""
TRIES = 60
NAMED: Mapping[str, Any] = {
    "until": "2026-03-02T10:00:00+00:00", "end": "2026-03-02T10:00:00+00:00", "arrive": "2026-03-01T12:00:00+00:00",
    "language": "en", "media_type": "text/plain", "size": 3, "digest": "0" * 64, "sha256": "0" * 64, "since": MOMENT,
}  # fmt: skip
"""What is tried first in fields of these names."""


def parts_of(kind: Kind, word: str) -> dict[str, dict[str, Any]]:
    """A value for each part of a kind. Raises LookupError for a part that nothing tried will fill."""
    return {name: part_of(model, f"{word} {name}") for name, model in kind.parts.items()}


def part_of(model: type[BaseModel], word: str) -> dict[str, Any]:
    """The fields of a part, the word in as many of them as take it; what goes ill together is left out."""
    for only_required in (False, True):
        fields = {n: f for n, f in model.model_fields.items() if f.is_required() or not only_required}
        chosen = {
            name: iter([*_named(name), *_candidates(field.annotation, word), *_PLAIN])
            for name, field in fields.items()
        }
        value = {name: next(found) for name, found in chosen.items()}
        for _ in range(TRIES):
            try:
                model.model_validate(value)
                return value
            except ValidationError as fault:
                places = {str(error["loc"][0]) for error in fault.errors() if error["loc"]}
                if not places & set(value):
                    break
                for place in places & set(value):
                    _try_next(value, chosen, place)
    raise LookupError(f"{model.__name__}: nothing that was tried fits")


def _try_next(value: dict[str, Any], chosen: Mapping[str, Iterator[Any]], name: str) -> None:
    following = next(chosen[name], None)
    if following is None:
        del value[name]
    else:
        value[name] = following


def _named(name: str) -> list[Any]:
    return [NAMED[name]] if name in NAMED else []


def _candidates(kind: Any, word: str) -> list[Any]:
    """What is likely for a type: the first word of a choice, one of a list, the word itself."""
    origin, inner = get_origin(kind), get_args(kind)
    if origin is Annotated:
        return _candidates(inner[0], word)
    if origin is Literal:
        return list(inner)
    if origin in (Union, UnionType):
        return [found for each in inner if each is not type(None) for found in _candidates(each, word)]
    if origin in (list, tuple, frozenset, set):
        return [[found] for found in _candidates(inner[0], word)] + [[]]
    if origin in (dict, Mapping):
        return [{}]
    if isinstance(kind, type) and issubclass(kind, BaseModel):
        try:
            return [part_of(kind, word)]
        except LookupError:
            return []
    plain: dict[object, list[Any]] = {str: [word], int: [1], float: [1.5], bool: [False]}
    return plain.get(kind, [])
