"""What the other party sends: cards, bundles, leaves, views of an epoch, sealed bundles, sticks, live positions."""

from __future__ import annotations

import base64
import json
import struct
from datetime import datetime
from functools import cache
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.x509.oid import NameOID

from fuzz.target import Target, Unfit, tree_of
from fuzz.targets.agreement import SIGNATORY, _acts
from fuzz.targets.ledger import HEAD, LOG, WITNESS, _folder, note, scratch
from safeconduct.exchange import (
    bundle,
    epochs,
    identity,
    leaves,
    pairing,
    parting_evidence,
    sealed,
    spoken,
    stick,
)
from safeconduct.exchange.spool import Shelf, spool_file
from safeconduct.ledger.canonical import CanonicalRefused, canonical
from safeconduct.ledger.keys import SigningKey
from safeconduct.ledger.notes import (
    Checkpoint,
    NoteRefused,
    add_signature,
    cosign,
    sign_checkpoint,
    sign_note,
)
from safeconduct.ledger.parts import seal
from safeconduct.ledger.tree import leaf_hash
from safeconduct.positions import flow_in
from safeconduct.records.home import Home
from safeconduct.records.refusals import Malformed

FEED = SigningKey("cn.safeconduct/feed/pk", "ed25519", bytes(range(3, 35)))
THEIR_LEDGER = SigningKey("cn.safeconduct/ledger", "ed25519", bytes(range(4, 36)))
FRAME = leaves.Frame("cn", "pk-cn", "pk")


OWN_FEED = SigningKey("pk.safeconduct/feed/cn", "ed25519", bytes(range(6, 38)))
OWN_WITNESS = SigningKey("pk.safeconduct/witness", "cosignature/v1", bytes(range(7, 39)))


def card() -> bytes:
    return _card("cn", "partner", "中方", "pk", THEIR_LEDGER, FEED, WITNESS)


def _card(
    party: str, side: str, name: str, made_for: str, ledger: SigningKey, feed: SigningKey, witness: SigningKey
) -> bytes:
    private = Ed25519PrivateKey.from_private_bytes(bytes(range(5, 37)))
    called = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, f"{party}.safeconduct")])
    certificate = (
        x509.CertificateBuilder(
            called, called, private.public_key(), 7, datetime(2024, 1, 1), datetime(2034, 1, 1)
        )
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .sign(private, None)
    )
    return canonical(
        {
            "format": identity.FORMAT,
            "party": party,
            "side": side,
            "name": name,
            "for": made_for,
            "agreement": "pk-cn",
            "url": "https://127.0.0.1:9002",
            "ledger": {"origin": ledger.name, "vkey": ledger.vkey},
            "feed": {"origin": feed.name, "vkey": feed.vkey},
            "witness": witness.vkey,
            "tls": base64.b64encode(certificate.public_bytes(serialization.Encoding.DER)).decode(),
            "hpke": base64.b64encode(bytes(range(32))).decode(),
            "signatories": [{**SIGNATORY, "party": party}],
        }
    )


LEAVES = (
    canonical(
        {"type": "version", "originator": "pk", "agreement": "pk-cn", "record": "r", "labels": {"a": 1}}
    ),
)


def _parting() -> dict[str, Any]:
    feed = Checkpoint(OWN_FEED.name, 1, leaf_hash(LEAVES[0]))
    signed = sign_checkpoint(feed, OWN_FEED)
    ended = json.loads(_acts()[0])
    ended["act"]["to"] = "ended"
    return {
        "format": parting_evidence.FORMAT.decode(),
        "party": "pk",
        "partner": "cn",
        "agreement": "pk-cn",
        "at": "2034-10-06T18:00:00Z",
        "cards": {
            "pk": json.loads(_card("pk", "host", "Host", "cn", LOG, OWN_FEED, OWN_WITNESS)),
            "cn": json.loads(card()),
        },
        "clauses": ["+++"],
        "acts": [ended],
        "feeds": {
            "pk": {
                "size": 1,
                "note": signed.decode(),
                "cosigned": add_signature(signed, cosign(feed, WITNESS, 5)).decode(),
            },
            "cn": {"size": 0, "note": "", "cosigned": ""},
        },
        "ledgers": {"pk": note().decode(), "cn": ""},
        "forks": [],
    }


def _parting_signed_anew(data: bytes) -> Any:
    """Evidence that one of the two wrote and signed, whatever it says."""
    try:
        line = canonical(tree_of(data))
    except CanonicalRefused:
        raise Unfit from None
    signed = base64.b64encode(sign_note(parting_evidence._signed(line), LOG))
    whole = parting_evidence.FORMAT + line + b"\n" + signed + b"\n" + LEAVES[0] + b"\n"
    return parting_evidence.verify(scratch("parting", whole)).lines


def _parting_file() -> list[bytes]:
    path = scratch("parting.new", b"")
    path.unlink()
    parting_evidence.write(path, _parting(), LOG, LEAVES)
    return [path.read_bytes()]


