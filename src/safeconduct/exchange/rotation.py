"""New keys for a node, in the place of those it has.

The certificate and the key for sticks are only pinned: the partner accepts the new card and goes on. The keys that
sign heads are what the partner's memory of this node rests on. They are not handed on over the feed, where whoever
has stolen one could name its successor: two people read the new card's fingerprint to each other, and a signatory
of each party signs a new epoch, in which nothing under the old keys counts.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from safeconduct.exchange import succession
from safeconduct.exchange.custody import Keeping
from safeconduct.exchange.identity import Card, Keys, renew_transport
from safeconduct.exchange.schema import create_tables
from safeconduct.exchange.state import State
from safeconduct.exchange.succession import Succession
from safeconduct.ledger.keys import KeyRefused
from safeconduct.records.door import Door
from safeconduct.records.home import Home, HomeError
from safeconduct.records.hooks import job, on_start
from safeconduct.records.transaction import Tx, iso

RENEWED = "this node has new keys: both parties sign a new epoch"


class FormerKeys(SystemExit):
    """The home's keys are ones that this node has exchanged for others."""


@dataclass(frozen=True)
class Rotated:
    """`resumed`: it was one that had been interrupted after the new keys were taken up. `left` says which keys could
    not be destroyed, and where they lie; none of them is used any more."""

    resumed: bool = False
    left: tuple[str, ...] = ()


def rotate(
    home: Home, door: Door, transport_only: bool, into: Keeping | None = None, lost: bool = False
) -> Rotated:
    """Make new keys. The node must not be running: its processes hold the old ones.

    `into` is where those that sign shall lie, if not where they lie now. With `lost` the old ones are not asked for.
    Until a partner has accepted this node's new card, nothing is exchanged with it. Raises KeyRefused, and changes
    nothing, where the token makes no new keys, or the old ones are out of reach without being called lost. What is
    interrupted is finished, or begun anew, by the next call.
    """
    home = _as_it_is(home)
    done = Rotated() if transport_only else _renew_signing(home, door, into, lost)
    renew_transport(home)
    return done


def _as_it_is(home: Home) -> Home:
    """The home as it is now that nobody else is at work in it. Raises HomeError where other keys or partners have
    come since it was read."""
    now = Home.load(home.path)
    if (now.partners, now.settings.get("keys")) != (home.partners, home.settings.get("keys")):
        raise HomeError("node.toml was changed meanwhile: give the command again")
    return now


def _renew_signing(home: Home, door: Door, into: Keeping | None, lost: bool) -> Rotated:
    begun = Succession.under_way(home)
    present = Keeping.of(home)
    if begun is not None and present == begun.after:
        return Rotated(True, _conclude(home, door, begun))
    if begun is not None and present != begun.before:
        raise KeyRefused(
            f"node.toml names other keys than those of the exchange that was interrupted, from {begun.before.words} "
            f"to {begun.after.words}: bring back the node.toml of then, or remove keys/{succession.UNDER_WAY}"
        )
    left = succession.undo(home, begun) if begun is not None else []
    if not lost:
        Keys.of(home)
    target = into or present
    if not (present.token or target.token):
        door.call("exchange_keys_renew", {})
        succession.renew_files(home)
        door.call("exchange_keys_present", {"keys": succession.known_halves(home)})
        return Rotated(False, tuple(left))
    made = succession.begin(home, target, lost)
    door.call("exchange_keys_renew", {})
    settled = succession.take_up(home, made)
    return Rotated(False, (*left, *_conclude(settled, door, made)))


def _conclude(home: Home, door: Door, made: Succession) -> tuple[str, ...]:
    door.call("exchange_keys_present", {"keys": succession.known_halves(home)})
    return tuple(succession.conclude(home, made))


@job("exchange_keys_renew", by=())
def renew_job(tx: Tx, payload: dict[str, Any]) -> dict[str, Any]:
    """Note that the keys that sign heads come to their end, and let the exchange with every partner rest."""
    create_tables(tx.db, tx.log)  # where the keys are lost the node has not started
    state = State(tx.db)
    for partner in tx.home.partners:
        if state.meet(partner):
            state.start_sweep(partner)
        if not state.partner(partner).frozen:
            state.freeze(partner, RENEWED)
    noted, former = _noted(tx), succession.known_halves(tx.home)
    for role, vkey in (*noted.items(), *former.items()):
        note_former(tx, role, vkey)
    former = {**noted, **former}
    return {"index": tx.append("key", {"at": iso(tx.now), "what": "renewed", "former": former})}


@job("exchange_keys_present", by=())
def present_job(tx: Tx, payload: dict[str, Any]) -> dict[str, Any]:
    """Note which keys the node signs with from here on: none that it has exchanged is one again."""
    _note_present(tx, payload["keys"])
    return {}


@on_start
def refuse_former(tx: Tx) -> None:
    """Stop before the first signature where the home has keys of before an exchange, as an old copy of it does.

    Of an exchange that was interrupted the old ones are still the node's: it has gone on with no others. Raises
    FormerKeys.
    """
    create_tables(tx.db, tx.log)
    present, noted = succession.known_halves(tx.home), _noted(tx)
    for role, vkey in present.items():
        if noted.get(role, vkey) != vkey and _is_former(tx, role, vkey):
            raise FormerKeys(
                f"the key of {role} was exchanged for another, and this node has gone on with that one: bring back "
                "the later keys, with the node.toml of then, or make new ones with `exchange rotate --lost`"
            )
    _note_present(tx, present)


def _noted(tx: Tx) -> dict[str, str]:
    return dict(tx.db.execute("SELECT role, vkey FROM exchange_own_key").fetchall())


def _note_present(tx: Tx, keys: dict[str, str]) -> None:
    for role, vkey in keys.items():
        tx.db.execute(
            "INSERT INTO exchange_own_key VALUES (?, ?) ON CONFLICT (role) DO UPDATE SET vkey = excluded.vkey",
            (role, vkey),
        )


def _is_former(tx: Tx, role: str, vkey: str) -> bool:
    found = tx.db.execute("SELECT 1 FROM exchange_former_key WHERE role = ? AND vkey = ?", (role, vkey))
    return found.fetchone() is not None


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
