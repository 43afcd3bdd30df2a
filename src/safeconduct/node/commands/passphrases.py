"""The passphrase of a key file: asked for, or from the environment. Never an argument, which every user could read."""

from __future__ import annotations

import os
from pathlib import Path

import click

NAME = "SAFECONDUCT_PASSPHRASE"
_PROTECTED = b"ENCRYPTED"


def passphrase_of(key_file: Path) -> str | None:
    """None for a file that says of itself that it needs none."""
    with key_file.open("rb") as file:
        if _PROTECTED not in file.readline(200):
            return None
    return os.environ.get(NAME) or str(click.prompt(f"Passphrase of {key_file.name}", hide_input=True))


def new_passphrase() -> str | None:
    """Of a key that is being made; None where an empty one is given."""
    given = os.environ.get(NAME)
    if given is None:
        given = click.prompt(
            "Passphrase", default="", show_default=False, hide_input=True, confirmation_prompt=True
        )
    return given or None
