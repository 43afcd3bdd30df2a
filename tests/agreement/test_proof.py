"""Assurances are proved over the worst case; a change is told in words and counts before it is signed."""

from __future__ import annotations

import time

import pytest

from safeconduct.agreement.clauses import Clause
from safeconduct.agreement.policy import Book, Policy, compile_policy
from safeconduct.agreement.proof import difference, violations
from safeconduct.agreement.vocabulary import KindShape, Vocabulary

from .sample import COMMAND, INCIDENTS, MOVEMENTS, VOCABULARY, books, clause


def agreement(*clauses: Clause, status: str = "declined") -> Book:
    return Book("pk-cn", {"host": "pk", "partner": "cn"}, tuple((each, status) for each in clauses))


def test_the_assurance_holds_whatever_is_agreed_but_clause_24() -> None:
    for status in ("agreed", "declined", "proposed"):
        assert violations(books(c24=status, c7=status), VOCABULARY) == []


def test_a_clause_that_would_break_an_assurance_is_found_before_it_is_signed() -> None:
    loophole = clause(COMMAND.replace('"24"', '"25"').replace("24.1", "25.1"))
    found = violations([agreement(clause(MOVEMENTS), clause(COMMAND), loophole)], VOCABULARY)
    assert {(each.part, each.grants) for each in found} == {
        ("order", ("pk-cn/25.1",)),
        ("strength", ("pk-cn/25.1",)),
    }
    first = found[0]
    assert (first.assurance, first.party, first.role, first.level) == ("7.3", "cn", "commander", "SECRET")
    assert str(first).startswith("assurance pk-cn/7.3: pk-cn/25.1 would let cn's commander command")


def test_every_version_of_a_text_is_reckoned_with() -> None:
    harmless = clause(COMMAND.replace('"24"', '"25"').replace("24.1", "25.1").replace('"command"', '"read"'))
    harmful = clause(
        COMMAND.replace('"24"', '"25"').replace("24.1", "25.1").replace("version = 1", "version = 2")
    )
    assert violations([agreement(clause(MOVEMENTS), harmless)], VOCABULARY) == []
    assert violations([agreement(clause(MOVEMENTS), harmless, harmful)], VOCABULARY) != []


def test_house_rules_of_both_parties_count_and_red_lines_prove_nothing() -> None:
    house = """+++
clause = "H1"
version = 1
title = "Own guards"
texts = ["en"]
[[grant]]
id = "H1.1"
to = "own"
roles = ["security_officer"]
may = ["command"]
kind = "deployment"
parts = ["order"]
whose = "own"
up_to = "RESTRICTED"
while = { state = ["under_way"] }
[[red_line]]
id = "H1.2"
kind = "*"
parts = ["*"]
above = "OPEN"
+++
H1.1 Our officers command our guards.
H1.2 Nothing above OPEN is disclosed.
"""
    own = Book("house-cn", {"own": "cn"}, ((clause(house), "proposed"),))
    found = violations([own, agreement(clause(MOVEMENTS))], VOCABULARY)
    assert [(each.originator, each.state, each.level) for each in found] == [
        ("cn", "under_way", "RESTRICTED")
    ]
    never = 'never  = { party = "partner", may = "command", kind = "deployment"'
    host_only = clause(MOVEMENTS.replace(never, never + ', whose = "host"'))
    assert violations([own, agreement(host_only)], VOCABULARY) == []


def test_an_assurance_about_levels_and_parts() -> None:
    text = MOVEMENTS.replace(
        'never  = { party = "partner", may = "command", kind = "deployment" }',
        'never  = { party = "partner", may = ["read", "export"], kind = "incident", parts = ["people"], '
        'whose = "host", above = "RESTRICTED" }',
    )
    found = violations([agreement(clause(text), clause(INCIDENTS))], VOCABULARY)
    assert {(each.act, each.part, each.level) for each in found} == {
        ("read", "people", "CONFIDENTIAL"),
        ("export", "people", "CONFIDENTIAL"),
    }
    higher = clause(text.replace('above = "RESTRICTED"', 'above = "CONFIDENTIAL"'))
    assert violations([agreement(higher, clause(INCIDENTS))], VOCABULARY) == []


def test_difference_in_words_and_counts() -> None:
    before = compile_policy(books(), VOCABULARY)
    after = compile_policy(books(c24="agreed"), VOCABULARY)
    change = difference(before, after)
    assert change.removed == ()
    assert change.sentences == (
        "cn gains: commander may command order, strength of pk's deployment records while planned or "
        "under_way, labelled OPEN or RESTRICTED or CONFIDENTIAL or SECRET",
    )
    # two parts, two states, four levels, eight combinations of facts
    assert change.counts == {"added": 2 * 2 * 4 * 16, "removed": 0, "added_keys": 2, "removed_keys": 0}
    assert change.lines()[-1] == ("256 states added in 2 combinations of role, act and part; 0 removed in 0")
    back = difference(after, before)
    assert back.removed == change.added and back.added == ()
    assert difference(before, before).sentences == ()


def test_an_earlier_opening_of_the_time_lock_is_a_widening_and_a_later_one_a_narrowing() -> None:
    def hours(number: int | None) -> Policy:
        limit = "" if number is None else f"opens_hours = {number}\n"
        text = MOVEMENTS.replace("logged = true", f"{limit}logged = true", 1)
        return compile_policy([agreement(clause(text), status="agreed")], VOCABULARY)

    assert hours(12).limit("opens_hours", "movement", "itinerary", "pk") == 12
    earlier = difference(hours(12), hours(24))
    assert earlier.removed == () and {change.hours for change in earlier.added} == {24}
    assert earlier.sentences[0].startswith("pk gains: ")
    assert earlier.sentences[0].endswith(", from 24 hours before the record's time")
    assert difference(hours(24), hours(12)).removed == earlier.added
    assert difference(hours(None), hours(12)).removed == ()
    assert difference(hours(12), hours(12)).sentences == ()
    lifted = MOVEMENTS.replace(', "not_before"', "")
    without = compile_policy([agreement(clause(lifted), status="agreed")], VOCABULARY)
    assert {change.hours for change in difference(hours(12), without).added} == {0}


def test_a_red_line_and_a_lower_ceiling_show_as_removed() -> None:
    before = compile_policy(books(h1="proposed"), VOCABULARY)
    after = compile_policy(books(), VOCABULARY)
    change = difference(before, after)
    lost = [each for each in change.removed if each.party == "cn"]
    assert {each.part for each in lost} == {"where", "people"}
    assert {each.levels for each in lost} == {("CONFIDENTIAL",)}
    assert all(each.party == "pk" for each in change.added)


def test_policies_of_two_vocabularies_are_not_compared() -> None:
    other = Vocabulary({"site": KindShape("site", ("place",), ("open",))})
    with pytest.raises(ValueError, match="vocabularies"):
        difference(compile_policy([], other), compile_policy([], VOCABULARY))


def test_thirty_clauses_are_proved_and_compared_within_a_second() -> None:
    many = [
        clause(text.replace('"4"', f'"{number}"').replace("4.", f"{number}."))
        for number in range(30, 60)
        for text in (INCIDENTS,)
    ]
    book = agreement(clause(MOVEMENTS), clause(COMMAND), *many)
    started = time.perf_counter()
    assert violations([book], VOCABULARY) == []
    agreed = agreement(clause(MOVEMENTS), clause(COMMAND), *many, status="agreed")
    difference(compile_policy([book], VOCABULARY), compile_policy([agreed], VOCABULARY))
    assert time.perf_counter() - started < 1.0
