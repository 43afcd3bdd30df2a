"""Single sign-on: the office's own OpenID Connect issuer says who somebody is, and nothing of what they may do.

Authorization code with PKCE (RFC 7636), state and nonce, as OpenID Connect Core 1.0 has it. The ID token is verified
whole, its signature included, though it comes over TLS. Nothing is fetched but from the issuer that is configured: its
discovery document and its keys, from its own scheme, host and port.
"""

from __future__ import annotations

import json
import secrets
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

import requests
from authlib.integrations.requests_client import OAuth2Session
from authlib.integrations.requests_client import OAuthError as ProtocolError
from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import KeySet

LOOPBACK = ("127.0.0.1", "localhost", "::1")
ALGORITHMS = ("RS256", "PS256", "ES256", "EdDSA")
"""Signatures that are believed: none by a shared secret, and never `none`."""
SECONDS = 10.0
LARGEST = 256 * 1024
LEEWAY = 60
"""Seconds by which two clocks may differ."""
LONGEST_WAIT = 600.0
"""Seconds from leaving for the issuer until coming back."""
LONGEST_SUBJECT = 255
PAUSE = 10.0
"""Seconds for which an issuer that did not answer is not asked again: strangers' requests must not wait for it."""
KEPT = 600.0
"""Seconds for which a discovery document is believed."""


class SignOnRefused(Exception):
    """Why somebody who came back from the issuer does not come in. The text is a code for the log, without persons."""


@dataclass(frozen=True)
class Issuer:
    """Whom the node asks. `ca` is a file of certificates to trust instead of the system's, "" for none."""

    issuer: str
    client_id: str
    secret: str = field(repr=False)
    name: str
    ca: str = ""

    @property
    def verify(self) -> bool | str:
        return self.ca or True


@dataclass(frozen=True)
class Leaving:
    """What the session keeps between leaving for the issuer and coming back; good once."""

    state: str
    nonce: str
    verifier: str
    at: float
    back_to: str = ""

    @classmethod
    def of(cls, kept: object) -> Leaving:
        """Raises SignOnRefused for anything that is not one, or is too old."""
        try:
            found = cls(**kept)  # type: ignore[arg-type]
        except TypeError as fault:
            raise SignOnRefused("nobody left") from fault
        if not 0 <= time.time() - found.at <= LONGEST_WAIT:
            raise SignOnRefused("too long ago")
        return found


_discovered: dict[str, tuple[float, dict[str, Any]]] = {}
_failed: dict[str, float] = {}


def discover(issuer: Issuer) -> Mapping[str, Any]:
    """The issuer's metadata. Raises SignOnRefused unless it names itself and stays on its own origin."""
    kept = _discovered.get(issuer.issuer)
    if kept is not None and time.monotonic() - kept[0] < KEPT:
        return kept[1]
    if time.monotonic() - _failed.get(issuer.issuer, float("-inf")) < PAUSE:
        raise SignOnRefused("the issuer did not answer a moment ago")
    try:
        found = _discovery(issuer)
    except SignOnRefused:
        _failed[issuer.issuer] = time.monotonic()
        raise
    _discovered[issuer.issuer] = (time.monotonic(), found)
    return found


def _discovery(issuer: Issuer) -> dict[str, Any]:
    found = _fetch(issuer, issuer.issuer.rstrip("/") + "/.well-known/openid-configuration")
    if found.get("issuer") != issuer.issuer:
        raise SignOnRefused("the discovery document is another issuer's")
    for name in ("authorization_endpoint", "token_endpoint", "jwks_uri"):
        if not isinstance(found.get(name), str) or _origin(found[name]) != _origin(issuer.issuer):
            raise SignOnRefused(f"{name} is not the issuer's")
    return found


def forget() -> None:
    """Believe no discovery document that was fetched before."""
    _discovered.clear()
    _failed.clear()


def leave(issuer: Issuer, callback: str, back_to: str = "") -> tuple[str, Leaving]:
    """The address to send a browser to, and what its session keeps."""
    leaving = Leaving(
        secrets.token_urlsafe(32), secrets.token_urlsafe(32), secrets.token_urlsafe(48), time.time(), back_to
    )
    with _session(issuer, callback) as session:
        address, _state = session.create_authorization_url(
            discover(issuer)["authorization_endpoint"],
            state=leaving.state,
            nonce=leaving.nonce,
            code_verifier=leaving.verifier,
        )
    return str(address), leaving


