"""What the two rooms write to each other: receipts, due times, answers, translations, and who may read it."""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import Any

import pytest

from journeys.two_nodes import Node, moment, person, pull
from safeconduct.agreement.policy import Subject
from safeconduct.records.commit import Draft, commit
from safeconduct.records.find import Query, find
from safeconduct.records.kinds import PartRefused
from safeconduct.records.principals import system_subject
from safeconduct.records.refusals import Malformed, NotFound, Refused
from safeconduct.timers.due import armed
from safeconduct.timers.firing import fire_due
from safeconduct.watch import messages
from safeconduct.watch.response_kinds import (
    INFORMATION_REQUEST,
    LIAISON_MESSAGE,
    MESSAGE_RECEIPT,
    TRANSLATION,
)

URDU = "پل بند ہے، کل تک کوئی نہ آئے"


@pytest.fixture
def rooms(nodes: tuple[Node, Node]) -> Iterator[tuple[Node, Node, Subject, Subject]]:
    host, partner = nodes
    yield host, partner, person(host, "liaison", "liaison"), person(partner, "watch", "watch_officer")


def only(node: Node, kind: str, originator: str) -> Any:
    (found,) = node.of_kind(kind, originator)
    return found


def test_a_message_is_delivered_by_the_node_and_read_by_a_named_person(rooms: Any) -> None:
    host, partner, liaison, embassy = rooms
    with host.active():
        sent = {
            messages.send_message(liaison, "cn", "The bridge", URDU, "ur", "urgent", by="Khan", key="k")
            for _ in range(3)
        }
        assert len({each.record for each in sent}) == 1
        (shown,) = messages.messages(liaison)
        assert shown.own and not shown.delivered and not shown.read
    pull(partner, host)
    there = only(partner, LIAISON_MESSAGE.name, "pk")
    assert there.values()["message"]["text"] == URDU
    assert only(partner, MESSAGE_RECEIPT.name, "cn").values()["receipt"]["category"] == "delivered"
    pull(host, partner)
    with host.active():
        (shown,) = messages.messages(liaison)
        assert shown.delivered and not shown.read
    with partner.active():
        first = messages.read_message(embassy, there.id, by="Wang")
        assert messages.read_message(embassy, there.id, by="Wang") == first
    pull(host, partner)
    with host.active():
        (shown,) = messages.messages(liaison)
        assert shown.read and [each.parts["receipt"]["by"] for each in shown.receipts][-1] == "Wang"


def test_no_receipt_is_made_for_an_own_message_nor_a_reading_by_the_node(rooms: Any) -> None:
    host, partner, liaison, embassy = rooms
    with host.active():
        record = messages.send_message(liaison, "cn", "A", "B").record
        with pytest.raises(Malformed):
            messages.read_message(liaison, record)
    pull(partner, host)
    there = only(partner, LIAISON_MESSAGE.name, "pk").id
    with partner.active():
        for who, said in (
            (system_subject("cn"), {"category": "read", "by": "node"}),
            (embassy, {"category": "delivered", "by": "Wang"}),
            (embassy, {"category": "read"}),
        ):
            draft = Draft(MESSAGE_RECEIPT.name, {"receipt": {"at": moment(0), **said}}, about=there)
            with pytest.raises((Malformed, PartRefused)):
                commit(who, draft)


def test_what_was_sent_stays_as_it_was_sent(rooms: Any) -> None:
    host, _, liaison, _ = rooms
    with host.active():
        done = messages.send_message(liaison, "cn", "A", "The road is open")
        part = {
            "subject": "A", "text": "The road is closed", "language": "en", "sent": moment(0), "by": "Khan",
        }  # fmt: skip
        with pytest.raises(Malformed):
            commit(liaison, Draft(LIAISON_MESSAGE.name, {"message": part}, record=done.record, expected=1))


@pytest.mark.parametrize(
    "given",
    [
        {"subject": ""},
        {"text": ""},
        {"text": "x" * 20_001},
        {"language": "<script>"},
        {"priority": "now"},
    ],
)
def test_a_message_that_is_none_is_refused(rooms: Any, given: dict[str, Any]) -> None:
    host, _, liaison, _ = rooms
    with host.active(), pytest.raises(PartRefused):
        messages.send_message(liaison, "cn", **{"subject": "A", "text": "B", **given})


def test_nobody_writes_to_a_stranger_and_no_clause_means_no_word(rooms: Any) -> None:
    host, partner, liaison, _ = rooms
    warden = person(partner, "warden", "warden")
    with host.active():
        with pytest.raises(Malformed):
            messages.send_message(liaison, "zz", "A", "B")
        messages.send_message(liaison, "cn", "A", "Secret of the room")
    pull(partner, host)
    with partner.active():
        assert not find(warden, Query(LIAISON_MESSAGE.name)).records
        with pytest.raises(NotFound):
            messages.message(warden, only(partner, LIAISON_MESSAGE.name, "pk").id)
        with pytest.raises(Refused):
            messages.send_message(warden, "pk", "A", "B")


