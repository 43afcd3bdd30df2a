"""One way in: every change is a new version of a record, decided, appended, stored and announced here."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import uuid4

from safeconduct.agreement.policy import Decision, Item, Subject, under_each
from safeconduct.ledger.parts import digest, disclosures, open_disclosure
from safeconduct.records import here, principals
from safeconduct.records.bearers import inherited
from safeconduct.records.door import Door
from safeconduct.records.hooks import HOOKS, job
from safeconduct.records.joined import event_of
from safeconduct.records.kept import kept_for, partners_in, reach_in
from safeconduct.records.kinds import Kind, PartRefused, all_kinds
from safeconduct.records.opinion import agreed
from safeconduct.records.principals import SYSTEM
from safeconduct.records.projection import Disclosed, epoch, pack_levels
from safeconduct.records.refusals import Conflict, Malformed, NotFound, Refused, from_wire
from safeconduct.records.rows import RowView, names_in
from safeconduct.records.transaction import Tx, iso
from safeconduct.records.two_person import check_alone
from safeconduct.records.under import party_under, within_which

POLICY_KINDS = ("clause", "status_act")
COMMITTING = ("write", "acknowledge", "approve", "command")
"""The acts that a new version can be."""


@dataclass(frozen=True)
class Draft:
    """A version to be. For a new record leave `record` None; for an amendment `expected` is the version it
    was built on, and parts, labels and header fields left out are carried over.

    `releasable` names the parties it may be released to (None: those that what it is about may be released to, else
    the party of the agreement under which it is written, else every partner; empty: the originator only);
    `kept_for` marks what goes to nobody and speaks of no one record (`kept.py`);
    `opens` is the moment of its time lock (ISO 8601, UTC); `levels` raises or lowers labels, 0 to 3, by part.
    """

    kind: str
    parts: Mapping[str, Any]
    record: str | None = None
    expected: int = 0
    about: str | None = None
    derived_from: Sequence[str] = ()
    state: str | None = None
    levels: Mapping[str, int] | None = None
    releasable: Sequence[str] | None = None
    kept_for: Sequence[str] | None = None
    orcon: bool | None = None
    assigned: Sequence[str] | None = None
    opens: str | None = None

    def to_wire(self) -> dict[str, Any]:
        parts = {
            n: p.model_dump(mode="json") if hasattr(p, "model_dump") else p for n, p in self.parts.items()
        }
        wire = {k: v for k, v in self.__dict__.items() if v is not None}
        for name in ("releasable", "kept_for", "assigned", "derived_from"):
            if name in wire:
                wire[name] = list(wire[name])
        return {**wire, "parts": parts}


@dataclass(frozen=True)
class Committed:
    record: str
    version: int
    index: int


def commit(actor: Subject, draft: Draft, act: str = "write", door: Door | None = None) -> Committed:
    """Store one version; on return it is durable. Raises Refused, NotFound, Conflict, PartRefused, Malformed."""
    answer = (door or here.door()).call("commit", _request(actor, act, draft))
    return Committed(answer["record"], answer["version"], answer["index"])


def commit_many(
    actor: Subject, drafts: Sequence[Draft], act: str = "write", door: Door | None = None
) -> list[Committed | Exception]:
    """Store many independent versions in few transactions; each result is what it became or why it did not."""
    answers = (door or here.door()).call_many("commit", [_request(actor, act, d) for d in drafts])
    return [
        from_wire(a) if "error" in a else Committed(a["record"], a["version"], a["index"]) for a in answers
    ]


def _request(actor: Subject, act: str, draft: Draft) -> dict[str, Any]:
    return {"actor": principals.to_wire(actor), "act": act, "draft": draft.to_wire()}


@job("commit")
def commit_job(tx: Tx, payload: dict[str, Any]) -> dict[str, Any]:
    """The writer's side of commit()."""
    try:
        act, wire = payload["act"], payload["draft"]
        kind = all_kinds().get(wire["kind"])
        draft = Draft(**wire)
    except (KeyError, TypeError) as fault:
        raise Malformed("a commit needs actor, act and draft") from fault
    if act not in COMMITTING or kind is None:
        raise Malformed(f"no such act or kind: {act}, {wire['kind']}")
    subject = tx.subject(payload["actor"])
    record, version, index = store(tx, subject, act, kind, draft)
    return {"record": record, "version": version, "index": index}


