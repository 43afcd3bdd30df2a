"""Signed notes, checkpoints, cosignatures and witness requests, byte for byte as C2SP has them.

Standards: C2SP signed-note, tlog-checkpoint, tlog-cosignature (cosignature/v1), tlog-witness. The
reader is strict: what has two spellings is accepted in one only.
"""

from __future__ import annotations

import base64
import re
import struct
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from safeconduct.ledger.keys import KeyRefused, Signer, Verifier, check_key_name, decode_base64
from safeconduct.ledger.tree import HASH_SIZE

MAX_NOTE = 64 * 1024
"""Bytes in a note; longer ones are refused unread."""

MAX_PROOF_LINES = 63
MAX_REQUEST = MAX_NOTE + 4096
MAX_SIZE = 2**63 - 1

_NUMBER = re.compile(r"0|[1-9][0-9]{0,18}")
_DASH = "\u2014"


class NoteRefused(ValueError):
    """A note, checkpoint or witness request that is malformed, or not signed as it must be."""


@dataclass(frozen=True)
class Checkpoint:
    """A log's head: its origin, its number of leaves, its root hash, and extension lines if any."""

    origin: str
    size: int
    root: bytes
    extensions: tuple[str, ...] = ()

    def text(self) -> str:
        """The note text that signatures cover. Raises NoteRefused if it has no proper form."""
        lines = (self.origin, str(self.size), base64.b64encode(self.root).decode(), *self.extensions)
        text = "\n".join(lines) + "\n"
        _check_text(text)
        if not 0 <= self.size <= MAX_SIZE or len(self.root) != HASH_SIZE or text.count("\n") != len(lines):
            raise NoteRefused("not a checkpoint")
        if not all(lines):
            raise NoteRefused("a checkpoint has no empty lines")
        return text

    @classmethod
    def parse(cls, text: str) -> Checkpoint:
        """Read the note text of a checkpoint. Raises NoteRefused."""
        _check_text(text)
        lines = text.split("\n")
        if len(lines) < 4 or lines.pop() != "" or not all(lines):
            raise NoteRefused("a checkpoint has three full lines or more")
        root = _decode(lines[2], "the root hash")
        if len(root) != HASH_SIZE:
            raise NoteRefused("a root hash has 32 bytes")
        return cls(lines[0], _number(lines[1]), root, tuple(lines[3:]))


@dataclass(frozen=True)
class OpenedNote:
    """A checkpoint with at least one verified signature.

    `verified` maps a verifier's name to the time of its cosignature (seconds since 1970), or to None
    for a plain signature. `signers` tells which key it was when two share a name.
    """

    checkpoint: Checkpoint
    verified: dict[str, int | None]
    signers: tuple[Verifier, ...]


def sign_note(text: str, *keys: Signer) -> bytes:
    """A signed note over `text`, one Ed25519 signature line for each key."""
    _check_text(text)
    lines = []
    for key in keys:
        if key.algorithm != "ed25519":
            raise NoteRefused(f"{key.name} is a key for cosignatures")
        lines.append(_line(key, key.sign(text.encode())))
    return f"{text}\n{''.join(lines)}".encode()


def sign_checkpoint(checkpoint: Checkpoint, *keys: Signer) -> bytes:
    """The checkpoint as a note; with several keys (around a rotation) one line for each."""
    return sign_note(checkpoint.text(), *keys)


def cosign(checkpoint: Checkpoint | bytes, key: Signer, time: int) -> bytes:
    """The signature line of a cosignature/v1 on a checkpoint, or on the checkpoint in a note.

    `time` is in seconds since 1970. The caller has verified the checkpoint first.
    """
    if key.algorithm != "cosignature/v1":
        raise NoteRefused(f"{key.name} is not a key for cosignatures")
    if not 0 <= time <= MAX_SIZE:
        raise NoteRefused("a cosignature's time is out of range")
    head = checkpoint if isinstance(checkpoint, Checkpoint) else unverified_checkpoint(checkpoint)
    return _line(key, struct.pack(">Q", time) + key.sign(_cosigned(head.text(), time))).encode()


def add_signature(note: bytes, lines: bytes) -> bytes:
    """The note with one or more signature lines added; lines it already has are not repeated."""
    _, present = _split(note)
    have = set(present)
    added = [_line_of(*parsed) for parsed in parse_signature_lines(lines) if parsed not in have]
    joined = note + "".join(added).encode()
    if len(joined) > MAX_NOTE:
        raise NoteRefused("the note would become too long")
    return joined


def open_note(note: bytes, verifiers: Iterable[Verifier]) -> tuple[str, dict[Verifier, int | None]]:
    """The text of a note and who signed it. Raises NoteRefused.

    Signatures by unknown keys are ignored; a bad signature by a known one refuses the whole note, and
    so does a note that no known key signed.
    """
    text, signatures = _split(note)
    known = {(verifier.name, verifier.key_id): verifier for verifier in verifiers}
    verified: dict[Verifier, int | None] = {}
    for name, raw in signatures:
        verifier = known.get((name, raw[:4]))
        if verifier is not None:
            time = _verify(verifier, text, raw[4:])
            earlier = verified.get(verifier)
            verified[verifier] = time if earlier is None or time is None else max(time, earlier)
    if not verified:
        raise NoteRefused("no known key has signed the note")
    return text, verified


