"""Two paired nodes with everybody on them whom the design's sizes need, and the requests in which these people speak.

Devices on journeys, whoever answers a muster, travellers who call for help, a watch officer of each room at a screen, a
program that reads journeys. All is on record before anything is measured.
"""

from __future__ import annotations

import argparse
import base64
import json
import os
import secrets
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field, replace
from datetime import timedelta
from pathlib import Path
from typing import Any

from bench.asking import request
from bench.muster import People, _prepare
from bench.nodes import Node, folder_for_homes, free_port, point, two_homes
from bench.positions import _devices
from bench.sos import _sessions
from safeconduct.node.django_start import start_django
from safeconduct.records.home import Home

API_RATE = 100_000_000
"""Requests a minute and token: here the node is to be the limit, and not the allowance."""


@dataclass
class World:
    """`host` and `partner` are homes that may be started; the rest is who is there."""

    host: Home
    partner: Home
    devices: list[tuple[str, str]] = field(default_factory=list)
    """(credential, movement), at the Partner's node"""
    people: People = field(default_factory=lambda: People(""))
    """who answers the muster, at the Partner's node"""
    travellers: list[str] = field(default_factory=list)
    """sessions of those who may call for help, at the Partner's node"""
    screens: dict[str, str] = field(default_factory=dict)
    """by side, the session of a watch officer"""
    program: str = ""
    """a token that reads at the Partner's node"""

    def homes(self) -> dict[str, Home]:
        return {"host": self.host, "partner": self.partner}


def make(folder: Path, devices: int, names: int, travellers: int) -> None:
    """Prepare such a world in an empty folder, to be copied by `world`; it takes a while."""
    with two_homes() as (host, partner):
        made = World(_settled(host), _settled(partner))
        (made.screens["host"],) = _sessions(made.host, "watch_officer")
        node = Node(made.partner.path)
        with node.active():
            made.devices = _devices(node, devices)
        node.close()
        made.travellers = _sessions(made.partner, "protected_person", travellers)
        made.people = _prepare(Node(made.partner.path), made.partner, names)
        made.screens["partner"], made.program = _reader(made.partner)
        told = {
            "devices": made.devices,
            "people": asdict(made.people),
            "travellers": made.travellers,
            "screens": made.screens,
            "program": made.program,
        }
        for side, home in made.homes().items():
            shutil.copytree(home.path, folder / side, ignore=shutil.ignore_patterns("*.sock"))
    (folder / "world.json").write_text(json.dumps(told))


@contextmanager
def world(made: Path, databases: Mapping[str, Mapping[str, str]], **settings: Any) -> Iterator[World]:
    """A copy of what `make` prepared, gone afterwards. `databases` are, by side, the settings of a home that moves to
    PostgreSQL; `settings` go into both node.toml."""
    told = json.loads((made / "world.json").read_text())
    people = People(**told.pop("people"))
    with folder_for_homes() as folder:
        homes = {}
        exchange = {side: free_port() for side in ("host", "partner")}
        for side, other in (("host", "partner"), ("partner", "host")):
            shutil.copytree(made / side, folder / side)
            home = Home.load(folder / side)
            (party,) = home.partners
            known = replace(home.partners[party], url=f"https://127.0.0.1:{exchange[other]}")
            given = {**home.settings, "exchange_port": exchange[side], "port": free_port(), **settings}
            homes[side] = replace(home, partners={party: known}, settings=given)
            homes[side].save()
            if databases.get(side):
                _moved(homes[side], databases[side])
                homes[side] = Home.load(folder / side)
        from django.apps import apps

        if not apps.ready:
            start_django(homes["host"])
        yield World(homes["host"], homes["partner"], people=people, **told)


