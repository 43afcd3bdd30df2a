"""The leaves of a feed: what a partner is told, in canonical JSON, and how strictly it is read.

Five types. `version` is a record's next version as far as it is released; `parts` more parts of a version
that was sent before, under the same digests; `withdraw` = do not use these parts; `erase` = destroy them;
`receipt` answers an `erase`. A recall that names `sealed` bundles ends these too, where they lie unopened.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from safeconduct.ledger.canonical import CanonicalRefused, canonical
from safeconduct.records.kinds import MAX_PARTS, Kind, all_kinds

MAX_LEAF = 65_535
MAX_INTEGER = 2**53 - 1
MAX_CLAUSES = 64
MAX_REASON = 500
MAX_BUNDLES = 64
REMOVED, RETAINED = "removed", "retained"

_VERSION = {
    "type", "record", "version", "kind", "originator", "agreement", "clauses", "state", "labels", "at",
    "digests", "commitment", "orcon",
}  # fmt: skip
_RECALL = {"type", "record", "kind", "originator", "agreement", "parts"}
_RECEIPT = {"type", "record", "originator", "agreement", "erase", "outcome", "because"}
_RECORD = re.compile(r"[0-9a-f]{32}")
_DIGEST = re.compile(r"[A-Za-z0-9_-]{43}")
_WORD = re.compile(r"[a-z][a-z0-9_]{0,47}")
_MOMENT = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}(T[0-9]{2}:[0-9]{2}:[0-9]{2}Z)?")
_CLAUSE = re.compile(r"[a-z0-9-]{1,64}(/[A-Za-z0-9.]{1,32})?")


class LeafRefused(ValueError):
    """A feed entry that an honest partner of this agreement would not have sent."""


@dataclass(frozen=True)
class Frame:
    """What every leaf of one partner's feed must say of itself."""

    originator: str
    agreement: str
    receiver: str


def write_leaf(header: Mapping[str, Any]) -> bytes:
    """The leaf's bytes. Raises LeafRefused when it would be longer than a leaf may be."""
    leaf = canonical(header)
    if len(leaf) > MAX_LEAF:
        raise LeafRefused(f"a leaf of {len(leaf)} bytes")
    return leaf


def read_leaf(raw: bytes, frame: Frame) -> dict[str, Any]:
    """The header in a leaf, every field of it checked for form. Raises LeafRefused."""
    if len(raw) > MAX_LEAF:
        raise LeafRefused("the leaf is too long")
    try:
        header = json.loads(raw)
        exact = canonical(header) == raw
    except (ValueError, RecursionError, CanonicalRefused):
        raise LeafRefused("the leaf is not canonical JSON") from None
    if not exact or not isinstance(header, dict):
        raise LeafRefused("the leaf is not a canonical JSON object")
    match header.get("type"):
        case "version" | "parts":
            _check_version(header, frame)
        case "withdraw" | "erase":
            _keys(header, _RECALL, frozenset({"sealed"}))
            _check_bundles(header.get("sealed", []))
            _check_names(header["parts"])
            _match(_WORD, header["kind"], "the kind")
        case "receipt":
            _keys(header, _RECEIPT)
            _check_receipt(header)
        case _:
            raise LeafRefused("a leaf of unknown type")
    if header["originator"] != frame.originator or header["agreement"] != frame.agreement:
        raise LeafRefused("the leaf is of another party or agreement")
    _match(_RECORD, header["record"], "a record id")
    return header


def of_later_version(header: Mapping[str, Any]) -> bool:
    """Whether a leaf has a kind, a state or a part that this version does not know: kept as it is until one does."""
    if "kind" not in header:
        return False
    kind = all_kinds().get(header["kind"])
    if kind is None or header.get("state", kind.states[0]) not in kind.states:
        return True
    return not kind.parts.keys() >= {*header.get("labels", ()), *header.get("parts", ())}


