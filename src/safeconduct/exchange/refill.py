"""A feed database that was lost, or is older than the ledger, is made again: the same bytes, the same roots.

The ledger says of each feed entry what went into it and the hash of its leaf. An entry that cannot be made again so
that it has this hash (a part of it was erased, or the ledger does not tell of it) stops the exchange with that
partner, with what people can do about it; no other bytes are ever signed in its place.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from safeconduct.exchange.feed import Feed, seal_context
from safeconduct.exchange.identity import feed_key
from safeconduct.exchange.leaves import write_leaf
from safeconduct.exchange.own_version import Version
from safeconduct.exchange.projection import SENT
from safeconduct.exchange.state import State
from safeconduct.exchange.view import coarse
from safeconduct.ledger.parts import seal
from safeconduct.ledger.tree import leaf_hash
from safeconduct.records.entries import EMPTY, ERASED, SEALED, StoredPart, pack
from safeconduct.records.events import log_event
from safeconduct.records.home import Partner
from safeconduct.records.kinds import all_kinds
from safeconduct.records.projection import epoch
from safeconduct.records.transaction import Tx

_AT_ONCE = 2000
_TYPES = ("disclosure", "withdrawal", "erasure", "receipt")


class NotMadeAgain(Exception):
    """A feed entry that the ledger does not tell enough of."""


def refill(tx: Tx, partner: Partner, feed: Feed) -> int:
    """Give a partner's feed the entries that it has lost; returns how many.

    What the outbox still has is left to the delivery. Freezes the exchange with this partner when an entry cannot
    be made again.
    """
    state = State(tx.db)
    start, end = feed.log.size, _promised(tx, state, partner.party)
    if start >= end or state.partner(partner.party).frozen:
        return 0
    try:
        entries = list(_made_again(tx, state, partner, feed, start, end))
    except NotMadeAgain as fault:
        log_event("feed_lost", fault=fault, partner=partner.party, count=end - start)
        state.freeze(
            partner.party,
            f"the feed's database lost entries {start:,} to {end - 1:,}, and {fault}: put feeds/{partner.party} back "
            f"from a backup, or agree on a new epoch with `safeconduct exchange resume`",
        )
        return 0
    feed.append(entries, feed_key(tx.home, partner.party))
    log_event("feed_made_again", partner=partner.party, count=len(entries))
    return len(entries)


def _promised(tx: Tx, state: State, partner: str) -> int:
    """Up to where the feed must reach before the outbox continues it."""
    row = tx.db.execute("SELECT min(idx) FROM exchange_outbox WHERE partner = ?", (partner,)).fetchone()
    return int(row[0]) if row[0] is not None else state.partner(partner).feed_size


def _made_again(
    tx: Tx, state: State, partner: Partner, feed: Feed, start: int, end: int
) -> Iterator[tuple[bytes, bytes]]:
    told = _told(tx, partner.party, end)
    times: dict[tuple[str, int], str] = {}
    for index in range(end):
        header = told.get(index)
        if header is None:
            raise NotMadeAgain(f"the ledger does not tell of entry {index:,}")
        if header["type"] == "disclosure":
            leaf, body = _disclosed(tx, state, partner, feed, header, times, index >= start)
        else:
            leaf, body = _told_again(tx, state, partner, header), b""
        if index < start:
            continue
        if leaf_hash(leaf).hex() != header["feed_leaf"]:
            raise NotMadeAgain(f"entry {index:,} was of what has been erased since")
        yield leaf, body


def _told(tx: Tx, partner: str, end: int) -> dict[int, dict[str, Any]]:
    """The ledger's entries about this partner's feed, by feed index."""
    found: dict[int, dict[str, Any]] = {}
    for first in range(0, tx.log.size, _AT_ONCE):
        for entry in tx.log.entries(first, first + _AT_ONCE):
            header = json.loads(entry.leaf)
            if header["type"] not in _TYPES or header.get("partner") != partner:
                continue
            if header["type"] != "disclosure" and header["side"] != SENT:
                continue
            index = header["feed_index"]
            if index < end:
                found[index] = header
    return found


def _disclosed(
    tx: Tx,
    state: State,
    partner: Partner,
    feed: Feed,
    told: Mapping[str, Any],
    times: dict[tuple[str, int], str],
    wanted: bool,
) -> tuple[bytes, bytes]:
    version = Version(tx, told["version_index"])
    kind, mask = version.kind, told["mask"]
    name = told["sent_as"], told["sent_version"]
    if not told["more"]:
        times[name] = coarse(epoch(version.header["at"]) or 0.0, kind, mask)
    if not wanted:
        return b"", b""
    given = version.crossing(partner.party)
    levels = version.header["levels"]
    sent = state.sent(partner.party, told["record"])
    header: dict[str, Any] = {
        "type": "parts" if told["more"] else "version",
        "record": told["sent_as"],
        "version": told["sent_version"],
        "kind": kind.name,
        "originator": tx.home.party,
        "agreement": partner.agreement,
        "clauses": told["clauses"],
        "state": version.header["state"],
        "labels": {n: levels[bit] for bit, n in enumerate(kind.part_names) if mask >> bit & 1},
        "at": times.get(name, ""),
        "digests": list(given.digests),
        "commitment": told["commitment"],
        "orcon": bool(version.header["orcon"]),
    }
    leaf = _with_the_hash(
        header, told["feed_leaf"], _abouts(tx, state, version, partner), _digests(sent, name)
    )
    stored = [StoredPart(EMPTY)] * len(kind.part_names)
    for bit, text in enumerate(given.texts):
        if mask >> bit & 1:
            stored[bit] = _sealed(feed, partner.party, bit, text)
    return leaf, pack(stored)


def _with_the_hash(
    header: dict[str, Any],
    wanted: str,
    abouts: Sequence[dict[str, str] | None],
    digests: Sequence[list[str]],
) -> bytes:
    """The leaf among those that it can have been: whether the partner knew what it is about, the ledger does not
    say, and digests of erased parts are kept for the latest version only."""
    leaf = b""
    for own in ([header["digests"]], digests):
        for each in own:
            for about in abouts:
                whole = {**header, "digests": each} | ({"about": about} if about is not None else {})
                leaf = write_leaf(whole)
                if leaf_hash(leaf).hex() == wanted:
                    return leaf
    return leaf


def _digests(sent: Any, name: tuple[str, int]) -> list[list[str]]:
    return [list(sent.digests)] if sent is not None and (sent.opaque, sent.version) == name else []


def _abouts(tx: Tx, state: State, version: Version, partner: Partner) -> list[dict[str, str] | None]:
    about = version.header.get("about") or ""
    if not about:
        return [None]
    sent, received = state.sent(partner.party, about), state.received_record(about)
    found: list[dict[str, str] | None] = [None]
    if sent is not None:
        found.insert(0, {"originator": tx.home.party, "record": sent.opaque})
    if received is not None and received.partner == partner.party:
        found.insert(0, {"originator": partner.party, "record": received.opaque})
    return found


def _sealed(feed: Feed, partner: str, bit: int, text: str | None) -> StoredPart:
    if text is None:
        return StoredPart(ERASED)
    slot, key = feed.keystore.take()
    return StoredPart(SEALED, slot, seal(key, text.encode(), seal_context(partner, bit)))


def _told_again(tx: Tx, state: State, partner: Partner, told: Mapping[str, Any]) -> bytes:
    """A withdrawal, an erasure or a receipt as it was told."""
    common = {"originator": tx.home.party, "agreement": partner.agreement}
    if told["type"] == "receipt":
        known = state.received_record(told["record"])
        opaque = told.get("sent_as") or (known.opaque if known is not None else "")
        return write_leaf(
            {
                **common,
                "type": "receipt",
                "record": opaque,
                "erase": told["erase"],
                "outcome": told["outcome"],
                "because": told["because"],
            }
        )
    withdrawn = told["type"] == "withdrawal"
    row = tx.row(told["record"])
    header = {
        **common,
        "type": "withdraw" if withdrawn else "erase",
        "record": told["sent_as"],
        "kind": row.kind if row is not None and row.kind in all_kinds() else "",
        "parts": told["withdrawn" if withdrawn else "erased"],
    }
    return write_leaf({**header, "sealed": told["sealed"]} if told.get("sealed") else header)
