"""One way out: every part of a record that anyone gets to see goes through here.

What the reader may see is decided by the policy; what the agreement marks as logged is noted, durably, before
it is returned. A record of which the reader may see nothing is not found, like one that does not exist.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import lru_cache
from time import time as clock
from typing import Any

from safeconduct.agreement.policy import Item, Policy, Subject
from safeconduct.agreement.vocabulary import LEVELS
from safeconduct.records import here, principals
from safeconduct.records.door import Door
from safeconduct.records.joined import untold
from safeconduct.records.kept import partners_in
from safeconduct.records.kinds import Kind, kind
from safeconduct.records.refusals import NotFound, Refused
from safeconduct.records.rows import COLUMNS, RowView, item_of, names_in
from safeconduct.records.standing import AgreementState


@dataclass(frozen=True)
class Withheld:
    """A part the reader does not get: `reason` names the rule, `would` the grants that would open it."""

    part: str
    reason: str
    would: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True)
class Released:
    """A record as one reader may see it. `levels` are those of the parts shown; `label` the highest of them.

    `told` says of parts that were asked about and not shown whether they would be: "shown", "waits" (for the
    time lock at `opens`), "awaited" (the other party has not given it yet), "withheld", "erased" or "absent".
    """

    id: str
    version: int
    kind: str
    originator: str
    state: str
    about: str
    at: datetime
    label: str
    levels: Mapping[str, str]
    parts: Mapping[str, Any]
    withheld: tuple[Withheld, ...] = ()
    erased: tuple[str, ...] = ()
    withdrawn: bool = False
    orcon: bool = False
    releasable: frozenset[str] = frozenset()
    agreement: str = ""
    ledger_index: int = 0
    told: Mapping[str, str] = field(default_factory=dict)
    opens: datetime | None = None
    mask: int = field(default=0, repr=False)

    @property
    def at_precision(self) -> str:
        """ "day" where the other party told no more of the time than that, else "minute"."""
        coarse = self.agreement and self.at.timestamp() % 86_400 == 0
        return "day" if coarse else "minute"


def release(reader: Subject, record: str, act: str = "read", door: Door | None = None) -> Released:
    """One record, for reading or another act that shows it. Logged parts are noted before this returns.

    Raises NotFound when the reader may not know of it, Refused when they may know of it but not do this.
    """
    state = here.state()
    now = clock()
    row = fetch_row(record, reader) or fetch_row(record)
    if row is None:
        # Noted like one that may not be known of: neither the time taken nor the ledger's size tells the two apart.
        _note_refusal(reader, act, record[:64], "no such record", door)
        raise NotFound(record)
    item = item_of(row)
    mask = state.policy.mask(reader, act, item, now)
    if not mask:
        seen = act != "read" and state.policy.mask(reader, "read", item, now)
        refusal = _refusal(state.policy, reader, act, row, now)
        _note_refusal(reader, act, record, refusal.reason, door)
        raise refusal if seen else NotFound(record)
    if untold(state, reader, [row], now):
        _note_refusal(reader, act, record, "no such record", door)
        raise NotFound(record)
    unknown = unknown_abouts(state, reader, [row], now)
    found = release_row(state, reader, act, row, mask, now, explain=True, unknown=unknown)
    note(reader, act, state, [row], [found.mask], now, door)
    return found


def _note_refusal(reader: Subject, act: str, record: str, reason: str, door: Door | None) -> None:
    attempt = {"actor": principals.to_wire(reader), "act": act, "record": record, "reason": reason}
    (door or here.door()).call("refuse", attempt)


def release_row(
    state: AgreementState,
    reader: Subject,
    act: str,
    row: RowView,
    mask: int,
    now: float,
    explain: bool = False,
    only: frozenset[str] | None = None,
    unknown: frozenset[str] = frozenset(),
    told: tuple[str, ...] = (),
) -> Released:
    """What of a row `mask` lets out, of the parts in `only` if that is given; that it is about a record in
    `unknown` is not told; of the parts in `told`, only whether they would be shown. Noting the reading is the
    caller's next step, with the mask of what came out; rooms use release() or find()."""
    received = row.originator != reader.party
    shown = _shown(row.kind, mask, row.present, row.erased, row.levels, received, only)
    values = row.values() if shown.parts else {}
    withheld: list[Withheld] = []
    for name, is_here in shown.withheld:
        if not is_here:
            withheld.append(Withheld(name, "not released"))
        elif explain:
            decision = state.policy.decide(reader, act, item_of(row), name, now)
            withheld.append(Withheld(name, decision.refused_by, decision.would))
        else:
            withheld.append(Withheld(name, ""))
    standing = _told(state.policy, reader, act, row, mask, now, told) if told else {}
    waits = "waits" in standing.values() and row.opens is not None
    return Released(
        id=row.id,
        version=row.version,
        kind=row.kind,
        originator=row.originator,
        state=row.state,
        about="" if row.about in unknown else row.about,
        at=datetime.fromtimestamp(row.at, UTC),
        label=shown.label,
        levels=dict(shown.levels),
        parts={name: values.get(name, {}) for name in shown.parts},
        withheld=tuple(withheld),
        erased=shown.erased,
        withdrawn=bool(row.withdrawn),
        orcon=bool(row.orcon),
        releasable=frozenset() if received else partners_in(row.releasable),
        agreement=row.agreement,
        ledger_index=row.ledger_index,
        told=standing,
        opens=datetime.fromtimestamp(row.opens, UTC) if waits and row.opens is not None else None,
        mask=shown.mask,
    )


