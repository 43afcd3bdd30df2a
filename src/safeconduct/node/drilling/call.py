"""T+0 to T+4 min: the SOS from the phone, both rooms, the unit that is sent, those who are told outside."""

from __future__ import annotations

import json
import re
from typing import Any

from safeconduct.node.drilling.stations import UNITS, until
from safeconduct.node.drilling.story import Story, moment
from safeconduct.node.loopback import Message

WHEREABOUTS = 24.8877665
"""Latitude of the Host's unit, in digits that stand nowhere else."""
PRESS = {"key": "drill-sos-pressed", "latitude": 24.9012, "longitude": 67.1713, "accuracy_m": 12}
OPAQUE = re.compile(r"Open Safeconduct\. Number [2-9A-Z]{5}-[2-9A-Z]{5}\.")
"""All that a message outside says, in English."""


def play(story: Story) -> None:
    story.promise(
        "T+0", "SOS: what the phone was told is on record is durable, once", lambda: pressed(story), 30
    )
    story.killing.strike("the SOS was just handed in", ("writer", "web", "notifier"))
    story.promise("T+0", "the call rings on the open screens of both floors", lambda: rings(story), 60)
    story.promise(
        "T+0", "who is on call is told outside, once, and only to open Safeconduct", lambda: told(story), 30
    )
    story.killing.rest()
    story.promise(
        "T+60 s", "the Host's room acknowledges on its page; the Partner's knows", lambda: host_has(story), 30
    )
    story.promise("T+90 s", "the Partner's room has it, is told which unit comes, and the phone who has it",
                  lambda: partner_has(story), 30)  # fmt: skip
    story.promise(
        "T+90 s", "no whereabouts of the Host's unit are in the Partner's files", lambda: withheld(story), 30
    )
    story.promise("T+2 min", "an alert in three languages pages the traveller in his own, and he answers",
                  lambda: alerted(story), 30)  # fmt: skip
    story.promise("T+3 min", "the rooms share one checklist: an item is offered, taken, handed over",
                  lambda: shared(story), 30)  # fmt: skip


def pressed(story: Story) -> bool:
    phone = story.browser("li")
    press = {**PRESS, "at": moment(), "text": "Shots at the crossing"}
    answers = [phone.tell("/watch/sos/raise/", press) for _ in range(2)]
    if {each.status for each in answers} != {201} or answers[0].text != answers[1].text:
        raise ValueError(f"the phone was answered {answers[0].status}: {answers[0].text[:200]}")
    own = story.records["own_sos"] = str(json.loads(answers[0].text)["record"])
    story.answered(story.partner, own)
    sql = "SELECT about, parts ->> '$.place.latitude' FROM records_row WHERE kind = 'sos'"
    return story.partner.ask(sql) == [(story.records["own"], PRESS["latitude"])]


def rings(story: Story) -> bool:
    own = story.records["own_sos"]
    there = story.records["sos"] = story.theirs(story.host, "sos", "$.words.text", "Shots at the crossing")
    for name, record in (("embassy", own), ("floor", there)):
        until(lambda n=name, r=record: story.screens[n].shows("sos", r), f"the SOS on the screen of {name}")  # type: ignore[misc]
        page = story.browser(name).get("/watch/").text
        if f"/watch/sos/{record}/" not in page or 'data-urgency="alarm"' not in page:
            return False
    return len(story.host.ask("SELECT 1 FROM records_row WHERE kind = 'sos'")) == 1


def told(story: Story) -> bool:
    """The officers on call and the security manager; a channel that is out of order is passed over."""
    for address in ("+92210001", "+92210003", "manager@company.example"):
        found: list[Message] = until(lambda a=address: story.gateway.to(a), f"a message to {address}")  # type: ignore[misc]
        if len(found) != 1 or not OPAQUE.fullmatch(found[0].text.strip()):
            raise ValueError(f"{address} was told {[message.text for message in found]}")
        if found[0].number not in found[0].text:
            return False
    return bool(until(lambda: story.gateway.refused, "the channel that is out of order"))


def host_has(story: Story) -> bool:
    floor, sos = story.browser("floor"), story.records["sos"]
    floor.get(f"/watch/sos/{sos}/")
    answer = floor.post(f"/watch/sos/{sos}/acknowledge/", {"ack-remark": "Police sent"})
    story.theirs(story.partner, "sos_acknowledgement", "$.receipt.remark", "Police sent")
    ladder = "SELECT state FROM records_row WHERE kind = 'escalation' AND about = %s AND originator = 'pk'"
    return answer.status == 200 and story.host.ask(ladder, sos) == [("answered",)]


