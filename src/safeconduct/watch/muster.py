"""The work on a muster: begin in one act, say a word on one or on many, close.

Each function acts in the name of a person and raises what `records.commit` raises. A reply after the muster was closed
still counts: it is the later word that is true, not the earlier page.
"""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from typing import Any

from safeconduct.agreement.policy import Subject
from safeconduct.records import here, principals
from safeconduct.records.commit import Committed, Draft, commit
from safeconduct.records.door import Door
from safeconduct.records.refusals import Malformed, from_wire
from safeconduct.records.transaction import iso
from safeconduct.watch.muster_kinds import MUSTER

MOST_AT_ONCE = 1_000
REMARK = 200


def begin_muster(
    actor: Subject,
    call: Mapping[str, Any],
    target: Mapping[str, Any] | None = None,
    key: str = "",
    door: Door | None = None,
) -> Committed:
    """Ask after everybody whom the scope means. Everyone begins as unaccounted; the roll fills in steps.

    `call` needs title, scope and due (ISO 8601); `since` is now. The same `key` of the same person is one muster.
    """
    parts: dict[str, Any] = {"call": {"since": iso(time.time()), **call}}
    if target:
        parts["target"] = dict(target)
    payload = {"actor": principals.to_wire(actor), "parts": parts, "key": key}
    answer = (door or here.door()).call("watch_muster", payload)
    return Committed(answer["record"], answer["version"], answer["index"])


def reply(
    actor: Subject,
    entry: str,
    state: str,
    means: str,
    at: str | None = None,
    by: str = "",
    remark: str = "",
    door: Door | None = None,
) -> Committed:
    """The word on one name: `at` is when it was said (ISO 8601), now without it."""
    (answer,) = reply_many(actor, [entry], state, means, at, by, remark, door)
    if isinstance(answer, Exception):
        raise answer
    return answer


def reply_many(
    actor: Subject,
    entries: Sequence[str],
    state: str,
    means: str,
    at: str | None = None,
    by: str = "",
    remark: str = "",
    door: Door | None = None,
) -> list[Committed | Exception]:
    """One word on many names, as a warden says it; each result is what it became or why it did not."""
    if len(entries) > MOST_AT_ONCE:
        raise Malformed(f"at most {MOST_AT_ONCE} names at once")
    said = {"at": at or iso(time.time()), "means": means, "by": by or actor.person, "remark": remark[:REMARK]}
    wire = principals.to_wire(actor)
    payloads = [{"actor": wire, "entry": entry, "state": state, "reply": said} for entry in entries]
    answers = (door or here.door()).call_many("watch_muster_reply", payloads)
    return [
        from_wire(each) if "error" in each else Committed(each["record"], each["version"], each["index"])
        for each in answers
    ]


def close_muster(actor: Subject, muster: str, seen: int, door: Door | None = None) -> Committed:
    """Nobody is waited for any longer; who is not accounted for stays so."""
    return commit(actor, Draft(MUSTER.name, {}, record=muster, expected=seen, state="closed"), door=door)
