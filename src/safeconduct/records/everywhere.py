"""One search over every kind that has words: only in parts that the reader may see, and only those are shown.

Hits are in the order in which their records came into being, the latest first: how well a text fits is reckoned from
all texts, hidden ones too, and the order would tell of them. No number of hits is given, only whether there are more.
"""

from __future__ import annotations

import base64
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from time import time as clock
from typing import Any, NamedTuple

from rapidfuzz import fuzz

from safeconduct.agreement.policy import Subject
from safeconduct.records import here
from safeconduct.records.door import Door
from safeconduct.records.find import Listing, Query
from safeconduct.records.joined import knowable
from safeconduct.records.kinds import Kind, kind, kinds
from safeconduct.records.projection import Tables
from safeconduct.records.refusals import Malformed
from safeconduct.records.release import Released, logged_parts, note, release_row, unknown_abouts
from safeconduct.records.rows import RowView
from safeconduct.records.search import PART_BITS, Piece, excerpt, match_expression
from safeconduct.records.spelling import latin, sound_query
from safeconduct.records.tiers import open_tiers

FIRST_STEP, LARGEST_STEP = 200, 8_000
"""Places of the text index whose records are looked at in one go, at first and at most."""
FAR, FEW = 2_000, 1_000
"""Records with the words after which it is asked what kinds are worth going on for; of so few each is looked at."""
NEWEST = 2_000
"""Entries of the ledger whose words are looked through first, on PostgreSQL."""
ALIKE = 55
"""How much a name must be like what was asked, of 100, to be shown for its sound."""
_PART = (1 << PART_BITS) - 1
_LATEST = 1 << 58
LONGEST = 200
"""Characters of a question that are looked at."""


@dataclass(frozen=True)
class Sought:
    """What is looked for. `since` and `until` bound the kind's own time, in epoch seconds; kinds without a time are
    then left out. `cursor` goes on within one kind."""

    text: str
    kinds: Sequence[str] = ()
    since: float | None = None
    until: float | None = None
    most: int = 8
    cursor: str = ""


@dataclass(frozen=True)
class Hit:
    """A record with the parts in which the words stand and, where that needs no note, the one that names it.

    `excerpts` are pieces of the fields that match, by "part.field".
    """

    found: Released
    excerpts: Sequence[tuple[str, list[Piece]]]


@dataclass(frozen=True)
class Group:
    """The hits of a kind; `alike` when no record at all has the words and these have a name that sounds like them."""

    kind: str
    hits: list[Hit]
    next_cursor: str = ""
    alike: bool = False


def searched_kinds() -> list[Kind]:
    return [each for each in kinds() if each.searched]


def search_everywhere(reader: Subject, sought: Sought, door: Door | None = None) -> list[Group]:
    """The kinds in which something was found, in the order in which kinds are declared.

    Logged parts that a hit shows are noted before this returns. Raises Malformed for a cursor of another list.
    """
    text = sought.text[:LONGEST]
    before = _open_cursor(sought.cursor) if sought.cursor else None
    wanted = {
        each.name: each
        for each in searched_kinds()
        if (not sought.kinds or each.name in sought.kinds)
        and ("time" in each.dimensions or (sought.since is None and sought.until is None))
    }
    found = _walk(reader, match_expression(text), list(wanted), sought, before)
    sound = match_expression(sound_query(text)) if before is None else None
    named = [name for name, shape in wanted.items() if shape.names]
    alike = _walk(reader, sound, named, sought, None) if sound and named and not found else {}
    places = found or {name: _likest(wanted[name], rows, text) for name, rows in alike.items()}
    return [
        _group(reader, shape, places[name], sought.most, text, not found, door)
        for name, shape in wanted.items()
        if places.get(name)
    ]


def _likest(shape: Kind, places: Sequence[_Place], text: str) -> list[_Place]:
    """Those whose name, as far as it may be seen, is spelled not too differently from what was asked, likest first."""
    asked = latin(text)
    scored = []
    for place in places:
        values = place.row.values()
        seen = (
            path.partition(".") for path in shape.names if place.mask >> shape.bit(path.partition(".")[0]) & 1
        )
        names = (latin(str((values.get(part) or {}).get(name, ""))) for part, _dot, name in seen)
        scored.append((max((fuzz.WRatio(asked, name) for name in names if name), default=0.0), place))
    scored.sort(key=lambda pair: -pair[0])
    return [place for score, place in scored if score >= ALIKE]


