"""Names are found in three scripts, likely duplicates are shown, and nobody is joined without a word."""

from __future__ import annotations

from typing import Any

import pytest

from registry.people import hour, person, site, somebody
from safeconduct.records.find import Query, find
from safeconduct.records.home import Home
from safeconduct.records.refusals import Conflict, Malformed, NotFound, Refused
from safeconduct.records.release import release
from safeconduct.registry import rules
from safeconduct.registry.headcounts import headcounts
from safeconduct.registry.likeness import Known, Register, compare, duplicates
from safeconduct.registry.searching import search


def test_a_person_is_found_in_every_script(registry: Home) -> None:
    watch = somebody("coordinator")
    zhang = person(watch, "张伟")
    ahmed = person(watch, "احمد خان")
    other = person(watch, "Łukasz Müller")
    for text, expected in {
        "张伟": zhang,
        "张": zhang,
        "zhang": zhang,
        "Zhang Wei": zhang,
        "zhangwei": zhang,
        "ژانگ": zhang,
        "احمد": ahmed,
        "Ahmed Khan": ahmed,
        "ahmad khan": ahmed,
        "muller": other,
        "LUKASZ": other,
    }.items():
        found = search(watch, Query("person", text=text))
        assert expected in [r.id for r in (*found.records, *found.alike)], text
    for text in ("李", "Smith", "*", '"', "NEAR(", "name:zhang AND", "\x00", "0", "'" * 300):
        found = search(watch, Query("person", text=text))
        assert not found.records, text


def test_search_says_nothing_of_names_that_are_withheld(registry: Home) -> None:
    watch, analyst = somebody("coordinator"), somebody("analyst")
    person(watch, "张伟", document={"passport": "E1234567"})
    security = somebody("security_officer", clearance=2)
    for reader, text in ((analyst, "张伟"), (analyst, "zhang"), (security, "E1234567")):
        found = search(reader, Query("person", text=text))
        assert found.records == found.alike == []
    assert search(security, Query("person", text="zhang")).records


def test_sites_by_their_name_and_place(registry: Home) -> None:
    watch = somebody("coordinator")
    gwadar = site(watch, "گوادر پورٹ", "Gwadar")
    qasim = site(watch, "Port Qasim", "Karachi", name_zh="卡西姆港")
    assert [r.id for r in search(watch, Query("site", text="卡西姆")).records] == [qasim]
    assert [r.id for r in search(watch, Query("site", text="kaximu")).records] == [qasim]
    found = search(watch, Query("site", text="گوادر"))
    assert [r.id for r in (*found.records, *found.alike)] == [gwadar]


def test_the_same_passport_is_pointed_out_without_reading_it(registry: Home) -> None:
    watch = somebody("coordinator")
    first = person(watch, "Li Na", document={"passport": "e 1234567"})
    second = person(watch, "Entirely Other", document={"passport": "E1234567"})
    before = find(watch, Query("person", parts=("document",))).records
    assert {r.parts["document"]["passport"] for r in before} == {"E1234567"}
    likely = duplicates(watch, second, release(watch, second).parts)
    assert [(one.record, one.reason) for one, _ in likely] == [(first, "passport")]
    assert all("document" not in found.parts for _, found in likely)


def test_like_names_are_suggested_across_scripts(registry: Home) -> None:
    watch = somebody("coordinator")
    firm = {"employment": {"employer_name": "Harbour Company"}}
    zhang = person(watch, "张伟", **firm)
    same = person(watch, "Wei Zhang", **firm)
    person(watch, "李娜", **firm)
    likely = duplicates(watch, same, release(watch, same).parts)
    assert [(one.record, one.reason) for one, _ in likely] == [(zhang, "name")]
    rules.other_person(watch, zhang, same)
    assert duplicates(watch, same, release(watch, same).parts) == []
    assert duplicates(watch, zhang, release(watch, zhang).parts) == []


def test_joining_takes_somebody_s_word_and_a_reason(registry: Home) -> None:
    watch = somebody("coordinator")
    port = site(watch)
    keep, double = person(watch, "Zhang Wei"), person(watch, "张伟")
    rules.arrive(watch, double, port, hour(1))
    for reason in ("", "   "):
        with pytest.raises(Malformed):
            rules.same_person(watch, keep, double, reason, hour(2))
    with pytest.raises(Conflict):
        rules.same_person(watch, keep, double, "same passport", hour(2), seen=7)
    with pytest.raises(NotFound):
        rules.same_person(watch, keep, "nobody", "same passport", hour(2))
    with pytest.raises(Malformed):
        rules.same_person(watch, keep, keep, "same passport", hour(2))
    with pytest.raises(Refused):
        rules.same_person(somebody("warden"), keep, double, "same passport", hour(2))
    assert release(watch, double).state == "active"
    rules.same_person(watch, keep, double, "same passport", hour(2))
    ended = release(watch, double)
    assert (ended.state, ended.parts["link"]["same_as"]) == ("departed", keep)
    assert ended.parts["link"]["reason"] == "same passport"
    assert release(watch, keep).version == 1, "nothing is copied into the record that is kept"
    assert headcounts(watch, [port])[port].count == 1
    with pytest.raises(Malformed):
        rules.same_person(watch, keep, double, "again", hour(3))


@pytest.mark.parametrize(
    ("one", "other", "alike"),
    [
        ({"name": "Zhang Wei"}, {"name": "Wei  ZHANG"}, True),
        ({"name": "Muhammad Ahmed Khan"}, {"name": "Mohammad Ahmed Khan"}, True),
        ({"name": "Li Na"}, {"name": "Li Ming"}, False),
        ({"name": "王芳"}, {"name": "王芳"}, True),
        ({"name": "王芳"}, {"name": "王方"}, True),
        ({"name": "Zhang Wei"}, {"name": "Zhao Lei"}, False),
    ],
)
def test_what_is_alike(one: dict[str, Any], other: dict[str, Any], alike: bool) -> None:
    first, second = Known.of("a", {"name": one}), Known.of("b", {"name": other})
    assert bool(compare(first, second)) == alike
    assert bool(Register([first]).like(second)) == alike