def store(
    tx: Tx,
    subject: Subject,
    act: str,
    kind: Kind,
    draft: Draft,
    noted: Mapping[str, Any] | None = None,
    approved_by: str = "",
) -> tuple[str, int, int]:
    """Decide, append and announce one version inside the writer's transaction.

    `noted` is kept in the private header, which never crosses, and so is `approved_by`, the second person.
    """
    previous = _previous(tx, subject, kind, draft)
    checked = kind.validate(draft.parts)
    header = _header(tx, subject, act, kind, draft, previous)
    clauses = _decide(tx, subject, act, kind, draft, previous, header, checked)
    given = _Checked(subject, act, draft, header, checked, previous)
    if kind.check is not None:
        kind.check(tx, given)
    if approved_by:
        noted = {**(noted or {}), "approved_by": approved_by}
    elif subject.person != SYSTEM and (act, kind.name) in tx.policy.two_person:
        check_alone(tx, given, kind.name, _items(tx, act, kind, previous, header))
    carried = previous.values() if previous else {}
    values: dict[str, Any] = {n: checked[n] if n in checked else carried.get(n) for n in kind.part_names}
    if previous is not None:
        _carry_untabled(tx, kind, previous, values, checked)
    texts = disclosures(values, kind.part_names)
    _check_size(kind, values, texts)
    full = {**(noted or {}), **header, "clauses": clauses, "parts": [digest(t) for t in texts]}
    # What can be erased is sealed, OPEN parts too: with its key it is gone from every copy of the ledger.
    sealing = [int(values[n] is not None and not kind.crosses_by_pairing) for n in kind.part_names]
    index = tx.append("version", full, Disclosed(texts, list(values.values())), sealing)
    if kind.name in POLICY_KINDS:
        tx.policy_changed = True
    row = tx.row(header["record"])
    for hook in HOOKS.version:
        hook(tx, row, index)
    if row is not None:
        tx.announce(event_of(tx, row, index))
    return header["record"], header["version"], index


@dataclass(frozen=True)
class _Checked:
    """What a kind's own rule may look at before its version is stored."""

    subject: Subject
    act: str
    draft: Draft
    header: dict[str, Any]
    parts: dict[str, dict[str, Any] | None]
    previous: RowView | None


def _previous(tx: Tx, subject: Subject, kind: Kind, draft: Draft) -> RowView | None:
    if draft.record is None:
        if draft.expected:
            raise Malformed("a new record has no version to build on")
        return None
    row = tx.row(draft.record)
    if row is None or row.kind != kind.name:
        raise NotFound(draft.record)
    if subject.person != SYSTEM and not tx.policy.mask(subject, "read", tx.item(row), tx.now):
        raise NotFound(draft.record)
    attempt = {"person": subject.person, "act": "write", "record": row.id}
    if row.originator != tx.home.party:
        raise Refused("only its originator writes a record", attempt=attempt)
    if row.withdrawn:
        raise Refused("a withdrawn record is not amended", attempt=attempt)
    if draft.expected != row.version:
        raise Conflict(row.version)
    return row


def _check_size(kind: Kind, values: Mapping[str, Any], texts: Sequence[str]) -> None:
    for (name, value), text in zip(values.items(), texts, strict=True):
        limit = kind.parts[name].max_bytes
        # A disclosure is base64 of more than the value: a short one needs no second look.
        if len(text) > limit // 2 and len(json.dumps(value, ensure_ascii=False).encode()) > limit:
            raise PartRefused(kind.name, [(name, "", f"more than {limit} bytes")])


