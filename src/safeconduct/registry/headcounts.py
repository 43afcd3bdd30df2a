"""How many persons are at a site and in a district, how old that is, and on what it rests.

Two sources, never added to each other, because they count the same people:

- *by name*: the persons whose registered stay covers the moment;
- *as counted on site*: the last figure that somebody returned, everyone included.

With no return, the number by name stands. With one, the figure is the return, plus the persons registered as
arrived since it was taken, less those registered as departed since; and never fewer than are there by name.
A reader who may not see stays gets the last figure that was stated, as it was stated. A site of which nothing
is known has no figure: nobody is told zero because nobody looked.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from time import time as clock

from safeconduct.agreement.policy import Item, Subject
from safeconduct.records import here
from safeconduct.records.find import MAX_LIMIT, Query, Span, find, spans
from safeconduct.records.kinds import kind
from safeconduct.records.projection import pack_levels
from safeconduct.records.release import Released
from safeconduct.registry.stays import seconds


@dataclass(frozen=True)
class Stated:
    """A headcount record: `as_of` in epoch seconds, `basis` "returned" or "named"."""

    count: int
    as_of: float
    basis: str = "returned"


@dataclass(frozen=True)
class Headcount:
    """So many persons. `as_of` (epoch seconds) is the age of what it rests on: the count that was returned, or
    the last arrival or departure by name. `basis` is "named", "returned", "updated" (a return and what was
    registered since) or "stated" (for those who may not see stays).

    `named` is how many of them are registered there by name, None where the reader may not know.
    """

    count: int
    as_of: float
    basis: str
    named: int | None = None
    returned: Stated | None = None
    arrived_since: int = 0
    departed_since: int = 0


def headcount(stays: Iterable[Span], stated: Sequence[Stated], now: float) -> Headcount | None:
    """The headcount of one site from its stays and the figures stated of it; None where there is neither.

    `stays` are those at this site; each person has at most one that covers a moment.
    """
    there = [stay for stay in stays if stay.since <= now]
    returns = [each for each in stated if each.basis == "returned" and each.as_of <= now]
    named = {stay.about for stay in there if covers(stay, now)}
    if not returns:
        if not there:
            return None
        return Headcount(len(named), _last_change(there, now), "named", len(named))
    last = max(returns, key=lambda each: each.as_of)
    then = {stay.about for stay in there if covers(stay, last.as_of)}
    arrived, departed = len(named - then), len(then - named)
    count = max(last.count + arrived - departed, len(named))
    updated = count != last.count or arrived or departed
    as_of = max(last.as_of, _last_change(there, now)) if updated else last.as_of
    return Headcount(count, as_of, "updated" if updated else "returned", len(named), last, arrived, departed)


def covers(stay: Span, moment: float) -> bool:
    return stay.since <= moment and (stay.until is None or moment < stay.until)


def _last_change(stays: Iterable[Span], now: float) -> float:
    moments = [stay.since for stay in stays]
    moments += [stay.until for stay in stays if stay.until is not None and stay.until <= now]
    return max(moments, default=0.0)


def as_stated(stated: Sequence[Stated]) -> Headcount | None:
    """The last figure stated of a site, for a reader who may not see who is there."""
    if not stated:
        return None
    last = max(stated, key=lambda each: each.as_of)
    return Headcount(last.count, last.as_of, "stated", None, last)


def counts_by_name(reader: Subject) -> bool:
    """Whether the reader may see every own stay, not only their own: otherwise a count by name would be wrong."""
    shape, policy = kind("presence"), here.state().policy
    levels = pack_levels(list(shape.default_levels().values()))
    anybodys = [Item("", shape.name, reader.party, state, levels) for state in shape.states]
    return all(policy.mask(reader, "read", item, clock()) for item in anybodys)


def headcounts(
    reader: Subject, sites: Iterable[str], own: bool = True, now: float | None = None
) -> dict[str, Headcount]:
    """The headcount of each of these sites, of those that have one the reader may know. `own`: whether they are
    this party's, whose stays are registered here."""
    moment = clock() if now is None else now
    wanted = set(sites)
    stated = stated_of(reader, wanted)
    if not (own and counts_by_name(reader)):
        found = {site: as_stated(stated[site]) for site in stated}
    else:
        oldest = min((each.as_of for many in stated.values() for each in many), default=moment)
        stays: dict[str, list[Span]] = defaultdict(list)
        party = reader.party
        for query in (
            Query("presence", state="arrived", originator=party, withdrawn=False),
            Query("presence", state="departed", originator=party, withdrawn=False, ends_after=oldest),
        ):
            for stay in spans(reader, query):
                if stay.place in wanted:
                    stays[stay.place].append(stay)
        found = {site: headcount(stays[site], stated[site], moment) for site in wanted}
    return {site: each for site, each in found.items() if each is not None}


def stated_of(reader: Subject, sites: set[str]) -> dict[str, list[Stated]]:
    """The figures stated of each site that the reader may see."""
    found: dict[str, list[Stated]] = defaultdict(list)
    cursor = ""
    while True:
        page = find(reader, Query("headcount", withdrawn=False, limit=MAX_LIMIT, cursor=cursor))
        for record in page.records:
            if record.about in sites and (one := stated_in(record)) is not None:
                found[record.about].append(one)
        cursor = page.next_cursor
        if not cursor:
            return found


def stated_in(record: Released) -> Stated | None:
    figure = record.parts.get("figure")
    return Stated(figure["count"], seconds(figure["as_of"]), figure["basis"]) if figure else None


@dataclass(frozen=True)
class Total:
    """Persons at the sites of a district, or of all: `unknown` sites have no figure; `oldest` is the age of the
    oldest of those that make it up."""

    count: int
    sites: int
    unknown: int
    oldest: float | None


def total(found: Mapping[str, Headcount], sites: Sequence[str]) -> Total:
    """The sum over these sites: each stands in it once, and what is not known is said, not counted as none."""
    known = [found[site] for site in sites if site in found]
    oldest = min((each.as_of for each in known), default=None)
    return Total(sum(each.count for each in known), len(sites), len(sites) - len(known), oldest)
