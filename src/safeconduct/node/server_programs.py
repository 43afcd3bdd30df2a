"""PostgreSQL's own programs for its server, and as whom they run.

The server refuses to run as root. Where root asks, its programs run as the user PROGRAMS_USER, who owns what they make.
"""

from __future__ import annotations

import os
import pwd
import shutil
import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from safeconduct.records.home import HomeError

PROGRAMS_USER = "postgres"
BESIDE = "/usr/lib/postgresql"
"""Debian keeps the programs of each version there, out of the path."""


def program(name: str, version: int) -> str:
    """The path of a program of this major version. Raises HomeError, with the version that is there instead."""
    found = [Path(f"{BESIDE}/{version}/bin/{name}")]
    if in_path := shutil.which(name):
        found.append(Path(in_path))
    there = {}
    for path in filter(Path.exists, found):
        there[path] = _version(path)
        if there[path] == version:
            return str(path)
    if there:
        others = ", ".join(str(each) for each in sorted(set(there.values())))
        raise HomeError(f"{name} of PostgreSQL {version} is needed, and here is that of {others}")
    raise HomeError(f"{name} of PostgreSQL {version} is not installed (Debian: postgresql-{version})")


def _version(path: Path) -> int:
    """ "pg_ctl (PostgreSQL) 15.14 (Debian 15.14-0)": 15; 0 for what does not say."""
    done = subprocess.run([path, "--version"], capture_output=True, text=True, check=False)
    words = done.stdout.partition(") ")[2].split()
    major = words[0].partition(".")[0] if words else ""
    return int(major) if major.isdecimal() else 0


def servant() -> tuple[int, int] | None:
    """User and group that the server's programs run as instead of this one; None where this one will do."""
    if os.geteuid() != 0:
        return None
    try:
        found = pwd.getpwnam(PROGRAMS_USER)
    except KeyError:
        raise HomeError(
            f"PostgreSQL's server does not run as root, and this machine has no user {PROGRAMS_USER}"
        ) from None
    return found.pw_uid, found.pw_gid


def owned(path: Path) -> None:
    """Hand what this process made, a folder with all that is in it, to whom the server runs as."""
    if (who := servant()) is None:
        return
    os.chown(path, *who)
    for folder, folders, files in os.walk(path):
        for name in (*folders, *files):
            os.chown(Path(folder, name), *who, follow_symlinks=False)


def run(command: list[str], folder: Path, environment: Mapping[str, str] | None = None) -> str:
    """Run a program as the server would run; what it said. Raises HomeError with the last line that it said."""
    who = servant()
    as_servant: dict[str, Any] = {} if who is None else {"user": who[0], "group": who[1], "extra_groups": []}
    done = subprocess.run(
        command,
        cwd=folder,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        env={"PATH": os.environ.get("PATH", ""), "LC_ALL": "C", **(environment or {})},
        check=False,
        **as_servant,
    )
    if done.returncode:
        last = (done.stdout.strip().splitlines() or ["it says nothing"])[-1]
        raise HomeError(f"{Path(command[0]).name}: {last}")
    return str(done.stdout)
