"""The joint strategy on two nodes: from an incident to a measure that somebody else verified, and what it did."""

from __future__ import annotations

import io
import time

import pytest
from PIL import Image

from committee.work_nodes import INCIDENT, Node, Nodes, both, incident, one, person, pull
from safeconduct.agreement.policy import Subject
from safeconduct.committee import strategy_rules as rules
from safeconduct.committee.strategy_chain import chain, chains
from safeconduct.records.attachments import AttachmentRefused, content_bytes
from safeconduct.records.commit import Draft, commit
from safeconduct.records.kinds import PartRefused
from safeconduct.records.principals import system_subject
from safeconduct.records.refusals import Malformed, NotFound, Refused
from safeconduct.records.release import content, release

GOAL = {
    "title": "No journey without word for an hour",
    "criterion": "Missed check-ins answered within 15 minutes",
    "risk": "attack",
    "since": "2026-01-01",
    "review": "2027-01-01",
}
PLAN = {
    "title": "Barriers at the terminal",
    "place": "Karachi",
    "owner": "District police",
    "due": "2027-06-01",
    "risk": "attack",
    "verify_how": "A visit to the terminal",
}


def picture() -> bytes:
    target = io.BytesIO()
    Image.new("RGB", (8, 8), "red").save(target, "JPEG", exif=b"Exif\x00\x00secret-place")
    return target.getvalue()


def worked(host: Node, partner: Node, who: Subject) -> tuple[str, str]:
    """(incident, measure): an incident of the Host with its lesson, and the Host's measure reported done."""
    at = incident(host)
    with host.active():
        lesson = rules.record_lesson(who, at, "Convoys stop at the same place", by="Khan").record
        advice = rules.recommend(who, lesson, "Close the forecourt", "", "host", by="Khan").record
        measure = rules.take_measure(who, advice, PLAN, who.person, {"band": "medium"}, "Khan").record
        rules.move_measure(who, measure, 1, "under_way", "Ordered", "Khan")
        rules.move_measure(who, measure, 2, "reported", "Standing", "Khan")
    both(host, partner)
    return at, measure


def test_a_measure_is_complete_only_when_somebody_else_has_verified_it(working: Nodes) -> None:
    host, partner = working
    owner, other = person(host, "owner", "coordinator"), person(host, "other", "analyst")
    at, measure = worked(host, partner, owner)
    with host.active():
        seen = release(owner, measure)
        assert seen.state == "reported" and not chain(owner, at).complete
        assert chain(owner, at).missing == "verified"
        with pytest.raises(Malformed):
            rules.move_measure(owner, measure, seen.version, "verified")
        with pytest.raises(Refused, match="somebody other than its owner"):
            rules.verify(owner, measure, "site_visit", "complete", files=[("a.jpg", picture())])
        with pytest.raises(PartRefused, match="evidence"):
            rules.verify(other, measure, "site_visit", "complete", "I was told")
        with pytest.raises(Malformed):
            commit(
                system_subject("pk"),
                Draft("verification", {"finding": {
                    "at": seen.at.isoformat(), "by": "node", "method": "test", "outcome": "partial",
                }}, about=measure),
            )  # fmt: skip
        rules.verify(other, measure, "site_visit", "partial", "Half of them", by="Bano")
        assert release(owner, measure).state == "under_way"
        with pytest.raises(Malformed, match="reported done"):
            rules.verify(other, measure, "site_visit", "complete", files=[("a.jpg", picture())])
        rules.move_measure(owner, measure, release(owner, measure).version, "reported")
        rules.verify(other, measure, "site_visit", "complete", files=[("a.jpg", picture())], by="Bano")
        assert release(owner, measure).state == "verified" and chain(owner, at).complete


def test_who_reports_done_cannot_verify_though_another_answers_for_it(working: Nodes) -> None:
    host, _ = working
    owner, deputy = person(host, "owner", "coordinator"), person(host, "deputy", "commander")
    at = incident(host)
    with host.active():
        lesson = rules.record_lesson(owner, at, "L").record
        advice = rules.recommend(owner, lesson, "A", "", "both").record
        measure = rules.take_measure(owner, advice, PLAN, owner.person).record
        rules.move_measure(deputy, measure, 1, "reported", by="Deputy")
        with pytest.raises(Refused):
            rules.verify(deputy, measure, "test", "complete", files=[("a.txt", b"works")])
        with pytest.raises(Malformed, match="on record as such"):
            draft = Draft("measure", {"owner": {"account": "x"}}, record=measure, expected=2, state="planned")
            commit(deputy, Draft("measure", {}, record=measure, expected=2, state="under_way"))
            commit(deputy, Draft("measure", draft.parts, record=measure, expected=3, state="reported"))


