"""Records of the registry as pages show them: names for codes and records, nothing that was not released."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.urls import reverse
from django.utils.functional import Promise
from django.utils.translation import get_language
from django.utils.translation import gettext as _

from safeconduct.agreement.policy import Subject
from safeconduct.agreement.vocabulary import LEVELS
from safeconduct.people.models import Account
from safeconduct.records.find import MAX_LIMIT, Query, find
from safeconduct.records.kinds import kind
from safeconduct.records.moments import instant, is_day
from safeconduct.records.release import Released, Withheld
from safeconduct.registry import words
from safeconduct.registry.parts import NAMES
from safeconduct.shell.terms import reason_withheld

PLURALS = {
    "organisation": "organisations",
    "project": "projects",
    "site": "sites",
    "unit": "units",
    "person": "persons",
}
"""The kinds that have pages of their own, and how their addresses name them."""
OF_KIND = {
    "organisation": "organisation",
    "employer": "organisation",
    "organisations": "organisation",
    "project": "project",
    "projects": "project",
    "site": "site",
    "sites": "site",
    "same_as": "person",
    "other_than": "person",
}
"""By field, the kind of the records that it names."""
NAME_PARTS = {"person": "name"}
_HIDDEN = frozenset({"latitude", "longitude"})
_OWN_LANGUAGE = {"ur": "name_ur", "zh-hans": "name_zh"}


@dataclass(frozen=True)
class Reference:
    """Another record that a field names: `name` is "" where the reader may not know it."""

    id: str
    name: str
    url: str


@dataclass(frozen=True)
class Moment:
    """A moment ready for the `moment` filter: `precision` is "day" or "minute"."""

    at: datetime
    precision: str

    @classmethod
    def of(cls, text: str | None) -> Moment | None:
        return cls(instant(text), "day" if is_day(text) else "minute") if text else None


@dataclass(frozen=True)
class Fact:
    """One line of a part. Exactly one of the fields after `label` is set."""

    label: str | Promise
    text: str | Promise = ""
    moment: Moment | None = None
    position: tuple[float, float] | None = None
    references: tuple[Reference, ...] = ()
    counts: tuple[tuple[str | Promise, int], ...] = ()
    long: bool = False
    plain: bool = False
    """A number, a telephone, a code: read from left to right in every language."""


@dataclass(frozen=True)
class PartView:
    """A part as the page shows it: its facts, or that it is withheld, erased, or empty."""

    name: str
    title: str | Promise
    level: str = ""
    facts: tuple[Fact, ...] = ()
    withheld: Withheld | None = None
    reason: str = ""
    erased: bool = False


class Names:
    """The names of the records that a page mentions, fetched with the reader's permission, each kind once."""

    def __init__(self, reader: Subject) -> None:
        self._reader = reader
        self._known: dict[str, str] = {}
        self._asked: set[str] = set()
        self.labels: list[str] = []
        """The labels of the names that were learned: a page that shows them bears them too."""

    def fetch(self, found: Iterable[Released]) -> Names:
        """Learn the names of all records that these name in their parts."""
        wanted: dict[str, set[str]] = defaultdict(set)
        for record in found:
            for part in record.parts.values():
                for field, of_kind in OF_KIND.items():
                    value = part.get(field)
                    named = value if isinstance(value, list) else [value]
                    wanted[of_kind].update(each for each in named if isinstance(each, str) and each)
        for of_kind, records in wanted.items():
            self.learn(of_kind, records)
        return self

    def learn(self, of_kind: str, records: Iterable[str]) -> Names:
        missing = sorted(set(records) - self._asked)[:MAX_LIMIT]
        self._asked.update(missing)
        part = NAME_PARTS.get(of_kind, "identity")
        for first in range(0, len(missing), 500):
            some = missing[first : first + 500]
            query = Query(of_kind, ids=some, parts=(part,), limit=len(some))
            for record in find(self._reader, query).records:
                self._known[record.id] = display_name(record)
                self.labels.append(record.label)
        return self

    def name(self, record: str) -> str:
        return self._known.get(record, "")

    def reference(self, of_kind: str, record: str) -> Reference:
        name = self.name(record)
        return Reference(record, name, page_of(of_kind, record) if name else "")


