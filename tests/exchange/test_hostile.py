"""A malicious partner, or someone on the way: refused, and never accused without two signed heads."""

from __future__ import annotations

import json
import random
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

import ready
from safeconduct.exchange.bundle import Bundle, BundleRefused, Cosignatures, FeedEntry
from safeconduct.exchange.delivery import close_feeds
from safeconduct.exchange.feed import AckRefused
from safeconduct.exchange.identity import Card, Keys, feed_key, feed_origin
from safeconduct.exchange.sealed_state import TAKEN_BACK
from safeconduct.ledger.database import open_database
from safeconduct.ledger.keys import SigningKey
from safeconduct.ledger.log import Log
from safeconduct.ledger.notes import build_add_checkpoint, cosign, sign_checkpoint
from safeconduct.ledger.parts import digest, disclosure
from safeconduct.records.refusals import Malformed
from safeconduct.records.standing import load_state
from safeconduct.records.transaction import Tx

from .nodes import INCIDENT, Node, bundle_bytes, give, pull, unpacked

Pair = tuple[Node, Node]


def state_of(node: Node) -> tuple[Any, ...]:
    """All that a bundle could change."""
    log = node.writer.log
    evidence = node.writer.db.execute("SELECT count(*) FROM exchange_evidence").fetchone()[0]
    frozen = node.writer.db.execute("SELECT partner, frozen FROM exchange_partner").fetchall()
    return log.size, log.root(), node.have("pk"), evidence, frozen


class Forger:
    """The host's feed as the host itself could falsify it: with its own keys, any leaves it likes."""

    def __init__(self, host: Node, folder: Path) -> None:
        self.host = host
        self.db = open_database(folder / "forged.sqlite3")
        self.log = Log(self.db, "feed", feed_origin("pk", "cn"))
        self.key = feed_key(host.home, "cn")
        self.entries: list[FeedEntry] = list(host.feed("cn").bundle(0).entries)

    def bundle(self, start: int) -> bytes:
        self.db.execute("BEGIN")
        self.log.append([(entry.leaf, None) for entry in self.entries[self.log.size :]])
        self.db.execute("COMMIT")
        note = sign_checkpoint(self.log.checkpoint(), self.key)
        return Bundle(start, note, tuple(self.entries[start:])).pack()


@pytest.fixture
def forger(nodes: Pair, tmp_path: Path) -> Forger:
    host, partner = nodes
    host.commit("incident", INCIDENT)
    pull(partner, host)
    return Forger(host, tmp_path)


def entry(**changes: Any) -> FeedEntry:
    """A well-formed first version of an incident, with changes."""
    summary = disclosure("summary", INCIDENT["summary"], "a" * 24)
    digests = [digest(summary), *(digest(disclosure(f"p{n}", None, f"{n}")) for n in range(6))]
    header: dict[str, Any] = {
        "type": "version", "record": "ab" * 16, "version": 1, "kind": "incident", "originator": "pk",
        "agreement": "pk-cn", "clauses": ["pk-cn/1.1"], "state": "immediate", "labels": {"summary": 1},
        "at": "2024-10-06", "digests": digests, "commitment": "c" * 43, "orcon": False,
    }  # fmt: skip
    parts = changes.pop("parts", ((0, summary),))
    header |= changes
    header = {k: v for k, v in header.items() if v is not None}
    return FeedEntry(json.dumps(header, sort_keys=True, separators=(",", ":")).encode(), parts)


def test_the_honest_form_of_the_forged_entry_is_taken(nodes: Pair, forger: Forger) -> None:
    forger.entries.append(entry())
    assert nodes[1].ingest("pk", forger.bundle(nodes[1].have("pk")))["status"] == "ok"


