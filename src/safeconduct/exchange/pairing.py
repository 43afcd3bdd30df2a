"""Pairing two nodes: each takes the other's card, and two people compare fingerprints by telephone.

A fingerprint is the SHA-256 of the card as 32 digits in eight groups of four, each group followed by a
check digit (Damm), so that a digit misheard or two swapped are noticed in the group where it happened.
"""

from __future__ import annotations

import hashlib
import hmac
import json
from typing import Any

from safeconduct.exchange.identity import Card, CardRefused, make_card
from safeconduct.exchange.rotation import note_former_card
from safeconduct.records.door import Door
from safeconduct.records.home import Home, Partner
from safeconduct.records.hooks import job
from safeconduct.records.refusals import Malformed
from safeconduct.records.transaction import Tx, iso

GROUPS = 8
_DIGITS = 4
_DAMM = (
    "0317598642",
    "7092154863",
    "4206871359",
    "1750983426",
    "6123045978",
    "3674209581",
    "5869720134",
    "8945362017",
    "9438617205",
    "2581436790",
)


class FingerprintRefused(CardRefused):
    """The spoken fingerprint is mistyped (`group` says where, counted from 1) or not this card's (0)."""

    def __init__(self, reason: str, group: int = 0) -> None:
        self.group = group
        super().__init__(reason)


def fingerprint(card: bytes) -> str:
    """The card's fingerprint as people read it aloud: eight groups of four digits and a check digit."""
    number = int.from_bytes(hashlib.sha256(card).digest(), "big") % 10 ** (GROUPS * _DIGITS)
    digits = f"{number:0{GROUPS * _DIGITS}d}"
    groups = [digits[at : at + _DIGITS] for at in range(0, len(digits), _DIGITS)]
    return " ".join(group + _check_digit(group) for group in groups)


def _check_digit(digits: str) -> str:
    state = "0"
    for digit in digits:
        state = _DAMM[int(state)][int(digit)]
    return state


def _compare(spoken: str, card: bytes) -> None:
    digits = "".join(c for c in spoken if not c.isspace() and c not in "-.")
    if not digits.isascii() or not digits.isdigit() or len(digits) != GROUPS * (_DIGITS + 1):
        raise FingerprintRefused(f"a fingerprint has {GROUPS} groups of {_DIGITS + 1} digits")
    for number in range(GROUPS):
        group = digits[number * (_DIGITS + 1) : (number + 1) * (_DIGITS + 1)]
        if _check_digit(group) != "0":
            raise FingerprintRefused(f"group {number + 1} was misheard or mistyped: {group}", number + 1)
    expected = fingerprint(card).replace(" ", "")
    if not hmac.compare_digest(digits.encode(), expected.encode()):
        raise FingerprintRefused("this card is not the one whose fingerprint was spoken")


def export_card(home: Home, partner: str, agreement: str) -> tuple[bytes, str]:
    """This node's card for a partner, and the fingerprint to read to them."""
    card = make_card(home, partner, agreement)
    return card, fingerprint(card)


def accept_card(home: Home, card: bytes, spoken: str, door: Door | None = None, url: str = "") -> Home:
    """Take the other party as a partner: check its card against the fingerprint that its people spoke.

    The acceptance is in the ledger before it is in node.toml. The node works with the partner from its next
    start. `url` overrides the address on the card. Raises CardRefused or FingerprintRefused.
    """
    _compare(spoken, card)
    found = Card.parse(card)
    if found.made_for != home.party or found.party == home.party:
        raise CardRefused(f"this card was made for {found.made_for}, not for {home.party}")
    if found.side == home.side:
        raise CardRefused(f"both nodes are on the {home.side}'s side; an agreement has two sides")
    known = home.partners.get(found.party)
    if known is not None and known.agreement != found.agreement:
        raise CardRefused(f"the agreement with {found.party} is {known.agreement}, not {found.agreement}")
    if any(p.agreement == found.agreement for p in home.partners.values() if p.party != found.party):
        raise CardRefused(f"the agreement {found.agreement} is one with another party")
    partner = Partner(found.party, found.agreement, found.name, url or found.url, json.loads(card))
    own = door or Door.open(home)
    try:
        own.call("exchange_pair", {"card": card.decode(), "fingerprint": fingerprint(card)})
    finally:
        if door is None:
            own.close()
    paired = home.with_partner(partner)
    paired.save()
    return paired


@job("exchange_pair")
def pair_job(tx: Tx, payload: dict[str, Any]) -> dict[str, Any]:
    """Write down whose card was accepted; its keys stand in the ledger from there on."""
    try:
        raw = str(payload["card"]).encode()
        card = Card.parse(raw)
    except (KeyError, CardRefused) as fault:
        raise Malformed(str(fault)) from fault
    known = tx.home.partners.get(card.party)
    if known is not None and known.card:
        note_former_card(tx, Card.of(known.card), card)
    header = {
        "at": iso(tx.now),
        "what": "accepted",
        "partner": card.party,
        "agreement": card.agreement,
        "fingerprint": fingerprint(raw),
        "card": json.loads(raw),
    }
    return {"index": tx.append("key", header)}
