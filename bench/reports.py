"""A week's report from a past moment: records that are as they were, records that have changed since, and the PDF.

Bare is `find()` of the same records as they are now. What has changed since is opened by the writer one by one.
"""

from __future__ import annotations

import argparse
import time
from datetime import UTC, date, datetime, timedelta
from statistics import median

from bench.measure import heading
from bench.nodes import Node, incidents, one_node, person


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--incidents", type=int, default=500)
    parser.add_argument("--pairs", type=int, default=7)
    given = parser.parse_args()
    with one_node() as node, node.active():
        run(node, given.incidents, given.pairs)


def run(node: Node, count: int, pairs: int) -> None:
    from safeconduct.records.as_of import Then, find_as_of, past
    from safeconduct.records.commit import Draft, commit_many
    from safeconduct.records.find import Query, find
    from safeconduct.reports.situation import Period, situation
    from safeconduct.shell.typesetting import pdf

    heading(f"A week with {count:,} incidents, as known at a moment that has passed")
    officer = person(node, "watch_officer", "reader")
    today = datetime.now(UTC).date()
    made = incidents(count)
    for number, parts in enumerate(made):
        parts["when"] = {"start": (today - timedelta(days=number % 7)).isoformat()}
    first = commit_many(officer, [Draft("incident", parts) for parts in made])
    time.sleep(0.01)
    moment = past(datetime.now(UTC))
    time.sleep(0.01)
    period = Period(date.fromisoformat(today.isoformat()), 7)
    wanted = Then("incident", since=period.since.timestamp(), until=period.until.timestamp(), limit=count)
    query = Query("incident", limit=count)
    _line("as it is: find()", pairs, lambda: find(officer, query))
    _line("as it was, unchanged since", pairs, lambda: find_as_of(officer, moment, wanted))
    _line("the whole report, unchanged since", pairs, lambda: situation(officer, period, moment))
    paper, _taken = situation(officer, period, moment)
    _line("its PDF, in English", pairs, lambda: pdf(paper))
    print(f"{'':<40} {len(pdf(paper)):,} bytes")
    later = [
        Draft("incident", {}, record=each.record, expected=1, state="update")
        for each in first
        if not isinstance(each, Exception)
    ]
    commit_many(officer, later)
    _line("as it was, all changed since", pairs, lambda: find_as_of(officer, moment, wanted))


def _line(name: str, pairs: int, work: object) -> None:
    times = []
    for number in range(pairs + 1):
        begun = time.perf_counter()
        work()  # type: ignore[operator]
        if number:
            times.append((time.perf_counter() - begun) * 1e3)
    print(f"{name:<40} {median(times):8.1f} ms")


if __name__ == "__main__":
    main()
