"""The law of what is one event: whose word counts, what follows from pairs, and which record of a group counts."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from safeconduct.risk.same_event import (
    DIFFERENT,
    SAME,
    TAKEN_BACK,
    Record,
    Said,
    counted_as,
    groups,
    standing,
)

OWN, OTHER, THIRD = "pk", "cn", "xx"
IDS = [f"r{number}" for number in range(8)]
records = st.lists(
    st.builds(Record, st.sampled_from(IDS), st.sampled_from([OWN, OTHER, THIRD]), st.floats(0, 9)),
    unique_by=lambda each: each.id,
    max_size=8,
)
words = st.sampled_from([SAME, DIFFERENT, TAKEN_BACK])
said = st.lists(
    st.builds(Said, st.sampled_from([OWN, OTHER, THIRD]), st.sampled_from(IDS), st.sampled_from(IDS), words),
    max_size=20,
)


@given(records, said, st.randoms())
def test_any_order_of_what_is_said_gives_the_same(
    found: list[Record], told: list[Said], chance: object
) -> None:
    before = counted_as(found, told, OWN)
    chance.shuffle(told)  # type: ignore[attr-defined]
    chance.shuffle(found)  # type: ignore[attr-defined]
    turned = [each._replace(one=each.other, other=each.one) for each in told]
    assert counted_as(found, turned, OWN) == before


@given(records, said)
def test_counting_once_never_raises_a_count_and_leaves_one_of_each(
    found: list[Record], told: list[Said]
) -> None:
    dropped = counted_as(found, told, OWN)
    ids = {each.id for each in found}
    assert dropped.keys() <= ids and set(dropped.values()) <= ids - dropped.keys()
    pairs = standing(told, OWN, {each.id: each.party for each in found})
    assert len(ids) - len(dropped) == len(ids) - sum(len(group) - 1 for group in groups(pairs))


@given(records, said)
def test_the_own_record_counts_where_there_is_one_and_else_the_earliest(
    found: list[Record], told: list[Said]
) -> None:
    by_id = {each.id: each for each in found}
    dropped = counted_as(found, told, OWN)
    for record, first in dropped.items():
        assert (by_id[first].party != OWN, by_id[first].at) <= (by_id[record].party != OWN, by_id[record].at)


@given(records, said, st.sampled_from(IDS), st.sampled_from(IDS))
def test_an_objection_splits_a_pair_whatever_others_say(
    found: list[Record], told: list[Said], one: str, other: str
) -> None:
    told = [*told, Said(OWN, one, other, DIFFERENT)]
    whose = {each.id: each.party for each in found}
    assert frozenset((one, other)) not in standing(told, OWN, whose)
    # A word more that two differ never joins anything.
    assert standing(told, OWN, whose) <= standing(told[:-1], OWN, whose)


@given(records, said)
def test_who_sees_fewer_records_never_sees_one_count_less_than_once(
    found: list[Record], told: list[Said]
) -> None:
    for hidden in found:
        fewer = [each for each in found if each.id != hidden.id]
        dropped = counted_as(fewer, told, OWN)
        assert hidden.id not in dropped and hidden.id not in dropped.values()
    assert counted_as(found[:1], told, OWN) == {}


@given(st.lists(st.tuples(st.integers(0, 30), st.integers(0, 30)).filter(lambda pair: pair[0] != pair[1])))
def test_groups_are_the_components(pairs: list[tuple[int, int]]) -> None:
    made = groups(frozenset(pair) for pair in pairs)
    joined = {record: group for group in made for record in group}
    assert sum(map(len, made)) == len(joined), "no record is in two"
    assert all(joined[one] == joined[other] for one, other in pairs)
    for group in made:
        reached, waiting = set[int](), [min(group)]
        while waiting:
            record = waiting.pop()
            if record not in reached:
                reached.add(record)
                waiting += [b for a, b in (*pairs, *((b, a) for a, b in pairs)) if a == record]
        assert reached == group


def test_anothers_word_counts_only_of_what_it_wrote_and_only_until_the_own_party_speaks() -> None:
    whose = {"a": OWN, "b": OTHER, "c": OWN}
    assert standing([Said(OTHER, "a", "b", SAME)], OWN, whose) == {frozenset("ab")}
    assert standing([Said(OTHER, "a", "c", SAME)], OWN, whose) == set()
    assert standing([Said(THIRD, "a", "b", SAME)], OWN, whose) == set()
    assert standing([Said(OTHER, "a", "b", SAME), Said(OWN, "a", "b", DIFFERENT)], OWN, whose) == set()
    both = [Said(OTHER, "a", "b", DIFFERENT), Said(OWN, "a", "b", SAME)]
    assert standing(both, OWN, whose) == {frozenset("ab")}
    assert standing([Said(OTHER, "a", "b", SAME), Said(OWN, "a", "b", TAKEN_BACK)], OWN, whose) == {
        frozenset("ab")
    }
    assert standing([Said(OWN, "a", "a", SAME)], OWN, whose) == set()
    assert standing([Said(OWN, "a", "gone", SAME)], OWN, whose) == set()


def test_a_thousand_statements_on_one_record_and_a_long_chain_are_quickly_put_together() -> None:
    star = [Said(OWN, "r", f"s{number}", SAME) for number in range(5_000)]
    chain = [Said(OWN, f"c{number}", f"c{number + 1}", SAME) for number in range(20_000)]
    names = {each.one for each in (*star, *chain)} | {each.other for each in (*star, *chain)}
    found = [Record(name, OWN, 0.0 if name in ("r", "c0") else 1.0) for name in sorted(names)]
    dropped = counted_as(found, [*star, *chain], OWN)
    assert len(names) - len(dropped) == 2
    assert set(dropped.values()) == {"r", "c0"}
