"""Carrying a node's key stores and its list of what was erased over to a PostgreSQL database, while it stands still."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import closing
from dataclasses import replace

from safeconduct.ledger.keystore import KeyStore
from safeconduct.ledger.postgres import Postgres, Unfit
from safeconduct.node.backups import Verdict, verify_home
from safeconduct.records.databases import keep_apart, keys_are_moved, open_keys
from safeconduct.records.erased import note_erased, read_erased
from safeconduct.records.home import Home, HomeError
from safeconduct.records.stillness import standing_still

AT_ONCE = 16_384
_HELD = (
    "SELECT count(*) FROM pg_tables WHERE schemaname NOT IN ('pg_catalog', 'information_schema', 'moving')"
)


def move_keys(home: Home, addresses: Mapping[str, str]) -> Verdict:
    """Carry the keys alone, of a node whose databases stay where they are, and switch node.toml to them.

    Raises HomeError when the node runs, its ledger does not hold, or something is in that database.
    """
    if "keys_database" not in addresses or home.keys_database is not None:
        raise HomeError("this node's keys are on PostgreSQL already")
    there = replace(home, settings={**home.settings, **addresses})
    with standing_still(home):
        before = verify_home(home)
        if before.broken is not None:
            raise HomeError(f"the ledger is broken at index {before.broken}: {before.why}")
        empty_for_keys(there)
        carry_keys(home, there)
        after = verify_home(there)
        if after != before:
            raise HomeError(f"the keys there do not open what those here do: {after.why}")
        there.save()
        keys_are_moved(there)
    return after


def empty_for_keys(there: Home) -> None:
    """Raises HomeError when the database of keys is one of the others, or holds what is not from a move that was
    interrupted; what such a one had made is taken away."""
    try:
        db = Postgres(str(there.keys_database), "moving")
    except Unfit as fault:
        raise HomeError(str(fault)) from None
    with closing(db):
        keep_apart(there, db)
        db.execute("CREATE TABLE IF NOT EXISTS begun (party TEXT PRIMARY KEY)")
        whose = db.execute("SELECT party FROM begun").fetchone()
        if whose is None and db.execute(_HELD).fetchone()[0]:
            db.execute("DROP SCHEMA moving CASCADE")
            raise HomeError("there are tables in the database of keys already; a move needs an empty one")
        if whose is not None and whose[0] != there.party:
            raise HomeError("another party's move into the database of keys is under way")
        db.execute("INSERT INTO begun VALUES (?) ON CONFLICT DO NOTHING", (there.party,))
        for schema in ("parts", "erased", *(f'"feed_{partner}"' for partner in _partners(there))):
            db.execute(f"DROP SCHEMA IF EXISTS {schema} CASCADE")


def carry_keys(home: Home, there: Home) -> int:
    """Carry every key store of `home`, and its list, into the empty database of keys of `there`; how many slots.

    Every slot is read again there and compared. Raises HomeError where it differs.
    """
    slots = _carry(home, there, "") if (home.keys / "parts").exists() else 0
    for partner in _partners(home):
        slots += _carry(home, there, partner)
    note_erased(there, read_erased(home))
    if set(read_erased(there)) != set(read_erased(home)):
        raise HomeError("the list of what was erased is not there as it was here")
    return slots


def _partners(home: Home) -> Iterator[str]:
    return (file.parent.name for file in sorted((home.path / "feeds").glob("*/keys")))


def _carry(home: Home, there: Home, partner: str) -> int:
    with open_keys(home, partner) as source, open_keys(there, partner, write=True) as target:
        copy_slots(source, target)
    with open_keys(home, partner) as source, open_keys(there, partner) as target:
        if not same_slots(source, target):
            whose = f"the feed to {partner}" if partner else "the ledger"
            raise HomeError(f"the keys of {whose} are not there as they were here")
        return source.slots()


def copy_slots(source: KeyStore, target: KeyStore) -> None:
    """Put the slots of a store into an empty one, which is to be opened anew afterwards."""
    filled, reserved = source.medium.counts()
    for first in range(0, filled, AT_ONCE):
        target.medium.write(first, source.medium.read(first, min(AT_ONCE, filled - first)))
    target.medium.count(filled, reserved)


def same_slots(one: KeyStore, two: KeyStore) -> bool:
    """Whether two stores have the same slots, and hand out the same one next."""
    filled, _ = counts = one.medium.counts()
    return counts == two.medium.counts() and all(
        one.medium.read(first, min(AT_ONCE, filled - first))
        == two.medium.read(first, min(AT_ONCE, filled - first))
        for first in range(0, filled, AT_ONCE)
    )
