"""What remains of an agreement: one file that anyone can verify without a node, for as long as there are readers.

It holds both cards, the clauses and the signed acts about them, and every leaf of both feeds: what was given, taken
back, asked to be erased and answered, without a word of any record. Lines: the format, the head (canonical JSON),
a signed note on the head's hash (base64), the leaves of the writer's feed, those of the partner's.
"""

from __future__ import annotations

import base64
import hashlib
import json
import os
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any

from safeconduct.agreement.acts import ActRefused, SignedAct
from safeconduct.agreement.status import standing
from safeconduct.exchange.identity import Card, CardRefused
from safeconduct.exchange.leaves import MAX_LEAF, REMOVED
from safeconduct.ledger.canonical import CanonicalRefused, canonical
from safeconduct.ledger.keys import Signer
from safeconduct.ledger.notes import NoteRefused, open_checkpoint, open_note, sign_note
from safeconduct.ledger.tree import Frontier, leaf_hash

FORMAT = b"safeconduct-parting/v1\n"
_OF_THE_AGREEMENT = ("clause", "status_act")
"""Kinds that both keep: they are what the agreement was."""

MAX_HEAD = 64 * 1024 * 1024
_HEAD = {
    "format", "party", "partner", "agreement", "at", "cards", "clauses", "acts", "feeds", "ledgers", "forks",
}  # fmt: skip


class EvidenceRefused(ValueError):
    """A file that is no evidence of a parting, or does not hold; the text says what and where."""


@dataclass(frozen=True)
class Verified:
    """Evidence that holds: what it says, in lines for people, and the keys that it rests on, by name."""

    lines: tuple[str, ...]
    keys: Mapping[str, str]


@dataclass
class _Given:
    """What one party was told of the other's records by a feed: by record the parts held, withdrawn and erased."""

    held: dict[str, set[str]] = field(default_factory=dict)
    withdrawn: dict[str, set[str]] = field(default_factory=dict)
    asked: dict[int, str] = field(default_factory=dict)
    answers: dict[int, tuple[str, str]] = field(default_factory=dict)


def write(path: Path, head: Mapping[str, Any], key: Signer, leaves: Iterable[bytes]) -> str:
    """Write the file whole or not at all; returns "sha256:" and the hash of its head. Raises FileExistsError."""
    line = canonical(dict(head))
    note = sign_note(_signed(line), key)
    draft = path.with_name(f"{path.name}.part")
    if path.exists():
        raise FileExistsError(f"{path} is there already")
    with draft.open("wb") as target:
        target.write(FORMAT + line + b"\n" + base64.b64encode(note) + b"\n")
        for leaf in leaves:
            target.write(leaf + b"\n")
        target.flush()
        os.fsync(target.fileno())
    draft.replace(path)
    return f"sha256:{hashlib.sha256(line).hexdigest()}"


def verify(path: Path, trusted: Iterable[str] = ()) -> Verified:
    """Verify the evidence in a file. Raises EvidenceRefused.

    `trusted` are public keys that the reader has from elsewhere: with any given, every key in the file must be
    among them.
    """
    with path.open("rb") as source:
        if source.read(len(FORMAT)) != FORMAT:
            raise EvidenceRefused("not a file of this format")
        line = _line(source, MAX_HEAD)
        note = _line(source, MAX_LEAF)
        head = _object(line)
        try:
            return _verified(head, line, base64.b64decode(note, validate=True), source, set(trusted))
        except EvidenceRefused:
            raise
        except (CardRefused, NoteRefused, ActRefused) as fault:
            raise EvidenceRefused(str(fault)) from fault
        except (KeyError, TypeError, ValueError, AttributeError, RecursionError) as fault:
            raise EvidenceRefused(f"the file is not of this form: {fault}") from fault


def _verified(
    head: dict[str, Any], line: bytes, note: bytes, source: IO[bytes], trusted: set[str]
) -> Verified:
    party, partner = head["party"], head["partner"]
    cards = {name: Card.of(head["cards"][name]) for name in (party, partner)}
    for name, other in ((party, partner), (partner, party)):
        card = cards[name]
        if (card.party, card.made_for, card.agreement) != (name, other, head["agreement"]):
            raise EvidenceRefused(f"the card of {name} is not one for this agreement")
    keys = {
        f"{name} {what}": verifier.vkey
        for name, card in cards.items()
        for what, verifier in (("ledger", card.ledger), ("feed", card.feed), ("witness", card.witness))
    }
    for name, vkey in keys.items():
        if trusted and vkey not in trusted:
            raise EvidenceRefused(f"the key {name} is not one of those given")
    text, _ = open_note(note, [cards[party].ledger])
    if text != _signed(line):
        raise EvidenceRefused("the signature is on another file")
    given = {party: _Given(), partner: _Given()}
    sizes = {}
    for name, other in ((party, partner), (partner, party)):
        sizes[name] = _feed(head, cards[name], cards[other], source, given)
    if source.read(1):
        raise EvidenceRefused("there is more in the file than it says")
    lines = [
        f"{cards[party].name} ({party}) and {cards[partner].name} ({partner}), agreement {head['agreement']}, "
        f"written by {party} at {head['at']}"
    ]
    lines += _clauses(head, cards)
    for name, other in ((party, partner), (partner, party)):
        lines.append(sizes[name])
        lines += _fate(given[name], given[other], other)
    lines += _ledgers(head, cards)
    return Verified(tuple(lines), keys)


