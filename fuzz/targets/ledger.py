"""What the ground floor reads: canonical JSON, notes, keys, disclosures, reports, the key store's file."""

from __future__ import annotations

import base64
import json
import os
import tempfile
from functools import cache
from pathlib import Path
from typing import Any

from fuzz.target import Target, Unfit, tree_of
from safeconduct.ledger import notes, parts, report, tiles
from safeconduct.ledger.canonical import CanonicalRefused, canonical
from safeconduct.ledger.keys import KeyRefused, SigningKey, Verifier
from safeconduct.ledger.keystore import KeyStore, KeyStoreRefused
from safeconduct.ledger.tree import leaf_hash
from safeconduct.records import entries

LOG = SigningKey("pk.safeconduct/ledger", "ed25519", bytes(range(32)))
WITNESS = SigningKey("cn.safeconduct/witness", "cosignature/v1", bytes(range(2, 34)))
HEAD = notes.Checkpoint(LOG.name, 1, leaf_hash(b"leaf"))


def scratch(name: str, data: bytes) -> Path:
    """A file of this process, in memory where there is room for it; only its owner may read it."""
    path = _folder() / name
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        file.write(data)
    return path


@cache
def _folder() -> Path:
    memory = "/dev/shm"
    made = tempfile.TemporaryDirectory(
        prefix="safeconduct-fuzz-", dir=memory if os.access(memory, os.W_OK) else None
    )
    _KEPT.append(made)
    return Path(made.name)


_KEPT: list[Any] = []
"""Folders that go with this process."""


def note() -> bytes:
    signed = notes.sign_checkpoint(HEAD, LOG)
    return notes.add_signature(signed, notes.cosign(HEAD, WITNESS, 1_728_237_600))


def _canonical(data: bytes) -> Any:
    value = tree_of(data, object)
    canonical(value)
    return value


def _signed_anew(data: bytes) -> notes.OpenedNote:
    """A note whose text somebody with the key has chosen."""
    text = data.decode("utf-8")
    return notes.open_checkpoint(notes.sign_note(text, LOG), [LOG.verifier, WITNESS.verifier])


def _report() -> dict[str, Any]:
    leaf = canonical(
        {
            "type": "disclosure", "record": "r1", "version": 1, "released": {"summary": 1}, "partner": "cn",
            "at": "2024-10-06T18:00:00Z", "clauses": ["pk-cn/4.1"], "sent_as": "0" * 32, "sent_version": 1,
            "feed_leaf": leaf_hash(b"feed").hex(), "feed_index": 0,
        }
    )  # fmt: skip
    head = notes.Checkpoint(LOG.name, 1, leaf_hash(leaf))
    signed = notes.add_signature(notes.sign_checkpoint(head, LOG), notes.cosign(head, WITNESS, 1_728_237_600))
    feed = notes.Checkpoint("pk.safeconduct/feed/cn", 1, leaf_hash(b"feed"))
    cosigned = notes.add_signature(
        notes.sign_checkpoint(feed, SigningKey(feed.origin, "ed25519", bytes(32))),
        notes.cosign(feed, WITNESS, 1),
    )
    line = {
        "way": "given", "record": "r1", "version": 1, "parts": ["summary"], "party": "cn", "person": "", "roles": [],
        "act": "disclose", "at": "2024-10-06T18:00:00Z", "clauses": ["pk-cn/4.1"], "entry": 0,
    }  # fmt: skip
    entry = {"index": 0, "leaf": leaf.decode(), "under": 0, "proof": [], "disclosures": []}
    entry["feed"] = {"under": 1, "proof": [], "leaf": "feed"}
    return {
        "format": report.FORMAT, "party": "pk", "page": "", "gaps": [],
        "keys": {"ledger": LOG.vkey, "cn": WITNESS.vkey,
                 "feed": SigningKey(feed.origin, "ed25519", bytes(32)).vkey},
        "lines": [line], "entries": [entry], "checkpoints": [signed.decode(), cosigned.decode()],
    }  # fmt: skip


def _reports() -> list[bytes]:
    return [report.seal(_report(), LOG)]


def _report_signed_anew(data: bytes) -> Any:
    """A report that the node's own key has signed, whatever it says: whoever reads it trusts nobody."""
    told = tree_of(data).get("report")
    try:
        sealed = report.seal(told, LOG)
    except CanonicalRefused:
        raise Unfit from None
    return report.verify(sealed)


def _disclosed(data: bytes) -> Any:
    return parts.open_disclosure(base64.urlsafe_b64encode(data).rstrip(b"=").decode())


def _key_store(data: bytes) -> Any:
    with KeyStore.open(scratch("keys", data), write=False) as store:
        return [store.key(slot) for slot in (0, 1, 4095, 2**40)]


def _stores() -> list[bytes]:
    path = scratch("made", b"")
    path.unlink()
    with KeyStore.open(path, create=True) as store:
        first, _ = store.take()
        store.take()
        store.erase([first])
    made = path.read_bytes()[: 8192 + 40 * 4]
    path.unlink()
    return [made]


def _disclosures() -> list[bytes]:
    values = ({"title": "بم", "n": 3}, None, [1, {"a": [True, None]}])
    return [json.dumps(["A" * 24, "summary", v], ensure_ascii=False).encode() for v in values]


