"""Assistance on two nodes: asked by the Host, offered and delivered by the Partner, accepted by the Host alone."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import BaseModel

from committee.work_nodes import Node, Nodes, both, one, person
from safeconduct.agreement.policy import Subject
from safeconduct.committee import assistance_kinds as kinds
from safeconduct.committee import assistance_rules as rules
from safeconduct.records.commit import Draft, commit
from safeconduct.records.kinds import PartRefused
from safeconduct.records.principals import system_subject
from safeconduct.records.refusals import Malformed, Refused
from safeconduct.records.release import release
from safeconduct.timers.due import armed

NEED = {"title": "Scanners for the port gate", "category": "equipment", "quantity": 4, "unit": "scanners"}
CONDITION = {
    "end_use": "Vehicles at the port gate",
    "check_how": "A visit with the gate's log",
    "every_days": 90,
}
People = tuple[Subject, Subject]


@pytest.fixture
def people(working: Nodes) -> People:
    host, partner = working
    return person(host, "chief", "coordinator"), person(partner, "attache", "coordinator")


def offered(host: Node, partner: Node, people: People) -> tuple[str, str]:
    """(request on the Host's node, offer on the Partner's)."""
    chief, attache = people
    with host.active():
        request = rules.ask(chief, NEED, "Khan").record
    both(host, partner)
    with partner.active():
        theirs = one(partner, "assistance_request", "pk").id
        offer = rules.offer(attache, theirs, {**NEED, "deliveries": 2}, CONDITION, "Li").record
    both(host, partner)
    return request, offer


def accepted(host: Node, partner: Node, people: People) -> tuple[str, str]:
    request, offer = offered(host, partner, people)
    with host.active():
        rules.answer_offer(people[0], one(host, "assistance_offer", "cn").id, "accepted", by="Khan")
    both(host, partner)
    both(host, partner)
    return request, offer


def test_from_the_request_to_the_checked_end_use(working: Nodes, people: People) -> None:
    host, partner = working
    chief, attache = people
    request, offer = accepted(host, partner, people)
    assert partner.row(offer).state == "accepted"  # type: ignore[union-attr]
    with partner.active():
        first = rules.deliver(
            attache, offer, {"title": "Two scanners", "category": "equipment", "quantity": 2}
        )
        second = rules.deliver(attache, offer, {"title": "Course", "category": "training", "quantity": 1})
        assert release(attache, second.record).parts["consignment"]["sequence"] == 2
    both(host, partner)
    there = {
        row.values()["consignment"]["sequence"]: row.id for row in host.of_kind("assistance_delivery", "cn")
    }
    with host.active():
        with pytest.raises(PartRefused, match="no more is accepted"):
            rules.receive(chief, there[1], "accepted", 3)
        rules.receive(chief, there[1], "in_part", 1, "One is broken", "Khan")
        with pytest.raises(Malformed, match="answered already"):
            rules.receive(chief, there[1], "accepted", 2)
        rules.receive(chief, there[2], "refused", 0, "No interpreter", "Khan")
        rules.check_end_use(chief, one(host, "assistance_offer", "cn").id, "kept", "At the gate", "Khan")
    both(host, partner)
    both(host, partner)
    assert partner.row(first.record).state == "accepted"  # type: ignore[union-attr]
    assert partner.row(second.record).state == "refused"  # type: ignore[union-attr]
    (timer,) = partner.in_tx(lambda tx: list(armed(tx, f"committee:{offer}")))
    checked = one(partner, "end_use_check", "pk").at
    assert timer.due == pytest.approx(checked + 90 * 86_400, abs=120), "a check of either party puts it off"
    with partner.active():
        row = partner.row(offer)
        assert row is not None
        rules.end_offer(attache, offer, row.version, "fulfilled")
    with host.active():
        row = host.row(request)
        assert row is not None
        rules.end_request(chief, request, row.version, "met")
        assert release(chief, request).state == "met"


def test_the_partner_cannot_ask_nor_accept_nor_receive_on_the_hosts_behalf(
    working: Nodes, people: People
) -> None:
    host, partner = working
    _, attache = people
    _, offer = accepted(host, partner, people)
    with partner.active():
        delivery = rules.deliver(attache, offer, {"title": "Two", "category": "equipment"}).record
        with pytest.raises(Refused):
            rules.receive(attache, delivery, "accepted", 1)
        with pytest.raises(Refused):
            rules.ask(attache, NEED)
        with pytest.raises(Refused):
            rules.answer_offer(attache, offer, "accepted")
        for kind, parts, about in (
            ("assistance_receipt", {"receipt": {"outcome": "accepted", "quantity": 1}}, delivery),
            ("assistance_answer", {"answer": {"outcome": "accepted"}}, offer),
            ("assistance_request", {"need": NEED}, None),
        ):
            ((part, value),) = parts.items()
            said = {part: {**value, "at": "2026-11-01T10:00:00Z", "by": "x"}}  # type: ignore[dict-item]
            with pytest.raises(Malformed, match="Host Party alone"):
                commit(system_subject("cn"), Draft(kind, said, about=about))
        row = partner.row(delivery)
        assert row is not None
        with pytest.raises(Malformed, match="other party's own record"):
            draft = Draft("assistance_delivery", {}, record=delivery, expected=row.version, state="accepted")
            commit(attache, draft)


def test_the_host_cannot_offer_nor_deliver(working: Nodes, people: People) -> None:
    host, partner = working
    chief, _ = people
    request, _ = accepted(host, partner, people)
    with host.active():
        with pytest.raises(Refused):
            rules.offer(chief, request, NEED, CONDITION)
        said = {"offer": {**NEED, "at": "2026-11-01T10:00:00Z", "by": "x"}, "condition": CONDITION}
        with pytest.raises(Malformed, match="Partner Party alone"):
            commit(system_subject("pk"), Draft("assistance_offer", said, about=request))


def test_nothing_is_delivered_before_it_is_accepted_nor_after_it_is_withdrawn(
    working: Nodes, people: People
) -> None:
    host, partner = working
    chief, attache = people
    _, offer = offered(host, partner, people)
    with partner.active():
        with pytest.raises(Malformed, match="only what was accepted"):
            rules.deliver(attache, offer, {"title": "Early", "category": "equipment"})
        rules.end_offer(attache, offer, 1, "withdrawn")
    both(host, partner)
    with host.active(), pytest.raises(Malformed, match="not open to an answer"):
        rules.answer_offer(chief, one(host, "assistance_offer", "cn").id, "accepted")
    with partner.active(), pytest.raises(Malformed, match="stays as it was"):
        commit(attache, Draft("assistance_offer", {"condition": CONDITION}, record=offer, expected=2))


def test_a_flow_of_data_cannot_be_expressed(working: Nodes, people: People) -> None:
    host, partner = working
    chief, attache = people
    assert set(kinds.CATEGORIES) == {"equipment", "training", "maintenance", "advice", "warnings"}
    for category in ("data_feed", "feed", "interception", "surveillance", "personnel", "EQUIPMENT", ""):
        with host.active(), pytest.raises(PartRefused):
            rules.ask(chief, {**NEED, "category": category})
    request, offer = accepted(host, partner, people)
    with host.active():
        for extra in ("url", "address", "stream", "endpoint", "interval", "credentials", "subscription"):
            with pytest.raises(PartRefused):
                rules.ask(chief, {**NEED, extra: "x"})
    with partner.active():
        with pytest.raises(PartRefused):
            rules.deliver(attache, offer, {"title": "Live pictures", "category": "data_feed"})
        with pytest.raises(PartRefused, match="what is offered"):
            theirs = one(partner, "assistance_request", "pk").id
            rules.offer(attache, theirs, {**NEED, "category": "warnings"}, CONDITION)
    assert host.row(request) is not None
    assert not [name for each in _models() for name in each.model_fields if name in _FLOWS]
    assert not any(kind.parts.keys() & _FLOWS for kind in (kinds.OFFER, kinds.DELIVERY, kinds.REQUEST))


_FLOWS = {
    "data",
    "feed",
    "stream",
    "url",
    "endpoint",
    "content",
    "file",
    "files",
    "image",
    "video",
    "persons",
}


def _models() -> list[type[BaseModel]]:
    """Every model of every part of assistance, and those within them."""
    named: list[Any] = [
        kinds.REQUEST,
        kinds.OFFER,
        kinds.ANSWER,
        kinds.DELIVERY,
        kinds.RECEIPT,
        kinds.END_USE_CHECK,
    ]
    found: list[type[BaseModel]] = [model for kind in named for model in kind.parts.values()]
    for each in found:
        found += [
            field.annotation
            for field in each.model_fields.values()
            if isinstance(field.annotation, type) and issubclass(field.annotation, BaseModel)
        ]
    return found
