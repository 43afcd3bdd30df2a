"""What a list, a count and spans say is what the policy says of each record, however the database looks for it."""

from __future__ import annotations

import json
import random
from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from typing import Any, NamedTuple

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from agreement.requests import limited
from records.test_commit import PARTS, WHERE, person
from safeconduct.agreement.clauses import parse_clause
from safeconduct.agreement.policy import Book, Policy, Subject, compile_policy
from safeconduct.agreement.vocabulary import LEVELS
from safeconduct.records import everywhere, here
from safeconduct.records import find as lists
from safeconduct.records.commit import Draft, commit
from safeconduct.records.everywhere import Sought, search_everywhere
from safeconduct.records.find import Query, Span, count, find, spans
from safeconduct.records.home import Home
from safeconduct.records.kinds import kind, vocabulary
from safeconduct.records.projection import COLUMNS as ALL_COLUMNS
from safeconduct.records.projection import Disclosed, Tables, put_row
from safeconduct.records.rows import COLUMNS, RowView, item_of
from safeconduct.records.search import PART_BITS

NOW = 1_730_000_000.0
PARTIES = ("pk", "cn", "xx")
UNITS = ("unit-1", "unit_2")
ROLES = ("coordinator", "analyst", "commander")
WORDS = ("alpha", "beta", "alpha beta")
BOX = (60.0, 20.0, 70.0, 30.0)


class World(NamedTuple):
    """Rows with their dimensions and titles, and the policy that is about them."""

    rows: list[tuple[RowView, dict[str, Any]]]
    policy: Policy


@pytest.fixture
def tables(node: Home) -> Tables:
    writer = here.door().writer
    assert writer is not None
    return writer.tables


def grant(rng: random.Random, number: str, to: str, whose: str, name: str) -> str:
    parts = rng.sample(kind(name).part_names, rng.randint(1, len(kind(name).part_names)))
    if rng.random() < 0.5:
        parts = ["*"]
    lines = [
        "[[grant]]", f'id = "{number}"', f'to = "{to}"', f'whose = "{whose}"', f'kind = "{name}"',
        f"roles = {json.dumps(rng.sample(ROLES, rng.randint(1, 2)))}", 'may = ["read"]',
        f"parts = {json.dumps(parts)}", f'up_to = "{rng.choice(LEVELS)}"',
    ]  # fmt: skip
    if rng.random() < 0.2:
        lines.append(f"while = {{ state = {json.dumps([rng.choice(kind(name).states)])} }}")
    if rng.random() < 0.3:
        lines.append(f"when = {json.dumps([rng.choice(('assigned', 'not_before', 'authorised_by'))])}")
    return "\n".join(lines)


def clause(rng: random.Random, number: str, to: str, whose: str) -> Any:
    names = [rng.choice(("incident", "incident", "presence")) for _ in range(rng.randint(1, 4))]
    numbers = [f"{number}.{n + 1}" for n in range(len(names))]
    grants = [grant(rng, each, to, whose, name) for each, name in zip(numbers, names, strict=True)]
    head = f'clause = "{number}"\nversion = 1\ntitle = "Lists"\ntexts = ["en"]\n'
    sentences = "\n".join(f"{each} They may." for each in numbers)
    text = "+++\n" + head + "\n".join(grants) + f"\n+++\n## en\n\n{sentences}\n"
    return parse_clause(text.encode(), vocabulary(), "clause.md")


def policy(rng: random.Random) -> Policy:
    books = [Book("house", {"own": "pk"}, ((clause(rng, "H9", "own", "own"), "agreed"),))]
    for party in ("cn", "xx"):
        agreed = ((clause(rng, "9", "host", "partner"), rng.choice(("agreed", "agreed", "proposed"))),)
        books.append(Book(f"pk-{party}", {"host": "pk", "partner": party}, agreed))
    return compile_policy(books, vocabulary())


def some(rng: random.Random, values: Iterable[str]) -> list[str]:
    return [each for each in values if rng.random() < 0.5]


