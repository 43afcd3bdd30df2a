"""The stays of persons as an import would leave them, so that a dry run refuses what the writer would refuse."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from time import time as clock
from typing import Any

from safeconduct.agreement.policy import Subject
from safeconduct.records.find import MAX_LIMIT, Query, find
from safeconduct.registry.stays import FOR_EVER, seconds, too_late


@dataclass
class _Entry:
    record: str
    site: str
    since: float
    until: float | None

    @property
    def end(self) -> float:
        return FOR_EVER if self.until is None else self.until


class StayBook:
    """Who is where, when, by the records that the importer may see and the rows taken so far."""

    def __init__(self, reader: Subject) -> None:
        self._reader = reader
        self._entries: dict[str, list[_Entry]] = {}

    def take(self, person: str, record: str, stay: Mapping[str, Any]) -> tuple[str, str] | None:
        """Note a row; or answer (column, reason) for one that the writer would refuse. `record` is the presence
        that the row corrects, "" for a new one."""
        if too_late(clock(), stay["since"]):
            return "since", "it has not come to that yet"
        if too_late(clock(), stay.get("until")):
            return "until", "it has not come to that yet"
        entries = self._of(person)
        since = seconds(stay["since"])
        until = seconds(stay["until"]) if stay.get("until") else None
        others = [each for each in entries if not record or each.record != record]
        current = next((each for each in others if each.until is None), None)
        if not record and until is None and current is not None:
            if current.site == stay["site"] and current.since <= since:
                return "id", "the person is registered there already"
            if current.since < since:
                current.until = since
        end = FOR_EVER if until is None else until
        if any(each.since < end and since < each.end for each in others):
            return "since", "the person is registered elsewhere at that time"
        self._entries[person] = [*others, _Entry(record, stay["site"], since, until)]
        return None

    def _of(self, person: str) -> list[_Entry]:
        if person not in self._entries:
            query = Query("presence", about=person, originator=self._reader.party, withdrawn=False, sort="at")
            found = find(self._reader, Query(**{**query.__dict__, "limit": MAX_LIMIT})).records
            stays = [(each.id, each.parts["stay"]) for each in found if "stay" in each.parts]
            self._entries[person] = [
                _Entry(
                    record,
                    told["site"],
                    seconds(told["since"]),
                    seconds(told["until"]) if told.get("until") else None,
                )
                for record, told in stays
            ]
        return self._entries[person]
