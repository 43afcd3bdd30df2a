"""Archiving the beginning of a node's ledger: files first, verified as a stranger would; then the database lets go.

Whatever breaks it off, at any moment: every entry is in the database, or in a file that was compared with it and is
noted there. Begun again, it goes on where it was.
"""

from __future__ import annotations

import fcntl
import os
import pwd
import sys
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from safeconduct.exchange.archiving import stays
from safeconduct.ledger import archive as files
from safeconduct.ledger.database import snapshot
from safeconduct.ledger.keys import Verifier
from safeconduct.ledger.tiles import ArchiveRefused, Folder
from safeconduct.records.databases import ledger_of, open_ledger
from safeconduct.records.door import Door
from safeconduct.records.home import Home, HomeError
from safeconduct.records.refusals import Malformed

Told = Callable[[str], None]
"""Hears of each step: the name of a file that was written, or what was done."""


@dataclass(frozen=True)
class Archived:
    """Entries that lie in the archive, of which so many came into it now, and the size of the head that covers them.

    `read`: partitions of a PostgreSQL table that are archived and stay, for as long as somebody reads them.
    """

    end: int
    fresh: int
    head: int
    read: int = 0


def archive(
    home: Home,
    door: Door,
    folder: Path,
    *,
    size: int | None = None,
    time: float | None = None,
    told: Told = lambda _: None,
) -> Archived:
    """Archive the entries before a size or a moment (seconds since 1970), as whole tiles, as far as a head covers them.

    Raises HomeError, which names the file or what stands in the way; then the ledger is as it was, as far as it was not
    let go of.
    """
    _as_owner(home)
    with _alone(home):
        return _archive(home, door, folder.absolute(), size, time, told)


def _as_owner(home: Home) -> None:
    """Its files, and node.toml, are for the user who wrote them alone: another's would be no use to the writer."""
    owner = home.keys.stat().st_uid
    if os.geteuid() != owner:
        try:
            name = pwd.getpwuid(owner).pw_name
        except KeyError:
            name = f"#{owner}"
        raise HomeError(f"this home belongs to {name}: runuser -u {name} -- safeconduct archive ...")


@contextmanager
def _alone(home: Home) -> Iterator[None]:
    """Another one at work would write files anew that this one has had noted, as they were when it began."""
    descriptor = os.open(home.path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise HomeError("this ledger is being archived already") from None
        yield
    finally:
        os.close(descriptor)


def _archive(
    home: Home, door: Door, place: Path, size: int | None, time: float | None, told: Told
) -> Archived:
    if home.archive is not None and home.archive.resolve() != place.resolve():
        raise HomeError(f"the archive of this node is {home.archive}: what follows goes there, too")
    begun = door.call("archive_begin", {"size": size, "time": time})
    end, past, note = int(begun["end"]), int(begun["past"]), str(begun["note"]).encode()
    if past and home.archive is None:
        raise HomeError(f"{past:,} entries were archived before: name their folder as `archive` in node.toml")
    if not end:
        raise HomeError(
            "nothing can be archived yet: no head that is cosigned covers whole tiles before that"
        )
    target = Folder(place)
    try:
        if end > past:
            _write(home, target, note, past, end, told)
            answer = _of_writer(door, "archive_sign", place, end)
            target.write(files.BODIES_HEAD, str(answer["note"]).encode(), replaces=True)
            told("signed")
        # What an earlier key has signed stands until more is archived; a partner cosigns under the new one in time.
        keys = [str(begun["key"]), *map(str, begun["former"])]
        found = files.verify(target, [Verifier.parse(key) for key in keys])
        told("verified")
        os.sync()  # a file that an attempt before this one left was found as it must be, and perhaps in memory alone
    except ArchiveRefused as fault:
        raise HomeError(f"{place}: {fault}") from None
    if home.archive is None:
        replace(home, settings={**home.settings, "archive": str(place)}).save()
        told("attached")
    reached = past
    while reached < end:
        reached = int(_of_writer(door, "archive_note", place, end)["past"])
        told("noted")
    while door.call("archive_let_go", {})["rows"]:
        told("let go")
    return Archived(end, end - past, found.head.size, _given_back(door, told))


def _given_back(door: Door, told: Told) -> int:
    """How many partitions stay for now, because somebody reads them."""
    left, more = sys.maxsize, True
    while more:
        answer = door.call("archive_give_back", {})
        told("given back")
        before, left = left, int(answer.get("partitions", 0))
        more = answer["more"] or 0 < left < before
    return left


def _of_writer(door: Door, job: str, place: Path, end: int) -> dict[str, Any]:
    try:
        return door.call(job, {"folder": str(place), "end": end})
    except Malformed as fault:
        raise HomeError(f"{place}: the writer does not find there what it needs: {fault}") from None


def _write(home: Home, target: Folder, note: bytes, past: int, end: int, told: Told) -> None:
    target.path.mkdir(parents=True, exist_ok=True, mode=0o700)
    with closing(open_ledger(home, read_only=True)) as connection, snapshot(connection):
        for name in files.write(target, ledger_of(home, connection), note, past, end, stays):
            told(name)
