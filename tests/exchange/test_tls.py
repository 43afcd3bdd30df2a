"""The handshake of two nodes, byte by byte in memory: TLS 1.3, both pinned certificates, and nothing less."""

from __future__ import annotations

import ssl
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.x509.oid import NameOID

from safeconduct.exchange.identity import tls_files
from safeconduct.exchange.tls import client_context, server_context
from safeconduct.records.home import Home

STEPS = 10


@pytest.fixture
def homes(tmp_path: Path) -> tuple[Home, Home]:
    made = [
        Home.create(tmp_path / party, party, side, party)
        for party, side in (("pk", "host"), ("cn", "partner"))
    ]
    return made[0], made[1]


def der(home: Home) -> bytes:
    return ssl.PEM_cert_to_DER_cert(tls_files(home)[0].read_text())


def shake(server: ssl.SSLContext, client: ssl.SSLContext) -> tuple[ssl.SSLObject, ssl.SSLObject]:
    """Both ends after a handshake that both have finished. Raises ssl.SSLError as the end that refuses says it."""
    up, down = ssl.MemoryBIO(), ssl.MemoryBIO()
    ends = server.wrap_bio(up, down, server_side=True), client.wrap_bio(down, up)
    done = [False, False]
    for _ in range(STEPS):
        for number, end in enumerate(ends):
            if done[number]:
                continue
            try:
                end.do_handshake()
                done[number] = True
            except ssl.SSLWantReadError:
                continue
    assert all(done), "neither refused nor agreed"
    ends[0].write(b"1")
    assert ends[1].read(1) == b"1"
    return ends


def test_two_nodes_that_know_each_other_speak_tls_1_3(homes: tuple[Home, Home]) -> None:
    host, partner = homes
    ends = shake(server_context(host, [der(partner)]), client_context(partner, der(host)))
    for end in ends:
        cipher = end.cipher()
        assert end.version() == "TLSv1.3"
        assert cipher is not None and cipher[2] >= 128 and ("GCM" in cipher[0] or "CHACHA20" in cipher[0])
        assert end.compression() is None
    assert ends[0].getpeercert(binary_form=True) == der(partner)


def test_an_older_tls_is_refused_from_either_side(homes: tuple[Home, Home]) -> None:
    host, partner = homes
    for older in (0, 1):
        contexts = [server_context(host, [der(partner)]), client_context(partner, der(host))]
        contexts[older].minimum_version = contexts[older].maximum_version = ssl.TLSVersion.TLSv1_2
        contexts[older].set_ciphers("ALL:@SECLEVEL=0")
        with pytest.raises(ssl.SSLError):
            shake(contexts[0], contexts[1])


def certificate(home: Home, subject: str, signed_by: Home, own_key: bool) -> tuple[Path, Path]:
    """A certificate that looks like another's; returns (certificate, key)."""
    _, key_file = tls_files(signed_by)
    signer = serialization.load_pem_private_key(key_file.read_bytes(), None)
    assert isinstance(signer, Ed25519PrivateKey)
    own = signer if own_key else Ed25519PrivateKey.generate()
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, subject)])
    issuer = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, f"{signed_by.party}.safeconduct")])
    now = datetime.now(UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(issuer)
        .public_key(own.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=10))
        .sign(signer, None)
    )
    files = home.path / "made.pem", home.path / "made.key"
    files[0].write_bytes(made.public_bytes(serialization.Encoding.PEM))
    files[1].write_bytes(
        own.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
    )
    return files


@pytest.mark.parametrize(
    ("signer", "own_key"),
    [("pk", False), ("cn", False), ("cn", True)],
    ids=["of another party", "issued by the pinned one", "of the pinned one's own key"],
)
def test_only_the_very_certificate_on_the_card_is_the_partners(
    homes: tuple[Home, Home], signer: str, own_key: bool
) -> None:
    host, partner = homes
    signed_by = host if signer == "pk" else partner
    shown = certificate(partner, "cn.safeconduct", signed_by, own_key)
    client = client_context(partner, der(host))
    client.load_cert_chain(*shown)
    with pytest.raises(ssl.SSLError):
        shake(server_context(host, [der(partner)]), client)
    server = server_context(partner, [der(host)])
    server.load_cert_chain(*shown)
    with pytest.raises(ssl.SSLError):
        shake(server, client_context(host, der(partner)))


def test_without_a_certificate_nobody_gets_in(homes: tuple[Home, Home]) -> None:
    host, partner = homes
    bare = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    bare.check_hostname = False
    bare.load_verify_locations(cadata=der(host))
    with pytest.raises(ssl.SSLError):
        shake(server_context(host, [der(partner)]), bare)
