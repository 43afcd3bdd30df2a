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

    def _serve(self) -> None:
        with (self.folder / "data" / "pg_hba.conf").open("a") as rules:
            rules.write("host all all samenet trust\n")
        given = {**test_server._SETTINGS, "listen_addresses": f"'{self.at.address(self.name)}'"}
        options = " ".join(f"-c {name}={value}" for name, value in given.items())
        command = f"{options} -c unix_socket_directories={self.folder}"
        log = self.folder / "log"
        test_server._run(
            ["pg_ctl", "start", "-w", "-s", "-D", f"{self.folder}/data", "-l", str(log), "-o", command],
            self.folder,
            self.at.prefix(self.name),
        )

    def addresses(self, names: dict[str, str], here: bool = False) -> dict[str, str]:
        """Settings of a node for these databases: as its machines reach them, or `here`."""
        found = {what: self.reached(name, here=here) for what, name in names.items()}
        return {**found, "database_web": self.reached(names["database"], test_server.WEB, here=here)}

    def reached(self, name: str, role: str = test_server.OWNER, here: bool = False) -> str:
        if here:
            return f"postgresql://{role}@/{name}?host={quote(str(self.folder), safe='')}"
        return f"postgresql://{role}@{self.at.address(self.name)}/{name}?sslmode=disable"
