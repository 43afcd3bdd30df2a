"""One way out: every part of a record that anyone gets to see goes through here.

What the reader may see is decided by the policy; what the agreement marks as logged is noted, durably, before
it is returned. A record of which the reader may see nothing is not found, like one that does not exist.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from time import time as clock
from typing import Any

from safeconduct.agreement.policy import Item, Policy, Subject
from safeconduct.agreement.vocabulary import LEVELS
from safeconduct.records import here, principals
from safeconduct.records.door import Door
from safeconduct.records.kinds import Kind, kind
from safeconduct.records.refusals import NotFound, Refused
from safeconduct.records.rows import COLUMNS, RowView, item_of
from safeconduct.records.standing import AgreementState


@dataclass(frozen=True)
class Withheld:
    """A part the reader does not get: `reason` names the rule, `would` the grants that would open it."""

    part: str
    reason: str
    would: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True)
class Released:
    """A record as one reader may see it. `levels` are those of the parts shown; `label` the highest of them."""

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
    row = fetch_row(record)
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
) -> Released:
    """What of a row `mask` lets out, of the parts in `only` if that is given; that it is about a record in
    `unknown` is not told. Noting the reading is the caller's next step, with the mask of what came out; rooms
    use release() or find()."""
    shape = kind(row.kind)
    values = row.values()
    received = row.originator != reader.party
    parts: dict[str, Any] = {}
    levels: dict[str, str] = {}
    withheld: list[Withheld] = []
    erased: list[str] = []
    shown = 0
    for bit, name in enumerate(shape.part_names):
        if only is not None and name not in only:
            continue
        shown |= 1 << bit
        visible, present = mask >> bit & 1, row.present >> bit & 1
        if row.erased >> bit & 1 and not present:
            if visible:
                erased.append(name)
        elif visible and present:
            parts[name] = values.get(name, {})
            levels[name] = LEVELS[row.level(bit)]
        elif received and not present:
            withheld.append(Withheld(name, "not released"))
        elif not visible:
            decision = state.policy.decide(reader, act, item_of(row), name, now) if explain else None
            reason = decision.refused_by if decision else ""
            withheld.append(Withheld(name, reason, decision.would if decision else ()))
    top = max((LEVELS.index(level) for level in levels.values()), default=0)
    return Released(
        id=row.id,
        version=row.version,
        kind=row.kind,
        originator=row.originator,
        state=row.state,
        about="" if row.about in unknown else row.about,
        at=datetime.fromtimestamp(row.at, UTC),
        label=LEVELS[top],
        levels=levels,
        parts=parts,
        withheld=tuple(withheld),
        erased=tuple(erased),
        withdrawn=bool(row.withdrawn),
        orcon=bool(row.orcon),
        releasable=frozenset(filter(None, row.releasable.split("|"))) if not received else frozenset(),
        agreement=row.agreement,
        ledger_index=row.ledger_index,
        mask=mask & row.present & shown,
    )


def fetch_row(record: str) -> RowView | None:
    found = here.tables().one(f"SELECT {', '.join(COLUMNS)} FROM records_row WHERE id = %s", [record])
    return RowView(*found) if found else None


def unknown_abouts(
    state: AgreementState, reader: Subject, rows: Sequence[RowView], now: float
) -> frozenset[str]:
    """What these rows are about and the reader may not know of."""
    about = sorted({row.about for row in rows if row.about})
    known: set[str] = set()
    for first in range(0, len(about), 500):
        some = about[first : first + 500]
        marks = ", ".join(["%s"] * len(some))
        for found in here.tables().all(
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
        logged = state.policy.logged(reader, act, item_of(row), now) & mask
        if logged:
            names = [n for bit, n in enumerate(kind(row.kind).part_names) if logged >> bit & 1]
            entry = {"record": row.id, "version": row.version, "parts": names}
            items.setdefault((row.kind, row.originator), []).append(entry)
    if items:
        payload = [{"kind": k, "of": o, "records": found} for (k, o), found in items.items()]
        (door or here.door()).call(
            "note", {"actor": principals.to_wire(reader), "act": act, "policy": state.index, "items": payload}
        )


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
