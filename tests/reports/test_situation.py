"""The situation report: what is in it, for whom, and that a past moment gives the same bytes again."""

from __future__ import annotations

import hashlib
from datetime import UTC, date, datetime

import pypdfium2
import pytest
from django.utils import translation

from records.test_commit import person
from reports.conftest import DAY, TITLE_UR, TITLE_ZH, Day, incident, now
from safeconduct.agreement.policy import Subject
from safeconduct.records import here, rebuild
from safeconduct.records.as_of import Past
from safeconduct.records.commit import Draft, commit
from safeconduct.records.principals import to_wire
from safeconduct.reports.situation import Period, situation
from safeconduct.shell.papers import Bars, Facts, Map, Paper, Table, Text
from safeconduct.shell.typesetting import pdf

WEEK = Period(date(2024, 10, 6), 7)


def report(reader: Subject, moment: Past, language: str = "en", act: str = "read") -> Paper:
    with translation.override(language):
        return situation(reader, WEEK, moment, act)[0]


def said(paper: Paper) -> str:
    """Every text of a paper."""
    found = [paper.title, paper.subtitle, paper.standing]
    for section in paper.sections:
        found.append(section.heading)
        for block in section.blocks:
            match block:
                case Text():
                    found.append(block.text)
                case Facts():
                    found += [f"{name}: {value.text}" for name, value in block.pairs]
                case Table():
                    found += [block.empty, *(cell.text for row in block.rows for cell in row)]
                case Bars():
                    found += [f"{name.text}={count}" for name, count in block.bars]
                case Map():
                    found.append(block.alternative)
    return "\n".join(found)


def text_of(raw: bytes) -> str:
    document = pypdfium2.PdfDocument(raw)
    return "\n".join(page.get_textpage().get_text_range() for page in document)


def test_it_says_what_happened_with_claims_side_by_side(day: Day) -> None:
    text = said(report(day.officer, day.moment))
    assert TITLE_UR in text and TITLE_ZH in text and "Convoy under fire" in text and "All on the road" in text
    assert "Injured 10 · Dawn" in text and "Injured 17 · Police" in text and "Figures differ" in text
    assert "Attack=1" in text and "Threat=1" in text and "10-06=1" in text and "10-03=1" in text
    assert "Map with 2 incidents" in text


def test_the_same_moment_gives_the_same_bytes_whatever_came_after(day: Day) -> None:
    first = {lang: pdf(report(day.officer, day.moment, lang)) for lang in ("en", "ur", "zh-hans")}
    commit(
        day.officer,
        Draft("incident", incident("Not known then"), record=day.airport.record, expected=1, state="update"),
    )
    commit(day.officer, Draft("incident", incident("A new one")))
    assert len({hashlib.sha256(raw).digest() for raw in first.values()}) == 3
    for language, raw in first.items():
        paper = report(day.officer, day.moment, language)
        assert "Not known then" not in said(paper) and "A new one" not in said(paper)
        # The only thing that is new is that there is something newer.
        assert len(paper.sections) == len(report(day.officer, day.moment, language).sections)
        assert pdf(paper) == pdf(report(day.officer, day.moment, language))
        assert text_of(raw)
    writer = here.door().writer
    assert writer is not None
    again = pdf(report(day.officer, day.moment))
    rebuild.rebuild(writer)
    assert pdf(report(day.officer, day.moment)) == again
    assert "Not known then" in said(report(day.officer, now()))


def test_unrelated_growth_changes_no_byte(day: Day) -> None:
    before = pdf(report(day.officer, day.moment))
    for number in range(5):
        commit(day.officer, Draft("incident", incident(f"Later {number}")))
    assert pdf(report(day.officer, day.moment)) == before


def test_what_was_erased_since_is_said_and_gone(day: Day) -> None:
    coordinator = person("coordinator", "p3")
    payload = {
        "actor": to_wire(coordinator),
        "record": day.airport.record,
        "parts": ["people"],
        "reason": "asked",
    }
    here.door().call("erase", payload)
    text = said(report(day.officer, day.moment))
    assert "erased: People harmed" in text and datetime.now(UTC).strftime("%Y-%m-%d") in text
    assert "This report: Killed 2" not in text


def test_who_may_see_less_gets_less_and_is_told_how_much(day: Day) -> None:
    commander = person("security_officer", "p4", clearance=1)
    raised = {"summary": 2, "where": 2}
    commit(day.officer, Draft("incident", {}, record=day.gate.record, expected=1, levels=raised))
    text = said(report(commander, now()))
    assert TITLE_ZH not in text and TITLE_UR in text and "withheld" in text
    assert "Parts of these records that are withheld from this reader" in text
    assert "This report: Killed 2" not in text


def test_what_one_may_not_know_of_is_not_counted(day: Day) -> None:
    commander = person("security_officer", "p4", clearance=1)
    before = said(report(commander, day.moment))
    hidden = {"summary": 3, "when": 3, "where": 3}
    commit(day.officer, Draft("incident", incident("CANARY"), levels=hidden))
    after = said(report(commander, now()))
    assert "CANARY" not in after

    def rest(text: str) -> str:
        return text.split("\n", 3)[3].split("What is missing")[1]

    assert rest(before) == rest(after)


def test_the_label_is_the_highest_of_what_is_in_it(day: Day) -> None:
    assert report(day.officer, day.moment).level == "CONFIDENTIAL"
    assert report(person("security_officer", "p4", clearance=1), day.moment).level == "RESTRICTED"


def test_a_file_holds_only_what_may_leave(day: Day) -> None:
    coordinator, analyst = person("coordinator", "p7"), person("analyst", "p8", clearance=2)
    text = said(report(coordinator, day.moment, act="export"))
    assert TITLE_UR in text and "Injured 10 · Dawn" in text and "Convoy under fire" in text
    assert "what the agreement and the house rules let out of the node" in text
    text = said(report(analyst, day.moment, act="export"))
    assert TITLE_UR in text and "This report: Killed" not in text and "Convoy under fire" not in text
    nobody = person("signatory", "p9")
    assert TITLE_UR not in said(report(nobody, day.moment, act="export"))


@pytest.mark.parametrize("language", ["en", "ur", "zh-hans"])
def test_every_character_that_is_printed_has_a_shape(day: Day, language: str) -> None:
    """No .notdef box stands for a character: the typefaces cover what the languages need."""
    raw = pdf(report(day.officer, day.moment, language))
    text = text_of(raw)
    assert "\ufffd" not in text and DAY in text
    assert b"/Title" in raw