def come_back(issuer: Issuer, callback: str, leaving: Leaving, answer: Mapping[str, str]) -> str:
    """The subject (`sub`) of whoever comes back with this answer. Raises SignOnRefused."""
    if not secrets.compare_digest(answer.get("state", "").encode(), leaving.state.encode()):
        raise SignOnRefused("another state")
    if "error" in answer or not answer.get("code"):
        raise SignOnRefused("the issuer says no")
    if answer.get("iss", issuer.issuer) != issuer.issuer:
        raise SignOnRefused("the answer is another issuer's")
    token = _token(issuer, callback, answer["code"], leaving.verifier)
    return subject_of(issuer, token.get("id_token"), leaving.nonce)


def subject_of(issuer: Issuer, id_token: object, nonce: str) -> str:
    """The subject of an ID token that the issuer signed for this node and this sign-in. Raises SignOnRefused."""
    if not isinstance(id_token, str) or len(id_token) > LARGEST:
        raise SignOnRefused("no ID token")
    try:
        keys = KeySet.import_key_set(_fetch(issuer, discover(issuer)["jwks_uri"]))  # type: ignore[arg-type]
        claims = jwt.decode(id_token, keys, algorithms=list(ALGORITHMS)).claims
        jwt.JWTClaimsRegistry(
            leeway=LEEWAY,
            iss={"essential": True, "value": issuer.issuer},
            aud={"essential": True, "value": issuer.client_id},
            nonce={"essential": True, "value": nonce},
            exp={"essential": True},
            iat={"essential": True},
            sub={"essential": True},
        ).validate(claims)
    except (JoseError, ValueError, TypeError, KeyError, AttributeError) as fault:
        raise SignOnRefused(f"the ID token does not hold: {type(fault).__name__}") from fault
    several = isinstance(claims["aud"], list) and len(claims["aud"]) > 1
    if claims.get("azp", None if several else issuer.client_id) != issuer.client_id:
        raise SignOnRefused("the ID token is for another client")
    subject = claims["sub"]
    if not isinstance(subject, str) or not 0 < len(subject) <= LONGEST_SUBJECT:
        raise SignOnRefused("no subject")
    return subject


def _token(issuer: Issuer, callback: str, code: str, verifier: str) -> Mapping[str, Any]:
    with _session(issuer, callback) as session:
        try:
            found: Mapping[str, Any] = session.fetch_token(
                discover(issuer)["token_endpoint"],
                grant_type="authorization_code",
                code=code,
                code_verifier=verifier,
                timeout=SECONDS,
                allow_redirects=False,
                verify=issuer.verify,
            )
        except (ProtocolError, requests.RequestException, ValueError) as fault:
            raise SignOnRefused("the code was not taken") from fault
    return found


def _session(issuer: Issuer, callback: str) -> OAuth2Session:
    session = OAuth2Session(
        issuer.client_id,
        issuer.secret,
        scope="openid",
        redirect_uri=callback,
        code_challenge_method="S256",
        token_endpoint_auth_method=_how_to_prove(discover(issuer)),
    )
    session.trust_env = False
    return session


def _how_to_prove(metadata: Mapping[str, Any]) -> str:
    offered = metadata.get("token_endpoint_auth_methods_supported", ["client_secret_basic"])
    return "client_secret_basic" if "client_secret_basic" in offered else "client_secret_post"


def _fetch(issuer: Issuer, address: str) -> dict[str, Any]:
    """A JSON object of the issuer: from its own origin, whole, small, and without being led elsewhere."""
    try:
        with requests.Session() as session:
            session.trust_env = False
            answer = session.get(
                address, timeout=SECONDS, allow_redirects=False, verify=issuer.verify, stream=True
            )
            with answer:
                if answer.status_code != 200:
                    raise SignOnRefused("the issuer does not answer")
                raw = answer.raw.read(LARGEST + 1, decode_content=True)
        if len(raw) > LARGEST:
            raise SignOnRefused("the issuer's answer is too large")
        found = json.loads(raw)
    except (requests.RequestException, OSError, ValueError, RecursionError) as fault:
        raise SignOnRefused("the issuer does not answer") from fault
    if not isinstance(found, dict):
        raise SignOnRefused("the issuer's answer is no object")
    return found


def _origin(address: str) -> tuple[str, str | None, int | None]:
    try:
        where = urlsplit(address)
        port = where.port or {"https": 443, "http": 80}.get(where.scheme)
    except ValueError as fault:
        raise SignOnRefused("an address of the issuer cannot be read") from fault
    return where.scheme, where.hostname, port
