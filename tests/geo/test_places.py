"""Towns by name, in the letters that people type."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from geo.maps import SCHEMATIC
from safeconduct.geo.places import Place, Places, folded, place_of
from safeconduct.geo.roads import read

TOWNS = Places(read(SCHEMATIC).places)


@pytest.mark.parametrize(
    ("typed", "first"),
    [
        ("kar", "Karachi"),
        ("GWAD", "Gwadar"),
        ("gwadar", "Gwadar"),
        ("کوئٹہ", "Quetta"),
        ("كوئٹه", "Quetta"),
        ("瓜", "Gwadar"),
        ("dera gh", "Dera Ghazi Khan"),
        ("Mirpur", "Mirpur"),
        ("mirpur k", "Mirpur Khas"),
    ],
)
def test_what_is_suggested_first(typed: str, first: str) -> None:
    assert TOWNS.suggest(typed)[0].name == first


def test_suggestions_are_few_and_each_once() -> None:
    found = TOWNS.suggest("ka", limit=3)
    assert len(found) == len(set(found)) == 3
    assert TOWNS.suggest("") == TOWNS.suggest("  -") == TOWNS.suggest("xyzzy") == []


def test_a_town_by_its_whole_name_only() -> None:
    found = TOWNS.find("gwadar")
    assert found is not None
    assert (found.district, found.named("ur"), found.named("zh-hans")) == ("Gwadar", "گوادر", "瓜达尔")
    assert found.named("de") == "Gwadar"
    assert TOWNS.find("gwad") is None
    assert TOWNS.find("") is None


def test_the_larger_of_two_of_the_same_name() -> None:
    places = Places([Place("Hub", 1, 1, "village"), Place("Hub", 2, 2, "city"), Place("Hubli", 3, 3, "city")])
    assert [p.lat for p in places.suggest("hub")] == [2, 1, 3]


def test_names_in_a_file_are_bounded_and_checked() -> None:
    assert place_of({"name": "x" * 5000}, 1, 2) == Place("x" * 120, 1, 2)
    assert place_of({"name": 7}, 1, 2) is None
    assert place_of({"name": "A", "place": "sea"}, 1, 2) is None
    assert place_of({"name": "A"}, 100, 2) is None
    assert place_of({"name": "A", "others": ["B", 3, "B"]}, 1, 2) == Place("A", 1, 2, others=("B",))


@given(st.text(max_size=300))
def test_anything_may_be_typed(typed: str) -> None:
    assert folded(typed).split() == folded(typed).split(" ") or not folded(typed)
    assert all(isinstance(place, Place) for place in TOWNS.suggest(typed))
