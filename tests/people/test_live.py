"""The stream of changes: who may read of a change hears of it, and who comes back hears what was missed."""

from __future__ import annotations

import asyncio
import contextlib
import random
import re
import time
from collections.abc import Iterator
from typing import Any

import pytest

import ready
from safeconduct.agreement.policy import Item, Subject
from safeconduct.people.principal import principal_of
from safeconduct.people.roles import assign_role
from safeconduct.records import here
from safeconduct.records.home import Home
from safeconduct.records.principals import system_subject
from safeconduct.shell.audience import Audience, Change
from safeconduct.shell.live import Live
from safeconduct.shell.stream import Stream

from .live_node import account_of, attack, cookie, listening, run, serving, signed_in


@pytest.fixture
def node(host_home: Home) -> Iterator[Home]:
    with serving(host_home) as home:
        yield home


def test_a_change_reaches_who_may_read_it_and_nobody_else(node: Home) -> None:
    officer, browser = signed_in("officer", "watch_officer")
    _, root = signed_in("root", "administrator")

    async def story(live: Live) -> None:
        async with (
            listening(live, cookie(browser)) as may,
            listening(live, cookie(root)) as may_not,
        ):
            record = await asyncio.to_thread(attack, principal_of(officer))
            await may.until(lambda: bool(may.messages))
            assert {"kind": "incident", "record": record, "about": ""}.items() <= may.messages[0].items()
            assert may.events[-1][1] == str(may.messages[0]["index"])
            await asyncio.to_thread(assign_role, system_subject("pk"), account_of("officer"), "analyst")
            await may_not.until(lambda: bool(may_not.messages))
            assert {m["kind"] for m in may_not.messages} == {"role_assignment"}

    run(story)


def test_topics_narrow_what_is_heard(node: Home) -> None:
    officer, browser = signed_in("officer", "watch_officer")

    async def story(live: Live) -> None:
        async with (
            listening(live, cookie(browser), "topics=claim,alert") as narrow,
            listening(live, cookie(browser), "topics=claim&topics=incident") as wide,
        ):
            await asyncio.to_thread(attack, principal_of(officer))
            await wide.until(lambda: bool(wide.messages))
            assert not narrow.messages

    run(story)


def test_opening_and_closing_are_in_the_ledger(node: Home) -> None:
    officer, browser = signed_in("officer", "watch_officer")

    async def story(live: Live) -> None:
        async with listening(live, cookie(browser), "topics=incident"):
            pass

    run(story)
    noted = [
        (leaf["person"], leaf["topics"], leaf["what"])
        for leaf in ready.leaves(node)
        if leaf["type"] == "stream"
    ]
    assert noted == [(officer.person, ["incident"], what) for what in ("opened", "closed")]


def test_hundreds_that_come_at_once_are_noted_in_a_few_transactions(node: Home) -> None:
    officer, browser = signed_in("officer", "watch_officer")
    calls: list[int] = []

    async def story(live: Live) -> None:
        asked = live._note_all

        async def counted(notes: list[dict[str, Any]]) -> list[bool]:
            calls.append(len(notes))
            return await asked(notes)

        live._notes._answer = counted
        async with contextlib.AsyncExitStack() as stack:
            listeners = await asyncio.gather(
                *(stack.enter_async_context(listening(live, cookie(browser))) for _ in range(400))
            )
            record = await asyncio.to_thread(attack, principal_of(officer))
            for listener in listeners:
                await listener.until(lambda one=listener: bool(one.messages))  # type: ignore[misc]
                assert [message["record"] for message in listener.messages] == [record]
            for listener in listeners:
                listener.leave.set()

    run(story)
    assert sum(calls) == 800 and len(calls) < 40
    said = ready.leaves(node)
    whats = [each["what"] for each in said if each["type"] == "stream" and each["person"] == officer.person]
    assert (whats.count("opened"), whats.count("closed")) == (400, 400)


