"""Signatures of named persons on status acts, with keys that no node ever holds.

Two methods: a key file (Ed25519, PKCS #8 PEM, for the command line) and a passkey (a WebAuthn assertion whose
challenge is the act's hash, for the browser; user presence and user verification are both demanded).
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import json
import os
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from fido2 import cbor
from fido2.cose import CoseKey
from fido2.webauthn import AuthenticatorData

from safeconduct.agreement.acts import StatusAct

METHODS = ("file", "passkey")
_COSE_ALGORITHMS = (-7, -8, -257)
"""ES256, EdDSA, RS256 (IANA COSE algorithms)."""

_COSE_ALG, _COSE_RSA_N = 3, -1
_LEAST_RSA_BYTES = 256
_PRESENT_AND_VERIFIED = 0x01 | 0x04
_BASE64URL = re.compile(r"[A-Za-z0-9_-]+")
_MAX_FIELD = 8192


class SignatureRefused(ValueError):
    """The signature does not prove that this signatory did this act; the message says why."""


class KeyFileRefused(ValueError):
    """A key file that cannot be used: wrong passphrase, not Ed25519, or readable by others."""


@dataclass(frozen=True)
class Signatory:
    """A named person who may sign for a party, and the public key that proves it.

    `public` is base64url: the 32 raw bytes of an Ed25519 key ("file"), or the COSE key ("passkey"). `key_id`
    is the fingerprint of a key file, the credential id of a passkey. `rp_id` and `origin` are a passkey's
    only; `origin` may name several, parted by spaces.
    """

    party: str
    name: str
    key_id: str
    method: str
    public: str
    rp_id: str = ""
    origin: str = ""

    def to_dict(self) -> dict[str, str]:
        """The form that travels in "appoint" and "dismiss" acts."""
        return {name: getattr(self, name) for name in self.__dataclass_fields__}

    @classmethod
    def from_dict(cls, value: Mapping[str, Any]) -> Signatory:
        """Read a signatory back, strictly. Raises SignatureRefused."""
        if set(value) != set(cls.__dataclass_fields__):
            raise SignatureRefused("a signatory has other keys than it must")
        if not all(isinstance(item, str) and len(item) <= _MAX_FIELD for item in value.values()):
            raise SignatureRefused("a signatory's values must be texts")
        signatory = cls(**value)
        if signatory.method not in METHODS:
            raise SignatureRefused(f"unknown method of signing {signatory.method!r}")
        if not (signatory.party and signatory.name and signatory.key_id):
            raise SignatureRefused("a signatory needs a party, a name and a key id")
        public = _decode(signatory.public, "public key")
        if signatory.method == "file" and signatory.key_id != _key_id(public):
            raise SignatureRefused("the key id is not the fingerprint of the key")
        if signatory.method == "passkey" and not (signatory.rp_id and signatory.origin):
            raise SignatureRefused("a passkey needs its site and origin")
        return signatory

    @property
    def fingerprint(self) -> str:
        """128 bits of the public key's SHA-256 in groups of four, to be read out over the telephone."""
        digest = hashlib.sha256(_decode(self.public, "public key")).hexdigest()[:32]
        return " ".join(digest[at : at + 4] for at in range(0, 32, 4))


def verify(act: StatusAct, signature: Mapping[str, str], signatory: Signatory) -> None:
    """Check that `signatory` signed exactly this act. Raises SignatureRefused."""
    if act.by != signatory.party or act.key != signatory.key_id:
        raise SignatureRefused("the act names another signatory")
    if signature.get("method") != signatory.method:
        raise SignatureRefused("signed by another method than the signatory's")
    if signatory.method == "file":
        _verify_file(act, signature, signatory)
    elif signatory.method == "passkey":
        _verify_passkey(act, signature, signatory)
    else:
        raise SignatureRefused(f"unknown method of signing {signatory.method!r}")


def create_key_file(path: str | Path, passphrase: str | None = None) -> str:
    """Make an Ed25519 key in a new file of mode 0600 and return its public key, base64url.

    Raises FileExistsError rather than replace a key.
    """
    key = Ed25519PrivateKey.generate()
    protection: serialization.KeySerializationEncryption = serialization.NoEncryption()
    if passphrase is not None:
        protection = serialization.BestAvailableEncryption(passphrase.encode())
    pem = key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, protection)
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        file.write(pem)
        file.flush()
        os.fsync(file.fileno())
    return _encode(key.public_key().public_bytes_raw())


def file_signatory(party: str, name: str, public: str) -> Signatory:
    """The signatory whose key file has this public key. Raises SignatureRefused."""
    raw = _decode(public, "public key")
    if len(raw) != 32:
        raise SignatureRefused("an Ed25519 public key has 32 bytes")
    return Signatory(party, name, _key_id(raw), "file", public)


def public_of_key_file(path: str | Path, passphrase: str | None = None) -> str:
    """The public key of a key file, base64url. Raises KeyFileRefused, OSError."""
    return _encode(_load(path, passphrase).public_key().public_bytes_raw())


def sign_with_file(path: str | Path, passphrase: str | None, act: StatusAct) -> dict[str, str]:
    """Sign an act with a key file. Raises KeyFileRefused, OSError; SignatureRefused if the act names
    another key than this file's."""
    key = _load(path, passphrase)
    if act.key != _key_id(key.public_key().public_bytes_raw()):
        raise SignatureRefused("the act names another key than this file's")
    return {"method": "file", "signature": _encode(key.sign(act.signed_bytes()))}


