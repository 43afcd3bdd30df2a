"""A signed report of who had been shown what: a list, and for each line the ledger entry that it rests on.

The report is canonical JSON, signed as a C2SP signed note over its SHA-256 by the key of the ledger. With each
entry comes the proof that it is in the tree of a checkpoint, with each checkpoint its signatures, so that anyone
can verify the list without the node: `verify` draws every line anew from the entries and compares.

A page (HTML) may carry the report in a script element at its end; the report then has the digest of the page.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from safeconduct.ledger.canonical import CanonicalRefused, canonical
from safeconduct.ledger.keys import KeyRefused, Signer, Verifier
from safeconduct.ledger.notes import NoteRefused, open_checkpoint, open_note, sign_note
from safeconduct.ledger.parts import DisclosureRefused, digest, open_disclosure
from safeconduct.ledger.tree import leaf_hash, verify_inclusion

FORMAT = "safeconduct-report/v1"
MAX_REPORT = 256 * 1024 * 1024
OPENING = b'<script type="application/json" id="safeconduct-report">'
CLOSING = b"</script>\n"


class ReportRefused(ValueError):
    """Bytes that are no report, or one that does not hold; the text says what and where."""


@dataclass(frozen=True)
class Witnessed:
    """A checkpoint of the report: its size, who signed it and who cosigned it when (seconds since 1970)."""

    origin: str
    size: int
    root: bytes
    signed: bool
    cosigned: Mapping[str, int]


@dataclass(frozen=True)
class Verified:
    """A report that holds. `lines` are as drawn from the entries; `standing` says of each how it is proved.

    `keys` are the public keys that it rests on: whoever relies on it compares them with the parties' cards.
    """

    report: Mapping[str, Any]
    lines: Sequence[Mapping[str, Any]]
    standing: Sequence[str]
    keys: Mapping[str, str]


def seal(report: Mapping[str, Any], key: Signer) -> bytes:
    """The report with its signature, as canonical JSON."""
    note = sign_note(_signed_text(report), key)
    return canonical({"note": note.decode(), "report": report})


def on_page(page: bytes, sealed: bytes) -> bytes:
    """A page with the sealed report in it, which must bear the page's digest (`page_digest`)."""
    return page + OPENING + sealed.replace(b"<", b"\\u003c") + CLOSING


def page_digest(page: bytes) -> str:
    """What a report says of the page that carries it."""
    return f"sha256:{hashlib.sha256(page).hexdigest()}"


def verify(raw: bytes, trusted: Iterable[str] = ()) -> Verified:
    """Verify a report, alone or in its page. Raises ReportRefused.

    `trusted` are public keys (vkeys) that the reader has from elsewhere: with any given, every key in the report
    must be among them.
    """
    report, note, page = _read(raw)
    keys = _keys(report)
    known = set(trusted)
    for name, verifier in keys.items():
        if known and verifier.vkey not in known:
            raise ReportRefused(f"the key {name} is not one of those given")
    try:
        own = keys["ledger"]
        text, _ = open_note(note, [own])
    except (NoteRefused, KeyError) as fault:
        raise ReportRefused(f"the report's signature does not hold: {fault}") from fault
    if text != _signed_text(report):
        raise ReportRefused("the report is not the one that was signed")
    if report.get("page", "") != (page_digest(page) if page is not None else ""):
        raise ReportRefused("the page around the report is not the one that was signed")
    return _checked(report, keys)


def check(report: Mapping[str, Any], own: str) -> None:
    """Whether an unsigned report of the log with the key `own` (a vkey) holds. Raises ReportRefused."""
    keys = _keys(report)
    if "ledger" not in keys or keys["ledger"].vkey != own:
        raise ReportRefused("a report of another log")
    _checked(report, keys)


def _checked(report: Mapping[str, Any], keys: Mapping[str, Verifier]) -> Verified:
    try:
        return _Checker(report, keys).verified()
    except (
        KeyError,
        TypeError,
        ValueError,
        IndexError,
        AttributeError,
        OverflowError,
        RecursionError,
    ) as fault:
        if isinstance(fault, ReportRefused):
            raise
        raise ReportRefused(f"the report is not of this form: {fault}") from fault


