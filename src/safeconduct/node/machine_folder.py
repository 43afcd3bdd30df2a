"""The folder that is carried to another machine of the party: a home with what its processes need, and no more.

What a process may read of a home is what `records.users` says, on one machine and on several.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from safeconduct.ledger.keys import create_private
from safeconduct.node.following import FOLLOWING
from safeconduct.node.machine_authority import Issued, authority_pem
from safeconduct.notify.channels import FILE as CHANNELS
from safeconduct.records.door_tls import folder
from safeconduct.records.home import Home, HomeError
from safeconduct.records.machines import Address
from safeconduct.records.users import GROUPS, access_of

_CARRIED = ("keys/", "tls/", "roads/", "response/")
_STAYS = ("keys/parts", "keys/erased", "tls/authority.key", "keys/door/")
_OF_WRITERS = ("feeds_database", "keys_database", "keys_database_feed", "keys")
_OF_MACHINES = ("users", "door_address", "door_port")


def lay_out(
    home: Home,
    target: Path,
    machine: str,
    processes: Collection[str],
    door: Address | None,
    issued: Sequence[Issued],
) -> Home:
    """Fill an empty folder. Raises HomeError where it is not empty, or a process could not work there."""
    if target.exists() and any(target.iterdir()):
        raise HomeError(f"{target} is not empty")
    settings = _settings(home, machine, processes, door)
    target.mkdir(mode=0o700, parents=True, exist_ok=True)
    target.chmod(0o700)
    carried = replace(home, path=target.resolve(), settings=settings)
    for source, place in _files(home, processes):
        _put(carried.path / place, source.read_bytes())
    at_doors = folder(carried)
    for each in issued:
        _put(at_doors / f"{each.process}.pem", each.certificate)
        _put(at_doors / f"{each.process}.key", each.key)
    _put(at_doors / "authority.pem", authority_pem(home))
    carried.save()
    return carried


def _settings(home: Home, machine: str, processes: Collection[str], door: Address | None) -> dict[str, Any]:
    kept = {name: value for name, value in home.settings.items() if name not in _OF_MACHINES}
    if "writer" in processes:
        if door is None:
            raise HomeError("a machine that may hold the sequencer has a door: --door HOST:PORT")
        kept |= {"door_address": door[0], "door_port": door[1]}
    else:
        if door is not None or set(processes) & set(FOLLOWING):
            raise HomeError(f"a door and {', '.join(FOLLOWING)} are where a writer is: name it, too")
        if not home.settings.get("database_web"):
            raise HomeError(
                "node.toml lacks database_web: a machine of pages is not given the writer's own role"
            )
        kept = {name: value for name, value in kept.items() if name not in _OF_WRITERS}
        kept["database"] = kept["database_web"]
    if "web" not in processes:
        kept.pop("oidc", None)
    return {**kept, "machine": machine, "processes": sorted(processes)}


def _files(home: Home, processes: Collection[str]) -> Iterator[tuple[Path, str]]:
    """What the processes may read, and where it lies there."""
    for top in _CARRIED:
        for path in sorted((home.path / top).rglob("*")):
            place = path.relative_to(home.path).as_posix()
            readers = GROUPS[access_of(place, folder=False).group]
            if path.is_symlink() or not path.is_file() or place.startswith(_STAYS):
                continue
            if set(readers) & set(processes):
                yield path, place
    others = [("web", "metrics.token")]
    signs_on = home.settings.get("oidc")
    if isinstance(signs_on, dict):
        others += [("web", str(signs_on[name])) for name in ("secret_file", "ca") if name in signs_on]
    for process, place in others:
        if process in processes and (home.path / place).is_file():
            yield home.path / place, place
    if "notifier" in processes and (home.notifying / CHANNELS).is_file():
        yield home.notifying / CHANNELS, CHANNELS


def _put(path: Path, content: bytes) -> None:
    _private_folder(path.parent)
    create_private(path, content)


def _private_folder(path: Path) -> None:
    """As `mkdir` with parents, which would leave those to the umask."""
    if not path.exists():
        _private_folder(path.parent)
        path.mkdir(mode=0o700)
