"""A node's home: the folder that holds one party's configuration, databases and keys."""

from __future__ import annotations

import os
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
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
    """Paths and settings of a node. `settings` holds the free keys of `[node]` (ports, cadence in seconds)."""

    path: Path
    party: str
    side: str
    name: str
    partners: Mapping[str, Partner]
    settings: Mapping[str, Any]

    @classmethod
    def load(cls, path: Path | str) -> Home:
        """Read `node.toml`. Raises HomeError that names what is wrong."""
        folder = Path(path).resolve()
        source = folder / "node.toml"
        try:
            text = source.read_text(encoding="utf-8")
        except OSError as fault:
            raise HomeError(f"{folder} is no home of a node: no readable node.toml") from fault
        try:
            data = tomllib.loads(text)
            node = data["node"]
            partners = {
                party: Partner(party, p["agreement"], p["name"], p.get("url", ""), p.get("card", {}))
                for party, p in data.get("partner", {}).items()
            }
            free = {k: v for k, v in node.items() if k not in ("party", "side", "name")}
            home = cls(folder, node["party"], node["side"], node["name"], partners, free)
        except (tomllib.TOMLDecodeError, KeyError, TypeError, AttributeError) as fault:
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
        """Write `node.toml` by an atomic rename."""
        tables: list[tuple[str, Mapping[str, Any]]] = [
            ("node", {"party": self.party, "side": self.side, "name": self.name, **self.settings})
        ]
        for p in self.partners.values():
            entry = {"agreement": p.agreement, "name": p.name, "url": p.url}
            tables.append((f"partner.{p.party}", entry))
            if p.card:
                tables.append((f"partner.{p.party}.card", p.card))
        text = "\n".join(f"[{name}]\n" + _lines(values) for name, values in tables)
        temporary = self.path / "node.toml.new"
        with temporary.open("w", encoding="utf-8") as target:
            target.write(text)
            target.flush()
            os.fsync(target.fileno())
        temporary.chmod(0o600)
        temporary.replace(self.path / "node.toml")

    def with_partner(self, partner: Partner) -> Home:
        """The same home that also knows this partner; the caller saves it."""
        partners = {**self.partners, partner.party: partner}
        return Home(self.path, self.party, self.side, self.name, partners, self.settings)

    @property
    def ledger(self) -> Path:
        return self.path / "ledger.sqlite3"

    @property
    def tables(self) -> Path:
        return self.path / "tables.sqlite3"

    @property
    def accounts(self) -> Path:
        return self.path / "accounts.sqlite3"

    @property
    def keys(self) -> Path:
        return self.path / "keys"

    @property
    def socket(self) -> Path:
        return self.path / "writer.sock"

    @property
    def lock(self) -> Path:
        return self.path / "writer.lock"

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
