"""Which user of the machine may do what with each file of a home, where every process has a user of its own.

A home whose node.toml says `users = "safeconduct"` belongs to the users `safeconduct-writer`, `safeconduct-feed` and so
on; without it, to the one user who made it. FILES is the rule, for the machine and for the handbook alike.
"""

from __future__ import annotations

import grp
import os
import pwd
import stat
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import Path

from safeconduct.records.home import Home, HomeError

PROCESSES = ("writer", "feed", "web", "courier", "notifier", "field")
"""In the order in which they begin."""
SHOWING = ("web", "field")
"""Processes that read the tables, for whoever asks, and never write them."""

GROUPS: Mapping[str, tuple[str, ...]] = {
    "home": PROCESSES,
    "door": ("writer", "web", "courier", "notifier", "field"),
    "pages": ("writer", *SHOWING),
    "exchange": ("writer", "feed", "courier"),
    **{process: (process,) if process == "writer" else ("writer", process) for process in PROCESSES},
}
"""Who is in which group. The writer is in all of them, so that it can hand each file that it makes to its readers."""

HEARS: Mapping[str, frozenset[str]] = {
    "courier": frozenset(),
    "feed": frozenset(),
    "notifier": frozenset({"delivery"}),
}
"""The kinds of which the bus tells a process; it tells any other of everything."""


@dataclass(frozen=True)
class Access:
    """Owner, group and mode of what a pattern names; the first that fits holds. `owner` "" is whoever made it.

    Of a folder the pattern ends with "/". In a pattern * stands for one name.
    """

    pattern: str
    owner: str
    group: str
    mode: int
    holds: str

    def fits(self, place: str) -> bool:
        names, wanted = place.split("/"), self.pattern.split("/")
        return len(names) == len(wanted) and all(map(fnmatchcase, names, wanted))


FILES: tuple[Access, ...] = (
    Access("./", "writer", "home", 0o710, "the home"),
    Access("node.toml", "writer", "home", 0o640, "settings, partners' cards"),
    Access("ledger.sqlite3*", "writer", "writer", 0o600, "the truth"),
    Access("tables/", "writer", "pages", 0o2750, "what the ledger explains"),
    Access("tables/*", "writer", "pages", 0o640, "read by the pages, written by the writer alone"),
    Access("accounts/", "writer", "pages", 0o2770, "accounts and positions"),
    Access("accounts/*", "", "pages", 0o660, "sign-in and tokens; positions of journeys"),
    Access("feeds/", "writer", "feed", 0o710, "what was released"),
    Access("feeds/*/", "writer", "feed", 0o2750, "one folder for each partner"),
    Access(
        "feeds/*/feed.sqlite3*", "writer", "feed", 0o660, "entries, signed heads, the partner's cosignatures"
    ),
    Access("feeds/*/keys", "writer", "feed", 0o640, "keys of the parts in that feed"),
    Access("feeds/*/positions.live", "writer", "feed", 0o640, "positions that flow to that partner now"),
    Access("feeds/*/*", "writer", "writer", 0o600, "marks of the writer"),
    Access("links/", "courier", "home", 0o2750, "how the links are"),
    Access("links/*", "courier", "home", 0o640, "last contact, last error"),
    Access("keys/", "writer", "home", 0o710, "the node's own keys"),
    Access("keys/parts", "writer", "writer", 0o600, "one key for each sealed part"),
    Access("keys/tls.*", "writer", "exchange", 0o640, "certificate and key of the exchange"),
    Access("keys/django", "writer", "web", 0o640, "signs sessions, seals second factors"),
    Access("keys/devices/", "writer", "pages", 0o2770, "the authority for devices"),
    Access("keys/devices/*", "", "pages", 0o660, "its key, the gateway's certificate"),
    Access("keys/door/", "writer", "home", 0o710, "certificates for the doors of other machines"),
    Access("keys/door/authority.key", "writer", "writer", 0o600, "the key of the authority for machines"),
    Access("keys/door/authority.pem", "writer", "pages", 0o640, "its certificate"),
    Access("keys/door/web.*", "writer", "web", 0o640, "certificate and key of the web process"),
    Access("keys/door/field.*", "writer", "field", 0o640, "of the field process"),
    Access("keys/door/*", "writer", "writer", 0o600, "of the writer's own door"),
    Access("keys/bus", "writer", "door", 0o640, "what the processes write announcements for NATS under"),
    Access("keys/bus-authority.pem", "writer", "home", 0o640, "by which the processes know the NATS servers"),
    Access("keys/nats/", "writer", "home", 0o710, "the processes' keys for NATS"),
    *(
        Access(f"keys/nats/{process}.seed", "writer", process, 0o640, f"by which NATS knows the {process}")
        for process in PROCESSES
        if process not in ("writer", "courier")
    ),
    Access("keys/nats/*", "writer", "writer", 0o600, "by which NATS knows the writer"),
    Access(
        "keys/*", "writer", "writer", 0o600, "keys that sign for the ledger and the feeds; of sticks; PINs"
    ),
    Access("tls/", "writer", "pages", 0o2750, "TLS of the pages"),
    Access("tls/authority.key", "writer", "writer", 0o600, "the key of the office's authority"),
    Access("tls/*", "writer", "pages", 0o640, "the pages' certificate and key"),
    Access("notifier/", "notifier", "notifier", 0o700, "what the notifier alone knows"),
    Access("notifier/*", "notifier", "notifier", 0o600, "channels.toml with its passwords, the journal"),
    Access("roads/", "writer", "home", 0o2750, "roads and areas that were imported"),
    Access("roads/*", "writer", "home", 0o640, "public data"),
    Access("response/", "writer", "home", 0o2750, "checklists and hospitals"),
    Access("response/*", "writer", "home", 0o640, "read again when they change"),
    Access("metrics.token", "writer", "web", 0o640, "what opens /metrics"),
    Access("last-backup", "writer", "home", 0o640, "when a backup was last complete"),
    Access("last-restore-drill", "writer", "home", 0o640, "when a restore was last tried"),
    Access("standing-by", "writer", "home", 0o640, "that another machine holds the sequencer"),
    Access("writer.sock", "writer", "door", 0o660, "the door to the writer; it looks who asks"),
    Access("writer.lock", "writer", "writer", 0o600, "held by the running writer"),
)
_OTHER_FILE = Access("*", "writer", "writer", 0o600, "anything else")
_OTHER_FOLDER = Access("*/", "writer", "writer", 0o700, "anything else")