def _told(
    policy: Policy, reader: Subject, act: str, row: RowView, mask: int, now: float, names: tuple[str, ...]
) -> dict[str, str]:
    """How each of these parts stands to the reader, without showing any of them."""
    shape, received = kind(row.kind), row.originator != reader.party
    unlocked = mask
    if (row.opens is not None and row.opens > now) or received:
        item = item_of(row)._replace(opens=None)
        if reader.authorised or reader.emergency:
            unlocked |= _unlocked(policy, reader, act, item, row.present)
        else:
            unlocked |= _unlocked_of_class(policy, reader, act, item._replace(id=""), row.present)
    standing = {}
    for name in names:
        bit = shape.bit(name)
        is_here, open_later = row.present >> bit & 1, unlocked >> bit & 1
        if row.erased >> bit & 1 and not is_here:
            standing[name] = "erased" if open_later else "withheld"
        elif is_here and mask >> bit & 1:
            standing[name] = "shown"
        elif not open_later:
            standing[name] = "withheld"
        elif is_here:
            standing[name] = "waits"
        else:
            standing[name] = "awaited" if received else "absent"
    return standing


def _unlocked(policy: Policy, reader: Subject, act: str, item: Item, present: int) -> int:
    """The mask that a record will have for the reader when no time lock holds, with the parts that have not come
    taken to bear their kind's own label."""
    shape, levels = kind(item.kind), item.levels
    for name, level in shape.default_levels().items():
        bit = shape.bit(name)
        if not present >> bit & 1:
            levels = levels & ~(3 << 2 * bit) | level << 2 * bit
    return policy.mask(reader, act, item._replace(levels=levels), 0.0)


_unlocked_of_class = lru_cache(maxsize=4096)(_unlocked)
"""The answer for every record that is like this one in all that policy looks at."""


@dataclass(frozen=True, slots=True)
class _Shown:
    """What rows that are alike show, and what they withhold: each with whether it is here to be shown at all."""

    mask: int
    parts: tuple[str, ...]
    levels: tuple[tuple[str, str], ...]
    label: str
    erased: tuple[str, ...]
    withheld: tuple[tuple[str, bool], ...]


@lru_cache(maxsize=4096)
def _shown(
    kind_name: str,
    mask: int,
    present: int,
    erased: int,
    levels: int,
    received: bool,
    only: frozenset[str] | None,
) -> _Shown:
    parts: list[tuple[int, str]] = []
    gone: list[str] = []
    withheld: list[tuple[str, bool]] = []
    asked = 0
    for bit, name in enumerate(kind(kind_name).part_names):
        if only is not None and name not in only:
            continue
        asked |= 1 << bit
        visible, is_here = mask >> bit & 1, present >> bit & 1
        if erased >> bit & 1 and not is_here:
            if visible:
                gone.append(name)
        elif visible and is_here:
            parts.append((levels >> 2 * bit & 3, name))
        elif received and not is_here:
            withheld.append((name, False))
        elif not visible:
            withheld.append((name, True))
    return _Shown(
        mask=mask & present & asked,
        parts=tuple(name for _, name in parts),
        levels=tuple((name, LEVELS[level]) for level, name in parts),
        label=LEVELS[max((level for level, _ in parts), default=0)],
        erased=tuple(gone),
        withheld=tuple(withheld),
    )