def values_of(rng: random.Random, name: str) -> dict[str, Any]:
    """Parts of a record; any but the first may be absent."""
    moment = f"2024-10-0{rng.randint(1, 4)}T0{rng.randint(0, 3)}:00:00Z"
    if name == "presence":
        stay = {"site": rng.choice("ab"), "since": moment, "external": "somebody"}
        return {"stay": {**stay, **({"until": "2024-11-01T00:00:00Z"} if rng.random() < 0.5 else {})}}
    whole = {
        "summary": {"title": rng.choice(WORDS), "category": rng.choice(("attack", "threat"))},
        "when": {"start": moment},
        "where": {"latitude": rng.choice((25.0, 35.0)), "longitude": rng.choice((65.0, 75.0))},
        "people": {"killed_best": 1},
    }
    return {part: value for part, value in whole.items() if part == "summary" or rng.random() < 0.8}


def world(rng: random.Random, tables: Tables) -> World:
    """As many tiers as there are, or nearly all records in one."""
    usual = rng.choice((None, 0, 1, 2, 3))
    owners = rng.choice((("pk",), ("cn",), PARTIES))
    tables.execute("BEGIN")
    tables.execute("DELETE FROM records_row WHERE kind IN ('incident', 'presence')")
    tables.execute("DELETE FROM records_search")
    for number in range(rng.randint(0, 30)):
        name = rng.choice(("incident", "incident", "presence"))
        shape, originator = kind(name), rng.choice(owners)
        parts = values_of(rng, name)
        levels = [
            usual if usual is not None and rng.random() < 0.9 else rng.randint(0, 3) for _ in shape.parts
        ]
        for bit, part in enumerate(shape.part_names):
            # An absent part bears at least its usual label.
            levels[bit] = levels[bit] if part in parts else 3
        header = {
            "record": f"r{number:02d}", "version": 1, "kind": name, "originator": originator,
            "state": rng.choice(shape.states), "at": f"2024-10-07T00:00:{rng.randint(0, 20):02d}Z",
            "levels": levels, "orcon": False, "assigned": some(rng, UNITS), "about": "",
            "releasable": some(rng, PARTIES) if rng.random() < 0.5 else list(PARTIES),
            "opens": rng.choice(("", "2020-01-01T00:00:00Z", "2999-01-01T00:00:00Z")),
        }  # fmt: skip
        held = Disclosed([None] * len(shape.parts), [parts.get(part) for part in shape.part_names])
        put_row(tables, 10_000 + number, header, held, "" if originator == "pk" else f"pk-{originator}")
    tables.settle()
    tables.execute("COMMIT")
    names = tuple(dict.fromkeys((*COLUMNS, "time", "until", "latitude", "longitude", "category", "place")))
    rows = tables.all(f"SELECT {', '.join(names)} FROM records_row WHERE kind IN ('incident', 'presence')")
    return World(
        [(RowView(*row[: len(COLUMNS)]), dict(zip(names, row, strict=True))) for row in rows], policy(rng)
    )


def reader(rng: random.Random) -> Subject:
    who = Subject(
        "pk", frozenset(rng.sample(ROLES, rng.randint(1, 3))), rng.choice((0, 0, 1, 2, 3)),
        frozenset(some(rng, UNITS)), frozenset(f"r{rng.randrange(30):02d}" for _ in range(5)), "person-7",
    )  # fmt: skip
    return limited(rng, who) if rng.random() < 0.2 else who


def questions(rng: random.Random) -> Iterator[Query]:
    """Questions that differ in what the database would go by."""
    for name in ("incident", "presence"):
        for _ in range(4):
            query = Query(name, limit=rng.choice((1, 3, 50)), descending=rng.random() < 0.5)
            if rng.random() < 0.3:
                query = replace(query, sort="at")
            if rng.random() < 0.3:
                query = replace(query, since=1_727_827_200.0)
            if rng.random() < 0.3:
                query = replace(query, until=1_727_913_600.0)
            if rng.random() < 0.2:
                query = replace(query, state=rng.choice(kind(name).states))
            if name == "incident" and rng.random() < 0.3:
                query = replace(query, bbox=BOX)
            if name == "incident" and rng.random() < 0.3:
                query = replace(query, category="attack")
            if name == "incident" and rng.random() < 0.3:
                query = replace(query, text="alpha")
            yield query


