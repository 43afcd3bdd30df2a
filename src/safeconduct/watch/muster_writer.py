"""The writer's side of a muster: the roll is stored in steps, replies in groups, figures a few times a second at most.

Nothing here waits for the other party's node, and a muster that was begun is complete after a kill: what is still to be
put on the roll is a row beside the ledger, and so is the tally of what was answered.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from safeconduct.records.commit import Draft, store
from safeconduct.records.hooks import job, on_start, on_version
from safeconduct.records.mentions import Mentions
from safeconduct.records.moments import instant
from safeconduct.records.once import once
from safeconduct.records.principals import system_subject
from safeconduct.records.refusals import Malformed, NotFound, Refused
from safeconduct.records.rows import RowView, names_in
from safeconduct.records.transaction import Tx, iso
from safeconduct.timers.due import arm, armed, timer
from safeconduct.watch.muster_kinds import MUSTER, MUSTER_FIGURE, ROLL_ENTRY, STATES
from safeconduct.watch.muster_roll import one_agreement, roll_of

STEP = 50
"""Names that one step puts on the roll, so that no commit waits long for it."""
FIGURE_EVERY = 0.4
"""Seconds between two figures of a muster at the least: with the timers' pace and a batch of replies in between, the
board is less than a second behind."""
AT_ONCE = 2_000

Answer = dict[str, Any]


@on_start
def make_tables(tx: Tx) -> None:
    for statement in (
        "CREATE TABLE IF NOT EXISTS muster_todo (muster TEXT NOT NULL, n INTEGER NOT NULL, line TEXT NOT NULL, "
        "PRIMARY KEY (muster, n)) WITHOUT ROWID",
        "CREATE TABLE IF NOT EXISTS muster_entry (entry TEXT PRIMARY KEY, muster TEXT NOT NULL, state TEXT NOT NULL, "
        "heads INTEGER NOT NULL) WITHOUT ROWID",
        "CREATE INDEX IF NOT EXISTS muster_entry_of ON muster_entry (muster, state, heads)",
    ):
        tx.db.execute(statement)


@job("watch_muster")
def muster_job(tx: Tx, payload: Answer) -> Answer:
    """Begin a muster: one record now, and the roll in steps from this moment on."""
    subject = tx.subject(payload["actor"])
    parts = MUSTER.validate({name: part for name, part in dict(payload["parts"]).items() if name != "roll"})

    def work() -> tuple[str, int, int]:
        call, target = parts.get("call") or {}, parts.get("target") or {}
        _check_target(call.get("scope", ""), target)
        lines, reach = one_agreement(tx, subject, roll_of(tx, call.get("scope", ""), target))
        ages = [line.at for line in lines]
        roll = {"expected": sum(line.heads for line in lines), "as_of": iso(tx.now), "complete": not lines}
        if ages:
            roll["oldest"] = iso(min(ages))
        draft = Draft(
            MUSTER.name,
            {**parts, "roll": roll},
            state="open",
            releasable=reach.told,
            kept_for=reach.kept_for,
        )
        stored = store(tx, subject, "write", MUSTER, draft)
        tx.db.executemany(
            "INSERT INTO muster_todo VALUES (?, ?, ?)",
            [
                (stored[0], n, json.dumps({**line.who, "place": line.place}, ensure_ascii=False))
                for n, line in enumerate(lines)
            ],
        )
        arm(tx, f"muster_roll/{stored[0]}", tx.now, "muster_roll", {"muster": stored[0]})
        _figure_soon(tx, stored[0])
        return stored

    return once(tx, f"muster\n{subject.person}", str(payload.get("key") or ""), work)


def _check_target(scope: str, target: Mapping[str, Any]) -> None:
    """A muster of a part names the part: an empty target would ask after nobody, and look as if all were well."""
    named = {
        "site": bool(target.get("sites")),
        "organisation": bool(target.get("organisation")),
        "area": bool(target.get("district")) or target.get("radius_m") is not None,
    }
    if not named.get(scope, True):
        raise Malformed("a muster names the site, the area or the organisation it asks after")


@timer("muster_roll")
def extend_roll(tx: Tx, payload: Answer, due: float) -> None:
    """Put the next names on the roll; the last step says that it is complete."""
    muster = tx.row(payload["muster"])
    if muster is None or muster.withdrawn:
        tx.db.execute("DELETE FROM muster_todo WHERE muster = ?", (payload["muster"],))
        return
    rows = tx.db.execute(
        "SELECT n, line FROM muster_todo WHERE muster = ? ORDER BY n LIMIT ?", (muster.id, STEP)
    ).fetchall()
    system = system_subject(tx.home.party)
    for n, text in rows:
        who = json.loads(text)
        account, place = who.pop("account", ""), who.pop("place", "")
        link = {name: value for name, value in (("account", account), ("place", place)) if value}
        parts = {"who": who, "link": link} if link else {"who": who}
        assigned = [account] if account else None
        draft = Draft(ROLL_ENTRY.name, parts, about=muster.id, state="unaccounted", assigned=assigned)
        store(tx, system, "write", ROLL_ENTRY, draft)
        tx.db.execute("DELETE FROM muster_todo WHERE muster = ? AND n = ?", (muster.id, n))
    if len(rows) == STEP:
        arm(tx, f"muster_roll/{muster.id}", tx.now, "muster_roll", payload)
        return
    roll = {**(muster.values().get("roll") or {}), "complete": True}
    store(
        tx,
        system,
        "write",
        MUSTER,
        Draft(MUSTER.name, {"roll": roll}, record=muster.id, expected=muster.version),
    )


@job("watch_muster_reply")
def reply_job(tx: Tx, payload: Answer) -> Answer:
    """Store one word on one name. A word that is older than what is on record, or the same again, changes nothing."""
    subject = tx.subject(payload["actor"])
    entry, state = tx.row(str(payload["entry"])), str(payload["state"])
    if entry is None or entry.kind != ROLL_ENTRY.name or not tx.knows(subject, entry):
        raise NotFound(str(payload["entry"]))
    if entry.originator != tx.home.party:
        raise Refused("a roll is answered where it is kept")
    if state not in STATES or state == "unaccounted":
        raise Malformed("somebody is accounted for, unreachable or needs help")
    reply = dict(payload["reply"])
    reply["at"] = _true_time(reply.get("at"), tx.now)
    before = entry.values().get("reply") or {}
    older = bool(before) and instant(before["at"]) >= instant(reply["at"])
    # Who needs help is never left out for a clock that was fast elsewhere.
    if older and (state != "needs_help" or entry.state == "needs_help"):
        return {"record": entry.id, "version": entry.version, "index": entry.ledger_index}
    draft = Draft(ROLL_ENTRY.name, {"reply": reply}, record=entry.id, expected=entry.version, state=state)
    record, version, index = store(tx, subject, "write", ROLL_ENTRY, draft)
    return {"record": record, "version": version, "index": index}


def asked_after(tx: Tx, person: str) -> list[RowView]:
    """The entries on this node's rolls that ask after somebody who may answer for himself."""
    return _ASKED.of(tx, person)


