"""Parts of a record version: salted disclosures (RFC 9901) and sealing (AES-256-GCM).

A disclosure is base64url of the JSON array [salt, name, value]; a header carries only its digest, so
a part can be shown later, or destroyed, and the header still verifies.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import json
import os
import re
from collections.abc import Callable, Mapping, Sequence
from functools import lru_cache
from typing import Any

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from safeconduct.ledger.canonical import MAX_DEPTH, deeper_than

SALT_SIZE = 18
"""Random bytes in a salt: 144 bits, which is base64url without padding."""

_SALT_TEXT = SALT_SIZE * 4 // 3
_SALT = re.compile(rb"[A-Za-z0-9_-]{24}")
_NONCE_SIZE = 12
_TAG_SIZE = 16
KEY_SIZE = 32

_RESERVED = ("_sd", "...")
_encode = json.JSONEncoder(ensure_ascii=False, separators=(",", ":"), allow_nan=False).encode


class DisclosureRefused(ValueError):
    """A disclosure that is not in the form of RFC 9901, or a value that cannot be put in it."""


class UnsealRefused(ValueError):
    """Sealed bytes that do not open: another key, other associated data, or changed bytes."""


def new_salt() -> str:
    return base64.urlsafe_b64encode(os.urandom(SALT_SIZE)).decode()


def disclosure(name: str, value: Any, salt: str | None = None) -> str:
    """The disclosure of one part. `value` is JSON; None stands for an empty part."""
    return _disclosure(_quoted(name), value, _encode(salt) if salt is not None else f'"{new_salt()}"')


def disclosures(parts: Mapping[str, Any], order: Sequence[str]) -> list[str]:
    """The disclosures of all parts in `order`, fresh salts from one read of the random source.

    A part that is missing from `parts` is disclosed as None; a part that is not in `order` is refused.
    """
    if not parts.keys() <= set(order):
        raise DisclosureRefused(f"unknown parts: {', '.join(sorted(parts.keys() - set(order)))}")
    salts = base64.urlsafe_b64encode(os.urandom(SALT_SIZE * len(order))).decode()
    return [
        _disclosure(_quoted(name), parts.get(name), f'"{salts[at : at + _SALT_TEXT]}"')
        for name, at in zip(order, range(0, len(salts), _SALT_TEXT), strict=True)
    ]


def _disclosure(quoted_name: str, value: Any, quoted_salt: str) -> str:
    try:
        inner = "null" if value is None else _encode(value)
        raw = f"[{quoted_salt},{quoted_name},{inner}]".encode()
    except (TypeError, ValueError, RecursionError) as error:
        raise DisclosureRefused(f"part {quoted_name} is not JSON: {error}") from None
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


@lru_cache(maxsize=1024)
def _quoted(name: str) -> str:
    if not name or name in _RESERVED:
        raise DisclosureRefused(f"{name!r} cannot name a part")
    return _encode(name)


def digest(disclosure: str) -> str:
    """base64url of SHA-256 over the disclosure's text, as RFC 9901 has it."""
    try:
        raw = disclosure.encode("ascii")
    except UnicodeEncodeError:
        raise DisclosureRefused("a disclosure is ASCII") from None
    return base64.urlsafe_b64encode(hashlib.sha256(raw).digest()).rstrip(b"=").decode()


def open_disclosure(text: str) -> tuple[str, str, Any]:
    """(salt, name, value) of a disclosure. Raises DisclosureRefused.

    Repeated keys are refused: two readers could take different values from one digest.
    """
    try:
        raw = base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True)
        content = raw.decode()
        parsed = _decode(content)
        if "\\u" in content:
            _encode(parsed).encode()
        if content.count("[") + content.count("{") > MAX_DEPTH and deeper_than(parsed, MAX_DEPTH):
            raise DisclosureRefused("nested too deeply")
    except (ValueError, RecursionError, binascii.Error) as error:
        raise DisclosureRefused(f"not a disclosure: {error}") from None
    if base64.urlsafe_b64encode(raw).rstrip(b"=").decode() != text:
        raise DisclosureRefused("not canonical base64url")
    if not isinstance(parsed, list) or len(parsed) != 3:
        raise DisclosureRefused("a disclosure has three elements")
    salt, name, value = parsed
    if not isinstance(salt, str) or not isinstance(name, str) or not name or name in _RESERVED:
        raise DisclosureRefused("a disclosure names its part")
    return salt, name, value


def resalted(text: str, draw: Callable[[str], str]) -> str:
    """A disclosure made here under the salt that `draw` gives for its own; name and value stay, byte for byte.

    Both salts are of the form of `new_salt`. Raises DisclosureRefused.
    """
    raw = base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
    end = 2 + _SALT_TEXT
    salt = raw[2:end]
    if raw[:2] != b'["' or raw[end : end + 2] != b'",' or not _SALT.fullmatch(salt):
        raise DisclosureRefused("not a disclosure with a salt of this form")
    drawn = draw(salt.decode()).encode()
    if not _SALT.fullmatch(drawn):
        raise DisclosureRefused("not a salt of this form")
    return base64.urlsafe_b64encode(b'["' + drawn + raw[end:]).rstrip(b"=").decode()


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    result = dict(pairs)
    if len(result) != len(pairs):
        raise DisclosureRefused("a key is repeated")
    return result


def _refuse_constant(name: str) -> Any:
    raise DisclosureRefused(f"{name} is not JSON")


_decode = json.JSONDecoder(object_pairs_hook=_object, parse_constant=_refuse_constant).decode


def seal(key: bytes, plaintext: bytes, aad: bytes) -> bytes:
    """Nonce (12 bytes), ciphertext and tag (16) under AES-256-GCM; `aad` ties it to its place."""
    _check_key(key)
    nonce = os.urandom(_NONCE_SIZE)
    return nonce + AESGCM(key).encrypt(nonce, plaintext, aad)


def unseal(key: bytes, sealed: bytes, aad: bytes) -> bytes:
    """The plaintext of `seal`. Raises UnsealRefused."""
    _check_key(key)
    if len(sealed) < _NONCE_SIZE + _TAG_SIZE:
        raise UnsealRefused("too short to be sealed bytes")
    try:
        return AESGCM(key).decrypt(sealed[:_NONCE_SIZE], sealed[_NONCE_SIZE:], aad)
    except InvalidTag:
        raise UnsealRefused("sealed bytes do not open with this key in this place") from None


def _check_key(key: bytes) -> None:
    if len(key) != KEY_SIZE:
        raise ValueError("a sealing key has 32 bytes")
