"""Committing a read file to this node, as the node's own work or as a person's."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from safeconduct.agreement.policy import Subject
from safeconduct.incidents.importers.run import ImportSummary, RefusedRow, Row, import_incidents
from safeconduct.incidents.kinds import INCIDENT
from safeconduct.records.commit import Draft, commit_many
from safeconduct.records.door import Door
from safeconduct.records.external import Known, known
from safeconduct.records.principals import system_subject
from safeconduct.records.refusals import Unavailable


def import_file(
    rows: Iterable[Row | RefusedRow],
    door: Door,
    progress: Callable[[ImportSummary], None] = lambda summary: None,
    actor: Subject | None = None,
) -> ImportSummary:
    """Commit rows that `importers.run.read` gives; without an actor this is the node's own work.

    Raises Unavailable when the writer stops answering; what was committed stands, and the same file can be
    imported again.
    """
    doer = actor or system_subject(door.home.party)

    def submit(drafts: Sequence[dict[str, Any]]) -> list[str]:
        answers = commit_many(doer, [_draft(draft) for draft in drafts], door=door)
        for answer in answers:
            if isinstance(answer, Unavailable):
                raise answer
        return [str(answer) if isinstance(answer, Exception) else "" for answer in answers]

    def known_by(externals: Sequence[str]) -> Mapping[str, Known]:
        return known(doer, INCIDENT.name, externals, door)

    return import_incidents(rows, submit, known_by, progress)


def _draft(draft: Mapping[str, Any]) -> Draft:
    """A new version replaces the parts that the row fills; the others stay as they are."""
    return Draft(
        kind=INCIDENT.name,
        parts=draft["parts"],
        record=draft.get("record"),
        expected=draft.get("version", 0),
        state=None if draft.get("record") else draft["state"],
        levels=draft["levels"],
    )
