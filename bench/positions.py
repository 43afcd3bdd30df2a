"""Position reports acknowledged after they are durable, from devices (OwnTracks) and phones, over HTTP.

A running node: its web process has one core to itself, the client and the writer, which hears of every position, share
the other. Single reports: one in a request. Batches: a hundred in a request, against SQLite bare: the same rows into
the same table, a transaction to each group, no HTTP and nobody asked.
"""

from __future__ import annotations

import argparse
import asyncio
import base64
import json
import os
import sqlite3
import tempfile
import time
from collections.abc import Iterator
from itertools import chain
from pathlib import Path
from typing import Any

from bench.asking import Answers, ask_all, request
from bench.measure import heading
from bench.nodes import Node, one_node
from bench.sos import _running, _settled
from safeconduct.records.home import Home

AIM_SINGLE, AIM_BATCHES = 5_000, 0.5
SECONDS_BACK = 40_000
CONNECTIONS = 32
SINGLES = 20
"""Single reports of each phone: with the batches no more than it may send at once."""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--reports", type=int, default=60_000, help="single reports of devices")
    parser.add_argument("--devices", type=int, default=64, help="connections, each a device on a journey")
    parser.add_argument("--phones", type=int, default=600, help="phones on a journey each")
    parser.add_argument("--batch", type=int, default=100)
    parser.add_argument("--pairs", type=int, default=3)
    given = parser.parse_args()
    heading(f"{given.reports:,} single reports of {given.devices} devices, {given.phones} phones")
    with one_node("partner") as node:
        home = node.home
        devices = _devices(node, given.devices)
        phones = _phones(node, given.phones)
        node.close()
        home = _settled(home)
        with _running(home):
            _pinned(home)
            port = int(home.settings["port"])
            singles(home, port, devices, given.reports)
            of_phones(home, port, phones, given.batch, given.pairs)


def singles(home: Home, port: int, devices: list[tuple[str, str]], reports: int) -> None:
    each = reports // len(devices)
    begun = time.time() - SECONDS_BACK
    streams = [_reports(secret, begun, each) for secret, _ in devices]
    used = _cpu(home)
    answers = asyncio.run(ask_all(port, streams))
    spent = zip(_cpu(home), used, strict=True)
    web, writer = (f"{100 * (after - before) / answers.seconds:.0f} %" for after, before in spent)
    _line("single reports, devices", answers, f"aim {AIM_SINGLE:,}/s")
    kept = _kept(home)
    print(f"   of a core: web {web}, writer {writer}; {kept:,} of {each * len(devices):,} kept")
    if kept != answers.statuses.get(200, 0):
        raise SystemExit("what was acknowledged is not what is kept")


