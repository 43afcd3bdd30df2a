"""What the rooms of the demonstration have told one another this morning: alerts, messages, requests for information,
and what followed the call for help."""

from __future__ import annotations

import time
from typing import Any

from safeconduct.agreement.policy import Subject
from safeconduct.node.demonstration.acting import Until
from safeconduct.records import here
from safeconduct.records.door import Door
from safeconduct.records.transaction import iso
from safeconduct.watch import messages, response
from safeconduct.watch.alert_acts import cancel_alert, issue_alert

HOUR = 3_600.0
IN_FORCE = "Road N-10 closed east of Pasni"
QUESTION = "Which gates of the free zone will be open during the road works?"
ASKED_BACK = "How many of your people travel on the M-8 this week?"


def _message(headline: str, hours: float, **more: Any) -> dict[str, Any]:
    return {
        "headline": headline, "event": "Road closed", "category": "Transport", "urgency": "Expected",
        "severity": "Moderate", "certainty": "Observed", "sent": iso(time.time()),
        "expires": iso(time.time() + hours * HOUR), **more,
    }  # fmt: skip


def warn(watch: Subject, door: Door) -> None:
    """The Host's room: an alert that holds, in three languages, and an exercise that is over."""
    closed = _message(
        IN_FORCE,
        12,
        headline_ur="قومی شاہراہ این-10 پسنی کے مشرق میں بند ہے",
        headline_zh="N-10公路帕斯尼以东路段封闭",
        text="A bridge is being checked. The road is closed until the evening.",
        text_ur="ایک پل کا معائنہ ہو رہا ہے۔ سڑک شام تک بند رہے گی۔",
        text_zh="正在检查一座桥梁，公路封闭至傍晚。",
        instruction="Put journeys off, or take the northern road.",
        instruction_ur="سفر ملتوی کریں یا شمالی سڑک سے جائیں۔",
        instruction_zh="请推迟出行，或改走北线公路。",
    )
    issue_alert(watch, {"message": closed, "area": {"districts": ["Kech"]}}, "demonstration", door=door)
    practised = _message(
        "Practice alert: nothing has happened",
        2,
        headline_ur="مشقی انتباہ: کچھ نہیں ہوا",
        headline_zh="演练警报：未发生任何事件",
        status="exercise",
        event="Practice",
        category="Safety",
    )
    made = issue_alert(
        watch, {"message": practised, "area": {"districts": ["Gwadar"]}}, "exercise", door=door
    )
    cancel_alert(watch, made.record, made.version, door=door)


def ask(watch: Subject, to: str, question: str, door: Door) -> None:
    """A request for information, due in four hours, and a message beside it."""
    due = iso(time.time() + 4 * HOUR)
    messages.ask(watch, to, question[:80], question, due, by="Watch officer", key="demonstration", door=door)
    text = "Our telephone line is tested at noon."
    messages.send_message(watch, to, "Line test", text, by="Watch officer", key="line", door=door)


def answer(watch: Subject, question: str, text: str, until: Until, door: Door) -> None:
    """Answer what the other room has asked, once it is here, and read its message."""

    def asked() -> list[Any]:
        sql = (
            "SELECT id, kind FROM records_row WHERE kind IN ('information_request', 'liaison_message') "
            "AND originator <> %s AND (kind = 'liaison_message' OR parts ->> '$.request.question' = %s)"
        )
        return list(here.tables().all(sql, [here.home().party, question]))

    until(lambda: len(asked()) == 2, "the other room's request and message")
    for record, kind in asked():
        if kind == "information_request":
            messages.answer_request(
                watch, record, text, "full", by="Watch officer", key="demonstration", door=door
            )
        else:
            messages.read_message(watch, record, by="Watch officer", door=door)


def respond(watch: Subject, sos: str, door: Door) -> None:
    """The Host's checklist for the call for help: two items are done, the others are open or offered."""
    begun = response.begin_response(watch, sos, key="demonstration", by="Watch officer", door=door)
    sql = (
        "SELECT id, version FROM records_row WHERE kind = 'response_item' AND about = %s AND state = 'open' "
        "ORDER BY born"
    )
    for item, version in here.tables().all(sql, [begun.record])[:2]:
        response.move_item(watch, item, version, "done", by="Watch officer", door=door)