def partner_has(story: Story) -> bool:
    from safeconduct.watch import sos

    with story.partner.seat() as door:
        receipt = sos.acknowledge_sos(story.people["embassy"], story.records["own_sos"], door=door)
        story.answered(story.partner, receipt.record)
    where = {"latitude": WHEREABOUTS, "longitude": 67.1, "minutes_away": 6}
    with story.host.seat() as door:
        tasked = sos.task_unit(
            story.people["floor"],
            story.records["sos"],
            UNITS[1],
            "Karachi police",
            "Bring them out",
            where,
            door,
        )
        story.answered(story.host, tasked.record)
    story.theirs(story.partner, "tasking", "$.duty.unit", UNITS[1])
    phone = story.browser("li")
    until(
        lambda: phone.get("/journeys/phone/pieces/").text.count("has it since") == 2,
        "both rooms on the phone",
    )
    return True


def withheld(story: Story) -> bool:
    """Neither in a row nor in any file of the Partner's home; that the Host has them shows that the search works."""
    held = story.partner.files_with(str(WHEREABOUTS).encode())
    ((parts,),) = story.partner.ask("SELECT parts FROM records_row WHERE kind = 'tasking'")
    own = story.host.ask("SELECT parts FROM records_row WHERE kind = 'tasking'")
    return not held and "whereabouts" not in parts and str(WHEREABOUTS) in own[0][0]


def alerted(story: Story) -> bool:
    from safeconduct.watch.alert_acts import issue_alert

    message = {
        "headline": "Attack on the airport road", "headline_ur": "ایئرپورٹ روڈ پر حملہ", "headline_zh": "机场公路遭袭",
        "instruction": "Stop where you are safe", "instruction_ur": "محفوظ جگہ پر رک جائیں",
        "instruction_zh": "请在安全处停留",
        "event": "Attack", "category": "Security", "urgency": "Immediate", "severity": "Extreme",
        "certainty": "Observed", "sent": moment(), "expires": moment(120),
    }  # fmt: skip
    parts: dict[str, dict[str, Any]] = {"message": message, "area": {"movements": True}}
    with story.host.seat() as door:
        floor = story.people["floor"]
        issued = story.insist(story.host, lambda: issue_alert(floor, parts, "drill-alert", door=door))
    there = story.theirs(story.partner, "alert", "$.message.headline_zh", "机场公路遭袭")
    paged: list[Message] = until(lambda: story.gateway.to("+92210004"), "the page to the traveller")
    if (
        len(paged) != 1
        or "Open" in paged[0].text
        or "机场" in paged[0].text
        or paged[0].number not in paged[0].text
    ):
        raise ValueError(f"the traveller was told {[page.text for page in paged]}")
    phone = story.browser("li")
    if "Attack on the airport road" not in phone.get("/journeys/phone/").text:
        return False
    word = {"key": "drill-alert-answer", "category": "safe", "at": moment()}
    answer = phone.tell(f"/watch/alerts/{there}/answer/", word)
    story.answered(story.partner, json.loads(answer.text)["record"])
    sql = "SELECT 1 FROM records_row WHERE kind = 'alert_acknowledgement' AND about = %s AND state = 'given'"
    return bool(issued) and len(story.partner.ask(sql, there)) == 1


def shared(story: Story) -> bool:
    from safeconduct.watch.response import begin_response, take_item

    floor, embassy = story.people["floor"], story.people["embassy"]
    with story.host.seat() as door:
        begun = story.insist(
            story.host, lambda: begin_response(floor, story.records["sos"], key="drill-response", door=door)
        )
    offered = (
        "SELECT id FROM records_row WHERE kind = 'response_item' AND originator = 'pk' AND state = 'offered'"
    )
    items = until(lambda: story.partner.ask(offered), "what the Host's room offers")
    with story.partner.seat() as door:
        for (item,) in items:
            story.answered(story.partner, take_item(embassy, item, by="Embassy", door=door).record)
    until(lambda: not story.host.ask(offered), "the items handed over")
    own = "SELECT count(*) FROM records_row WHERE kind = 'response_item' AND about = %s AND state = 'open'"
    return bool(story.host.ask(own, begun)[0][0])
