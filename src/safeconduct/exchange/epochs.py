"""Epochs of an exchange: what both parties sign to go on after one has signed two histories.

Each node says what it holds of the other: how far its copy of the other's feed goes, and which heads of the
other's ledger it has cosigned. From both views the same statement follows on both sides: where each feed and each
ledger goes on from, and what is kept as evidence. A signatory of each party signs it; from then on every head says
its epoch, and those of an earlier one are neither taken nor held against anybody.
"""

from __future__ import annotations

import base64
import hashlib
import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from safeconduct.agreement.signatures import Signatory, SignatureRefused, verify_text
from safeconduct.ledger.canonical import CanonicalRefused, canonical
from safeconduct.ledger.keys import Signer, Verifier
from safeconduct.ledger.tree import EMPTY_ROOT

FORMAT = "safeconduct-epoch/v1"
MAX_FILE = 32 * 1024 * 1024
MAX_LEAVES = 5_000
"""Entries of the other's feed, from its end, that a view carries: so far back a lost history is given again."""

HEADS = 100
"""Heads of ledgers that a view names, from the latest back."""

Head = tuple[int, str]
"""(size, root in hex)"""

_ROOT = re.compile(r"[0-9a-f]{64}")
_EVIDENCE = re.compile(r"sha256:[0-9a-f]{64}")
_VIEW = {
    "party", "partner", "agreement", "epoch", "feed", "first", "leaves", "own_heads", "their_heads", "evidence",
    "frozen",
}  # fmt: skip


class EpochRefused(ValueError):
    """A file about an epoch that does not fit this node, or is not signed as it must be."""


def extension(epoch: int) -> tuple[str, ...]:
    """The line by which a head says its epoch; the first says nothing."""
    return () if epoch == 1 else (f"safeconduct-epoch {epoch}",)


@dataclass(frozen=True)
class View:
    """What `party` holds of `partner`: `feed` is its copy's head and `leaves` the copy's last entries from `first`
    on, `epoch` the one that the exchange is in for it, `own_heads` its own ledger at sizes that the partner
    cosigned, `their_heads` what it cosigned itself."""

    party: str
    partner: str
    agreement: str
    epoch: int
    feed: Head
    first: int
    leaves: tuple[bytes, ...]
    own_heads: tuple[Head, ...]
    their_heads: tuple[Head, ...]
    evidence: tuple[str, ...]
    frozen: str

    def pack(self) -> bytes:
        return canonical(
            {
                **{name: getattr(self, name) for name in _VIEW},
                "feed": list(self.feed),
                "leaves": [base64.b64encode(leaf).decode() for leaf in self.leaves],
                "own_heads": [list(head) for head in self.own_heads],
                "their_heads": [list(head) for head in self.their_heads],
                "evidence": list(self.evidence),
            }
        )

    @classmethod
    def parse(cls, raw: bytes) -> View:
        """Read a view strictly. Raises EpochRefused."""
        found = _object(raw)
        if found.keys() != _VIEW:
            raise EpochRefused("a view has a field too few or too many")
        texts = [found[name] for name in ("party", "partner", "agreement", "frozen")]
        if not all(isinstance(text, str) and len(text) <= 2000 for text in texts):
            raise EpochRefused("a view names its parties")
        if not all(type(found[name]) is int and found[name] >= 0 for name in ("epoch", "first")):
            raise EpochRefused("a view's numbers are malformed")
        leaves = found["leaves"]
        if not isinstance(leaves, list) or len(leaves) > MAX_LEAVES:
            raise EpochRefused("a view carries the last entries of a feed")
        evidence = found["evidence"]
        if not isinstance(evidence, list) or not all(
            isinstance(e, str) and _EVIDENCE.fullmatch(e) for e in evidence
        ):
            raise EpochRefused("evidence is named by its hash")
        return cls(
            party=found["party"],
            partner=found["partner"],
            agreement=found["agreement"],
            epoch=found["epoch"],
            feed=_head(found["feed"]),
            first=found["first"],
            leaves=tuple(_binary(leaf) for leaf in leaves),
            own_heads=tuple(_head(head) for head in _list(found["own_heads"])),
            their_heads=tuple(_head(head) for head in _list(found["their_heads"])),
            evidence=tuple(evidence),
            frozen=found["frozen"],
        )


