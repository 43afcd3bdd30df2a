"""Two networks with one cable between them, made by the kernel's namespaces (root), and ways to spoil the cable."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from faults.ground import PARTIES

ADDRESSES = {"pk": "10.213.7.1", "cn": "10.213.7.2"}
NOBODY = "02:00:00:00:00:99"


@dataclass(frozen=True)
class Cable:
    """`spaces` and `ends` are the names of each party's network namespace and interface."""

    spaces: dict[str, str]
    ends: dict[str, str]

    def prefix(self, party: str) -> list[str]:
        """What goes before a command that is to run in the party's network."""
        return ["ip", "netns", "exec", self.spaces[party]]

    def down(self) -> None:
        """The cable is out: whoever sends is told so."""
        self._ip("pk", "link", "set", self.ends["pk"], "down")

    def silent(self, *parties: str) -> None:
        """What these parties send arrives nowhere, and nobody tells them."""
        for party in parties:
            other = ADDRESSES[PARTIES[party]]
            self._ip(
                party,
                "neigh",
                "replace",
                other,
                "lladdr",
                NOBODY,
                "dev",
                self.ends[party],
                "nud",
                "permanent",
            )

    def slow(self) -> None:
        """64 kbit/s each way, as over a satellite telephone."""
        for party in PARTIES:
            self._tc(party, "replace", "tbf", "rate", "64kbit", "burst", "4kb", "latency", "900ms")

    def well(self) -> None:
        """Everything goes through again."""
        for party in PARTIES:
            self._ip(party, "link", "set", self.ends[party], "up")
            other = ADDRESSES[PARTIES[party]]
            _run(
                ["ip", "-n", self.spaces[party], "neigh", "del", other, "dev", self.ends[party]], check=False
            )
            _run(
                ["tc", "-n", self.spaces[party], "qdisc", "del", "dev", self.ends[party], "root"], check=False
            )

    def _ip(self, party: str, *words: str) -> None:
        _run(["ip", "-n", self.spaces[party], *words])

    def _tc(self, party: str, how: str, *words: str) -> None:
        _run(["tc", "-n", self.spaces[party], "qdisc", how, "dev", self.ends[party], "root", *words])


@contextmanager
def cable() -> Iterator[Cable]:
    """Raises RuntimeError, which says what is missing, where the kernel gives no network namespaces."""
    number = os.getpid()
    laid = Cable({p: f"sc-{p}-{number}" for p in PARTIES}, {p: f"sc{p}{number}" for p in PARTIES})
    try:
        for party in PARTIES:
            _run(["ip", "netns", "add", laid.spaces[party]])
            _run(["ip", "-n", laid.spaces[party], "link", "set", "lo", "up"])
        host, partner = PARTIES
        _run([
            "ip", "link", "add", laid.ends[host], "netns", laid.spaces[host], "type", "veth",
            "peer", "name", laid.ends[partner], "netns", laid.spaces[partner],
        ])  # fmt: skip
        for party, address in ADDRESSES.items():
            _run(["ip", "-n", laid.spaces[party], "addr", "add", f"{address}/24", "dev", laid.ends[party]])
        laid.well()
        yield laid
    finally:
        for space in laid.spaces.values():
            _run(["ip", "netns", "del", space], check=False)


def _run(command: list[str], check: bool = True) -> None:
    try:
        done = subprocess.run(command, capture_output=True, text=True, check=False)
    except FileNotFoundError as fault:
        raise RuntimeError(f"{command[0]} is missing: install the package iproute2") from fault
    if check and done.returncode:
        raise RuntimeError(
            f"no network namespaces here: {' '.join(command)}: {done.stderr.strip()}. They need root and a kernel with "
            "CONFIG_NET_NS and veth."
        )