TARGETS = (
    Target(
        "canonical",
        _canonical,
        (CanonicalRefused,),
        lambda: [canonical({"a": [1, None, True, "é€𝄞"], "b": {"ﬁ": -5, "😀": ""}})],
        (),
        again=canonical,
        form="json",
    ),
    Target(
        "note",
        lambda data: notes.open_checkpoint(data, [LOG.verifier, WITNESS.verifier]),
        (notes.NoteRefused,),
        lambda: [note()],
        ("ledger.keys:decode_base64",),
    ),
    Target(
        "checkpoint",
        lambda data: notes.Checkpoint.parse(data.decode("latin-1")),
        (notes.NoteRefused,),
        lambda: [HEAD.text().encode(), (HEAD.text() + "safeconduct-epoch 2\n").encode()],
        (),
        again=lambda head: head.text().encode("latin-1"),
        words=(b"\xc2\x85", b"9223372036854775807", b"\x1c"),
    ),
    Target(
        "signed text",
        _signed_anew,
        (notes.NoteRefused, UnicodeDecodeError),
        lambda: [HEAD.text().encode()],
        (),
    ),
    Target(
        "signature lines",
        notes.parse_signature_lines,
        (notes.NoteRefused,),
        lambda: [notes.cosign(HEAD, WITNESS, 5) * 2],
        (),
    ),
    Target(
        "witness request",
        notes.parse_add_checkpoint,
        (notes.NoteRefused,),
        lambda: [notes.build_add_checkpoint(1, (), note())],
        (),
        again=lambda asked: notes.build_add_checkpoint(asked.old, asked.proof, asked.note),
    ),
    Target(
        "public key",
        lambda data: Verifier.parse(data.decode("latin-1")),
        (KeyRefused,),
        lambda: [LOG.vkey.encode(), WITNESS.vkey.encode()],
        (),
        again=lambda key: key.vkey.encode("latin-1"),
    ),
    Target(
        "bundle of leaves",
        lambda data: tiles.unpack_leaves(data[1:], sum(data[:1])),
        (tiles.ArchiveRefused,),
        lambda: [b"\x03" + tiles.pack_leaves([b"a leaf", b"", b"another"])],
        (),
        again=lambda leaves: bytes([len(leaves)]) + tiles.pack_leaves(leaves),
    ),
    Target(
        "bodies of a tile",
        tiles.unpack_bodies,
        (tiles.ArchiveRefused,),
        lambda: [tiles.pack_bodies([None, b"", b"sealed", *[b"x"] * 253])],
        ("ledger.tiles:unpack_bodies",),
        again=tiles.pack_bodies,
    ),
    Target(
        "private key",
        lambda data: SigningKey.load(scratch("key", data)).vkey,
        (KeyRefused,),
        lambda: [b"PRIVATE+KEY+x+" + LOG.key_id.hex().encode() + b"+AQAA"],
        (),
    ),
    Target(
        "disclosure",
        _disclosed,
        (parts.DisclosureRefused,),
        _disclosures,
        ("ledger.parts:open_disclosure",),
        form="json",
    ),
    Target(
        "disclosure text",
        lambda data: parts.open_disclosure(data.decode("latin-1")),
        (parts.DisclosureRefused,),
        lambda: [parts.disclosure("summary", {"a": 1}, "A" * 24).encode()],
        (),
    ),
    Target(
        "salt",
        lambda data: parts.resalted(data.decode("latin-1"), lambda salt: "B" * 24),
        (parts.DisclosureRefused, ValueError),
        lambda: [parts.disclosure("summary", {"a": 1}, "A" * 24).encode()],
        ("ledger.parts:resalted",),
    ),
    Target(
        "sealed part",
        lambda data: parts.unseal(bytes(32), data, b"here"),
        (parts.UnsealRefused,),
        lambda: [parts.seal(bytes(32), b"text", b"here")],
        (),
    ),
    Target("report", report.verify, (report.ReportRefused,), _reports, ("ledger.report:_read",), form="json"),
    Target(
        "report signed anew",
        _report_signed_anew,
        (report.ReportRefused,),
        _reports,
        ("ledger.report:_Checker._entry", "ledger.report:_Checker._feed", "ledger.report:_hashes"),
        form="json",
        stored=False,
    ),
    Target(
        "report in a page",
        report.verify,
        (report.ReportRefused,),
        lambda: [
            report.on_page(
                b"<!doctype html><p>x\n",
                report.seal(_report() | {"page": report.page_digest(b"<!doctype html><p>x\n")}, LOG),
            )
        ],
        (),
    ),
    Target(
        "stored parts",
        lambda data: entries.unpack(data),
        (entries.BodyRefused,),
        lambda: [
            entries.pack(
                [
                    entries.StoredPart(entries.EMPTY),
                    entries.StoredPart(entries.PLAIN, 0, b"x" * 40),
                    entries.StoredPart(entries.SEALED, 7, b"y" * 60),
                ]
            )
        ],
        ("records.entries:unpack",),
        again=entries.pack,
    ),
    Target(
        "key store",
        _key_store,
        (KeyStoreRefused, KeyRefused),
        _stores,
        ("ledger.slots_file:SlotsFile._headers", "ledger.slots:read_slot"),
        most=8192 + 160,
        weight=2,
    ),
)