def page_of(of_kind: str, record: str) -> str:
    """The address of a record's page."""
    return reverse("registry:record", args=[PLURALS[of_kind], record])


def display_name(record: Released) -> str:
    """The name in the reader's script where it is known, else as it is written; "" where it is withheld."""
    told = record.parts.get("name") or record.parts.get("identity") or {}
    own = _OWN_LANGUAGE.get(get_language() or "", "name_latin")
    return str(told.get(own) or told.get("name", ""))


def other_names(record: Released) -> list[str]:
    """The same name in the other scripts that it is known in."""
    told = record.parts.get("name") or record.parts.get("identity") or {}
    shown = display_name(record)
    return list(dict.fromkeys(told[name] for name in NAMES if told.get(name) and told[name] != shown))


def part_views(found: Released, names: Names, only: Sequence[str] = ()) -> list[PartView]:
    """The parts of a record in the order of its kind; parts that were never filled are left out."""
    withheld = {each.part: each for each in found.withheld}
    views = []
    for name in only or kind(found.kind).part_names:
        title = words.PARTS[name]
        if name in found.parts:
            facts = tuple(_facts(found.parts[name], names))
            views.append(PartView(name, title, found.levels[name], facts))
        elif name in found.erased:
            views.append(PartView(name, title, erased=True))
        elif name in withheld:
            views.append(
                PartView(name, title, withheld=withheld[name], reason=reason_withheld(withheld[name].reason))
            )
    return views


def _facts(part: Mapping[str, Any], names: Names) -> Iterable[Fact]:
    if part.get("latitude") is not None:
        yield Fact(words.FIELDS["coordinates"], position=(part["latitude"], part["longitude"]))
    for field, content in part.items():
        if content in (None, "", []) or field in _HIDDEN or _said_by_name(field, part, names):
            continue
        yield _fact(field, words.FIELDS.get(field, field), content, names)


def _said_by_name(field: str, part: Mapping[str, Any], names: Names) -> bool:
    """Whether a record and its name both stand in a part: the record is shown where it is known, else the name."""
    if field in ("organisation", "employer"):
        return bool(part.get(f"{field}_name")) and not names.name(part[field])
    if field in ("organisation_name", "employer_name"):
        return bool(names.name(part.get(field.removesuffix("_name"), "")))
    return False


def _fact(field: str, label: Any, content: Any, names: Names) -> Fact:
    if field in OF_KIND:
        records = content if isinstance(content, list) else [content]
        return Fact(label, references=tuple(names.reference(OF_KIND[field], each) for each in records))
    if field in ("since", "until", "expires", "as_of"):
        return Fact(label, moment=Moment.of(content))
    if field == "forces":
        return Fact(label, counts=tuple((words.FORCES[each["force"]], each["count"]) for each in content))
    if field == "boundary":
        return Fact(label, _("%(n)s corners") % {"n": len(content)})
    if field == "account":
        account = Account.objects.filter(person=content).first()
        return Fact(label, account.username if account else content, plain=True)
    if field in words.CODES:
        return Fact(label, words.word(words.CODES[field], content))
    plain = field in ("phone", "radio", "code", "unit", "passport", "permit", "email", "external")
    return Fact(label, str(content), long=len(str(content)) > 120, plain=plain)


def highest(labels: Iterable[str]) -> str:
    """The highest of the labels on a page; OPEN for a page that shows none."""
    return max(labels, key=LEVELS.index, default=LEVELS[0])


def choices(reader: Subject, of_kind: str, originator: str = "") -> list[tuple[str, str]]:
    """The records of a kind that the reader may see and that are in use, by name, for a form to choose from."""
    part = NAME_PARTS.get(of_kind, "identity")
    query = Query(
        of_kind, state="active", withdrawn=False, originator=originator, parts=(part,), limit=MAX_LIMIT
    )
    named = [(record.id, display_name(record)) for record in find(reader, query).records]
    return sorted((pair for pair in named if pair[1]), key=lambda pair: pair[1].casefold())
