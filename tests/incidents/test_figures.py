from __future__ import annotations

import math
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from safeconduct.incidents.figures import (
    SEVERITIES,
    Interval,
    severity,
    side_by_side,
)


def claim(number: int, outlet: str, figure: dict[str, Any] | None, **source: Any) -> dict[str, Any]:
    parts: dict[str, Any] = {"source": {"outlet": outlet, "party": "press"} | source}
    if figure is not None:
        parts["figure"] = figure
    return {"id": f"c{number}", "version": 1, "state": "open", "originator": "pk", "parts": parts}


HARBOUR = [
    claim(1, "The embassy", {"what": "killed", "best": 2}, party="partner", reliability="B", credibility=2),
    claim(2, "The embassy", {"what": "injured", "best": 1}, party="partner"),
    claim(3, "Wire", {"what": "killed", "best": 3}),
    claim(4, "Wire", {"what": "injured", "best": 10}),
    claim(5, "Paper", {"what": "injured", "low": 16, "high": 17}),
    claim(6, "Paper", {"what": "explosives_kg", "low": 70, "high": 80, "unit": "kg"}),
    claim(7, "Station", None),
]


def test_disputed_figures_all_stay_and_are_marked() -> None:
    table = side_by_side(HARBOUR)
    assert [column.outlet for column in table.columns] == ["The embassy", "Wire", "Paper"]
    assert {row.what: (row.spread, row.disagree) for row in table.rows} == {
        "killed": ("2-3", True),
        "injured": ("1-17", True),
        "explosives_kg": ("70-80", False),
    }
    killed = table.rows[0]
    assert [cell.interval.text if cell else None for cell in killed.cells] == ["2", "3", None]
    assert table.rows[2].unit == "kg"
    assert [statement["id"] for statement in table.statements] == ["c7"]


def test_a_source_that_corrects_itself_does_not_disagree_with_itself() -> None:
    first = claim(1, "Wire", {"what": "killed", "best": 3}, published="2024-10-06")
    corrected = claim(2, "wire ", {"what": "killed", "best": 2}, published="2024-10-07")
    corrected["parts"]["source"]["outlet"] = "WIRE"
    table = side_by_side([corrected, first])
    (row,) = table.rows
    (cell,) = row.cells
    assert cell is not None
    assert (cell.claim, cell.earlier, row.disagree, row.spread) == ("c2", 1, False, "2")


def test_two_parties_citing_one_outlet_are_two_columns() -> None:
    ours = claim(1, "Wire", {"what": "killed", "best": 3})
    theirs = claim(2, "Wire", {"what": "killed", "best": 3}) | {"originator": "cn"}
    table = side_by_side([ours, theirs])
    assert len(table.columns) == 2
    assert not table.rows[0].disagree


def test_a_retracted_claim_is_not_counted_and_a_withheld_source_has_no_name() -> None:
    gone = claim(1, "Wire", {"what": "killed", "best": 9}) | {"state": "retracted"}
    hidden = claim(2, "x", {"what": "killed", "best": 2})
    del hidden["parts"]["source"]
    table = side_by_side([gone, hidden])
    assert [(column.outlet, column.party) for column in table.columns] == [("", "")]
    assert table.rows[0].spread == "2"


def test_intervals_read_as_people_say_them() -> None:
    assert Interval.of({"low": 10}).text == "≥ 10"
    assert Interval.of({"high": 16}).text == "≤ 16"
    assert Interval.of({"low": 1, "best": 2, "high": 3}).text == "2 (1-3)"
    assert Interval.of({"best": 70.5}).text == "70.5"


numbers = st.one_of(st.none(), st.integers(0, 50))


@st.composite
def figures(draw: st.DrawFn) -> dict[str, Any]:
    given_numbers = sorted(draw(st.lists(st.integers(0, 50), min_size=3, max_size=3)))
    kept = draw(st.sets(st.sampled_from(("low", "best", "high")), min_size=1))
    named = dict(zip(("low", "best", "high"), given_numbers, strict=True))
    return {"what": draw(st.sampled_from(("killed", "injured")))} | {n: named[n] for n in kept}


claims = st.lists(
    st.tuples(st.sampled_from("ABCD"), figures(), st.sampled_from(("2024-10-06", "2024-10-07"))), max_size=8
).map(lambda said: [claim(i, outlet, fig, published=day) for i, (outlet, fig, day) in enumerate(said)])


@given(claims, st.randoms())
def test_the_order_in_which_claims_arrive_does_not_matter(said: list[dict[str, Any]], chance: Any) -> None:
    shuffled = list(said)
    chance.shuffle(shuffled)
    assert side_by_side(shuffled) == side_by_side(said)


@given(claims)
def test_the_spread_holds_every_standing_figure_and_one_source_never_disagrees(
    said: list[dict[str, Any]],
) -> None:
    table = side_by_side(said)
    for row in table.rows:
        present = [cell for cell in row.cells if cell is not None]
        assert len(row.cells) == len(table.columns)
        assert all(row.low <= cell.interval.low <= cell.interval.high <= row.high for cell in present)
        assert row.disagree is False or len(present) > 1
        common = [n for n in range(51) if all(c.interval.low <= n <= c.interval.high for c in present)]
        assert row.disagree == (not common)


@given(claims, figures())
def test_a_further_source_never_settles_a_dispute(said: list[dict[str, Any]], figure: dict[str, Any]) -> None:
    before = {row.what for row in side_by_side(said).rows if row.disagree}
    after = side_by_side([*said, claim(99, "Newcomer", figure)])
    assert before <= {row.what for row in after.rows if row.disagree}


@given(st.integers(0, 100), st.integers(0, 100), st.integers(0, 100), st.integers(0, 100))
def test_severity_never_falls_as_more_people_are_harmed(killed: int, injured: int, k: int, i: int) -> None:
    less = severity({"people": {"killed_best": killed, "injured_best": injured}})
    more = severity({"people": {"killed_best": killed + k, "injured_best": injured + i}})
    assert less is not None
    assert more is not None
    assert SEVERITIES.index(less) <= SEVERITIES.index(more)


def test_severity_says_nothing_where_nothing_is_known_or_visible() -> None:
    assert severity({"summary": {"category": "attack"}}) is None
    assert severity({"people": {"nationalities": "two countries"}}) is None
    assert severity({"people": {"killed_best": 0, "killed_high": 12}}) == "critical"
    assert severity({"people": {"killed_foreign_best": 1}}) == "severe"


def test_a_figure_of_which_only_the_least_is_known_is_open_above() -> None:
    assert math.isinf(Interval.of({"low": 1}).high)