SUMMARY = disclosure("summary", INCIDENT["summary"], "a" * 24)
BAD: dict[str, Callable[[], FeedEntry]] = {
    "another originator": lambda: entry(originator="xx"),
    "another agreement": lambda: entry(agreement="pk-xx"),
    "a clause of another agreement": lambda: entry(clauses=["pk-xx/1.1"]),
    "a kind that is no word": lambda: entry(kind="Strike!"),
    "a kind that is no text": lambda: entry(kind=7),
    "an unknown kind with a part that is not labelled": lambda: entry(kind="strike", labels={}),
    "an unknown kind with another part's disclosure": lambda: entry(kind="strike", labels={"target": 1}),
    "an unknown kind with a part that fits no digest": lambda: entry(
        kind="strike", parts=((0, disclosure("summary", {}, "b" * 24)),)
    ),
    "an unknown kind without digests": lambda: entry(kind="strike", digests=[]),
    "an unknown kind of another originator": lambda: entry(kind="strike", originator="xx"),
    "an unknown part": lambda: entry(labels={"summary": 1, "target": 1}),
    "a label out of range": lambda: entry(labels={"summary": 4}),
    "a label that is no number": lambda: entry(labels={"summary": True}),
    "a version that skips": lambda: entry(version=2),
    "a version of no number": lambda: entry(version=1.5),
    "a digest too few": lambda: entry(digests=["a" * 43]),
    "a doubled digest": lambda: entry(digests=[digest(SUMMARY)] * 7),
    "a disclosure that no digest knows": lambda: entry(parts=((0, disclosure("summary", {}, "b" * 24)),)),
    "a disclosure of an unlabelled part": lambda: entry(parts=((0, SUMMARY), (1, SUMMARY))),
    "a labelled part that is missing": lambda: entry(parts=()),
    "a record of one's own": lambda: entry(record="../../etc"),
    "about a third party": lambda: entry(about={"originator": "xx", "record": "cd" * 16}),
    "about a record that never crossed": lambda: entry(about={"originator": "cn", "record": "cd" * 16}),
    "an unknown field": lambda: entry(command="deploy"),
    "a missing field": lambda: entry(commitment=None),
    "a time that is none": lambda: entry(at="yesterday"),
    "parts of a version never sent": lambda: entry(type="parts"),
    "an unknown type": lambda: entry(type="key"),
    "a withdrawal of what was never sent": lambda: FeedEntry(
        b'{"agreement":"pk-cn","kind":"incident","originator":"pk","parts":["summary"],'
        b'"record":"' + b"ab" * 16 + b'","type":"withdraw"}'
    ),
    "a receipt for nothing": lambda: FeedEntry(
        b'{"agreement":"pk-cn","because":"","erase":0,"originator":"pk","outcome":"removed",'
        b'"record":"' + b"ab" * 16 + b'","type":"receipt"}'
    ),
    "no JSON": lambda: FeedEntry(b"\xff\xfe"),
    "JSON that is not canonical": lambda: FeedEntry(b'{"type": "version"}'),
    "deep nesting": lambda: FeedEntry(b"[" * 30_000 + b"]" * 30_000),
}


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


def test_replays_and_gaps_change_nothing(nodes: Pair) -> None:
    host, partner = nodes
    for _ in range(4):
        host.commit("incident", INCIDENT)
    first = bundle_bytes(host, partner)
    pull(partner, host)
    before = state_of(partner)
    for _ in range(3):
        assert partner.ingest("pk", first)["status"] == "ok"
    host.commit("incident", INCIDENT)
    host.commit("incident", INCIDENT)
    assert partner.ingest("pk", first)["status"] == "ok"
    late = bundle_bytes(host, partner, host.feed("cn").size - 1)
    answer = partner.ingest("pk", late)
    assert (answer["status"], answer["have"]) == ("gap", before[2])
    assert state_of(partner) == before
    pull(partner, host)
    assert partner.ingest("pk", first)["status"] == "old"


def test_mutated_bundles_are_refused_and_nobody_is_accused(nodes: Pair) -> None:
    host, partner = nodes
    pull(partner, host)
    for _ in range(3):
        host.commit("incident", INCIDENT)
    host.publish()
    whole = unpacked(host, partner, partner.have("pk"))
    raw = replace(whole, head=b"").pack()
    before = state_of(partner)
    chosen = random.Random(7)
    for _ in range(250):
        with pytest.raises(Malformed):
            partner.ingest("pk", mutated(raw, chosen))
    assert state_of(partner) == before
    for _ in range(50):
        # A head that cannot be used is passed over; what is signed beside it still counts.
        head = mutated(whole.head, chosen)
        try:
            assert partner.ingest("pk", replace(whole, head=head).pack())["status"] == "ok"
        except Malformed:
            continue
    assert state_of(partner)[3:] == before[3:]
    pull(partner, host)
    assert len(partner.of_kind("incident", "pk")) == 3