def lines_of(header: Mapping[str, Any], texts: Sequence[str | None]) -> Iterator[dict[str, Any]]:
    """What a ledger entry says was shown or given, as lines; a told one names the record by its `sent_as`.

    Raises ReportRefused for an entry that says no such thing, or whose parts are not those of its header.
    """
    match header.get("type"), header.get("kind"):
        case (("disclosure" | "sealed"), _):
            yield {
                "way": "given",
                "record": header["record"],
                "version": header["version"],
                "parts": sorted(header["released"]),
                "party": header["partner"],
                "person": "",
                "roles": [],
                "act": "disclose",
                "at": header["at"],
                "clauses": header["clauses"],
            }
        case "flow", _ if header["what"] == "opened":
            sent = header["side"] == "sent"
            yield {
                "way": "given" if sent else "taken",
                "record": header["record"],
                "version": header["version"],
                "parts": sorted(header["released"]),
                "party": header["partner"] if sent else "",
                "person": "",
                "roles": [],
                "act": "disclose",
                "at": header["at"],
                "clauses": header["clauses"],
            }
        case ("version" | "received") as entry, "reading":
            what, who = _opened(header, texts)
            told = entry == "received"
            for item in what["records"]:
                yield {
                    "way": "told" if told else "read",
                    "record": item["sent_as"] if told else item["record"],
                    "version": item["version"],
                    "parts": sorted(item["parts"]),
                    "party": header["originator"],
                    "person": who["person"],
                    "roles": who["roles"],
                    "act": what["act"],
                    "at": what["at"],
                    "clauses": [],
                }
        case "received", _:
            yield {
                "way": "taken",
                "record": header["record"],
                "version": header["version"],
                "party": "",
                "person": "",
                "roles": [],
                "act": "disclose",
                "at": header["received"],
                "clauses": header["clauses"],
            }
        case _:
            raise ReportRefused("an entry that tells of no showing")


def _opened(header: Mapping[str, Any], texts: Sequence[str | None]) -> tuple[Any, Any]:
    if len(texts) != 2 or None in texts:
        raise ReportRefused("a reading without its parts")
    try:
        if [digest(str(text)) for text in texts] != list(header["parts"]):
            raise ReportRefused("a reading's parts are not those that the ledger has")
        found = [open_disclosure(str(text)) for text in texts]
    except DisclosureRefused as fault:
        raise ReportRefused(f"a reading's part cannot be read: {fault}") from fault
    if [name for _, name, _ in found] != ["what", "who"]:
        raise ReportRefused("a reading's parts are not in their order")
    return found[0][2], found[1][2]


class _Checker:
    def __init__(self, report: Mapping[str, Any], keys: Mapping[str, Verifier]) -> None:
        self.report = report
        self.keys = keys
        if not all(isinstance(report[name], list) for name in ("lines", "entries", "checkpoints", "gaps")):
            raise ReportRefused("a list of the report is none")
        self.heads = [self._head(note) for note in report["checkpoints"]]
        self.labels: dict[int, set[str]] = {}

    def _head(self, note: str) -> Witnessed:
        try:
            opened = open_checkpoint(note.encode(), self.keys.values())
        except NoteRefused as fault:
            raise ReportRefused(f"a checkpoint's signature does not hold: {fault}") from fault
        head = opened.checkpoint
        cosigned = {name: time for name, time in opened.verified.items() if time is not None}
        return Witnessed(
            head.origin, head.size, head.root, opened.verified.get(head.origin, 0) is None, cosigned
        )

    def verified(self) -> Verified:
        proved = {entry["index"]: self._entry(entry) for entry in self.report["entries"]}
        sent = {
            (header["partner"], header["sent_as"], header["sent_version"]): (
                header["record"],
                header["version"],
            )
            for header, _, _ in proved.values()
            if header["type"] in ("disclosure", "sealed")
        }
        standing = []
        for line in self.report["lines"]:
            header, texts, how = proved[line["entry"]]
            if not any(_same(line, drawn, header, sent) for drawn in lines_of(header, texts)):
                raise ReportRefused(f"entry {line['entry']} does not say what the list says of it")
            came = line["way"] == "taken" and header["type"] != "flow"
            if came and not set(line["parts"]) <= self.labels[line["entry"]]:
                raise ReportRefused(f"entry {line['entry']} does not say that these parts came")
            standing.append(how)
        keys = {name: verifier.vkey for name, verifier in self.keys.items()}
        return Verified(self.report, self.report["lines"], standing, keys)

    def _entry(self, entry: Mapping[str, Any]) -> tuple[dict[str, Any], Sequence[str | None], str]:
        leaf = entry["leaf"].encode()
        header = json.loads(leaf)
        head = self.heads[entry["under"]]
        index = entry["index"]
        if head.origin != self.keys["ledger"].name or not head.signed:
            raise ReportRefused("an entry is proved under a checkpoint of another log")
        if not verify_inclusion(index, head.size, leaf_hash(leaf), _hashes(entry["proof"]), head.root):
            raise ReportRefused(f"entry {index} is not in the ledger of {head.size} entries")
        how = f"signed by {self.report['party']} in its ledger of {head.size:,} entries, not cosigned"
        for name, time in head.cosigned.items():
            how = f"in the ledger of {self.report['party']}, cosigned by {name} to {head.size:,} at {_utc(time)}"
        if "feed" in entry:
            how += self._feed(entry["feed"], header, index)
        return header, entry["disclosures"], how

    def _feed(self, feed: Mapping[str, Any], header: Mapping[str, Any], index: int) -> str:
        """That the partner signed what it told, or cosigned what it was given."""
        head = self.heads[feed["under"]]
        hashed = bytes.fromhex(header["feed_leaf"])
        if not verify_inclusion(header["feed_index"], head.size, hashed, _hashes(feed["proof"]), head.root):
            raise ReportRefused(f"feed entry {header['feed_index']} is not in the feed {head.origin}")
        if header["type"] == "disclosure":
            if not head.cosigned:
                raise ReportRefused("a feed that nobody has acknowledged")
            name, time = next(iter(head.cosigned.items()))
            return f"; its arrival acknowledged by {name} at {_utc(time)}"
        leaf = feed["leaf"].encode()
        told = json.loads(leaf)
        if leaf_hash(leaf) != hashed or told["digests"] != header["parts"] or not head.signed:
            raise ReportRefused("what was told is not what the partner signed")
        self.labels[index] = set(told["labels"])
        return f"; signed by {header['originator']} in its feed of {head.size:,} entries"


