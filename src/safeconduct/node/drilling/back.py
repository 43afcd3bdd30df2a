"""T+40 min: the link is back, everything said meanwhile arrives, figures conflict, the calls are stood down."""

from __future__ import annotations

from typing import Any

from safeconduct.node.drilling.dark import CANCEL, figures
from safeconduct.node.drilling.doors import Tak
from safeconduct.node.drilling.stations import Station, until
from safeconduct.node.drilling.story import Story, moment

CLAIMS: dict[str, tuple[tuple[str, int], ...]] = {
    "host": (("killed", 3), ("injured", 10), ("injured", 16)),
    "partner": (("killed", 2), ("injured", 1), ("injured", 17)),
}
"""First figures, as they were reported by one side and the other."""


def play(story: Story) -> None:
    for at in story.stations:
        at.wire.mend()
    story.say("           T+40 min: the link is back")
    story.killing.strike("the nodes are catching up", ("courier", "feed", "writer"))
    story.promise(
        "T+40 min", "everything said while cut off arrives on both sides", lambda: arrived(story), 30
    )
    story.killing.rest()
    story.promise("T+1 h", "conflicting figures of one incident stand side by side on both nodes",
                  lambda: conflict(story), 30)  # fmt: skip
    story.promise("T+2 h", "the safe word on the phone ends the SOS in both rooms, the device's cancel its own",
                  lambda: stood_down(story), 30)  # fmt: skip


def arrived(story: Story) -> bool:
    for at, side in ((story.host, "partner"), (story.partner, "host")):
        until(lambda at=at, side=side: figures(at, side) == (3, 3, 0, 0), f"the {side}'s figures")  # type: ignore[misc]
    story.records["beacon"] = story.theirs(story.host, "sos", "$.call.headline", "VAN-7")
    until(
        lambda: story.screens["floor"].shows("sos", story.records["beacon"]),
        "the beacon on the Host's screen",
    )
    return len(story.host.ask("SELECT 1 FROM records_row WHERE kind = 'sos'")) == 2


def conflict(story: Story) -> bool:
    from safeconduct.incidents import rules
    from safeconduct.records.commit import Draft, commit
    from safeconduct.records.principals import system_subject

    title = "Attack on a convoy near the airport (drill)"
    parts: dict[str, dict[str, Any]] = {
        "summary": {"title": title, "category": "attack"},
        "when": {"start": moment()},
        "where": {"place": "Karachi airport", "district": "Karachi", "latitude": 24.9, "longitude": 67.17},
    }
    with story.host.seat() as door:
        own = rules.report_incident(story.people["floor"], parts, door=door).record
    story.answered(story.host, own)
    there = story.theirs(story.partner, "incident", "$.summary.title", title)
    for at, about in ((story.host, own), (story.partner, there)):
        with at.seat() as door:
            for what, count in CLAIMS[at.side]:
                claim = Draft("claim", _claim(what, count, at.side), about=about)
                made = commit(system_subject(at.home.party), claim, door=door)
                story.answered(at, made.record)
    sql = (
        "SELECT parts ->> '$.figure.what', parts ->> '$.figure.best' FROM records_row "
        "WHERE kind = 'claim' AND about = %s AND NOT withdrawn"
    )
    wanted = sorted([*CLAIMS["host"], *CLAIMS["partner"]])
    for at, record in ((story.host, own), (story.partner, there)):

        def side_by_side(at: Station = at, record: str = record) -> bool:
            return sorted((what, int(best)) for what, best in at.ask(sql, record)) == wanted

        until(side_by_side, f"the claims at the {at.side}")
    return True


def _claim(what: str, count: int, side: str) -> dict[str, Any]:
    return {
        "figure": {"what": what, "best": count},
        "source": {"outlet": f"{side}'s source: {count} {what}", "party": side, "published": moment()},
    }


def stood_down(story: Story) -> bool:
    phone, own = story.browser("li"), story.records["own_sos"]
    page = phone.get("/journeys/phone/pieces/").text
    if f'data-sos="{own}"' not in page:
        return False
    phone.post(f"/watch/sos/{own}/word/", {"word": "wrong word"})
    state = "SELECT state FROM records_row WHERE id = %s"
    if story.partner.ask(state, own) != [("raised",)]:
        return False
    phone.post(f"/watch/sos/{own}/word/", {"word": "Harbour lamp "})
    tak = Tak(int(story.partner.home.settings["cot_plain_port"]), story.records["credential"], "VAN-7")
    ended = [(story.partner, own), (story.host, story.records["sos"])]
    ended += [(story.partner, story.records["own_beacon"]), (story.host, story.records["beacon"])]

    def over() -> bool:
        if story.partner.ask(state, story.records["own_beacon"]) == [("raised",)]:
            tak.say("b-a-o-can", detail=CANCEL)
        return all(at.ask(state, record) == [("stood_down",)] for at, record in ended)

    until(over, "both calls stood down in both rooms")
    climbing = "SELECT 1 FROM records_row WHERE kind = 'escalation' AND state = 'raised' AND about = %s"
    until(lambda: not any(at.ask(climbing, record) for at, record in ended), "every ladder settled")
    return True
