"""Cosigning: the partner's feed, which is verified whole, and its ledger, which is cosigned blind.

A fork is two conflicting heads that the partner signed, and nothing less: bytes that do not fit are refused
and accuse nobody, since anyone on the way could have changed them.
"""

from __future__ import annotations

from dataclasses import dataclass

from safeconduct.exchange.bundle import Cosignatures
from safeconduct.exchange.epochs import extension
from safeconduct.exchange.identity import Card, Keys, ledger_origin
from safeconduct.exchange.state import PartnerState, State
from safeconduct.ledger.notes import (
    NoteRefused,
    add_signature,
    cosign,
    open_checkpoint,
    parse_add_checkpoint,
)
from safeconduct.ledger.tree import EMPTY_ROOT, verify_consistency
from safeconduct.records.transaction import Tx, iso

FORK = "fork"


class Forked(Exception):
    """The partner signed two histories. `ours` is the head this node has kept, `theirs` the other one."""

    def __init__(self, what: str, ours: bytes, theirs: bytes, bundle: bytes = b"") -> None:
        self.what = what
        self.ours = ours
        self.theirs = theirs
        self.bundle = bundle
        super().__init__(f"the partner signed two histories of its {what}")


@dataclass(frozen=True)
class Unproved:
    """A ledger head that was not shown to continue the one cosigned before: no evidence, but an alarm."""

    size: int


def cosigned_note(note: bytes, keys: Keys, now: float) -> bytes:
    """A verified note with this node's cosignature added."""
    return add_signature(note, cosign(note, keys.witness, int(now)))


def witness_ledger(tx: Tx, card: Card, request: bytes, keys: Keys) -> Unproved | None:
    """Cosign the head in a tlog-witness request if it continues what was cosigned; kept in the transaction.

    A request whose `old` is not the size cosigned last changes nothing: the answer names the size. Raises
    NoteRefused for one that its log did not sign, Forked for a conflicting one.
    """
    asked = parse_add_checkpoint(request)
    opened = open_checkpoint(asked.note, [card.ledger])
    head = opened.checkpoint
    if head.origin != ledger_origin(card.party):
        raise NoteRefused("the head of another log")
    state = State(tx.db)
    if head.extensions != extension(state.epoch(card.party)):
        return None
    known = state.partner(card.party)
    root = known.ledger_root or EMPTY_ROOT
    if head.size == known.ledger_size:
        if head.root != root:
            raise Forked("ledger", known.ledger_note, asked.note)
        return None
    if asked.old != known.ledger_size or head.size < known.ledger_size:
        return None
    if not verify_consistency(known.ledger_size, head.size, root, head.root, asked.proof):
        return Unproved(head.size)
    note = cosigned_note(asked.note, keys, tx.now)
    state.set_ledger_head(card.party, head.size, head.root, note)
    tx.append(
        "checkpoint",
        {
            "at": iso(tx.now),
            "what": "cosigned",
            "partner": card.party,
            "log": head.origin,
            "size": head.size,
            "note": note.decode(),
        },
    )
    return None


def given(known: PartnerState) -> Cosignatures:
    """What this node has cosigned of a partner, as it is handed over."""
    return Cosignatures(
        feed=known.cosigned_feed,
        ledger=known.ledger_note,
        ledger_size=known.ledger_size,
    )


def keep_evidence(tx: Tx, partner: str, fork: Forked) -> None:
    """Keep both heads, in the ledger too, and exchange nothing more with that partner until people decide."""
    state = State(tx.db)
    state.keep_evidence(partner, tx.now, fork.what, fork.ours, fork.theirs, fork.bundle)
    state.freeze(partner, f"{FORK}: two signed histories of the {fork.what}")
    tx.append(
        "checkpoint",
        {
            "at": iso(tx.now),
            "what": FORK,
            "partner": partner,
            "log": fork.what,
            "ours": fork.ours.decode(),
            "theirs": fork.theirs.decode(),
        },
    )
    tx.announce({"topic": "exchange", "partner": partner, "alarm": FORK})
