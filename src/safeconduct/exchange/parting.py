"""The end of an agreement: what each side still holds is listed and asked to be erased, then the link is closed.

Nobody ends an agreement alone beyond narrowing it: that the clauses are over stands in signed acts, and so does
that a signatory wanted the erasures. What the partner never answered stays on the list, and in the evidence.
"""

from __future__ import annotations

import base64
import json
import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from safeconduct.agreement.signatures import Signatory, SignatureRefused, verify_text
from safeconduct.exchange.delivery import feed_of
from safeconduct.exchange.holdings import ASKED, RETAINED, counts
from safeconduct.exchange.identity import make_card
from safeconduct.exchange.inbound import mirror_of, partner_of
from safeconduct.exchange.pairing import fingerprint
from safeconduct.exchange.recall import ask_to_erase
from safeconduct.exchange.state import State
from safeconduct.ledger.canonical import canonical
from safeconduct.records.home import Partner
from safeconduct.records.hooks import job, on_start
from safeconduct.records.kinds import all_kinds
from safeconduct.records.refusals import Malformed
from safeconduct.records.transaction import Tx, iso

FORMAT = "safeconduct-parting/v1"
AT_ONCE = 200
"""Records that one job asks to erase."""
LEAVES = 2000
"""Leaves of a feed that one job answers."""

_OVER = ("ended", "declined", "proposed", "under_discussion")
_OF_A_PARTNER = (
    "exchange_partner", "exchange_outbox", "exchange_sent", "exchange_sent_entry", "exchange_asked",
    "exchange_erasing", "exchange_sweep", "exchange_sealed", "exchange_sealed_file",
    "exchange_sealed_in", "exchange_sealed_held", "exchange_unread", "exchange_epoch", "exchange_resuming",
    "exchange_renewal", "exchange_parting",
    "exchange_lost",
)  # fmt: skip
"""What is remembered of a partner for the exchange alone. What was received is kept, with its terms of erasure."""


@dataclass(frozen=True)
class Wish:
    """What a signatory signs at the end of an agreement: that the partner is asked to erase what it was given,
    except records of the kinds in `keep`. `at` in seconds since 1970."""

    agreement: str
    party: str
    partner: str
    keep: tuple[str, ...]
    at: int

    def text(self) -> bytes:
        return f"{FORMAT}\n".encode() + canonical(
            {
                "agreement": self.agreement,
                "party": self.party,
                "partner": self.partner,
                "keep": list(self.keep),
                "at": self.at,
            }
        )


@job("exchange_part_begin")
def begin_job(tx: Tx, payload: dict[str, Any]) -> dict[str, Any]:
    """Ask the partner to erase what it was given, as a signatory of this party has signed.

    Payload: partner, keep (kinds), at, key, signature, after (the record that the last call ended with, "" for the
    first). Answers how many records were asked for, and `after`; "" when all are. What was asked before is not
    asked again.
    """
    partner, _ = partner_of(tx, payload)
    refuse_while_in_force(tx, partner)
    wish, signatory = _signed(tx, partner, payload)
    after = str(payload.get("after", ""))
    if not after:
        tx.db.execute(
            "INSERT INTO exchange_parting (partner, at) VALUES (?, ?) "
            "ON CONFLICT (partner) DO UPDATE SET at = excluded.at",
            (partner.party, tx.now),
        )
        tx.append(
            "parting",
            {
                "at": iso(tx.now),
                "what": "begun",
                "partner": partner.party,
                "agreement": partner.agreement,
                "wish": wish.text().decode(),
                "signature": [signatory.key_id, str(payload["signature"])],
                "by": signatory.name,
            },
        )
    asked, last = _ask_some(tx, partner, wish.keep, after)
    return {"asked": asked, "after": last}


def _signed(tx: Tx, partner: Partner, payload: Mapping[str, Any]) -> tuple[Wish, Signatory]:
    try:
        keep = tuple(sorted({str(kind) for kind in payload.get("keep", ())}))
        wish = Wish(partner.agreement, tx.home.party, partner.party, keep, int(payload["at"]))
        key, signature = str(payload["key"]), str(payload["signature"])
    except (KeyError, TypeError, ValueError) as fault:
        raise Malformed("a parting is signed by a signatory") from fault
    unknown = sorted(set(wish.keep) - all_kinds().keys())
    if unknown:
        raise Malformed(f"no such kind: {', '.join(unknown)}")
    standing = tx.state.agreements[partner.agreement].standing
    for signatory in standing.signatories(tx.home.party):
        if signatory.key_id == key:
            try:
                verify_text(wish.text(), signature, signatory)
            except SignatureRefused as fault:
                raise Malformed(str(fault)) from fault
            return wish, signatory
    raise Malformed("signed by nobody who may sign for this party")


