"""Status acts: what a party's signatory did about a clause, as bytes that can be signed and chained.

Each party's acts form a chain: `seq` counts from 1 and `previous` is the digest of the party's act before it
("" for the first). `seen` names, for every other party, the digest of the latest act the signer had seen.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from safeconduct.agreement.vocabulary import STATUSES
from safeconduct.ledger.canonical import CanonicalRefused, canonical

PREFIX = b"safeconduct/act/v1\n"
"""Stands before the canonical bytes of an act in whatever is signed or hashed, so that no other document's
signature can pass for an act's."""

SIGNATORY_ACTS = ("appoint", "dismiss")

_DIGEST = re.compile(r"sha256:[0-9a-f]{64}")
_NUMBER = re.compile(r"H?[1-9][0-9]{0,3}")
_MAX_TEXT = 4096


class ActRefused(ValueError):
    """Not a status act: a key is missing or unknown, a value is out of form, or none that can be signed."""


@dataclass(frozen=True)
class StatusAct:
    """One act. `to` is a status, or "appoint" / "dismiss" with `subject` the signatory's dictionary.

    `text` is the digest of the clause file; `clause` and `text` are "" for signatory acts. `key` is the
    signatory's key id, `at` epoch seconds by the signer's clock: shown to people, decides nothing.
    """

    agreement: str
    clause: str
    text: str
    to: str
    by: str
    seq: int
    previous: str
    seen: Mapping[str, str]
    key: str
    at: int
    subject: Mapping[str, str] | None = None

    def __post_init__(self) -> None:
        if reason := _fault(self):
            raise ActRefused(reason)
        object.__setattr__(self, "seen", dict(self.seen))
        try:
            self.canonical()
        except CanonicalRefused as fault:
            raise ActRefused(str(fault)) from None

    def to_dict(self) -> dict[str, Any]:
        return {
            "agreement": self.agreement,
            "at": self.at,
            "by": self.by,
            "clause": self.clause,
            "key": self.key,
            "previous": self.previous,
            "seen": dict(self.seen),
            "seq": self.seq,
            "subject": None if self.subject is None else dict(self.subject),
            "text": self.text,
            "to": self.to,
        }

    @classmethod
    def from_dict(cls, value: Any) -> StatusAct:
        """Read an act back, strictly. Raises ActRefused."""
        if not isinstance(value, dict) or set(value) != set(cls.__dataclass_fields__):
            raise ActRefused("an act has exactly the keys " + ", ".join(sorted(cls.__dataclass_fields__)))
        return cls(**value)

    def canonical(self) -> bytes:
        """The act as canonical JSON (RFC 8785)."""
        return self._canonical

    def signed_bytes(self) -> bytes:
        """What a key file signs, and what the digest is taken of."""
        return PREFIX + self.canonical()

    def challenge(self) -> bytes:
        """The 32 bytes a passkey is given as its challenge."""
        return self._hash

    def digest(self) -> str:
        """ "sha256:" and the hash of the signed bytes, in hexadecimal."""
        return self._digest

    @cached_property
    def _canonical(self) -> bytes:
        return canonical(self.to_dict())

    @cached_property
    def _hash(self) -> bytes:
        return hashlib.sha256(self.signed_bytes()).digest()

    @cached_property
    def _digest(self) -> str:
        return "sha256:" + self._hash.hex()


@dataclass(frozen=True)
class SignedAct:
    """An act with its signature, in the form that `signatures.verify` reads."""

    act: StatusAct
    signature: Mapping[str, str] = field(compare=False)

    def to_dict(self) -> dict[str, Any]:
        return {"act": self.act.to_dict(), "signature": dict(self.signature)}

    @classmethod
    def from_dict(cls, value: Any) -> SignedAct:
        """Read a signed act back, strictly; the signature itself is not verified. Raises ActRefused."""
        if not isinstance(value, dict) or set(value) != {"act", "signature"}:
            raise ActRefused("a signed act has exactly the keys act and signature")
        signature = value["signature"]
        if not isinstance(signature, dict) or not _is_text_map(signature):
            raise ActRefused("signature must map texts to texts")
        if not all(text.isascii() for pair in signature.items() for text in pair):
            raise ActRefused("a signature is ASCII")
        return cls(StatusAct.from_dict(value["act"]), signature)


def next_act(
    own_latest: StatusAct | None,
    others_latest: Mapping[str, StatusAct],
    *,
    agreement: str,
    by: str,
    to: str,
    key: str,
    at: int,
    clause: str = "",
    text: str = "",
    subject: Mapping[str, str] | None = None,
) -> StatusAct:
    """The act that continues a party's chain, having seen the given latest acts of the other parties."""
    return StatusAct(
        agreement=agreement,
        clause=clause,
        text=text,
        to=to,
        by=by,
        seq=1 if own_latest is None else own_latest.seq + 1,
        previous="" if own_latest is None else own_latest.digest(),
        seen={party: act.digest() for party, act in others_latest.items()},
        key=key,
        at=at,
        subject=subject,
    )


def _fault(act: StatusAct) -> str:
    for name in ("agreement", "clause", "text", "to", "by", "previous", "key"):
        value = getattr(act, name)
        if not isinstance(value, str) or len(value) > _MAX_TEXT:
            return f"{name} must be a text"
    for name, least in (("seq", 1), ("at", 0)):
        value = getattr(act, name)
        if not isinstance(value, int) or isinstance(value, bool) or not least <= value < 2**53:
            return f"{name} must be a whole number from {least}"
    if not isinstance(act.seen, Mapping) or not _is_text_map(act.seen):
        return "seen must map parties to digests"
    if act.by in act.seen or not all(map(_DIGEST.fullmatch, act.seen.values())):
        return "seen must map other parties to digests"
    if not (act.agreement and act.by and act.key):
        return "agreement, by and key must not be empty"
    if (act.seq == 1) != (act.previous == "") or (act.previous and not _DIGEST.fullmatch(act.previous)):
        return "previous must be a digest, and empty for the first act alone"
    if act.to in SIGNATORY_ACTS:
        if act.clause or act.text or not isinstance(act.subject, Mapping) or not _is_text_map(act.subject):
            return f"{act.to} names a signatory and no clause"
        return ""
    if act.to not in STATUSES:
        return f"{act.to!r} is no status"
    if act.subject is not None or not _NUMBER.fullmatch(act.clause) or not _DIGEST.fullmatch(act.text):
        return "a status act names a clause and the digest of its text"
    return ""


def _is_text_map(value: Mapping[Any, Any]) -> bool:
    return all(
        isinstance(key, str) and isinstance(item, str) and len(key) + len(item) <= 2 * _MAX_TEXT
        for key, item in value.items()
    )
