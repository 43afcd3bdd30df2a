"""The node's own device authority: who holds one of its certificates may open a Cursor on Target stream.

The authority signs for this node's devices and nobody else, and nobody else's certificates open anything here. What a
certificate opens is decided by the device record that its fingerprint stands beside, so a revoked device is out at
once and no revocation list is needed. A phone gets its certificate as the data package that TAK clients import: a zip
with two PKCS#12 files and the connection's settings.
"""

from __future__ import annotations

import io
import ipaddress
import os
import ssl
import uuid
import zipfile
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import PrivateFormat, pkcs12
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from safeconduct.field.cot_events import quoted
from safeconduct.records.home import Home
from safeconduct.records.users import permit

AUTHORITY_DAYS = 3650
SERVER_DAYS = 825
DEVICE_DAYS = 400
KEY_BITS = 2048
"""RSA, since every TAK client reads it."""


@dataclass(frozen=True)
class Issued:
    """A device's certificate with its key, which this node keeps no copy of."""

    certificate: x509.Certificate
    key: rsa.RSAPrivateKey

    @property
    def fingerprint(self) -> bytes:
        """SHA-256 of the certificate: what the device's record is found by."""
        return fingerprint(self.certificate.public_bytes(serialization.Encoding.DER))


def fingerprint(certificate: bytes) -> bytes:
    """SHA-256 of a certificate in DER."""
    return sha256(certificate).digest()


class Authority:
    """The device authority of a home; made when it is first needed."""

    def __init__(self, home: Home) -> None:
        self.home = home
        folder = home.keys / "devices"
        if not folder.exists():
            folder.mkdir(mode=0o700, exist_ok=True)
            permit(home, folder)
        self._file, self._server = folder / "authority.pem", folder / "server.pem"
        if not self._file.exists():
            key = _new_key()
            name = _name(f"{home.name} devices"[:64])
            _keep(home, self._file, _authority(name, key), key)
        self.certificate, self._key = _load(self._file)

    def issue(self, device: str, days: int = DEVICE_DAYS) -> Issued:
        """A certificate for a device, which is named by its record's id."""
        key = _new_key()
        usage = ExtendedKeyUsageOID.CLIENT_AUTH
        return Issued(self._sign(_name(device[:64]), key.public_key(), usage, days), key)

    def server_context(self) -> ssl.SSLContext:
        """For the gateway: only a client with a certificate of this authority gets past the handshake."""
        self._server_certificate()
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.minimum_version = ssl.TLSVersion.TLSv1_2
        context.verify_mode = ssl.CERT_REQUIRED
        context.options |= ssl.OP_NO_COMPRESSION | ssl.OP_NO_RENEGOTIATION
        context.load_cert_chain(self._server)
        pem = self.certificate.public_bytes(serialization.Encoding.PEM)
        context.load_verify_locations(cadata=pem.decode())
        return context

    def data_package(self, issued: Issued, host: str, port: int, password: str) -> bytes:
        """The zip that a TAK client imports: both PKCS#12 files and where to connect to."""
        protection = (
            PrivateFormat.PKCS12.encryption_builder()
            .kdf_rounds(50_000)
            .key_cert_algorithm(pkcs12.PBES.PBESv1SHA1And3KeyTripleDESCBC)
            .hmac_hash(hashes.SHA1())  # noqa: S303  (the only one that Android's older readers know)
            .build(password.encode())
        )
        client = pkcs12.serialize_key_and_certificates(
            b"device", issued.key, issued.certificate, [self.certificate], protection
        )
        trusted = pkcs12.serialize_java_truststore(
            [pkcs12.PKCS12Certificate(self.certificate, b"authority")], protection
        )
        files: dict[str, bytes | str] = {
            "certs/device.p12": client,
            "certs/authority.p12": trusted,
            "certs/connection.pref": _preferences(self.home.name, host, port, password),
        }
        manifest = _manifest(self.home.name, list(files))
        target = io.BytesIO()
        with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED) as package:
            package.writestr("MANIFEST/manifest.xml", manifest)
            for name, content in files.items():
                package.writestr(name, content)
        return target.getvalue()

    def _server_certificate(self) -> None:
        """Make the gateway's own certificate when there is none, or when it will soon be over."""
        if self._server.exists():
            held, _key = _load(self._server)
            if held.not_valid_after_utc > datetime.now(UTC) + timedelta(days=30):
                return
        key = _new_key()
        host = str(self.home.settings.get("field_host", "localhost"))
        usage = ExtendedKeyUsageOID.SERVER_AUTH
        _keep(
            self.home,
            self._server,
            self._sign(_name(host[:64]), key.public_key(), usage, SERVER_DAYS, host),
            key,
        )

    def _sign(
        self,
        subject: x509.Name,
        key: rsa.RSAPublicKey,
        usage: x509.ObjectIdentifier,
        days: int,
        host: str = "",
    ) -> x509.Certificate:
        now = datetime.now(UTC)
        builder = (
            x509.CertificateBuilder()
            .subject_name(subject)
            .issuer_name(self.certificate.subject)
            .public_key(key)
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - timedelta(hours=1))
            .not_valid_after(min(now + timedelta(days=days), self.certificate.not_valid_after_utc))
            .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
            .add_extension(x509.ExtendedKeyUsage([usage]), critical=False)
            .add_extension(_key_usage(signs=False), critical=True)
            .add_extension(
                x509.AuthorityKeyIdentifier.from_issuer_public_key(self._key.public_key()), critical=False
            )
        )
        if host:
            builder = builder.add_extension(x509.SubjectAlternativeName([_host(host)]), critical=False)
        return builder.sign(self._key, hashes.SHA256())


