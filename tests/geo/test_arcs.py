"""Least paths over arcs, against every path tried: parallel arcs, arcs that weigh nothing, closed ones."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from safeconduct.geo.arcs import Arcs

JUNCTIONS = 6
Told = list[tuple[int, int, float]]


@st.composite
def graphs(draw: st.DrawFn) -> Told:
    junction = st.integers(0, JUNCTIONS - 1)
    weight = st.one_of(st.sampled_from([0.0, 1.0, math.inf]), st.floats(0, 1e6))
    return draw(st.lists(st.tuples(junction, junction, weight), min_size=1, max_size=25))


def arcs_of(told: Told) -> tuple[Arcs, np.ndarray]:
    tail, head, weights = (np.array(column) for column in zip(*told, strict=True))
    return Arcs(JUNCTIONS, tail, head), weights.astype(float)


def reached(told: Told, source: int) -> list[float]:
    """Bellman and Ford's method, which needs no order."""
    found = [math.inf] * JUNCTIONS
    found[source] = 0.0
    for _ in range(JUNCTIONS):
        for tail, head, weight in told:
            found[head] = min(found[head], found[tail] + weight)
    return found


@given(graphs(), st.integers(0, JUNCTIONS - 1), st.sampled_from([math.inf, 0.0, 1e-9, 3.0]))
def test_a_path_is_found_where_there_is_one_and_none_weighs_less(
    told: Told, source: int, likely: float
) -> None:
    arcs, weights = arcs_of(told)
    expected = reached(told, source)
    found = arcs.least(source, range(JUNCTIONS), weights, likely)
    for target, path in enumerate(found):
        if path is None:
            assert expected[target] == math.inf
            continue
        at = source
        for arc in path:
            assert told[arc][0] == at
            at = told[arc][1]
        assert at == target
        assert weights[path].sum() == pytest.approx(expected[target])


@given(graphs())
def test_parts_are_those_within_which_one_gets_there_and_back(told: Told) -> None:
    arcs, _ = arcs_of(told)
    parts = arcs.parts()
    open_ = [(tail, head, 1.0) for tail, head, _ in told]
    there = [reached(open_, source) for source in range(JUNCTIONS)]
    for a in range(JUNCTIONS):
        for b in range(JUNCTIONS):
            both = there[a][b] < math.inf and there[b][a] < math.inf
            assert (parts[a] == parts[b]) == both


def test_of_parallel_arcs_the_lightest_is_taken_whatever_they_weigh_this_time() -> None:
    arcs = Arcs(2, np.array([0, 0, 1]), np.array([1, 1, 0]))
    assert arcs.least(0, [1], np.array([2.0, 1.0, 1.0])) == [[1]]
    assert arcs.least(0, [1], np.array([2.0, math.inf, 1.0])) == [[0]]
    assert arcs.least(0, [1], np.array([math.inf, math.inf, 1.0])) == [None]
    assert arcs.least(1, [0, 1], np.array([1.0, 1.0, 0.0])) == [[2], []]
