"""Clause files, acts, signatures and signatories."""

from __future__ import annotations

import json
from functools import cache
from importlib.resources import files
from typing import Any

from fuzz.target import Target, Unfit, tree_of
from fuzz.targets.ledger import scratch
from safeconduct.agreement import signatures
from safeconduct.agreement.acts import ActRefused, SignedAct, StatusAct
from safeconduct.agreement.clauses import parse_clause
from safeconduct.agreement.policy import Book, compile_policy
from safeconduct.agreement.source import ClauseError
from safeconduct.agreement.status import standing
from safeconduct.ledger.canonical import canonical


def clause_files() -> list[bytes]:
    folder = files("safeconduct.node").joinpath("demonstration")
    found = [each.read_bytes() for each in _markdown(folder.joinpath("agreement"))]
    found += [
        folder.joinpath("house", "host", name).read_bytes() for name in ("02-claims.md", "06-red-lines.md")
    ]
    return [each for each in sorted(found, key=len) if len(each) < 12_000][:8]


def _markdown(folder: Any) -> list[Any]:
    found: list[Any] = []
    for each in sorted(folder.iterdir(), key=lambda path: path.name):
        found += _markdown(each) if each.is_dir() else [each] if each.name.endswith(".md") else []
    return found


@cache
def _words() -> Any:
    from safeconduct.records.standing import vocabulary

    return vocabulary()


def _clause(data: bytes) -> Any:
    clause = parse_clause(data, _words())
    parties = {"own": "pk"} if clause.house else {"host": "pk", "partner": "cn"}
    compile_policy([Book("pk-cn", parties, ((clause, "agreed"),))], _words())
    return clause.texts


def _act(**changed: Any) -> dict[str, Any]:
    plain = {
        "agreement": "pk-cn", "clause": "4", "text": "sha256:" + "a" * 64, "to": "agreed", "by": "cn", "seq": 1,
        "previous": "", "seen": {"pk": "sha256:" + "b" * 64}, "key": "sha256:" + "c" * 64, "at": 1_728_237_600,
        "subject": None,
    }  # fmt: skip
    return plain | changed


SIGNATORY = {
    "party": "cn", "name": "L. Chen", "key_id": "x", "method": "passkey", "public": "pQECAyYgASFYIAAA", "rp_id": "cn",
    "origin": "https://cn",
}  # fmt: skip
SIGNATURE = {"method": "file", "signature": "A" * 86}


def _acts() -> list[bytes]:
    appointing = _act(to="appoint", clause="", text="", subject=SIGNATORY, seen={})
    return [
        canonical({"act": act, "signature": SIGNATURE}) for act in (_act(), _act(to="suspended"), appointing)
    ]


def _signed(data: bytes) -> Any:
    """An act as a partner's record brings it, and what it comes to among the others of its party."""
    signed = SignedAct.from_dict(tree_of(data, object))
    signed.act.digest()
    standing((signed,), ("pk", "cn"), (), {"cn": (signatures.Signatory(**SIGNATORY),)})
    return signed


def _assertion(data: bytes) -> Any:
    """A signatory and a signature, as a partner's card and record bring them, on one act."""
    told = tree_of(data)
    given = told.get("signature")
    if not isinstance(told.get("signatory"), dict) or not isinstance(given, dict):
        raise Unfit
    if not all(isinstance(value, str) for value in given.values()):
        raise Unfit
    signatory = signatures.Signatory.from_dict(told["signatory"])
    act = StatusAct.from_dict(_act(by=signatory.party, key=signatory.key_id, seen={}))
    signatures.verify(act, given, signatory)
    return signatory


def _assertions() -> list[bytes]:
    client = signatures._encode(
        json.dumps({"type": "webauthn.get", "challenge": "AAAA", "origin": "https://cn"}).encode()
    )
    authenticator = signatures._encode(bytes(32) + b"\x05" + bytes(4))
    passkey = {
        "method": "passkey",
        "authenticatorData": authenticator,
        "clientDataJSON": client,
        "signature": "AAAA",
    }
    raw = signatures._encode(bytes(range(32)))
    by_file = signatures.file_signatory("cn", "Chen", raw).to_dict()
    return [
        json.dumps({"signatory": SIGNATORY, "signature": passkey}).encode(),
        json.dumps({"signatory": by_file, "signature": SIGNATURE}).encode(),
    ]


def _authenticator(data: bytes) -> Any:
    signatures._check_authenticator(data, signatures.Signatory(**SIGNATORY))


def _key_file(data: bytes) -> Any:
    return signatures.public_of_key_file(scratch("signatory.pem", data))


def _key_files() -> list[bytes]:
    path = scratch("new.pem", b"")
    path.unlink()
    signatures.create_key_file(path)
    made = path.read_bytes()
    path.unlink()
    return [made]


def _cose() -> list[bytes]:
    from fido2 import cbor

    return [
        cbor.encode({1: 2, 3: -7, -1: 1, -2: bytes(range(32)), -3: bytes(range(32))}),
        cbor.encode({1: 1, 3: -8, -1: 6, -2: bytes(range(32))}),
        cbor.encode({1: 3, 3: -257, -1: bytes([255]) * 256, -2: b"\1\0\1"}),
    ]


REFUSES = (signatures.SignatureRefused, ActRefused)
TARGETS = (
    Target(
        "clause",
        _clause,
        (ClauseError,),
        clause_files,
        ("agreement.source:read_source",),
        words=(
            b"+++",
            b"[[grant]]",
            b"[[assurance]]",
            b"[[red_line]]",
            b"while = ",
            b"{ state = [] }",
            b"a." * 40,
            b'"""',
            b"0x",
            b"1979-05-27",
            b"inf",
            b"## ur",
            b"4.1 ",
            b"H9999",
            b"\xe2\x81\xa6",
        ),
        calls=400,
        weight=6,
    ),
    Target(
        "act",
        _signed,
        (ActRefused,),
        _acts,
        (
            "committee.rules:read_act",
            "committee.documents:_acts",
            "records.standing:signed_act",
            "records.standing:load_state",
        ),
        again=lambda signed: canonical(signed.to_dict()),
        form="json",
        weight=2,
    ),
    Target(
        "signature",
        _assertion,
        REFUSES,
        _assertions,
        ("agreement.signatures:_check_client", "agreement.signatures:_decode"),
        form="json",
    ),
    Target(
        "authenticator data",
        _authenticator,
        REFUSES,
        lambda: [bytes(32) + b"\x05" + bytes(4)],
        ("agreement.signatures:_check_authenticator",),
    ),
    Target(
        "passkey",
        lambda data: signatures._cose_key(data),
        REFUSES,
        _cose,
        ("agreement.signatures:_cose_key",),
        stored=False,
    ),
    Target(
        "signatory's key file",
        _key_file,
        (signatures.KeyFileRefused,),
        _key_files,
        ("agreement.signatures:_load",),
    ),
)
