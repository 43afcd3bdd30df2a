"""Entries that no honest partner sends: refused whole, or of no effect, and nobody is accused."""

from __future__ import annotations

import json
from typing import Any

import pytest

from safeconduct.exchange.bundle import FeedEntry
from safeconduct.exchange.sealed_state import TAKEN_BACK
from safeconduct.ledger.parts import digest, disclosure
from safeconduct.records.refusals import Malformed
from safeconduct.records.standing import load_state
from safeconduct.records.transaction import Tx

from .forging import BAD, Forger, entry, state_of
from .nodes import Node

Pair = tuple[Node, Node]


def test_the_honest_form_of_the_forged_entry_is_taken(nodes: Pair, forger: Forger) -> None:
    forger.entries.append(entry())
    assert nodes[1].ingest("pk", forger.bundle(nodes[1].have("pk")))["status"] == "ok"


@pytest.mark.parametrize("name", BAD)
def test_an_entry_that_no_honest_partner_sends_is_refused_whole(
    nodes: Pair, forger: Forger, name: str
) -> None:
    _, partner = nodes
    before = state_of(partner)
    forger.entries += [entry(record="ef" * 16), BAD[name]()]
    with pytest.raises(Malformed):
        partner.ingest("pk", forger.bundle(partner.have("pk")))
    assert state_of(partner) == before


def founding(kind: str, part: str, value: dict[str, Any], record: str) -> FeedEntry:
    """A clause or an act as the partner may word it."""
    text = disclosure(part, value, record[:24])
    return entry(
        kind=kind,
        clauses=[],
        state="open",
        labels={part: 0},
        digests=[digest(text)],
        record=record,
        parts=((0, text),),
    )


