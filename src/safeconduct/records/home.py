"""A node's home: the folder that holds one party's configuration, databases and keys."""

from __future__ import annotations

import os
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

SIDES = ("host", "partner")


class HomeError(ValueError):
    """The home folder is missing, incomplete or does not say what it must."""


@dataclass(frozen=True)
class Partner:
    """The other party of one agreement, as this node knows it. `card` is its accepted identity card."""

    party: str
    agreement: str
    name: str
    url: str = ""
    card: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Home:
    """Paths and settings of a node. `settings` holds the free keys of `[node]` (ports, cadence in seconds).

    `former` are the parties with which an agreement came to its end, without cards: their names are still told.
    """

    path: Path
    party: str
    side: str
    name: str
    partners: Mapping[str, Partner]
    settings: Mapping[str, Any] = field(repr=False)
    """Shown nowhere: an address in it may hold a password."""
    former: Mapping[str, Partner] = field(default_factory=dict)

    @classmethod
    def load(cls, path: Path | str) -> Home:
        """Read `node.toml`. Raises HomeError that names what is wrong."""
        folder = Path(path).resolve()
        source = folder / "node.toml"
        try:
            text = source.read_text(encoding="utf-8")
        except (OSError, UnicodeDecodeError) as fault:
            raise HomeError(f"{folder} is no home of a node: no readable node.toml") from fault
        try:
            data = tomllib.loads(text)
            node = data["node"]
            partners = {
                party: Partner(party, p["agreement"], p["name"], p.get("url", ""), p.get("card", {}))
                for party, p in data.get("partner", {}).items()
            }
            former = {
                party: Partner(party, p["agreement"], p["name"])
                for party, p in data.get("former", {}).items()
            }
            free = {k: v for k, v in node.items() if k not in ("party", "side", "name")}
            home = cls(folder, node["party"], node["side"], node["name"], partners, free, former)
        except (ValueError, RecursionError, KeyError, TypeError, AttributeError) as fault:
            raise HomeError(f"{source}: {fault}") from fault
        if home.side not in SIDES:
            raise HomeError(f"{source}: side must be host or partner, not {home.side!r}")
        return home

    @classmethod
    def create(cls, path: Path | str, party: str, side: str, name: str, **settings: Any) -> Home:
        """Make a new home with its key folder (mode 0700). Raises HomeError if one is there already."""
        folder = Path(path).resolve()
        if (folder / "node.toml").exists():
            raise HomeError(f"{folder} is a node's home already")
        if side not in SIDES:
            raise HomeError(f"side must be host or partner, not {side!r}")
        folder.mkdir(parents=True, exist_ok=True)
        folder.chmod(0o700)
        home = cls(folder, party, side, name, {}, settings)
        home.keys.mkdir(mode=0o700, exist_ok=True)
        home.save()
        return home

    def save(self) -> None:
        """Write `node.toml` by an atomic rename, durable on return."""
        tables: list[tuple[str, Mapping[str, Any]]] = [
            ("node", {"party": self.party, "side": self.side, "name": self.name, **self.settings})
        ]
        for p in self.partners.values():
            entry = {"agreement": p.agreement, "name": p.name, "url": p.url}
            tables.append((f"partner.{p.party}", entry))
            if p.card:
                tables.append((f"partner.{p.party}.card", p.card))
        for p in self.former.values():
            tables.append((f"former.{p.party}", {"agreement": p.agreement, "name": p.name}))
        text = "\n".join(f"[{name}]\n" + _lines(values) for name, values in tables)
        temporary = self.path / "node.toml.new"
        with temporary.open("w", encoding="utf-8") as target:
            target.write(text)
            target.flush()
            os.fsync(target.fileno())
        from safeconduct.records.users import permit

        temporary.chmod(0o600)
        permit(self, temporary, self.path / "node.toml")
        temporary.replace(self.path / "node.toml")
        folder = os.open(self.path, os.O_RDONLY | os.O_DIRECTORY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)

    def with_partner(self, partner: Partner) -> Home:
        """The same home that also knows this partner; the caller saves it."""
        partners = {**self.partners, partner.party: partner}
        former = {party: each for party, each in self.former.items() if party != partner.party}
        return replace(self, partners=partners, former=former)

    def without_partner(self, party: str) -> Home:
        """The same home, to which this partner is a former one; the caller saves it."""
        gone = self.partners[party]
        partners = {name: each for name, each in self.partners.items() if name != party}
        former = {**self.former, party: Partner(party, gone.agreement, gone.name)}
        return replace(self, partners=partners, former=former)

    def without(self, *settings: str) -> Home:
        """The same home to somebody who is not to know these settings."""
        kept = {name: value for name, value in self.settings.items() if name not in settings}
        return replace(self, settings=kept)

    @property
    def ledger(self) -> Path:
        return self.path / "ledger.sqlite3"

    @property
    def users(self) -> str:
        """What the names of the users begin with where each process has one of its own (`records.users`), else ""."""
        return str(self.settings.get("users", ""))

    def _apart(self, folder: str) -> Path:
        """A folder for those who share it, in a home whose processes have users of their own."""
        return self.path / folder if self.users else self.path

    @property
    def tables(self) -> Path:
        return self._apart("tables") / "tables.sqlite3"

    @property
    def accounts(self) -> Path:
        return self._apart("accounts") / "accounts.sqlite3"

    @property
    def positions(self) -> Path:
        return self._apart("accounts") / "positions.sqlite3"

    @property
    def notifying(self) -> Path:
        """Where the notifier's own files lie."""
        return self._apart("notifier")

    def link(self, partner: str) -> Path:
        """Where the courier writes down how the link to a partner is."""
        return self.path / "links" / f"{partner}.json" if self.users else self.feed(partner) / "link.json"

    @property
    def database(self) -> str | None:
        """Address of the PostgreSQL database that holds all of the node (`postgresql://…`); None: SQLite files here."""
        return self.settings.get("database")

    @property
    def feeds_database(self) -> str | None:
        """The same for the partners' feeds, another database or another role; None: SQLite files here."""
        return self.settings.get("feeds_database")

    @property
    def keys_database(self) -> str | None:
        """The same for the keys of sealed parts and the list of what was erased, apart from both; None: files here."""
        return self.settings.get("keys_database")

    @property
    def keys(self) -> Path:
        return self.path / "keys"

    @property
    def archive(self) -> Path | None:
        """The folder in which the archived beginning of the ledger lies; None where nothing is archived."""
        place = self.settings.get("archive")
        return self.path / str(place) if place else None

    @property
    def socket(self) -> Path:
        return self.path / "writer.sock"

    @property
    def lock(self) -> Path:
        return self.path / "writer.lock"

    @property
    def restored(self) -> Path:
        """The file that stands from a restore until the writer has erased again what was erased since."""
        return self.path / "restored"

    def feed(self, partner: str) -> Path:
        return self.path / "feeds" / partner

    def book_parties(self, partner: Partner) -> dict[str, str]:
        """Which party ids the words host and partner stand for in the agreement with this partner."""
        if self.side == "host":
            return {"host": self.party, "partner": partner.party}
        return {"host": partner.party, "partner": self.party}


