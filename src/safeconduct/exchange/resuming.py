"""The way out of a freeze: both nodes show what they hold, a signatory of each party signs, both begin a new epoch."""

from __future__ import annotations

import base64
import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from safeconduct.agreement.signatures import Signatory
from safeconduct.exchange.adoption import adopt
from safeconduct.exchange.delivery import deliver_after, feed_of, restored_mark
from safeconduct.exchange.epochs import (
    HEADS,
    MAX_LEAVES,
    EpochRefused,
    Head,
    Proposal,
    Statement,
    View,
    evidence_of,
    opened_view,
    seal_view,
    signed_by,
)
from safeconduct.exchange.identity import Card, feed_key
from safeconduct.exchange.inbound import mirror_of, partner_of
from safeconduct.exchange.state import State
from safeconduct.ledger.notes import NoteRefused, unverified_checkpoint
from safeconduct.ledger.tree import EMPTY_ROOT
from safeconduct.records.home import Partner
from safeconduct.records.hooks import job
from safeconduct.records.refusals import Malformed
from safeconduct.records.transaction import Tx, iso

RESUMING = "a new epoch is being agreed on"


@job("exchange_epoch_view")
def view_job(tx: Tx, payload: dict[str, Any]) -> dict[str, Any]:
    """What this node holds of a partner, signed. Nothing is exchanged from here on, so that it stays true."""
    partner, _ = partner_of(tx, payload)
    return {"file": _text(Proposal({tx.home.party: _own_view(tx, partner)}, {}).pack())}


@job("exchange_epoch_statement")
def statement_job(tx: Tx, payload: dict[str, Any]) -> dict[str, Any]:
    """What a signatory is to sign: payload partner, file (base64) with the other's view, and the own where it has
    one. Answers the statement's bytes, its lines for people, and the file with both views."""
    partner, card = partner_of(tx, payload)
    both = _read(tx, partner, card, payload)
    made = Proposal(both.proposal.views, both.proposal.signatures)
    return {
        "statement": _text(both.statement.text()),
        "lines": both.statement.lines(),
        "file": _text(made.pack()),
    }


@job("exchange_epoch_sign")
def sign_job(tx: Tx, payload: dict[str, Any]) -> dict[str, Any]:
    """Add a signatory's signature to the file, and begin the epoch if the other party has signed, too.

    Payload: partner, file, key, signature; the last two may be missing where this party has signed before. Answers
    the file and whether the epoch has begun. One signature changes nothing.
    """
    partner, card = partner_of(tx, payload)
    both = _read(tx, partner, card, payload)
    signatures = dict(both.proposal.signatures)
    if payload.get("signature"):
        signatures[tx.home.party] = str(payload.get("key")), str(payload["signature"])
    names = {}
    for party, signature in signatures.items():
        try:
            names[party] = signed_by(both.statement, signature, _signatories(tx, partner, party))
        except EpochRefused as fault:
            raise Malformed(f"{party}: {fault}") from fault
    made = Proposal(both.proposal.views, signatures)
    begun = names.keys() == {tx.home.party, partner.party}
    if begun:
        _begin(tx, partner, both, signatures, names)
    return {"file": _text(made.pack()), "begun": begun, "epoch": both.statement.epoch}


@job("exchange_epoch_cancel")
def cancel_job(tx: Tx, payload: dict[str, Any]) -> dict[str, Any]:
    """Give up agreeing on an epoch: a freeze that only that had brought about ends."""
    partner, _ = partner_of(tx, payload)
    state = State(tx.db)
    tx.db.execute("DELETE FROM exchange_resuming WHERE partner = ?", (partner.party,))
    if state.partner(partner.party).frozen == RESUMING:
        state.freeze(partner.party, "")
        deliver_after(tx, partner.party)
    return {"frozen": state.partner(partner.party).frozen}


@dataclass(frozen=True)
class Both:
    """The views of both nodes and what follows from them."""

    proposal: Proposal
    own: View
    theirs: View
    statement: Statement


def _own_view(tx: Tx, partner: Partner) -> tuple[bytes, bytes]:
    """The view that this node has given, or gives now."""
    row = tx.db.execute("SELECT view FROM exchange_resuming WHERE partner = ?", (partner.party,)).fetchone()
    if row is None:
        state = State(tx.db)
        frozen = state.partner(partner.party).frozen
        view = _look(tx, partner, frozen).pack()
        tx.db.execute("INSERT INTO exchange_resuming VALUES (?, ?)", (partner.party, view))
        if not frozen:
            state.freeze(partner.party, RESUMING)
            tx.announce({"topic": "exchange", "partner": partner.party, "alarm": "resuming"})
    else:
        view = bytes(row[0])
    return view, seal_view(view, feed_key(tx.home, partner.party))