def test_listeners_who_are_alike_hear_what_each_would_hear_alone(node: Home) -> None:
    draw = random.Random(5)
    policy = here.state().policy
    persons = [f"{n:032x}" for n in range(12)]
    listeners = [
        Stream(
            Subject(
                "pk",
                frozenset(draw.sample(["watch_officer", "escort_commander", "warden", "coordinator"], 2)),
                draw.randrange(4),
                frozenset(draw.sample(["unit-1", "unit-2"], draw.randrange(2))),
                person=draw.choice(persons),
            ),
            "",
            draw.choice([frozenset(), frozenset({"movement"}), frozenset({"movement", "incident"})]),
        )
        for _ in range(150)
    ]

    def item(number: int) -> Item:
        assigned = draw.sample([*persons[:3], "unit-1"], draw.randrange(3))
        return Item(
            f"pk-{number:032x}", draw.choice(["movement", "incident", "leg"]), "pk", "under_way",
            draw.getrandbits(16), frozenset(), False, frozenset(assigned),
        )  # fmt: skip

    changes = []
    for number in range(60):
        change, about = item(number), draw.choice([None, item(1000 + number)])
        changes.append(Change(change.kind, change.id, number, about.id if about else "", change, about))

    def alone(stream: Stream) -> list[tuple[int, str]]:
        def may(found: Item | None) -> bool:
            return found is not None and bool(policy.mask(stream.subject, "read", found, time.time()))

        return [
            (change.index, change.about if may(change.about_item) else "")
            for change in changes
            if (not stream.topics or change.kind in stream.topics) and may(change.item)
        ]

    async def together() -> dict[Stream, list[tuple[int, str]]]:
        audience = Audience()
        heard: dict[Stream, list[tuple[int, str]]] = {}
        for streams, fit in await audience.decide(listeners, changes):
            for stream in streams:
                assert stream not in heard
                heard[stream] = [(change.index, change.about) for change in fit]
        audience.close()
        return heard

    heard = asyncio.run(together())
    for stream in listeners:
        assert heard.get(stream, []) == alone(stream)
    told = {tuple(each) for each in heard.values()}
    assert 3 < len(told) < len(listeners) and len(heard) < len(listeners)


def test_who_comes_back_hears_what_was_missed_or_to_look_again(node: Home) -> None:
    officer, browser = signed_in("officer", "watch_officer")
    reporter = principal_of(officer)

    async def story(live: Live) -> None:
        async with listening(live, cookie(browser)) as listener:
            await asyncio.to_thread(attack, reporter)
            await listener.until(lambda: bool(listener.messages))
            last = listener.messages[-1]["index"]
            second = await asyncio.to_thread(attack, reporter)
            await listener.until(lambda: len(listener.messages) == 2)
        async with listening(live, cookie(browser), last_event_id=str(last)) as back:
            await back.until(lambda: bool(back.messages))
            assert [m["record"] for m in back.messages] == [second] and not back.named("reset")
        async with listening(live, cookie(browser), f"last_event_id={last}") as back:
            await back.until(lambda: bool(back.messages))
        async with listening(live, cookie(browser), last_event_id="0") as long_gone:
            await long_gone.until(lambda: long_gone.named("reset") == 1)
            assert not long_gone.messages
        for odd in ("-1", "x", "1e9", "٣"):
            async with listening(live, cookie(browser), f"last_event_id={odd}") as listener:
                assert listener.status == 200

    run(story)


def test_what_comes_between_a_page_and_its_stream_is_heard(node: Home) -> None:
    """The page says as of which entry it is; what the view's own reading added to the ledger is no reason to look."""
    officer, browser = signed_in("officer", "watch_officer")
    reporter = principal_of(officer)

    async def story(live: Live) -> None:
        async with listening(live, cookie(browser)) as before:
            first = await asyncio.to_thread(attack, reporter)
            await before.until(lambda: bool(before.messages))
        page = (await asyncio.to_thread(browser.get, "/incidents/")).content.decode()
        since = re.search(r'data-since="(\d+)"', page)
        assert since is not None and first in page
        between = await asyncio.to_thread(attack, reporter)
        async with listening(live, cookie(browser), f"last_event_id={since[1]}") as opened:
            await opened.until(lambda: bool(opened.messages))
            assert [m["record"] for m in opened.messages if m["kind"] == "incident"] == [between]
            assert not opened.named("reset")

    run(story)


def test_when_too_much_came_to_name_it_who_may_read_of_it_looks_at_everything(node: Home) -> None:
    (_, officer), (_, admin) = signed_in("officer", "watch_officer"), signed_in("admin", "administrator")

    async def story(live: Live) -> None:
        async with (
            listening(live, cookie(officer), "topics=incident") as concerned,
            listening(live, cookie(officer), "topics=claim") as elsewhere,
            listening(live, cookie(admin), "topics=incident") as stranger,
        ):
            await live._announce([{"topic": "incident", "kind": "incident", "record": "", "index": 9}])
            await concerned.until(lambda: concerned.named("reset") == 1)
            assert not concerned.messages
            assert elsewhere.named("reset") == stranger.named("reset") == 0
        async with listening(live, cookie(officer), last_event_id="5") as back:
            await back.until(lambda: back.named("reset") == 1)

    run(story)