def _check_version(header: dict[str, Any], frame: Frame) -> None:
    _keys(header, _VERSION, frozenset({"about"}))
    version, labels, digests = header["version"], header["labels"], header["digests"]
    kind = _kind(header)
    if kind is not None and kind.telemetry_of is not None:
        raise LeafRefused(f"a {kind.name} is not recorded")
    if type(version) is not int or not 1 <= version <= MAX_INTEGER:
        raise LeafRefused("versions count from 1")
    if type(header["orcon"]) is not bool:
        raise LeafRefused("a record is ORCON or not")
    _check_shape(header, kind)
    if not isinstance(labels, dict) or any(type(v) is not int or not 0 <= v <= 3 for v in labels.values()):
        raise LeafRefused("a label is 0 to 3")
    for digest in digests:
        _match(_DIGEST, digest, "a digest")
    if len(set(digests)) != len(digests):
        raise LeafRefused("a digest is repeated")
    _match(_DIGEST, header["commitment"], "the commitment")
    _match(_MOMENT, header["at"], "the time")
    clauses = header["clauses"]
    if not isinstance(clauses, list) or len(clauses) > MAX_CLAUSES:
        raise LeafRefused("clauses are a list")
    for clause in clauses:
        _match(_CLAUSE, clause, "a clause")
        if clause.partition("/")[0] != frame.agreement:
            raise LeafRefused("a clause of another agreement")
    if "about" in header:
        about = header["about"]
        if not isinstance(about, dict) or about.keys() != {"originator", "record"}:
            raise LeafRefused("about names an originator and a record")
        if about["originator"] not in (frame.originator, frame.receiver):
            raise LeafRefused("about names a record of a third party")
        _match(_RECORD, about["record"], "a record id")


def _check_shape(header: Mapping[str, Any], kind: Kind | None) -> None:
    """State, labels and digests are those of a kind. An earlier version of the program knew fewer parts of it, a
    later one knows more."""
    labels, digests = header["labels"], header["digests"]
    if not isinstance(digests, list) or not 0 < len(digests) <= MAX_PARTS:
        raise LeafRefused("a version has a digest for each of its parts")
    for word in (header["kind"], header["state"], *(labels if isinstance(labels, dict) else ())):
        _match(_WORD, word, "a word")
    if not isinstance(labels, dict) or len(labels) > len(digests):
        raise LeafRefused("labels name parts of the version")
    known = kind is None or (header["state"] in kind.states and labels.keys() <= kind.parts.keys())
    if kind is not None and kind.crosses_by_pairing and not known:
        # It may suspend a grant: what cannot be heeded must not lie there unheeded while everything else goes on.
        raise LeafRefused(f"a {kind.name} of which this version does not understand everything")
    if kind is not None and any(n in kind.parts and kind.bit(n) >= len(digests) for n in labels):
        raise LeafRefused(f"labels name a part of {kind.name} that the version has no digest of")


def _check_receipt(header: dict[str, Any]) -> None:
    if type(header["erase"]) is not int or not 0 <= header["erase"] <= MAX_INTEGER:
        raise LeafRefused("a receipt names the entry it answers")
    because = header["because"]
    if header["outcome"] not in (REMOVED, RETAINED) or not isinstance(because, str):
        raise LeafRefused("a receipt says removed or retained")
    if len(because) > MAX_REASON or (header["outcome"] == RETAINED) != bool(because):
        raise LeafRefused("what is retained is retained because of something")


def _check_names(names: Any) -> None:
    if not isinstance(names, list) or not names:
        raise LeafRefused("parts are a list")
    if not all(isinstance(n, str) for n in names) or len(set(names)) != len(names):
        raise LeafRefused("a part is named twice")
    for name in names:
        _match(_WORD, name, "a part")


def _check_bundles(bundles: Any) -> None:
    if not isinstance(bundles, list) or len(bundles) > MAX_BUNDLES:
        raise LeafRefused("sealed names bundles")
    for bundle in bundles:
        _match(_RECORD, bundle, "a bundle's id")


def _kind(header: Mapping[str, Any]) -> Kind | None:
    """None for one that only a later version knows."""
    name = header.get("kind")
    return all_kinds().get(name) if isinstance(name, str) else None


def _keys(header: Mapping[str, Any], needed: set[str], allowed: frozenset[str] = frozenset()) -> None:
    if not needed <= header.keys() <= needed | allowed:
        raise LeafRefused("a leaf with a field too few or too many")


def _match(pattern: re.Pattern[str], text: Any, what: str) -> None:
    if not isinstance(text, str) or not pattern.fullmatch(text):
        raise LeafRefused(f"{what} is malformed")
