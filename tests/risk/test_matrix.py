"""The table of the United Nations, whole; that only the order of its words is used; and what a count can tell."""

from __future__ import annotations

from itertools import product

import pytest
from hypothesis import given
from hypothesis import strategies as st

from safeconduct.risk.matrix import (
    CARRIED,
    CRITICALITIES,
    IMPACTS,
    LIKELIHOODS,
    RISKS,
    above,
    beyond,
    risk_of,
    worst,
)

PRINTED = """
                   negligible minor   moderate severe     critical
very_likely        low        medium  high     very_high  unacceptable
likely             low        medium  high     high       very_high
moderately_likely  low        low     medium   high       high
unlikely           low        low     low      medium     medium
very_unlikely      low        low     low      low        low
"""


def test_the_whole_table_is_as_it_is_printed() -> None:
    head, *rows = [line.split() for line in PRINTED.strip().splitlines()]
    assert tuple(head) == IMPACTS and {row[0] for row in rows} == set(LIKELIHOODS)
    for likelihood, *risks in rows:
        assert [risk_of(likelihood, impact) for impact in head] == risks


def test_more_likely_or_worse_is_never_less_risk_and_only_the_corner_is_unacceptable() -> None:
    for (low, high), (less, more) in product(product(LIKELIHOODS, repeat=2), product(IMPACTS, repeat=2)):
        if LIKELIHOODS.index(low) <= LIKELIHOODS.index(high) and IMPACTS.index(less) <= IMPACTS.index(more):
            assert not above(RISKS, risk_of(low, less), risk_of(high, more))
    corner = [pair for pair in product(LIKELIHOODS, IMPACTS) if risk_of(*pair) == "unacceptable"]
    assert corner == [("very_likely", "critical")]
    assert {risk_of(*pair) for pair in product(LIKELIHOODS, IMPACTS)} == set(RISKS)


@given(st.lists(st.sampled_from(RISKS)))
def test_the_worst_of_some_risks_is_one_of_them_and_none_stands_above_it(risks: list[str]) -> None:
    found = worst(risks)
    assert (found in risks and not any(above(RISKS, each, found) for each in risks)) if risks else found == ""


@pytest.mark.parametrize("pair", [("Likely", "minor"), ("likely", ""), ("minor", "likely"), ("5", "5")])
def test_other_words_are_refused(pair: tuple[str, str]) -> None:
    with pytest.raises(ValueError, match="no such likelihood"):
        risk_of(*pair)


def test_what_matters_more_is_done_at_more_risk_and_nothing_at_an_unacceptable_one() -> None:
    assert set(CARRIED) == set(CRITICALITIES)
    assert [beyond(each, CARRIED[each]) for each in CRITICALITIES] == [False] * 4
    assert all(beyond(each, "unacceptable") for each in CRITICALITIES)
    assert beyond("PC2", "very_high") and beyond("PC3", "high") and beyond("PC4", "medium")
