"""720 rungs with kill -9 in between: none lost, nobody told twice of one.

240 calls for help climb three rungs each, a second apart, and tell one person on each over an SMS gateway on this
machine, while the writer and the notifier are killed in turn. The gateway takes a number only once, as the channel
says of it (`once`). Counted are the rungs of which no message arrived, the messages that a person has twice, and,
as an honest measure of the machinery, how often the gateway was asked again with a number that it had. Before that
the same is run without a kill, for how late a message is at the gateway after its rung was due.
"""

from __future__ import annotations

import argparse
import json
import random
import threading
import time
from collections import Counter
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from bench.measure import heading
from bench.nodes import Node as Opened
from bench.nodes import one_node

RUNGS = 3
ROLES = ("watch_officer", "coordinator", "commander")
LONGEST = 240.0


class Gateway(ThreadingHTTPServer):
    """Takes a message some milliseconds after it came, as a provider far away does."""

    daemon_threads = True
    request_queue_size = 256

    def __init__(self, delay: float) -> None:
        self.asked: list[tuple[str, str, float]] = []
        gateway = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
                gateway.asked.append((self.headers["Idempotency-Key"], body["to"], time.time()))
                time.sleep(delay)
                self.send_response(200)
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, *_: Any) -> None:
                pass

        super().__init__(("127.0.0.1", 0), Handler)
        threading.Thread(target=self.serve_forever, daemon=True).start()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--alerts", type=int, default=240)
    parser.add_argument("--kills", type=int, default=12)
    given = parser.parse_args()
    heading(f"{given.alerts * RUNGS:,} rungs")
    gateway = Gateway(0.03)
    with one_node() as opened:
        from safeconduct.records.writer import Writer

        _people(opened, gateway)
        opened.writer.close()
        try:
            for kills in (0, given.kills):
                run(opened.home, gateway, given.alerts, kills)
        finally:
            opened.writer = Writer(opened.home)
    gateway.shutdown()


def run(home: Any, gateway: Gateway, alerts: int, kills: int) -> None:
    from safeconduct.node.processes import Node
    from safeconduct.records.transaction import iso

    gateway.asked.clear()
    node = Node(home)
    node.start(("writer", "notifier"))
    begun = time.monotonic()
    ending = threading.Event()
    killer = threading.Thread(target=_kill, args=(node, kills, ending))
    killer.start()
    records = [_raise(home, iso, number) for number in range(alerts)]
    while not _over(home) and time.monotonic() - begun < LONGEST:
        time.sleep(0.2)
    seconds = time.monotonic() - begun
    ending.set()
    killer.join()
    node.stop()
    found = _deliveries(home, set(records))
    told = Counter((record, rung, person) for record, rung, person, _, state in found if state == "delivered")
    numbers: dict[tuple[str, int, str], set[str]] = {}
    for record, rung, person, number, _ in found:
        numbers.setdefault((record, rung, person), set()).add(number)
    asked = Counter((number, to) for number, to, _ in gateway.asked)
    arrived = {number for number, _ in asked}
    expected = alerts * RUNGS
    lost = expected - sum(any(n in arrived for n in each) for each in numbers.values())
    twice = sum(len(each & arrived) > 1 for each in numbers.values())
    print(
        f"{kills} kills: {expected - lost:,} of {expected:,} rungs told in {seconds:.1f} s; lost {lost}, "
        f"twice to the same person {twice}; recorded as delivered {len(told):,}; "
        f"numbers asked again of the gateway {sum(count - 1 for count in asked.values())}"
    )
    if not kills:
        _lateness(found, gateway)
    if lost or twice or len(told) != expected:
        raise SystemExit("a rung was lost, told twice, or not recorded")


def _people(node: Opened, gateway: Gateway) -> None:
    from safeconduct.records.commit import Draft, commit
    from safeconduct.records.principals import system_subject

    system = system_subject(node.home.party)
    with node.active():
        for role in ROLES:
            held = {"person": role, "account_name": role, "role": role, "clearance": 3}
            commit(system, Draft("role_assignment", {"assignment": held}, releasable=()))
            point = {"channel": "sms", "address": f"+92{len(role):03d}"}
            commit(system, Draft("contact_point", {"address": point}, assigned=[role], releasable=()))
        steps = [{"after_seconds": second, "roles": [role]} for second, role in enumerate(ROLES)]
        commit(system, Draft("ladder", {"scope": {"kind": "sos"}, "steps": {"steps": steps}}, releasable=()))
    path = node.home.path / "channels.toml"
    path.touch(0o600)
    url = f"json://127.0.0.1:{gateway.server_address[1]}/?:to={{address}}&+Idempotency-Key={{number}}"
    path.write_text(f'[sms]\nurl = "{url}"\nper_minute = 100000\nonce = true\n')


def _raise(home: Any, iso: Any, number: int) -> str:
    """One call for help. A writer just killed is asked again; only the call that it answered for is counted."""
    from safeconduct.records.commit import Draft, commit
    from safeconduct.records.door import Door
    from safeconduct.records.principals import system_subject
    from safeconduct.records.refusals import Unavailable

    call = {"at": iso(time.time()), "received": iso(time.time()), "headline": f"bench {number}"}
    while True:
        try:
            with Door(home) as door:
                return commit(system_subject(home.party), Draft("sos", {"call": call}), door=door).record
        except Unavailable:
            time.sleep(0.05)


def _kill(node: Any, kills: int, ending: threading.Event) -> None:
    chance = random.Random(7)
    for number in range(kills):
        if ending.wait(chance.uniform(0.8, 2.2)):
            return
        child = node.children[("notifier", "writer")[number % 2]]
        if child.poll() is None:
            child.kill()


def _rows(home: Any, sql: str) -> list[Any]:
    import sqlite3

    with sqlite3.connect(f"file:{home.tables}?mode=ro", uri=True, timeout=10) as db:
        return db.execute(sql).fetchall()


def _over(home: Any) -> bool:
    """Whether every ladder is at its top and nothing waits."""
    climbing = "SELECT count(*) FROM records_row WHERE kind = 'escalation' AND figure < 3"
    waiting = "SELECT count(*) FROM records_row WHERE kind = 'delivery' AND state IN ('queued', 'sending')"
    return not _rows(home, climbing)[0][0] and not _rows(home, waiting)[0][0]


def _deliveries(home: Any, records: set[str]) -> list[tuple[str, int, str, str, str]]:
    found = []
    for about, state, parts in _rows(
        home, "SELECT about, state, parts FROM records_row WHERE kind = 'delivery'"
    ):
        to = json.loads(parts)["to"]
        if about in records:
            found.append((about, to["rung"], to["person"], to["number"], state))
    return found


def _lateness(found: list[tuple[str, int, str, str, str]], gateway: Gateway) -> None:
    at = {number: moment for number, _, moment in gateway.asked}
    first = {record: at[number] for record, rung, _, number, _ in found if rung == 1}
    late = sorted(at[number] - first[record] - rung + 1 for record, rung, _, number, _ in found if rung > 1)
    half, most = late[len(late) // 2], late[int(len(late) * 0.99)]
    print(
        f"a message is at the gateway {1000 * half:.0f} ms (p50), {1000 * most:.0f} ms (p99) after its rung was due"
    )


if __name__ == "__main__":
    main()
