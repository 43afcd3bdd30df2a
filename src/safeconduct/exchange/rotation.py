"""New keys for a node, in the place of those it has.

The certificate and the key for sticks are only pinned: the partner accepts the new card and goes on. The keys that
sign heads are what the partner's memory of this node rests on. They are not handed on over the feed, where whoever
has stolen one could name its successor: two people read the new card's fingerprint to each other, and a signatory
of each party signs a new epoch, in which nothing under the old keys counts.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from safeconduct.exchange.identity import Card, Keys, refuse_in_token, renew_signing, renew_transport
from safeconduct.exchange.state import State
from safeconduct.records.door import Door
from safeconduct.records.home import Home
from safeconduct.records.hooks import job
from safeconduct.records.transaction import Tx, iso

RENEWED = "this node has new keys: both parties sign a new epoch"


def rotate(home: Home, door: Door, transport_only: bool) -> None:
    """Make new keys. The node must not be running: its processes hold the old ones.

    Until a partner has accepted this node's new card, nothing is exchanged with it. Raises KeyRefused, and changes
    nothing, where the keys that sign lie in a token.
    """
    if not transport_only:
        refuse_in_token(home)
        door.call("exchange_keys_renew", {})
        renew_signing(home)
    renew_transport(home)


@job("exchange_keys_renew")
def renew_job(tx: Tx, payload: dict[str, Any]) -> dict[str, Any]:
    """Note that the keys that sign heads come to their end, and let the exchange with every partner rest."""
    keys = Keys.of(tx.home)
    former = {"ledger": keys.ledger.vkey, "witness": keys.witness.vkey}
    state = State(tx.db)
    for partner in tx.home.partners:
        former[f"feed to {partner}"] = keys.feed(partner).vkey
        if not state.partner(partner).frozen:
            state.freeze(partner, RENEWED)
    for role, vkey in former.items():
        note_former(tx, role, vkey)
    return {"index": tx.append("key", {"at": iso(tx.now), "what": "renewed", "former": former})}


def note_former(tx: Tx, role: str, vkey: str) -> None:
    """Keep a public key that signs no more: what it has signed is proved by it."""
    tx.db.execute("INSERT INTO exchange_former_key VALUES (?, ?) ON CONFLICT DO NOTHING", (role, vkey))


def note_former_card(tx: Tx, card: Card, accepted: Card) -> None:
    """A partner's new card takes the place of one: keep those of its keys that it has no more."""
    for role, before, now in (
        (f"witness {card.party}", card.witness, accepted.witness),
        (f"feed from {card.party}", card.feed, accepted.feed),
    ):
        if before != now:
            note_former(tx, role, before.vkey)


def former_keys(tx: Tx) -> Iterator[tuple[str, str]]:
    """(name, public key) of every key that this node, or a partner, once signed heads with."""
    rows = tx.db.execute("SELECT role, vkey FROM exchange_former_key ORDER BY role, vkey").fetchall()
    for number, (role, vkey) in enumerate(rows, 1):
        yield f"{role}, former {number}", vkey


def former_ledger_keys(tx: Tx) -> list[str]:
    """The public keys of those that this node's ledger was signed with before."""
    rows = tx.db.execute("SELECT vkey FROM exchange_former_key WHERE role = 'ledger' ORDER BY vkey")
    return [str(vkey) for (vkey,) in rows.fetchall()]
