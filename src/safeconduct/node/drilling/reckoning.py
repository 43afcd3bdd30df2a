"""Day 3 and after: two names are taken back, who knew is asked, and what was acknowledged is counted."""

from __future__ import annotations

from safeconduct.node.drilling.stations import UNITS, Station, until
from safeconduct.node.drilling.story import Story


def play(story: Story) -> None:
    story.promise(
        "day 3",
        "two names are withdrawn and erased; the Host's receipts come back",
        lambda: receipts(story),
        30,
    )
    story.promise("after", "who knew: who read the itinerary before the SOS, with how far that is cosigned",
                  lambda: knew(story), 30)  # fmt: skip
    story.promise("after", "the Partner's list says the same, as the Host logged it", lambda: told(story), 30)
    story.promise(
        "after", "each message outside was taken once, and is on record as delivered", lambda: once(story), 30
    )
    story.promise("after", "nothing that was acknowledged is lost", lambda: kept(story), 30)
    story.promise("after", "both ledgers verify, to the last entry", lambda: verified(story), 30)


def receipts(story: Story) -> bool:
    from safeconduct.journeys import rules
    from safeconduct.records import principals

    sql = "SELECT id FROM records_row WHERE kind = 'manifest_entry' AND about = %s ORDER BY born"
    gone = [row[0] for row in story.partner.ask(sql, story.records["own"])[1:]]
    system = principals.to_wire(principals.system_subject(story.partner.home.party))
    with story.partner.seat() as door:
        for name in gone:
            rules.withdraw_name(story.people["manager"], name, "does not travel", door=door)
            door.call("erase", {"actor": system, "record": name, "parts": [], "reason": "withdrawn"})
    answered = (
        "SELECT DISTINCT record FROM exchange_holding WHERE record IN (%s, %s) AND removed <> 0 "
        "AND answered_at IS NOT NULL"
    )
    until(lambda: len(story.partner.ask(answered, *gone)) == 2, "the receipts")
    left = story.host.ask(
        "SELECT parts ->> '$.who.name' FROM records_row WHERE kind = 'manifest_entry' AND NOT withdrawn"
    )
    return left == [("Li",)]


def knew(story: Story) -> str:
    """Who reads it only after the SOS is not on the list of who knew before; each line is cosigned by the Partner."""
    from safeconduct.oversight.who_knew import READ
    from safeconduct.records.release import release

    with story.host.seat() as door:
        release(story.people["relief"], story.records["there"], door=door)
    return _listed(story, story.host, "auditor", story.records["there"], READ)


def told(story: Story) -> str:
    from safeconduct.oversight.who_knew import TOLD

    return _listed(story, story.partner, "cn-auditor", story.records["own"], TOLD)


def _listed(story: Story, at: Station, auditor: str, record: str, way: str) -> str:
    """Wait until exactly those who read the itinerary before the SOS are listed and every line is cosigned."""
    from safeconduct.oversight.who_knew import who_knew

    readers = {("pk", story.people[name].person) for name in (*UNITS, "coordinator", "floor")}

    def cosigned() -> str:
        with at.seat():
            known = who_knew(story.people[auditor], record, story.readings_end, part="itinerary")
        lines = [line for line in known.lines if line.way == way]
        found = {(line.party, line.person) for line in lines}
        if found - readers:
            raise ValueError("somebody is on the list who had not read it")
        covers = [line.cover for line in lines if line.cover is not None]
        if found < readers or len(covers) < len(lines):
            return ""
        last = max(covers, key=lambda cover: cover.size)
        return f"{len(found)} persons, cosigned by {last.partner} to {last.size:,} at {last.at:%H:%M:%S}"

    return str(until(cosigned, "the cosignature over every line"))


def once(story: Story) -> str:
    """The numbers that the gateway took are those that both nodes have as delivered, and each went to one address."""
    sql = "SELECT parts ->> '$.to.number' FROM records_row WHERE kind = 'delivery' AND state = 'delivered'"
    waiting = "SELECT 1 FROM records_row WHERE kind = 'delivery' AND state IN ('queued', 'sending')"
    until(lambda: not any(at.ask(waiting) for at in story.stations), "what is on its way")
    delivered = [number for at in story.stations for (number,) in at.ask(sql)]
    taken = [number for _, number in story.gateway.sent]
    if sorted(delivered) != sorted(taken) or len(set(taken)) != len(taken):
        raise ValueError(f"{len(delivered)} delivered, {len(taken)} taken, {len(set(taken))} numbers")
    again = story.gateway.again
    return f"{len(taken)} messages{f', {again} of them offered again under their number' if again else ''}"


def kept(story: Story) -> str:
    def there(at: Station, record: str) -> bool:
        return bool(at.ask("SELECT 1 FROM records_row WHERE id = %s AND version >= 1", record))

    lost = [record for at, record in story.acknowledged if not there(at, record)]
    if lost:
        raise ValueError(f"{len(lost)} of {len(story.acknowledged)} are gone")
    return f"{len(story.acknowledged)} records, {story.killing.count} processes killed"


def verified(story: Story) -> str:
    from safeconduct.node.backups import verify_home

    verdicts = [verify_home(at.home) for at in story.stations]
    for verdict in verdicts:
        if verdict.broken is not None:
            raise ValueError(f"broken at {verdict.broken}: {verdict.why}")
    return " and ".join(f"{verdict.size:,} entries" for verdict in verdicts)
