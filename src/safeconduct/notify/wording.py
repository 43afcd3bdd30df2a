"""What a message outside says: open Safeconduct, and an opaque number. More only where a grant names the channel."""

from __future__ import annotations

from typing import NamedTuple

from django.utils.translation import gettext as _
from django.utils.translation import override

from safeconduct.records.kinds import all_kinds
from safeconduct.records.principals import subject_of
from safeconduct.records.rows import RowView
from safeconduct.records.transaction import Tx

EXERCISE = "EXERCISE EXERCISE EXERCISE"
"""Stands before everything else of a message that is only practised, in every language the same."""
MAX_HEADLINE = 140
HEADLINES = ("headline", "title")


class Message(NamedTuple):
    title: str
    body: str


def message(
    tx: Tx, about: RowView | None, person: str, channel: str, language: str, number: str, exercise: bool
) -> Message:
    """The message to a person about a record, in their language."""
    with override(language):
        lines = [_("Open Safeconduct. Number %(number)s.") % {"number": number}]
        said = _headline(tx, about, person, channel, language) if about is not None else ""
        if said:
            lines.insert(0, said)
        title = "Safeconduct"
        if exercise:
            lines.insert(0, EXERCISE)
            lines.append(_("This is an exercise."))
            title = f"{EXERCISE}: {title}"
    return Message(title, "\n".join(lines))


def _headline(tx: Tx, about: RowView, person: str, channel: str, language: str) -> str:
    """The record's own headline, if a grant that names the channel gives this person the part it stands in."""
    subject = subject_of(tx.tables, tx.home, person, tx.now)
    way = channel if channel in ("email", "sms") else "chat"
    mask = tx.policy.outside(subject, tx.item(about), way, tx.now)
    kind = all_kinds().get(about.kind)
    if not mask or kind is None:
        return ""
    values = about.values()
    suffix = {"ur": "_ur", "zh-hans": "_zh"}.get(language, "")
    for name in kind.part_names:
        part = values.get(name)
        if not part or not mask >> kind.bit(name) & 1:
            continue
        for field in HEADLINES:
            text = part.get(field + suffix) or part.get(field)
            if isinstance(text, str) and text:
                return " ".join(text.split())[:MAX_HEADLINE]
    return ""
