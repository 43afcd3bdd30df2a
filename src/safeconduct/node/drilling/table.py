"""The day after: the committee meets, an observer sits in it, and of one item nothing reaches him."""

from __future__ import annotations

import re

from safeconduct.node.drilling.stations import until
from safeconduct.node.drilling.story import Story, moment

TITLE = "Meeting on the attack on the airport road (drill)"
ITEMS = ("First account of the attack (drill)", "Who knew the itinerary (drill)")
HIDDEN = "Zwischenfallakte"
"""A word of the withheld item that stands nowhere else."""
DECISIONS = (
    "Two escort vehicles after dark",
    "Itineraries open twelve hours ahead",
    "One voice for the press from each party",
    "The gate is lit by the end of the month",
    "The committee meets again in a week",
)
RESERVATION = "The companies bear the hours of waiting"
NUMBER = re.compile(r"PK-D-[0-9A-Z]{6}")


def play(story: Story) -> None:
    story.promise(
        "day 1",
        "the committee meets: the Partner's observer has the two items of his seat, numbered 1 and 2",
        lambda: seated(story),
        30,
    )
    story.promise(
        "day 1", "of the withheld item no byte is in the Partner's files", lambda: withheld(story), 10
    )
    story.promise("day 1", "five decisions, and the Partner's reservation beside one of them",
                  lambda: decided(story), 30)  # fmt: skip


def seated(story: Story) -> bool:
    from safeconduct.committee import meeting_rules as rules
    from safeconduct.records.release import release

    chair, other = story.people["coordinator"], story.partner.home.party
    notice = {"title": TITLE, "group": "committee", "starts": moment(60), "ends": moment(180)}
    with story.host.seat() as door:
        own = story.answered(story.host, rules.call_meeting(chair, notice, None, (other,), door).record)
    there = story.theirs(story.partner, "meeting", "$.notice.title", TITLE)
    seat = {"name": "Observer", "capacity": "observer", "person": story.people["observer"].person}
    with story.partner.seat() as door:
        named = rules.name_attendee(story.people["cn-liaison"], there, seat, door=door)
        story.answered(story.partner, named.record)
    attendance = story.theirs(story.host, "attendance", "$.seat.name", "Observer")
    terms = {
        "ceiling": 1, "categories": ["incidents", "journeys"], "methods": ["document"], "until": moment(10_000),
    }  # fmt: skip
    with story.host.seat() as door:
        rules.seat_observer(chair, release(chair, attendance, door=door), terms, door)
        meeting = release(chair, own, door=door)
        withheld_item = {"category": "incidents", "withheld": True, "ground": "an inquiry of our own"}
        told = {"category": "incidents", "withheld": False, "ground": ""}
        items = [
            rules.put_item(chair, meeting, {"title": title}, handling, key=title, door=door).record
            for title, handling in ((ITEMS[0], told), (HIDDEN, withheld_item), (ITEMS[1], told))
        ]
    story.records |= {"meeting": own, "meeting_there": there, "item": items[0], "item_withheld": items[1]}
    for item in items:
        story.answered(story.host, item)
    for title in ITEMS:
        story.theirs(story.partner, "agenda_item", "$.item.title", title)
    observer = story.browser("observer")

    def complete() -> bool:
        page = observer.get(f"/committee/meetings/{there}/").text
        numbers = re.findall(r'<span class="number">(\d+)\.</span>', page)
        return numbers == ["1", "2"] and all(title in page for title in ITEMS)

    return bool(until(complete, "the observer's agenda"))


def withheld(story: Story) -> bool:
    """Neither the item nor what was decided on it; that the Host has it shows that the search works."""
    from safeconduct.committee import meeting_rules as rules

    decision = {"text": f"{HIDDEN} stays shut", "answerable": "host", "owner": "Ministry"}
    with story.host.seat() as door:
        item = story.records["item_withheld"]
        story.answered(
            story.host, rules.take_decision(story.people["coordinator"], item, decision, door=door).record
        )
    own = story.host.ask("SELECT count(*) FROM records_row WHERE instr(parts, %s)", HIDDEN)
    return own == [(2,)] and not story.partner.files_with(HIDDEN.encode())


def decided(story: Story) -> bool:
    from safeconduct.committee import meeting_rules as rules

    chair, numbers = story.people["coordinator"], set()
    with story.host.seat() as door:
        for text in DECISIONS:
            decision = {"text": text, "answerable": "both", "owner": "Committee"}
            made = rules.take_decision(chair, story.records["item"], decision, key=text, door=door)
            story.answered(story.host, made.record)
    for text in DECISIONS:
        there = story.theirs(story.partner, "decision", "$.decision.text", text)
        ((number,),) = story.partner.ask(
            "SELECT parts ->> '$.decision.number' FROM records_row WHERE id = %s", there
        )
        numbers.add(number)
    with story.partner.seat() as door:
        made = rules.reserve(story.people["cn-liaison"], there, RESERVATION, "Liaison officer", door)
        story.answered(story.partner, made.record)
    reservation = story.theirs(story.host, "reservation", "$.words.text", RESERVATION)
    sql = "SELECT d.state FROM records_row r JOIN records_row d ON d.id = r.about WHERE r.id = %s"
    beside = story.host.ask(sql, reservation)
    return beside == [("taken",)] and len(numbers) == 5 and all(map(NUMBER.fullmatch, numbers))
