"""A muster that thousands answer: replies through a running node's doors, and what its board says meanwhile.

The mix of a country: phones (their outbox), SMS by way of one gateway, wardens who tick names on the page, twenty at a
time. All names are on the roll before it begins. The board is the newest figures record, read ten times a second: how
far it is behind is the age of the oldest acknowledged reply that it does not count. Nothing is lost when the ledger
holds, for every acknowledged name, the state that was acknowledged; with `--kill` the writer is killed with -9 in the
middle, and whoever was not answered sends again.
"""

from __future__ import annotations

import argparse
import asyncio
import base64
import json
import os
import random
import secrets
import signal
import time
from collections import deque
from collections.abc import Iterator
from contextlib import ExitStack, closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import aiohttp

from bench.measure import heading
from bench.nodes import Node, leaves, one_node, point, two_homes
from bench.positions import _made, _pids
from bench.sos import _running, _settled
from safeconduct.ledger.database import FAULTS
from safeconduct.records.databases import open_tables
from safeconduct.records.home import Home

AIM_RATE, AIM_BEHIND = 1_000, 1.0
GROUP = 20
PHONES, BY_SMS = 0.6, 0.2
"""Shares of the names that answer for themselves; wardens answer for the rest."""
PATIENCE = 30.0


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--names", type=int, default=6_000)
    parser.add_argument("--rate", type=int, default=AIM_RATE, help="replies/s that are offered; 0: no limit")
    parser.add_argument("--partner", action="store_true", help="with the other party's node running as well")
    parser.add_argument("--kill", action="store_true", help="kill -9 of the writer in the middle")
    parser.add_argument("--connections", type=int, default=48)
    given = parser.parse_args()
    paired = "with" if given.partner else "without"
    heading(
        f"A muster of {given.names:,} names, {given.rate or 'as many as go'} replies/s, {paired} a partner"
    )
    with ExitStack() as stack:
        if given.partner:
            host, home = (_settled(each) for each in stack.enter_context(two_homes()))
            people = _prepare(Node(home.path), home, given.names)
            stack.enter_context(_running(host))
        else:
            node = stack.enter_context(one_node("partner"))
            home = node.home
            people = _prepare(node, home, given.names)
            home = _settled(home)
        stack.enter_context(_running(home))
        run = Run(home, people, given)
        asyncio.run(run.measure())
        run.report()


@dataclass
class People:
    """Whom the muster asks after, and how they answer."""

    muster: str
    phones: list[tuple[str, str]] = field(default_factory=list)
    """(session, entry)"""
    numbers: list[tuple[str, str]] = field(default_factory=list)
    """(telephone number, entry)"""
    groups: list[str] = field(default_factory=list)
    """entries that wardens answer for"""
    warden: str = ""
    gateway: str = ""


