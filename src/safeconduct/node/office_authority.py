"""The office's own certificate authority, and the certificate with which the node's pages speak TLS.

An office network without the internet cannot get a certificate from a public authority, and a phone keeps a page only
over HTTPS. So the office makes an authority of its own, whose certificate is laid on each device once. The authority
can vouch for the names it was made for and for nothing else: whoever steals it cannot pass for another site.
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from safeconduct.node.certificate_files import private_pem, public_pem, read_key, replace_file, usage
from safeconduct.records.home import Home, HomeError
from safeconduct.records.users import permit

FOLDER = "tls"
AUTHORITY_DAYS = 3650
DAYS = 397
"""The longest that browsers take from any authority."""
_NAME = re.compile(r"(?=.{1,253}$)([a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?\.)*[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?")
_BACKDATED = timedelta(hours=1)
"""The clock of a phone may be behind the node's."""

Address = ipaddress.IPv4Address | ipaddress.IPv6Address


@dataclass(frozen=True)
class Made:
    """What was made: the names in the pages' certificate, when it ends, and the authority that devices must know."""

    names: tuple[str, ...]
    ends: datetime
    authority: Path
    fingerprint: str
    new_authority: bool


def certify(
    home: Home, names: Sequence[str] = (), *, days: int = DAYS, anew: bool = False
) -> tuple[Home, Made]:
    """Make a certificate for these names and addresses, those of the present one if none are given, and enter it in
    node.toml; with `anew` a new authority, too. Returns the home as it is now.

    Raises HomeError for a name that is none, or that the authority may not vouch for.
    """
    wanted = tuple(dict.fromkeys(names)) or _present_names(home)
    if not wanted:
        raise HomeError("say for which --name or --address the certificate is")
    if not 1 <= days <= DAYS:
        raise HomeError(f"browsers take 1 to {DAYS} days")
    subjects = [_subject(each) for each in wanted]
    folder = home.path / FOLDER
    if not folder.exists():
        folder.mkdir(mode=0o700)
        permit(home, folder)
    made = anew or not (folder / "authority.pem").exists()
    if made:
        _make_authority(home, subjects)
    authority = x509.load_pem_x509_certificate((folder / "authority.pem").read_bytes())
    key = read_key(folder / "authority.key")
    if authority.public_key() != key.public_key():
        raise HomeError(f"{folder}: authority.key is not the key of authority.pem")
    for subject in subjects:
        if not _permitted(authority, subject):
            raise HomeError(
                f"the office's authority may not vouch for {subject.value}: --new-authority makes one that may, "
                "and every device must be given it"
            )
    own, certificate = ec.generate_private_key(ec.SECP256R1()), folder / "node.pem"
    signed = _sign(authority, key, own.public_key(), subjects, days)
    replace_file(home, folder / "node.key", private_pem(own))
    replace_file(home, certificate, public_pem(signed) + public_pem(authority))
    settings = {
        **home.settings,
        "tls_certificate": f"{FOLDER}/node.pem",
        "tls_key": f"{FOLDER}/node.key",
        "allowed_hosts": sorted({*home.settings.get("allowed_hosts", ()), *map(_as_host, wanted)}),
    }
    settled = Home(home.path, home.party, home.side, home.name, home.partners, settings)
    settled.save()
    digest = sha256(authority.public_bytes(serialization.Encoding.DER)).hexdigest().upper()
    spoken = " ".join(digest[at : at + 4] for at in range(0, len(digest), 4))
    return settled, Made(wanted, signed.not_valid_after_utc, folder / "authority.pem", spoken, made)


def _subject(text: str) -> x509.DNSName | x509.IPAddress:
    try:
        return x509.IPAddress(ipaddress.ip_address(text))
    except ValueError:
        pass
    if not _NAME.fullmatch(text) or text.replace(".", "").isdigit():
        raise HomeError(f"{text!r} is no name of a machine: lower-case letters, digits, hyphens and dots")
    return x509.DNSName(text)


def _as_host(name: str) -> str:
    return f"[{name}]" if ":" in name else name


def _present_names(home: Home) -> tuple[str, ...]:
    file = home.path / FOLDER / "node.pem"
    if not file.exists():
        return ()
    held = x509.load_pem_x509_certificate(file.read_bytes())
    names = held.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    return (
        *names.get_values_for_type(x509.DNSName),
        *map(str, names.get_values_for_type(x509.IPAddress)),
    )


def _make_authority(home: Home, subjects: Sequence[x509.DNSName | x509.IPAddress]) -> None:
    folder = home.path / FOLDER
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, f"{home.name} pages"[:64])])
    now = datetime.now(UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - _BACKDATED)
        .not_valid_after(now + timedelta(days=AUTHORITY_DAYS))
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(usage(signs=True), critical=True)
        .add_extension(x509.NameConstraints(_constraints(subjects), None), critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .sign(key, hashes.SHA256())
    )
    replace_file(home, folder / "authority.key", private_pem(key))
    replace_file(home, folder / "authority.pem", public_pem(certificate))


def _constraints(subjects: Sequence[x509.DNSName | x509.IPAddress]) -> list[x509.GeneralName]:
    """The names alone. Where none of a kind is given, one that nobody has: what is not mentioned would be permitted."""
    kept: list[x509.GeneralName] = [each for each in subjects if isinstance(each, x509.DNSName)]
    kept = kept or [x509.DNSName("invalid")]
    addresses = [each.value for each in subjects if isinstance(each, x509.IPAddress)]
    for nobody in ("192.0.2.0", "2001:db8::"):
        given = ipaddress.ip_address(nobody)
        if not any(each.version == given.version for each in addresses):
            addresses.append(given)
    return kept + [x509.IPAddress(ipaddress.ip_network(each)) for each in addresses]


def _permitted(authority: x509.Certificate, subject: x509.DNSName | x509.IPAddress) -> bool:
    allowed = (
        authority.extensions.get_extension_for_class(x509.NameConstraints).value.permitted_subtrees or []
    )
    if isinstance(subject, x509.IPAddress):
        nets = [ipaddress.ip_network(str(each.value)) for each in allowed if isinstance(each, x509.IPAddress)]
        return any(ipaddress.ip_address(str(subject.value)) in net for net in nets)
    names = [each.value for each in allowed if isinstance(each, x509.DNSName)]
    return any(subject.value == name or subject.value.endswith(f".{name}") for name in names)


def _sign(
    authority: x509.Certificate,
    key: ec.EllipticCurvePrivateKey,
    own: ec.EllipticCurvePublicKey,
    subjects: Sequence[x509.DNSName | x509.IPAddress],
    days: int,
) -> x509.Certificate:
    now = datetime.now(UTC)
    ends = min(now + timedelta(days=days), authority.not_valid_after_utc)
    if ends <= now:
        raise HomeError(
            "the office's authority has ended: --new-authority, and every device must be given it"
        )
    # OpenSSL takes an address in this place for a name, which the authority may not vouch for.
    name = next((each.value for each in subjects if isinstance(each, x509.DNSName)), "pages")
    return (
        x509.CertificateBuilder()
        .subject_name(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name[:64])]))
        .issuer_name(authority.subject)
        .public_key(own)
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - _BACKDATED)
        .not_valid_after(ends)
        .add_extension(x509.SubjectAlternativeName(subjects), critical=False)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
        .add_extension(usage(signs=False), critical=True)
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(key.public_key()), critical=False)
        .sign(key, hashes.SHA256())
    )
