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

from safeconduct.agreement.policy import Item, Subject
from safeconduct.people.sessions import subject_of_cookies
from safeconduct.records import here
from safeconduct.records.release import heading

T = TypeVar("T")


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

    async def who(self, cookies: str) -> Subject | None:
        """The principal of the session in a Cookie header; None without one that may read anything now."""
        return await self._ask(lambda: subject_of_cookies(cookies))

    async def changed(self, listeners: Sequence[L]) -> list[L]:
        """Those of the listeners whose session has ended or whose principal is no longer the same."""
        return await self._ask(
            lambda: [each for each in listeners if subject_of_cookies(each.cookies) != each.subject]
        )

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

    async def decide(self, listeners: Sequence[L], changes: Sequence[Change]) -> dict[L, list[Change]]:
        """For each listener the changes of which the policy lets them read some part, in order."""
        if not listeners or not changes:
            return {listener: [] for listener in listeners}
        policy = (await self._ask(here.state)).policy
        now = clock()

        def may_hear(listener: L, item: Item | None) -> bool:
            return item is not None and bool(policy.mask(listener.subject, "read", item, now))

        return {
            listener: [
                change
                if not change.about or may_hear(listener, change.about_item)
                else replace(change, about="")
                for change in changes
                if (not listener.topics or change.kind in listener.topics) and may_hear(listener, change.item)
            ]
            for listener in listeners
        }

    async def _ask(self, question: Callable[[], T]) -> T:
        def asked() -> T:
            close_old_connections()
            return question()

        return await asyncio.get_running_loop().run_in_executor(self._thread, asked)

    def close(self) -> None:
        self._thread.submit(connections.close_all)
        self._thread.shutdown()


def _look_up(change: Change) -> Change:
    found = heading(change.record)
    if found is None:
        return change
    item, about = found
    subject = heading(about) if about else None
    return replace(change, about=about, item=item, about_item=subject[0] if subject else None)