@dataclass(frozen=True)
class Proposal:
    """The file that goes between the two: one view or both, each signed by its node's feed key, and signatures of
    signatories on the statement that follows from both, by party."""

    views: Mapping[str, tuple[bytes, bytes]]
    signatures: Mapping[str, tuple[str, str]]

    def pack(self) -> bytes:
        return canonical(
            {
                "format": FORMAT,
                "views": {
                    p: [v.decode(), base64.b64encode(s).decode()] for p, (v, s) in sorted(self.views.items())
                },
                "signatures": {p: list(s) for p, s in sorted(self.signatures.items())},
            }
        )

    @classmethod
    def parse(cls, raw: bytes) -> Proposal:
        if len(raw) > MAX_FILE:
            raise EpochRefused("the file is too long")
        found = _object(raw)
        if found.keys() != {"format", "views", "signatures"} or found["format"] != FORMAT:
            raise EpochRefused("not a file about an epoch")
        views, signatures = found["views"], found["signatures"]
        if not isinstance(views, dict) or not isinstance(signatures, dict) or len(views) > 2:
            raise EpochRefused("a file about an epoch has views and signatures")
        pairs = [*views.values(), *signatures.values()]
        if not all(isinstance(p, list) and len(p) == 2 and all(isinstance(t, str) for t in p) for p in pairs):
            raise EpochRefused("views and signatures are pairs")
        return cls(
            {party: (view.encode(), _binary(seal)) for party, (view, seal) in views.items()},
            {party: (key, signature) for party, (key, signature) in signatures.items()},
        )


def seal_view(view: bytes, key: Signer) -> bytes:
    return key.sign(_view_text(view))


def opened_view(view: bytes, seal: bytes, verifier: Verifier) -> View:
    """Raises EpochRefused for one that its node did not make."""
    if not verifier.verify(_view_text(view), seal):
        raise EpochRefused(f"the view is not one of {verifier.name}")
    return View.parse(view)


@dataclass(frozen=True)
class Statement:
    """Where the exchange goes on: by party the head of its feed, as the other has it, and of its ledger."""

    agreement: str
    epoch: int
    feeds: Mapping[str, Head]
    ledgers: Mapping[str, Head]
    evidence: tuple[str, ...]
    views: tuple[str, ...]

    @classmethod
    def of(cls, one: View, other: View) -> Statement:
        """What follows from both views. Raises EpochRefused for views that do not belong together."""
        if (one.party, one.partner) != (other.partner, other.party) or one.party == other.party:
            raise EpochRefused("these are not the views of two partners")
        if one.agreement != other.agreement:
            raise EpochRefused("the views are of two agreements")
        return cls(
            agreement=one.agreement,
            epoch=max(one.epoch, other.epoch) + 1,
            feeds={one.party: other.feed, other.party: one.feed},
            ledgers={
                one.party: _common(one.own_heads, other.their_heads),
                other.party: _common(other.own_heads, one.their_heads),
            },
            evidence=tuple(sorted({*one.evidence, *other.evidence})),
            views=tuple(sorted(hashlib.sha256(view.pack()).hexdigest() for view in (one, other))),
        )

    def text(self) -> bytes:
        """What signatories sign."""
        return f"{FORMAT}\n".encode() + canonical(
            {
                "agreement": self.agreement,
                "epoch": self.epoch,
                "feeds": {party: list(head) for party, head in self.feeds.items()},
                "ledgers": {party: list(head) for party, head in self.ledgers.items()},
                "evidence": list(self.evidence),
                "views": list(self.views),
            }
        )

    def lines(self) -> list[str]:
        """The statement for people, before they sign it."""
        found = [f"agreement {self.agreement}, epoch {self.epoch}"]
        for party in sorted(self.feeds):
            found.append(f"  the feed of {party} goes on from entry {self.feeds[party][0]:,}")
            found.append(f"  the ledger of {party} goes on from size {self.ledgers[party][0]:,}")
        found += [f"  kept as evidence: {each}" for each in self.evidence]
        return found


def signed_by(statement: Statement, signature: tuple[str, str], signatories: Sequence[Signatory]) -> str:
    """The name of who signed. Raises EpochRefused when it is nobody of these."""
    key, made = signature
    for signatory in signatories:
        if signatory.key_id == key:
            try:
                verify_text(statement.text(), made, signatory)
            except SignatureRefused as fault:
                raise EpochRefused(str(fault)) from fault
            return signatory.name
    raise EpochRefused("signed by nobody who may sign for that party")


def evidence_of(note: bytes) -> str:
    return f"sha256:{hashlib.sha256(note).hexdigest()}"


def _common(own: Sequence[Head], cosigned: Sequence[Head]) -> Head:
    return max(set(own) & set(cosigned), default=(0, EMPTY_ROOT.hex()))


def _view_text(view: bytes) -> bytes:
    return b"safeconduct-epoch-view/v1\n" + view


def _object(raw: bytes) -> dict[str, Any]:
    try:
        found = json.loads(raw)
        exact = canonical(found) == raw
    except (ValueError, RecursionError, CanonicalRefused):
        raise EpochRefused("not canonical JSON") from None
    if not exact or not isinstance(found, dict):
        raise EpochRefused("not a canonical JSON object")
    return found


def _list(value: Any) -> list[Any]:
    if not isinstance(value, list) or len(value) > HEADS + 1:
        raise EpochRefused("heads are a list")
    return value


def _head(value: Any) -> Head:
    match value:
        case [int() as size, str() as root] if type(size) is int and size >= 0 and _ROOT.fullmatch(root):
            return size, root
    raise EpochRefused("a head is a size and a root")


def _binary(text: Any) -> bytes:
    try:
        return base64.b64decode(text, validate=True)
    except (ValueError, TypeError) as fault:
        raise EpochRefused("not base64") from fault
