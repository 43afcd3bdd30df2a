"""Lines for the press on two nodes, and sources that stay hidden while their grade shows."""

from __future__ import annotations

import time

import pytest

from committee.work_nodes import Nodes, both, client_of, incident, one, person
from firing import fire_all
from safeconduct.agreement.policy import Subject
from safeconduct.committee import statement_rules as rules
from safeconduct.committee.statement_kinds import line_digest
from safeconduct.records.kinds import PartRefused
from safeconduct.records.refusals import Malformed, NotFound
from safeconduct.records.release import release
from safeconduct.records.transaction import iso

HOUR = 3_600.0
CANARY = "Farida-of-the-third-floor"


def line(mode: str = "joint", since: float = 0.0, until: float = 48.0, **more: str) -> dict[str, str]:
    now = time.time()
    return {
        "title": "The incident at the airport",
        "mode": mode,
        "text": "Both parties are looking into it.",
        "speaker": "Spokesperson of the ministry",
        "since": iso(now + since * HOUR),
        "until": iso(now + until * HOUR),
        **more,
    }


@pytest.fixture
def people(working: Nodes) -> tuple[Subject, Subject]:
    host, partner = working
    return person(host, "chief", "coordinator"), person(partner, "attache", "coordinator")


def test_a_joint_line_is_agreed_by_exactly_its_words(working: Nodes, people: tuple[Subject, Subject]) -> None:
    host, partner = working
    chief, attache = people
    with host.active():
        made = rules.draft_line(chief, line(), "Four witnesses").record
    both(host, partner)
    assert not partner.of_kind("press_statement", "pk"), "a draft stays at home"
    with host.active():
        rules.move_line(chief, made, 1, "put_forward")
        with pytest.raises(Malformed, match="other party's answer"):
            rules.move_line(chief, made, 2, "agreed")
        with pytest.raises(Malformed, match="joint line"):
            rules.move_line(chief, made, 2, "in_use")
    both(host, partner)
    theirs = one(partner, "press_statement", "pk")
    assert theirs.values().keys() == {"line"}, "the background does not cross"
    before = line_digest(theirs.values()["line"])
    with host.active():
        rules.amend_line(chief, made, 2, line(text="Both parties regret it."))
    both(host, partner)
    with partner.active():
        with pytest.raises(Malformed, match="words have changed"):
            rules.answer_line(attache, theirs.id, before, "agreed")
        now = line_digest(release(attache, theirs.id).parts["line"])
        rules.answer_line(attache, theirs.id, now, "objected", "Not 'regret'", "Li")
    both(host, partner)
    assert host.row(made).state == "put_forward"  # type: ignore[union-attr]
    with partner.active():
        rules.answer_line(attache, theirs.id, now, "agreed", by="Li")
    both(host, partner)
    assert host.row(made).state == "agreed"  # type: ignore[union-attr]
    with host.active(), pytest.raises(Malformed, match="stays as it was"):
        rules.amend_line(chief, made, host.row(made).version, line(text="Other"))  # type: ignore[union-attr]
    assert one(partner, "press_statement", "pk").state == "agreed"


def test_one_party_speaks_alone_only_with_the_others_notice(
    working: Nodes, people: tuple[Subject, Subject]
) -> None:
    host, partner = working
    chief, attache = people
    with host.active():
        early = rules.draft_line(chief, line("notice", since=2), state="put_forward").record
        with pytest.raises(Malformed, match="taken note"):
            rules.move_line(chief, early, 1, "in_use")
    both(host, partner)
    with partner.active():
        theirs = one(partner, "press_statement", "pk")
        rules.answer_line(attache, theirs.id, line_digest(theirs.values()["line"]), "noted")
    both(host, partner)
    with host.active():
        rules.move_line(chief, early, 1, "in_use")
        late = rules.draft_line(chief, line("notice", since=-0.1), state="put_forward").record
        rules.move_line(chief, late, 1, "in_use")
        assert release(chief, late).state == "in_use", "the time of notice is over"


def test_neither_confirmed_nor_denied_is_a_line_and_every_line_ends_by_itself(
    working: Nodes, people: tuple[Subject, Subject]
) -> None:
    host, partner = working
    chief, _ = people
    with host.active():
        silent = rules.draft_line(chief, line(text="", until=1), state="neither").record
        with pytest.raises(PartRefused, match="has its words"):
            rules.move_line(chief, silent, 1, "put_forward")
        with pytest.raises(PartRefused, match="ends after"):
            rules.draft_line(chief, line(since=5, until=4))
    both(host, partner)
    assert one(partner, "press_statement", "pk").state == "neither"
    host.offset = 2 * HOUR
    fire_all(host.writer)
    assert host.row(silent).state == "ended"  # type: ignore[union-attr]


def test_who_reported_is_hidden_from_the_own_side_and_the_grade_shows(
    working: Nodes, people: tuple[Subject, Subject]
) -> None:
    host, partner = working
    chief, attache = people
    analyst, watch = person(host, "analyst", "analyst"), person(host, "watch", "watch_officer")
    with host.active():
        made = rules.draft_line(chief, line(), state="neither").record
        report = rules.file_report(
            analyst, "A second car was seen", "By the gate", "B", 2, {"name": CANARY}, made
        ).record
        assert release(analyst, report).parts.keys() == {"reported", "grade"}, "not even to who filed it"
        assert release(watch, report).parts.keys() == {"grade"}
        assert release(chief, report).parts["source"]["name"] == CANARY
        for who in (analyst, watch):
            client = client_of(host, who)
            for address in (f"/committee/statements/{made}/", f"/committee/statements/{report}/"):
                page = client.get(address).content.decode()
                assert CANARY not in page
        page = client_of(host, analyst).get(f"/committee/statements/{report}/").content.decode()
        assert "Reliability of the source" in page and ">B<" in page
    both(host, partner)
    theirs = one(partner, "source_report", "pk")
    assert theirs.values().keys() == {"reported", "grade"}
    assert CANARY.encode() not in host.feed("cn").bundle(0, 10_000).pack()
    with partner.active():
        assert release(attache, theirs.id).parts["grade"] == {"reliability": "B", "credibility": 2}


def test_a_leak_is_an_incident_that_the_line_names(working: Nodes, people: tuple[Subject, Subject]) -> None:
    host, partner = working
    chief, _ = people
    leak = incident(host, summary={"title": "The draft was in the paper", "category": "leak"})
    with host.active():
        made = rules.draft_line(chief, line(), state="put_forward").record
        with pytest.raises(Malformed, match="no such incident"):
            rules.note_leak(chief, made, 1, made)
        rules.note_leak(chief, made, 1, leak, "Word by word")
        client = client_of(host, chief)
        assert f"/incidents/{leak}/" in client.get(f"/committee/statements/{made}/").content.decode()
        form = client.get("/incidents/report/?category=leak").content.decode()
        assert '<option value="leak" selected>' in form
        assert (
            "selected"
            not in client.get("/incidents/report/?category=<x>").content.decode().split("leak")[0][-40:]
        )
    both(host, partner)
    assert "leak" not in one(partner, "press_statement", "pk").values()


def test_a_draft_is_not_found_on_the_other_side(working: Nodes, people: tuple[Subject, Subject]) -> None:
    host, partner = working
    chief, attache = people
    with host.active():
        made = rules.draft_line(chief, line()).record
    both(host, partner)
    with partner.active(), pytest.raises(NotFound):
        release(attache, made)
