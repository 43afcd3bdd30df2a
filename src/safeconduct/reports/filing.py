"""Filing a report: a record derived from everything that is in it, under the strictest of its limits."""

from __future__ import annotations

import base64
import binascii
import hashlib

from django.utils.translation import gettext as _

from safeconduct.agreement.policy import Subject
from safeconduct.agreement.vocabulary import LEVELS
from safeconduct.records.commit import Committed, Draft, commit
from safeconduct.records.refusals import Malformed, NotFound
from safeconduct.records.release import content
from safeconduct.records.transaction import iso
from safeconduct.reports.gathering import Gathering
from safeconduct.reports.kinds import MAX_BYTES
from safeconduct.shell.papers import Paper, heading
from safeconduct.shell.typesetting import pdf

MOST_SOURCES = 2_000
"""Records that one filed report may be derived from."""


def file_report(
    actor: Subject,
    paper: Paper,
    taken: Gathering,
    form: str,
    period: tuple[float, float] | None = None,
    subject: str = "",
) -> Committed:
    """Set the paper and store it. It may go no further than what it was made from, and is listed when any of that
    is erased. Raises Malformed for one that is too large, and what commit() raises."""
    sources = taken.sources
    if len(sources) > MOST_SOURCES:
        raise Malformed(
            _("A filed report is made from at most %s records: choose a shorter period.") % MOST_SOURCES
        )
    made = pdf(paper)
    if len(made) > MAX_BYTES:
        raise Malformed(_("The report is too large to be filed: choose a shorter period."))
    scope = {
        "title": heading(paper.title)[:200],
        "form": form,
        "language": paper.language,
        "known": iso(paper.moment),
        "size": taken.moment.size,
        "since": iso(period[0]) if period else None,
        "until": iso(period[1]) if period else None,
        "subject": subject,
        "roles": sorted(actor.roles),
        "sha256": hashlib.sha256(made).hexdigest(),
    }
    level = LEVELS.index(paper.level)
    draft = Draft(
        "report",
        {"scope": scope, "content": {"data": base64.b64encode(made).decode()}},
        derived_from=sources,
        levels={"scope": level, "content": level},
        orcon=any(each.found.orcon for each in taken.taken) or None,
    )
    return commit(actor, draft)


def filed_pdf(reader: Subject, record: str) -> bytes:
    """The bytes that were filed; noted like any reading that a clause marks. Raises NotFound."""
    try:
        return base64.b64decode(content(reader, record, "content")["data"], validate=True)
    except (KeyError, binascii.Error) as fault:
        raise NotFound(record) from fault
