"""Handing messages to the notifier and taking back what became of them: the writer's side.

The notifier has no database. It asks for what is due; the writer first marks each as `sending`, durably, and only then
gives it away. What the notifier then reports closes it. Three things can break in between, and each is told apart:

- the answer with the messages was lost: the notifier says which it holds, and those it never got are queued again;
- the notifier was killed after it had noted (in its journal) that it begins, and before it noted the end: the message
  is `uncertain`. It goes out again with the same number over a channel whose receiver takes a number only once; over
  any other channel it does not, and the person's next channel is tried. Only somebody who has no other channel is
  told again over the same one, once: a life is worth a message too many;
- the writer was killed: the notifier reports again until it is answered, and a report counts once.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from safeconduct.notify.queue import (
    REPEATS,
    USEFUL,
    Point,
    Send,
    move,
    next_channel,
    points_of,
    send_of,
    sends,
)
from safeconduct.notify.wording import message
from safeconduct.records.hooks import job, on_tick
from safeconduct.records.refusals import Malformed
from safeconduct.records.transaction import Tx, iso

EARLIER = 50
"""Earlier runs of the notifier that are remembered: a request of theirs that comes late is not answered."""
AT_ONCE = 100
"""Messages that are handed over in one transaction at most."""
KEPT = 40 * 86_400.0
"""Seconds for which a key is remembered after its message was queued."""
FAULTS = (
    "refused",
    "no_such_channel",
    "no_contact_point",
    "address_gone",
    "timed_out",
    "interrupted",
    "too_late",
    "answered",
    "broken",
)
"""Why a message did not go, or is not known to have gone."""


@job("notify_take", by=("notifier",))
def take(tx: Tx, payload: dict[str, Any]) -> dict[str, Any]:
    """Hand over what is due, marked as `sending`.

    `worker` names the notifier's journal, `session` this run of it and `turn` counts its requests: one that was
    overtaken gets nothing, since what it says it holds is no longer so. `holding` are the deliveries it has and has not
    reported; `channels` are those it can use now, each with `allow`, how many messages it takes at this moment, and
    `once`, whether its receiver takes a number only once; `urgent` is how many calls for help it takes, at most;
    `free` is how many it takes of all together, `kept` how many of these are kept for calls for help. None for
    `channels` and a `fault` say why it can send nothing. Raises Malformed.
    """
    try:
        worker, session, turn = str(payload["worker"]), str(payload["session"]), int(payload["turn"])
        holding = {str(each) for each in payload["holding"]}
        channels, free = _channels(payload["channels"]), min(int(payload.get("free", AT_ONCE)), AT_ONCE)
        kept = max(0, int(payload.get("kept", 0)))
        fault = str(payload.get("fault", ""))[:64]
    except (KeyError, TypeError, ValueError, AttributeError) as wrong:
        raise Malformed("a notifier says its worker, its turn, what it holds and its channels") from wrong
    if not 0 < len(worker) <= 64 or not 0 < len(session) <= 64 or not 0 <= turn < 2**62:
        raise Malformed("a notifier has a name")
    if not _its_turn(tx, session, turn, fault):
        return {"messages": []}
    _take_back(tx, worker, holding, channels or {})
    if channels is None:
        return {"messages": []}
    messages: list[dict[str, Any]] = []
    left = {name: (int(each["allow"]), int(each["urgent"])) for name, each in channels.items()}
    for send in _due(tx, left):
        if len(messages) >= free:
            break
        if left.get(send.channel, (1, 1))[send.urgent] < 1 or (
            not send.urgent and len(messages) >= free - kept
        ):
            continue
        told = _hand_over(tx, send, worker, channels)
        if told is not None:
            usual, urgent = left[send.channel]
            left[send.channel] = (usual - 1, urgent - 1)
            messages.append(told)
    return {"messages": messages}


def _its_turn(tx: Tx, session: str, turn: int, fault: str) -> bool:
    """Whether a request is newer than all before; note that the notifier has asked."""
    seen = tx.db.execute("SELECT session, turn, earlier FROM notify_seen WHERE id = 1").fetchone()
    earlier: list[str] = json.loads(seen[2]) if seen else []
    if seen and (session in earlier or (session == seen[0] and turn <= seen[1])):
        return False
    if seen and session != seen[0]:
        earlier = [*earlier, seen[0]][-EARLIER:]
    tx.db.execute(
        "INSERT INTO notify_seen (id, at, fault, session, turn, earlier) VALUES (1, ?, ?, ?, ?, ?) "
        "ON CONFLICT (id) DO UPDATE SET at = excluded.at, fault = excluded.fault, session = excluded.session, "
        "turn = excluded.turn, earlier = excluded.earlier",
        (tx.now, fault, session, turn, json.dumps(earlier)),
    )
    return True


def _due(tx: Tx, left: Mapping[str, tuple[int, int]]) -> list[Send]:
    """What is due: the real before what is practised, and of the real what calls for help first, however much waits.
    A channel that takes no more now stands in no other's way."""
    found: list[Send] = []
    for urgent in (1, 0):
        shut = [name for name, allow in left.items() if allow[urgent] < 1]
        not_shut = f"AND channel NOT IN ({', '.join('?' * len(shut))})" if shut else ""
        where = f"state = 'queued' AND urgent = ? AND due <= ? {not_shut} ORDER BY exercise, due, key"
        found += sends(tx, where, [urgent, tx.now, *shut], 4 * AT_ONCE)
    return found


