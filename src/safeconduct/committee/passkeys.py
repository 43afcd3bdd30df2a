"""Passkeys of signatories: what the browser is asked for, and what its answers are worth.

A signatory's passkey is not a way to sign in. Its challenge is the digest of one status act, so that the
authenticator's answer is a signature on that act and on nothing else (WebAuthn Level 3, section 7.2).
"""

from __future__ import annotations

import base64
import json
import secrets
from collections.abc import Mapping
from typing import Any

from fido2 import cbor
from fido2.server import Fido2Server
from fido2.webauthn import (
    PublicKeyCredentialRpEntity,
    PublicKeyCredentialUserEntity,
    ResidentKeyRequirement,
    UserVerificationRequirement,
)

from safeconduct.agreement.acts import StatusAct
from safeconduct.agreement.signatures import Signatory

ALGORITHMS = (-7, -8, -257)
"""ES256, EdDSA, RS256: the ones whose signatures on acts are accepted (IANA COSE algorithms)."""

MAX_ANSWER = 32_768
"""Characters of an authenticator's answer as JSON."""


class AnswerRefused(ValueError):
    """What the browser sent is no answer of an authenticator to what it was asked."""


def signing_options(act: StatusAct, signatory: Signatory) -> dict[str, Any]:
    """What `navigator.credentials.get` is given so that this signatory signs exactly this act."""
    return {
        "challenge": _encode(act.challenge()),
        "rpId": signatory.rp_id,
        "allowCredentials": [{"type": "public-key", "id": signatory.key_id}],
        "userVerification": "required",
        "timeout": 300_000,
    }


def signature_of(answer: str) -> dict[str, str]:
    """The signature in an assertion, in the form in which acts carry it. Raises AnswerRefused."""
    response = _object(_parsed(answer).get("response"))
    found = {"method": "passkey"}
    for name in ("authenticatorData", "clientDataJSON", "signature"):
        value = response.get(name)
        if not isinstance(value, str) or not value or not value.isascii():
            raise AnswerRefused(f"the assertion lacks {name}")
        found[name] = value
    return found


def enrolment_options(site: str, node: str, name: str) -> tuple[dict[str, Any], dict[str, str]]:
    """(what `navigator.credentials.create` is given, what to keep until the answer comes).

    `site` is the host name of the page, `node` the party's name, `name` that of the person.
    """
    server = _server(site, node)
    user = PublicKeyCredentialUserEntity(name=name, id=secrets.token_bytes(32), display_name=name)
    options, state = server.register_begin(
        user,
        resident_key_requirement=ResidentKeyRequirement.DISCOURAGED,
        user_verification=UserVerificationRequirement.REQUIRED,
    )
    kept = {"challenge": str(state["challenge"]), "site": site, "node": node, "name": name}
    return _plain(dict(options.public_key)), kept


def enrolled(answer: str, kept: Mapping[str, str], party: str, origin: str) -> Signatory:
    """The signatory that a new passkey makes of a person, once somebody appoints them. Raises AnswerRefused.

    `origin` is that of the page (scheme, host, port), the only place where this key will ever sign.
    """
    server = _server(kept["site"], kept["node"], origin)
    state = {"challenge": kept["challenge"], "user_verification": UserVerificationRequirement.REQUIRED}
    try:
        data = server.register_complete(state, _parsed(answer)).credential_data
    except AnswerRefused:
        raise
    except Exception as fault:  # the parser raises what its readers raise: struct, CBOR, key and value errors
        raise AnswerRefused("the new key does not answer what was asked") from fault
    if data is None:
        raise AnswerRefused("the answer holds no key")
    return Signatory.from_dict(
        {
            "party": party,
            "name": kept["name"],
            "key_id": _encode(data.credential_id),
            "method": "passkey",
            "public": _encode(cbor.encode(data.public_key)),
            "rp_id": kept["site"],
            "origin": origin,
        }
    )


def _server(site: str, node: str, origin: str = "") -> Fido2Server:
    entity = PublicKeyCredentialRpEntity(name=node, id=site)
    server = Fido2Server(entity, verify_origin=lambda found: found == origin)
    server.allowed_algorithms = [p for p in server.allowed_algorithms if p.alg in ALGORITHMS]
    return server


def _parsed(answer: str) -> dict[str, Any]:
    if len(answer) > MAX_ANSWER:
        raise AnswerRefused("the answer is too long")
    try:
        return _object(json.loads(answer))
    except (ValueError, RecursionError) as fault:
        raise AnswerRefused("the answer is no JSON object") from fault


def _object(value: Any) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise AnswerRefused("the answer is no JSON object")
    return value


def _plain(value: Any) -> Any:
    """Options as JSON: bytes as base64url, absent members left out."""
    match value:
        case bytes():
            return _encode(value)
        case Mapping():
            return {str(k): _plain(v) for k, v in value.items() if v is not None}
        case list() | tuple():
            return [_plain(v) for v in value]
        case str():
            return str(value)
    return value


def _encode(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()
