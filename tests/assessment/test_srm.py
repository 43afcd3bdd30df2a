"""Assessments on two nodes: who may decide, what stays as it was, what crosses, and both ratings side by side."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from assessment.srm_nodes import (
    BOMB,
    CRASH,
    DECISION,
    PERIOD,
    PROGRAMME,
    Nodes,
    approved,
    both,
    drafted,
    movement_of,
    one,
    person,
    site_of,
)
from firing import fire_all
from safeconduct.assessment import srm_rules as rules
from safeconduct.assessment.srm_followed import followed
from safeconduct.assessment.srm_subject import picture_of
from safeconduct.notify.kinds import CONTACT_POINT
from safeconduct.records.commit import Draft, commit
from safeconduct.records.kinds import PartRefused
from safeconduct.records.principals import system_subject
from safeconduct.records.refusals import Conflict, Malformed, NotFound, Refused
from safeconduct.records.release import release

CANARY = "canary-of-the-draft"


def test_an_assessment_is_decided_by_somebody_who_may_and_who_wrote_none_of_it(rooms: Nodes) -> None:
    host, partner = rooms
    site, _ = site_of(host, partner)
    author, helper = person(host, "author", "coordinator"), person(host, "helper", "commander")
    chief, officer = person(host, "chief", "commander"), person(host, "officer", "security_officer")
    with host.active():
        record, version = drafted(author, site)
        version = rules.write_part(helper, record, version, "programme", PROGRAMME).version
        with pytest.raises(Refused, match="no grant"):
            rules.approve(chief, record, version)
        with pytest.raises(Malformed, match="proposed before"):
            commit(author, Draft("assessment", {}, record=record, expected=version, state="approved"))
        rules.propose(author, record, version, DECISION, "Khan")
        seen = version + 1
        for who in (author, helper):
            with pytest.raises(Refused, match="somebody other than who wrote it"):
                rules.approve(who, record, seen)
        for who, act in ((officer, "approve"), (chief, "write")):
            approval = {"approval": {"approver": "x", "at": "2026-11-01T00:00:00Z"}}
            with pytest.raises((Refused, Malformed)):
                draft = Draft("assessment", approval, record=record, expected=seen, state="approved")
                commit(who, draft, act)
        with pytest.raises(Malformed, match="taken back"):
            rules.write_part(author, record, seen, "programme", PROGRAMME)
        rules.take_back(chief, record, seen, "approve")
        rules.propose(author, record, seen + 1, DECISION, "Khan")
        rules.approve(chief, record, seen + 2, "Agreed", "Commander")
        found = release(author, record)
        assert found.state == "approved" and found.parts["approval"]["approver"] == "Commander"
        for part, value in (("programme", PROGRAMME), ("decision", found.parts["decision"])):
            with pytest.raises(Malformed, match="stays as it was"):
                rules.write_part(author, record, found.version, part, value)
        for state in ("draft", "expired", "superseded"):
            with pytest.raises(Malformed, match="stays as it was"):
                draft = Draft("assessment", {}, record=record, expected=found.version, state=state)
                commit(author, draft)


def test_nobody_writes_under_the_name_of_approving(rooms: Nodes) -> None:
    """Who approves is no author: so whoever may approve a draft must not write in it by that act."""
    host, partner = rooms
    site, _ = site_of(host, partner)
    author, chief = person(host, "author", "coordinator"), person(host, "chief", "commander")
    with host.active():
        record, version = drafted(author, site)
        own = system_subject(host.home.party)  # needs no grant: the kind's own rule alone stands in the way
        for draft in (
            Draft("assessment", {"programme": PROGRAMME}, record=record, expected=version),
            Draft("assessment", {"scope": release(author, record).parts["scope"]}, about=site),
        ):
            with pytest.raises(Malformed, match="approval approves"):
                commit(own, draft, "approve")
        rules.propose(author, record, version, DECISION, "Khan")
        approval = {"approval": {"approver": "Commander", "at": "2026-11-01T00:00:00Z"}}
        with pytest.raises(Malformed, match="taken back"):
            draft = Draft("assessment", approval, record=record, expected=version + 1, state="approved")
            commit(chief, replace(draft, levels={"threats": 0}), "approve")


def test_the_next_one_takes_the_place_of_the_one_before_of_the_same_subject_alone(rooms: Nodes) -> None:
    host, partner = rooms
    site, _ = site_of(host, partner)
    movement, _ = movement_of(host, partner)
    author, chief = person(host, "author", "coordinator"), person(host, "chief", "commander")
    with host.active():
        first = approved(author, chief, site)
        scope = {"subject": "movement", "title": "By road", **PERIOD}
        road = rules.begin(author, scope, movement).record
        rules.write_part(author, road, 1, "programme", PROGRAMME)
        rules.rate(author, road, 2, CRASH)
        rules.propose(author, road, 3, {**DECISION, "outcome": "accept"})
        rules.approve(chief, road, 4)
        second = approved(author, chief, site)
        states = [release(author, each).state for each in (first, road, second)]
    assert states == ["superseded", "approved", "approved"]


UNACCEPTABLE = {"likelihood": "very_likely", "impact": "critical"}
LEFT = {"residual_likelihood": "very_likely", "residual_impact": "critical"}


ALLOWED = (
    ({**BOMB, **UNACCEPTABLE, **LEFT}, {"accept": "stays", "control": "stays", "avoid": "", "transfer": ""}),
    ({**BOMB, **UNACCEPTABLE}, {"accept": "is not accepted", "control": ""}),
    (CRASH, {"control": "takes a further measure", "accept": ""}),
)


def test_what_may_be_decided_follows_from_the_residual_risk(rooms: Nodes) -> None:
    host, partner = rooms
    site, _ = site_of(host, partner)
    author = person(host, "author", "coordinator")
    with host.active():
        for threat, outcomes in ALLOWED:
            record, version = drafted(author, site, threat)
            for outcome, why in outcomes.items():
                decision = {**DECISION, "outcome": outcome}
                if why:
                    with pytest.raises(Malformed, match=why):
                        rules.propose(author, record, version, decision)
                else:
                    version = rules.propose(author, record, version, decision).version
                    version = rules.take_back(author, record, version).version


def test_it_expires_by_itself_and_its_author_is_reminded_of_the_review_once(rooms: Nodes) -> None:
    host, partner = rooms
    site, _ = site_of(host, partner)
    author, chief = person(host, "author", "coordinator"), person(host, "chief", "commander")
    with host.active():
        point = {"channel": "email", "address": "author@example.org"}
        draft = Draft(CONTACT_POINT.name, {"address": point}, assigned=[author.person], releasable=())
        commit(system_subject("pk"), draft)
        record = approved(author, chief, site, review="2098-06-01", expires="2098-12-31")
    asked = "SELECT key, due FROM timer_due WHERE key LIKE ? ORDER BY due"
    (review, at), (expiry, end) = host.writer.db.execute(asked, (f"srm:%:{record}",)).fetchall()
    assert review.startswith("srm:review") and expiry.startswith("srm:expiry") and at < end
    host.offset = at - host.clock() + 60
    for _ in range(3):
        fire_all(host.writer)
    sent = "SELECT person FROM notify_send WHERE about = ?"
    assert host.writer.db.execute(sent, (record,)).fetchall() == [(author.person,)]
    assert host.row(record).state == "approved"  # type: ignore[union-attr]
    host.offset = end - host.clock() + 60
    fire_all(host.writer)
    assert host.row(record).state == "expired"  # type: ignore[union-attr]
    with host.active(), pytest.raises(Malformed, match="stays as it was"):
        rules.write_part(author, record, host.row(record).version, "programme", PROGRAMME)  # type: ignore[union-attr]


def test_what_has_expired_is_not_approved_and_a_stale_version_is_a_conflict(rooms: Nodes) -> None:
    host, partner = rooms
    site, _ = site_of(host, partner)
    author, chief = person(host, "author", "coordinator"), person(host, "chief", "commander")
    with host.active():
        record, version = drafted(author, site)
        rules.propose(author, record, version, {**DECISION, "review": "2026-01-02", "expires": "2026-01-03"})
        with pytest.raises(Malformed, match="has expired"):
            rules.approve(chief, record, version + 1)
        rules.take_back(author, record, version + 1)
        for stale in (1, version, version + 9):
            with pytest.raises(Conflict):
                rules.rate(author, record, stale, BOMB)
            with pytest.raises(Conflict):
                rules.propose(author, record, stale, DECISION)


WRONG: list[dict[str, Any]] = [
    {"likelihood": "certain"},
    {"impact": ""},
    {"category": "terror"},
    {"event": "earthquake"},
    {"event": "other"},
    {"residual_likelihood": "very_likely"},
    {"residual_impact": "critical", "further": "", "residual_likelihood": "unlikely"},
    {"further": "x" * 5_001},
    {"title": "x" * 201},
    {"person": "Somebody"},
    {"score": 12},
]


def test_a_rating_that_says_what_it_may_not_is_refused_and_nothing_is_lost(rooms: Nodes) -> None:
    host, partner = rooms
    site, _ = site_of(host, partner)
    author = person(host, "author", "coordinator")
    with host.active():
        record, version = drafted(author, site)
        for wrong in WRONG:
            with pytest.raises((PartRefused, Malformed, ValueError)):
                rules.rate(author, record, version, {**BOMB, **wrong})
        found = release(author, record)
        assert found.version == version and len(rules.threats_of(found)) == 2


def test_a_risk_that_the_table_does_not_give_and_a_threat_too_many_are_refused(rooms: Nodes) -> None:
    host, partner = rooms
    site, _ = site_of(host, partner)
    author = person(host, "author", "coordinator")
    with host.active():
        record, version = drafted(author, site)
        rated = rules.threats_of(release(author, record))
        for risk in ("low", "unacceptable", "3.5", ""):
            forged = {"threats": [{**rated[0], "risk": risk}]}
            with pytest.raises(PartRefused):
                commit(author, Draft("assessment", {"threats": forged}, record=record, expected=version))
        many = [
            {
                **CRASH,
                "event": "other",
                "title": f"Hazard {number}",
                "risk": "high",
                "residual": "high",
            }
            for number in range(41)
        ]
        for threats in (many, [many[0], {**many[0], "title": "HAZARD  0"}]):
            with pytest.raises(PartRefused):
                draft = Draft(
                    "assessment", {"threats": {"threats": threats}}, record=record, expected=version
                )
                commit(author, draft)
        draft = Draft("assessment", {"threats": {"threats": many[:40]}}, record=record, expected=version)
        commit(author, draft)
        with pytest.raises(Malformed, match="at most 40"):
            rules.rate(author, record, version + 1, BOMB)


def test_an_assessment_is_of_what_it_says(rooms: Nodes) -> None:
    host, partner = rooms
    site, _ = site_of(host, partner)
    author = person(host, "author", "coordinator")
    with host.active():
        for scope, about in (
            ({"subject": "movement"}, site),
            ({"subject": "site"}, ""),
            ({"subject": "area", "area": "Gwadar"}, site),
            ({"subject": "area"}, ""),
            ({"subject": "area", "area": "Gwadar", "radius_km": 5}, ""),
            ({"subject": "area", "area": "G", "boundary": [[0, 0], [1, 1]]}, ""),
            ({"subject": "site", "latitude": 1.0, "longitude": 1.0, "radius_km": 1.0}, site),
        ):
            with pytest.raises((Malformed, PartRefused)):
                rules.begin(author, {"title": "x", **PERIOD, **scope}, about)
        with pytest.raises(NotFound):
            rules.begin(author, {"subject": "site", "title": "x", **PERIOD}, "f" * 32)
        with pytest.raises(PartRefused):
            late = {"since": "2026-02-01", "until": "2026-01-01"}
            rules.begin(author, {"subject": "site", "title": "x", **late}, site)


def test_drafts_stay_at_home_and_what_is_approved_crosses_without_its_author(rooms: Nodes) -> None:
    host, partner = rooms
    site, _ = site_of(host, partner)
    author, chief = person(host, "author", "coordinator"), person(host, "chief", "commander")
    reader, watch = person(partner, "reader", "coordinator"), person(partner, "w", "watch_officer")
    weak = {**BOMB, "vulnerabilities": "weak-canary"}
    with host.active():
        record, version = drafted(author, site, weak, title=CANARY)
        rules.write_part(
            author, record, version, "situation", {"text": "sit-canary", "data_as_of": "2026-01-01"}
        )
        rules.propose(author, record, version + 1, DECISION, "Khan")
    both(host, partner)
    assert not partner.of_kind("assessment", "pk")
    sent = host.feed("cn").bundle(0, 10_000).pack()
    assert not any(each.encode() in sent for each in (CANARY, "sit-canary", "weak-canary"))
    with host.active():
        rules.approve(chief, record, version + 2, "", "Commander")
    both(host, partner)
    got = one(partner, "assessment", "pk")
    assert got.version == 1 and got.state == "approved"
    values = got.values()
    assert values["scope"]["title"] == CANARY and values["vulnerabilities"]["threats"]
    assert not values.get("owner") and "author" not in got.parts.replace('"author":"Khan"', "")
    with partner.active():
        shown = release(reader, got.id)
        assert shown.parts["situation"]["text"] == "sit-canary"
        assert {each.part for each in shown.withheld} == {"owner"}
        with pytest.raises(NotFound):
            release(watch, got.id)


def test_both_ratings_stand_side_by_side_and_their_difference_is_noted_as_it_is(rooms: Nodes) -> None:
    host, partner = rooms
    on_host, on_partner = site_of(host, partner)
    author, chief = person(host, "author", "coordinator"), person(host, "chief", "commander")
    theirs, officer = person(partner, "theirs", "analyst"), person(partner, "officer", "security_officer")
    milder = {**BOMB, "likelihood": "unlikely", "residual_likelihood": "very_unlikely"}
    robbery = {**CRASH, "category": "crime", "event": "robbery"}
    with host.active():
        own = approved(author, chief, on_host, milder, CRASH)
    with partner.active():
        approved(theirs, officer, on_partner, BOMB, CRASH, robbery)
    both(host, partner)
    other = one(host, "assessment", "cn").id
    with host.active():
        picture = picture_of(author, on_host)
        assert [(row.event, row.says) for row in picture.rows] == [
            ("bomb in a vehicle", "partner_higher"), ("robbery", "partner_only"), ("road crash", "same"),
        ]  # fmt: skip
        made = rules.note_difference(author, own, other, "A joint visit to the gate", "Khan")
        told = release(author, made.record).parts["difference"]
        assert (
            told["rows"][0]["host"]["risk"] == "medium" and told["rows"][0]["partner"]["risk"] == "very_high"
        )
        for forged in (
            {"rows": told["rows"][:2]},
            {"rows": [{**told["rows"][0], "says": "same"}, *told["rows"][1:]]},
            {"rows": [{**told["rows"][0], "host": told["rows"][0]["partner"]}, *told["rows"][1:]]},
            {"host_at": "2026-01-01T00:00:00Z"},
        ):
            draft = Draft(
                "assessment_difference",
                {"difference": {**told, **forged}},
                about=other,
                derived_from=[own, other],
            )
            with pytest.raises(Malformed, match="compare again"):
                commit(author, draft)
        for derived in ([own], [other], []):
            with pytest.raises(Malformed, match="an own assessment and one of the other"):
                draft = Draft(
                    "assessment_difference", {"difference": told}, about=other, derived_from=derived
                )
                commit(author, draft)
        with pytest.raises(Malformed, match="as secret"):
            levels = {"difference": 0}
            draft = Draft(
                "assessment_difference",
                {"difference": told},
                about=other,
                derived_from=[own, other],
                levels=levels,
            )
            commit(author, draft)
        assert "average" not in str(told) and "mean" not in str(told)
    both(host, partner)
    seen = one(partner, "assessment_difference", "pk")
    assert seen.values()["difference"]["rows"] == told["rows"]
    with partner.active():
        across = picture_of(theirs, on_partner)
        assert [row.says for row in across.rows] == [row.says for row in picture.rows]
        assert [each.id for each in across.differences] == [seen.id]
        with pytest.raises(Refused):
            rules.settle_difference(theirs, seen.id, 1, "x")
    with host.active():
        with pytest.raises(Malformed, match="as secret"):
            lower = Draft(
                "assessment_difference", {}, record=made.record, expected=1, levels={"difference": 0}
            )
            commit(author, lower)
        rules.settle_difference(author, made.record, 1, "The search moves; both look again in May", "Khan")
        with pytest.raises(Malformed, match="stays as it was"):
            draft = Draft("assessment_difference", {"difference": told}, record=made.record, expected=2)
            commit(author, draft)


def test_a_further_measure_goes_to_the_strategy_with_its_label_and_comes_back_verified(
    rooms: Nodes,
) -> None:
    from safeconduct.committee import strategy_rules

    host, partner = rooms
    on_host, _ = site_of(host, partner)
    author, chief = person(host, "author", "coordinator"), person(host, "chief", "commander")
    officer = person(partner, "officer", "security_officer")
    key = "terrorism/vehicle_bomb"
    with host.active():
        record, version = drafted(author, on_host)
        with pytest.raises(Malformed, match="approved assessment"):
            rules.recommend(author, record, key, "Cover the gate", "", "host")
        rules.label(author, record, version, {"threats": 2})
        rules.propose(author, record, version + 1, DECISION)
        rules.approve(chief, record, version + 2)
        with pytest.raises(Malformed, match="no such threat"):
            rules.recommend(author, record, "terrorism/roadside_bomb", "Cover the gate", "", "host")
        secret = rules.recommend(author, record, key, "Cover the gate", "", "host").record
        assert release(author, secret).levels["advice"] == "CONFIDENTIAL"
    with host.active():
        second = approved(author, chief, on_host)
        advice = rules.recommend(author, second, key, "Cover the gate", "", "host").record
        plan = {
            "title": "Roof", "owner": "Police", "due": "2027-06-01", "risk": "attack", "verify_how": "Look",
        }  # fmt: skip
        measure = strategy_rules.take_measure(author, advice, plan, author.person).record
        strategy_rules.move_measure(author, measure, 1, "reported")
    both(host, partner)
    assert len(partner.of_kind("recommendation", "pk")) == 1
    with partner.active():
        theirs = one(partner, "measure", "pk").id
        strategy_rules.verify(officer, theirs, "test", "complete", "", [("gate.txt", b"It stands")])
    both(host, partner)
    for node, who, about in ((host, author, second), (partner, officer, None)):
        with node.active():
            mine = about or next(
                each.id for each in node.of_kind("assessment", "pk") if each.state == "approved"
            )
            (found,) = followed(who, [mine])[mine]
            assert [(each.title, each.verified, each.overdue) for each in found.measures] == [
                ("Roof", True, False)
            ]