def _hand_over(tx: Tx, send: Send, worker: str, channels: Mapping[str, Any]) -> dict[str, Any] | None:
    """Mark one message as `sending` and say what the notifier needs of it; None when it is not to go."""
    if tx.now - send.queued > USEFUL:
        move(tx, send, "failed", "too_late")
        return None
    if send.channel not in channels:
        next_channel(tx, move(tx, send, "failed", "no_such_channel"))
        return None
    point = _point(tx, send)
    if point is None:
        next_channel(tx, move(tx, send, "failed", "address_gone"))
        return None
    handed = move(tx, send, "sending", worker=worker, tries=send.tries + 1)
    text = message(
        tx, tx.row(send.about), send.person, send.channel, point.language, send.number, bool(send.exercise)
    )
    return {
        "delivery": handed.delivery,
        "channel": send.channel,
        "address": point.address,
        "number": send.number,
        "title": text.title,
        "body": text.body,
        "exercise": bool(send.exercise),
    }


def _point(tx: Tx, send: Send) -> Point | None:
    points = points_of(tx, send.person, json.loads(send.channels))
    return next((each for each in points if each.record == send.point), None)


def _take_back(tx: Tx, worker: str, holding: set[str], channels: Mapping[str, Any]) -> None:
    """See to what is marked as `sending` and is not in anybody's hands."""
    for send in sends(tx, "state = 'sending'", []):
        if send.worker != worker:
            # Another journal than the one we know: nobody can say any more how far it came.
            _uncertain(tx, send, "interrupted", channels)
        elif send.delivery not in holding:
            # Its journal shows that it never began with this one: the answer was lost on the way.
            move(tx, send, "queued", tries=send.tries - 1)


def _uncertain(tx: Tx, send: Send, fault: str, channels: Mapping[str, Any]) -> None:
    """Nobody knows whether this one left."""
    after = move(tx, send, "uncertain", fault)
    once = bool(channels.get(send.channel, {}).get("once"))
    if once and send.tries < REPEATS:
        move(tx, after, "queued", due=tx.now)
    else:
        next_channel(tx, after)


@job("notify_done", by=("notifier",))
def done(tx: Tx, payload: dict[str, Any]) -> dict[str, Any]:
    """What became of messages: a list of `delivery`, `outcome` (delivered, failed, uncertain) and `fault`. Reporting
    again changes nothing. Raises Malformed."""
    try:
        found = [(str(e["delivery"]), str(e["outcome"]), str(e.get("fault", ""))) for e in payload["results"]]
        channels = _channels(payload.get("channels")) or {}
    except (KeyError, TypeError, ValueError, AttributeError) as wrong:
        raise Malformed("a notifier reports deliveries and what became of them") from wrong
    if len(found) > 1_000 or any(outcome not in _OUTCOMES for _, outcome, _ in found):
        raise Malformed("a notifier reports deliveries and what became of them")
    for delivery, outcome, fault in found:
        send = send_of(tx, delivery)
        if send is not None:
            _close(tx, send, outcome, fault if fault in FAULTS else "broken" if fault else "", channels)
    return {"closed": len(found)}


_OUTCOMES = ("delivered", "failed", "uncertain")


def _close(tx: Tx, send: Send, outcome: str, fault: str, channels: Mapping[str, Any]) -> None:
    if outcome == "delivered":
        # Also one that was held to be uncertain, and even one that waits to be repeated: it left after all.
        if send.state in ("sending", "uncertain", "queued", "failed") and send.tries:
            move(tx, send, "delivered")
            _no_more(tx, send)
    elif send.state == "sending":
        if outcome == "uncertain":
            _uncertain(tx, send, fault or "interrupted", channels)
        else:
            next_channel(tx, move(tx, send, "failed", fault or "refused"))


def _no_more(tx: Tx, send: Send) -> None:
    """One channel has taken it: what waits for the same person and rung is not needed."""
    for other in sends(tx, "telling = ? AND state = 'queued'", [send.telling]):
        if other.key != send.key:
            move(tx, other, "not_needed", "")


def _channels(given: Any) -> dict[str, dict[str, Any]] | None:
    if given is None:
        return None
    found = {
        str(n): {
            "allow": int(c["allow"]),
            "urgent": int(c.get("urgent", c["allow"])),
            "once": bool(c.get("once")),
        }
        for n, c in given.items()
    }
    if len(found) > 100:
        raise ValueError("too many channels")
    return found


@job("notify")
def standing(tx: Tx, payload: dict[str, Any]) -> dict[str, Any]:
    """How many messages wait, real and practised apart, since when, and when the notifier last asked."""
    rows = tx.db.execute(
        "SELECT exercise, count(*), min(queued) FROM notify_send WHERE state IN ('queued', 'sending') "
        "GROUP BY exercise"
    ).fetchall()
    seen = tx.db.execute("SELECT at, fault FROM notify_seen WHERE id = 1").fetchone()
    waiting = {bool(exercise): (count, iso(since)) for exercise, count, since in rows}
    real, practised = waiting.get(False, (0, "")), waiting.get(True, (0, ""))
    return {
        "waiting": real[0],
        "since": real[1],
        "exercise_waiting": practised[0],
        "asked": iso(seen[0]) if seen else "",
        "fault": seen[1] if seen else "",
    }


@on_tick("notify_sweep", 3_600.0)
def sweep(tx: Tx) -> bool:
    """Forget the keys of messages that were closed long ago; their records stay."""
    tx.db.execute(
        "DELETE FROM notify_send WHERE queued < ? AND state NOT IN ('queued', 'sending')", (tx.now - KEPT,)
    )
    return False