def access_of(place: str, folder: bool) -> Access:
    """What holds for a place below the home ("." is the home itself)."""
    name = f"{place}/" if folder else place
    return next((each for each in FILES if each.fits(name)), _OTHER_FOLDER if folder else _OTHER_FILE)


def user_name(home: Home, process: str) -> str:
    """The user of a process, such as safeconduct-web."""
    return f"{home.users}-{process}"


def group_name(home: Home, group: str) -> str:
    """The group of this name in GROUPS, such as safeconduct-pages; that of all processes is safeconduct."""
    return home.users if group == "home" else f"{home.users}-{group}"


def user_of(home: Home, process: str) -> pwd.struct_passwd:
    """Raises HomeError when the machine has no such user."""
    name = user_name(home, process)
    try:
        return pwd.getpwnam(name)
    except KeyError:
        raise HomeError(f"this machine has no user {name}: `safeconduct users` makes them") from None


def user_id(home: Home, process: str) -> int:
    """The same, its number alone."""
    return user_of(home, process).pw_uid


def group_id(home: Home, group: str) -> int:
    """Raises HomeError when the machine has no such group."""
    name = group_name(home, group)
    try:
        return grp.getgrnam(name).gr_gid
    except KeyError:
        raise HomeError(f"this machine has no group {name}: `safeconduct users` makes them") from None


def callers(home: Home) -> dict[int, str]:
    """Which process of a home with several users each user id is; empty in a home of one user."""
    return {user_id(home, process): process for process in PROCESSES} if home.users else {}


def permit(home: Home, made: Path, place: Path | None = None) -> None:
    """Hand what this process has just made to those who may read it. In a home of one user nothing is to be done.

    `place` is where it will be, if that is not where it was made.
    """
    if home.users:
        wanted = _access(home, place or made, made.is_dir())
        _set(made, -1, group_id(home, wanted.group), wanted.mode)


def permit_all(home: Home) -> None:
    """The same for everything in the home that is this user's own; of a home with several users."""
    if home.users:
        for path, wanted in everything(home):
            if path.lstat().st_uid == os.geteuid():
                _set(path, -1, group_id(home, wanted.group), wanted.mode)


def everything(home: Home) -> Iterator[tuple[Path, Access]]:
    """What lies in the home, the home itself included, with what ought to hold for it. No link is followed."""
    yield home.path, _access(home, home.path, True)
    for folder, folders, files in os.walk(home.path):
        for name in (*folders, *files):
            path = Path(folder, name)
            if not path.is_symlink():
                yield path, _access(home, path, path.is_dir())


def deviation(home: Home, path: Path, wanted: Access) -> str:
    """How a path differs from what ought to hold for it, in words; "" where it does not."""
    found = path.lstat()
    said = []
    if wanted.owner and found.st_uid != user_id(home, wanted.owner):
        said.append(f"belongs to user {found.st_uid} and not to {user_name(home, wanted.owner)}")
    if found.st_gid != group_id(home, wanted.group):
        said.append(f"is of group {found.st_gid} and not of {group_name(home, wanted.group)}")
    if stat.S_IMODE(found.st_mode) != wanted.mode:
        said.append(f"has mode {stat.S_IMODE(found.st_mode):04o} and not {wanted.mode:04o}")
    return ", ".join(said)


def set_right(home: Home, path: Path, wanted: Access) -> None:
    """Give a path its owner, group and mode; for root alone."""
    owner = user_id(home, wanted.owner) if wanted.owner else user_id(home, "writer")
    _set(path, owner, group_id(home, wanted.group), wanted.mode)


def _access(home: Home, path: Path, folder: bool) -> Access:
    return access_of(path.relative_to(home.path).as_posix(), folder)


def _set(path: Path, uid: int, gid: int, mode: int) -> None:
    found = path.lstat()
    if found.st_gid != gid or (uid >= 0 and found.st_uid != uid):
        os.chown(path, uid, gid, follow_symlinks=False)
    if stat.S_IMODE(path.lstat().st_mode) != mode:
        path.chmod(mode)
