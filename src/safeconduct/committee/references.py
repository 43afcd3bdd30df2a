"""References that people quote for years: the originator's prefix and letters drawn by lot: a gap tells nothing."""

from __future__ import annotations

import re
import secrets

from safeconduct.records.transaction import Tx

ALPHABET = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
"""Crockford's base 32: no letter that is taken for a digit when it is read out."""
LENGTH = 6


def draw(tx: Tx, kind: str, letter: str) -> str:
    """A reference that no own record of this kind bears, as PK-D-7K3Q2M."""
    prefix = re.sub(r"[^A-Z0-9]", "", tx.home.party.upper())[:12] or "X"
    while True:
        lot = "".join(secrets.choice(ALPHABET) for _ in range(LENGTH))
        found = f"{prefix}-{letter}-{lot}"
        if not tx.taken(kind, found):
            return found
