"""A grievance on two nodes: answered, appealed, answered by somebody else; read by who raised it; counted."""

from __future__ import annotations

import re

import pytest

from committee.work_nodes import Node, Nodes, both, client_of, one, person
from safeconduct.agreement.policy import Subject
from safeconduct.records.commit import Draft, commit
from safeconduct.records.find import Query, find
from safeconduct.records.kinds import PartRefused
from safeconduct.records.principals import system_subject
from safeconduct.records.refusals import Malformed, NotFound, Refused
from safeconduct.records.release import release
from safeconduct.registry import rules

MATTER = {"title": "Curfew at the residence", "measure": "curfew", "ground": "The clinic is outside"}


def raised(node: Node, who: Subject) -> str:
    with node.active():
        return rules.raise_grievance(who, MATTER, "Engineer").record


def answered(host: Node, partner: Node, by: Subject, text: str = "It stays") -> None:
    both(host, partner)
    with host.active():
        rules.answer_grievance(by, one(host, "grievance", "cn").id, text, "explained", "Khan")
    both(host, partner)


def test_who_raised_it_reads_the_hosts_answer_and_nobody_elses(working: Nodes) -> None:
    host, partner = working
    engineer, stranger = (
        person(partner, "engineer", "protected_person"),
        person(partner, "x", "protected_person"),
    )
    liaison = person(host, "liaison", "liaison")
    mine = raised(partner, engineer)
    answered(host, partner, liaison)
    assert partner.row(mine).state == "answered"  # type: ignore[union-attr]
    answer = one(partner, "answer", "pk").id
    with partner.active():
        assert release(engineer, answer).parts["reply"]["text"] == "It stays"
        with pytest.raises(NotFound):
            release(stranger, answer)
        assert not find(stranger, Query("answer", sort="at")).records
        page = client_of(partner, engineer).get(f"/registry/grievances/{mine}/").content.decode()
        assert "It stays" in page and "Appeal against the answer" in page
        assert client_of(partner, stranger).get(f"/registry/grievances/{mine}/").status_code == 404
    assert not host.of_kind("answer_notice", "cn"), "who is told stays at home"


def test_an_appeal_is_decided_by_somebody_else(working: Nodes) -> None:
    host, partner = working
    engineer = person(partner, "engineer", "protected_person")
    first, second = person(host, "first", "liaison"), person(host, "second", "coordinator")
    mine = raised(partner, engineer)
    with partner.active(), pytest.raises(Malformed, match="once it was answered"):
        rules.appeal_grievance(engineer, mine, "Too early")
    answered(host, partner, first)
    with partner.active():
        client = client_of(partner, engineer)
        assert client.post(f"/registry/grievances/{mine}/appeal/", {"ground": ""}).status_code == 422
        done = client.post(f"/registry/grievances/{mine}/appeal/", {"ground": "<b>Nobody</b> looked"})
        assert done.status_code == 302
        assert release(engineer, mine).state == "appealed"
        with pytest.raises(Malformed):
            rules.appeal_grievance(engineer, mine, "Twice")
        with pytest.raises(PartRefused):
            commit(system_subject("cn"), Draft("appeal", {"appeal": {"ground": ""}}, about=mine))
    both(host, partner)
    theirs = one(host, "appeal", "cn").id
    with host.active():
        with pytest.raises(Refused, match="other than who answered first"):
            rules.answer_grievance(first, theirs, "Again", "rejected")
        page = client_of(host, second).get(f"/registry/grievances/{one(host, 'grievance', 'cn').id}/")
        assert "&lt;b&gt;Nobody" in page.content.decode() and "answers the appeal" in page.content.decode()
        told = {"text": "The clinic is excepted", "outcome": "changed"}
        address = f"/registry/grievances/{one(host, 'grievance', 'cn').id}/"
        assert client_of(host, second).post(address, told).status_code == 302
        with pytest.raises(Malformed, match="party that raised it"):
            commit(
                system_subject("pk"),
                Draft("appeal", {"appeal": {"ground": "x"}}, about=one(host, "grievance", "cn").id),
            )
    both(host, partner)
    with partner.active():
        assert release(engineer, mine).state == "answered"
        appeal = one(partner, "appeal", "cn")
        assert appeal.state == "decided"
        page = client_of(partner, engineer).get(f"/registry/grievances/{mine}/").content.decode()
        assert "The clinic is excepted" in page
        with pytest.raises(Malformed, match="closed"):
            rules.answer_grievance(person(partner, "c", "coordinator"), appeal.id, "x", "rejected")


def test_the_figures_count_what_the_reader_sees_in_two_languages(working: Nodes) -> None:
    host, partner = working
    engineer, stranger = (
        person(partner, "engineer", "protected_person"),
        person(partner, "x", "protected_person"),
    )
    officer, liaison = person(partner, "officer", "coordinator"), person(host, "liaison", "liaison")
    raised(partner, engineer)
    answered(host, partner, liaison)
    with partner.active():
        rules.appeal_grievance(engineer, one(partner, "grievance", "cn").id, "No")
    raised(partner, stranger)
    partner.offset = 20 * 86_400.0
    with partner.active():
        address = "/registry/grievances/figures/"
        page = client_of(partner, officer).get(address).content.decode()
        (row,) = re.findall(r'<tr data-measure="curfew">(.*?)</tr>', page, re.S)
        counted = re.findall(r'<td class="number">([^<]*)</td>', row)
        assert counted == ["2", "1", "1", "0", "1", "1", "0.0"]
        mine = client_of(partner, engineer).get(address).content.decode()
        (row,) = re.findall(r'<tr data-measure="curfew">(.*?)</tr>', mine, re.S)
        assert re.findall(r'<td class="number">([^<]*)</td>', row)[0] == "1"
        urdu = client_of(partner, officer).get(address, headers={"Accept-Language": "ur"}).content.decode()
        assert 'dir="rtl"' in urdu and "شکایات کے اعداد" in urdu