def test_a_translation_stands_beside_the_original_and_says_whose_it_is(rooms: Any) -> None:
    host, partner, liaison, embassy = rooms
    with host.active():
        record = messages.send_message(liaison, "cn", "The bridge", URDU, "ur").record
        messages.translate(
            liaison, record, "en", "The bridge is closed", "machine", by="A translation program"
        )
    pull(partner, host)
    there = only(partner, LIAISON_MESSAGE.name, "pk").id
    with partner.active():
        messages.translate(embassy, there, "zh-Hans", "大桥已封闭", "person", by="王")
        shown = messages.message(embassy, there)
        assert shown.record.parts["message"]["text"] == URDU
        assert [(each.parts["text"]["source"], each.originator) for each in shown.translations] == [
            ("machine", "pk"),
            ("person", "cn"),
        ]
        with pytest.raises(PartRefused):
            messages.translate(embassy, there, "en", "x", "oracle")
    pull(host, partner)
    assert {row.originator for p in ("pk", "cn") for row in host.of_kind(TRANSLATION.name, p)} == {"pk", "cn"}


def test_a_translation_is_as_secret_as_what_it_translates(rooms: Any) -> None:
    host, _, liaison, _ = rooms
    part = {"subject": "A", "text": "B", "language": "en", "sent": moment(0), "by": "Khan"}
    with host.active():
        draft = Draft(LIAISON_MESSAGE.name, {"message": part}, levels={"message": 2})
        record = commit(liaison, draft).record
        messages.translate(liaison, record, "ur", "ب", "person", by="Khan")
        (shown,) = messages.message(liaison, record).translations
        assert shown.levels["text"] == "CONFIDENTIAL"


def test_a_request_is_overdue_when_its_time_is_over_and_a_late_answer_still_counts(rooms: Any) -> None:
    host, partner, liaison, embassy = rooms
    with partner.active():
        own = messages.ask(embassy, "pk", "Which unit", "Which unit has the bridge?", moment(1)).record
        with pytest.raises(Malformed):
            messages.answer_request(embassy, own, "Ourselves", "full")
    pull(host, partner)
    theirs = only(host, INFORMATION_REQUEST.name, "cn").id
    for node, record in ((partner, own), (host, theirs)):
        found: list[str] = []
        node.in_tx(
            lambda tx, keep=found, key=record: keep.extend(
                each.key for each in armed(tx, f"information_request:{key}")
            )
        )
        assert found == [f"information_request:{record}"]
        events: list[Any] = []
        node.in_tx(lambda tx, keep=events: _at(tx, time.time() + 7200, keep))
        assert {"information_request"} == {each["topic"] for each in events if each.get("record") == record}
    with partner.active():
        shown = messages.request(embassy, own).record
        assert shown.state == "open" and messages.overdue(shown, time.time() + 7200)
        assert not messages.overdue(shown, time.time())
    with host.active():
        messages.answer_request(liaison, theirs, "The second company", "partial", by="Khan")
    pull(partner, host)
    assert partner.row(own).state == "open", "in part is not answered"
    with host.active():
        messages.answer_request(liaison, theirs, "The second company, since 1400", "full", by="Khan")
    pull(partner, host)
    assert partner.row(own).state == "answered"
    with partner.active():
        whole = messages.request(embassy, own)
        assert [each.record.parts["reply"]["outcome"] for each in whole.answers] == ["partial", "full"]
        assert not messages.overdue(whole.record, time.time() + 7200)
        with pytest.raises(Malformed):
            messages.withdraw_request(embassy, own, whole.record.version)


def test_a_request_is_answered_by_who_was_asked_and_closed_by_nobody_else(rooms: Any) -> None:
    host, partner, liaison, embassy = rooms
    with partner.active():
        own = messages.ask(embassy, "pk", "A", "B", moment(1)).record
        with pytest.raises(Malformed):
            commit(embassy, Draft(INFORMATION_REQUEST.name, {}, record=own, expected=1, state="answered"))
        with pytest.raises(Malformed):
            messages.ask(embassy, "pk", "A", "B", moment(-1))
        with pytest.raises(ValueError, match="day"):
            messages.ask(embassy, "pk", "A", "B", "soon")
        messages.withdraw_request(embassy, own, 1)
    pull(host, partner)
    theirs = only(host, INFORMATION_REQUEST.name, "cn")
    assert theirs.state == "withdrawn"
    with host.active(), pytest.raises(Malformed):
        messages.answer_request(liaison, theirs.id, "Late", "full")


def _at(tx: Any, now: float, events: list[Any]) -> None:
    tx.now = now
    while fire_due(tx):
        pass
    events.extend(tx.events)
