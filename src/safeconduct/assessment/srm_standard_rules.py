"""The rules of minimum standards: a site is checked, what shows it is filed, and gaps become recommendations."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from safeconduct.agreement.policy import Subject
from safeconduct.agreement.vocabulary import LEVELS
from safeconduct.assessment.srm_rules import level_of, recommended
from safeconduct.assessment.srm_standard_kinds import CHECK, EVIDENCE, GAPS
from safeconduct.records.attachments import attachment_parts
from safeconduct.records.commit import Committed, Draft, commit
from safeconduct.records.door import Door
from safeconduct.records.find import MAX_LIMIT, Query, find
from safeconduct.records.moments import MomentRefused, instant
from safeconduct.records.refusals import Malformed, NotFound
from safeconduct.records.release import Released, release
from safeconduct.records.transaction import iso

DAY = 86_400.0
EVERY_DAYS = 365
"""A check older than this is overdue."""


def check_site(
    actor: Subject,
    site: str,
    site_class: str,
    items: Sequence[Mapping[str, Any]],
    remark: str = "",
    by: str = "",
    door: Door | None = None,
) -> Committed:
    """Say what was found at a site, standard by standard."""
    result = {
        "site_class": site_class,
        "at": iso(time.time()),
        "by": by or actor.person,
        "items": list(items),
        "remark": remark,
    }
    return commit(actor, Draft(CHECK.name, {"result": result}, about=site), door=door)


def file_evidence(
    actor: Subject, check: str, code: str, name: str, raw: bytes, door: Door | None = None
) -> Committed:
    """Lay a file beside a check, as evidence of one standard. Raises AttachmentRefused for one not taken."""
    found = _check(actor, check, door)
    parts = {"shows": {"code": code}, **attachment_parts(name, raw)}
    least = max(level_of(found, "result"), LEVELS.index("RESTRICTED"))
    levels = dict.fromkeys(EVIDENCE.part_names, least)
    return commit(actor, Draft(EVIDENCE.name, parts, about=check, levels=levels), door=door)


def recommend_for_gap(
    actor: Subject,
    check: str,
    code: str,
    title: str,
    text: str,
    to: str,
    by: str = "",
    door: Door | None = None,
) -> Committed:
    """Hand a gap on to the joint strategy."""
    found = _check(actor, check, door)
    if code not in {each["code"] for each in items_of(found) if each["finding"] in GAPS}:
        raise Malformed("no such gap was found there")
    return recommended(actor, found, "result", title, text, to, by, door)


@dataclass(frozen=True)
class Progress:
    """How far a check is: of what applies, how much is met, partly met and not met; how much has evidence."""

    applies: int
    met: int
    partly: int
    not_met: int
    evidenced: int


def items_of(found: Released) -> list[dict[str, Any]]:
    return list((found.parts.get("result") or {}).get("items") or [])


def progress(items: Sequence[Mapping[str, Any]], evidenced: Sequence[str] = ()) -> Progress:
    """Counts of a check. They are counts of standards and no score: one that is not met may outweigh all others."""
    told = [str(each["finding"]) for each in items]
    applying = [each for each in items if each["finding"] != "not_applicable"]
    return Progress(
        applies=len(applying),
        met=told.count("met"),
        partly=told.count("partly"),
        not_met=told.count("not_met"),
        evidenced=sum(each["code"] in evidenced for each in applying),
    )


def checked_at(found: Released) -> float:
    """When a check was made, in epoch seconds; 0 where that is not shown."""
    try:
        return instant(str((found.parts.get("result") or {}).get("at", ""))).timestamp()
    except MomentRefused:
        return 0.0


def next_due(latest: float) -> float:
    """When a site is to be checked again, in epoch seconds as the last check is."""
    return latest + EVERY_DAYS * DAY


def overdue(latest: float | None, now: float) -> bool:
    """Whether a site is to be checked: it never was, or longer ago than a year."""
    return latest is None or now > next_due(latest)


def checks_of(reader: Subject, sites: Sequence[str]) -> dict[str, list[Released]]:
    """The checks of these sites that the reader may see, the latest first."""
    found: dict[str, list[Released]] = {site: [] for site in sites}
    if sites:
        query = Query(CHECK.name, about=list(sites), withdrawn=False, limit=MAX_LIMIT)
        page = find(reader, query)
        for each in sorted([*page.records, *page.unplaced], key=checked_at, reverse=True):
            if each.about in found:
                found[each.about].append(each)
    return found


def _check(actor: Subject, record: str, door: Door | None) -> Released:
    found = release(actor, record, door=door)
    if found.kind != CHECK.name:
        raise NotFound(record)
    return found