@pytest.mark.parametrize("depth", [200, 700, 16_000])
def test_a_nested_clause_or_act_of_the_partner_counts_for_nothing_however_deep_the_caller(
    nodes: Pair, forger: Forger, depth: int
) -> None:
    _, partner = nodes
    nested = "[" * (depth // 2) + "]" * (depth // 2)
    act = {"agreement": "pk-cn", "act": nested, "signature": {"a": "b"}}
    file = f'+++\nclause = "1"\nx = {nested}\n+++\n'
    text = {"agreement": "pk-cn", "number": "1", "digest": "sha256:" + "0" * 64, "file": file}
    forger.entries += [
        founding("status_act", "act", act, "ab" * 16),
        founding("clause", "text", text, "cd" * 16),
    ]
    assert partner.ingest("pk", forger.bundle(partner.have("pk")))["status"] == "ok"
    before = partner.writer.state.policy.digest

    def deeper(frames: int) -> str:
        if frames:
            return deeper(frames - 1)
        return load_state(partner.writer.tables, partner.home).policy.digest

    assert deeper(600) == before


@pytest.mark.parametrize(
    "change", [{"subject": {"name": "\ud800"}}, {"seen": {"\ud800": "sha256:" + "0" * 64}}]
)
def test_an_act_of_the_partner_that_could_not_be_signed_counts_for_nothing(
    nodes: Pair, forger: Forger, change: dict[str, Any]
) -> None:
    """Its escapes are proper text, and what they stand for has no canonical form."""
    _, partner = nodes
    said = {
        "agreement": "pk-cn", "clause": "", "text": "", "to": "appoint", "by": "pk", "seq": 1, "previous": "",
        "seen": {}, "key": "k", "at": 1, "subject": {"name": "x"}, **change,
    }  # fmt: skip
    act = {"agreement": "pk-cn", "act": json.dumps(said), "signature": {"a": "b"}}
    forger.entries.append(founding("status_act", "act", act, "ab" * 16))
    before = partner.writer.state.policy.digest
    assert partner.ingest("pk", forger.bundle(partner.have("pk")))["status"] == "ok"
    assert load_state(partner.writer.tables, partner.home).policy.digest == before


def test_a_partner_that_sends_clauses_without_end_is_refused(
    nodes: Pair, forger: Forger, monkeypatch: pytest.MonkeyPatch
) -> None:
    _, partner = nodes
    monkeypatch.setattr("safeconduct.exchange.reception.MAX_FOUNDING", 100_000)
    before = state_of(partner)
    for number in range(10):
        file = f"{number}" + "x" * 10_000
        text = {"agreement": "pk-cn", "number": "1", "digest": "sha256:" + "0" * 64, "file": file}
        forger.entries.append(founding("clause", "text", text, f"{number:032x}"))
    with pytest.raises(Malformed, match="more clauses and acts"):
        partner.ingest("pk", forger.bundle(partner.have("pk")))
    assert state_of(partner) == before


@pytest.mark.parametrize(
    "newer", [{"state": "struck"}, {"labels": {"act": 0, "proof": 0}}, {"labels": {"proof": 0}}]
)
def test_a_clause_or_an_act_that_is_not_understood_does_not_wait_unheeded(
    nodes: Pair, forger: Forger, newer: dict[str, Any]
) -> None:
    """It may be a suspension: the feed stops and says why, rather than going on as if nobody had suspended."""
    _, partner = nodes
    texts = [disclosure(name, {"x": 1}, "s" * 22 + name[0]) for name in ("act", "proof")]
    labels = newer.get("labels", {"act": 0})
    given = tuple(
        (at, text)
        for at, (name, text) in enumerate(zip(("act", "proof"), texts, strict=True))
        if name in labels
    )
    said = {
        "kind": "status_act",
        "clauses": [],
        "state": "open",
        "labels": labels,
        "record": "ab" * 16,
        **newer,
    }
    forger.entries.append(entry(**said, digests=[digest(text) for text in texts], parts=given))
    before = state_of(partner)
    with pytest.raises(Malformed, match="does not understand everything"):
        partner.ingest("pk", forger.bundle(partner.have("pk")))
    assert state_of(partner) == before


def test_clauses_and_acts_of_the_partner_are_not_amended_or_recalled(nodes: Pair, forger: Forger) -> None:
    _, partner = nodes
    act = next(json.loads(e.leaf) for e in forger.entries if json.loads(e.leaf)["kind"] == "status_act")
    leaf = {k: act[k] for k in ("record", "kind", "originator", "agreement")} | {"parts": ["act"]}
    honest = list(forger.entries)
    for kind in ("withdraw", "erase"):
        body = json.dumps(leaf | {"type": kind}, sort_keys=True, separators=(",", ":")).encode()
        forger.entries[:] = [*honest, FeedEntry(body)]
        with pytest.raises(Malformed):
            Forger.bundle(forger, partner.have("pk"))
            partner.ingest("pk", forger.bundle(partner.have("pk")))
        forger.log._connection.execute("DELETE FROM feed_leaf WHERE idx >= ?", (len(honest),))
        forger.log.reload()


@pytest.mark.parametrize("kind", ["novelty", "incident"])
def test_a_recall_that_waits_ends_the_sealed_bundles_that_it_names_at_once(
    nodes: Pair, forger: Forger, kind: str
) -> None:
    _, partner = nodes
    leaf = {
        "type": "withdraw", "record": "ab" * 16, "kind": kind, "originator": "pk", "agreement": "pk-cn",
        "parts": ["novel"], "sealed": ["cd" * 16],
    }  # fmt: skip
    forger.entries.append(FeedEntry(json.dumps(leaf, sort_keys=True, separators=(",", ":")).encode()))
    assert partner.ingest("pk", forger.bundle(partner.have("pk")))["status"] == "ok"
    states = partner.writer.db.execute("SELECT bundle, state FROM exchange_sealed_in").fetchall()
    assert [tuple(each) for each in states] == [("cd" * 16, TAKEN_BACK)]


def test_erasures_asked_for_over_and_over_touch_each_version_once(
    nodes: Pair, forger: Forger, monkeypatch: pytest.MonkeyPatch
) -> None:
    _, partner = nodes
    erase = FeedEntry(
        b'{"agreement":"pk-cn","kind":"incident","originator":"pk","parts":["summary"],'
        b'"record":"' + b"ab" * 16 + b'","type":"erase"}'
    )
    for version in range(1, 31):
        forger.entries += [entry(version=version), erase]
    touched: list[int] = []
    real = Tx.erase

    def counted(tx: Tx, index: int, positions: Any) -> None:
        touched.append(index)
        real(tx, index, positions)

    monkeypatch.setattr(Tx, "erase", counted)
    assert partner.ingest("pk", forger.bundle(partner.have("pk")))["status"] == "ok"
    assert len(touched) == len(set(touched)) == 30
    for index in touched:
        assert partner.in_tx(lambda tx, index=index: tx.disclosures(index)[0]) is None
