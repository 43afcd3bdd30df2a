"""Who listens to the live stream, and which changes each of them may hear of.

Everything here that asks a database runs in one thread of its own, so that the event loop never waits for it.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from time import time as clock
from typing import Any, Protocol, TypeVar

from django.conf import settings
from django.db import close_old_connections, connections
from django.http.request import split_domain_port, validate_host

from safeconduct.agreement.policy import Item, Policy, Subject
from safeconduct.people.sessions import subjects_of_cookies
from safeconduct.records import here
from safeconduct.records.release import heading

T = TypeVar("T")

AT_ONCE = 100
"""Sessions looked at in one go: whoever waits for a change does not wait for long."""


class Listener(Protocol):
    subject: Subject
    cookies: str
    topics: frozenset[str]


L = TypeVar("L", bound=Listener)


@dataclass(frozen=True)
class Change:
    """One event of the bus. `item` is what policy sees of the record as it is now, `about_item` of the record
    that it is about; None when it is gone."""

    kind: str
    record: str
    index: int
    about: str = ""
    item: Item | None = None
    about_item: Item | None = None

    @classmethod
    def of(cls, event: dict[str, Any]) -> Change:
        return cls(str(event["kind"]), str(event["record"]), int(event["index"]))

    def told(self) -> dict[str, Any]:
        """What a listener who may hear of it gets."""
        return {"kind": self.kind, "record": self.record, "about": self.about, "index": self.index}


class Audience:
    """Answers who a cookie stands for and which changes they may hear of."""

    def __init__(self) -> None:
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="live")

    def addressed(self, host: str) -> bool:
        """Whether the Host header names this node, as Django asks of every other page."""
        domain, _port = split_domain_port(host)
        return bool(domain) and validate_host(domain, settings.ALLOWED_HOSTS)

    async def who(self, cookies: Sequence[str]) -> list[Subject | None]:
        """For each Cookie header the principal of its session; None without one that may read anything now."""
        return await self._ask(lambda: subjects_of_cookies(cookies))

    async def changed(self, listeners: Sequence[L]) -> list[L]:
        """Those of the listeners whose session has ended or whose principal is no longer the same."""
        found: list[L] = []
        for first in range(0, len(listeners), AT_ONCE):
            some = listeners[first : first + AT_ONCE]
            now = await self.who([each.cookies for each in some])
            found += [each for each, subject in zip(some, now, strict=True) if subject != each.subject]
        return found

    async def look_up(self, changes: Iterable[Change]) -> list[Change]:
        """The changes with what policy needs to know of their records."""
        found = list(changes)
        return await self._ask(lambda: [_look_up(change) for change in found]) if found else []

    async def concerned(self, listeners: Sequence[L], kinds: set[str]) -> list[L]:
        """Those of the listeners who follow one of these kinds and whom some grant lets read of it."""
        if not listeners:
            return []
        policy = (await self._ask(here.state)).policy
        return [
            each
            for each in listeners
            if any(policy.entries(each.subject, "read", kind) for kind in kinds & (each.topics or kinds))
        ]

    async def decide(
        self, listeners: Sequence[L], changes: Sequence[Change]
    ) -> list[tuple[list[L], list[Change]]]:
        """The listeners who hear the same together, with the changes of which the policy lets each of them read
        some part, in order; listeners who hear nothing are left out."""
        if not listeners or not changes:
            return []
        policy, now = (await self._ask(here.state)).policy, clock()
        heard = []
        for (subject, topics), alike in _alike(listeners, changes).items():
            fit = [
                told
                for change in changes
                if (not topics or change.kind in topics) and (told := _told(policy, subject, change, now))
            ]
            if fit:
                heard.append((alike, fit))
        return heard

    async def _ask(self, question: Callable[[], T]) -> T:
        def asked() -> T:
            close_old_connections()
            return question()

        return await asyncio.get_running_loop().run_in_executor(self._thread, asked)

    def close(self) -> None:
        self._thread.submit(connections.close_all)
        self._thread.shutdown()


def _alike(
    listeners: Iterable[L], changes: Iterable[Change]
) -> dict[tuple[Subject, frozenset[str]], list[L]]:
    """Listeners about whom every decision on these changes is the same: they follow the same, and in what policy
    looks at they differ at most in who they are, which matters for what names a person as its duty bearer."""
    items = [item for change in changes for item in (change.item, change.about_item) if item is not None]
    bearers = frozenset[str]().union(*(item.assigned for item in items))
    found: dict[tuple[Subject, frozenset[str]], list[L]] = {}
    for each in listeners:
        subject = each.subject if each.subject.person in bearers else each.subject._replace(person="")
        found.setdefault((subject, each.topics), []).append(each)
    return found


def _told(policy: Policy, subject: Subject, change: Change, now: float) -> Change | None:
    """What a subject may hear of a change: that it was, and of what it is about only what they may know of."""
    if change.item is None or not policy.mask(subject, "read", change.item, now):
        return None
    about = change.about_item
    if not change.about or (about is not None and policy.mask(subject, "read", about, now)):
        return change
    return replace(change, about="")


def _look_up(change: Change) -> Change:
    found = heading(change.record)
    if found is None:
        return change
    item, about = found
    subject = heading(about) if about else None
    return replace(change, about=about, item=item, about_item=subject[0] if subject else None)