_ASKED = Mentions(ROLL_ENTRY.name, lambda row: names_in(row.assigned))


def _true_time(at: Any, now: float) -> str:
    try:
        moment = instant(str(at)).timestamp()
    except ValueError:
        moment = now
    return iso(min(moment, now))


@on_version
def tally(tx: Tx, row: RowView, index: int) -> None:
    """Keep count as entries are stored, and let the figures follow."""
    if row.kind != ROLL_ENTRY.name or not row.about:
        return
    heads = int((row.values().get("who") or {}).get("heads", 1))
    if row.withdrawn:
        tx.db.execute("DELETE FROM muster_entry WHERE entry = ?", (row.id,))
    else:
        tx.db.execute(
            "INSERT INTO muster_entry VALUES (?, ?, ?, ?) ON CONFLICT (entry) DO UPDATE SET "
            "muster = excluded.muster, state = excluded.state, heads = excluded.heads",
            (row.id, row.about, row.state, heads),
        )
    _figure_soon(tx, row.about)


def _figure_soon(tx: Tx, muster: str) -> None:
    key = f"muster_figure/{muster}"
    if not any(each.key == key for each in armed(tx, key)):
        arm(tx, key, tx.now + FIGURE_EVERY, "muster_figure", {"muster": muster})


@timer("muster_figure")
def bring_up_to_date(tx: Tx, payload: Answer, due: float) -> None:
    """The figures of a muster as they are now: whoever is still to be put on the roll counts as unaccounted."""
    muster = tx.row(payload["muster"])
    if muster is None or muster.withdrawn:
        return
    counts = dict.fromkeys(STATES, 0)
    for state, heads in tx.db.execute(
        "SELECT state, CAST(sum(heads) AS BIGINT) FROM muster_entry WHERE muster = ? GROUP BY state",
        (muster.id,),
    ).fetchall():
        counts[state] += heads
    waiting = tx.db.execute("SELECT line FROM muster_todo WHERE muster = ?", (muster.id,)).fetchall()
    counts["unaccounted"] += sum(int(json.loads(line).get("heads", 1)) for (line,) in waiting)
    count = {**counts, "expected": sum(counts.values()), "as_of": iso(tx.now)}
    figures = tx.rows_about(muster.id, MUSTER_FIGURE.name)
    own = next((row for row in figures if row.originator == tx.home.party), None)
    draft = Draft(
        MUSTER_FIGURE.name,
        {"count": count},
        about=muster.id,
        record=own.id if own is not None else None,
        expected=own.version if own is not None else 0,
    )
    store(tx, system_subject(tx.home.party), "write", MUSTER_FIGURE, draft)
