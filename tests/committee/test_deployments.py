"""Deployments: impossible without an agreed clause, which is named; with one, signed by both and nothing more."""

from __future__ import annotations

import pytest

from committee.meeting_nodes import notice
from committee.work_nodes import Nodes, both, client_of, one, person
from exchange.nodes import sign
from safeconduct.agreement.policy import Subject
from safeconduct.committee import deployment_rules as rules
from safeconduct.committee.deployment_kinds import DEPLOYMENT, opening, terms_digest
from safeconduct.committee.meeting_rules import call_meeting
from safeconduct.records import here
from safeconduct.records.commit import Draft, commit
from safeconduct.records.hooks import HOOKS
from safeconduct.records.principals import system_subject
from safeconduct.records.refusals import Malformed, Refused
from safeconduct.records.release import release
from safeconduct.timers.due import armed

PROPOSAL = {
    "title": "Guards inside the port residence",
    "purpose": "Watch the gate of the residence",
    "place": "Gwadar",
    "since": "2027-01-01",
    "until": "2027-12-31",
    "review": "2027-06-30",
}


def digest_seen(reader: Subject, deployment: str) -> str:
    """What the form of a consent sends along: the digest of the terms as its reader has them."""
    return terms_digest(release(reader, deployment).parts)


def test_a_declined_clause_is_named_and_neither_party_can_propose(working: Nodes) -> None:
    host, partner = working
    attache, chief = person(partner, "attache", "coordinator"), person(host, "chief", "coordinator")
    with partner.active():
        assert not rules.way("cn").open and rules.way("cn").blocked == (("pk-cn/10.2", "declined"),)
        with pytest.raises(Refused) as refused:
            rules.propose_deployment(attache, PROPOSAL, "Six guards")
        assert refused.value.would == (("pk-cn/10.2", "declined"),)
        with pytest.raises(Refused):
            commit(system_subject("cn"), Draft("deployment", {"proposal": PROPOSAL}))
        client = client_of(partner, attache)
        page = client.get("/committee/deployments/").content.decode()
        assert 'data-party="cn" data-open="no"' in page and "pk-cn/10.2" in page and "declined" in page
        assert "Propose a deployment" not in page
        for answer in (
            client.get("/committee/deployments/new/propose/"),
            client.post("/committee/deployments/new/propose/", {"title": "x", "terms": "y"}),
        ):
            told = answer.content.decode()
            assert answer.status_code == 403 and "pk-cn/10.2" in told and "declined" in told
        urdu = client.get("/committee/deployments/", headers={"Accept-Language": "ur"}).content.decode()
        assert 'dir="rtl"' in urdu and "مسترد" in urdu and "کوئی تجویز ممکن نہیں" in urdu
    with host.active(), pytest.raises(Refused) as refused:
        rules.propose_deployment(chief, PROPOSAL, "Ours")
    assert refused.value.would == (), "no clause speaks of the Host's"
    assert not partner.of_kind("deployment", "cn") and not host.of_kind("deployment", "pk")


def test_with_the_clause_agreed_both_sign_exactly_the_same_terms(allowed: Nodes) -> None:
    host, partner = allowed
    attache, chief = person(partner, "attache", "coordinator"), person(host, "chief", "coordinator")
    officer = person(host, "officer", "security_officer")
    with partner.active():
        made = rules.propose_deployment(attache, PROPOSAL, "Six guards, unarmed").record
        with pytest.raises(Malformed, match="has not consented"):
            rules.approve(attache, made, 1)
        with pytest.raises(Malformed, match="other party's word"):
            rules.consent(attache, made, digest_seen(attache, made))
    both(host, partner)
    theirs = one(host, "deployment", "cn").id
    with host.active():
        rules.note_discussion(chief, theirs, "Arms are excluded", "PK-7F3K", by="Khan")
        with pytest.raises(Malformed, match="no such meeting"):
            rules.note_discussion(chief, theirs, "x", meeting=theirs)
        held = call_meeting(chief, notice(title="On deployments"), None).record
        said = rules.note_discussion(chief, theirs, "Postponed", meeting=held).record
        assert release(chief, said).parts["meeting"]["record"] == held
        seen = digest_seen(chief, theirs)
    with partner.active():
        rules.amend_terms(attache, made, 1, "Four guards, unarmed")
    both(host, partner)
    with host.active():
        with pytest.raises(Malformed, match="terms have changed"):
            rules.consent(chief, theirs, seen)
        with pytest.raises(Refused):
            rules.consent(officer, theirs, digest_seen(chief, theirs))
        given = rules.consent(chief, theirs, digest_seen(chief, theirs), "Khan").record
        with pytest.raises(Refused, match="only its originator"):
            rules.approve(chief, theirs, 2)
    both(host, partner)
    with partner.active():
        told = [row.values() for row in partner.of_kind("deployment_discussion", "pk")]
        assert [each["said"].get("reference", "") for each in told] == ["PK-7F3K", ""]
        assert all("meeting" not in each for each in told), "the meeting's record is the Host's own"
        with pytest.raises(Malformed, match="may approve it"):
            commit(attache, Draft("deployment", {}, record=made, expected=2, state="approved"))
        rules.approve(attache, made, 2)
        assert release(attache, made).state == "approved"
        with pytest.raises(Malformed, match="both have signed"):
            rules.amend_terms(attache, made, 3, "Forty guards")
    (timer,) = partner.in_tx(lambda tx: list(armed(tx, f"committee:{made}")))
    assert timer.due > partner.clock(), "it is reviewed"
    with host.active():
        rules.withdraw_consent(chief, given, 1)
    both(host, partner)
    assert partner.row(made).state == "ended", "narrowing takes one"  # type: ignore[union-attr]
    with partner.active(), pytest.raises(Malformed, match="has ended"):
        rules.amend_terms(attache, made, partner.row(made).version, "Again")  # type: ignore[union-attr]


def test_consent_to_former_terms_signs_nothing(allowed: Nodes) -> None:
    host, partner = allowed
    attache, chief = person(partner, "attache", "coordinator"), person(host, "chief", "coordinator")
    with partner.active():
        made = rules.propose_deployment(attache, PROPOSAL, "Six guards").record
    both(host, partner)
    with host.active():
        theirs = one(host, "deployment", "cn").id
        rules.consent(chief, theirs, digest_seen(chief, theirs))
    with partner.active():
        rules.amend_terms(attache, made, 1, "Sixty guards")
    both(host, partner)
    with partner.active(), pytest.raises(Malformed, match="has not consented"):
        rules.approve(attache, made, 2)


def test_when_the_clause_is_suspended_nothing_can_be_proposed_or_signed_but_ended(allowed: Nodes) -> None:
    _, partner = allowed
    attache = person(partner, "attache", "coordinator")
    with partner.active():
        made = rules.propose_deployment(attache, PROPOSAL, "Six guards").record
    sign(partner, partner.home.path.parent, "pk-cn", "10", "suspended")
    with partner.active():
        assert not opening(here.state().policy, "cn")
        with pytest.raises(Refused, match="no clause in force"):
            rules.amend_terms(attache, made, 1, "Other")
        with pytest.raises(Refused, match="no clause in force"):
            rules.approve(attache, made, 1)
        rules.end_deployment(attache, made, 1)
        assert release(attache, made).state == "ended"


def test_no_operational_function_follows_from_a_deployment() -> None:
    """It assigns nobody, makes nobody a duty bearer, and no job of the writer takes one."""
    assert DEPLOYMENT.assigns is None and not DEPLOYMENT.inherits_bearers
    assert not [name for name in HOOKS.jobs if "deploy" in name]