def _moved(home: Home, to: Mapping[str, str]) -> None:
    command = [sys.executable, "-m", "safeconduct", "--home", str(home.path), "move", "--to", to["database"]]
    environment = {name: value for name, value in os.environ.items() if not name.startswith("SAFECONDUCT")}
    done = subprocess.run(
        [*command, "--web", to["database_web"]], env=environment, capture_output=True, text=True, check=False
    )
    if done.returncode:
        raise RuntimeError(f"{home.party} did not move to PostgreSQL: {done.stderr}")


def _settled(home: Home) -> Home:
    told = {**home.settings, "second_factor": "optional", "port": free_port(), "api_rate": API_RATE}
    changed = replace(home, settings=told)
    changed.save()
    return changed


def _reader(home: Home) -> tuple[str, str]:
    """(session, token) of a watch officer, who reads journeys with all of their parts."""
    from django.db import connections
    from django.utils import timezone

    from safeconduct.people import tokens
    from safeconduct.people.models import Account

    (session,) = _sessions(home, "watch_officer")
    point(home)
    node = Node(home.path)
    with node.active():
        account = Account.objects.get(username="watch-officer-0")
        soon = timezone.now() + timedelta(days=2)
        token = tokens.issue(account, "measuring", ["watch_officer"], "read", soon)[1]
    node.close()
    connections["default"].close()
    return session, token


# --- what they say -----------------------------------------------------------------------------------------


def signed(home: Home, session: str) -> list[str]:
    """The headers of a browser or phone with that session."""
    name, token = f"sc_{home.party}_{home.settings['port']}", secrets.token_hex(16)
    return [f"Cookie: {name}_session={session}; {name}_csrf={token}", f"X-CSRFToken: {token}"]


def position(credential: str, at: float) -> bytes:
    """A fix of a device (OwnTracks over HTTP), at whole seconds since 1970."""
    said = f"Authorization: Basic {base64.b64encode(f':{credential}'.encode()).decode()}"
    fix = {"_type": "location", "lat": 24.95, "lon": 67.1, "acc": 9, "tst": int(at), "vel": 36, "tid": "d"}
    return request("/field/owntracks", json.dumps(fix).encode(), said)


def reply(home: Home, session: str, entry: str, state: str = "accounted") -> bytes:
    """An answer to a muster from a phone."""
    body = json.dumps({"category": state}).encode()
    return request(f"/watch/musters/entries/{entry}/", body, *signed(home, session))


def press(home: Home, session: str, key: str, **said: Any) -> bytes:
    """A call for help from a phone; `key` is drawn when it is pressed."""
    body = {"key": key, "latitude": 24.9, "longitude": 67.1, "accuracy_m": 12, **said}
    return request("/watch/sos/raise/", json.dumps(body).encode(), *signed(home, session))


def reading(world: World, number: int) -> bytes:
    """A program reads a journey with the parts whose reading the ledger must note first."""
    movement = world.devices[number % len(world.devices)][1]
    said = f"Authorization: Bearer {world.program}"
    return request(f"/api/v1/movements/{movement}", b"", said, method="GET")


@dataclass(frozen=True)
class Running:
    """A node at work, and how many seconds it took until its pages answered."""

    node: Any
    took: float


@contextmanager
def running(home: Home, *names: str) -> Iterator[Running]:
    """These processes of a node (all that measure anything unless given), up and answering."""
    from safeconduct.node import processes

    os.environ.pop("SAFECONDUCT_PROCESS", None)
    node = processes.Node(home)
    chosen = names or ("writer", "feed", "web", "courier")
    begun = time.perf_counter()
    try:
        node.start(chosen, timeout=300)
        if "web" in chosen:
            node.ready(timeout=300)
        yield Running(node, time.perf_counter() - begun)
    finally:
        node.stop()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path, help="an empty folder")
    parser.add_argument("--devices", type=int, default=120)
    parser.add_argument("--names", type=int, default=400)
    parser.add_argument("--travellers", type=int, default=120)
    given = parser.parse_args()
    given.folder.mkdir(exist_ok=True)
    make(given.folder, given.devices, given.names, given.travellers)


if __name__ == "__main__":
    main()