def _authority(name: x509.Name, key: rsa.RSAPrivateKey) -> x509.Certificate:
    now = datetime.now(UTC)
    return (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(hours=1))
        .not_valid_after(now + timedelta(days=AUTHORITY_DAYS))
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(_key_usage(signs=True), critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .sign(key, hashes.SHA256())
    )


def _key_usage(signs: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=not signs, content_commitment=False, key_encipherment=not signs, data_encipherment=False,
        key_agreement=False, key_cert_sign=signs, crl_sign=signs, encipher_only=False, decipher_only=False,
    )  # fmt: skip


def _new_key() -> rsa.RSAPrivateKey:
    return rsa.generate_private_key(public_exponent=65_537, key_size=KEY_BITS)


def _name(text: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, text)])


def _host(text: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ipaddress.ip_address(text))
    except ValueError:
        return x509.DNSName(text)


def _keep(home: Home, file: Path, certificate: x509.Certificate, key: rsa.RSAPrivateKey) -> None:
    """Key and certificate in one file that only the node reads; the rename leaves no half of it."""
    text = key.private_bytes(
        serialization.Encoding.PEM, PrivateFormat.PKCS8, serialization.NoEncryption()
    ) + certificate.public_bytes(serialization.Encoding.PEM)
    new = file.with_suffix(f".{os.getpid()}.new")
    handle = os.open(new, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(handle, "wb") as target:
        target.write(text)
        target.flush()
        os.fsync(target.fileno())
    permit(home, new, file)
    new.replace(file)


def _load(file: Path) -> tuple[x509.Certificate, rsa.RSAPrivateKey]:
    text = file.read_bytes()
    key = serialization.load_pem_private_key(text, None)
    if not isinstance(key, rsa.RSAPrivateKey):
        raise ValueError(f"{file} holds no RSA key")
    return x509.load_pem_x509_certificate(text), key


def _entry(key: str, kind: str, value: str) -> str:
    return f'    <entry key="{key}" class="class java.lang.{kind}">{quoted(value)}</entry>\n'


def _preferences(name: str, host: str, port: int, password: str) -> str:
    streams = (
        _entry("count", "Integer", "1")
        + _entry("description0", "String", name)
        + _entry("enabled0", "Boolean", "true")
        + _entry("connectString0", "String", f"{host}:{port}:ssl")
    )
    app = (
        _entry("caLocation", "String", "cert/authority.p12")
        + _entry("caPassword", "String", password)
        + _entry("certificateLocation", "String", "cert/device.p12")
        + _entry("clientPassword", "String", password)
    )
    return (
        "<?xml version='1.0' encoding='UTF-8' standalone='yes'?>\n<preferences>\n"
        f'  <preference version="1" name="cot_streams">\n{streams}  </preference>\n'
        f'  <preference version="1" name="com.atakmap.app_preferences">\n{app}  </preference>\n</preferences>\n'
    )


def _manifest(name: str, files: list[str]) -> str:
    contents = "".join(f'    <Content ignore="false" zipEntry="{file}"/>\n' for file in files)
    return (
        '<MissionPackageManifest version="2">\n  <Configuration>\n'
        f'    <Parameter name="uid" value="{uuid.uuid4()}"/>\n'
        f'    <Parameter name="name" value="{quoted(name)}"/>\n'
        '    <Parameter name="onReceiveDelete" value="true"/>\n  </Configuration>\n'
        f"  <Contents>\n{contents}  </Contents>\n</MissionPackageManifest>\n"
    )
