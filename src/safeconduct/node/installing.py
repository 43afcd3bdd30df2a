"""One user for each process: making the users, and giving a home to them."""

from __future__ import annotations

import errno
import os
import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

from safeconduct.records.home import Home, HomeError
from safeconduct.records.stillness import standing_still
from safeconduct.records.users import (
    GROUPS,
    PROCESSES,
    deviation,
    everything,
    group_name,
    set_right,
    user_name,
)

_PREFIX = re.compile(r"[a-z][a-z0-9-]{0,20}")
_NOTIFIERS = ("channels.toml", "notifier.journal", "notifier.lock")


def with_users(home: Home, users: str) -> Home:
    """The same home, of the users whose names begin so. Raises HomeError for what cannot begin a user's name."""
    if not _PREFIX.fullmatch(users):
        raise HomeError(f"{users!r} cannot begin the names of users")
    return Home(home.path, home.party, home.side, home.name, home.partners, {**home.settings, "users": users})


def make_users(users: str) -> list[str]:
    """Make the users and groups of a node that the machine lacks; returns their names. For root alone."""
    _as_root()
    named = with_users(Home(Path("/"), "", "", "", {}, {}), users)
    groups = [name for group in GROUPS if not _has("group", name := group_name(named, group))]
    for name in groups:
        _run("groupadd", "--system", name)
    made = []
    for process in PROCESSES:
        name = user_name(named, process)
        theirs = ",".join(group_name(named, group) for group, members in GROUPS.items() if process in members)
        if _has("passwd", name):
            _run("usermod", "--append", "--groups", theirs, name)
            continue
        nothing = ("--no-create-home", "--home-dir", "/nonexistent", "--shell", "/usr/sbin/nologin")
        _run("useradd", "--system", *nothing, "--gid", group_name(named, process), "--groups", theirs, name)
        made.append(name)
    return made


def give_away(home: Home, users: str) -> int:
    """Let every process of a stopped node have a user of its own; returns how many files and folders were changed.

    For root alone, and safe to repeat: after files were laid in, or after a backup was brought back. Raises HomeError
    while the node runs, or where the machine has no such users.
    """
    _as_root()
    shared = with_users(home, users)
    if home.users and home.users != users:
        raise HomeError(f"this home belongs to the users {home.users}-*")
    with standing_still(home):
        home.socket.unlink(missing_ok=True)
        changed = [path for path, wanted in everything(shared) if deviation(shared, path, wanted)]
        _apart(home.path, shared)
        shared.save()
        wrong = [(path, wanted) for path, wanted in everything(shared) if deviation(shared, path, wanted)]
        for path, wanted in wrong:
            set_right(shared, path, wanted)
    return len({*changed, *(path for path, _ in wrong)})


def amiss(home: Home) -> Iterator[str]:
    """What of a home with several users is not as it ought to be, a line each."""
    if not home.users:
        raise HomeError("all processes of this home have one user; `permissions --users` gives each its own")
    for path, wanted in everything(home):
        if said := deviation(home, path, wanted):
            yield f"{path} {said}"


def _apart(path: Path, shared: Home) -> None:
    """Move what several users share into folders of their own, from where a home of one user keeps it."""
    moves: list[tuple[Path, Path]] = []
    for database in (shared.tables, shared.accounts, shared.positions):
        for ending in ("", "-wal", "-shm"):
            moves.append((path / f"{database.name}{ending}", Path(f"{database}{ending}")))
    moves += [(path / name, shared.notifying / name) for name in _NOTIFIERS]
    moves += [(old, shared.link(old.parent.name)) for old in path.glob("feeds/*/link.json")]
    for folder in ("tables", "accounts", "notifier", "links", "feeds", "keys/devices", "roads", "response"):
        (path / folder).mkdir(mode=0o700, exist_ok=True)
    for old, new in moves:
        if old.exists() and not new.exists():
            _move(old, new)


def _move(old: Path, new: Path) -> None:
    """Also onto another volume, and never half."""
    try:
        old.rename(new)
    except OSError as fault:
        if fault.errno != errno.EXDEV:
            raise
        draft = new.with_name(f".{new.name}.moving")
        shutil.copy2(old, draft)
        draft.replace(new)
        old.unlink()


def _as_root() -> None:
    if os.geteuid() != 0:
        raise HomeError("this is for root: it makes users, or gives files to them")


def _has(database: str, name: str) -> bool:
    return subprocess.run(["getent", database, name], capture_output=True, check=False).returncode == 0


def _run(*command: str) -> None:
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise HomeError(f"{command[0]} failed: {done.stderr.strip()}")
