"""What passed between the nodes and when, and how far a partner has cosigned the ledger that says so."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import pairwise

from safeconduct.agreement.policy import Item, Policy
from safeconduct.exchange.last_contact import link_of
from safeconduct.exchange.models import CosignedBy, Disclosure, Passing, Taken
from safeconduct.records.home import Home
from safeconduct.records.kinds import all_kinds
from safeconduct.records.projection import pack_levels

_AT_ONCE = 500


@dataclass(frozen=True)
class Passed:
    """Parts of a version of a record that were given to a partner's node, or came from it, at `at`."""

    partner: str
    record: str
    kind: str
    version: int
    parts: tuple[str, ...]
    clauses: tuple[str, ...]
    at: datetime
    index: int
    feed_index: int


def given(records: Sequence[str], before: float) -> list[Passed]:
    """What of these own records was given to partners before a moment (seconds since 1970), oldest first."""
    return [_passed(row, row.mask) for row in _rows(Disclosure, records, before)]


def taken(records: Sequence[str], before: float) -> list[Passed]:
    """What of these records came from partners before a moment, oldest first: each part of a version once."""
    held: dict[tuple[str, str, int], int] = {}
    found = []
    for row in _rows(Taken, records, before):
        key = (row.record, row.kind, row.version)
        fresh = row.mask & ~held.get(key, 0)
        held[key] = held.get(key, 0) | row.mask
        if fresh:
            found.append(_passed(row, fresh))
    return found


def _rows(model: type[Passing], records: Sequence[str], before: float) -> list[Passing]:
    rows: list[Passing] = []
    for first in range(0, len(records), _AT_ONCE):
        some = list(records[first : first + _AT_ONCE])
        rows += model.objects.filter(record__in=some, at__lt=before)
    return sorted(rows, key=lambda row: row.ledger_index)


def _passed(row: Passing, mask: int) -> Passed:
    names = all_kinds()[row.kind].part_names
    return Passed(
        partner=row.partner,
        record=row.record,
        kind=row.kind,
        version=row.version,
        parts=tuple(name for bit, name in enumerate(names) if mask >> bit & 1),
        clauses=tuple(row.clauses.split()),
        at=datetime.fromtimestamp(row.at, UTC),
        index=row.ledger_index,
        feed_index=row.feed_index,
    )


@dataclass(frozen=True)
class Cover:
    """The first cosignature of a partner that covers an entry: on a ledger of `size` entries, noted at `at` in the own
    ledger's entry `index`."""

    partner: str
    size: int
    at: datetime
    index: int


class Covers:
    """Finds the first cosignature over an entry of the ledger."""

    def __init__(self, lowest: int) -> None:
        self._rows: dict[str, list[tuple[int, float, int]]] = {}
        for row in CosignedBy.objects.filter(size__gt=lowest).order_by("size"):
            self._rows.setdefault(row.partner, []).append((row.size, row.at, row.ledger_index))

    def over(self, index: int) -> Cover | None:
        """None while no partner has cosigned the entry."""
        found = []
        for partner, rows in self._rows.items():
            position = bisect_right(rows, index, key=lambda row: row[0])
            if position < len(rows):
                size, at, noted = rows[position]
                found.append((at, partner, size, noted))
        if not found:
            return None
        at, partner, size, noted = min(found)
        return Cover(partner, size, datetime.fromtimestamp(at, UTC), noted)


@dataclass(frozen=True)
class Silence:
    """A time in which no cosignature of a partner came; `until` is None while it lasts."""

    partner: str
    since: float
    until: float | None


def silences(size: int, since: float, until: float, least: float = 1800.0) -> list[Silence]:
    """Silences of longer than `least` seconds that touch a time, by the first `size` entries of the
    ledger: cosignatures come with every beat while the link holds. Times in seconds since 1970."""
    rows = CosignedBy.objects.filter(ledger_index__lt=size)
    found: list[Silence] = []
    for partner in sorted(set(rows.values_list("partner", flat=True).distinct())):
        own = rows.filter(partner=partner).order_by("size")
        last = own.filter(at__lt=since).last()
        times = [last.at] if last else []
        times += [row.at for row in own.filter(at__gte=since, at__lt=until)]
        following = own.filter(at__gte=until).first()
        for before, after in pairwise([*times, following.at if following else None]):
            if before is not None and (until if after is None else after) - before > least:
                found.append(Silence(partner, before, after))
    return sorted(found, key=lambda silence: (silence.since, silence.partner))


def told_until(home: Home, partner: str) -> datetime | None:
    """The last moment at which the partner was heard over the link: what it had to tell by then is here.

    None when it never was; what came on a stick tells of no such moment.
    """
    last = link_of(home, partner).last_contact
    return datetime.fromtimestamp(last, UTC) if last else None


def tells(policy: Policy, own: str, partner: str, kind: str, now: float) -> bool:
    """Whether a clause in force has the partner disclose its records of a kind, whole, to this party."""
    shape = all_kinds()[kind]
    levels = pack_levels(list(shape.default_levels().values()))
    item = Item("", kind, partner, shape.states[0], levels, frozenset({own}))
    mask, _ = policy.disclosable(item, own, now)
    return mask == (1 << len(shape.part_names)) - 1
