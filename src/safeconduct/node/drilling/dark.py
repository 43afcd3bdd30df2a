"""T+4 to T+40 min: the link is down, and nothing on either side waits for it."""

from __future__ import annotations

import re
from functools import partial

from safeconduct.node.drilling.doors import Tak
from safeconduct.node.drilling.stations import Station, until
from safeconduct.node.drilling.story import Story, moment

BEACON = '<emergency type="911 Alert">VAN-7</emergency>'
CANCEL = '<emergency cancel="true">VAN-7</emergency>'
CREDENTIAL = re.compile(r"sd_[a-z0-9]{10}_[A-Za-z0-9_-]{43}")


def play(story: Story) -> None:
    story.promise("T+3 min", "a vehicle's device is enrolled on its page; its credential is shown once",
                  lambda: enrolled(story), 30)  # fmt: skip
    for at in story.stations:
        at.wire.cut()
    story.say("           T+4 min: the link is cut")
    story.promise("T+5 min", "cut off, both rooms ask after every open journey; nobody counts as safe yet",
                  lambda: asked(story), 30)  # fmt: skip
    story.killing.strike("the muster is being answered", ("web", "writer", "field"))
    story.promise("T+6 min", "one answers on his phone, one by his warden, one needs help and is on a ladder",
                  lambda: answered(story), 30)  # fmt: skip
    story.promise(
        "T+8 min",
        "a vehicle's beacon becomes one SOS in its own room",
        lambda: beacon(story),
        30,
    )
    story.killing.rest()
    story.promise("T+10 min", "cut off, everybody on an open journey is accounted for in both rooms",
                  lambda: accounted(story), 30)  # fmt: skip
    story.promise("T+39 min", "meanwhile nothing of it has crossed", lambda: nothing_crossed(story), 30)


def enrolled(story: Story) -> bool:
    manager = story.browser("manager")
    manager.get("/field/enrol/")
    given = {"name": "VAN-7", "category": "tak", "protocol": "cot", "movement": story.records["own"]}
    page = manager.post("/field/enrol/", given)
    found = CREDENTIAL.search(page.text)
    if not found:
        raise ValueError(f"the page answered {page.status}")
    story.records["credential"] = found[0]
    return found[0] not in manager.get("/field/").text


def asked(story: Story) -> bool:
    from safeconduct.watch import muster

    for at, name in ((story.host, "floor"), (story.partner, "embassy")):
        call = {"title": f"Drill of the {at.side}", "scope": "journeys", "due": moment(5)}
        with at.seat() as door:
            begin = partial(muster.begin_muster, story.people[name], call, key="drill", door=door)
            record = story.insist(at, begin)
        story.records[f"muster_{at.side}"] = record
        until(lambda at=at: figures(at, at.side) == (3, 0, 3, 0), f"the figures of the {at.side}")  # type: ignore[misc]
    return True


def figures(at: Station, side: str) -> tuple[int, ...]:
    """(expected, accounted, unaccounted, in need of help) of that side's muster, as this node has them."""
    sql = (
        "SELECT f.parts ->> '$.count.expected', f.parts ->> '$.count.accounted', f.parts ->> '$.count.unaccounted', "
        "f.parts ->> '$.count.needs_help' FROM records_row f JOIN records_row m ON f.about = m.id "
        "WHERE f.kind = 'muster_figure' AND m.parts ->> '$.call.title' = %s"
    )
    found = at.ask(sql, f"Drill of the {side}")
    return tuple(int(n) for n in found[0]) if found else ()


def roll(story: Story, at: Station) -> dict[str, str]:
    """The entries of this side's muster by name."""
    sql = "SELECT parts ->> '$.who.name', id FROM records_row WHERE kind = 'roll_entry' AND about = %s"
    return dict(at.ask(sql, story.records[f"muster_{at.side}"]))


def answered(story: Story) -> bool:
    entries, muster = roll(story, story.partner), story.records["muster_partner"]
    story.browser("li").get("/journeys/phone/")
    phone = story.browser("li").tell(
        f"/watch/musters/entries/{entries['Li']}/", {"category": "accounted", "at": moment()}
    )
    warden = story.browser("warden")
    warden.get(f"/watch/musters/{muster}/")
    said = warden.post(f"/watch/musters/{muster}/say/", {"entry": entries["Wang"], "state": "accounted"})
    help_ = warden.post(f"/watch/musters/{muster}/say/", {"entry": entries["Chen"], "state": "needs_help"})
    if (phone.status, said.status, help_.status) != (201, 200, 200):
        raise ValueError(f"answered {phone.status}, {said.status}, {help_.status}")
    story.acknowledged += [(story.partner, entry) for entry in entries.values()]
    ladder = "SELECT state FROM records_row WHERE kind = 'escalation' AND about = %s"
    return story.partner.ask(ladder, entries["Chen"]) == [("raised",)]


def beacon(story: Story) -> bool:
    """A beacon repeats itself until its device is answered; it is one call for help."""
    tak = Tak(int(story.partner.home.settings["cot_plain_port"]), story.records["credential"], "VAN-7")
    own = "SELECT id, state FROM records_row WHERE kind = 'sos' AND parts ->> '$.call.means' = 'device'"

    def stored() -> object:
        tak.say("b-a-o-tbl", detail=BEACON)
        return story.partner.ask(own)

    ((record, state),) = until(stored, "the SOS of the device")
    story.records["own_beacon"] = story.answered(story.partner, record)
    until(lambda: story.screens["embassy"].shows("sos", record), "the beacon on the screen of the embassy")
    tak.say("b-a-o-tbl", detail=BEACON)
    return state == "raised" and len(story.partner.ask(own)) == 1


def accounted(story: Story) -> bool:
    """The third is found; what was said before the kills still counts. The Host's room hears from its own people."""
    from safeconduct.watch import muster

    entries, page = roll(story, story.partner), f"/watch/musters/{story.records['muster_partner']}/"
    until(lambda: figures(story.partner, "partner") == (3, 2, 0, 1), "the figures with one who needs help")
    embassy = story.browser("embassy")
    if "Chen" not in embassy.get(page).text:
        return False
    embassy.post(f"{page}say/", {"entry": entries["Chen"], "state": "accounted", "remark": "with the police"})
    with story.host.seat() as door:
        names = list(roll(story, story.host).values())
        for answer in muster.reply_many(story.people["floor"], names, "accounted", "floor", door=door):
            if isinstance(answer, Exception):
                raise answer
    for at in story.stations:
        until(lambda at=at: figures(at, at.side) == (3, 3, 0, 0), f"the figures of the {at.side}")  # type: ignore[misc]
    ladder = "SELECT parts ->> '$.answer.outcome' FROM records_row WHERE kind = 'escalation' AND about = %s"
    return story.partner.ask(ladder, entries["Chen"]) == [("heard",)]


def nothing_crossed(story: Story) -> bool:
    theirs = "SELECT 1 FROM records_row WHERE originator <> %s AND kind = 'muster'"
    device = "SELECT 1 FROM records_row WHERE originator <> %s AND parts ->> '$.call.means' = 'device'"
    return not any(at.ask(sql, at.home.party) for at in story.stations for sql in (theirs, device))