def _lines(values: Mapping[str, Any]) -> str:
    return "".join(f"{_key(k)} = {_value(v)}\n" for k, v in values.items())


def _key(key: str) -> str:
    return key if key.replace("-", "").replace("_", "").isalnum() and key.isascii() else _value(key)


def _value(value: Any) -> str:
    match value:
        case bool():
            return "true" if value else "false"
        case int() | float():
            return repr(value)
        case str():
            return '"' + "".join(_character(c) for c in value) + '"'
        case list() | tuple():
            return "[" + ", ".join(map(_value, value)) + "]"
        case Mapping():
            return "{ " + ", ".join(f"{_key(k)} = {_value(v)}" for k, v in value.items()) + " }"
    raise TypeError(f"node.toml cannot hold {type(value).__name__}")


def _character(character: str) -> str:
    if character in '"\\':
        return "\\" + character
    return f"\\u{ord(character):04x}" if ord(character) < 32 or ord(character) == 127 else character


_LAST_BACKUP = "last-backup"
_LAST_DRILL = "last-restore-drill"


def note_backup(home: Home, folder: Path | None = None) -> None:
    """A backup of this home is complete: a file in it is touched, and says where the backup lies."""
    _note(home, _LAST_BACKUP, str(folder.absolute()) if folder is not None else "")


def last_backup(home: Home) -> float | None:
    """When a backup was last complete, in seconds since 1970; None for never."""
    return _noted(home, _LAST_BACKUP)


def backup_folder(home: Home) -> Path | None:
    """Where the last backup was written to; None where that is not known."""
    try:
        text = (home.path / _LAST_BACKUP).read_text("utf-8").strip()
    except (OSError, ValueError):
        return None
    return Path(text) if text else None


def note_restore_drill(home: Home) -> None:
    """A backup of this home was restored on trial, and all of it held."""
    _note(home, _LAST_DRILL, "")


def last_restore_drill(home: Home) -> float | None:
    """When a restore was last tried and succeeded, in seconds since 1970; None for never."""
    return _noted(home, _LAST_DRILL)


def _note(home: Home, name: str, text: str) -> None:
    from safeconduct.records.users import permit

    draft = home.path / f"{name}.new"
    draft.write_text(text, "utf-8")
    draft.chmod(0o600)
    draft.replace(home.path / name)
    permit(home, home.path / name)


def _noted(home: Home, name: str) -> float | None:
    try:
        return (home.path / name).stat().st_mtime
    except OSError:
        return None
