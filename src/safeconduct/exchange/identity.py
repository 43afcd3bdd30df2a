"""Who a node is to its partner: its keys, and the card that shows their public halves.

A card is canonical JSON and made for one partner; its fingerprint is what two people read to each other over
the telephone. Private keys lie in the home's key folder, each in a file that only its owner may read; those that sign
may lie in a token instead (`custody`).
"""

from __future__ import annotations

import base64
import json
import re
import secrets
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from pathlib import Path
from typing import Any

from cryptography import x509
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey
from cryptography.x509.oid import NameOID

from safeconduct.agreement.signatures import Signatory
from safeconduct.exchange.addresses import well_formed
from safeconduct.exchange.custody import (
    Keeping,
    destroy_file,
    feed_place,
    forget_keys,
    public_half,
    signing_key,
    token_of,
)
from safeconduct.ledger.canonical import CanonicalRefused, canonical
from safeconduct.ledger.keys import KeyRefused, Signer, Verifier, create_private, read_private
from safeconduct.records.home import SIDES, Home

FORMAT = "safeconduct-card/v1"
CERTIFICATE_DAYS = 3650
MAX_CARD = 256 * 1024
MAX_SIGNATORIES = 64
_PARTY = re.compile(r"[a-z][a-z0-9-]{0,31}")
_AGREEMENT = re.compile(r"[a-z0-9][a-z0-9-]{0,63}")
_FIELDS = {
    "format", "party", "side", "name", "for", "agreement", "url", "ledger", "feed", "witness", "tls", "hpke",
    "signatories",
}  # fmt: skip


class CardRefused(ValueError):
    """A card that is malformed, not for this node, or not the one whose fingerprint was spoken."""


def ledger_origin(party: str) -> str:
    return f"{party}.safeconduct/ledger"


def feed_origin(party: str, partner: str) -> str:
    return f"{party}.safeconduct/feed/{partner}"


def witness_name(party: str) -> str:
    return f"{party}.safeconduct/witness"


def party_id(text: Any) -> str:
    """A party's id, checked: it names folders, keys and tables."""
    if not isinstance(text, str) or not _PARTY.fullmatch(text):
        raise CardRefused("a party's id is 1 to 32 of a-z, 0-9 and -, beginning with a letter")
    return text


@dataclass(frozen=True)
class Keys:
    """A node's own keys. Feed keys are one per partner and are made when first asked for."""

    home: Home
    ledger: Signer
    witness: Signer

    @classmethod
    def of(cls, home: Home) -> Keys:
        """The keys of a home, made at first use. Raises KeyRefused when a file is not private, or the token fails."""
        return cls(
            home,
            signing_key(home, "ledger", ledger_origin(home.party), "ed25519"),
            signing_key(home, "witness", witness_name(home.party), "cosignature/v1"),
        )

    def feed(self, partner: str) -> Signer:
        """The key that signs this partner's feed."""
        return feed_key(self.home, partner)


def feed_key(home: Home, partner: str) -> Signer:
    """The key that signs the feed of one partner, made at first use."""
    name = party_id(partner)
    return signing_key(home, feed_place(name), feed_origin(home.party, name), "ed25519")


def forget_feed_key(home: Home, partner: str) -> None:
    """Destroy the key that signed the feed of a partner that is none any more. One that the token does not let go of
    stays there, unused."""
    kept, place = Keeping.of(home), feed_place(party_id(partner))
    if kept.token:
        with suppress(KeyRefused):
            if (half := public_half(home, kept, place)) is not None:
                token_of(home).destroy(kept.label(half.name), half)
        kept.file(home, place).unlink(missing_ok=True)
    else:
        destroy_file(kept.file(home, place))
    forget_keys()


def renew_transport(home: Home) -> None:
    """A new certificate, and a new key for sticks: what was sealed to the old one is not opened any more."""
    for name in ("tls.pem", "tls.key", "stick.key"):
        (home.keys / name).unlink(missing_ok=True)
    _secret.cache_clear()
    tls_files(home)
    hpke_key(home)


def decoy_secret(home: Home) -> bytes:
    """32 secret bytes from which the digests of parts that no longer exist are drawn."""
    return _secret(home.keys / "decoy.key")


def hpke_key(home: Home) -> X25519PrivateKey:
    """The key that stick bundles for this node are sealed to."""
    return X25519PrivateKey.from_private_bytes(_secret(home.keys / "stick.key"))


def tls_files(home: Home) -> tuple[Path, Path]:
    """(certificate, key) of this node's TLS, made at first use: self-signed, for ten years."""
    certificate, key = home.keys / "tls.pem", home.keys / "tls.key"
    if not certificate.exists():
        private = Ed25519PrivateKey.generate()
        pem = private.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
        key.unlink(missing_ok=True)
        create_private(key, pem)
        create_private(certificate, _self_signed(private, home.party))
    return certificate, key


def _self_signed(private: Ed25519PrivateKey, party: str) -> bytes:
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, f"{party}.safeconduct")])
    now = datetime.now(UTC)
    builder = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(private.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=CERTIFICATE_DAYS))
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
    )
    return builder.sign(private, None).public_bytes(serialization.Encoding.PEM)