def told(world: World, who: Subject, query: Query, walled: bool) -> list[tuple[dict[str, Any], int]]:
    """The rows that a question is about, as the policy decides each; with the mask of each, in the list's order."""
    shape = kind(query.kind)
    needed = 0
    for column, asked in (
        ("time", query.since is not None or query.until is not None),
        ("latitude", query.bbox is not None),
        ("category", bool(query.category)),
    ):
        needed |= 1 << shape.bit(shape.dimensions[column][0]) if asked else 0
    found = []
    for row, values in world.rows:
        mask = world.policy.mask(who, "read", item_of(row), NOW)
        held = [row.level(bit) for bit in range(len(shape.parts)) if row.present >> bit & 1]
        if row.kind != query.kind or not mask or mask & needed != needed:
            continue
        if walled and min(held, default=0) > who.clearance:
            continue
        if query.since is not None and (values["time"] is None or values["time"] < query.since):
            continue
        if query.until is not None and (values["time"] is None or values["time"] >= query.until):
            continue
        if query.state and row.state != query.state:
            continue
        if query.category and values["category"] != query.category:
            continue
        if query.bbox is not None and (values["latitude"], values["longitude"]) != (25.0, 65.0):
            continue
        if query.text and not ("alpha" in row.parts and mask >> shape.bit("summary") & 1):
            continue
        found.append((values, mask))
    key = query.sort
    found.sort(key=lambda each: (each[0][key] or 0.0, each[0]["id"]), reverse=query.descending)
    return found


def all_pages(who: Subject, query: Query) -> list[str]:
    seen: list[str] = []
    while True:
        page = find(who, query)
        assert len(page.records) == query.limit or not page.next_cursor
        seen += [each.id for each in page.records]
        if not page.next_cursor:
            return seen
        query = replace(query, cursor=page.next_cursor)


@pytest.mark.both
@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.randoms(use_true_random=False))
def test_lists_counts_and_spans_say_what_the_policy_says_of_each_record(
    node: Home, tables: Tables, rng: random.Random
) -> None:
    made = world(rng, tables)
    standing = replace(here.state(), policy=made.policy)
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(here, "state", lambda: standing)
        patched.setattr(lists, "FEW", rng.choice((0, 5_000)))
        walled = node.database is not None
        for _ in range(4):
            who = reader(rng)
            for query in questions(rng):
                expected = told(made, who, query, walled)
                assert count(who, query) == len(expected)
                if query.sort == "time":
                    timed = 1 << kind(query.kind).bit(kind(query.kind).dimensions["time"][0])
                    expected = [each for each in expected if each[1] & timed and each[0]["time"] is not None]
                assert all_pages(who, query) == [values["id"] for values, _ in expected]
            stays = told(made, who, Query("presence", descending=False), walled)
            assert spans(who, Query("presence")) == [
                Span("", values["place"], values["time"], values["until"]) for values, _ in stays
            ]


@pytest.mark.both
def test_a_row_knows_its_tiers_as_its_header_has_them(node: Home, tables: Tables) -> None:
    rng = random.Random(7)
    assert {"time_tier", "least_tier"} <= set(ALL_COLUMNS)
    for row, _ in world(rng, tables).rows:
        timed, least = tables.all("SELECT time_tier, least_tier FROM records_row WHERE id = %s", [row.id])[0]
        shape = kind(row.kind)
        above = 0 if row.originator == "pk" else 4
        assert timed == row.level(shape.bit(shape.dimensions["time"][0])) + above
        assert least == min(row.level(bit) for bit in range(len(shape.parts))) + above


def fill(tables: Tables, record: str, number: int, levels: int, timed: int, least: int) -> None:
    """As many copies of a record, of these labels, as there have not been yet."""
    names = [name for name in ALL_COLUMNS if name not in ("id", "born", "levels", "time_tier", "least_tier")]
    tables.execute("BEGIN")
    at = tables.one("SELECT max(born) FROM records_row", [])
    assert at is not None
    for born in range(at[0] + 1, at[0] + 1 + number):
        tables.execute(
            f"INSERT INTO records_row (id, born, levels, time_tier, least_tier, {', '.join(names)}) "
            f"SELECT %s, %s, %s, %s, %s, {', '.join(names)} FROM records_row WHERE id = %s",
            [f"copy {born}", born, levels, timed, least, record],
        )
        for sql, values in (tables.dialect.put_text(born << PART_BITS, "convoy on the road"),):
            tables.execute(sql, values)
    tables.execute("COMMIT")