def test_the_chain_is_followed_to_its_end_on_both_nodes_and_the_partner_verifies(working: Nodes) -> None:
    host, partner = working
    owner, embassy = person(host, "owner", "coordinator"), person(partner, "embassy", "security_officer")
    analyst = person(partner, "analyst", "analyst")
    at, measure = worked(host, partner, owner)
    theirs = one(partner, "measure", "pk")
    assert set(theirs.values()) >= {"plan", "progress", "cost"} and not theirs.values().get("owner")
    raw = picture()
    with partner.active():
        assert release(embassy, theirs.id).parts.keys() == {"plan", "progress"}, "cost is for fewer"
        assert "cost" in release(analyst, theirs.id).parts
        with pytest.raises(Refused, match="only its originator"):
            rules.move_measure(person(partner, "c", "coordinator"), theirs.id, theirs.version, "dropped")
        rules.verify(embassy, theirs.id, "photograph", "complete", "Seen", [("gate.jpg", raw)], "Li")
    both(host, partner)
    assert host.row(measure).state == "verified"  # type: ignore[union-attr]
    assert one(partner, "measure", "pk").state == "verified"
    for node, reader in ((host, owner), (partner, analyst)):
        with node.active():
            (found,) = chains(reader)
            assert found.complete and found.stages[-1] == ("verified", True)
            (file,) = [each for each in found.top.everything if each.record.kind == "evidence"]
            kept = content_bytes(content(reader, file.record.id, "content"))
            assert kept.startswith(b"\xff\xd8") and b"secret-place" not in kept
    assert host.row(at) is not None


def test_lessons_stay_at_home_with_an_incident_that_does(working: Nodes) -> None:
    host, partner = working
    who = person(host, "c", "coordinator")
    with host.active():
        draft = Draft("incident", INCIDENT, releasable=())
        at = commit(system_subject("pk"), draft).record
        lesson = rules.record_lesson(who, at, "Said to nobody").record
        advice = rules.recommend(who, lesson, "Nor this", "", "host").record
        rules.take_measure(who, advice, PLAN)
    pull(partner, host)
    assert not partner.of_kind("lesson", "pk") and not partner.of_kind("measure", "pk")


def test_a_lesson_is_as_secret_as_its_incident(working: Nodes) -> None:
    host, _ = working
    who = person(host, "c", "coordinator")
    with host.active():
        draft = Draft("incident", INCIDENT, levels={"summary": 2})
        at = commit(system_subject("pk"), draft).record
        assert release(who, rules.record_lesson(who, at, "L").record).label == "CONFIDENTIAL"


def test_hostile_records_and_files_are_refused_and_change_nothing(working: Nodes) -> None:
    host, partner = working
    owner, other = person(host, "owner", "coordinator"), person(host, "other", "analyst")
    at, measure = worked(host, partner, owner)
    with host.active():
        for raw in (b"", b"\x00\x01binary", b"<svg onload=alert(1)>\x07"):
            with pytest.raises(AttachmentRefused):
                rules.verify(other, measure, "test", "complete", files=[("x", raw)])
        with pytest.raises(Malformed):
            rules.verify(other, measure, "test", "complete", files=[("x", b"x")] * 9)
        with pytest.raises(NotFound):
            rules.verify(other, at, "test", "partial")
        with pytest.raises(NotFound):
            rules.verify(other, "no-such", "test", "partial")
        with pytest.raises(PartRefused):
            rules.verify(other, measure, "by_hearsay", "partial")
        with pytest.raises(Malformed):
            rules.recommend(owner, at, "About an incident", "", "host")
        with pytest.raises(PartRefused):
            rules.adopt_objective(owner, {**GOAL, "review": "2020-01-01"})
        with pytest.raises(PartRefused):
            rules.adopt_objective(owner, {**GOAL, "title": "x" * 201})
        assert release(owner, measure).state == "reported"
        assert not host.of_kind("verification", "pk")


def test_what_can_be_said_of_an_effect_is_what_its_interval_says(working: Nodes) -> None:
    host, partner = working
    who = person(host, "analyst", "analyst")
    now, day = time.time(), 86_400.0
    turned = now - 200 * day

    def happened(days_ago: float) -> None:
        when = time.strftime("%Y-%m-%dT%H:%M:%S+00:00", time.gmtime(now - days_ago * day))
        incident(host, when={"start": when})

    for days_ago in (390, 380, 370, 360, 350, 340, 330, 320, 310, 300):
        happened(days_ago)
    with host.active():
        objective = rules.adopt_objective(who, GOAL).record
        fewer = rules.state_effect(who, objective, "incidents", "attack", "Karachi", turned, 200, 200).record
        seen = release(who, fewer).parts["seen"]
        assert (seen["before"]["events"], seen["after"]["events"]) == (10, 0)
        assert seen["verdict"] == "fewer" and seen["high"] < 1 and seen["low"] == 0
    happened(20)
    happened(10)
    with host.active():
        unclear = rules.state_effect(
            who, objective, "incidents", "attack", "Karachi", turned, 100, 200, persons=(400, 800)
        )
        seen = release(who, unclear.record).parts["seen"]
        assert seen["verdict"] == "unclear" and seen["before"]["persons"] == 400
        none = rules.state_effect(who, objective, "incidents", "attack", "Quetta", turned, 100, 200)
        seen = release(who, none.record).parts["seen"]
        assert seen["verdict"] == "none" and "ratio" not in seen
        near = rules.state_effect(
            who, objective, "near_misses", "attack", "", turned, 200, 200, (40, 12), source="Guards' books"
        )
        assert release(who, near.record).parts["seen"]["verdict"] == "fewer"
        with pytest.raises(Malformed):
            rules.state_effect(who, objective, "near_misses", "attack", "", turned, 200, 200)
        with pytest.raises(Malformed):
            rules.state_effect(who, objective, "incidents", "attack", "", now, 10, 100)
        embellished = {**release(who, near.record).parts["seen"], "low": 0.0, "verdict": "more"}
        with pytest.raises(PartRefused, match="do not follow"):
            commit(who, Draft("effect", {"seen": embellished}, about=objective))
    pull(partner, host)
    assert len(partner.of_kind("effect", "pk")) == 4
