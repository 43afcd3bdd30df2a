"""Where the time goes in the three hottest paths: a commit in the writer, taking in a bundle, the first page of a list.

Each is run under cProfile, in this process; of each the functions with the most time of their own, as shares of it all.
The profiler makes short functions look longer than they are: whether a change helps is for a bench to say. On
PostgreSQL also the statements that the server is asked for each.
"""

from __future__ import annotations

import argparse
import base64
import contextlib
import cProfile
import pstats
import time
from collections.abc import Callable
from pathlib import Path

from bench.commits import Commits
from bench.measure import heading
from bench.nodes import PARTIES, Node, person, two_homes
from bench.servers import postgresql, settings_on
from bench.world import world

SHOWN = 16
_ASKS = "cursor.py", "execute"
"""Where psycopg sends a statement to a server."""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--records", type=int, default=500)
    parser.add_argument("--pages", type=int, default=100)
    parser.add_argument("--database", choices=("sqlite", "postgresql"), default="sqlite")
    parser.add_argument("--world", type=Path, help="a folder that bench.world has filled before")
    given = parser.parse_args()
    heading(
        f"Profiles on {given.database}: {given.records} commits and records taken in, {given.pages} pages"
    )
    if given.world is not None:
        with world(given.world, {}) as made:
            run(Node(made.host.path), Node(made.partner.path), given.records, given.pages)
        return
    with contextlib.ExitStack() as stack:
        databases: dict[str, dict[str, str]] = {}
        if given.database == "postgresql":
            server = stack.enter_context(postgresql())
            databases = {side: settings_on(server) for side in PARTIES}
        with two_homes(**databases) as (host, partner):
            run(Node(host.path), Node(partner.path), given.records, given.pages)


def run(host: Node, partner: Node, records: int, pages: int) -> None:
    from safeconduct.records.find import Query, find

    groups = max(1, records // 100)
    with host.active():
        commits = Commits(host)
        commits.grouped(1)()
        _pull(partner, host)
        work = commits.grouped(groups)
        _profiled("a commit, in groups of 100", groups * 100, work)
        raw = _bundles(host, partner)
        taken = sum(count for _, count in raw)
        _profiled("a record taken in", taken, lambda: [_take(partner, host, each) for each, _ in raw])
        reader = person(host, "watch_officer", "reader")
        query = Query("incident")
        _profiled("the first page of a list", pages, lambda: [find(reader, query) for _ in range(pages)])
    partner.close()
    host.close()


def _profiled(name: str, count: int, work: Callable[[], object]) -> None:
    profile = cProfile.Profile(time.process_time)
    profile.runcall(work)
    stats = pstats.Stats(profile)
    whole = stats.total_tt  # type: ignore[attr-defined]
    own = sorted(stats.stats.items(), key=lambda each: -each[1][2])  # type: ignore[attr-defined]
    asked = sum(each[1] for (file, _, function), each in own if (Path(file).name, function) == _ASKS)
    server = f", {asked / count:.1f} statements" if asked else ""
    print(f"\n{name}: {1e6 * whole / count:,.0f} us of processor time under the profiler{server}")
    for (file, line, function), (_, calls, time_own, _, _) in own[:SHOWN]:
        place = f"{Path(file).parent.name}/{Path(file).name}:{line}" if line else "built in"
        print(f"  {time_own / whole:6.1%}  {calls / count:7.1f} calls  {function[:60]}  {place}")


def _bundles(sender: Node, receiver: Node) -> list[tuple[str, int]]:
    """What waits for the receiver, in bundles as the line would carry them."""
    from safeconduct.exchange.delivery import feed_of

    feed = feed_of(sender.home, receiver.home.party)
    have = int(receiver.door.call("exchange_cursor", {"partner": sender.home.party})["have"])
    found = []
    while have < feed.size:
        bundle = feed.bundle(have)
        found.append((base64.b64encode(bundle.pack()).decode(), len(bundle.entries)))
        have += len(bundle.entries)
    return found


def _take(receiver: Node, sender: Node, bundle: str) -> None:
    receiver.door.call("ingest", {"partner": sender.home.party, "bundle": bundle})


def _pull(receiver: Node, sender: Node) -> None:
    from bench.nodes import pull

    pull(receiver, sender)


if __name__ == "__main__":
    main()
