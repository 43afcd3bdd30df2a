"""Who speaks at a door of another machine: TLS 1.3 with a certificate that names party, machine and process.

An authority of the node's own issues them, and no other is known. What a certificate says stands in a URI,
`safeconduct://party/machine/process`; a writer's is good for answering only, every other's for asking only.
"""

from __future__ import annotations

import re
import ssl
from dataclasses import dataclass
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

from safeconduct.records.home import Home

FOLDER = "door"
ASKING = ("web", "field")
"""Processes that a door of another machine lets in: all others are where the writer is."""
_URI = re.compile(r"safeconduct://([a-z][a-z0-9-]{0,31})/([a-z][a-z0-9-]{0,31})/([a-z]{1,16})")


class Stranger(OSError):
    """The other end is not who it must be."""


@dataclass(frozen=True)
class Bearer:
    """What a certificate says. `serial` in hexadecimal, `ends` in seconds since 1970."""

    party: str
    machine: str
    process: str
    serial: str
    ends: float


def folder(home: Home) -> Path:
    return home.keys / FOLDER


def uri(party: str, machine: str, process: str) -> str:
    return f"safeconduct://{party}/{machine}/{process}"


def bearer(certificate: x509.Certificate) -> Bearer:
    """Raises Stranger for a certificate that names nobody."""
    try:
        names = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
        (said,) = names.get_values_for_type(x509.UniformResourceIdentifier)
        found = _URI.fullmatch(said)
    except (x509.ExtensionNotFound, ValueError) as fault:
        raise Stranger("a certificate that names no process of a machine") from fault
    if found is None:
        raise Stranger("a certificate that names no process of a machine")
    ends = certificate.not_valid_after_utc.timestamp()
    return Bearer(found[1], found[2], found[3], f"{certificate.serial_number:x}", ends)


def shown(tls: ssl.SSLObject | ssl.SSLSocket | None) -> Bearer:
    """Who is at the other end of a connection whose handshake is over. Raises Stranger."""
    der = tls.getpeercert(binary_form=True) if tls is not None else None
    if not der:
        raise Stranger("no certificate")
    return bearer(x509.load_der_x509_certificate(der))


def server_context(home: Home) -> ssl.SSLContext:
    """For the door: whoever has no certificate of the node's authority does not get past the handshake."""
    context = _context(home, ssl.PROTOCOL_TLS_SERVER, "writer")
    context.num_tickets = 0  # every connection shows its certificate anew
    return context


def client_context(home: Home, process: str) -> ssl.SSLContext:
    """For whoever asks at it. Raises OSError where this process has no certificate here."""
    return _context(home, ssl.PROTOCOL_TLS_CLIENT, process)


def _context(home: Home, protocol: int, process: str) -> ssl.SSLContext:
    place = folder(home)
    context = ssl.SSLContext(protocol)
    context.minimum_version = ssl.TLSVersion.TLSv1_3
    context.check_hostname = (
        False  # the name that counts is the process's, and is looked at after the handshake
    )
    context.verify_mode = ssl.CERT_REQUIRED
    context.verify_flags |= ssl.VerifyFlags.VERIFY_X509_STRICT
    context.load_cert_chain(place / f"{process}.pem", place / f"{process}.key")
    authority = x509.load_pem_x509_certificate((place / "authority.pem").read_bytes())
    context.load_verify_locations(cadata=authority.public_bytes(Encoding.DER))
    return context