def steps(tables: Tables, work: Callable[[], object]) -> int:
    """Instructions of SQLite's machine, in hundreds, that something takes."""
    taken = 0

    def step() -> int:
        nonlocal taken
        taken += 1
        return 0

    file = here.tables()._connection.connection
    work()
    file.set_progress_handler(step, 100)
    try:
        work()
    finally:
        file.set_progress_handler(None, 0)
    return taken


@pytest.mark.files("counts what SQLite does")
@pytest.mark.parametrize("hidden", ["of a level", "of the other party"])
def test_what_is_hidden_makes_no_list_longer(
    node: Home, tables: Tables, hidden: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Ten times as many records that a reader may not see, or whose time, cost a page, a count and a search nothing."""
    for module, name in ((lists, "RECENT"), (everywhere, "FIRST_STEP"), (everywhere, "FAR")):
        monkeypatch.setattr(module, name, 40)
    officer = person("watch_officer", clearance=2)
    shown = [commit(officer, Draft("incident", PARTS, levels={"when": 1})).record for _ in range(3)]
    bits = range(len(kind("incident").parts))
    if hidden == "of a level":
        labels, tier = sum(3 << 2 * bit for bit in bits), 3
    else:
        labels, tier = sum(1 << 2 * bit for bit in bits), 5
    questions = [
        *(lambda query=query: len(find(officer, query).records) for query in (
            Query("incident", limit=5), Query("incident", limit=5, descending=False), Query("incident", sort="at"),
            Query("incident", since=0.0), Query("incident", until=4e9), Query("incident", category="attack"),
        )),
        lambda: count(officer, Query("incident")),
        lambda: count(officer, Query("incident", since=0.0)),
        lambda: len(search_everywhere(officer, Sought("road"))),
    ]  # fmt: skip
    taken = []
    for number in (100, 900):
        fill(tables, shown[0], number, labels, tier, tier)
        if hidden != "of a level":
            tables.execute(
                "UPDATE records_row SET originator = 'cn', agreement = 'pk-cn' WHERE id LIKE 'copy%%'", []
            )
        assert [work() for work in questions] == [3] * 8 + [0]
        taken.append([steps(tables, work) for work in questions])
    few, many = taken
    assert all(after <= 1.5 * before + 20 for before, after in zip(few, many, strict=True)), taken


@pytest.mark.files("counts what SQLite does")
def test_few_in_a_state_or_in_a_box_are_found_among_however_many(
    node: Home, tables: Tables, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(lists, "RECENT", 40)
    monkeypatch.setattr(lists, "FEW", 40)
    officer = person("watch_officer")
    usual = commit(officer, Draft("incident", PARTS)).record
    changed = commit(officer, Draft("incident", {**PARTS, "where": {**WHERE, "latitude": 35.0}})).record
    closed = commit(officer, Draft("incident", {}, record=changed, expected=1, state="closed"))
    assert closed.version == 2
    questions = [
        Query("incident", state="closed"), Query("incident", state="closed", sort="at"),
        Query("incident", bbox=(60, 34, 70, 36)), Query("incident", bbox=(60, 24, 70, 36), limit=5),
        Query("incident", state="immediate", limit=5), Query("incident", state="immediate", sort="at", limit=5),
    ]  # fmt: skip
    taken = []
    for number in (100, 900):
        fill(
            tables,
            usual,
            number,
            int(tables.all("SELECT levels FROM records_row WHERE id = %s", [usual])[0][0]),
            1,
            1,
        )
        found = [[each.id for each in find(officer, query).records] for query in questions]
        assert found[:3] == [[changed]] * 3 and [len(each) for each in found[3:]] == [5, 5, 5]
        taken.append([steps(tables, lambda query=query: find(officer, query)) for query in questions])
    few, many = taken
    assert all(after <= 1.5 * before + 20 for before, after in zip(few, many, strict=True)), taken