class Run:
    def __init__(self, home: Home, people: People, given: argparse.Namespace) -> None:
        self.home, self.people, self.given = home, people, given
        self.url = f"http://127.0.0.1:{home.settings['port']}"
        self.said: dict[str, float] = {}
        """entry -> when it was acknowledged"""
        self.order: list[float] = []
        self.took: list[float] = []
        self.again = 0
        self.used: list[float] = []
        self.behind: list[float] = []
        self.seconds = 0.0
        self.after = 0.0

    async def measure(self) -> None:
        jobs = self._jobs()
        begun = time.perf_counter()
        used = _cpu_of(self.home)
        watching = asyncio.create_task(self._watch())
        killing = asyncio.create_task(self._kill(begun)) if self.given.kill else None
        connector = aiohttp.TCPConnector(limit=0)
        async with aiohttp.ClientSession(connector=connector, cookie_jar=aiohttp.DummyCookieJar()) as client:
            offered = deque(jobs)
            sent = 0

            async def work() -> None:
                nonlocal sent
                while offered:
                    job = offered.popleft()
                    sent += job[1]
                    if self.given.rate:
                        await asyncio.sleep(max(0.0, begun + sent / self.given.rate - time.perf_counter()))
                    await self._send(client, job)

            await asyncio.gather(*(work() for _ in range(self.given.connections)))
        self.seconds = time.perf_counter() - begun
        self.used = [b - a for a, b in zip(used, _cpu_of(self.home), strict=True)]
        if killing is not None:
            await killing
        await asyncio.sleep(1.5)
        watching.cancel()

    def _jobs(self) -> list[tuple[str, int, Any]]:
        """(door, how many names, what is sent), shuffled so that all doors are open at once."""
        people = self.people
        jobs: list[tuple[str, int, Any]] = [("phone", 1, each) for each in people.phones]
        jobs += [("sms", 1, each) for each in people.numbers]
        for first in range(0, len(people.groups), GROUP):
            names = people.groups[first : first + GROUP]
            jobs.append(("warden", len(names), names))
        random.Random(1).shuffle(jobs)
        return jobs

    async def _send(self, client: aiohttp.ClientSession, job: tuple[str, int, Any]) -> None:
        door, _, what = job
        begun = time.perf_counter()
        while True:
            try:
                status = await getattr(self, f"_{door}")(client, what)
            except (OSError, aiohttp.ClientError, TimeoutError):
                status = 599
            if status in (200, 201, 302):
                break
            if time.perf_counter() - begun > PATIENCE:
                raise RuntimeError(f"{door}: {status}")
            self.again += 1
            await asyncio.sleep(0.25)
        now = time.time()
        self.took.append(time.perf_counter() - begun)
        for entry in what if door == "warden" else (what[1],):
            self.said[entry] = now
            self.order.append(now)

    async def _phone(self, client: aiohttp.ClientSession, what: tuple[str, str]) -> int:
        session, entry = what
        headers = self._signed(session)
        url = f"{self.url}/watch/musters/entries/{entry}/"
        async with client.post(url, json={"category": "accounted"}, headers=headers) as answer:
            await answer.read()
            return answer.status

    async def _sms(self, client: aiohttp.ClientSession, what: tuple[str, str]) -> int:
        credential = base64.b64encode(f":{self.people.gateway}".encode()).decode()
        body = urlencode({"from": what[0], "text": "SAFE"})
        headers = {
            "Authorization": f"Basic {credential}",
            "Content-Type": "application/x-www-form-urlencoded",
        }
        async with client.post(f"{self.url}/field/sms", data=body, headers=headers) as answer:
            if answer.status == 200 and (await answer.json())["answered"] != 1:
                raise RuntimeError("an SMS of somebody who is asked after was not understood")
            return answer.status

    async def _warden(self, client: aiohttp.ClientSession, names: list[str]) -> int:
        headers = self._signed(self.people.warden)
        body = urlencode([("entry", name) for name in names] + [("state", "accounted")])
        headers |= {"Content-Type": "application/x-www-form-urlencoded"}
        url = f"{self.url}/watch/musters/{self.people.muster}/say/"
        async with client.post(url, data=body, headers=headers, allow_redirects=False) as answer:
            await answer.read()
            return answer.status

    def _signed(self, session: str) -> dict[str, str]:
        name, token = f"sc_{self.home.party}_{self.home.settings['port']}", secrets.token_hex(16)
        return {"Cookie": f"{name}_session={session}; {name}_csrf={token}", "X-CSRFToken": token}

    async def _watch(self) -> None:
        """How long ago the oldest reply was acknowledged that the newest figures do not count."""
        with closing(open_tables(self.home)) as db:
            while True:
                await asyncio.sleep(0.1)
                try:
                    row = db.execute(
                        "SELECT parts FROM records_row WHERE kind = 'muster_figure' AND about = ?",
                        (self.people.muster,),
                    ).fetchone()
                except FAULTS:
                    continue
                counted = json.loads(row[0])["count"]["accounted"] if row else 0
                late = self.order[counted:]
                self.behind.append(time.time() - late[0] if late else 0.0)

    async def _kill(self, begun: float) -> None:
        await asyncio.sleep(max(2.0, self.given.names / (self.given.rate or AIM_RATE) / 2))
        os.kill(_pids(self.home)[1], signal.SIGKILL)

    def report(self) -> None:
        ordered = sorted(self.took)
        middle, late = ordered[len(ordered) // 2], ordered[min(len(ordered) - 1, len(ordered) * 99 // 100)]
        web, writer = (f"{100 * used / self.seconds:.0f} %" for used in self.used)
        print(
            f"{len(self.said) / self.seconds:,.0f} replies/s for {self.seconds:.0f} s   aim {AIM_RATE:,}   answered"
            f" after p50 {1e3 * middle:.0f} ms p99 {1e3 * late:.0f} ms   of a core: web {web}, writer {writer}"
        )
        print(f"board behind: most {max(self.behind):.2f} s   aim {AIM_BEHIND} s   sent again {self.again}")
        accounted, entries = _in_ledger(self.home)
        lost = sum(state != "accounted" for entry, state in entries.items() if entry in self.said)
        print(
            f"acknowledged {len(self.said):,}, lost {lost}; the last figures say {accounted:,} accounted for"
        )
        if lost or accounted != len(self.said):
            raise SystemExit("something was lost")


def _in_ledger(home: Home) -> tuple[int, dict[str, str]]:
    """(accounted by the last figures, the last state of every entry), as the ledger has them."""
    states: dict[str, str] = {}
    for header in leaves(home):
        if header.get("kind") == "roll_entry" and header["type"] == "version":
            states[header["record"]] = header["state"]
    with closing(open_tables(home)) as db:
        (parts,) = db.execute("SELECT parts FROM records_row WHERE kind = 'muster_figure'").fetchone()
    return int(json.loads(parts)["count"]["accounted"]), states


def _cpu_of(home: Home) -> tuple[float, float]:
    """Seconds of processor time of (web, writer) so far; 0 for one that is being started again."""
    tick = os.sysconf("SC_CLK_TCK")
    found = []
    for pid in _pids(home):
        try:
            fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
        except OSError:
            fields = ["0"] * 20
        found.append((int(fields[11]) + int(fields[12])) / tick)
    return found[0], found[1]


def _prepare(node: Node, home: Home, names: int) -> People:
    """Everybody on record with an account, a session or a number, and the muster with its whole roll."""
    from django.db import connections

    from safeconduct.field import devices
    from safeconduct.records.commit import Draft, commit_many
    from safeconduct.records.principals import system_subject
    from safeconduct.records.rows import names_in
    from safeconduct.records.transaction import iso
    from safeconduct.timers.firing import fire_due
    from safeconduct.watch import muster

    point(home)
    phones, texting = int(names * PHONES), int(names * BY_SMS)
    with node.active():
        system = system_subject(home.party)
        accounts = list(_accounts(phones))
        persons = [person for person, _ in accounts] + [f"texts-{n}" for n in range(texting)]
        drafts = [
            Draft(
                "person",
                {"name": {"name": f"Worker {n}"}, **({"link": {"account": person}} if person else {})},
                state="active",
                assigned=[person] if person else None,
            )
            for n, person in enumerate([*persons, *[""] * (names - len(persons))])
        ]
        drafts += [
            Draft(
                "role_assignment",
                {
                    "assignment": {
                        "person": person,
                        "account_name": person,
                        "role": "protected_person",
                        "clearance": 2,
                    }
                },
                releasable=(),
            )
            for person in persons
        ]
        numbers = {f"texts-{n}": f"+92300{n:07d}" for n in range(texting)}
        drafts += [
            Draft(
                "contact_point",
                {"address": {"channel": "sms", "address": number}},
                assigned=[person],
                state="in_use",
                releasable=(),
            )
            for person, number in numbers.items()
        ]
        for each in commit_many(system, drafts, door=node.door):
            _made(each)
        _, session = _role(node, "warden")
        floor, _ = _role(node, "watch_officer")
        identity = {"name": "Gateway", "category": "sms_gateway", "protocol": "webhook"}
        gateway = devices.enrol(system, {"identity": identity}, node.door)[1]
        call = {"title": "After the blast", "scope": "country", "due": iso(time.time() + 3_600)}
        record = muster.begin_muster(floor, call, door=node.door).record
        begun = time.perf_counter()
        while node.writer.db.execute("SELECT 1 FROM muster_todo LIMIT 1").fetchone():
            node.writer.tick(fire_due)
        print(f"roll of {names:,} made in {time.perf_counter() - begun:.1f} s")
        rows = node.writer.tables.all("SELECT id, assigned FROM records_row WHERE kind = 'roll_entry'")
        entries = {next(iter(names_in(assigned)), entry): entry for entry, assigned in rows}
    node.close()
    connections["default"].close()
    found = People(record, warden=session, gateway=gateway)
    found.phones = [(key, entries.pop(person)) for person, key in accounts]
    found.numbers = [(number, entries.pop(person)) for person, number in numbers.items()]
    found.groups = list(entries.values())
    return found


def _accounts(count: int) -> Iterator[tuple[str, str]]:
    """(person, session) of accounts that have signed in."""
    from datetime import timedelta

    from django.contrib.auth import BACKEND_SESSION_KEY, HASH_SESSION_KEY, SESSION_KEY
    from django.contrib.sessions.backends.db import SessionStore
    from django.contrib.sessions.models import Session
    from django.db import transaction
    from django.utils import timezone

    from safeconduct.people.models import Account

    store, ends = SessionStore(), timezone.now() + timedelta(hours=12)
    made = [Account(username=f"worker-{n}", clearance=2, password="!") for n in range(count)]
    with transaction.atomic():
        Account.objects.bulk_create(made)
        sessions = []
        for account in made:
            held = {
                SESSION_KEY: str(account.pk),
                BACKEND_SESSION_KEY: "allauth.account.auth_backends.AuthenticationBackend",
                HASH_SESSION_KEY: account.get_session_auth_hash(),
            }
            sessions.append(Session(secrets.token_hex(16), store.encode(held), ends))
        Session.objects.bulk_create(sessions)
    for account, session in zip(made, sessions, strict=True):
        yield account.person, session.session_key


def _role(node: Node, role: str) -> tuple[Any, str]:
    """(principal, session) of somebody with that role who has signed in."""
    from django.test import Client

    from safeconduct.people.models import Account
    from safeconduct.people.principal import principal_of
    from safeconduct.records.commit import Draft, commit
    from safeconduct.records.principals import system_subject

    account = Account.objects.create_account(role.replace("_", "-"), clearance=3)
    said = {"person": account.person, "account_name": account.username, "role": role, "clearance": 3}
    commit(
        system_subject(node.home.party),
        Draft("role_assignment", {"assignment": said}, releasable=()),
        door=node.door,
    )
    client = Client(SERVER_NAME="localhost")
    client.force_login(account)
    session = next(each.value for name, each in client.cookies.items() if name.endswith("_session"))
    return principal_of(account), str(session)


if __name__ == "__main__":
    main()
