"""One search over every kind: in three scripts, in visible parts alone, telling nothing of the others."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from records.test_commit import PARTS, person
from records.test_release import entries
from safeconduct.records import everywhere, here
from safeconduct.records.commit import Draft, commit
from safeconduct.records.everywhere import Group, Sought, search_everywhere
from safeconduct.records.home import Home
from safeconduct.records.principals import system_subject, to_wire
from safeconduct.records.refusals import Malformed
from safeconduct.records.search import excerpt, fold, match_expression

pytestmark = pytest.mark.both


def incident(title: str, levels: dict[str, int] | None = None, **more: Any) -> str:
    parts = {**PARTS, "summary": {"title": title, "category": "attack"}, **more}
    return commit(system_subject("pk"), Draft("incident", parts, levels=levels)).record


def found(reader: Any, text: str, **more: Any) -> list[str]:
    return [hit.found.id for group in search_everywhere(reader, Sought(text, **more)) for hit in group.hits]


@pytest.mark.parametrize(
    ("written", "asked"),
    [
        ("وزارتِ داخلہ کا اعلان", "وزارت"),
        ("مُحَمَّد علی", "محمد"),
        ("محمد علی", "مُحَمَّد"),
        ("کراچی میں حملہ", "كراچي"),
        ("كراچي ميں حملہ", "کراچی"),
        ("آمد و رفت بند", "امد"),
        ("رد عمل جاری ہے", "ردِّ عمل"),
        ("ہائی وے پر مسئلہ", "مسیلہ"),
        ("قافلۂ سفارت", "قافلہ"),
        ("۶ اکتوبر ٢٠٢٤", "2024"),
        ("میــــزان", "میزان"),
        ("ﻛﺮاچی", "کراچی"),
        ("خوش‌آمدید", "خوشامدید"),
        ("卡拉奇机场外车队遇袭", "机场"),
        ("卡拉奇机场外车队遇袭", "车队遇袭"),
        ("2名中国公民遇难", "中国公民"),
        ("2名中国公民遇难", "2名"),
        ("Émigré convoy at Łódź", "emigre"),
        ("ＦＵＬＬ width", "full"),
        ("Straße gesperrt", "STRASSE"),
    ],
)
def test_words_are_found_as_they_are_read_not_as_they_were_typed(
    node: Home, written: str, asked: str
) -> None:
    officer = person("watch_officer")
    made = incident(written)
    assert found(officer, asked) == [made]
    assert found(officer, "کوئٹہ") == found(officer, "北京") == found(officer, "absent") == []


def test_chinese_is_not_found_across_other_characters(node: Home) -> None:
    officer = person("watch_officer")
    incident("机车场")
    assert found(officer, "机场") == [] and found(officer, "机 场") != []


def test_hits_are_grouped_by_kind_with_what_matched(node: Home) -> None:
    officer = person("watch_officer")
    made = incident("Convoy hit near the airport", response={"units": "Rangers"})
    commit(
        officer,
        Draft(
            "claim",
            {"source": {"outlet": "Convoy Watch", "party": "press"}, "figure": {"what": "killed", "best": 2}},
            about=made,
        ),
    )
    groups = search_everywhere(officer, Sought("convoy"))
    assert {group.kind for group in groups} == {"incident", "claim"}
    (hit,) = next(group for group in groups if group.kind == "incident").hits
    ((path, pieces),) = hit.excerpts
    assert path == "summary.title" and pieces == [("Convoy", True), (" hit near the airport", False)]
    assert set(hit.found.parts) == {"summary"}, "no part is shown in which nothing matched"


def test_what_is_withheld_is_not_found_by_a_single_word_of_it(node: Home) -> None:
    officer = person("watch_officer")
    incident("Seen by all", people={"victims": "CANARY engineer"}, response={"units": "CANARY rangers"})
    incident("CANARY hidden whole", levels={"summary": 3, "when": 3, "where": 3})
    low = person("security_officer", "p2", clearance=1)
    assert len(found(officer, "canary")) >= 1
    assert search_everywhere(low, Sought("CANARY")) == search_everywhere(low, Sought("no such word"))
    assert "CANARY" not in repr(search_everywhere(low, Sought("seen")))


def test_hidden_hits_move_nothing(node: Home) -> None:
    """Neither the order nor the pages of what may be seen tell how much may not."""
    low = person("security_officer", "p2", clearance=1)
    seen = [incident(f"convoy {number}") for number in range(7)]

    def pages() -> list[list[Group]]:
        first = search_everywhere(low, Sought("convoy", ("incident",), most=3))
        (group,) = first
        second = search_everywhere(low, Sought("convoy", ("incident",), most=3, cursor=group.next_cursor))
        return [first, second]

    before = pages()
    for number in range(9):
        incident(f"convoy convoy convoy {number}", levels={"summary": 3, "when": 3, "where": 3})
    assert pages() == before
    listed = [hit.found.id for page in before for group in page for hit in group.hits]
    assert listed == seen[::-1][:6]


def test_a_period_looks_only_at_times_that_may_be_seen(node: Home) -> None:
    low = person("security_officer", "p2", clearance=1)
    made = incident("convoy", levels={"when": 3})
    assert found(low, "convoy") == [made]
    assert found(low, "convoy", since=0.0) == []
    assert found(person("watch_officer"), "convoy", since=0.0, until=4e9) == [made]


def test_a_logged_part_is_noted_when_it_is_what_matched(node: Home) -> None:
    officer = person("coordinator")
    call = {
        "category": "person",
        "at": "2024-10-06T18:00:00Z",
        "received": "2024-10-06T18:00:01Z",
        "headline": "Help",
    }
    made = commit(officer, Draft("sos", {"call": call, "words": {"text": "two hurt at the bridge"}})).record
    assert found(officer, "help") == [made]
    assert not entries("reading"), "the call itself needs no note"
    assert found(officer, "bridge") == [made]
    assert len(entries("reading")) == 1


def test_what_was_erased_is_not_found_any_more(node: Home) -> None:
    officer = person("coordinator")
    made = incident("Airport", people={"victims": "Li Jun"})
    assert found(officer, "Li Jun") == [made]
    here.door().call(
        "erase", {"actor": to_wire(officer), "record": made, "parts": ["people"], "reason": "asked"}
    )
    assert found(officer, "Li Jun") == [] and found(officer, "airport") == [made]


def test_a_name_is_found_by_its_sound_when_nobody_is_written_like_it(node: Home) -> None:
    officer = person("coordinator")
    unit = commit(
        system_subject("pk"),
        Draft("unit", {"identity": {"name": "احمد خان پوسٹ", "category": "police", "code": "u1"}}),
    ).record
    (group,) = search_everywhere(officer, Sought("Ahmad Khan"))
    assert group.kind == "unit" and [hit.found.id for hit in group.hits] == [unit]


@pytest.mark.parametrize(
    "text", ["", "   ", "*", '"', "NEAR(a b)", 'a" OR "b', "\x00", "-", "x" * 100_000, "ـــ"]
)
def test_no_query_breaks_it(node: Home, text: str) -> None:
    officer = person("watch_officer")
    incident("Airport")
    assert found(officer, text) == []


def test_a_cursor_of_another_list_is_refused(node: Home) -> None:
    officer = person("watch_officer")
    incident("Airport")
    with pytest.raises(Malformed):
        search_everywhere(officer, Sought("airport", ("incident",), cursor="bm9uZQ"))


TEXTS = st.text(
    st.characters(blacklist_categories=("Cs",)) | st.sampled_from("ابپتمُِٔـ‌张伟é Aa1٣۶"), max_size=80
)


@given(TEXTS, TEXTS)
def test_an_excerpt_is_a_piece_of_the_text(text: str, query: str) -> None:
    pieces = excerpt(text, query)
    joined = "".join(piece for piece, _hit in pieces)
    assert joined.strip("…") in text
    assert not pieces or any(hit for _piece, hit in pieces)


@given(TEXTS)
def test_folding_twice_changes_nothing(text: str) -> None:
    assert fold(fold(text)).split() == fold(text).split()
    match_expression(text)


def test_a_word_that_stands_everywhere_finds_the_same_whichever_way_it_is_looked_for(
    node: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    officer = person("watch_officer")
    for number in range(6):
        incident(f"Convoy {number} on the road")
    commit(system_subject("pk"), Draft("project", {"identity": {"name": "The road of all"}}))

    def all_pages() -> list[Any]:
        pages, cursor = [], ""
        while True:
            groups = search_everywhere(
                officer, Sought("road", most=2, cursor=cursor, kinds=["incident"] if cursor else ())
            )
            pages.append([(g.kind, [h.found.id for h in g.hits], bool(g.next_cursor)) for g in groups])
            cursor = next((g.next_cursor for g in groups if g.kind == "incident"), "")
            if not cursor:
                return pages

    plain = all_pages()
    assert len(plain) == 3
    monkeypatch.setattr(everywhere, "FAR", 0)
    assert all_pages() == plain
    monkeypatch.setattr(everywhere, "NEWEST", 1)
    assert all_pages() == plain
    monkeypatch.setattr(everywhere, "FEW", 0)
    assert all_pages() == plain