def _header(
    tx: Tx, subject: Subject, act: str, kind: Kind, draft: Draft, previous: RowView | None
) -> dict[str, Any]:
    state = draft.state or (previous.state if previous else kind.states[0])
    if state not in kind.states:
        raise Malformed(f"{kind.name} has no state {state}")
    unknown = set(draft.levels or ()) - set(kind.part_names)
    if unknown or any(level not in (0, 1, 2, 3) for level in (draft.levels or {}).values()):
        raise Malformed("levels name parts of the kind and are 0 to 3")
    levels = kind.default_levels()
    if previous:
        levels = {name: _carried_level(previous, bit, name, draft, levels) for bit, name in enumerate(levels)}
    levels |= draft.levels or {}
    if draft.opens is not None and epoch(draft.opens) is None:
        raise Malformed("opens is a moment in ISO 8601")
    about = draft.about if draft.about is not None else (previous.about if previous else "")
    derived_from = _derived_from(tx, draft, previous)
    _check_about(tx, subject, about, derived_from)
    releasable = _releasable(tx, subject, kind, draft, previous, about, derived_from)
    kept = [] if releasable else draft.kept_for or kept_for(tx, [about, *derived_from], previous)
    return {
        "record": previous.id if previous else uuid4().hex,
        "version": previous.version + 1 if previous else 1,
        "kind": kind.name,
        "originator": tx.home.party,
        "about": about,
        "derived_from": derived_from,
        "act": act,
        "by": subject.person,
        "at": iso(tx.now),
        "state": state,
        "levels": [levels[name] for name in kind.part_names],
        "releasable": releasable,
        **({"kept_for": list(kept)} if kept else {}),
        "orcon": draft.orcon if draft.orcon is not None else bool(previous and previous.orcon),
        "assigned": sorted(
            draft.assigned if draft.assigned is not None else names_in(previous.assigned if previous else "")
        ),
        "opens": draft.opens or (iso(previous.opens) if previous and previous.opens else ""),
        "prev": previous.header if previous else "",
    }


def _carried_level(previous: RowView, bit: int, name: str, draft: Draft, default: Mapping[str, int]) -> int:
    """The label of a part that an amendment names none for: a part filled only now was not labelled before."""
    if previous.present >> bit & 1 or name not in draft.parts:
        return previous.level(bit)
    return max(previous.level(bit), default[name])


def _derived_from(tx: Tx, draft: Draft, previous: RowView | None) -> list[str]:
    """What a record is derived from stays so in every later version."""
    earlier = tx.header(previous.ledger_index).get("derived_from", ()) if previous else ()
    return sorted({*earlier, *draft.derived_from})


def _check_about(tx: Tx, subject: Subject, about: str, derived_from: Sequence[str]) -> None:
    """What a record speaks of must exist and be known to whoever speaks of it."""
    for record in filter(None, (about, *derived_from)):
        row = tx.row(record)
        if row is None:
            raise NotFound(record)
        if subject.person != SYSTEM and not tx.policy.mask(subject, "read", tx.item(row), tx.now):
            raise NotFound(record)


def _releasable(
    tx: Tx,
    subject: Subject,
    kind: Kind,
    draft: Draft,
    previous: RowView | None,
    about: str,
    derived_from: Sequence[str],
) -> list[str]:
    """The parties it may go to: never more than what it is derived from, and no more than what it speaks of
    unless its author says so."""
    ceiling = _reach(tx, derived_from)
    if draft.releasable is not None:
        strangers = set(draft.releasable) - set(tx.home.partners)
        if strangers:
            raise Malformed("releasable names partners of this node")
        if not ceiling.issuperset(draft.releasable):
            raise Malformed("a record goes no further than those it is derived from")
        return sorted(draft.releasable)
    if previous is not None:
        return sorted(names_in(previous.releasable) & ceiling)
    if about:
        return sorted(_reach(tx, [about]) & ceiling)
    return sorted(_addressees(tx, subject, kind, bool(derived_from)) & ceiling)


def _addressees(tx: Tx, subject: Subject, kind: Kind, derived: bool) -> set[str]:
    """To whom a record may go that speaks of no other and of which nothing was said."""
    within = within_which(tx.policy, subject, "write", kind.name)
    if tx.under:
        party = party_under(tx.home, tx.under)
        if party is None:
            raise Malformed("this node has no such agreement")
        return {party}
    if within is not None and len(within) == 1:
        return set(tx.home.partners) & within
    if kind.addressed and not derived and len(tx.home.partners) > 1:
        raise Malformed("this node has several agreements: say under which of them this is")
    return set(tx.home.partners) if within is None else set(tx.home.partners) & within


