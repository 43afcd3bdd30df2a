"""Two nodes on this machine, each of whose processes has a user of its own, as an installation has them."""

from __future__ import annotations

import json
import os
import secrets
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import ready
from exchange.nodes import FIRST, Node, agree, create, own_connections, pair, propose_first
from safeconduct.node import processes
from safeconduct.node.installing import give_away, make_users
from safeconduct.records.home import Home
from safeconduct.records.users import GROUPS, PROCESSES

PASSWORD = secrets.token_urlsafe(18)


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def until(condition: Callable[[], Any], seconds: float = 120) -> Any:
    end = time.monotonic() + seconds
    while not (found := condition()):
        assert time.monotonic() < end, "in vain"
        time.sleep(0.1)
    return found


def paired(prepared: Path) -> Path:
    """The homes of `pk` and `cn`, paired, with a clause about incidents agreed; made once in a run."""

    def fill(folder: Path) -> None:
        with own_connections():
            pair(create(folder, prepared, "pk", "host"), create(folder, prepared, "cn", "partner"), "pk-cn")
            host, partner = Node(folder / "pk"), Node(folder / "cn")
            propose_first(host, folder, "pk-cn")
            agree(host, partner, folder, "pk-cn", FIRST)
            host.close()
            partner.close()
        for party in ("pk", "cn"):
            shutil.copyfile(prepared / "accounts.sqlite3", folder / party / "accounts.sqlite3")

    return ready.shared("two-parties", fill)


def ported(path: Path, ports: dict[str, int], **settings: Any) -> Home:
    """The home with ports that are free now, and its partner's address."""
    home = Home.load(path)
    partners = {
        party: replace(known, url=f"https://127.0.0.1:{ports[party]}")
        for party, known in home.partners.items()
    }
    given = {
        **home.settings,
        "port": free_port(),
        "exchange_port": ports[home.party],
        "mqtt_port": free_port(),
        "second_factor": "optional",
        **settings,
    }
    made = Home(home.path, home.party, home.side, home.name, partners, given)
    made.save()
    return made


@contextmanager
def users_made() -> Iterator[str]:
    """Users and groups of a name that nobody else on this machine has; they are gone afterwards."""
    users = f"sctest{secrets.token_hex(3)}"
    try:
        make_users(users)
        yield users
    finally:
        for process in PROCESSES:
            subprocess.run(["userdel", f"{users}-{process}"], capture_output=True, check=False)
        for group in GROUPS:
            name = users if group == "home" else f"{users}-{group}"
            subprocess.run(["groupdel", name], capture_output=True, check=False)


@contextmanager
def program_open_to_all() -> Iterator[None]:
    """Other users may pass the folders above this program, as above /opt; what was changed is changed back."""
    above = {*Path(sys.executable).parents, *Path(os.path.realpath(sys.executable)).parents}
    above |= set(Path(__file__).resolve().parents)
    with ExitStack() as after:
        for folder in above:
            mode = folder.stat().st_mode & 0o7777
            if not mode & 0o001:
                folder.chmod(mode | 0o001)
                after.callback(folder.chmod, mode)
        yield


@contextmanager
def installed(prepared: Path) -> Iterator[tuple[Home, Home]]:
    """The homes of `pk` and `cn`, given to their users; nothing runs yet."""
    made = paired(prepared)
    folder = Path(tempfile.mkdtemp(prefix="installed-"))
    folder.chmod(0o711)
    try:
        with users_made() as users, program_open_to_all():
            ports = {"pk": free_port(), "cn": free_port()}
            homes = []
            for party in ("pk", "cn"):
                shutil.copytree(made / party, folder / party)
                home = ported(folder / party, ports)
                give_away(home, users)
                homes.append(Home.load(home.path))
            yield homes[0], homes[1]
    finally:
        shutil.rmtree(folder)


def command(home: Home, process: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    """A `safeconduct` command as the user of a process."""
    return subprocess.run(
        [
            sys.executable,
            "-c",
            "from safeconduct.node.cli import main; main()",
            "--home",
            str(home.path),
            *arguments,
        ],
        cwd="/",
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, "SAFECONDUCT_HOME": str(home.path)},
        **processes.as_user(home, process),
    )


_OPENS = """
import json, os, sys
found = {}
for path in json.load(sys.stdin):
    for way, flags in (("r", os.O_RDONLY), ("w", os.O_WRONLY)):
        try:
            os.close(os.open(path, flags | os.O_NONBLOCK))
        except OSError as fault:
            found[path + ":" + way] = fault.strerror
        else:
            found[path + ":" + way] = ""
print(json.dumps(found))
"""


def opens(home: Home, process: str) -> dict[str, str]:
    """What the user of a process gets of each file of the home: place -> "", "r" or "rw"."""
    files = [path for path in home.path.rglob("*") if path.is_file() and not path.is_symlink()]
    places = {path.relative_to(home.path).as_posix(): str(path) for path in files}
    said = subprocess.run(
        [sys.executable, "-I", "-c", _OPENS],
        input=json.dumps(list(places.values())),
        cwd="/",
        capture_output=True,
        text=True,
        check=True,
        **processes.as_user(home, process),
    )
    got = json.loads(said.stdout)
    return {place: "".join(way for way in "rw" if not got[f"{path}:{way}"]) for place, path in places.items()}


_ASKS = """
import json, socket, sys
with socket.socket(socket.AF_UNIX) as door:
    door.settimeout(60)
    try:
        door.connect(sys.argv[1])
    except PermissionError:
        print(json.dumps({"error": "no door"}))
        raise SystemExit
    stream = door.makefile("rwb")
    for line in sys.argv[2:]:
        stream.write(line.encode() + b"\\n")
        stream.flush()
        print(stream.readline().decode() or "closed")
"""


def asks(home: Home, process: str, *lines: dict[str, Any]) -> list[str]:
    """What the writer answers to these lines when the user of a process writes them to its socket."""
    said = subprocess.run(
        [sys.executable, "-I", "-c", _ASKS, str(home.socket), *map(json.dumps, lines)],
        cwd="/",
        capture_output=True,
        text=True,
        check=True,
        **processes.as_user(home, process),
    )
    return said.stdout.split("\n")[:-1]