def _same(
    line: Mapping[str, Any],
    drawn: Mapping[str, Any],
    header: Mapping[str, Any],
    sent: Mapping[tuple[str, str, int], tuple[str, int]],
) -> bool:
    """Whether a line says what was drawn from its entry, the record named as the list's party names it."""
    expected = dict(drawn)
    if drawn["way"] == "told":
        named = sent.get((header["originator"], drawn["record"], drawn["version"]))
        if named is None:
            return False
        expected["record"], expected["version"] = named
    if drawn["way"] == "taken":
        expected["party"] = line["party"]
    return all(line[name] == value for name, value in expected.items())


def _read(raw: bytes) -> tuple[dict[str, Any], bytes, bytes | None]:
    if len(raw) > MAX_REPORT:
        raise ReportRefused("longer than a report")
    page: bytes | None = None
    if not raw.lstrip().startswith(b"{"):
        page, opening, rest = raw.rpartition(OPENING)
        if not opening or not rest.endswith(CLOSING):
            raise ReportRefused("neither a report nor a page that ends with one")
        raw = rest.removesuffix(CLOSING)
    try:
        found = json.loads(raw)
        report, note = found["report"], found["note"]
        if found.keys() != {"report", "note"} or report["format"] != FORMAT or not isinstance(note, str):
            raise ReportRefused("not a report of this format")
        canonical(found)
    except (ValueError, KeyError, TypeError, RecursionError, CanonicalRefused) as fault:
        raise ReportRefused(f"not a report: {fault}") from fault
    return report, note.encode(), page


def _keys(report: Mapping[str, Any]) -> dict[str, Verifier]:
    try:
        return {str(name): Verifier.parse(vkey) for name, vkey in report["keys"].items()}
    except (KeyRefused, KeyError, TypeError, AttributeError, ValueError) as fault:
        raise ReportRefused("the report's keys cannot be read") from fault


def _signed_text(report: Mapping[str, Any]) -> str:
    return f"{FORMAT}\nsha256:{hashlib.sha256(canonical(report)).hexdigest()}\n"


def _hashes(lines: Sequence[str]) -> list[bytes]:
    try:
        return [base64.b64decode(line, validate=True) for line in lines]
    except (binascii.Error, TypeError) as fault:
        raise ReportRefused("a proof is not base64") from fault


def _utc(seconds: int) -> str:
    try:
        return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%d %H:%M:%S UTC")
    except (ValueError, OverflowError, OSError) as fault:
        raise ReportRefused("a cosignature of no time") from fault
