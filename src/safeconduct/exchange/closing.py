"""Closing a link for good: the evidence first, then the ledger's entry, then the card, the keys and the feed."""

from __future__ import annotations

import base64
import os
import shutil
from collections.abc import Iterator
from pathlib import Path

from safeconduct.exchange import parting_evidence
from safeconduct.exchange.delivery import let_go
from safeconduct.exchange.identity import Keys, forget_feed_key
from safeconduct.exchange.parting import LEAVES
from safeconduct.records.databases import destroy_keys, set_feed_aside
from safeconduct.records.door import Door
from safeconduct.records.home import Home

KEPT = "parted"
"""Folder of a home in which the feeds of former partners lie, without their keys."""


def write_evidence(home: Home, door: Door, partner: str, path: Path) -> str:
    """Write the evidence of an agreement to a file, and verify it; returns its digest.

    Raises FileExistsError, EvidenceRefused.
    """
    head = door.call("exchange_part_evidence", {"partner": partner})
    leaves = _leaves(door, partner, head["feeds"][home.party]["size"], head["feeds"][partner]["size"])
    digest = parting_evidence.write(path, head, Keys.of(home).ledger, leaves)
    try:
        parting_evidence.verify(path)
    except parting_evidence.EvidenceRefused:
        path.unlink()
        raise
    return digest


def _leaves(door: Door, partner: str, own: int, theirs: int) -> Iterator[bytes]:
    for size, of_theirs in ((own, False), (theirs, True)):
        for first in range(0, size, LEAVES):
            asked = {"partner": partner, "first": first, "theirs": of_theirs}
            found = door.call("exchange_part_leaves", asked)["leaves"]
            yield from (base64.b64decode(leaf) for leaf in found[: size - first])


def close(
    home: Home, door: Door, partner: str, evidence: str, destroy_feed: bool, unanswered: bool = False
) -> None:
    """Close the link with a partner. The node must not be running.

    What a crash in between leaves undone is done by the next call, or by `clear_away` once the card is forgotten.
    """
    door.call("exchange_part_close", {"partner": partner, "evidence": evidence, "unanswered": unanswered})
    left = home.without_partner(partner)
    left.save()
    let_go(home, partner)
    clear_away(left, partner, destroy_feed)


def clear_away(home: Home, partner: str, destroy_feed: bool) -> bool:
    """Destroy the keys of a former partner's feed and put the feed aside; False when that was done before."""
    folder = home.feed(partner)
    if not folder.exists():
        return False
    _overwrite(folder / "keys")
    destroy_keys(home, partner)
    forget_feed_key(home, partner)
    set_feed_aside(home, partner, home.former[partner].agreement, destroy_feed)
    for name in ("positions.live", "link.json", "restored"):
        (folder / name).unlink(missing_ok=True)
    if destroy_feed:
        shutil.rmtree(folder)
    else:
        kept = home.path / KEPT / f"{partner}-{home.former[partner].agreement}"
        kept.parent.mkdir(mode=0o700, exist_ok=True)
        shutil.rmtree(kept, ignore_errors=True)
        folder.rename(kept)
    return True


def _overwrite(path: Path) -> None:
    """Destroy a file of keys. What a disk keeps of overwritten blocks is beyond its reach."""
    if not path.exists():
        return
    with path.open("r+b") as file:
        size = file.seek(0, os.SEEK_END)
        file.seek(0)
        while size > 0:
            size -= file.write(bytes(min(size, 1 << 20)))
        file.flush()
        os.fsync(file.fileno())
    path.unlink()