class _Place(NamedTuple):
    """A record in which words stand: its row, the mask of its visible parts, those with the words, when it was born."""

    row: RowView
    mask: int
    bits: int
    born: int


def _walk(
    reader: Subject, expression: str | None, kinds: Sequence[str], sought: Sought, before: int | None
) -> dict[str, list[_Place]]:
    """By kind, one place more than is wanted, from the latest record back as far as it takes.

    How far that is depends on what may be seen alone: no bound cuts it off.
    """
    found: dict[str, list[_Place]] = {}
    remaining, tables = set(kinds), here.tables(reader)
    if expression is None or not remaining:
        return found
    gone_through: int | None = 0
    for bits in _hits(tables, expression, before if before is not None else _LATEST):
        for name, places in _places(reader, tables, bits, remaining, sought).items():
            found.setdefault(name, []).extend(places)
            if len(found[name]) > sought.most:
                remaining.discard(name)
        if gone_through is not None and (gone_through := gone_through + len(bits)) > FAR and remaining:
            # A word of one kind that stands everywhere: kinds of which few could be seen are looked at by themselves.
            for name, bits_of in _few(reader, tables, expression, sorted(remaining), before).items():
                remaining.discard(name)
                found[name] = _places(reader, tables, bits_of, [name], sought).get(name, [])
            gone_through = None
        if not remaining:
            break
    return {name: places for name, places in found.items() if places}


def _places(
    reader: Subject, tables: Tables, bits: Mapping[int, int], kinds: Iterable[str], sought: Sought
) -> dict[str, list[_Place]]:
    """Of the records that were born there, by kind, those of which a part with the words may be seen."""
    found: dict[str, list[_Place]] = {}
    for name, records in _kinds_of(tables, bits, kinds).items():
        seen = _visible(reader, name, records, sought)
        for record, born in records.items():
            row, mask = seen.get(record, (None, 0))
            if row is not None and mask & bits[born]:
                found.setdefault(name, []).append(_Place(row, mask, mask & bits[born], born))
    return found


def _few(
    reader: Subject, tables: Tables, expression: str, kinds: Sequence[str], before: int | None
) -> dict[str, dict[int, int]]:
    """For each kind of which the reader could see few records, where they were born and the parts in which the words
    stand."""
    found: dict[str, dict[int, int]] = {}
    policy, own = here.state().policy, here.home().party
    for name in kinds:
        tiers = open_tiers(policy, reader, "read", kind(name), own, 0, timed=False)
        within = ", ".join(map(str, sorted(tiers))) or "-1"
        sql = f"SELECT born FROM records_row WHERE kind = %s AND least_tier IN ({within}) LIMIT %s"
        born = [each for (each,) in tables.all(sql, [name, FEW + 1])]
        if len(born) > FEW:
            continue
        found[name] = {}
        if born:
            sql, values = tables.dialect.places_among(born, expression, PART_BITS)
            for (place,) in tables.all(sql, values):
                at = place >> PART_BITS
                if before is None or at < before:
                    found[name][at] = found[name].get(at, 0) | 1 << (place & _PART)
    return found


def _hits(tables: Tables, expression: str, before: int) -> Iterator[dict[int, int]]:
    """By where records were born, the parts of them in which the words stand: the latest first, few and then more."""
    test, values = tables.dialect.matching(expression)
    step, last, more = FIRST_STEP, before << PART_BITS, True
    waiting: list[int] = _newest(tables, test, values, before) if tables.dialect.places > 1 else []
    while True:
        if more and len(waiting) < step:
            asked = max(step, tables.dialect.places)
            sql = f"SELECT rowid FROM records_search WHERE {test} AND rowid < %s ORDER BY rowid DESC LIMIT %s"
            come = [place for (place,) in tables.all(sql, [*values, waiting[-1] if waiting else last, asked])]
            more = len(come) == asked
            waiting += come
        if not waiting:
            return
        places, waiting = waiting[:step], waiting[step:]
        last = places[-1]
        bits: dict[int, int] = {}
        for place in places:
            bits[place >> PART_BITS] = bits.get(place >> PART_BITS, 0) | 1 << (place & _PART)
        if (waiting or more) and len(bits) > 1:
            # The parts of the last one may go on in the next step: it is looked at there, whole.
            bits.pop(last >> PART_BITS)
            waiting = [place for place in places if place >> PART_BITS == last >> PART_BITS] + waiting
        yield bits
        step = min(2 * step, LARGEST_STEP)


