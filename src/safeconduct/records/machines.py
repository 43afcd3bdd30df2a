"""The machines of one party, as node.toml says of them.

`machine = "b"` is this one, `doors = ["10.0.0.1:9101", ...]` are the addresses where a writer may answer,
`door_address` and `door_port` where one of this machine would, `processes = ["web", "field"]` what runs here. Without
`doors` the node lives on one machine.
"""

from __future__ import annotations

import re

from safeconduct.records.home import Home, HomeError

Address = tuple[str, int]
MACHINE = re.compile(r"[a-z][a-z0-9-]{0,31}")
_ADDRESS = re.compile(r"(?:\[([0-9a-fA-F:.]{2,45})\]|([A-Za-z0-9.-]{1,253})):([1-9][0-9]{0,4})")


def several(home: Home) -> bool:
    """Whether the node lives on several machines."""
    return bool(home.settings.get("doors"))


def machine_name(home: Home) -> str:
    """What this machine is called. Raises HomeError for a name that is none."""
    name = home.settings.get("machine", "")
    if not isinstance(name, str) or not MACHINE.fullmatch(name):
        raise HomeError("node.toml: machine is 1 to 32 of a-z, 0-9 and -, beginning with a letter")
    return name


def doors(home: Home) -> tuple[Address, ...]:
    """Where a writer of this party may answer. Raises HomeError for an address that is none."""
    given = home.settings.get("doors", ())
    if not isinstance(given, list | tuple):
        raise HomeError('node.toml: doors is a list such as ["10.0.0.1:9101", "10.0.0.2:9101"]')
    return tuple(map(address, given))


def address(text: object) -> Address:
    """(host, port) of `host:port`. Raises HomeError."""
    found = _ADDRESS.fullmatch(text) if isinstance(text, str) else None
    if found is None or int(found[3]) > 65535:
        raise HomeError("node.toml: an address of doors is host:port")
    return found[1] or found[2], int(found[3])


def listens(home: Home) -> Address | None:
    """Where the door of this machine's writer is; None on a machine that may not hold the sequencer."""
    port = home.settings.get("door_port")
    if port is None:
        return None
    if not isinstance(port, int) or not 0 < port < 65536:
        raise HomeError("node.toml: door_port is a port")
    return str(home.settings.get("door_address", "127.0.0.1")), port


def refuse_without_door(home: Home) -> None:
    """Raises HomeError on a machine that may not hold the sequencer, or whose files another one would need."""
    if not several(home):
        return
    if listens(home) is None:
        raise HomeError("this machine holds no sequencer: node.toml has `doors`, but no `door_port`")
    lacking = [name for name in SHARED if not home.settings.get(name)]
    if lacking:
        raise HomeError(
            f"a sequencer that moves between machines keeps nothing in the files of one: node.toml lacks "
            f"{', '.join(lacking)}"
        )


SHARED = ("database", "feeds_database", "keys_database")
"""Settings without which something that a writer needs would lie in one machine's files."""
