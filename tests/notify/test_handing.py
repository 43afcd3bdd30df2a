"""Between the writer and the notifier nothing is lost, and nothing is sent twice by mistake."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterator
from typing import Any

import pytest

from notify.notify_node import Telling, telling
from safeconduct.notify.queue import ROUND_PAUSE, USEFUL, create_tables
from safeconduct.notify.rota import Told
from safeconduct.notify.telling import tell
from safeconduct.records.commit import Draft, commit
from safeconduct.records.home import Home
from safeconduct.records.refusals import Malformed
from safeconduct.records.transaction import iso


@pytest.fixture
def node(host_home: Home) -> Iterator[Telling]:
    with telling(host_home) as found:
        found.person("a", "watch_officer")
        yield found


@pytest.fixture
def sos(node: Telling) -> str:
    node.contact("a", "sms", "0300111", 2)
    node.contact("a", "email", "a@watch.example", 1)
    return node.sos()


def states(node: Telling, sos: str) -> list[tuple[str, str]]:
    return [(channel, state) for _, channel, state, *_ in node.deliveries(sos)]


def test_a_message_is_marked_before_it_is_given_away(node: Telling, sos: str) -> None:
    (message,) = node.take("email", "sms")
    assert message["channel"] == "email" and message["address"] == "a@watch.example"
    assert states(node, sos) == [("email", "sending")]
    assert node.take("email", "sms", holding=(message["delivery"],)) == [], "it is given away once"
    node.done(message["delivery"], "delivered")
    node.done(message["delivery"], "delivered")
    node.done(message["delivery"], "failed")
    assert states(node, sos) == [("email", "delivered")]
    row = node.delivery(message["delivery"])
    assert row.version == 3 and row.values()["outcome"]["tries"] == 1


def test_a_message_says_to_open_safeconduct_and_a_number_and_no_more(node: Telling, sos: str) -> None:
    (message,) = node.take("email")
    number = message["number"]
    assert message["title"] == "Safeconduct" and message["body"] == f"Open Safeconduct. Number {number}."
    assert "Shots" not in json.dumps(message) and sos not in json.dumps(message)


@pytest.mark.both
def test_a_failure_falls_through_to_the_next_channel_with_the_same_number(node: Telling, sos: str) -> None:
    (first,) = node.take("email", "sms")
    node.done(first["delivery"], "failed", "refused")
    (second,) = node.take("email", "sms")
    assert (second["channel"], second["number"]) == ("sms", first["number"])
    node.done(second["delivery"], "failed", "refused")
    assert states(node, sos) == [("email", "queued"), ("sms", "failed")], "all again, after a pause"
    assert node.take("email", "sms") == []
    node.clock.now += ROUND_PAUSE + 1
    (again,) = node.take("email", "sms")
    node.done(again["delivery"], "failed")
    (other,) = node.take("email", "sms")
    node.done(other["delivery"], "delivered")
    assert states(node, sos) == [("email", "failed"), ("sms", "delivered")]
    assert len({first["delivery"], second["delivery"], again["delivery"], other["delivery"]}) == 2


def test_it_gives_up_after_some_rounds(node: Telling, sos: str) -> None:
    sent = 0
    for _ in range(20):
        for message in node.take("email", "sms"):
            node.done(message["delivery"], "failed")
            sent += 1
        node.clock.now += ROUND_PAUSE + 1
    assert sent == 6 and states(node, sos) == [("email", "failed"), ("sms", "failed")]


def test_a_channel_that_is_not_set_up_falls_through(node: Telling, sos: str) -> None:
    node.take("sms")
    (message,) = node.take("sms")
    assert message["channel"] == "sms"
    assert node.deliveries(sos)[0][2:] == ("failed", 1, "no_such_channel")


@pytest.mark.both
def test_a_lost_answer_loses_no_message(node: Telling, sos: str) -> None:
    (lost,) = node.take("email", "sms")
    (again,) = node.take("email", "sms", holding=())
    assert again["delivery"] == lost["delivery"] and again["number"] == lost["number"]
    assert node.delivery(lost["delivery"]).values()["outcome"]["tries"] == 1


def test_a_request_that_was_overtaken_gets_nothing_and_frees_nothing(node: Telling, sos: str) -> None:
    (message,) = node.take("email", turn=5)
    assert node.take("email", turn=4) == [] == node.take("email", turn=5)
    assert states(node, sos) == [("email", "sending")], "the late one knew nothing of what it was to hold"
    assert node.take("email", session="second", turn=1, holding=(message["delivery"],)) == []
    assert node.take("email", session="first", turn=6) == []
    assert states(node, sos) == [("email", "sending")]


def test_killed_while_sending_over_a_channel_that_counts_numbers_it_goes_again(
    node: Telling, sos: str
) -> None:
    (message,) = node.take("email", once=True)
    node.done(message["delivery"], "uncertain", "interrupted", once=True)
    (again,) = node.take("email", once=True)
    assert (again["delivery"], again["number"]) == (message["delivery"], message["number"])
    node.done(again["delivery"], "delivered")
    assert states(node, sos) == [("email", "delivered")]


def test_killed_while_sending_over_any_other_channel_it_is_not_repeated_there(
    node: Telling, sos: str
) -> None:
    (message,) = node.take("email", "sms")
    node.done(message["delivery"], "uncertain", "interrupted")
    (other,) = node.take("email", "sms")
    assert other["channel"] == "sms" and other["number"] == message["number"]
    node.done(other["delivery"], "delivered")
    assert states(node, sos) == [("email", "uncertain"), ("sms", "delivered")]
    assert node.take("email", "sms") == []


def test_who_has_no_other_channel_is_told_again_once(node: Telling) -> None:
    node.contact("a", "email", "a@watch.example")
    sos = node.sos()
    for _ in range(2):
        (message,) = node.take("email")
        node.done(message["delivery"], "uncertain", "interrupted")
    assert node.take("email") == [] and states(node, sos) == [("email", "uncertain")]


def test_doubt_about_one_channel_does_not_end_the_attempts_over_the_others(node: Telling, sos: str) -> None:
    (message,) = node.take("email", "sms")
    node.done(message["delivery"], "uncertain", "interrupted")
    for _ in range(3):
        (other,) = node.take("email", "sms")
        assert other["channel"] == "sms"
        node.done(other["delivery"], "failed")
        node.clock.now += ROUND_PAUSE + 1
    (last,) = node.take("email", "sms")
    assert last["delivery"] == message["delivery"], "at last, once, the one that nobody knows of"
    node.done(last["delivery"], "uncertain", "interrupted")
    assert node.take("email", "sms") == []


def test_a_lost_journal_makes_what_was_on_its_way_uncertain(node: Telling, sos: str) -> None:
    node.take("email", "sms")
    (other,) = node.take("email", "sms", worker="two", session="second")
    assert other["channel"] == "sms"
    assert node.deliveries(sos)[0][2:] == ("uncertain", 1, "interrupted")


def test_word_that_it_left_after_all_stops_the_repetition(node: Telling, sos: str) -> None:
    (message,) = node.take("email", once=True)
    node.done(message["delivery"], "uncertain", "interrupted", once=True)
    assert states(node, sos) == [("email", "queued")]
    node.done(message["delivery"], "delivered")
    assert node.take("email") == [] and states(node, sos) == [("email", "delivered")]


@pytest.mark.both
def test_a_channel_at_its_rate_stands_in_no_others_way(node: Telling, sos: str) -> None:
    for number in range(5):
        node.person(f"p{number}", "watch_officer")
        node.contact(f"p{number}", "telegram", f"77{number}")
    node.sos()
    payload: dict[str, Any] = {"worker": "one", "session": "s", "turn": 1, "holding": [], "free": 3}
    payload["channels"] = {"telegram": {"allow": 9}, "email": {"allow": 0}}
    found = node.writer.call("notify_take", payload)["messages"]
    assert [each["channel"] for each in found] == ["telegram"] * 3


def test_what_is_too_old_and_what_lost_its_address_is_not_sent(node: Telling, sos: str) -> None:
    rows = node.read(lambda tx: tx.db.execute("SELECT point FROM notify_send").fetchall())
    commit(node.system, Draft("contact_point", {}, record=rows[0][0], expected=1, state="removed"))
    (message,) = [*node.take("email", "sms"), *node.take("email", "sms")]
    assert message["channel"] == "sms" and node.deliveries(sos)[0][4] == "address_gone"
    later = node.sos()
    node.clock.now += USEFUL + 1
    assert [m for m in node.take("sms", holding=(message["delivery"],)) if m] == []
    assert node.deliveries(later)[0][4] == "too_late"


def test_without_channels_everything_waits(node: Telling, sos: str) -> None:
    payload = {"worker": "one", "session": "s", "turn": 1, "holding": [], "channels": None}
    assert node.writer.call("notify_take", {**payload, "fault": "channels_open"}) == {"messages": []}
    assert states(node, sos) == [("email", "queued")]
    told = node.writer.call("notify", {})
    assert told["fault"] == "channels_open" and told["waiting"] == 1 and told["exercise_waiting"] == 0


@pytest.mark.parametrize(
    ("job", "payload"),
    [
        ("notify_take", {}),
        ("notify_take", {"worker": "", "session": "s", "turn": 1, "holding": [], "channels": {}}),
        ("notify_take", {"worker": "a", "session": "s", "turn": "x", "holding": [], "channels": {}}),
        ("notify_take", {"worker": "a", "session": "s", "turn": 1, "holding": 7, "channels": {}}),
        ("notify_take", {"worker": "a", "session": "s", "turn": 1, "holding": [], "channels": {"a": 1}}),
        ("notify_take", {"worker": "a", "session": "s", "turn": 2**63, "holding": [], "channels": {}}),
        ("notify_done", {}),
        ("notify_done", {"results": [{"delivery": "x", "outcome": "maybe"}]}),
        ("notify_done", {"results": [{"delivery": "x", "outcome": "delivered"}] * 1_001}),
        ("notify_done", {"results": "abc"}),
    ],
)
def test_nonsense_from_a_notifier_is_refused(node: Telling, job: str, payload: dict[str, Any]) -> None:
    with pytest.raises(Malformed):
        node.writer.call(job, payload)


def test_a_report_on_what_nobody_sent_changes_nothing(node: Telling, sos: str) -> None:
    node.done("no such delivery", "delivered")
    rows = node.read(lambda tx: tx.db.execute("SELECT delivery FROM notify_send").fetchall())
    node.done(rows[0][0], "delivered")
    assert states(node, sos) == [("email", "queued")]
    node.take("email")
    node.done(rows[0][0], "failed", "the provider's own words with a PASSWORD")
    assert node.deliveries(sos)[0][4] == "broken", "a fault is a code of ours or none"


def test_a_call_for_help_goes_before_thousands_that_wait_and_over_a_channel_that_is_at_its_rate(
    node: Telling,
) -> None:
    for number in range(120):
        node.person(f"resident{number}", "protected_person")
        node.contact(f"resident{number}", "sms", f"+9230012{number:05}")
    node.person("officer", "watch_officer")
    node.contact("officer", "sms", "+923009999999")
    notice = commit(node.system, Draft("alert", _alert(node), state="issued")).record
    everybody = [Told(f"resident{number}", "", True) for number in range(120)]
    node.read(lambda tx: tell(tx, tx.row(notice), everybody, occasion="notice"))
    node.clock.now += 60
    practised = node.sos(exercise=True)
    real = node.sos()

    held: list[str] = []

    def taken(allow: int, urgent: int, **more: int) -> list[str]:
        node.turn += 1
        channels = {"sms": {"allow": allow, "urgent": urgent, "once": False}}
        asked = {
            "worker": "one",
            "session": "first",
            "turn": node.turn,
            "holding": held,
            "channels": channels,
        }
        found = node.writer.call("notify_take", {**asked, **more})["messages"]
        held.extend(each["delivery"] for each in found)
        return [node.row(each["delivery"]).about for each in found]

    assert taken(0, 5) == [real], "the channel takes nothing usual now"
    assert practised not in taken(5, 5, free=10)
    assert taken(50, 50, free=4, kept=4) == [], "what is kept for calls for help is not used up by notices"
    node.sos()
    assert len(taken(50, 50, free=4, kept=4)) == 1


def _alert(node: Telling) -> dict[str, Any]:
    now = node.clock.now
    said = {"headline": "Road closed", "event": "Road", "sent": iso(now), "expires": iso(now + 9_000)}
    return {"message": said, "area": {"districts": ["Gwadar"]}}


def test_a_home_from_before_gets_the_column_of_what_is_urgent() -> None:
    db = sqlite3.connect(":memory:")
    create_tables(db)
    db.execute("ALTER TABLE notify_send DROP COLUMN urgent")
    create_tables(db)
    create_tables(db)
    assert "urgent" in {row[1] for row in db.execute("PRAGMA table_info(notify_send)")}
