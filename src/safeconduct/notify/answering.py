"""Taking an escalation on, in the name of a person."""

from __future__ import annotations

import time

from safeconduct.agreement.policy import Subject
from safeconduct.notify.kinds import ESCALATION
from safeconduct.records.commit import Committed, Draft, commit
from safeconduct.records.door import Door
from safeconduct.records.refusals import Conflict, Malformed
from safeconduct.records.release import release
from safeconduct.records.transaction import iso

TRIES = 5


def answer_escalation(
    actor: Subject, escalation: str, text: str = "", by: str = "", door: Door | None = None
) -> Committed:
    """Take an escalation on: it climbs no further. Raises Conflict when it was answered already."""
    answer = {"by": by or actor.person, "at": iso(time.time()), "text": text}
    tries = 0
    while True:
        found = release(actor, escalation, door=door)
        if found.kind != ESCALATION.name:
            raise Malformed("only an escalation is answered")
        if found.state == "answered":
            raise Conflict(found.version)
        draft = Draft(
            ESCALATION.name,
            {"answer": answer},
            record=escalation,
            expected=found.version,
            state="answered",
        )
        try:
            return commit(actor, draft, door=door)
        except Conflict:
            # The ladder climbed a rung meanwhile; that is no reason not to take it on.
            tries += 1
            if tries == TRIES:
                raise
