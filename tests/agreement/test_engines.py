"""The dictionary, the SQL and the Cedar text are one policy: they agree on every question."""

from __future__ import annotations

import random
import sqlite3
import time
from collections.abc import Iterable
from typing import Any

import cedarpy
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from safeconduct.agreement import cedar
from safeconduct.agreement.policy import Book, Item, Policy, Subject, compile_policy
from safeconduct.agreement.sql import highest_levels, visible
from safeconduct.agreement.vocabulary import ACTS

from .requests import NOW, PARTIES, act, everything_agreed, item, limited, subject
from .sample import MOVEMENTS, VOCABULARY, books, clause

POLICY = everything_agreed()


def in_column(names: Iterable[str]) -> str:
    found = sorted(names)
    return f"|{'|'.join(found)}|" if found else ""


def shared(names: Iterable[str]) -> tuple[str, str]:
    """Duty bearers as two columns have them: named by the record itself, and by records about it."""
    found = sorted(names)
    return in_column(found[::2]), in_column(found[1::2])


def table_of(items: Iterable[Item]) -> sqlite3.Connection:
    connection = sqlite3.connect(":memory:")
    connection.execute(
        "CREATE TABLE records_row (id TEXT PRIMARY KEY, kind TEXT, originator TEXT, agreement TEXT, state TEXT,"
        " levels INT, releasable TEXT, orcon BOOL, assigned TEXT, bearers TEXT, opens REAL)"
    )
    connection.executemany(
        "INSERT INTO records_row VALUES (?,?,?,?,?,?,?,?,?,?,?)",
        [
            (
                *(each.id, each.kind, each.originator, each.agreement, each.state, each.levels),
                *(in_column(each.releasable), each.orcon, *shared(each.assigned), each.opens),
            )
            for each in items
        ],
    )
    return connection


def masks_by_sql(
    connection: sqlite3.Connection, policy: Policy, who: Subject, what: str, kind: str
) -> dict[str, int]:
    seen = visible(policy, who, what, kind, NOW)
    text = (
        f"SELECT id, ({seen.mask}) AS mask FROM records_row "
        f"WHERE kind = %s AND {seen.guard} AND ({seen.mask}) <> 0"
    )
    parameters: list[Any] = [*seen.mask_params, kind, *seen.guard_params, *seen.mask_params]
    return dict(connection.execute(text.replace("%s", "?"), parameters).fetchall())


def test_three_engines_agree_on_random_requests() -> None:
    rng = random.Random(20241006)
    people = [subject(rng) for _ in range(120)]
    items = [item(rng, number) for number in range(400)]
    connection = table_of(items)
    by_sql: dict[tuple[int, str, str], dict[str, int]] = {}
    text, schema = cedar.policies(POLICY), cedar.schema(VOCABULARY)
    cedar.check(text, schema)
    handles = cedarpy.PolicySet.from_str(text), cedarpy.Schema.from_str(schema)
    asked, expected = [], []
    for _ in range(22_000):
        number, what, record = rng.randrange(len(people)), act(rng), rng.choice(items)
        who, parts = people[number], VOCABULARY.kinds[record.kind].parts
        part = rng.choice(parts)
        permitted = POLICY.decide(who, what, record, part, NOW).permit
        bit = parts.index(part)
        mask = POLICY.mask(who, what, record, NOW)
        assert permitted == bool(mask >> bit & 1)
        key = (number, what, record.kind)
        if key not in by_sql:
            by_sql[key] = masks_by_sql(connection, POLICY, who, what, record.kind)
        assert by_sql[key].get(record.id, 0) == mask
        level = record.levels >> 2 * bit & 3
        asked.append(cedar.request(f"p{number}", what, record.id, part, level, NOW))
        expected.append(permitted)
    described = cedar.entities(
        [(f"p{number}", who) for number, who in enumerate(people)], [(each.id, each) for each in items]
    )
    known = cedarpy.Entities.from_json_str(described, handles[1])
    answers = cedarpy.is_authorized_batch(asked, handles[0], known, handles[1])
    assert [cedar.allowed(answer) for answer in answers] == expected
    # A comparison of refusals alone would prove little.
    assert 1_000 < sum(expected) < 21_000


@settings(max_examples=60, deadline=None)
@given(st.randoms(use_true_random=False), st.sampled_from(ACTS))
def test_sql_gives_the_same_masks_as_the_dictionary(rng: random.Random, what: str) -> None:
    policy = compile_policy(books(c24=rng.choice(("agreed", "declined"))), VOCABULARY)
    items = [item(rng, number) for number in range(30)]
    who = limited(rng, subject(rng)) if rng.random() < 0.5 else subject(rng)
    connection = table_of(items)
    for kind in VOCABULARY.kinds:
        found = masks_by_sql(connection, policy, who, what, kind)
        masks = {each.id: policy.mask(who, what, each, NOW) for each in items if each.kind == kind}
        assert found == {key: mask for key, mask in masks.items() if mask}


@settings(max_examples=50, deadline=None)
@given(st.randoms(use_true_random=False), st.sampled_from(ACTS))
def test_no_part_is_seen_above_its_highest_level_and_some_is_seen_there(
    rng: random.Random, what: str
) -> None:
    who = limited(rng, subject(rng)) if rng.random() < 0.5 else subject(rng)
    for kind, shape in VOCABULARY.kinds.items():
        highest = highest_levels(POLICY, who, what, kind)
        for each in (item(rng, number) for number in range(40)):
            if each.kind == kind:
                mask = POLICY.mask(who, what, each, NOW)
                for bit in range(len(shape.parts)):
                    level = each.levels >> 2 * bit & 3
                    assert not mask >> bit & 1 or level <= highest.get((bit, each.originator), -1)
        for (bit, originator), level in highest.items():
            # Every grant of the sample is met by one of these, at the level that is said to be the highest.
            seen = (
                POLICY.mask(
                    who,
                    what,
                    Item(
                        name, kind, originator, state, level << 2 * bit, frozenset(to), False, who.units, None
                    ),
                    NOW,
                )
                for name in sorted({"r", *who.authorised, *who.emergency})
                for state in shape.states
                for to in (PARTIES, *((party, who.party) for party in PARTIES))
            )
            person = who.person and not who.units
            assert person or any(mask >> bit & 1 for mask in seen)