def _ask_some(tx: Tx, partner: Partner, keep: Sequence[str], after: str) -> tuple[int, str]:
    state = State(tx.db)
    rows = tx.db.execute(
        "SELECT record FROM exchange_sent WHERE partner = ? AND record > ? ORDER BY record LIMIT ?",
        (partner.party, after, AT_ONCE),
    ).fetchall()
    asked = 0
    for (record,) in rows:
        sent = state.sent(partner.party, record)
        kind = all_kinds().get(_kind_of(tx, partner, record))
        if kind is None or sent is None or kind.crosses_by_pairing or kind.name in keep:
            continue
        before = tx.db.execute(
            "SELECT mask FROM exchange_asked WHERE partner = ? AND record = ?", (partner.party, record)
        ).fetchall()
        mask = (1 << len(kind.part_names)) - 1
        for (already,) in before:
            mask &= ~already
        asked += bool(mask) and ask_to_erase(tx, state, sent, kind, mask)
    return asked, rows[-1][0] if len(rows) == AT_ONCE else ""


def _kind_of(tx: Tx, partner: Partner, record: str) -> str:
    """What a record is; of one that was lost here, what the partner was told."""
    row = tx.row(record)
    if row is not None:
        return row.kind
    entries = State(tx.db).sent_entries(partner.party, record)
    return (
        json.loads(feed_of(tx.home, partner.party).log.entry(entries[0][0]).leaf)["kind"] if entries else ""
    )


def refuse_while_in_force(tx: Tx, partner: Partner) -> None:
    """Raises Malformed that names the clauses which no signatory has ended."""
    standing = tx.state.agreements[partner.agreement].standing
    alive = [n for n in standing.numbers if standing.status(n) not in _OVER]
    if alive:
        names = ", ".join(f"{number} ({standing.status(number)})" for number in alive)
        raise Malformed(f"{partner.agreement} is not over: a signatory ends these clauses first: {names}")


@job("exchange_parting")
def parting_job(tx: Tx, payload: dict[str, Any]) -> dict[str, Any]:
    """How far a parting is: `begun`, what the partner holds by how it stands, what is held here of the partner's by
    kind, and how many feed entries it has not acknowledged."""
    partner, _ = partner_of(tx, payload)
    begun = tx.db.execute("SELECT at FROM exchange_parting WHERE partner = ?", (partner.party,)).fetchone()
    return {
        "begun": iso(begun[0]) if begun is not None else "",
        "theirs": counts(partner.party),
        "ours": _held_here(tx, partner),
        "unacknowledged": _unacknowledged(tx, partner),
    }


def _held_here(tx: Tx, partner: Partner) -> dict[str, int]:
    found: dict[str, int] = {}
    for (leaf,) in tx.db.execute(
        "SELECT leaf FROM exchange_received WHERE partner = ? AND record IN "
        "(SELECT record FROM exchange_received_entry WHERE held <> 0)",
        (partner.party,),
    ):
        name = json.loads(leaf)["kind"]
        kind = all_kinds().get(name)
        if kind is None or not kind.crosses_by_pairing:
            found[name] = found.get(name, 0) + 1
    return found


def _unacknowledged(tx: Tx, partner: Partner) -> int:
    ack = feed_of(tx.home, partner.party).acks().get("feed")
    return State(tx.db).partner(partner.party).feed_size - (ack.size if ack is not None else 0)