def _feed(
    head: dict[str, Any], card: Card, reader: Card, source: IO[bytes], given: Mapping[str, _Given]
) -> str:
    """Read the leaves of one party's feed; what it amounts to, in a line."""
    told = head["feeds"][card.party]
    size, note, cosigned = told["size"], told["note"].encode(), told["cosigned"].encode()
    if not size:
        return f"the feed of {card.party} is empty"
    signed = open_checkpoint(note, [card.feed]).checkpoint
    seen = open_checkpoint(cosigned, [card.feed, reader.witness]) if cosigned else None
    if seen is not None and set(seen.signers) != {card.feed, reader.witness}:
        raise EvidenceRefused(f"the feed of {card.party} is not cosigned by {reader.party}")
    frontier = Frontier()
    fits = seen is None or seen.checkpoint.size == 0
    for index in range(size):
        leaf = _line(source, MAX_LEAF)
        frontier.extend((leaf_hash(leaf),))
        _note_leaf(index, _object(leaf), card.party, head["agreement"], given)
        if seen is not None and frontier.size == seen.checkpoint.size:
            fits = seen.checkpoint.root == frontier.root()
    if (signed.origin, signed.size, signed.root) != (card.feed.name, size, frontier.root()) or not fits:
        raise EvidenceRefused(f"the leaves of the feed of {card.party} are not those that were signed")
    known = f"cosigned by {reader.party} to {seen.checkpoint.size:,}" if seen is not None else "not cosigned"
    return f"the feed of {card.party}: {size:,} entries, {known}"


def _note_leaf(
    index: int, leaf: dict[str, Any], party: str, agreement: str, given: Mapping[str, _Given]
) -> None:
    if leaf["originator"] != party or leaf["agreement"] != agreement:
        raise EvidenceRefused(f"entry {index} of the feed of {party} is of another party or agreement")
    own, record = given[party], leaf["record"]
    if leaf.get("kind") in _OF_THE_AGREEMENT:
        return
    match leaf["type"]:
        case "version" | "parts":
            own.held.setdefault(record, set()).update(leaf["labels"])
        case "withdraw":
            own.withdrawn.setdefault(record, set()).update(leaf["parts"])
        case "erase":
            own.asked[index] = record
        case "receipt":
            own.answers[leaf["erase"]] = (leaf["outcome"], leaf["because"])
        case _:
            raise EvidenceRefused(f"entry {index} of the feed of {party} is of an unknown type")


def _fate(given: _Given, answering: _Given, receiver: str) -> Iterator[str]:
    """What became of what one party gave, by its feed and the receipts in the other's."""
    yield f"  {len(given.held):,} records were given to {receiver}; it was told not to use {len(given.withdrawn):,}"
    outcomes = {index: answering.answers.get(index) for index in given.asked}
    removed = {given.asked[i] for i, answer in outcomes.items() if answer and answer[0] == REMOVED}
    yield f"  {len(set(given.asked.values())):,} were asked to be erased; of {len(removed):,} it answered removed"
    for index, answer in outcomes.items():
        if answer is not None and answer[0] != REMOVED and given.asked[index] not in removed:
            yield f"    {given.asked[index]}: retained because {answer[1]}"
    open_ = sum(answer is None for answer in outcomes.values())
    if open_:
        yield f"    {open_:,} were not answered"


def _clauses(head: dict[str, Any], cards: Mapping[str, Card]) -> Iterator[str]:
    acts = [SignedAct.from_dict(act) for act in head["acts"]]
    files = {f"sha256:{hashlib.sha256(text.encode()).hexdigest()}" for text in head["clauses"]}
    found = standing(
        acts, tuple(cards), (), {name: card.signatories for name, card in cards.items()}, head["agreement"]
    )
    names = {s.key_id: s.name for card in cards.values() for s in card.signatories}
    for signed in acts:
        if signed.act.to == "appoint" and signed.act.subject:
            names.setdefault(signed.act.subject["key_id"], signed.act.subject["name"])
    for number in found.numbers:
        texts = found.texts(number)
        for text in texts:
            if text.status == "agreed" or (text.accepted and text.status not in ("ended", "declined")):
                raise EvidenceRefused(f"clause {number} is not ended")
            here = "" if text.text in files else " (its text is not in the file)"
            yield f"clause {number}, text {text.text[7:19]}: {text.status}{here}"
        for event in found.history(number):
            act = event.signed.act
            if act.to in ("ended", "agreed") and not event.reason:
                yield f"    {act.to}: {names.get(act.key, act.key)} for {act.by}"


def _ledgers(head: dict[str, Any], cards: Mapping[str, Card]) -> Iterator[str]:
    for name, card in cards.items():
        (other,) = (each for each in cards.values() if each is not card)
        note = head["ledgers"][name].encode()
        if not note:
            yield f"the ledger of {name} was never cosigned by {other.party}"
            continue
        opened = open_checkpoint(note, [card.ledger, other.witness])
        if set(opened.signers) != {card.ledger, other.witness}:
            raise EvidenceRefused(f"the ledger of {name} is not cosigned by {other.party}")
        root = base64.b64encode(opened.checkpoint.root).decode()
        yield f"the ledger of {name}: cosigned by {other.party} to {opened.checkpoint.size:,}, root {root}"
    if head["forks"]:
        yield f"{len(head['forks']):,} pairs of heads that cannot both be true are kept in the file"


def _signed(line: bytes) -> str:
    return f"{FORMAT.decode()}sha256:{hashlib.sha256(line).hexdigest()}\n"


def _line(source: IO[bytes], limit: int) -> bytes:
    line = source.readline(limit + 2)
    if not line.endswith(b"\n"):
        raise EvidenceRefused("the file is cut short")
    return line[:-1]


def _object(raw: bytes) -> dict[str, Any]:
    try:
        found = json.loads(raw)
        exact = canonical(found) == raw
    except (ValueError, RecursionError, CanonicalRefused):
        raise EvidenceRefused("not canonical JSON") from None
    if not exact or not isinstance(found, dict):
        raise EvidenceRefused("not a canonical JSON object")
    return found