def fetch_row(record: str, reader: Subject | None = None) -> RowView | None:
    """A record as a reader may be given it, or (without one) its header: no part of it is to be relied on."""
    tables = here.headers() if reader is None else here.tables(reader)
    found = tables.one(f"SELECT {', '.join(COLUMNS)} FROM records_row WHERE id = %s", [record])
    return RowView(*found) if found else None


def unknown_abouts(
    state: AgreementState,
    reader: Subject,
    rows: Sequence[RowView],
    now: float,
    shown: frozenset[str] = frozenset(),
) -> frozenset[str]:
    """What these rows are about and the reader may not know of; `shown` are records that they know of."""
    about = sorted({row.about for row in rows if row.about} - shown)
    known: set[str] = set()
    for first in range(0, len(about), 500):
        some = about[first : first + 500]
        marks = ", ".join(["%s"] * len(some))
        for found in here.tables(reader).all(
            f"SELECT {', '.join(COLUMNS)} FROM records_row WHERE id IN ({marks})", some
        ):
            row = RowView(*found)
            if state.policy.mask(reader, "read", item_of(row), now):
                known.add(row.id)
    return frozenset(about) - known


def heading(record: str) -> tuple[Item, str] | None:
    """What policy sees of a record, and what that is about: for deciding who may hear of it; no part of it."""
    row = fetch_row(record)
    return None if row is None else (item_of(row), row.about)


def note(
    reader: Subject,
    act: str,
    state: AgreementState,
    rows: Sequence[RowView],
    masks: Sequence[int],
    now: float,
    door: Door | None = None,
) -> None:
    """Make the reading of every logged part durable: one reading record for each kind and originator."""
    items: dict[tuple[str, str], list[dict[str, Any]]] = {}
    for row, mask in zip(rows, masks, strict=True):
        logged = logged_parts(state.policy, reader, act, row, now) & mask
        if logged:
            names = [n for bit, n in enumerate(kind(row.kind).part_names) if logged >> bit & 1]
            entry: dict[str, Any] = {"record": row.id, "version": row.version, "parts": names}
            if row.originator != reader.party:
                entry["index"] = row.ledger_index
            items.setdefault((row.kind, row.originator), []).append(entry)
    if items:
        payload = [{"kind": k, "of": o, "records": found} for (k, o), found in items.items()]
        (door or here.door()).call(
            "note", {"actor": principals.to_wire(reader), "act": act, "policy": state.index, "items": payload}
        )


def logged_parts(policy: Policy, reader: Subject, act: str, row: RowView, now: float) -> int:
    """The parts whose showing to this reader is to be noted first."""
    if reader.authorised or reader.emergency or row.opens is not None:
        return policy.logged(reader, act, item_of(row), now)
    bearers = row.assigned + row.bearers
    like = (row.kind, row.originator, row.state, row.levels, row.releasable, bool(row.orcon), bearers)
    return _logged_of_class(policy, reader, act, *like, row.agreement)


@lru_cache(maxsize=4096)
def _logged_of_class(
    policy: Policy,
    reader: Subject,
    act: str,
    kind_name: str,
    originator: str,
    state: str,
    levels: int,
    releasable: str,
    orcon: bool,
    assigned: str,
    agreement: str,
) -> int:
    """The answer for every record that is like this one in all that policy looks at."""
    parties, bearers = names_in(releasable), names_in(assigned)
    item = Item("", kind_name, originator, state, levels, parties, orcon, bearers, None, agreement)
    return policy.logged(reader, act, item, 0.0)


def content(reader: Subject, record: str, part: str, act: str = "read") -> Any:
    """A part that the tables do not hold (an attachment's content), decided and noted like any other."""
    found = release(reader, record, act)
    if part not in found.parts:
        raise NotFound(record)
    return here.door().call("open_part", {"record": record, "part": part})["value"]


def _refusal(policy: Policy, reader: Subject, act: str, row: RowView, now: float) -> Refused:
    shape: Kind = kind(row.kind)
    would: dict[str, str] = {}
    reason = ""
    for name in shape.part_names:
        decision = policy.decide(reader, act, item_of(row), name, now)
        reason = reason or decision.refused_by
        would.update(dict(decision.would))
    return Refused(f"{act} {row.kind}: {reason}", tuple(would.items()))
