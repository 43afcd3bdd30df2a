"""The acts of agreeing on a new epoch, with the file that goes between the parties."""

from __future__ import annotations

import base64
from dataclasses import dataclass
from pathlib import Path

from safeconduct.agreement.signatures import file_signatory, public_of_key_file, sign_text_with_file
from safeconduct.records.door import Door


@dataclass(frozen=True)
class Step:
    """One step: the file for the other party, what is said in it, and whether the epoch has begun here."""

    file: bytes
    lines: tuple[str, ...] = ()
    begun: bool = False


def give_view(door: Door, partner: str) -> Step:
    """Show what this node holds of a partner; the exchange rests from here on. Raises Malformed."""
    return Step(_bytes(door.call("exchange_epoch_view", {"partner": partner})["file"]))


def sign(door: Door, party: str, partner: str, file: bytes, key: Path | None, passphrase: str | None) -> Step:
    """Sign with a signatory's key file (none: only take what the partner signed), and begin the epoch once both have.

    Raises Malformed, KeyFileRefused, OSError.
    """
    answer = door.call("exchange_epoch_statement", {"partner": partner, "file": _text(file)})
    payload = {"partner": partner, "file": answer["file"]}
    if key is not None:
        payload["key"] = file_signatory(party, "-", public_of_key_file(key, passphrase)).key_id
        payload["signature"] = sign_text_with_file(key, passphrase, _bytes(answer["statement"]))
    signed = door.call("exchange_epoch_sign", payload)
    return Step(_bytes(signed["file"]), tuple(answer["lines"]), bool(signed["begun"]))


def give_up(door: Door, partner: str) -> str:
    """End the attempt; answers why the exchange is frozen still, if it is."""
    return str(door.call("exchange_epoch_cancel", {"partner": partner})["frozen"])


def _bytes(text: str) -> bytes:
    return base64.b64decode(text)


def _text(raw: bytes) -> str:
    return base64.b64encode(raw).decode()
