"""Who somebody says to be: tokens, passes, cookies, passkeys, signatures, the word of an issuer."""

from __future__ import annotations

import base64
import json
from typing import Any
from unittest import mock

from joserfc import jwt
from joserfc.jwk import ECKey
from joserfc.jws import JWSRegistry

from fuzz.target import Target, Unfit, tree_of
from safeconduct.people import oidc
from safeconduct.records.refusals import Malformed


def _token(data: bytes) -> Any:
    from safeconduct.people import tokens

    text = tokens.from_header(data.decode("latin-1"))
    return text, tokens.present(text) if text else None


def _pass(data: bytes) -> Any:
    from safeconduct.people import passes

    return passes.holder_of(data.decode("utf-8", "replace"))


def _signed_pass(data: bytes) -> Any:
    """What a pass would hold if the node itself had signed anything at all."""
    from django.core import signing

    from safeconduct.people import passes

    try:
        text = signing.dumps(tree_of(data, object), salt=passes.SALT)
    except (ValueError, RecursionError):
        raise Unfit from None
    return passes.holder_of(text)


def _cookies(data: bytes) -> Any:
    from safeconduct.people import sessions

    return sessions.session_of_cookies(data.decode("latin-1"))


def _enrolled(data: bytes) -> Any:
    from safeconduct.committee import passkeys

    text = data.decode("utf-8", "replace")
    kept = {"challenge": "AAAA", "site": "localhost", "node": "pk", "name": "Chen"}
    try:
        return passkeys.enrolled(text, kept, "pk", "http://localhost")
    except passkeys.AnswerRefused:
        return None


def _assertion(data: bytes) -> Any:
    from safeconduct.committee import passkeys

    try:
        return passkeys.signature_of(data.decode("utf-8", "replace"))
    except passkeys.AnswerRefused:
        return None


def _signature_text(data: bytes) -> Any:
    from safeconduct.committee import rules

    return rules.read_signature(data.decode("utf-8", "replace"))


def _candidate(data: bytes) -> Any:
    from safeconduct.committee import rules

    with mock.patch.object(rules, "here") as here:
        here.home.return_value.party = "cn"
        return rules.candidate(data.decode("utf-8", "replace"))


ISSUER = oidc.Issuer("https://issuer.example", "node", "secret", "Office")
SIGNING = ECKey.import_key(
    {
        "kty": "EC",
        "crv": "P-256",
        "x": "MKBCTNIcKUSDii11ySs3526iDZ8AiTo7Tu6KPAqv7D4",
        "y": "4Etl6SRW2YiLUrN5vfvVHuhp7x8PxltmWWlbbM4IFyM",
        "d": "870MB6gfuTJ4HtUnUvYMyJpr5eUZNP4Bk43bVdj3eAE",
        "kid": "1",
    }
)


def _subject(token: str) -> str:
    keys = {"keys": [SIGNING.as_dict(private=False)]}
    with (
        mock.patch.object(oidc, "discover", return_value={"jwks_uri": ""}),
        mock.patch.object(oidc, "_fetch", return_value=keys),
    ):
        return oidc.subject_of(ISSUER, token, "nonce")


def _id_token(data: bytes) -> str:
    return _subject(data.decode("latin-1"))


def _id_token_signed(data: bytes) -> str:
    """What an issuer may say that signs anything."""
    parts = [base64.urlsafe_b64encode(part).rstrip(b"=") for part in (b'{"alg":"ES256","kid":"1"}', data)]
    signed = b".".join(parts)
    algorithm = JWSRegistry.algorithms["ES256"]
    signature = base64.urlsafe_b64encode(algorithm.sign(signed, SIGNING)).rstrip(b"=")
    return _subject((signed + b"." + signature).decode())


def _id_tokens() -> list[bytes]:
    return [jwt.encode({"alg": "ES256", "kid": "1"}, json.loads(CLAIMS), SIGNING).encode()]


def _of_issuer(data: bytes) -> Any:
    with mock.patch.object(oidc.requests, "Session") as session:
        answer = session.return_value.__enter__.return_value.get.return_value
        answer.status_code, answer.raw.read.return_value = 200, data
        return oidc._fetch(ISSUER, "https://issuer.example/x")


CLAIMS = (
    b'{"iss":"https://issuer.example","aud":["node"],"nonce":"nonce","exp":9999999999,"iat":1728237600,"sub":"li-na",'
    b'"azp":"node"}'
)
CREDENTIAL = (
    b'{"id":"AAAA","rawId":"AAAA","type":"public-key","response":{"clientDataJSON":"eyJ0eXBlIjoid2ViYXV0aG4uZ2V0In0",'
    b'"authenticatorData":"AAAA","signature":"AAAA","attestationObject":"o2NmbXRkbm9uZWdhdHRTdG10oGhhdXRoRGF0YUA"}}'
)
TARGETS = (
    Target(
        "token",
        _token,
        (),
        lambda: [b"Bearer sc_aaaaaaaaaa_" + b"A" * 43, b"Basic eDpzY19h"],
        ("people.tokens:from_header",),
        weight=4,
    ),
    Target("pass", _pass, (), lambda: [b"WyJhIl0:1t0000:AAAA"], (), weight=2),
    Target(
        "pass signed here",
        _signed_pass,
        (),
        lambda: [b'["00000000000000000000000000000000","aaaaaaaaaaaaaaaa",1]'],
        ("people.passes:holder_of",),
        form="json",
        weight=4,
    ),
    Target(
        "cookies",
        _cookies,
        (),
        lambda: [b"sc_pk_8001_session=abcdefgh; a=b", b'x="y"; __Host-a=1'],
        ("people.sessions:_session_key",),
        weight=4,
    ),
    Target(
        "new passkey",
        _enrolled,
        (ValueError,),
        lambda: [CREDENTIAL],
        ("committee.passkeys:_parsed",),
        form="json",
    ),
    Target("passkey's answer", _assertion, (), lambda: [CREDENTIAL], (), form="json"),
    Target(
        "signature as text",
        _signature_text,
        (Malformed,),
        lambda: [b'{"method":"file","signature":"AA"}'],
        ("committee.rules:read_signature",),
        form="json",
    ),
    Target(
        "signatory put forward",
        _candidate,
        (Malformed,),
        lambda: [b'{"party":"cn"}'],
        ("committee.rules:candidate",),
        form="json",
    ),
    Target("ID token", _id_token, (oidc.SignOnRefused,), _id_tokens, (), weight=4),
    Target(
        "ID token signed by its issuer",
        _id_token_signed,
        (oidc.SignOnRefused,),
        lambda: [CLAIMS],
        (),
        form="json",
        weight=4,
    ),
    Target(
        "answer of an issuer",
        _of_issuer,
        (oidc.SignOnRefused,),
        lambda: [b'{"issuer":"https://issuer.example","jwks_uri":"https://issuer.example/keys"}'],
        ("people.oidc:_fetch",),
        form="json",
        stored=False,
        weight=8,
    ),
)
