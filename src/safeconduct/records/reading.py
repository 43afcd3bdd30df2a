"""Readings: who was shown which part when, as records of the party that logged them."""

from __future__ import annotations

from typing import Any

from safeconduct.ledger.parts import open_disclosure
from safeconduct.records.commit import Draft, store
from safeconduct.records.founding import READING
from safeconduct.records.hooks import job
from safeconduct.records.kept import apart, marks
from safeconduct.records.kinds import kind
from safeconduct.records.principals import system_subject
from safeconduct.records.refusals import Malformed, NotFound
from safeconduct.records.transaction import Tx, iso
from safeconduct.records.two_person_use import count_shown

READING_LIMIT = 500
"""Records that one reading names at most."""
STREAMS_LIMIT = 1_000
"""Streams that are noted with one job."""


@job("note")
def note_job(tx: Tx, payload: dict[str, Any]) -> dict[str, Any]:
    """Store one reading for each kind and originator read; it is durable when this is answered.

    A reading of another party's records may be released to that party alone, and names them by the ids under which
    they came; one of own records goes to nobody, and names those of one agreement alone. By which state of the policy
    it was decided (a ledger index) stays in the private header.
    """
    actor = tx.subject(payload["actor"])
    indexes = []
    chunks = [
        (item, marked, some[first : first + READING_LIMIT])
        for item in payload["items"]
        for marked, some in _by_agreement(tx, item)
        for first in range(0, len(some), READING_LIMIT)
    ]
    for item in payload["items"]:
        count_shown(tx, actor, str(payload["act"]), str(item["kind"]), item["records"])
    for item, marked, records in chunks:
        of = item["of"]
        own = of == tx.home.party
        named = [_named(tx, record, own) for record in records]
        draft = Draft(
            kind=READING.name,
            parts={
                "what": {
                    "act": payload["act"],
                    "of": of,
                    "kind": item["kind"],
                    "records": named,
                    "at": iso(tx.now),
                },
                "who": {"person": actor.person, "roles": sorted(actor.roles)},
            },
            about=records[0]["record"] if len(records) == 1 else "",
            releasable=[] if own or of not in tx.home.partners else [of],
            kept_for=marked,
        )
        _, _, index = store(
            tx, system_subject(tx.home.party), "write", READING, draft, noted={"policy": payload["policy"]}
        )
        indexes.append(index)
    return {"indexes": indexes}


def _by_agreement(tx: Tx, item: dict[str, Any]) -> list[tuple[list[str], list[dict[str, Any]]]]:
    """What was read, for each agreement by itself, with the marks of who may know of it."""
    records = item["records"]
    if item["of"] != tx.home.party:
        return [([], records)]
    places = apart(tx, [str(each["record"]) for each in records])
    return [(marks([parties]), [records[place] for place in some]) for parties, some in places.items()]


def _named(tx: Tx, item: dict[str, Any], own: bool) -> dict[str, Any]:
    """What was shown of one record; another party's is named as that party knows it, too."""
    shown = {name: item[name] for name in ("record", "version", "parts")}
    if own or "index" not in item:
        return shown
    header = tx.header(int(item["index"]))
    if header.get("record") != item["record"]:
        raise Malformed("a reading names the entry of another record")
    return {**shown, "sent_as": header.get("sent_as", "")}


@job("refuse")
def refuse_job(tx: Tx, payload: dict[str, Any]) -> dict[str, Any]:
    """Keep a refused attempt to read in the ledger."""
    header = {
        "at": iso(tx.now),
        "person": str(payload["actor"]["person"]),
        "act": str(payload["act"]),
        "record": str(payload["record"]),
        "reason": str(payload["reason"]),
    }
    return {"index": tx.append("refusal", header)}


@job("stream")
def stream_job(tx: Tx, payload: dict[str, Any]) -> dict[str, Any]:
    """Note that a live stream was opened or closed."""
    return {"index": _note_stream(tx, payload)}


@job("streams")
def streams_job(tx: Tx, payload: dict[str, Any]) -> dict[str, Any]:
    """Note of many live streams that they were opened or closed, each by an entry of its own."""
    notes = payload["notes"]
    if not isinstance(notes, list) or len(notes) > STREAMS_LIMIT:
        raise Malformed(f"at most {STREAMS_LIMIT} streams at once")
    return {"indexes": [_note_stream(tx, each) for each in notes]}


def _note_stream(tx: Tx, note: dict[str, Any]) -> int:
    if note.get("what") not in ("opened", "closed"):
        raise Malformed("a stream is opened or closed")
    person = str(note["actor"]["person"])
    topics = sorted(map(str, note.get("topics", ())))
    return tx.append("stream", {"at": iso(tx.now), "person": person, "what": note["what"], "topics": topics})


@job("open_part")
def open_part_job(tx: Tx, payload: dict[str, Any]) -> dict[str, Any]:
    """The value of a part that lies in the ledger only. release() has decided before it asks."""
    row = tx.row(payload["record"])
    if row is None:
        raise NotFound(str(payload["record"]))
    text = tx.disclosures(row.ledger_index)[kind(row.kind).bit(payload["part"])]
    if text is None:
        raise NotFound(row.id)
    return {"value": open_disclosure(text)[2]}