def of_phones(home: Home, port: int, phones: list[tuple[str, str]], size: int, pairs: int) -> None:
    """Each phone's token is looked up once before it is measured, as it is on a journey's first report."""
    begun = time.time() - SECONDS_BACK
    rounds = iter(range(1, 1_000))

    def streams(size: int) -> list[Iterator[bytes]]:
        number = next(rounds)
        return [_batches(phones[n::CONNECTIONS], begun, size, number) for n in range(CONNECTIONS)]

    answers = asyncio.run(ask_all(port, streams(1)))
    _line("single reports, new phones", answers, "")
    singles: list[Iterator[bytes]] = [
        chain.from_iterable(each) for each in zip(*(streams(1) for _ in range(SINGLES)), strict=True)
    ]
    answers = asyncio.run(ask_all(port, singles))
    _line("single reports, phones", answers, f"aim {AIM_SINGLE:,}/s")
    found = []
    for _ in range(pairs):
        answers = asyncio.run(ask_all(port, streams(size)))
        own, bare = size * answers.rate(), _bare(phones, begun, size)
        found.append((own / bare, own, bare))
    ratio, own, bare = sorted(found)[len(found) // 2]
    print(
        f"positions in batches of {size:<20} {own:>11,.0f}/s   SQLite {bare:>11,.0f}/s   ratio {ratio:.3g}"
        f"   aim {AIM_BATCHES}   ({pairs} pairs){answers.faults()}"
    )


def _line(name: str, answers: Answers, aim: str) -> None:
    print(
        f"{name:<30} {answers.rate():>8,.0f}/s   p50 {answers.at(0.5):.1f} ms   p99 {answers.at(0.99):.1f} ms"
        f"   {aim}{answers.faults()}"
    )


def _reports(secret: str, begun: float, count: int) -> Iterator[bytes]:
    said = f"Authorization: Basic {base64.b64encode(f':{secret}'.encode()).decode()}"
    for n in range(count):
        fix = {
            "_type": "location",
            "lat": 24.95,
            "lon": 67.1,
            "acc": 9,
            "tst": int(begun) + n,
            "vel": 36,
            "tid": "d",
        }
        yield request("/field/owntracks", json.dumps(fix).encode(), said)


def _batches(phones: list[tuple[str, str]], begun: float, size: int, number: int) -> Iterator[bytes]:
    for token, movement in phones:
        body = json.dumps({"movement": movement, "positions": _fixes(begun, size, number)}).encode()
        yield request("/positions", body, f"Authorization: Bearer {token}")


def _fixes(begun: float, size: int, number: int) -> list[dict[str, Any]]:
    return [
        {
            "at": begun + number * 500 + n,
            "latitude": 24.9,
            "longitude": 67.1,
            "accuracy_m": 9,
            "speed": 10.5,
            "heading": 90,
        }
        for n in range(size)
    ]


def _bare(phones: list[tuple[str, str]], begun: float, size: int) -> float:
    """Rows a second of SQLite alone, in groups of as many batches as are in flight."""
    from safeconduct.positions.store import _INSERT, Position, Store, _row

    with tempfile.TemporaryDirectory(dir=os.environ.get("BENCH_DIR")) as folder:
        home = Home(Path(folder), "pk", "host", "Bare", {}, {})
        store = Store(home)
        store.db.execute("PRAGMA synchronous = FULL")
        rows = [
            _row(Position(movement, token[:13], begun + n, 24.9, 67.1, 9.0, 10.5, 90.0))
            for token, movement in phones
            for n in range(size)
        ]
        db: sqlite3.Connection = store.db
        at = time.perf_counter()
        for first in range(0, len(rows), CONNECTIONS * size):
            db.execute("BEGIN IMMEDIATE")
            db.executemany(_INSERT, rows[first : first + CONNECTIONS * size])
            db.execute("COMMIT")
        rate = len(rows) / (time.perf_counter() - at)
        store.close()
    return rate


def _journeys(node: Node, persons: list[str]) -> list[str]:
    from safeconduct.records.commit import Draft, commit_many
    from safeconduct.records.principals import system_subject
    from safeconduct.records.transaction import iso

    since = time.time() - 2 * SECONDS_BACK
    notice = {
        "reference": "MN-1",
        "since": iso(since),
        "until": iso(time.time() + 86_400),
        "origin_district": "Karachi",
        "destination_district": "Khuzdar",
        "persons": 1,
    }
    itinerary = {
        "origin": {"place": "Karachi", "latitude": 24.95, "longitude": 67.1},
        "destination": {"place": "Khuzdar", "latitude": 27.8, "longitude": 66.6},
        "depart": iso(since),
        "arrive": iso(time.time() + 80_000),
    }
    drafts = [
        Draft("movement", {"notice": notice, "itinerary": itinerary}, assigned=[person], state="under_way")
        for person in persons
    ]
    made = commit_many(system_subject(node.home.party), drafts, door=node.door)
    return [_made(each) for each in made]


def _made(found: Any) -> str:
    if isinstance(found, Exception):
        raise found
    return str(found.record)


def _devices(node: Node, count: int) -> list[tuple[str, str]]:
    """(credential, movement) of phones that are enrolled, each on a journey of its own."""
    from safeconduct.field import devices
    from safeconduct.records.principals import system_subject

    names = [f"carrier-{n}" for n in range(count)]
    movements = _journeys(node, names)
    found = []
    for name, movement in zip(names, movements, strict=True):
        identity = {"name": name, "category": "phone", "protocol": "owntracks_http"}
        parts = {"identity": identity, "link": {"account": name, "holder": name}}
        found.append((devices.enrol(system_subject(node.home.party), parts, node.door)[1], movement))
    return found


def _phones(node: Node, count: int) -> list[tuple[str, str]]:
    """(writing token, movement) of travellers, each on a journey of their own."""
    from datetime import timedelta

    from django.utils import timezone

    from safeconduct.people import tokens
    from safeconduct.people.models import Account
    from safeconduct.records.commit import Draft, commit_many
    from safeconduct.records.principals import system_subject

    accounts = [Account.objects.create_account(f"traveller-{n}", clearance=2) for n in range(count)]
    drafts = [
        Draft(
            "role_assignment",
            {
                "assignment": {
                    "person": account.person,
                    "account_name": account.username,
                    "role": "protected_person",
                    "clearance": 2,
                }
            },
            releasable=(),
        )
        for account in accounts
    ]
    for each in commit_many(system_subject(node.home.party), drafts, door=node.door):
        _made(each)
    movements = _journeys(node, [account.person for account in accounts])
    soon = timezone.now() + timedelta(days=1)
    texts = [tokens.issue(account, "phone", ["protected_person"], "write", soon)[1] for account in accounts]
    return list(zip(texts, movements, strict=True))


def _pinned(home: Home) -> None:
    """The web process on the first core, everything else on the others."""
    cores = sorted(os.sched_getaffinity(0))
    if len(cores) > 1:
        web, writer = _pids(home)
        for task in Path(f"/proc/{web}/task").iterdir():
            os.sched_setaffinity(int(task.name), {cores[0]})
        for pid in (0, writer):
            os.sched_setaffinity(pid, set(cores[1:]))


def _pids(home: Home) -> tuple[int, int]:
    """(web, writer): the web server works in a child of its own."""
    found = {}
    for each in Path("/proc").iterdir():
        if each.name.isdigit():
            try:
                words = (each / "cmdline").read_bytes().split(b"\0")
            except OSError:
                continue
            if str(home.path).encode() in words and b"safeconduct.node.processes" in words:
                found[words[words.index(b"safeconduct.node.processes") + 1].decode()] = int(each.name)
    children = Path(f"/proc/{found['web']}/task/{found['web']}/children").read_text().split()
    return int(children[-1]) if children else found["web"], found["writer"]


def _cpu(home: Home) -> tuple[float, float]:
    """Seconds of processor time of (web, writer) so far."""
    tick = os.sysconf("SC_CLK_TCK")
    found = []
    for pid in _pids(home):
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
        found.append((int(fields[11]) + int(fields[12])) / tick)
    return found[0], found[1]


def _kept(home: Home) -> int:
    from safeconduct.positions.store import Store

    store = Store(home)
    try:
        return int(store.db.execute("SELECT count(*) FROM position").fetchone()[0])
    finally:
        store.close()


if __name__ == "__main__":
    main()