@job("exchange_part_evidence")
def evidence_job(tx: Tx, payload: dict[str, Any]) -> dict[str, Any]:
    """What both have signed in this agreement, but for the leaves of the feeds: see `parting_evidence`."""
    partner, card = partner_of(tx, payload)
    refuse_while_in_force(tx, partner)
    own, state = feed_of(tx.home, partner.party), State(tx.db).partner(partner.party)
    acks, mirror = own.acks(), mirror_of(tx, partner.party)
    place = tx.state.agreements[partner.agreement]
    forks = tx.db.execute(
        "SELECT what, ours, theirs FROM exchange_evidence WHERE partner = ? ORDER BY at", (partner.party,)
    ).fetchall()
    return {
        "format": FORMAT,
        "party": tx.home.party,
        "partner": partner.party,
        "agreement": partner.agreement,
        "at": iso(tx.now),
        "cards": {
            tx.home.party: json.loads(make_card(tx.home, partner.party, partner.agreement)),
            partner.party: json.loads(card.raw),
        },
        "clauses": [clause.raw.decode() for clause in place.clauses],
        "acts": [signed.to_dict() for signed in place.acts],
        "feeds": {
            tx.home.party: {
                "size": own.size,
                "note": own.note().decode(),
                "cosigned": _note(acks["feed"].note) if "feed" in acks else "",
            },
            partner.party: {
                "size": mirror.size,
                "note": _note(state.feed_note),
                "cosigned": _note(state.cosigned_feed),
            },
        },
        "ledgers": {
            tx.home.party: _note(acks["ledger"].note) if "ledger" in acks else "",
            partner.party: _note(state.ledger_note),
        },
        "forks": [[what, _note(ours), _note(theirs)] for what, ours, theirs in forks],
    }


@job("exchange_part_leaves")
def leaves_job(tx: Tx, payload: dict[str, Any]) -> dict[str, Any]:
    """Leaves (base64) of a feed from `first` on: of the own one, or with `theirs` of the partner's as it is held."""
    partner, _ = partner_of(tx, payload)
    first = int(payload["first"])
    log = mirror_of(tx, partner.party) if payload.get("theirs") else feed_of(tx.home, partner.party).log
    found = log.entries(first, first + LEAVES)
    return {"leaves": [base64.b64encode(entry.leaf).decode() for entry in found]}


@job("exchange_part_close")
def close_job(tx: Tx, payload: dict[str, Any]) -> dict[str, Any]:
    """Say in the ledger that the link is closed. What the exchange remembers of the partner goes at the next start
    without it.

    Payload: partner, evidence (the digest of the file that was written), unanswered (True: although the partner has
    not acknowledged or not answered everything). Refuses, as Malformed, while a clause lives or before a signatory
    has begun the parting.
    """
    partner, card = partner_of(tx, payload)
    refuse_while_in_force(tx, partner)
    found = parting_job(tx, payload)
    if not found["begun"]:
        raise Malformed("no signatory of this party has begun the parting")
    waits = found["unacknowledged"], found["theirs"][ASKED]
    if any(waits) and not payload.get("unanswered"):
        raise Malformed(
            f"{partner.party} has not acknowledged {waits[0]:,} entries, nor answered {waits[1]:,} erasures: "
            "wait for it, or close without its answers"
        )
    tx.db.execute("UPDATE exchange_parting SET closed = 1 WHERE partner = ?", (partner.party,))
    header = {
        "at": iso(tx.now),
        "what": "closed",
        "partner": partner.party,
        "agreement": partner.agreement,
        "fingerprint": fingerprint(card.raw),
        "evidence": str(payload["evidence"]),
        "unanswered": waits[1],
        "retained": found["theirs"][RETAINED],
    }
    return {"index": tx.append("parting", header)}


@on_start
def forget_parted(tx: Tx) -> None:
    """Let go of what the exchange remembers of partners with whom the link was closed."""
    closed = tx.db.execute("SELECT partner FROM exchange_parting WHERE closed = 1").fetchall()
    for (partner,) in closed:
        if partner in tx.home.partners:
            continue
        # What waits for a hold to be lifted goes on waiting; under its number something else may wait one day.
        for (asked,) in tx.db.execute(
            "SELECT idx FROM exchange_retained WHERE partner = ? AND idx >= 0", (partner,)
        ).fetchall():
            tx.db.execute(
                "UPDATE exchange_retained SET idx = ? WHERE partner = ? AND idx = ?",
                (-1 - secrets.randbits(52), partner, asked),
            )
        mirror = mirror_of(tx, partner).name
        for part in ("leaf", "tile"):
            tx.db.execute(f"DROP TABLE {mirror}_{part}")
        for table in _OF_A_PARTNER:
            tx.db.execute(f"DELETE FROM {table} WHERE partner = ?", (partner,))


def _note(raw: bytes) -> str:
    return bytes(raw).decode()