def open_checkpoint(note: bytes, verifiers: Iterable[Verifier]) -> OpenedNote:
    """The checkpoint in a note that one of `verifiers` has signed or cosigned. Raises NoteRefused."""
    known = list(verifiers)
    if len({v.name for v in known}) != len({(v.name, v.algorithm) for v in known}):
        raise ValueError("a log's key and a cosigner's key share a name")
    text, verified = open_note(note, known)
    names: dict[str, int | None] = {}
    for verifier, time in verified.items():
        earlier = names.get(verifier.name)
        names[verifier.name] = time if earlier is None or time is None else max(time, earlier)
    return OpenedNote(Checkpoint.parse(text), names, tuple(verified))


def unverified_checkpoint(note: bytes) -> Checkpoint:
    """The checkpoint that a well-formed note claims, no signature looked at: for choosing keys only."""
    return Checkpoint.parse(_split(note)[0])


@dataclass(frozen=True)
class AddCheckpoint:
    """A witness request: extend the tree of `old` leaves to the checkpoint in `note`."""

    old: int
    proof: tuple[bytes, ...]
    note: bytes


def build_add_checkpoint(old: int, proof: Sequence[bytes], note: bytes) -> bytes:
    """The body of tlog-witness `add-checkpoint`. Raises NoteRefused when it could not be accepted."""
    lines = [f"old {old}", *(base64.b64encode(digest).decode() for digest in proof)]
    body = "\n".join(lines).encode() + b"\n\n" + note
    parse_add_checkpoint(body)
    return body


def parse_add_checkpoint(body: bytes) -> AddCheckpoint:
    """Read the body of `add-checkpoint`. The note in it is well-formed but not yet verified."""
    if len(body) > MAX_REQUEST:
        raise NoteRefused("the request is too long")
    head, separator, note = body.partition(b"\n\n")
    first, *rest = _decode_utf8(head).split("\n")
    if not separator or not first.startswith("old "):
        raise NoteRefused("a witness request begins with the old size")
    if len(rest) > MAX_PROOF_LINES:
        raise NoteRefused("a consistency proof has 63 hashes at most")
    old = _number(first.removeprefix("old "))
    proof = tuple(_decode(line, "a proof line") for line in rest)
    if any(len(digest) != HASH_SIZE for digest in proof):
        raise NoteRefused("a proof's hashes have 32 bytes")
    size = unverified_checkpoint(note).size
    if old > size or (proof and old in (0, size)):
        raise NoteRefused("the old size or its proof does not fit the checkpoint")
    return AddCheckpoint(old, proof, note)


def parse_signature_lines(lines: bytes) -> list[tuple[str, bytes]]:
    """(key name, key id || signature) of one or more signature lines, as a witness answers them."""
    if len(lines) > MAX_NOTE:
        raise NoteRefused("too many signature lines")
    text = _decode_utf8(lines)
    _check_text(text)
    return [_parse_line(line) for line in text[:-1].split("\n")]


def _verify(verifier: Verifier, text: str, signature: bytes) -> int | None:
    time: int | None = None
    message = text.encode()
    if verifier.algorithm == "cosignature/v1":
        if len(signature) != 72:
            raise NoteRefused(f"the cosignature of {verifier.name} has a wrong length")
        time = int.from_bytes(signature[:8], "big")
        if time > MAX_SIZE:
            raise NoteRefused(f"the cosignature of {verifier.name} is out of time")
        message, signature = _cosigned(text, time), signature[8:]
    if not verifier.verify(message, signature):
        raise NoteRefused(f"the signature of {verifier.name} does not verify")
    return time


def _cosigned(text: str, time: int) -> bytes:
    return f"cosignature/v1\ntime {time}\n{text}".encode()


def _line(key: Signer, signature: bytes) -> str:
    return _line_of(key.name, key.key_id + signature)


def _line_of(name: str, raw: bytes) -> str:
    return f"{_DASH} {name} {base64.b64encode(raw).decode()}\n"


def _split(note: bytes) -> tuple[str, list[tuple[str, bytes]]]:
    if len(note) > MAX_NOTE:
        raise NoteRefused("the note is too long")
    whole = _decode_utf8(note)
    _check_text(whole)
    end = whole.rfind("\n\n")
    if end < 1 or end + 2 >= len(whole):
        raise NoteRefused("a note is a text, an empty line and signatures")
    lines = whole[end + 2 : -1].split("\n")
    return whole[: end + 1], [_parse_line(line) for line in lines]


def _parse_line(line: str) -> tuple[str, bytes]:
    fields = line.split(" ")
    if len(fields) != 3 or fields[0] != _DASH:
        raise NoteRefused("a malformed signature line")
    try:
        check_key_name(fields[1])
    except KeyRefused as error:
        raise NoteRefused(str(error)) from None
    raw = _decode(fields[2], "a signature")
    if len(raw) < 5:
        raise NoteRefused("a signature is too short")
    return fields[1], raw


def _check_text(text: str) -> None:
    if not text.endswith("\n"):
        raise NoteRefused("a note ends its lines with a newline")
    if any(c < " " and c != "\n" for c in text):
        raise NoteRefused("a note holds no control characters")


def _decode_utf8(raw: bytes) -> str:
    try:
        return raw.decode()
    except UnicodeDecodeError:
        raise NoteRefused("a note is UTF-8") from None


def _decode(text: str, what: str) -> bytes:
    try:
        return decode_base64(text, what)
    except KeyRefused as error:
        raise NoteRefused(str(error)) from None


def _number(text: str) -> int:
    if not _NUMBER.fullmatch(text) or int(text) > MAX_SIZE:
        raise NoteRefused("not a size")
    return int(text)
