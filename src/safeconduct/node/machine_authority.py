"""The node's own authority for its machines, and the certificates with which their processes meet at a door.

A certificate names one process of one machine. That of a writer is good for answering at a door, every other for asking
at one. Each is on the writer's list (`records.door_certificates`) or is good for nothing.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from safeconduct.node.certificate_files import private_pem, public_pem, read_key, replace_file, usage
from safeconduct.records.door_tls import ASKING, folder, uri
from safeconduct.records.home import Home, HomeError
from safeconduct.records.users import permit

AUTHORITY_DAYS, DAYS = 3650, 825
_BACKDATED = timedelta(hours=1)
"""The clock of another machine may be behind this one's."""


@dataclass(frozen=True)
class Issued:
    """A certificate with its key, as files hold them, and what the writer's list says of it."""

    process: str
    serial: str
    ends: float
    certificate: bytes
    key: bytes

    def listed(self) -> dict[str, object]:
        return {"serial": self.serial, "process": self.process, "ends": self.ends}


def found_authority(home: Home) -> bool:
    """Make the authority of this node's machines where it is not here yet; whether it was made."""
    place = folder(home)
    if (place / "authority.key").exists():
        return False
    if (place / "authority.pem").exists():
        raise HomeError("the authority for machines is on another machine: give the command there")
    if not place.exists():
        place.mkdir(mode=0o700)
        permit(home, place)
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, f"{home.party} machines")])
    certificate = (
        _begun(name, name, key.public_key(), AUTHORITY_DAYS)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(usage(signs=True), critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .sign(key, hashes.SHA256())
    )
    replace_file(home, place / "authority.key", private_pem(key))
    replace_file(home, place / "authority.pem", public_pem(certificate))
    return True


def authority_pem(home: Home) -> bytes:
    return (folder(home) / "authority.pem").read_bytes()


def issue(home: Home, machine: str, processes: Iterable[str], days: float = DAYS) -> list[Issued]:
    """Certificates for those of a machine's processes that stand at a door. Raises HomeError where the authority is
    not."""
    place = folder(home)
    if not (place / "authority.key").exists():
        raise HomeError("this machine has not the authority for machines: `machine first` makes it")
    authority = x509.load_pem_x509_certificate(authority_pem(home))
    key = read_key(place / "authority.key")
    return [_issue(home, authority, key, machine, each, days) for each in processes if each in _AT_DOORS]


_AT_DOORS = ("writer", *ASKING)


def lay(home: Home, issued: Iterable[Issued]) -> None:
    """Put certificates of this machine's own processes where they look for them."""
    for each in issued:
        replace_file(home, folder(home) / f"{each.process}.key", each.key)
        replace_file(home, folder(home) / f"{each.process}.pem", each.certificate)


def _issue(
    home: Home,
    authority: x509.Certificate,
    signer: ec.EllipticCurvePrivateKey,
    machine: str,
    process: str,
    days: float,
) -> Issued:
    own = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, f"{process} of {machine}")])
    named = x509.UniformResourceIdentifier(uri(home.party, machine, process))
    purpose = ExtendedKeyUsageOID.SERVER_AUTH if process == "writer" else ExtendedKeyUsageOID.CLIENT_AUTH
    signed = (
        _begun(name, authority.subject, own.public_key(), days)
        .add_extension(x509.SubjectAlternativeName([named]), critical=False)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(x509.ExtendedKeyUsage([purpose]), critical=False)
        .add_extension(usage(signs=False), critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(own.public_key()), critical=False)
        .add_extension(
            x509.AuthorityKeyIdentifier.from_issuer_public_key(signer.public_key()), critical=False
        )
        .sign(signer, hashes.SHA256())
    )
    return Issued(
        process,
        f"{signed.serial_number:x}",
        signed.not_valid_after_utc.timestamp(),
        public_pem(signed),
        private_pem(own),
    )


def _begun(
    subject: x509.Name, issuer: x509.Name, key: ec.EllipticCurvePublicKey, days: float
) -> x509.CertificateBuilder:
    now = datetime.now(UTC)
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key)
        .serial_number(x509.random_serial_number())
        .not_valid_before(min(now, now + timedelta(days=days)) - _BACKDATED)
        .not_valid_after(now + timedelta(days=days))
    )