def _reach(tx: Tx, records: Sequence[str]) -> set[str]:
    """The partners that may have all of these: an own record those it is releasable to, another's its originator."""
    reach = set(tx.home.partners)
    for record in records:
        row = tx.row(record)
        if row is not None:
            reach &= names_in(row.releasable) if row.originator == tx.home.party else {row.originator}
    return reach


def _decide(
    tx: Tx,
    subject: Subject,
    act: str,
    kind: Kind,
    draft: Draft,
    previous: RowView | None,
    header: Mapping[str, Any],
    checked: Mapping[str, Any],
) -> list[str]:
    """Grant ids that permit the act on every part it touches. The node itself needs none."""
    if subject.person == SYSTEM:
        return [SYSTEM]
    attempt = {"person": subject.person, "act": act, "kind": kind.name, "record": draft.record or ""}
    if kind.by_system:
        raise Refused("only the node itself writes this kind", attempt=attempt)
    items = _items(tx, act, kind, previous, header)
    within = within_which(tx.policy, subject, act, kind.name)
    reach = {*header["releasable"], *partners_in(previous.releasable if previous else "")}
    if within is not None and not within >= reach:
        raise Refused("no role counts under all agreements that this concerns", attempt=attempt)
    touched = _touched(kind, previous, header, checked) or kind.part_names[:1]
    grants: set[str] = set()
    for item in (one for each in items for one in under_each(subject, each)):
        for part in touched:
            decision = decide(tx, subject, act, item, part)
            if not decision.permit:
                raise Refused(f"{act} {kind.name}.{part}: {decision.refused_by}", decision.would, attempt)
            grants.update(decision.grants)
    return sorted(grants)


def _items(tx: Tx, act: str, kind: Kind, previous: RowView | None, header: Mapping[str, Any]) -> list[Item]:
    """Who writes must be allowed to leave the record as it will be; other acts are done to it as it is."""
    items = [tx.item(previous)] if previous is not None else []
    if act == "write" or previous is None:
        bearers = previous.bearers if previous else inherited(tx.tables, kind, header["about"])
        items.append(_item_of_header(header, bearers))
    return items


def _touched(
    kind: Kind, previous: RowView | None, header: Mapping[str, Any], checked: Mapping[str, Any]
) -> Sequence[str]:
    """The parts a version changes: their content, their label, or whom they may reach.

    A change of the header that could let more people see the record concerns every part it has.
    """
    if previous is None:
        return [name for name, value in checked.items() if value is not None]
    wider = (
        set(header["releasable"]) - partners_in(previous.releasable)
        or set(header["assigned"]) - names_in(previous.assigned)
        or (previous.orcon and not header["orcon"])
        or (previous.opens is not None and (epoch(header["opens"]) or 0.0) < previous.opens)
    )
    return [
        name
        for bit, name in enumerate(kind.part_names)
        if name in checked
        or header["levels"][bit] != previous.level(bit)
        or (wider and previous.present >> bit & 1)
    ]


def decide(tx: Tx, subject: Subject, act: str, item: Item, part: str) -> Decision:
    """The policy's answer, with the second opinion on the acts that matter most."""
    decision = tx.policy.decide(subject, act, item, part, tx.now)
    if decision.permit and act in ("approve", "command"):
        return agreed(tx.state, decision, subject, act, item, part, tx.now)
    return decision


def _item_of_header(header: Mapping[str, Any], bearers: str) -> Item:
    return Item(
        id=header["record"],
        kind=header["kind"],
        originator=header["originator"],
        state=header["state"],
        levels=pack_levels(header["levels"]),
        releasable=frozenset(reach_in(header)),
        orcon=header["orcon"],
        assigned=frozenset(header["assigned"]) | names_in(bearers),
        opens=epoch(header["opens"]),
        agreement="",
    )


def _carry_untabled(
    tx: Tx, kind: Kind, previous: RowView, values: dict[str, Any], checked: Mapping[str, Any]
) -> None:
    """Parts that the tables do not hold are carried over from the previous version's ledger entry."""
    missing = [n for n in kind.part_names if not kind.parts[n].tabled and n not in checked]
    if missing:
        texts = kind.fitted(tx.disclosures(previous.ledger_index))
        for name in missing:
            text = texts[kind.bit(name)]
            values[name] = open_disclosure(text)[2] if text else None