def make_card(home: Home, partner: str, agreement: str) -> bytes:
    """This node's card for one partner, as canonical JSON."""
    keys = Keys.of(home)
    certificate = x509.load_pem_x509_certificate(tls_files(home)[0].read_bytes())
    card = {
        "format": FORMAT,
        "party": party_id(home.party),
        "side": home.side,
        "name": home.name,
        "for": party_id(partner),
        "agreement": agreement,
        "url": str(home.settings.get("exchange_url", "")),
        "ledger": {"origin": ledger_origin(home.party), "vkey": keys.ledger.vkey},
        "feed": {"origin": feed_origin(home.party, partner), "vkey": keys.feed(partner).vkey},
        "witness": keys.witness.vkey,
        "tls": base64.b64encode(certificate.public_bytes(serialization.Encoding.DER)).decode(),
        "hpke": base64.b64encode(hpke_key(home).public_key().public_bytes_raw()).decode(),
        "signatories": [dict(s) for s in home.settings.get("signatories", ())],
    }
    raw = canonical(card)
    Card.parse(raw)
    return raw


@dataclass(frozen=True)
class Card:
    """A partner's card, checked: every key in it is of the right kind and bears the right name."""

    party: str
    side: str
    name: str
    made_for: str
    agreement: str
    url: str
    ledger: Verifier
    feed: Verifier
    witness: Verifier
    certificate: bytes
    hpke: X25519PublicKey
    signatories: tuple[Signatory, ...]
    raw: bytes

    @classmethod
    def of(cls, stored: Mapping[str, Any]) -> Card:
        """The card as a home keeps it. Raises CardRefused."""
        return cls.parse(canonical(dict(stored)))

    @classmethod
    def parse(cls, raw: bytes) -> Card:
        """Read a card file. Raises CardRefused that says what is wrong with it."""
        card = _object(raw)
        if card.keys() != _FIELDS or card["format"] != FORMAT:
            raise CardRefused("not a card of this format")
        texts = ("side", "name", "agreement", "url", "witness", "tls", "hpke")
        if not all(isinstance(card[field], str) for field in texts) or card["side"] not in SIDES:
            raise CardRefused("a field of the card is of the wrong type")
        if not 0 < len(card["name"]) <= 200 or not _AGREEMENT.fullmatch(card["agreement"]):
            raise CardRefused("the card's name or agreement is not well formed")
        party, made_for = party_id(card["party"]), party_id(card["for"])
        return cls(
            party=party,
            side=card["side"],
            name=card["name"],
            made_for=made_for,
            agreement=card["agreement"],
            url=_address(card["url"]),
            ledger=_log_key(card["ledger"], ledger_origin(party)),
            feed=_log_key(card["feed"], feed_origin(party, made_for)),
            witness=_verifier(card["witness"], witness_name(party), "cosignature/v1"),
            certificate=_certificate(_binary(card["tls"])),
            hpke=_hpke(_binary(card["hpke"])),
            signatories=_signatories(card["signatories"], party),
            raw=raw,
        )


def _object(raw: bytes) -> dict[str, Any]:
    if len(raw) > MAX_CARD:
        raise CardRefused("too large for a card")
    try:
        card = json.loads(raw)
        if not isinstance(card, dict) or canonical(card) != raw:
            raise CardRefused("a card is a JSON object in canonical form")
    except (ValueError, RecursionError, CanonicalRefused) as fault:
        raise CardRefused("a card is a JSON object in canonical form") from fault
    return card


def _address(url: str) -> str:
    if not well_formed(url):
        raise CardRefused("the card's address is not of the form https://name:port")
    return url


def _log_key(entry: Any, origin: str) -> Verifier:
    if not isinstance(entry, dict) or entry.keys() != {"origin", "vkey"} or entry["origin"] != origin:
        raise CardRefused(f"the card names no log {origin}")
    return _verifier(entry["vkey"], origin, "ed25519")


def _verifier(vkey: Any, name: str, algorithm: str) -> Verifier:
    try:
        verifier = Verifier.parse(vkey)
    except (KeyRefused, TypeError, AttributeError, ValueError) as fault:
        raise CardRefused(f"the key {name} cannot be read") from fault
    if verifier.name != name or verifier.algorithm != algorithm:
        raise CardRefused(f"the key {name} is of another name or kind")
    return verifier


def _binary(text: str) -> bytes:
    try:
        return base64.b64decode(text, validate=True)
    except ValueError as fault:
        raise CardRefused("a field of the card is not base64") from fault


def _certificate(der: bytes) -> bytes:
    """A self-signed certificate that cannot issue others."""
    try:
        certificate = x509.load_der_x509_certificate(der)
        certificate.verify_directly_issued_by(certificate)
        constraints = certificate.extensions.get_extension_for_class(x509.BasicConstraints).value
    except (ValueError, TypeError, InvalidSignature, UnsupportedAlgorithm, x509.ExtensionNotFound) as fault:
        raise CardRefused("the card's certificate is not a self-signed one") from fault
    if constraints.ca or certificate.public_bytes(serialization.Encoding.DER) != der:
        raise CardRefused("the card's certificate could issue others")
    return der


def _hpke(raw: bytes) -> X25519PublicKey:
    if len(raw) != 32:
        raise CardRefused("the card's key for sticks has 32 bytes")
    return X25519PublicKey.from_public_bytes(raw)


def _signatories(entries: Any, party: str) -> tuple[Signatory, ...]:
    if not isinstance(entries, list) or len(entries) > MAX_SIGNATORIES:
        raise CardRefused("signatories are a list")
    try:
        found = tuple(Signatory.from_dict(entry) for entry in entries)
    except (ValueError, TypeError, KeyError, AttributeError) as fault:
        raise CardRefused("a signatory cannot be read") from fault
    if any(signatory.party != party for signatory in found):
        raise CardRefused("a card names signatories of its own party only")
    return found


@lru_cache(maxsize=64)
def _secret(path: Path) -> bytes:
    if not path.exists():
        create_private(path, secrets.token_hex(32).encode())
    return bytes.fromhex(read_private(path).decode())
