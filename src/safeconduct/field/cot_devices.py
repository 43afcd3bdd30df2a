"""The devices that speak Cursor on Target: which one a certificate or a token stands for, and whether it still does."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol


@dataclass(frozen=True)
class Device:
    """An enrolled device: its record's id, the person whose it is ("" for nobody's), the journey it is on ("" for
    none), and the person under whose permissions it is shown things: "" for nobody, before that person's word."""

    id: str
    name: str = ""
    person: str = ""
    movement: str = ""
    reads_as: str = ""

    @property
    def speaks_for(self) -> str:
        """Whose positions its reports are: the person's whose device it is, else its own."""
        return self.person or self.id


class Devices(Protocol):
    """Asks databases: called in a thread."""

    def by_certificate(self, fingerprint: bytes) -> Device | None:
        """The device whose certificate has this SHA-256; None for none that is enrolled now."""

    def by_token(self, text: str) -> Device | None:
        """The device whose token this is; None for none that is enrolled now."""
