"""Keys and certificates that the node's own authorities make, as files of a home."""

from __future__ import annotations

import os
import secrets
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec

from safeconduct.ledger.keys import create_private, read_private
from safeconduct.records.home import Home, HomeError
from safeconduct.records.users import permit


def usage(signs: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=not signs, content_commitment=False, key_encipherment=False, data_encipherment=False,
        key_agreement=False, key_cert_sign=signs, crl_sign=signs, encipher_only=False, decipher_only=False,
    )  # fmt: skip


def private_pem(key: ec.EllipticCurvePrivateKey) -> bytes:
    return key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )


def public_pem(certificate: x509.Certificate) -> bytes:
    return certificate.public_bytes(serialization.Encoding.PEM)


def read_key(file: Path) -> ec.EllipticCurvePrivateKey:
    """Raises HomeError for another kind of key, KeyRefused for a file that others can read."""
    key = serialization.load_pem_private_key(read_private(file), None)
    if not isinstance(key, ec.EllipticCurvePrivateKey):
        raise HomeError(f"{file} holds another kind of key")
    return key


def replace_file(home: Home, file: Path, content: bytes) -> None:
    """A file of mode 0600, or what its readers need; the old one stands until the new one is whole."""
    draft = file.with_name(f"{file.name}.{os.getpid()}.{secrets.token_hex(4)}")
    create_private(draft, content)
    permit(home, draft, file)
    draft.replace(file)
