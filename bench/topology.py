"""How a node bears many agreements: `python -m bench.topology --hosts 1 --partners 1 5 20`, or the other way round.

A host with so many partners, or a partner with so many hosts, made for each number, all in this process, beside each
other in one run; the ratio is to the first. A canary for each agreement is looked for with all the others.
"""

from __future__ import annotations

import argparse
import gc
import os
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from statistics import median

from bench.constellation import CENTRE, Constellation, agreement_with, constellation
from bench.measure import heading
from bench.nodes import Node, _create, drafts, folder_for_homes, incidents, person

COMMITS = 40
RUNS = 5


@dataclass(frozen=True)
class Measured:
    """`memory` in MB above what the process had, `files` open ones more; times in milliseconds, a median of runs;
    `commits` a second, one at a time, each released to one party; `catch_up` entries a second, one partner's."""

    others: int
    memory: float
    files: int
    start_ms: float
    policy_ms: float
    commits: float
    catch_up: float
    page_ms: float
    link_ms: float
    leaked: int


def main() -> int:
    arguments = _arguments()
    side = "host" if arguments.hosts == [1] else "partner"
    counts = arguments.partners if side == "host" else arguments.hosts
    found = []
    with folder_for_homes() as folder:
        template = _create(folder, "host").path
        for count in counts:
            found.append(measure(folder / f"of-{count}", side, count, template))
    heading(f"one {side}, {'partners' if side == 'host' else 'hosts'}: " + ", ".join(map(str, counts)))
    for name in Measured.__dataclass_fields__:
        values = [getattr(each, name) for each in found]
        first = values[0] or 1
        cells = [f"{value:>10,.1f} ({value / first:>5.2f})" for value in values]
        print(f"{name:<12}" + "  ".join(cells), flush=True)
    return int(any(each.leaked for each in found))


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--hosts", type=int, nargs="+", default=[1])
    parser.add_argument("--partners", type=int, nargs="+", default=[1])
    arguments = parser.parse_args()
    if arguments.hosts != [1] and arguments.partners != [1]:
        parser.error("one of the two is 1: the node in the midst")
    return arguments


def measure(folder: Path, side: str, count: int, template: Path) -> Measured:
    """One constellation of this size, filled, exchanged, measured and gone."""
    folder.mkdir()
    with constellation(folder, side, count, template) as world:
        leaked = canaries(world)
        party = next(iter(world.others))
        reader = person(world.centre, "coordinator", "reader")
        commits = COMMITS / _seconds(lambda: _commit(world.centre, party, COMMITS))
        entries, took = _catch_up(world, party)
        policy = median(_seconds(lambda: _compile(world.centre)) for _ in range(RUNS))
        with world.centre.active():
            page = median(_seconds(lambda: _page(reader)) for _ in range(RUNS))
            link = median(_seconds(_links) for _ in range(RUNS))
        for other in world.others.values():
            other.close()
        world.others.clear()
        world.centre.close()
        begun, files = _resident(), _files()
        gc.collect()
        at = time.perf_counter()
        world.centre = Node(folder / CENTRE)
        start = time.perf_counter() - at
        memory, more = _resident() - begun, _files() - files
    return Measured(
        count,
        memory,
        more,
        start * 1e3,
        policy * 1e3,
        commits,
        entries / took,
        page * 1e3,
        link * 1e3,
        leaked,
    )


def canaries(world: Constellation) -> int:
    """Give each party an incident with a word of its own, and count the words that another came to hold."""
    from safeconduct.records.commit import commit_many
    from safeconduct.records.principals import system_subject
    from safeconduct.records.under import working_under

    words = {party: f"Qzx{party}canary{party}wjQ" for party in world.others}
    for party, word in words.items():
        made = incidents(3)
        for each in made:
            each["summary"]["title"] = word
        with world.centre.active(), working_under(agreement_with(party)):
            commit_many(system_subject(CENTRE), drafts(made), door=world.centre.door)
    world.settle()
    leaked = 0
    for party, node in world.others.items():
        held = str(node.writer.tables.all("SELECT parts FROM records_row", []))
        leaked += sum(word in held for other, word in words.items() if other != party)
        leaked += words[party] not in held
    return leaked


def _commit(node: Node, party: str, count: int) -> None:
    from safeconduct.records.commit import commit
    from safeconduct.records.principals import system_subject
    from safeconduct.records.under import working_under

    with node.active(), working_under(agreement_with(party)):
        for draft in drafts(incidents(count, seed=2)):
            commit(system_subject(CENTRE), draft, door=node.door)


def _catch_up(world: Constellation, party: str) -> tuple[int, float]:
    from bench.nodes import pull

    begun = time.perf_counter()
    entries = pull(world.others[party], world.centre)
    return entries, time.perf_counter() - begun


def _compile(node: Node) -> None:
    from safeconduct.agreement.policy import compile_policy

    policy = node.writer.state.policy
    compile_policy(policy.books, policy.vocabulary)


def _page(reader: object) -> None:
    from safeconduct.records.find import Query, find

    find(reader, Query("incident", sort="at", parts=("summary", "when")))  # type: ignore[arg-type]


def _links() -> None:
    from safeconduct.exchange.links import links_seen
    from safeconduct.oversight.link import links

    links_seen()
    links()


def _seconds(work: Callable[[], object]) -> float:
    begun = time.perf_counter()
    work()
    return time.perf_counter() - begun


def _resident() -> float:
    """Resident memory of this process in MB."""
    return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE") / 1e6


def _files() -> int:
    return len(list(Path("/proc/self/fd").iterdir()))


if __name__ == "__main__":
    sys.exit(main())
