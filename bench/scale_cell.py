"""One column of `bench.scale`: both nodes on one database, so many web processes and clients, measured and checked.

`python -m bench.scale_cell WORLD --database D --processes N` prints JSON: for each quantity its figure, and the bare
limit of the same run. What was acknowledged is counted and must be what is there: AssertionError otherwise.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import hashlib
import json
import os
import signal
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

from bench import world as people
from bench.asking import Answers
from bench.measure import memory
from bench.nodes import Node, incidents, leaves
from bench.scale_bare import answers_a_second, bare_server, rows_a_second
from bench.scale_load import by_processes, in_processes
from bench.screens import Run as Screens
from bench.screens import _bare
from bench.servers import postgresql, settings_on
from bench.sos import WARMING
from bench.sos import Run as Presses
from bench.world import World, running, world
from safeconduct.ledger.database import columns
from safeconduct.records.databases import open_ledger, open_positions, open_tables
from safeconduct.records.home import Home

Found = dict[str, list[float]]
"""By quantity, the figure and the bare limit."""
GROUP = 50
CONNECTIONS = 16
WARMED = 1_000
"""Added to the numbers of those who commit before it is measured."""
OUTAGE = 7 * 60_000
"""Releases that wait after a week without a line, at the sizes of a hundred countries."""
A_DAY = 168_000
"""Ledger entries of one country, readings included."""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("world", type=Path)
    parser.add_argument("--database", choices=("sqlite", "postgresql"), default="sqlite")
    parser.add_argument("--processes", type=int, default=1)
    parser.add_argument("--seconds", type=float, default=5.0)
    parser.add_argument("--screens", type=int, default=200)
    given = parser.parse_args()
    with contextlib.ExitStack() as stack:
        databases: dict[str, dict[str, str]] = {}
        if given.database == "postgresql":
            server = stack.enter_context(postgresql())
            databases = {side: settings_on(server) for side in ("host", "partner")}
        made = stack.enter_context(world(given.world, databases, web_processes=given.processes, cadence=2))
        found = Cell(made, given.processes, given.seconds, given.screens).measure()
    json.dump(found, sys.stdout)


class Cell:
    def __init__(self, made: World, processes: int, seconds: float, screens: int) -> None:
        self.world, self.processes, self.seconds, self.screens = made, processes, seconds, screens
        self.found: Found = {}
        self.entry_bytes = 0.0

    def measure(self) -> Found:
        with bare_server(self.processes) as (port, pid, started):
            bare_answers = answers_a_second(port, self.processes, self.seconds)
            bare_memory = memory(pid) / 1024
        with running(self.world.host), running(self.world.partner) as up:
            self.found["start-up, s"] = [up.took, started]
            os.sync()  # what was copied to make the world does not share the disk with what is measured
            with asleep(up.node.children["courier"].pid):
                records = self._commits()
            self._releases(records)
            weight = sum(memory(child.pid) for child in up.node.children.values()) / 1024
            self.found["memory of a node, MB"] = [weight, bare_memory]
            self._readings(bare_answers)
            self._positions()
            self._muster(bare_answers)
            self._screens()
        self._growth()
        self._rebuild()
        return self.found

    # --- in and across -------------------------------------------------------------------------------------

    def _commits(self) -> list[str]:
        from safeconduct.records.commit import Draft, commit_many
        from safeconduct.records.door import Door
        from safeconduct.records.principals import system_subject

        home = self.world.host

        def work(number: int, seconds: float) -> list[str]:
            made: list[str] = []
            end = time.time() + seconds
            parts = iter(incidents(100_000, 1_000 + number))
            with Door(home) as door:
                while not made or time.time() < end:
                    drafts = [Draft("incident", next(parts), state="post_incident") for _ in range(GROUP)]
                    for each in commit_many(system_subject(home.party), drafts, door=door):
                        if isinstance(each, Exception):
                            raise each
                        made.append(each.record)
            return made

        warming = in_processes(1, lambda number: work(WARMED + number, self.seconds / 4))
        size = _size(home)
        begun = time.perf_counter()
        found = in_processes(self.processes, lambda number: work(number, self.seconds))
        made = [record for each in found for record in each]
        rate = len(made) / (time.perf_counter() - begun)
        early = [record for each in warming for record in each]
        assert _rows(home, made + early) == len(made + early), "a commit that was answered for is not there"
        each_kb = max(512, int((_size(home) - size) / len(made)))
        self.entry_bytes = each_kb
        self.found["commits/s"] = [rate, rows_a_second(home, each_kb, GROUP, self.seconds)]
        return made + early

    def _releases(self, records: list[str]) -> None:
        """The Partner asked for nothing while all of these were committed; now it catches up."""
        from safeconduct.exchange.cadence import cosigned

        home, partner = self.world.host, self.world.partner
        begun = time.perf_counter()
        until = begun + 900
        while True:
            reached = cosigned(home, partner.party)
            if reached.feed_size == reached.feed_entries and _received(partner) >= len(records):
                break
            assert time.perf_counter() < until, f"{_received(partner)} of {len(records)} have crossed"
            time.sleep(0.02)
        rate = len(records) / (time.perf_counter() - begun)
        assert _received(partner) == len(records), "not just what was released has arrived"
        bare = rows_a_second(partner, int(self.entry_bytes), 500, self.seconds, hashed=True)
        self.found["releases/s"] = [rate, bare]
        self.found["catch-up after a week, h"] = [OUTAGE / rate / 3600, OUTAGE / bare / 3600]

    # --- over HTTP, at the Partner's node ------------------------------------------------------------------

    def _ask(self, streams: Callable[[int], list[Iterator[bytes]]]) -> tuple[int, float, list[Answers]]:
        """(answered well, a second, answers) of so many client processes."""
        port = int(self.world.partner.settings["port"])
        found = by_processes(self.processes, streams, port)
        well = sum(each.well() for each in found)
        wrong = [s for each in found for s in each.statuses if s not in (200, 201, 202)]
        assert well and not wrong, f"answered {sorted(set(wrong))}"
        return well, well / max(each.seconds for each in found), found

    def _readings(self, bare: float) -> None:
        end, before = time.time() + self.seconds, _noted(self.world.partner)

        def stream(first: int) -> Iterator[bytes]:
            number = first
            while time.time() < end:
                number += 1
                yield people.reading(self.world, number)

        well, rate, _ = self._ask(lambda n: [stream(n * 100 + c) for c in range(4)])
        assert _noted(self.world.partner) - before == well, "a reading was shown and not noted"
        self.found["readings/s"] = [rate, bare]

    def _positions(self) -> None:
        end, begun = time.time() + self.seconds, time.time() - 40_000
        devices = self.world.devices
        each = max(1, len(devices) // self.processes)

        def stream(credential: str) -> Iterator[bytes]:
            number = 0
            while time.time() < end:
                number += 1
                yield people.position(credential, begun + number)

        before = _positions(self.world.partner)
        well, rate, _ = self._ask(
            lambda n: [stream(secret) for secret, _ in devices[n * each : (n + 1) * each][:CONNECTIONS]]
        )
        assert _positions(self.world.partner) - before == well, "a position was answered for and is not kept"
        self.found["positions/s"] = [rate, rows_a_second(self.world.partner, 90, CONNECTIONS, self.seconds)]

    def _muster(self, bare: float) -> None:
        phones = self.world.people.phones
        each = max(1, len(phones) // self.processes)
        home = self.world.partner

        def streams(number: int) -> list[Iterator[bytes]]:
            mine = phones[number * each : (number + 1) * each]
            return [
                iter([people.reply(home, *phone) for phone in mine[first::CONNECTIONS]])
                for first in range(min(CONNECTIONS, len(mine)))
            ]

        well, rate, _ = self._ask(streams)
        states = {
            header["record"]: header["state"]
            for header in leaves(home)
            if header["type"] == "version" and header["kind"] == "roll_entry"
        }
        accounted = sum(states[entry] == "accounted" for _, entry in phones[: each * self.processes])
        assert accounted == well, "an answer to the muster is not in the ledger"
        self.found["muster replies/s"] = [rate, bare]

    def _screens(self) -> None:
        """Calls for help, one after the other, on every screen of both rooms; bare: as many streams that all hear."""
        made = self.world
        run = Presses(made.host, made.partner, made.travellers)
        presses = len(made.travellers) - WARMING
        asked = argparse.Namespace(screens=self.screens, presses=presses, pause=0.1)
        sessions = {"own room": made.screens["partner"], "other room": made.screens["host"]}
        asyncio.run(run.measure(sessions, asked))
        assert not run.lost, f"{run.lost} calls for help were not on every screen"
        with _bare() as (port, process):
            bare = Screens(port, process, [("", True)] * self.screens)
            given = argparse.Namespace(screens=self.screens, rate=5.0, seconds=max(1.0, presses / 5), back=0)
            asyncio.run(bare.measure(given, bare.post))
        for room in sessions:
            for share, name in ((0.5, "p50"), (0.99, "p99")):
                figure, limit = (
                    _at(times, share) for times in (run.took[room], [1e3 * s for s in bare.took])
                )
                self.found[f"SOS, {room}, {name}, ms"] = [figure, limit]
        self.found["screens held"] = [float(self.screens), float(self.screens - (bare.missing > 0))]

    # --- at rest -------------------------------------------------------------------------------------------

    def _growth(self) -> None:
        """Bytes on the disk of an entry of the ledger with all that follows it, and of the entry itself."""
        home = self.world.partner
        with closing(open_ledger(home, read_only=True)) as db:
            sql = "SELECT count(*), CAST(sum(length(leaf) + coalesce(length(body), 0)) AS BIGINT) FROM ledger_leaf"
            count, own = db.execute(sql).fetchone()
        whole = _size(home) / count * A_DAY / 1e6
        self.found["growth a day, MB"] = [whole, own / count * A_DAY / 1e6]

    def _rebuild(self) -> None:
        from safeconduct.records.rebuild import fingerprint, rebuild

        node = Node(self.world.partner.path)
        with node.active():
            before = fingerprint()
            begun = time.perf_counter()
            entries = rebuild(node.writer)
            rate = entries / (time.perf_counter() - begun)
            assert fingerprint() == before, "tables that are rebuilt are not what they were"
        begun, count = time.perf_counter(), 0
        size = node.writer.log.size
        for first in range(0, size, 1_000):
            for entry in node.writer.log.entries(first, min(size, first + 1_000)):
                hashlib.sha256(entry.leaf).digest()
                count += 1
        self.found["rebuild, entries/s"] = [rate, count / (time.perf_counter() - begun)]
        node.close()


def _at(times: list[float], share: float) -> float:
    ordered = sorted(times)
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))] if ordered else float("nan")


@contextlib.contextmanager
def asleep(pid: int) -> Iterator[None]:
    """A process that does nothing meanwhile, and goes on afterwards."""
    os.kill(pid, signal.SIGSTOP)
    try:
        yield
    finally:
        os.kill(pid, signal.SIGCONT)


def _rows(home: Home, records: list[str]) -> int:
    with closing(open_tables(home)) as db:
        there = {record for (record,) in db.execute("SELECT id FROM records_row").fetchall()}
    return len(there.intersection(records))


def _received(home: Home) -> int:
    (other,) = home.partners
    with closing(open_tables(home)) as db:
        sql = "SELECT count(*) FROM records_row WHERE kind = 'incident' AND originator = ?"
        return int(db.execute(sql, (other,)).fetchone()[0])


def _noted(home: Home) -> int:
    return sum(header.get("kind") == "reading" for header in leaves(home))


def _positions(home: Home) -> int:
    with closing(open_positions(home)) as db:
        made = columns(db, "position")  # with the first report
        return int(db.execute("SELECT count(*) FROM position").fetchone()[0]) if made else 0


def _size(home: Home) -> int:
    """Bytes of all databases of a home."""
    files = sum(file.stat().st_size for file in home.path.rglob("*.sqlite3*") if file.is_file())
    if home.database is None:
        return files
    with closing(open_ledger(home, read_only=True)) as db:
        return int(db.execute("SELECT pg_database_size(current_database())").fetchone()[0])


if __name__ == "__main__":
    main()