@cache
def _home() -> Home:
    return Home.create(_folder() / "pk", "pk", "host", "Host Party")


@cache
def _their_card() -> identity.Card:
    return identity.Card.parse(card())


def version_leaf() -> dict[str, Any]:
    digest = "A" * 42
    return {
        "type": "version", "record": "0" * 32, "version": 1, "kind": "incident", "originator": "cn",
        "agreement": "pk-cn", "clauses": ["pk-cn/4.1"], "state": "open", "labels": {"summary": 1}, "at": "2024-10-06",
        "digests": [digest + letter for letter in "ABCDEFGH"], "commitment": digest + "Z", "orcon": False,
        "about": {"originator": "pk", "record": "1" * 32},
    }  # fmt: skip


def _leaves() -> list[bytes]:
    recall = {
        "type": "withdraw", "record": "0" * 32, "kind": "incident", "originator": "cn", "agreement": "pk-cn",
        "parts": ["summary", "where"], "sealed": ["2" * 32],
    }  # fmt: skip
    receipt = {
        "type": "receipt", "record": "0" * 32, "originator": "cn", "agreement": "pk-cn", "erase": 3,
        "outcome": "retained", "because": "an inquiry",
    }  # fmt: skip
    return [
        canonical(each) for each in (version_leaf(), {**version_leaf(), "type": "parts"}, recall, receipt)
    ]


def _bundles() -> list[bytes]:
    entries = tuple(bundle.FeedEntry(leaf, ((0, "YWJj"), (3, None))) for leaf in _leaves())
    given = bundle.Cosignatures(note(), note(), 4)
    whole = bundle.Bundle(5, sign_note(HEAD.text(), LOG), entries, b"old 0\n\n" + note(), given)
    return [bundle.Bundle(0, b"note\n").pack(), whole.pack()]


def _view() -> epochs.View:
    head = (3, "ab" * 32)
    return epochs.View(
        "cn",
        "pk",
        "pk-cn",
        1,
        head,
        1,
        (b"{}", b"x"),
        (head, (4, "cd" * 32)),
        (head,),
        ("sha256:" + "0" * 64,),
        "a fork",
    )


def _proposals() -> list[bytes]:
    view = _view().pack()
    return [epochs.Proposal({"cn": (view, epochs.seal_view(view, FEED))}, {"cn": ("key", "AAAA")}).pack()]


def _proposed(data: bytes) -> epochs.Proposal:
    """A proposal and the view in it, signed by the node that it names whatever it says."""
    found = epochs.Proposal.parse(data)
    for view, _ in found.views.values():
        opened = epochs.opened_view(view, epochs.seal_view(view, FEED), FEED.verifier)
        epochs.Statement.of(opened, opened)
    return found


def _cover() -> sealed.Cover:
    return sealed.Cover("cn", "pk", "pk-cn", "0" * 32, 1_728_237_600, 1_728_841_200, bytes(16))


def _contents() -> list[bytes]:
    entries = [[leaf, [[0, "YWJj"], [2, "YQ"]]] for leaf in (version_leaf(),)]
    return [canonical({"entries": entries})]


def _sealed_contents(data: bytes) -> Any:
    """What stands in a bundle that was sealed with the right code, by a partner who may write anything there."""
    return sealed.opened(_cover(), seal(bytes(32), data, _cover().text().encode()), bytes(32))


def _uncovered(data: bytes) -> Any:
    """A note and a body, signed by the partner's feed key and sealed to this node."""
    text = data.decode("utf-8")
    signed = sign_note(text + sealed._hash_line(b"body"), FEED)
    inner = struct.pack(">H", len(signed)) + signed + b"body"
    return sealed._verified(_home(), _their_card(), inner)[0]


def _carried(data: bytes) -> Any:
    """A bundle on a stick, sealed to this node, with a note of the partner's on it."""
    signed = sign_note(stick._statement("cn", "pk", b"bundle"), FEED)
    inner = data.replace(b"NOTE", struct.pack(">H", len(signed)) + signed, 1)
    own = identity.hpke_key(_home()).public_key()
    return stick._open(_home(), _their_card(), stick._SUITE.encrypt(inner, own, info=stick._info("cn", "pk")))


def _sticks() -> list[bytes]:
    one = struct.pack(">I", 9) + b"some seal"
    return [stick.MAGIC + one + one, stick.MAGIC]


def _spoken_fingerprint(data: bytes) -> None:
    pairing._compare(data.decode("utf-8", "replace"), b"card")


def _shelf(data: bytes) -> Any:
    path = spool_file(_home(), "cn")
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data)
    return Shelf(_home(), "cn").since("", 0)


def _live_line(data: bytes) -> Any:
    return flow_in._read(data.decode("utf-8", "replace"))


def _live_head(data: bytes) -> Any:
    return flow_in._head(data.decode("utf-8", "replace"))


