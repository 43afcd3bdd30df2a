"""The rules of an inquiry: opened on a list of who knew, added to, closed with an outcome. It stays on this node."""

from __future__ import annotations

from collections.abc import Sequence

from safeconduct.agreement.policy import Subject
from safeconduct.oversight.kinds import INQUIRY
from safeconduct.oversight.unusual import Unusual
from safeconduct.records.commit import Committed, Draft, commit
from safeconduct.records.release import release


def open_inquiry(actor: Subject, record: str, question: str, facts: Sequence[Unusual] = ()) -> Committed:
    """Ask something about a record, with the facts that are to be checked.

    Raises NotFound for a record that the actor may not know of, Refused with the clause that would allow it.
    """
    about = release(actor, record)
    parts = {
        "matter": {"question": question, "record_kind": about.kind},
        "facts": {
            "facts": [
                {
                    "reading": fact.reading,
                    "what": fact.what,
                    "entry": fact.entry,
                    "person": fact.person,
                    "at": fact.at.isoformat(timespec="seconds"),
                }
                for fact in facts
            ]
        },
    }
    return commit(actor, Draft(INQUIRY.name, parts, about=record, releasable=[]))


def record_findings(actor: Subject, inquiry: str, seen: int, text: str) -> Committed:
    """Write down what was found, in place of what stood there; earlier versions stay in the ledger."""
    return commit(actor, Draft(INQUIRY.name, {"findings": {"text": text}}, record=inquiry, expected=seen))


def close_inquiry(actor: Subject, inquiry: str, seen: int, outcome: str) -> Committed:
    """End the inquiry with its outcome."""
    draft = Draft(INQUIRY.name, {"outcome": {"text": outcome}}, record=inquiry, expected=seen, state="closed")
    return commit(actor, draft)


def reopen_inquiry(actor: Subject, inquiry: str, seen: int) -> Committed:
    """Take it up again, because something new is known; the outcome stays until there is another."""
    return commit(actor, Draft(INQUIRY.name, {}, record=inquiry, expected=seen, state="open"))
