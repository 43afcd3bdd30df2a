"""What the list of who knew asks of the writer: to note the look, and the evidence for a signed report."""

from __future__ import annotations

import base64
import json
from collections.abc import Sequence
from typing import Any

from safeconduct.exchange.delivery import feed_of
from safeconduct.exchange.identity import Card, Keys
from safeconduct.exchange.inbound import mirror_of
from safeconduct.exchange.rotation import former_keys
from safeconduct.exchange.state import State
from safeconduct.ledger.notes import sign_checkpoint, unverified_checkpoint
from safeconduct.ledger.report import ReportRefused, check, seal
from safeconduct.oversight.jobs import WHO_KNEW, require_auditor
from safeconduct.records.commit import Draft, store
from safeconduct.records.databases import open_ledger
from safeconduct.records.founding import READING
from safeconduct.records.hooks import job
from safeconduct.records.principals import system_subject
from safeconduct.records.refusals import Malformed, NotFound
from safeconduct.records.transaction import Tx, iso

MOST_EVIDENCE = 200
"""Entries whose evidence one call gives: the writer has other work waiting."""


@job("note_who_knew")
def note_job(tx: Tx, payload: dict[str, Any]) -> dict[str, Any]:
    """Log a look at who knew of a record; it stays on this node. Payload: actor, record, act."""
    actor = tx.subject(payload["actor"])
    require_auditor(tx.policy, actor)
    act = str(payload.get("act"))
    row = tx.row(str(payload.get("record")))
    if act not in ("read", "export"):
        raise Malformed("a list is read or exported")
    if row is None:
        raise NotFound(str(payload.get("record")))
    what = {
        "act": act,
        "of": tx.home.party,
        "kind": READING.name,
        "records": [{"record": row.id, "version": row.version, "parts": [WHO_KNEW]}],
        "at": iso(tx.now),
    }
    who = {"person": actor.person, "roles": sorted(actor.roles)}
    draft = Draft(READING.name, {"what": what, "who": who}, about=row.id, releasable=[])
    _, _, index = store(
        tx, system_subject(tx.home.party), "write", READING, draft, noted={"policy": tx.state.index}
    )
    return {"index": index}


@job("who_knew_head")
def head_job(tx: Tx, payload: dict[str, Any]) -> dict[str, Any]:
    """The ledger's head as it is durable now, signed, and the public keys that a report rests on."""
    require_auditor(tx.policy, tx.subject(payload["actor"]))
    keys = Keys.of(tx.home)
    # What this very transaction appends is not on disk yet: another connection sees only what is.
    durable = open_ledger(tx.home, read_only=True)
    try:
        size = int(durable.execute("SELECT coalesce(max(idx) + 1, 0) FROM ledger_leaf").fetchone()[0])
    finally:
        durable.close()
    verifiers = {"ledger": keys.ledger.vkey}
    for partner in tx.home.partners.values():
        if partner.card:
            card = Card.of(partner.card)
            verifiers[f"witness {partner.party}"] = card.witness.vkey
            verifiers[f"feed from {partner.party}"] = card.feed.vkey
            verifiers[f"feed to {partner.party}"] = keys.feed(partner.party).vkey
    verifiers |= former_keys(tx)
    note = sign_checkpoint(tx.log.checkpoint_at(size), keys.ledger)
    return {"size": size, "note": note.decode(), "keys": verifiers}


@job("who_knew_evidence")
def evidence_job(tx: Tx, payload: dict[str, Any]) -> dict[str, Any]:
    """For each [entry, index of the ledger's note of its first cosignature or None]: the entry and its proofs.

    Payload: actor, size (of the signed head), entries. `under` is "" for that head, else a note.
    """
    require_auditor(tx.policy, tx.subject(payload["actor"]))
    asked, size = payload.get("entries"), int(payload.get("size", 0))
    if not isinstance(asked, list) or len(asked) > MOST_EVIDENCE or not 0 <= size <= tx.log.size:
        raise Malformed(f"evidence is given for {MOST_EVIDENCE} entries at a time")
    return {"entries": [_evidence(tx, int(index), cover, size) for index, cover in asked]}


def _evidence(tx: Tx, index: int, cover: int | None, size: int) -> dict[str, Any]:
    header = tx.header(index)
    kind = header.get("kind")
    shows = header["type"] in ("disclosure", "sealed", "received", "flow") or kind == READING.name
    if not shows:
        raise Malformed("an entry that tells of no showing")
    under, reach = "", size
    if cover is not None:
        noted = tx.header(int(cover))
        if noted["type"] != "checkpoint" or noted["what"] != "cosigned_by":
            raise Malformed("an entry that is no cosignature")
        under, reach = noted["note"], noted["size"]
    entry: dict[str, Any] = {
        "index": index,
        "leaf": tx.log.entry(index).leaf.decode(),
        "disclosures": list(tx.disclosures(index)) if kind == READING.name else [],
        "proof": _lines(tx.log.inclusion(index, reach)),
        "under": under,
    }
    if header["type"] == "disclosure":
        feed = _acknowledged(tx, header)
    else:
        feed = _told(tx, header) if header["type"] == "received" else None
    return entry if feed is None else {**entry, "feed": feed}


def _acknowledged(tx: Tx, header: dict[str, Any]) -> dict[str, Any] | None:
    """That the partner has cosigned the feed in which it was given."""
    feed = feed_of(tx.home, header["partner"])
    ack = feed.acks().get("feed")
    if ack is None or ack.size <= header["feed_index"] or ack.size > feed.log.size:
        return None
    proof = feed.log.inclusion(header["feed_index"], ack.size)
    return {"proof": _lines(proof), "under": ack.note.decode()}


def _told(tx: Tx, header: dict[str, Any]) -> dict[str, Any] | None:
    """That the partner has signed the feed in which it told it."""
    mirror = mirror_of(tx, header["originator"])
    note = State(tx.db).partner(header["originator"]).feed_note
    if not note or header["feed_index"] >= (size := unverified_checkpoint(note).size) or size > mirror.size:
        return None
    return {
        "leaf": mirror.entry(header["feed_index"]).leaf.decode(),
        "proof": _lines(mirror.inclusion(header["feed_index"], size)),
        "under": note.decode(),
    }


def _lines(hashes: Sequence[bytes]) -> list[str]:
    return [base64.b64encode(digest).decode() for digest in hashes]


@job("who_knew_seal")
def seal_job(tx: Tx, payload: dict[str, Any]) -> dict[str, Any]:
    """Sign a report with the ledger's key, once it verifies: the key signs nothing that does not hold."""
    subject = tx.subject(payload["actor"])
    require_auditor(tx.policy, subject)
    try:
        report = json.loads(str(payload["report"]))
        own = Keys.of(tx.home).ledger
        sealed = seal(report, own)
        if report["party"] != tx.home.party or report["by"] != subject.person:
            raise ReportRefused("a report of another party or person")
        check({**report, "page": ""}, own.vkey)
    except (ValueError, KeyError, TypeError) as fault:
        raise Malformed(f"not a report that can be signed: {fault}") from fault
    return {"sealed": sealed.decode()}
