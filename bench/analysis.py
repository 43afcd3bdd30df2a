"""The analysis of incidents: the page, and within it reading them, the bare arithmetic, and what is left.

Bare reading is the SELECT of the same rows with their parts read from JSON, and no word about who asks; bare
arithmetic is the ground floor on arrays that are there already. The near-repeat table is worked out once for the same
incidents, so that the first page and the next ones are told apart. `--file` takes an official UCDP GED file; without
it the demonstration's made-up history is repeated, a little further back and aside each time.
"""

from __future__ import annotations

import argparse
import json
import random
import time
from collections.abc import Callable, Iterator
from datetime import date, timedelta
from pathlib import Path
from statistics import median
from typing import Any

from bench.measure import heading
from bench.nodes import Node, drafts, one_node, person

LAST = date(2026, 6, 1)
BATCH = 2_000


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--incidents", type=int, default=6_000, help="made-up ones (default: %(default)s)")
    parser.add_argument("--file", type=Path, help="a UCDP GED file instead")
    parser.add_argument("--runs", type=int, default=7)
    given = parser.parse_args()
    heading("The analysis of incidents")
    with one_node() as node, node.active():
        reader = person(node, "analyst", "analyst")
        count = _imported(node, given.file) if given.file else _made_up(node, given.incidents)
        run(node, reader, count, given.runs)


def run(node: Node, reader: Any, count: int, runs: int) -> None:
    from django.test import RequestFactory

    from safeconduct.assessment import analysis_near, analysis_views
    from safeconduct.assessment.seen import incidents_seen

    request = RequestFactory().get("/assessment/?since=1989-01-01")
    request.principal = reader  # type: ignore[attr-defined]
    analysis_views.analysis(request)
    analysis_near._kept.clear()
    seen = incidents_seen(reader)
    first = _ms(lambda: analysis_views.analysis(request), 1)
    rows: list[tuple[str, float]] = [
        ("first page", first),
        ("page", _ms(lambda: analysis_views.analysis(request), runs)),
        ("  reading: find, arrays", _ms(lambda: incidents_seen(reader), runs)),
        ("  bare reading: SELECT, JSON", _ms(lambda: _bare(node), runs)),
        ("  bare arithmetic, no near repeats", _ms(lambda: _arithmetic(seen.events), runs)),
        ("  near repeats", _ms(lambda: _near(seen.events), min(runs, 3))),
        ("file of all tables", _ms(lambda: analysis_views.export(request), runs)),
        ("points of the map", _ms(lambda: analysis_views.points(request), runs)),
    ]
    near = _near(seen.events)
    print(
        f"{count:,} incidents, {near.events:,} exact ones in the near-repeat table, {near.permutations} shuffles"
    )
    for name, ms in rows:
        print(f"{name:<36} {ms:9.1f} ms")


def _arithmetic(events: Any) -> None:
    from safeconduct.risk.compare import compare
    from safeconduct.risk.concentration import concentration
    from safeconduct.risk.counts import counts
    from safeconduct.risk.trend import trend

    since, until = int(events.day[0]), int(events.day[-1]) + 1
    middle = (since + until) // 2
    counts(events.day, since, until, "quarter")
    trend(events.day, since, until)
    concentration(events)
    names = events.names["province"]
    groups = [(name, events.day[names == name]) for name in sorted(set(names.tolist()))]
    compare(groups, (since, middle), (middle, until))


def _near(events: Any) -> Any:
    from safeconduct.risk.knox import knox

    return knox(events)


def _bare(node: Node) -> list[Any]:
    tables = node.writer.connection.connection
    sql = "SELECT parts FROM records_row WHERE kind = 'incident' AND withdrawn = 0 ORDER BY time DESC"
    return [json.loads(row[0]) for row in tables.execute(sql)]


def _ms(work: Callable[[], object], runs: int) -> float:
    """Median processor time, which a busy machine stretches less than the clock's; all of it is in this process."""
    taken = []
    for _ in range(runs):
        begun = time.process_time()
        work()
        taken.append((time.process_time() - begun) * 1e3)
    return median(taken)


def _imported(node: Node, file: Path) -> int:
    from safeconduct.incidents.importers.run import read
    from safeconduct.incidents.importing import import_file

    return import_file(read(file), node.door).new


def _made_up(node: Node, count: int) -> int:
    from safeconduct.records.commit import commit_many
    from safeconduct.records.principals import system_subject

    rows = list(_rows(count))
    for begin in range(0, count, BATCH):
        for answer in commit_many(
            system_subject(node.home.party), drafts(rows[begin : begin + BATCH]), door=node.door
        ):
            if isinstance(answer, Exception):
                raise answer
    return count


def _rows(count: int) -> Iterator[dict[str, Any]]:
    from safeconduct.node.demonstration.made_up import made_up

    draw = random.Random(3)
    done = 0
    while done < count:
        back, north, east = draw.randrange(8_000), draw.gauss(0, 0.2), draw.gauss(0, 0.2)
        for each in made_up("host", LAST - timedelta(days=back)):
            where = dict(each["where"])
            where["latitude"] = round(where["latitude"] + north, 3)
            where["longitude"] = round(where["longitude"] + east, 3)
            source = {**each["source"], "external": f"bench:{done}"}
            yield {**each, "where": where, "source": source}
            done += 1
            if done >= count:
                return


if __name__ == "__main__":
    main()