def _look(tx: Tx, partner: Partner, frozen: str) -> View:
    mirror = mirror_of(tx, partner.party)
    first = max(0, mirror.size - MAX_LEAVES)
    evidence = tx.db.execute(
        "SELECT ours, theirs FROM exchange_evidence WHERE partner = ?", (partner.party,)
    ).fetchall()
    return View(
        party=tx.home.party,
        partner=partner.party,
        agreement=partner.agreement,
        epoch=State(tx.db).epoch(partner.party),
        feed=(mirror.size, mirror.root().hex()),
        first=first,
        leaves=tuple(entry.leaf for entry in mirror.entries(first, mirror.size)),
        own_heads=_heads(tx, partner.party, "cosigned_by"),
        their_heads=_heads(tx, partner.party, "cosigned"),
        evidence=tuple(sorted({evidence_of(bytes(note)) for pair in evidence for note in pair if note})),
        frozen=frozen,
    )


def _heads(tx: Tx, partner: str, what: str) -> tuple[Head, ...]:
    """The latest heads that were cosigned: the partner's as they were signed, the own as the ledger is now."""
    found: dict[int, str] = {}
    for last in range(tx.log.size, 0, -2000):
        for entry in reversed(tx.log.entries(max(0, last - 2000), last)):
            if b'"checkpoint"' not in entry.leaf:
                continue
            header = json.loads(entry.leaf)
            if header["type"] != "checkpoint" or (header["what"], header["partner"]) != (what, partner):
                continue
            size = int(header["size"])
            if what == "cosigned":
                found.setdefault(size, _root(header["note"]))
            elif size <= tx.log.size:
                found.setdefault(size, tx.log.root_at(size).hex())
            if len(found) == HEADS:
                break
        if len(found) == HEADS:
            break
    return ((0, EMPTY_ROOT.hex()), *sorted(found.items()))


def _root(note: str) -> str:
    try:
        return unverified_checkpoint(note.encode()).root.hex()
    except NoteRefused:
        return EMPTY_ROOT.hex()


def _read(tx: Tx, partner: Partner, card: Card, payload: dict[str, Any]) -> Both:
    """Both views, verified; the own one must be the one that this node gives."""
    try:
        proposal = Proposal.parse(base64.b64decode(str(payload["file"]), validate=True))
        view, seal = proposal.views[partner.party]
        theirs = opened_view(view, seal, card.feed)
        own = _own_view(tx, partner)
        given = proposal.views.get(tx.home.party)
        if given is not None and given[0] != own[0]:
            raise EpochRefused("it was made for another view of this node; begin again")
        statement = Statement.of(View.parse(own[0]), theirs)
    except (KeyError, ValueError) as fault:
        raise Malformed(f"epoch refused: {fault}") from fault
    if theirs.agreement != partner.agreement:
        raise Malformed("epoch refused: it is about another agreement")
    views = {tx.home.party: own, partner.party: (view, seal)}
    return Both(Proposal(views, proposal.signatures), View.parse(own[0]), theirs, statement)


def _signatories(tx: Tx, partner: Partner, party: str) -> Sequence[Signatory]:
    place = tx.state.agreements.get(partner.agreement)
    if place is None or party not in (tx.home.party, partner.party):
        raise Malformed(f"{party} has no part in this agreement")
    return place.standing.signatories(party)


def _begin(
    tx: Tx, partner: Partner, both: Both, signatures: dict[str, tuple[str, str]], names: dict[str, str]
) -> None:
    """Both have signed: go on from where the statement says, in a new epoch."""
    state, statement = State(tx.db), both.statement
    party = partner.party
    if statement.epoch <= state.epoch(party):
        raise Malformed(f"epoch refused: this exchange is in epoch {state.epoch(party)}")
    feed = feed_of(tx.home, party)
    size, root = statement.feeds[tx.home.party]
    keep = feed.log.size
    adopted: Sequence[bytes] = ()
    if feed.log.size < size or feed.log.root_at(size).hex() != root:
        try:
            keep, adopted = adopt(tx, partner, feed, both.theirs)
        except EpochRefused as fault:
            raise Malformed(f"epoch refused: {fault}") from fault
    ours, theirs = statement.ledgers[tx.home.party], statement.ledgers[party]
    state.begin_epoch(party, statement.epoch, ours[0], theirs[0], bytes.fromhex(theirs[1]))
    tx.db.execute("DELETE FROM exchange_resuming WHERE partner = ?", (party,))
    tx.db.execute(
        "INSERT INTO exchange_renewal VALUES (?, ?, ?, ?, ?) ON CONFLICT (partner) DO UPDATE SET "
        "epoch = excluded.epoch, keep = excluded.keep, adopted = excluded.adopted, reached = excluded.reached",
        (party, statement.epoch, keep, json.dumps([_text(leaf) for leaf in adopted]), ours[0]),
    )
    tx.append(
        "epoch",
        {
            "at": iso(tx.now),
            "partner": party,
            "epoch": statement.epoch,
            "statement": statement.text().decode(),
            "signatures": {p: list(signature) for p, signature in signatures.items()},
            "signed_by": names,
            "was": both.own.frozen,
            "kept": keep,
            "adopted": len(adopted),
        },
    )
    restored_mark(tx.home, party).unlink(missing_ok=True)
    deliver_after(tx, party)
    tx.announce({"topic": "exchange", "partner": party, "epoch": statement.epoch})


def _text(raw: bytes) -> str:
    return base64.b64encode(raw).decode()