LINE = b'[3,"pk","00aa",1728237600.5,24.9,67.1,5.0,null,270]'
SPOOL_HEAD = b'{"seq":3,"spool":"00aa"}'
TARGETS = (
    Target(
        "card",
        identity.Card.parse,
        (identity.CardRefused,),
        lambda: [card()],
        (
            "exchange.identity:_object",
            "exchange.identity:_binary",
            "exchange.identity:_certificate",
            "exchange.pairing:accept_card",
            "exchange.pairing:pair_job",
        ),
        again=lambda found: found.raw,
        same=lambda one, other: one.raw == other.raw,
        form="json",
    ),
    Target(
        "certificate",
        lambda data: identity._certificate(data),
        (identity.CardRefused,),
        lambda: [base64.b64decode(json.loads(card())["tls"])],
        ("oversight.vitals:_certificates",),
    ),
    Target(
        "fingerprint",
        _spoken_fingerprint,
        (pairing.FingerprintRefused,),
        lambda: [pairing.fingerprint(b"card").encode(), "٠١٢٣٤ ".encode() * 8],
        (),
    ),
    Target(
        "bundle",
        bundle.Bundle.unpack,
        (bundle.BundleRefused,),
        _bundles,
        ("exchange.inbound:ingest_job",),
        again=lambda found: found.pack(),
    ),
    Target(
        "cosignatures",
        bundle.Cosignatures.unpack,
        (bundle.BundleRefused,),
        lambda: [bundle.Cosignatures(note(), b"", 4).pack()],
        ("exchange.bundle:Cosignatures.unpack",),
        again=lambda given: given.pack(),
        form="json",
    ),
    Target(
        "leaf",
        lambda data: leaves.read_leaf(data, FRAME),
        (leaves.LeafRefused,),
        _leaves,
        ("exchange.leaves:read_leaf",),
        again=canonical,
        form="json",
    ),
    Target(
        "view of an epoch",
        epochs.View.parse,
        (epochs.EpochRefused,),
        lambda: [_view().pack()],
        ("exchange.epochs:_object", "exchange.epochs:_binary"),
        again=lambda view: view.pack(),
        form="json",
    ),
    Target(
        "file about an epoch",
        _proposed,
        (epochs.EpochRefused,),
        _proposals,
        ("exchange.resuming:_read",),
        again=lambda found: found.pack(),
        form="json",
    ),
    Target(
        "sealed bundle",
        lambda data: sealed.uncover(_home(), [_their_card()], data),
        (sealed.SealedRefused,),
        lambda: [sealed.MAGIC + b"x" * 100],
        ("exchange.unsealing:take_job",),
    ),
    Target(
        "cover of a sealed bundle",
        _uncovered,
        (sealed.SealedRefused, NoteRefused, UnicodeDecodeError),
        lambda: [_cover().text().encode()],
        ("exchange.sealed:Cover.parse", "exchange.sealed:_verified"),
        again=lambda cover: cover.text().encode(),
    ),
    Target(
        "contents of a sealed bundle",
        _sealed_contents,
        (sealed.SealedRefused,),
        _contents,
        ("exchange.sealed:opened",),
        form="json",
    ),
    Target(
        "spoken code",
        lambda data: spoken.heard(data.decode("utf-8", "replace")),
        (spoken.CodeRefused,),
        lambda: [
            spoken.written(bytes(range(16))).encode(),
            " ".join(spoken.as_words(spoken.written(bytes(16)))).encode(),
        ],
        (),
        again=lambda code: spoken.written(code).encode(),
        words=(b"X-ray", b"x ray", b"O", b"\xef\xbc\x90"),
    ),
    Target(
        "stick",
        lambda data: stick._read(scratch("stick", data)),
        (stick.StickRefused,),
        _sticks,
        ("exchange.stick:_read",),
    ),
    Target(
        "bundle on a stick",
        _carried,
        (stick.StickRefused,),
        lambda: [b"NOTEbundle", b"\0\5short", b"\xff\xff"],
        ("exchange.stick:_open",),
    ),
    Target(
        "line of live positions", _live_line, (), lambda: [LINE], ("positions.flow_in:_read",), form="json"
    ),
    Target(
        "head of live positions",
        _live_head,
        (Malformed,),
        lambda: [SPOOL_HEAD],
        ("positions.flow_in:_head",),
        form="json",
    ),
    Target(
        "spool of live positions",
        _shelf,
        (),
        lambda: [SPOOL_HEAD + b"\n" + LINE + b"\n" + LINE + b"\n"],
        ("exchange.spool:Shelf._read",),
        words=(b"\n", b"[", b"null", b"[]"),
        weight=2,
    ),
    Target(
        "evidence of a parting",
        lambda data: parting_evidence.verify(scratch("parting", data)).lines,
        (parting_evidence.EvidenceRefused,),
        _parting_file,
        ("exchange.parting_evidence:verify",),
    ),
    Target(
        "evidence of a parting signed anew",
        _parting_signed_anew,
        (parting_evidence.EvidenceRefused,),
        lambda: [canonical(_parting())],
        ("exchange.parting_evidence:_object",),
        form="json",
        weight=3,
    ),
)
