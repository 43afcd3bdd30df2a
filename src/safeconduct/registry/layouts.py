"""What the columns of an imported table are, and how a row becomes the parts of a record.

Every column is named; one that is not known refuses the file, so that a slip of the keyboard loses nothing.
Where a column names another record, it does so by that record's identifier or by its name, if only one has it.
A moment without an offset from UTC is read in the node's own time zone.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.utils import timezone

from safeconduct.agreement.policy import Subject
from safeconduct.people.models import Account
from safeconduct.records.find import MAX_LIMIT, Query, find
from safeconduct.records.moments import MomentRefused, instant
from safeconduct.records.safe_cells import unguarded
from safeconduct.registry.parts import NAMES

Cellmap = Mapping[str, str]
Parts = dict[str, dict[str, Any]]
NAME_COLUMNS = {name: name for name in NAMES}


class RowRefused(ValueError):
    """A row that cannot be taken: `column` is where it is wrong, "" for the row as a whole."""

    def __init__(self, column: str, reason: str) -> None:
        self.column = column
        self.reason = reason
        super().__init__(f"{column}: {reason}" if column else reason)


@dataclass(frozen=True)
class Layout:
    """A table of one kind: by column, the part and field it fills. `id` is the identifier of a row."""

    name: str
    kind: str
    columns: Mapping[str, str]
    required: tuple[str, ...]

    def column_of(self, part: str, path: str) -> str:
        """The column that fills a field of a part; the field's own path where none does, "" for the whole part."""
        if not path:
            return ""
        wanted = f"{part}.{path.partition('.')[0]}"
        return next((column for column, target in self.columns.items() if target == wanted), wanted)


PERSONS = Layout(
    "persons",
    "person",
    {
        "id": "employment.external",
        **{column: f"name.{field}" for column, field in NAME_COLUMNS.items()},
        "employer": "employment.employer",
        "project": "employment.project",
        "position": "employment.position",
        "site": "employment.site",
        "passport": "document.passport",
        "permit": "document.permit",
        "phone": "contact.phone",
        "email": "contact.email",
        "next_of_kin": "contact.next_of_kin",
        "account": "link.account",
    },
    ("id", "name"),
)
SITES = Layout(
    "sites",
    "site",
    {
        "id": "identity.external",
        **{column: f"identity.{field}" for column, field in NAME_COLUMNS.items()},
        "category": "identity.category",
        "organisation": "identity.organisation",
        "projects": "identity.projects",
        "latitude": "place.latitude",
        "longitude": "place.longitude",
        "radius_m": "place.radius_m",
        "place": "place.place",
        "district": "place.district",
        "province": "place.province",
        "access": "arrangements.access",
        "muster_point": "arrangements.muster_point",
        "remarks": "arrangements.remarks",
    },
    ("id", "name", "district"),
)
PRESENCES = Layout(
    "presences",
    "presence",
    {
        "id": "stay.external",
        "person": "about",
        "site": "stay.site",
        "since": "stay.since",
        "until": "stay.until",
    },
    ("id", "person", "site", "since"),
)
LAYOUTS = {layout.name: layout for layout in (PERSONS, SITES, PRESENCES)}

_RECORDS = {
    "employment.employer": "organisation",
    "employment.project": "project",
    "employment.site": "site",
    "identity.organisation": "organisation",
    "stay.site": "site",
    "about": "person",
}
_BY_NAME_TOO = {"employment.employer": "employer_name", "identity.organisation": "organisation_name"}
"""Fields that keep the name itself where no such record is registered."""


class Registered:
    """The records that a table may name, by identifier and by name, as far as the importer may see them."""

    def __init__(self, reader: Subject) -> None:
        self._reader = reader
        self._known: dict[str, tuple[dict[str, str], dict[str, set[str]]]] = {}

    def find(self, column: str, kind: str, text: str) -> str | None:
        """The record that a cell names. Raises RowRefused where several bear the name."""
        external, named = self._of(kind)
        if text in external:
            return external[text]
        found = named.get(text.casefold(), set())
        if len(found) > 1:
            raise RowRefused(column, "several are registered under this name; give the identifier")
        return next(iter(found), None)

    def _of(self, kind: str) -> tuple[dict[str, str], dict[str, set[str]]]:
        if kind in self._known:
            return self._known[kind]
        name_part, key_part = ("name", "employment") if kind == "person" else ("identity", "identity")
        external: dict[str, str] = {}
        named: dict[str, set[str]] = defaultdict(set)
        parts = tuple(dict.fromkeys((name_part, key_part)))
        query = Query(
            kind, originator=self._reader.party, withdrawn=False, parts=parts, sort="at", limit=MAX_LIMIT
        )
        while True:
            page = find(self._reader, query)
            for record in page.records:
                if key := record.parts.get(key_part, {}).get("external"):
                    external[key] = record.id
                for field in NAMES:
                    if name := record.parts.get(name_part, {}).get(field):
                        named[name.casefold()].add(record.id)
            if not page.next_cursor:
                break
            query = Query(**{**query.__dict__, "cursor": page.next_cursor})
        self._known[kind] = (external, dict(named))
        return self._known[kind]


def parts_of_row(layout: Layout, cells: Cellmap, registered: Registered) -> tuple[str, str, Parts]:
    """(identifier, what it is about or "", parts) of a row. Raises RowRefused that names the column."""
    for column in layout.required:
        if not cells.get(column):
            raise RowRefused(column, "must not be empty")
    parts: Parts = {}
    about = ""
    for column, target in layout.columns.items():
        text = unguarded(cells.get(column, ""))
        if not text:
            continue
        part, _, field = target.partition(".")
        value = _value(column, target, text, registered)
        if target == "about":
            about = str(value)
        elif value is None:
            parts.setdefault(part, {})[_BY_NAME_TOO[target]] = text
        else:
            parts.setdefault(part, {})[field] = value
    identifier = cells["id"]
    if identifier.startswith(NOT_IMPORTED):
        raise RowRefused("id", "this record was entered by hand; amend it on its page")
    return identifier, about, parts


NOT_IMPORTED = "record:"
"""Begins the identifier that an export gives to a record that has none of its own."""


def _value(column: str, target: str, text: str, registered: Registered) -> Any:
    if target in _RECORDS:
        found = registered.find(column, _RECORDS[target], text)
        if found is None and target not in _BY_NAME_TOO:
            raise RowRefused(column, "nothing is registered under this identifier or name")
        return found
    if target == "identity.projects":
        projects = [(each, registered.find(column, "project", each)) for each in _listed(text)]
        if any(found is None for _, found in projects):
            raise RowRefused(column, "nothing is registered under this identifier or name")
        return [found for _, found in projects]
    if target == "link.account":
        account = Account.objects.filter(username=text).first()
        if account is None:
            raise RowRefused(column, "there is no such account")
        return str(account.person)
    if target in ("place.latitude", "place.longitude", "place.radius_m"):
        return text.replace(",", ".")
    if target == "identity.category":
        return text.casefold().replace(" ", "_")
    if target in ("stay.since", "stay.until"):
        return _moment(column, text)
    return text


def _listed(text: str) -> list[str]:
    return [each.strip() for each in text.split(";") if each.strip()]


def _moment(column: str, text: str) -> str:
    try:
        instant(text)
        if "T" in text or " " in text:
            return text
    except MomentRefused:
        pass
    try:
        parsed = datetime.fromisoformat(text)
    except ValueError:
        raise RowRefused(column, "not a day (2024-10-06) or an hour (2024-10-06 23:00)") from None
    return timezone.make_aware(parsed).isoformat() if parsed.tzinfo is None else parsed.isoformat()
