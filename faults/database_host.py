"""A PostgreSQL server on a host of its own, for nodes that reach it over the network."""

from __future__ import annotations

from pathlib import Path
from urllib.parse import quote

import postgres as test_server
from faults.hosts import Switch

DATABASES = ("database", "feeds_database", "keys_database")


class DatabaseHost(test_server.Server):
    """The server runs in the host's network; whoever prepares or judges reaches it over its socket, too."""

    def __init__(self, folder: Path, at: Switch, name: str) -> None:
        super().__init__(folder)
        self.at, self.name = at, name
        self.prefix = at.prefix(name)

    def settings(self) -> dict[str, str]:
        return {**super().settings(), "listen_addresses": self.at.address(self.name)}

    def _serve(self, **given: str) -> None:
        with (self.folder / "data" / "pg_hba.conf").open("a") as rules:
            rules.write("host all all samenet trust\n")
        super()._serve(**given)

    def addresses(self, names: dict[str, str], here: bool = False) -> dict[str, str]:
        """Settings of a node for these databases: as its machines reach them, or `here`."""
        found = {what: self.reached(name, here=here) for what, name in names.items()}
        return {**found, "database_web": self.reached(names["database"], test_server.WEB, here=here)}

    def reached(self, name: str, role: str = test_server.OWNER, here: bool = False) -> str:
        if here:
            return f"postgresql://{role}@/{name}?host={quote(str(self.folder), safe='')}"
        return f"postgresql://{role}@{self.at.address(self.name)}/{name}?sslmode=disable"
