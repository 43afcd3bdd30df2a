"""The state of each link in words, for the command line."""

from __future__ import annotations

import time
from collections.abc import Iterator
from datetime import UTC, datetime

from safeconduct.exchange.cadence import cosigned
from safeconduct.exchange.last_contact import link_of
from safeconduct.records.door import Door
from safeconduct.records.home import Home


def describe(home: Home, door: Door) -> Iterator[str]:
    """A few lines for each partner: what it has, what came from it, how far the ledger is cosigned."""
    if not home.partners:
        yield "not paired with any partner yet"
    for partner in home.partners.values():
        cursor = door.call("exchange_cursor", {"partner": partner.party})
        acked, link = cosigned(home, partner.party), link_of(home, partner.party)
        yield f"{partner.name} ({partner.party}), agreement {partner.agreement}"
        yield f"  released to them: {acked.feed_entries:,} entries, {acked.feed_size:,} acknowledged"
        yield f"  received from them: {cursor['have']:,} entries; their ledger cosigned to {cursor['head']:,}"
        yield f"  our ledger: {_cosigned_words(acked.ledger_size, acked.age())}"
        yield f"  link: {_link_words(link.last_contact, link.last_error)}"
        for kind, count in cursor["unread"].items():
            yield f"  {count:,} entries that only a later version understands: {kind}"
        if cursor["epoch"] > 1:
            yield f"  epoch {cursor['epoch']}, signed by both parties"
        for at, what in cursor["evidence"]:
            seen = datetime.fromtimestamp(at, UTC).isoformat(sep=" ", timespec="seconds")
            yield f"  evidence kept: two signed histories of the {what}, seen {seen}"
        if cursor["frozen"]:
            yield f"  FROZEN: {cursor['frozen']}"


def _cosigned_words(size: int, age: float | None) -> str:
    if age is None:
        return "not cosigned yet"
    return f"cosigned to {size:,}, {_ago(age)}"


def _link_words(contact: float, error: str) -> str:
    if not contact:
        return error or "no contact yet"
    moment = datetime.fromtimestamp(contact, UTC).isoformat(sep=" ", timespec="seconds")
    last = f"last contact {moment} ({_ago(time.time() - contact)})"
    return f"{last}; {error}" if error else last


def _ago(seconds: float) -> str:
    if seconds < 120:
        return f"{max(0, int(seconds))} s ago"
    if seconds < 7200:
        return f"{int(seconds // 60)} min ago"
    return f"{int(seconds // 3600)} h ago"
