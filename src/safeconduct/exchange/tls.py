"""Mutual TLS between two nodes, with each other's exact certificate pinned; no authority has a say."""

from __future__ import annotations

import hmac
import ssl
from collections.abc import Collection

from safeconduct.exchange.identity import tls_files
from safeconduct.records.home import Home


def server_context(home: Home, certificates: Collection[bytes]) -> ssl.SSLContext:
    """For the feed server: only holders of one of these certificates (DER) get past the handshake."""
    return _context(home, ssl.PROTOCOL_TLS_SERVER, certificates)


def client_context(home: Home, certificate: bytes) -> ssl.SSLContext:
    """For the courier: only the holder of this certificate (DER) is the partner's server."""
    return _context(home, ssl.PROTOCOL_TLS_CLIENT, [certificate])


def _context(home: Home, protocol: int, certificates: Collection[bytes]) -> ssl.SSLContext:
    own, key = tls_files(home)
    context = ssl.SSLContext(protocol)
    context.minimum_version = ssl.TLSVersion.TLSv1_3
    context.check_hostname = False  # the certificate itself is pinned; its name says nothing more
    context.verify_mode = ssl.CERT_REQUIRED
    context.load_cert_chain(own, key)
    for certificate in certificates:
        context.load_verify_locations(cadata=certificate)
    context.sslobject_class = _pinned(tuple(certificates))
    return context


def _pinned(certificates: tuple[bytes, ...]) -> type[ssl.SSLObject]:
    class PinnedTLS(ssl.SSLObject):
        """A TLS connection that ends at once unless the peer shows one of the pinned certificates."""

        def do_handshake(self) -> None:
            super().do_handshake()
            shown = self.getpeercert(binary_form=True) or b""
            if not any(hmac.compare_digest(shown, known) for known in certificates):
                raise ssl.SSLCertVerificationError("not the pinned certificate")

    return PinnedTLS
