"""`safeconduct` without the second that Python takes to load it: each command is a fork of one process that has.

`python ready_shell.py SOCKET` loads the program once. `command(folder, socket)` writes an executable `safeconduct`
that hands its arguments, its environment and its three streams to that process and ends as the command ended.
"""

from __future__ import annotations

import ctypes
import json
import os
import signal
import socket
import sys
from pathlib import Path

SUBREAPER = 36
"""PR_SET_CHILD_SUBREAPER: what a node's process leaves behind when it ends is cleared away here."""

SHIM = """#!{python} -IS
import json, os, socket, sys
with socket.socket(socket.AF_UNIX) as to:
    to.connect({socket!r})
    asked = json.dumps({{"arguments": sys.argv[1:], "folder": os.getcwd(), "environment": dict(os.environ)}}).encode()
    socket.send_fds(to, [len(asked).to_bytes(4, "big")], [0, 1, 2])
    to.sendall(asked)
    code = to.recv(1)
os._exit(code[0] if code else 70)
"""


def command(folder: Path, at: Path) -> Path:
    """Write the executable `safeconduct` into a folder."""
    shim = folder / "safeconduct"
    shim.write_text(SHIM.format(python=sys.executable, socket=str(at)))
    shim.chmod(0o755)
    return shim


def _load() -> None:
    import importlib
    import pkgutil

    import django

    import safeconduct

    django.setup()
    for module in pkgutil.walk_packages(safeconduct.__path__, "safeconduct."):
        if not module.name.endswith(("__main__", ".asgi")) and ".migrations" not in module.name:
            importlib.import_module(module.name)


def _answer(client: socket.socket) -> None:
    """Run one command in this process, which is a fork for it alone."""
    head, streams, _, _ = socket.recv_fds(client, 4, 3)
    size, asked = int.from_bytes(head, "big"), b""
    while len(asked) < size:
        asked += client.recv(size - len(asked))
    given = json.loads(asked)
    for number, stream in enumerate(streams):
        os.dup2(stream, number)
        os.close(stream)
    os.chdir(given["folder"])
    os.environ.clear()
    os.environ.update(given["environment"])
    code = _run(given["arguments"])
    for stream in (sys.stdout, sys.stderr):
        stream.flush()
    client.sendall(bytes([code]))
    os._exit(0)


def _run(arguments: list[str]) -> int:
    try:
        if arguments[:1] == ["process"]:
            return _process(arguments[1])
        from safeconduct.node.cli import main

        _point_databases(Path(_home(arguments)))
        main(arguments, prog_name="safeconduct", standalone_mode=True)
    except SystemExit as end:
        return end.code if isinstance(end.code, int) else int(end.code is not None)
    except BaseException:
        import traceback

        traceback.print_exc()
        return 70
    return 0


def _process(name: str) -> int:
    """One process of a node, as `serve` starts it: it goes on by itself, and its number stands in the file `pids`."""
    from safeconduct.node.processes import PROCESSES, allow_files
    from safeconduct.records.home import Home

    if os.fork():
        return 0
    os.setsid()
    with Path("pids").open("a") as numbers:
        numbers.write(f"{os.getpid()}\n")
    home = Home.load(os.environ["SAFECONDUCT_HOME"])
    allow_files()
    _point_databases(home.path)
    try:
        PROCESSES[name](home)
    except BaseException:
        import traceback

        traceback.print_exc()
    os._exit(0)


def _home(arguments: list[str]) -> str:
    for position, word in enumerate(arguments):
        if word == "--home":
            return arguments[position + 1]
    return os.environ.get("SAFECONDUCT_HOME", "/nonexistent")


def _point_databases(home: Path) -> None:
    """Those that its node.toml names; files for one that is still to be made."""
    from django.db import connections

    from safeconduct.node.databases import databases
    from safeconduct.records.home import Home

    found = Home.load(home) if (home / "node.toml").exists() else Home(home, "", "host", "", {}, {})
    for alias, settings in connections.configure_settings(databases(found, "cli")).items():
        connections.settings[alias] = settings
        if hasattr(connections._connections, alias):
            del connections[alias]


def serve(at: str) -> None:
    _load()
    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind(at)
        listening.listen(64)
        signal.signal(signal.SIGCHLD, signal.SIG_IGN)
        ctypes.CDLL(None).prctl(SUBREAPER, 1, 0, 0, 0)
        print("loaded", flush=True)
        while True:
            client, _ = listening.accept()
            if os.fork() == 0:
                signal.signal(signal.SIGCHLD, signal.SIG_DFL)
                listening.close()
                _answer(client)
            client.close()


if __name__ == "__main__":
    serve(sys.argv[1])
