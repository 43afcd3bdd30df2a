"""Several machines on one switch, made by the kernel's namespaces (root), each with a cable that can be pulled."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

from faults.network import _run

NET = "10.213.9"


@dataclass(frozen=True)
class Switch:
    """`number` tells one switch of this machine from another; `names` are the hosts on it, in the order of their
    addresses."""

    number: int
    names: tuple[str, ...]

    def address(self, name: str) -> str:
        return f"{NET}.{self.names.index(name) + 1}"

    def space(self, name: str) -> str:
        return f"sc-{name}-{self.number}"

    def prefix(self, name: str) -> list[str]:
        """What goes before a command that is to run on a host."""
        return ["ip", "netns", "exec", self.space(name)]

    def pull(self, name: str) -> None:
        """Its cable is out at the switch: what it sends goes nowhere, and nobody tells it."""
        self._port(name, "down")

    def plug(self, name: str) -> None:
        self._port(name, "up")

    def _port(self, name: str, state: str) -> None:
        _run(["ip", "-n", self.space("switch"), "link", "set", f"to-{name}", state])


@contextmanager
def switch(names: Sequence[str]) -> Iterator[Switch]:
    """Raises RuntimeError, which says what is missing, where the kernel gives no network namespaces."""
    made = Switch(os.getpid(), tuple(names))
    hub = made.space("switch")
    try:
        for name in ("switch", *names):
            _run(["ip", "netns", "add", made.space(name)])
            _run(["ip", "-n", made.space(name), "link", "set", "lo", "up"])
        _run(["ip", "-n", hub, "link", "add", "bridge", "type", "bridge", "stp_state", "0"])
        _run(["ip", "-n", hub, "link", "set", "bridge", "up"])
        for name in names:
            space = made.space(name)
            end = ["ip", "link", "add", "eth", "netns", space, "type", "veth"]
            _run([*end, "peer", "name", f"to-{name}", "netns", hub])
            _run(["ip", "-n", hub, "link", "set", f"to-{name}", "master", "bridge", "up"])
            _run(["ip", "-n", space, "addr", "add", f"{made.address(name)}/24", "dev", "eth"])
            _run(["ip", "-n", space, "link", "set", "eth", "up"])
        yield made
    finally:
        for name in ("switch", *names):
            _run(["ip", "netns", "del", made.space(name)], check=False)
