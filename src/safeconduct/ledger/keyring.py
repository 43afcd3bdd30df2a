"""Which key of a log is valid at which size: rotation, revocation, and no way back for an old key.

A key statement is canonical JSON {"statement": ..., "signatures": ...}; what is signed is a fixed line
that keeps it apart from notes, then the canonical statement.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from safeconduct.ledger.canonical import CanonicalRefused, canonical
from safeconduct.ledger.keys import KeyRefused, Signer, Verifier, decode_base64

_PREFIX = b"safeconduct key statement/v1\n"
_MAX_STATEMENT = 8192


@dataclass(frozen=True)
class Term:
    """A key's time in office: it signs checkpoints of sizes [since, until); None = no end."""

    verifier: Verifier
    since: int
    until: int | None


class KeyRing:
    """The keys of one log, in order. Changed only by statements that the log's own keys signed."""

    def __init__(self, origin: str, first: Verifier) -> None:
        self.origin = origin
        self._keys: list[tuple[Verifier, int]] = [(first, 0)]
        self._revoked: dict[Verifier, int] = {}
        self._statements: list[bytes] = []

    @classmethod
    def replay(cls, origin: str, first: Verifier, statements: Iterable[bytes]) -> KeyRing:
        """The ring after these statements, in their order. Raises KeyRefused."""
        ring = cls(origin, first)
        for statement in statements:
            ring.apply(statement)
        return ring

    @property
    def statements(self) -> tuple[bytes, ...]:
        return tuple(self._statements)

    @property
    def current(self) -> Verifier:
        return self._keys[-1][0]

    @property
    def terms(self) -> tuple[Term, ...]:
        terms = []
        for position, (verifier, since) in enumerate(self._keys):
            ends = [self._revoked[verifier]] if verifier in self._revoked else []
            if position + 1 < len(self._keys):
                ends.append(self._keys[position + 1][1])
            terms.append(Term(verifier, since, min(ends) if ends else None))
        return tuple(terms)

    def valid_at(self, size: int) -> tuple[Verifier, ...]:
        """The keys whose signature counts under a checkpoint of this size: one, or none if revoked."""
        return tuple(
            term.verifier
            for term in self.terms
            if term.since <= size and (term.until is None or size < term.until)
        )

    def apply(self, statement: bytes) -> None:
        """Take up a rotation or a revocation. Raises KeyRefused and then changes nothing."""
        body, signatures = _open_statement(statement)
        if body.get("origin") != self.origin:
            raise KeyRefused("the statement is about another log")
        size = body.get("from_size")
        if type(size) is not int or size < 0:
            raise KeyRefused("the statement names no size")
        message = _PREFIX + canonical(body)
        if body.get("act") == "rotate" and body.keys() == {"act", "origin", "old", "new", "from_size"}:
            self._rotate(body, size, message, signatures)
        elif body.get("act") == "revoke" and body.keys() == {"act", "origin", "key", "by", "from_size"}:
            self._revoke(body, size, message, signatures)
        else:
            raise KeyRefused("neither a rotation nor a revocation")
        self._statements.append(statement)

    def _rotate(self, body: dict[str, Any], size: int, message: bytes, signatures: dict[str, bytes]) -> None:
        old, new = _verifier(body["old"]), _verifier(body["new"])
        if old != self.current:
            raise KeyRefused("only the current key can name its successor")
        if any(new.public == known.public for known, _ in self._keys):
            raise KeyRefused("an older key cannot come back")
        if size <= self._keys[-1][1]:
            raise KeyRefused("a key takes office after the one before it")
        if old in self._revoked and size >= self._revoked[old]:
            raise KeyRefused("a revoked key cannot name a successor")
        _check_signatures(message, signatures, {"old": old, "new": new})
        self._keys.append((new, size))

    def _revoke(self, body: dict[str, Any], size: int, message: bytes, signatures: dict[str, bytes]) -> None:
        key, by = _verifier(body["key"]), _verifier(body["by"])
        if all(key != known for known, _ in self._keys):
            raise KeyRefused("the revoked key is not one of this log's")
        if by not in (key, self.current):
            raise KeyRefused("a key is revoked by itself or by the current key")
        if by != key and by in self._revoked:
            raise KeyRefused("a revoked key cannot revoke another")
        if size >= self._revoked.get(key, size + 1):
            raise KeyRefused("the key is already revoked from there on")
        _check_signatures(message, signatures, {"by": by})
        self._revoked[key] = size


def rotation(origin: str, old: Signer, new: Signer, from_size: int) -> bytes:
    """The statement that `new` signs checkpoints of size `from_size` and above, signed by both."""
    body = {"act": "rotate", "origin": origin, "old": old.vkey, "new": new.vkey, "from_size": from_size}
    return _statement(body, {"old": old, "new": new})


def revocation(origin: str, key: Verifier, by: Signer, from_size: int) -> bytes:
    """The statement that `key` counts no longer at size `from_size` and above."""
    body = {"act": "revoke", "origin": origin, "key": key.vkey, "by": by.vkey, "from_size": from_size}
    return _statement(body, {"by": by})


def _statement(body: dict[str, Any], signers: dict[str, Signer]) -> bytes:
    message = _PREFIX + canonical(body)
    signatures = {role: base64.b64encode(key.sign(message)).decode() for role, key in signers.items()}
    return canonical({"statement": body, "signatures": signatures})


def _open_statement(statement: bytes) -> tuple[dict[str, Any], dict[str, bytes]]:
    if len(statement) > _MAX_STATEMENT:
        raise KeyRefused("the statement is too long")
    try:
        parsed = json.loads(statement)
        exact = canonical(parsed) == statement
    except (ValueError, RecursionError, CanonicalRefused):
        raise KeyRefused("the statement is not canonical JSON") from None
    if not exact or not isinstance(parsed, dict) or parsed.keys() != {"statement", "signatures"}:
        raise KeyRefused("not a key statement")
    body, signatures = parsed["statement"], parsed["signatures"]
    if not isinstance(body, dict) or not isinstance(signatures, dict):
        raise KeyRefused("not a key statement")
    return body, {role: decode_base64(str(text), "a signature") for role, text in signatures.items()}


def _verifier(vkey: Any) -> Verifier:
    if not isinstance(vkey, str):
        raise KeyRefused("a key is text")
    return Verifier.parse(vkey)


def _check_signatures(message: bytes, signatures: dict[str, bytes], signers: dict[str, Verifier]) -> None:
    if signatures.keys() != signers.keys():
        raise KeyRefused("the statement lacks a signature, or has one too many")
    for role, verifier in signers.items():
        if not verifier.verify(message, signatures[role]):
            raise KeyRefused(f"the signature of the {role!r} key does not verify")