def mutated(raw: bytes, chosen: random.Random) -> bytes:
    """The bytes with one bit flipped, the end cut off, or something put in."""
    changed = bytearray(raw)
    at = chosen.randrange(len(raw))
    match chosen.randrange(4):
        case 0 | 1:
            changed[at] ^= 1 << chosen.randrange(8)
        case 2:
            del changed[at:]
        case _:
            changed[at:at] = chosen.randbytes(chosen.randrange(1, 9))
    return bytes(changed)


def test_a_swapped_or_forged_leaf_is_refused_without_accusation(nodes: Pair) -> None:
    host, partner = nodes
    host.commit("incident", INCIDENT)
    host.commit("incident", INCIDENT)
    whole = unpacked(host, partner, partner.have("pk"))
    before = state_of(partner)
    swapped = replace(whole, entries=whole.entries[::-1])
    forged = replace(whole, entries=(*whole.entries[:-1], entry()))
    for bad in (swapped, forged):
        with pytest.raises(Malformed):
            partner.ingest("pk", bad.pack())
    assert state_of(partner) == before


def test_wrong_keys_are_refused(nodes: Pair) -> None:
    host, partner = nodes
    host.commit("incident", INCIDENT)
    whole = unpacked(host, partner, partner.have("pk"))
    before = state_of(partner)
    checkpoint = host.feed("cn").log.checkpoint()
    stranger = SigningKey.generate(feed_origin("pk", "cn"))
    for key in (stranger, Keys.of(host.home).ledger, feed_key(host.home, "xx"), feed_key(partner.home, "pk")):
        with pytest.raises(Malformed):
            partner.ingest("pk", replace(whole, note=sign_checkpoint(checkpoint, key)).pack())
    other = replace(checkpoint, origin=feed_origin("pk", "xx"))
    with pytest.raises(Malformed):
        partner.ingest("pk", replace(whole, note=sign_checkpoint(other, feed_key(host.home, "cn"))).pack())
    assert state_of(partner) == before


@pytest.mark.parametrize("back", [0, 1, 2])
def test_two_signed_histories_are_proof_and_freeze_the_exchange(
    nodes: Pair, forger: Forger, back: int
) -> None:
    host, partner = nodes
    kept = partner.writer.db.execute("SELECT feed_note FROM exchange_partner").fetchone()[0]
    forger.entries[-1] = entry()
    forger.entries += [entry(record=f"{n:032x}") for n in range(back)]
    events: list[dict[str, Any]] = []
    partner.writer.listeners.append(events.append)
    start = len(forger.entries) - 1 - back if back < 2 else 0
    answer = partner.ingest("pk", forger.bundle(start))
    assert answer["status"] == "fork"
    ours, theirs = partner.writer.db.execute("SELECT ours, theirs FROM exchange_evidence").fetchone()
    assert ours == kept and theirs != kept
    assert {"topic": "exchange", "partner": "pk", "alarm": "fork"} in events
    assert partner.ingest("pk", bundle_bytes(host, partner))["status"] == "frozen"
    size = partner.feed("pk").size
    partner.commit("incident", INCIDENT)
    assert partner.feed("pk").size == size
    last = json.loads(partner.writer.log.entries(0, partner.writer.log.size)[-3].leaf)
    assert partner.writer.log.verify() is None and last["type"] in ("checkpoint", "version", "disclosure")


def test_ledger_is_cosigned_blind_and_a_conflicting_head_is_proof(nodes: Pair) -> None:
    host, partner = nodes
    host.publish()
    pull(partner, host)
    size = partner.call("exchange_cursor", partner="pk")["head"]
    assert size == host.feed("cn").acks()["ledger"].size == host.feed("cn").head_size()
    honest = unpacked(host, partner, partner.have("pk"))
    known = host.writer.log.checkpoint_at(size)
    keys = Keys.of(host.home)
    conflicting = sign_checkpoint(replace(known, root=bytes(32)), keys.ledger)
    unproved = sign_checkpoint(replace(known, size=size + 16, root=bytes(32)), keys.ledger)
    claimed = replace(honest, head=build_add_checkpoint(size, [bytes(32)], unproved))
    assert partner.ingest("pk", claimed.pack())["status"] == "ok"
    assert partner.call("exchange_cursor", partner="pk")["head"] == size
    fork = replace(honest, head=build_add_checkpoint(size, [], conflicting))
    assert partner.ingest("pk", fork.pack())["status"] == "fork"


