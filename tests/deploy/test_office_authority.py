"""The office's authority: what its certificates are good for, and what they are not, as TLS itself judges it."""

from __future__ import annotations

import shutil
import socket
import ssl
import stat
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec

from safeconduct.ledger.keys import KeyRefused
from safeconduct.node import office_authority
from safeconduct.node.certificate_files import private_pem, public_pem, read_key
from safeconduct.node.office_authority import certify
from safeconduct.records.home import Home, HomeError

NAMES = ("node.office.lan", "127.0.0.1")


@pytest.fixture
def home(tmp_path: Path) -> Home:
    return Home.create(tmp_path / "home", "pk", "host", "Host Party")


@contextmanager
def serving(certificate: Path, key: Path) -> Iterator[int]:
    """A TLS server that shakes hands; yields its port."""
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(certificate, key)
    with socket.create_server(("127.0.0.1", 0)) as door:

        def serve() -> None:
            while True:
                try:
                    plain, _ = door.accept()
                except OSError:
                    return
                try:
                    with plain, context.wrap_socket(plain, server_side=True) as line:
                        line.sendall(b"here")
                except OSError:
                    continue

        threading.Thread(target=serve, daemon=True).start()
        yield door.getsockname()[1]
        door.shutdown(socket.SHUT_RDWR)


def call(port: int, authority: Path, name: str) -> bytes:
    """Shake hands as a client that knows this authority alone. Raises ssl.SSLError."""
    context = ssl.create_default_context(cafile=authority)
    with (
        socket.create_connection(("127.0.0.1", port), timeout=60) as plain,
        context.wrap_socket(plain, server_hostname=name) as line,
    ):
        return line.recv(4)


def leaf(home: Home) -> x509.Certificate:
    return x509.load_pem_x509_certificate((home.path / "tls/node.pem").read_bytes())


def test_a_device_that_knows_the_authority_reaches_the_node_by_each_of_its_names(home: Home) -> None:
    settled, made = certify(home, NAMES)
    files = [settled.path / str(settled.settings[each]) for each in ("tls_certificate", "tls_key")]
    with serving(*files) as port:
        for name in NAMES:
            assert call(port, made.authority, name) == b"here"
        with pytest.raises(ssl.SSLCertVerificationError, match="ostname mismatch"):
            call(port, made.authority, "other.office.lan")
        other, _ = certify(Home.create(home.path.parent / "other", "cn", "partner", "Other"), NAMES)
        with pytest.raises(ssl.SSLCertVerificationError):
            call(port, other.path / "tls/authority.pem", NAMES[0])
    assert settled.settings["allowed_hosts"] == sorted(NAMES)
    assert Home.load(home.path).settings == settled.settings
    assert made.new_authority and made.ends <= datetime.now(UTC) + timedelta(days=397)


def test_keys_are_their_owners_alone_and_no_draft_is_left(home: Home) -> None:
    certify(home, NAMES)
    folder = home.path / "tls"
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    found = {each.name: stat.S_IMODE(each.stat().st_mode) for each in folder.iterdir()}
    assert found == dict.fromkeys(("authority.key", "authority.pem", "node.key", "node.pem"), 0o600)


def test_renewal_keeps_names_and_authority_and_takes_a_new_key(home: Home) -> None:
    settled, first = certify(home, NAMES)
    before, key = leaf(home), (home.path / "tls/node.key").read_bytes()
    _, again = certify(settled)
    assert again.names == NAMES and not again.new_authority and again.fingerprint == first.fingerprint
    assert leaf(home).serial_number != before.serial_number
    assert (home.path / "tls/node.key").read_bytes() != key


def test_the_authority_vouches_for_no_other_name(home: Home) -> None:
    settled, first = certify(home, NAMES)
    kept = (home.path / "tls/node.pem").read_bytes()
    for other in ("node.bank.example", "192.168.10.5", "2001:db8::1", "evilnode.office.lan"):
        with pytest.raises(HomeError, match="may not vouch"):
            certify(settled, [other])
    assert (home.path / "tls/node.pem").read_bytes() == kept
    _, another = certify(settled, ["node.bank.example"], anew=True)
    assert another.new_authority and another.fingerprint != first.fingerprint


@pytest.mark.parametrize(
    "name",
    [
        "", " ", "Node.Office.lan", "*.office.lan", "node office", "-node", "node-", "node..lan", "a" * 64, "10.0.0",
        "10.0.0.256", "node.lan\n", "nöde.lan", "node.lan,evil.lan", ".".join(["a" * 60] * 5),
    ],
)  # fmt: skip
def test_what_is_no_name_is_refused_before_anything_is_made(home: Home, name: str) -> None:
    with pytest.raises(HomeError, match="no name of a machine"):
        certify(home, [name])
    assert not (home.path / "tls").exists()


def test_a_stolen_authority_passes_for_no_other_site(home: Home) -> None:
    """A certificate for another name that the authority's own key signs is refused by TLS itself."""
    _, made = certify(home, NAMES)
    key = read_key(home.path / "tls/authority.key")
    authority = x509.load_pem_x509_certificate(made.authority.read_bytes())
    own = ec.generate_private_key(ec.SECP256R1())
    for value in (
        x509.DNSName("bank.example"),
        x509.IPAddress(office_authority.ipaddress.ip_address("127.0.0.2")),
    ):
        forged = office_authority._sign(authority, key, own.public_key(), [value], 30)
        chain, private = home.path / "forged.pem", home.path / "forged.key"
        chain.write_bytes(public_pem(forged) + made.authority.read_bytes())
        private.write_bytes(private_pem(own))
        with (
            serving(chain, private) as port,
            pytest.raises(ssl.SSLCertVerificationError, match="permitted subtree"),
        ):
            call(port, made.authority, str(value.value))


def test_one_who_ended_or_is_another_signs_nothing(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    settled, _ = certify(home, NAMES)
    other = Home.create(home.path.parent / "other", "cn", "partner", "Other")
    certify(other, NAMES)
    shutil.copyfile(other.path / "tls/authority.pem", home.path / "tls/authority.pem")
    with pytest.raises(HomeError, match="not the key of"):
        certify(settled)
    monkeypatch.setattr(office_authority, "AUTHORITY_DAYS", 0)
    with pytest.raises(HomeError, match="has ended"):
        certify(settled, NAMES, anew=True)


def test_a_key_that_others_may_read_is_not_used(home: Home) -> None:
    settled, _ = certify(home, NAMES)
    (home.path / "tls/authority.key").chmod(0o644)
    with pytest.raises(KeyRefused, match="0644"):
        certify(settled)


@pytest.mark.parametrize("days", [0, -1, 398, 10_000])
def test_a_term_that_browsers_do_not_take_is_refused(home: Home, days: int) -> None:
    with pytest.raises(HomeError, match="browsers take"):
        certify(home, NAMES, days=days)


def test_without_names_and_without_a_certificate_it_asks(home: Home) -> None:
    with pytest.raises(HomeError, match="--name"):
        certify(home)
