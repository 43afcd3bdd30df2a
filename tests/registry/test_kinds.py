"""What a record of the registry may and may not say."""

from __future__ import annotations

from typing import Any

import pytest

from safeconduct.records.kinds import PartRefused, kind

SITE = {"identity": {"name": "Port", "category": "work_site"}, "place": {"district": "Gwadar"}}


@pytest.mark.parametrize(
    ("name", "parts"),
    [
        ("site", {"place": {"district": "Gwadar", "latitude": 25.1}}),
        ("site", {"place": {"district": "Gwadar", "latitude": 91, "longitude": 62}}),
        ("site", {"place": {"district": "Gwadar", "latitude": float("nan"), "longitude": 62}}),
        ("site", {"place": {"district": ""}}),
        ("site", {"place": {"district": "Gwadar", "radius_m": 200}}),
        ("site", {"place": {"district": "Gwadar", "boundary": [[62, 25], [62.1, 25]]}}),
        ("site", {"place": {"district": "Gwadar", "boundary": [[62.0, 25.0]] * 2_001}}),
        ("site", {"identity": {"name": " ", "category": "work_site"}}),
        ("site", {"identity": {"name": "x" * 201}}),
        ("site", {"identity": {"name": "Port", "category": "airfield"}}),
        ("site", {"rating": {"risk": 5}}),
        ("person", {"name": {"name": "A", "face": "…"}}),
        ("person", {"link": {"account": "a|b"}}),
        ("protection", {"guard_force": {"forces": [{"force": "police", "count": 2}] * 2}}),
        ("protection", {"guard_force": {"forces": [{"force": "police", "count": -1}]}}),
        ("protection", {"bearer": {"unit": ""}}),
        ("presence", {"stay": {"site": "s", "since": "2024-10-06"}}),
        ("presence", {"stay": {"site": "s", "since": "2024-10-06T10:00Z", "until": "2024-10-06T09:00Z"}}),
        ("headcount", {"figure": {"count": 100_001, "as_of": "2024-10-06T10:00Z"}}),
        ("headcount", {"figure": {"count": 1.5, "as_of": "2024-10-06T10:00Z"}}),
        ("grievance", {"matter": {"title": "t", "since": "2024-10-06", "expires": "2024-10-01"}}),
        ("answer", {"reply": {"text": "", "outcome": "upheld"}}),
    ],
)
def test_what_does_not_fit_is_refused(name: str, parts: dict[str, Any]) -> None:
    with pytest.raises(PartRefused):
        kind(name).validate(parts)


def test_people_are_held_closer_than_places() -> None:
    assert kind("person").default_levels() == {
        "name": 2,
        "employment": 1,
        "document": 3,
        "contact": 2,
        "link": 2,
    }
    assert kind("site").default_levels() == {"identity": 1, "place": 1, "arrangements": 2}
    assert kind("protection").assigns == ("bearer", "unit")
    assert kind("person").final == ("departed",)


def test_a_name_is_kept_in_every_script() -> None:
    name = {"name": "张伟", "name_latin": "Zhang Wei", "name_ur": "ژانگ وی"}
    checked = kind("person").validate({"name": name})["name"]
    assert checked is not None and checked["name"] == "张伟" and checked["name_ur"] == "ژانگ وی"
