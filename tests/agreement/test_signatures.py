"""Signatures: key files and passkeys, and what a forger might try."""

from __future__ import annotations

import base64
import hashlib
import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, padding, rsa
from fido2 import cbor
from fido2.cose import ES256, RS256, EdDSA

from safeconduct.agreement.acts import ActRefused, SignedAct, StatusAct, next_act
from safeconduct.agreement.signatures import (
    KeyFileRefused,
    Signatory,
    SignatureRefused,
    create_key_file,
    file_signatory,
    public_of_key_file,
    sign_with_file,
    verify,
)

TEXT = "sha256:" + "ab" * 32


def an_act(key: str, **changes: Any) -> StatusAct:
    act = next_act(
        None, {}, agreement="pk-cn", by="pk", to="agreed", key=key, at=1_728_000_000, clause="4", text=TEXT
    )
    return replace(act, **changes)


def b64(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


def test_a_key_file_signs_what_it_is_given_and_nothing_else(tmp_path: Path) -> None:
    path = tmp_path / "minister.pem"
    public = create_key_file(path, "correct horse")
    assert path.stat().st_mode & 0o777 == 0o600
    assert public_of_key_file(path, "correct horse") == public
    signatory = file_signatory("pk", "Minister", public)
    act = an_act(signatory.key_id)
    signature = sign_with_file(path, "correct horse", act)
    verify(act, signature, signatory)
    for other in (replace(act, to="ended"), replace(act, text="sha256:" + "ac" * 32), replace(act, at=1)):
        with pytest.raises(SignatureRefused, match="does not fit"):
            verify(other, signature, signatory)
    with pytest.raises(SignatureRefused, match="another signatory"):
        verify(replace(act, by="cn"), signature, signatory)
    with pytest.raises(SignatureRefused):
        verify(act, signature | {"note": "x"}, signatory)
    with pytest.raises(SignatureRefused):
        verify(act, {"method": "file", "signature": signature["signature"] + "="}, signatory)


def test_a_key_file_is_guarded(tmp_path: Path) -> None:
    path = tmp_path / "key.pem"
    public = create_key_file(path, "one")
    with pytest.raises(FileExistsError):
        create_key_file(path)
    act = an_act(file_signatory("pk", "A", public).key_id)
    for wrong in ("two", None):
        with pytest.raises(KeyFileRefused, match="passphrase"):
            sign_with_file(path, wrong, act)
    with pytest.raises(SignatureRefused, match="another key"):
        sign_with_file(path, "one", an_act("sha256:" + "0" * 64))
    path.chmod(0o644)
    with pytest.raises(KeyFileRefused, match="0600"):
        sign_with_file(path, "one", act)
    assert b"ENCRYPTED" in path.read_bytes()


class Passkey:
    """An authenticator and browser, as far as an assertion shows them."""

    origin = "https://host.example"
    rp_id = "host.example"

    def __init__(self, algorithm: str = "ES256") -> None:
        self.algorithm = algorithm
        self.key: Any
        if algorithm == "ES256":
            self.key = ec.generate_private_key(ec.SECP256R1())
            cose: Any = ES256.from_cryptography_key(self.key.public_key())
        elif algorithm == "EdDSA":
            self.key = ed25519.Ed25519PrivateKey.generate()
            cose = EdDSA.from_cryptography_key(self.key.public_key())
        else:
            bits = 1024 if algorithm == "weak RS256" else 2048
            self.key = rsa.generate_private_key(65537, bits)
            cose = RS256.from_cryptography_key(self.key.public_key())
        self.signatory = Signatory(
            "pk", "Minister", "credential-1", "passkey", b64(cbor.encode(dict(cose))), self.rp_id, self.origin
        )

    def sign(self, act: StatusAct, flags: int = 0x05, rp_id: str = "", **client: Any) -> dict[str, str]:
        site = hashlib.sha256((rp_id or self.rp_id).encode()).digest()
        authenticator = site + bytes([flags]) + (7).to_bytes(4, "big")
        data = {"type": "webauthn.get", "challenge": b64(act.challenge()), "origin": self.origin} | client
        raw = json.dumps(data).encode()
        signed = authenticator + hashlib.sha256(raw).digest()
        if self.algorithm == "ES256":
            signature = self.key.sign(signed, ec.ECDSA(hashes.SHA256()))
        elif self.algorithm == "EdDSA":
            signature = self.key.sign(signed)
        else:
            signature = self.key.sign(signed, padding.PKCS1v15(), hashes.SHA256())
        return {
            "method": "passkey",
            "authenticatorData": b64(authenticator),
            "clientDataJSON": b64(raw),
            "signature": b64(signature),
        }


@pytest.mark.parametrize("algorithm", ["ES256", "EdDSA", "RS256"])
def test_a_passkey_signs_an_act(algorithm: str) -> None:
    passkey = Passkey(algorithm)
    act = an_act("credential-1")
    verify(act, passkey.sign(act), passkey.signatory)
    assert Signatory.from_dict(passkey.signatory.to_dict()) == passkey.signatory
    with pytest.raises(SignatureRefused, match="does not fit"):
        verify(act, Passkey(algorithm).sign(act), passkey.signatory)


def test_a_passkey_assertion_is_checked_in_every_point() -> None:
    passkey = Passkey()
    act = an_act("credential-1")
    cases = [
        (passkey.sign(replace(act, to="ended")), "challenge is not the hash"),
        (passkey.sign(act, type="webauthn.create"), "not an assertion"),
        (passkey.sign(act, origin="https://evil.example"), "another site's page"),
        (passkey.sign(act, crossOrigin=True), "inside another site"),
        (passkey.sign(act, rp_id="evil.example"), "for another site"),
        (passkey.sign(act, flags=0x01), "not verified"),
        (passkey.sign(act, flags=0x04), "not verified"),
        (passkey.sign(act, flags=0xC5), "malformed"),
        (passkey.sign(act) | {"authenticatorData": "AAAA"}, "malformed"),
        (passkey.sign(act) | {"clientDataJSON": b64(b"[" * 5000)}, "no JSON"),
        (passkey.sign(act) | {"signature": "****"}, "not base64url"),
        (passkey.sign(act) | {"method": "file"}, "another method"),
        ({"method": "passkey"}, "other keys"),
    ]
    for signature, reason in cases:
        with pytest.raises(SignatureRefused, match=reason):
            verify(act, signature, passkey.signatory)


def test_weak_and_unknown_passkeys_are_refused() -> None:
    act = an_act("credential-1")
    weak = Passkey("weak RS256")
    with pytest.raises(SignatureRefused, match="too short"):
        verify(act, weak.sign(act), weak.signatory)
    passkey = Passkey()
    for public in (b64(b"\xff\xff"), b64(cbor.encode({3: -65535})), b64(cbor.encode({3: -7}))):
        with pytest.raises(SignatureRefused):
            verify(act, passkey.sign(act), replace(passkey.signatory, public=public))


def test_a_signatory_cannot_claim_anothers_key_id(tmp_path: Path) -> None:
    signatory = file_signatory("pk", "A", create_key_file(tmp_path / "a"))
    other = file_signatory("pk", "B", create_key_file(tmp_path / "b"))
    with pytest.raises(SignatureRefused, match="fingerprint"):
        Signatory.from_dict(signatory.to_dict() | {"key_id": other.key_id})
    with pytest.raises(SignatureRefused):
        Signatory.from_dict(signatory.to_dict() | {"admin": "yes"})
    groups = signatory.fingerprint.split()
    assert len(groups) == 8 and all(len(group) == 4 for group in groups)


def test_acts_are_read_strictly() -> None:
    act = an_act("k", seen={"cn": TEXT})
    signed = SignedAct(act, {"method": "file", "signature": "AA"})
    assert SignedAct.from_dict(json.loads(json.dumps(signed.to_dict()))) == signed
    assert act.digest() == "sha256:" + hashlib.sha256(act.signed_bytes()).hexdigest()
    good = act.to_dict()
    for change in (
        {"extra": 1},
        {"to": "cancelled"},
        {"seq": 0},
        {"seq": True},
        {"seq": 2},
        {"at": 1.5},
        {"text": "sha256:xyz"},
        {"clause": "four"},
        {"seen": {"pk": TEXT}},
        {"seen": {"cn": "later"}},
        {"subject": {"name": "x"}},
        {"to": "appoint"},
        {"key": ""},
        {"by": "\ud800"},
    ):
        with pytest.raises(ActRefused):
            StatusAct.from_dict(good | change)
    with pytest.raises(ActRefused):
        StatusAct.from_dict([])