def sign_text_with_file(path: str | Path, passphrase: str | None, text: bytes) -> str:
    """A key file's signature on bytes that say themselves what they are for, base64url. Raises KeyFileRefused,
    OSError."""
    return _encode(_load(path, passphrase).sign(text))


def verify_text(text: bytes, signature: str, signatory: Signatory) -> None:
    """Check that the holder of a key file signed these bytes. Raises SignatureRefused."""
    if signatory.method != "file":
        raise SignatureRefused("this is signed with a key file")
    try:
        key = Ed25519PublicKey.from_public_bytes(_decode(signatory.public, "public key"))
        key.verify(_decode(signature, "signature"), text)
    except (InvalidSignature, ValueError):
        raise SignatureRefused("the signature does not fit") from None


def _load(path: str | Path, passphrase: str | None) -> Ed25519PrivateKey:
    with Path(path).open("rb") as file:
        if os.fstat(file.fileno()).st_mode & 0o077:
            raise KeyFileRefused(f"{path}: others may read this key; set its mode to 0600")
        pem = file.read(_MAX_FIELD)
    try:
        key = serialization.load_pem_private_key(pem, None if passphrase is None else passphrase.encode())
    except (ValueError, TypeError, UnsupportedAlgorithm):
        raise KeyFileRefused(f"{path}: no key, or the passphrase does not open it") from None
    if not isinstance(key, Ed25519PrivateKey):
        raise KeyFileRefused(f"{path}: not an Ed25519 key")
    return key


def _verify_file(act: StatusAct, signature: Mapping[str, str], signatory: Signatory) -> None:
    if set(signature) != {"method", "signature"}:
        raise SignatureRefused("the signature has other keys than it must")
    raw = _decode(signatory.public, "public key")
    if signatory.key_id != _key_id(raw):
        raise SignatureRefused("the key id is not the fingerprint of the key")
    made = _decode(signature["signature"], "signature")
    try:
        Ed25519PublicKey.from_public_bytes(raw).verify(made, act.signed_bytes())
    except (InvalidSignature, ValueError):
        raise SignatureRefused("the signature does not fit the act") from None


def _verify_passkey(act: StatusAct, signature: Mapping[str, str], signatory: Signatory) -> None:
    if set(signature) != {"method", "authenticatorData", "clientDataJSON", "signature"}:
        raise SignatureRefused("the assertion has other keys than it must")
    client = _decode(signature["clientDataJSON"], "client data")
    authenticator = _decode(signature["authenticatorData"], "authenticator data")
    _check_client(client, act, signatory)
    _check_authenticator(authenticator, signatory)
    signed = authenticator + hashlib.sha256(client).digest()
    key = _cose_key(_decode(signatory.public, "public key"))
    made = _decode(signature["signature"], "signature")
    try:
        key.verify(signed, made)
    except (InvalidSignature, ValueError, KeyError, TypeError, NotImplementedError):
        raise SignatureRefused("the signature does not fit the act") from None


def _check_client(raw: bytes, act: StatusAct, signatory: Signatory) -> None:
    try:
        client = json.loads(raw.decode("utf-8"))
    except (ValueError, RecursionError):
        raise SignatureRefused("the client data are no JSON") from None
    if not isinstance(client, dict) or client.get("type") != "webauthn.get":
        raise SignatureRefused("not an assertion")
    challenge = client.get("challenge")
    if not isinstance(challenge, str) or not hmac.compare_digest(
        _decode(challenge, "challenge"), act.challenge()
    ):
        raise SignatureRefused("the challenge is not the hash of the act")
    if client.get("origin") not in signatory.origin.split():
        raise SignatureRefused("signed on another site's page")
    if client.get("crossOrigin", False) is not False:
        raise SignatureRefused("signed inside another site's page")


def _check_authenticator(raw: bytes, signatory: Signatory) -> None:
    try:
        data = AuthenticatorData(raw)
    except Exception:  # the parser raises what its readers raise: struct, CBOR and value errors alike
        raise SignatureRefused("the authenticator data are malformed") from None
    if not hmac.compare_digest(data.rp_id_hash, hashlib.sha256(signatory.rp_id.encode()).digest()):
        raise SignatureRefused("signed for another site")
    if data.flags & _PRESENT_AND_VERIFIED != _PRESENT_AND_VERIFIED:
        raise SignatureRefused("the person was not verified by the authenticator")


def _cose_key(raw: bytes) -> CoseKey:
    try:
        value: Any = cbor.decode(raw)
        if value[_COSE_ALG] not in _COSE_ALGORITHMS:
            raise SignatureRefused("unknown algorithm of the passkey")
        if value[_COSE_ALG] == -257 and len(value[_COSE_RSA_N]) < _LEAST_RSA_BYTES:
            raise SignatureRefused("the passkey's RSA key is too short")
        return CoseKey.parse(value)
    except SignatureRefused:
        raise
    except Exception:  # as above
        raise SignatureRefused("the passkey's public key is malformed") from None


def _key_id(public: bytes) -> str:
    return "sha256:" + hashlib.sha256(public).hexdigest()


def _encode(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


def _decode(text: str, what: str) -> bytes:
    """Strict base64url without padding."""
    if not _BASE64URL.fullmatch(text) or len(text) > _MAX_FIELD:
        raise SignatureRefused(f"the {what} is not base64url")
    try:
        raw = base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True)
    except (binascii.Error, ValueError):
        raise SignatureRefused(f"the {what} is not base64url") from None
    if _encode(raw) != text:
        raise SignatureRefused(f"the {what} is not base64url")
    return raw