def _newest(tables: Tables, test: str, values: Sequence[Any], before: int) -> list[int]:
    """The places among the newest entries, latest first, where the text index finds some only by finding all: of a word
    that stands everywhere these are enough to begin with, and of any other they are found at once, too."""
    known = tables.one("SELECT max(rowid) FROM records_search", [])
    newest = min(before << PART_BITS, int(known[0]) + 1 if known and known[0] is not None else 0)
    # Without an offset of 0 the planner would ask the text index for all places, and then look which are new.
    sql = (
        f"SELECT rowid FROM (SELECT * FROM records_search WHERE rowid >= %s AND rowid < %s OFFSET 0) AS newest "
        f"WHERE {test} ORDER BY rowid DESC"
    )
    return [place for (place,) in tables.all(sql, [newest - (NEWEST << PART_BITS), newest, *values])]


def _kinds_of(tables: Tables, born: Iterable[int], remaining: Iterable[str]) -> dict[str, dict[str, int]]:
    """By kind, the records that were born there, the latest first."""
    found: dict[str, dict[str, int]] = {}
    wanted, places = tables.dialect.listed(list(born), "bigint")
    names, kinds = tables.dialect.listed(sorted(remaining))
    for record, name, at in tables.all(
        f"SELECT r.id, r.kind, r.born FROM {wanted} AS wanted {tables.dialect.in_turn} records_row AS r "
        f"ON r.born = wanted.value WHERE r.kind IN {names} ORDER BY r.born DESC",
        [*places, *kinds],
    ):
        found.setdefault(name, {})[record] = at
    return found


def _visible(
    reader: Subject, name: str, records: Mapping[str, int], sought: Sought
) -> dict[str, tuple[RowView, int]]:
    query = Query(
        name, ids=list(records), since=sought.since, until=sought.until, limit=len(records), sort="at"
    )
    state, now = here.state(), clock()
    listing = Listing(state, reader, "read", kind(name), now)
    listing.filter(query)
    found = knowable(state, reader, listing.page(query, "at", None), now)
    return {row.id: (row, mask) for row, mask in found}


def _group(
    reader: Subject,
    shape: Kind,
    places: Sequence[_Place],
    most: int,
    text: str,
    alike: bool,
    door: Door | None,
) -> Group:
    state, now = here.state(), clock()
    shown = places[:most]
    unknown = unknown_abouts(state, reader, [place.row for place in shown], now)
    naming = shape.bit(shape.searched[0].partition(".")[0])
    released = []
    for place in shown:
        bits = place.bits
        if not logged_parts(state.policy, reader, "read", place.row, now) >> naming & 1:
            bits |= place.mask & 1 << naming
        only = frozenset(name for bit, name in enumerate(shape.part_names) if bits >> bit & 1)
        released.append(
            release_row(state, reader, "read", place.row, place.mask, now, only=only, unknown=unknown)
        )
    note(reader, "read", state, [place.row for place in shown], [each.mask for each in released], now, door)
    hits = [Hit(each, _excerpts(shape, each, text)) for each in released]
    return Group(shape.name, hits, _cursor(shown[-1].born) if len(places) > most else "", alike)


def _cursor(born: int) -> str:
    return base64.urlsafe_b64encode(f"born {born}".encode()).decode().rstrip("=")


def _open_cursor(text: str) -> int:
    try:
        raw = base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True).decode()
        word, _space, born = raw.partition(" ")
        if word != "born" or not 0 <= int(born) < _LATEST:
            raise ValueError(raw)
        return int(born)
    except ValueError as fault:
        raise Malformed("this cursor belongs to another list") from fault


def _excerpts(shape: Kind, found: Released, text: str) -> list[tuple[str, list[Piece]]]:
    pieces: list[tuple[str, list[Piece]]] = []
    for path in shape.searched:
        part, _, name = path.partition(".")
        value = (found.parts.get(part) or {}).get(name)
        if isinstance(value, str) and (marked := excerpt(value, text)):
            pieces.append((path, marked))
    return pieces


def title_of(shape: Kind, found: Released) -> str:
    """What the record calls itself, by its first searched fields that were shown; "" when none was."""
    for path in shape.searched:
        part, _, name = path.partition(".")
        value = (found.parts.get(part) or {}).get(name)
        if isinstance(value, str) and value:
            return value
    return ""