def test_a_stale_head_gets_its_proof_anew(nodes: Pair) -> None:
    host, partner = nodes
    for _ in range(3):
        host.publish()
        host.commit("incident", INCIDENT)
    raw = bundle_bytes(host, partner)
    answer = partner.ingest("pk", raw)
    host.publish()
    stale = host.feed("cn").head_size()
    assert (
        partner.ingest("pk", bundle_bytes(host, partner, partner.have("pk")))["head"]
        == answer["head"]
        < stale
    )
    give(host, partner, answer)
    from safeconduct.exchange.cadence import keep_acks

    host.writer.tick(keep_acks)
    pull(partner, host)
    assert partner.call("exchange_cursor", partner="pk")["head"] == stale


def test_false_cosignatures_are_refused(nodes: Pair) -> None:
    host, partner = nodes
    host.publish()
    pull(partner, host)
    card = Card.of(host.home.partners["cn"].card)
    feed = host.feed("cn")
    before = feed.acks()
    checkpoint = feed.log.checkpoint()
    unsigned = checkpoint.text().encode() + b"\n" + cosign(checkpoint, Keys.of(partner.home).witness, 1)
    other = replace(checkpoint, root=bytes(32))
    own_only = sign_checkpoint(checkpoint, feed_key(host.home, "cn"))
    stranger = SigningKey.generate("cn.safeconduct/witness", "cosignature/v1")
    wrong = own_only + cosign(checkpoint, stranger, 1)
    forged = other.text().encode() + b"\n" + cosign(other, Keys.of(partner.home).witness, 1)
    for note in (unsigned, own_only, wrong, forged, b"nonsense"):
        with pytest.raises(AckRefused):
            feed.note_cosignatures(card, Cosignatures(feed=note))
    assert feed.acks() == before


def test_parser_refuses_what_has_two_spellings(nodes: Pair) -> None:
    host, partner = nodes
    raw = bundle_bytes(host, partner)
    for bad in (b"", raw + b"\x00", raw[:-1], raw.replace(b"FEED", b"HEAD", 1), b"x" + raw, raw[:30]):
        with pytest.raises(BundleRefused):
            Bundle.unpack(bad)
    for text in (
        b"{}",
        b'{"feed":"","ledger":"","ledger_size":-1}',
        b'{"feed":"", "ledger":"","ledger_size":0}',
    ):
        with pytest.raises(BundleRefused):
            Cosignatures.unpack(text)


def test_a_restored_backup_does_not_fork_itself(nodes: Pair, world: Path, tmp_path: Path) -> None:
    host, partner = nodes
    host.commit("incident", INCIDENT)
    host.publish()
    pull(partner, host)
    host.close()
    old = tmp_path / "old"
    ready.copy(host.home.path, old)
    host = Node(world / "pk")
    host.commit("incident", INCIDENT)
    host.publish()
    pull(partner, host)
    host.close()
    shutil.rmtree(host.home.path)
    ready.copy(old, host.home.path)
    (host.home.feed("cn") / "restored").touch()
    host = Node(world / "pk")
    host.commit("incident", INCIDENT)
    host.publish()
    size = host.feed("cn").size
    assert size < partner.have("pk")
    host.ingest("cn", bundle_bytes(partner, host, host.have("cn")))
    assert host.call("exchange_cursor", partner="cn")["frozen"].startswith("restored")
    assert host.feed("cn").size == size
    assert partner.ingest("pk", bundle_bytes(host, partner, 0))["status"] == "old"
    host.close()
    close_feeds(host.home)


@pytest.mark.files("puts back the ledger's file; `faults/snapshot.py` does it to a server's")
def test_a_ledger_older_than_its_own_feed_refuses_to_start(nodes: Pair, world: Path, tmp_path: Path) -> None:
    host, _ = nodes
    host.close()
    shutil.copy(host.home.ledger, tmp_path / "old.sqlite3")
    host = Node(world / "pk")
    host.commit("incident", INCIDENT)
    host.close()
    for suffix in ("-wal", "-shm"):
        Path(f"{host.home.ledger}{suffix}").unlink(missing_ok=True)
    shutil.copy(tmp_path / "old.sqlite3", host.home.ledger)
    with pytest.raises(SystemExit, match="older backup"):
        Node(world / "pk")
    close_feeds(host.home)


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