def test_the_second_opinion_knows_to_which_agreements_a_role_is_limited() -> None:
    rng, opinion = random.Random(20), cedar.CedarOpinion(POLICY, VOCABULARY)
    permitted = narrowed = 0
    for number in range(400):
        free, record, what = subject(rng), item(rng, number), act(rng)
        who = limited(rng, free)
        for part in VOCABULARY.kinds[record.kind].parts:
            found = POLICY.decide(who, what, record, part, NOW).permit
            assert opinion.permits(who, what, record, part, NOW) == found
            permitted += found
            narrowed += POLICY.decide(free, what, record, part, NOW).permit and not found
    assert permitted and narrowed


def test_sql_matches_names_exactly_and_holds_no_values() -> None:
    hostile = "u' OR '1'='1"
    who = Subject(
        "pk", frozenset({"commander"}), 3, frozenset({hostile, "unit_2", "u|v", ""}), frozenset(), "%"
    )
    record = Item("m", "movement", "cn", "cleared", 0, frozenset({"pk"}))
    connection = table_of(
        record._replace(id=name, assigned=frozenset({name}))
        for name in ("unit-2", "UNIT_2", "unit_2", "u", hostile, "anything")
    )
    seen = visible(POLICY, who, "read", "movement", NOW)
    assert hostile not in seen.mask + seen.guard
    masks = masks_by_sql(connection, POLICY, who, "read", "movement")
    assert {name for name, mask in masks.items() if mask & 2} == {"unit_2", hostile}
    nobody = visible(POLICY, who._replace(party="zz"), "read", "movement", NOW)
    assert nobody.mask == "0" and nobody.mask_params == []


def test_cedar_refuses_on_any_error_in_its_diagnostics() -> None:
    """A forbid that meets an error is skipped by Cedar: it must not let the act through."""
    who = Subject("cn", frozenset({"coordinator"}), 3)
    record = Item("i", "incident", "pk", "open", 0, frozenset({"cn"}), orcon=True)
    described = cedar.entities([("p", who)], [("i", record)]).replace('"orcon": true, ', "")
    answer = cedarpy.is_authorized(
        cedar.request("p", "export", "i", "where", 0, NOW), cedar.policies(POLICY), described
    )
    assert answer.allowed and not cedar.allowed(answer)
    opinion = cedar.CedarOpinion(POLICY, VOCABULARY)
    assert not opinion.permits(who, "export", record, "where", NOW)
    assert opinion.permits(who, "export", record._replace(orcon=False), "where", NOW)
    for broken in (record._replace(orcon=None), record._replace(state=3)):
        assert not opinion.permits(who, "export", broken, "where", NOW)  # type: ignore[arg-type]
    for kind, part, what in (
        ("unknown", "where", "read"),
        ("incident", "x", "read"),
        ("incident", "where", "x"),
    ):
        assert not opinion.permits(who, what, record._replace(kind=kind), part, NOW)


def test_the_second_opinion_agrees_and_is_remembered_by_class() -> None:
    rng = random.Random(7)
    opinion = cedar.CedarOpinion(POLICY, VOCABULARY)
    people = [subject(rng) for _ in range(12)]
    items = [item(rng, number) for number in range(25)]
    questions = [
        (rng.choice(people), rng.choice(("disclose", "approve", "command", "read")), rng.choice(items))
        for _ in range(1_500)
    ]
    for who, what, record in questions:
        for part in VOCABULARY.kinds[record.kind].parts[:2]:
            assert opinion.permits(who, what, record, part, NOW) == (
                POLICY.decide(who, what, record, part, NOW).permit
            )
    who, what, record = questions[0]
    started = time.perf_counter()
    for number in range(2_000):
        opinion.permits(who, what, record._replace(id=f"another-{number}"), "summary", NOW)
    assert time.perf_counter() - started < 1.0


def test_the_published_text_names_the_hours_of_opening() -> None:
    text = MOVEMENTS.replace("logged = true", "opens_hours = 12\nlogged = true", 1)
    book = Book("pk-cn", {"host": "pk", "partner": "cn"}, ((clause(text), "agreed"),))
    published = cedar.policies(compile_policy([book], VOCABULARY))
    assert published.count('@opens_hours("12")') == 1
    cedar.check(published, cedar.schema(VOCABULARY))


def test_the_published_text_is_checked_against_its_schema() -> None:
    text, schema = cedar.policies(POLICY), cedar.schema(VOCABULARY)
    for grant in POLICY.grants.values():
        if grant.directions:
            assert text.count(f'@id("{grant.id}")') == 1
    assert all(f'@id("{name}")' in text for name in ("R1", "R2", "R3", "house/H1.2"))
    assert "24.1" not in cedar.policies(compile_policy(books(), VOCABULARY))
    for old, new in (
        ("resource.orcon", "resource.orcn"),
        ('Kind::"incident"', 'Kind::"incidnt"'),
        ("permit", "x"),
    ):
        with pytest.raises(cedar.CedarRefused):
            cedar.check(text.replace(old, new), schema)
