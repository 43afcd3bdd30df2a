"""The bus through a real NATS server: in order, each once, none missing, whoever kills or forges what."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator
from typing import Any

import pytest

from bus_ends import LONG, Ear, Speaker, event, until
from bus_ends import home as home
from bus_ends import nats as nats
from nats_server import Nats, with_nats
from safeconduct.records import bus, bus_link
from safeconduct.records.bus import hear
from safeconduct.records.bus_bell import Bell
from safeconduct.records.bus_link import bus_key, let_go
from safeconduct.records.bus_messages import MOST_BYTES, NotOurs, Told, Writing, announced, beating
from safeconduct.records.bus_numbers import Numbers
from safeconduct.records.door import subscribe
from safeconduct.records.home import Home
from safeconduct.records.service import WriterService


def test_what_came_after_a_number_is_known_for_a_while_and_of_this_life_alone() -> None:
    numbers = Numbers(most=3)
    assert [numbers.add({"n": i}) for i in range(1, 6)] == [1, 2, 3, 4, 5]
    assert numbers.after(numbers.run, 5) == []
    assert numbers.after(numbers.run, 2) == [(3, {"n": 3}), (4, {"n": 4}), (5, {"n": 5})]
    assert numbers.after(numbers.run, 1) is None and numbers.after(numbers.run, 6) is None
    assert numbers.after("another", 5) is None


def test_a_message_is_read_under_its_own_subject_and_key_alone() -> None:
    writing, subject = Writing(b"k" * 32), announced("pk", "incident")
    message = writing.pack(subject, Told("run", 7, [event(3)]))
    assert writing.read(subject, message) == Told("run", 7, [event(3)])

    def refused(raw: bytes, under: str = subject, by: Writing = writing) -> str:
        with pytest.raises(NotOurs) as fault:
            by.read(under, raw)
        return str(fault.value)

    assert refused(message, announced("pk", "alert")) == "forged"
    assert refused(message, announced("cn", "incident")) == "forged"
    assert refused(message, by=Writing(b"x" * 32)) == "forged"
    assert refused(message[:-1]) == refused(b"") == refused(b"{}") == "forged"
    assert refused(b"\0" * (MOST_BYTES + 1)) == "too_large"
    assert refused(writing._sign(subject, b"not JSON")) == "malformed"
    assert refused(writing._sign(subject, b"[" * 100_000)) == "malformed"
    assert refused(writing.pack(subject, Told("run", -1, []))) == "malformed"
    assert refused(writing.pack(subject, Told("", 1, []))) == "malformed"
    assert refused(writing.pack(subject, Told("run", 1, [event(1)] * 501))) == "malformed"
    for wrong in (
        event(1, "alert"),
        {**event(1), "index": -2},
        {**event(1), "index": 1 << 60},
        {**event(1), "index": True},
        {**event(1), "record": "a b"},
        {**event(1), "topic": "NOT A TOPIC"},
        {"kind": "incident"},
        "incident",
    ):
        assert refused(writing.pack(subject, Told("run", 1, [wrong]))) == "unknown_topic"  # type: ignore[list-item]


def test_every_announcement_is_heard_once_and_in_order_though_nats_is_killed(home: Home, nats: Nats) -> None:
    named = with_nats(home, nats.address)

    async def story() -> None:
        async with Speaker(named).serving() as speaker, Ear(named).listening() as ear:
            await until(ear.by_nats_alone)
            for _ in range(2):
                speaker.say(700)  # more than a message holds
                await asyncio.sleep(0)
                nats.kill()
                for _ in range(20):
                    speaker.say(10)
                    await asyncio.sleep(0.01)
                await until(lambda: len(ear.heard) == speaker.said)
                nats.start()
                await until(ear.by_nats_alone)
                speaker.say(30)
                await until(lambda: len(ear.heard) == speaker.said)
            assert ear.heard == list(range(1, speaker.said + 1))
            assert (ear.fresh, ear.ended) == (1, 0)

    asyncio.run(story())


def test_what_nats_lets_go_is_made_up_at_the_door(home: Home, nats: Nats) -> None:
    named = with_nats(home, nats.address)

    async def story() -> None:
        async with Speaker(named).serving() as speaker, Ear(named).listening() as ear:
            await until(ear.by_nats_alone)
            telling = speaker.service.telling
            assert telling is not None
            speaker.service.telling = None
            speaker.say(5)  # NATS never hears of these: nothing tells of them but the next beat
            speaker.service.telling = telling
            await until(lambda: len(ear.heard) == 5)
            await until(ear.by_nats_alone)
            speaker.say(5)
            await until(lambda: len(ear.heard) == 10)
            assert ear.heard == list(range(1, 11)) and (ear.fresh, ear.ended) == (1, 0)

    asyncio.run(story())


def test_a_door_that_is_slow_to_open_is_waited_for_while_something_is_missing(
    home: Home, nats: Nats, monkeypatch: pytest.MonkeyPatch
) -> None:
    named = with_nats(home, nats.address)

    async def slow(*given: Any) -> AsyncIterator[dict[str, Any]]:
        await asyncio.sleep(3 * bus.STEADY)
        async for each in subscribe(*given):
            yield each

    async def story() -> None:
        async with Speaker(named).serving() as speaker, Ear(named).listening() as ear:
            await until(ear.by_nats_alone)
            monkeypatch.setattr(bus, "subscribe", slow)
            telling, speaker.service.telling = speaker.service.telling, None
            speaker.say(5)
            speaker.service.telling = telling
            async with asyncio.timeout(30):
                await until(lambda: ear.heard == [1, 2, 3, 4, 5])
            await until(ear.by_nats_alone)

    asyncio.run(story())


def test_without_nats_from_the_beginning_the_door_tells(home: Home, nats: Nats) -> None:
    nats.kill()
    named = with_nats(home, nats.address)

    async def story() -> None:
        async with Speaker(named).serving() as speaker, Ear(named).listening() as ear:
            await until(lambda: ear.fresh == 1)
            speaker.say(3)
            await until(lambda: ear.heard == [1, 2, 3])
            nats.start()
            await until(ear.by_nats_alone)

    asyncio.run(story())


def test_another_life_of_the_writer_ends_the_hearing(home: Home, nats: Nats) -> None:
    named = with_nats(home, nats.address)

    async def story() -> None:
        async with Ear(named).listening() as ear:
            async with Speaker(named).serving():
                await until(ear.by_nats_alone)
            async with Speaker(named).serving():
                await until(lambda: ear.ended == 1)

    asyncio.run(story())


def test_a_listener_that_lags_too_far_is_ended_and_holds_up_nobody(
    home: Home, nats: Nats, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bus, "LAG", 20)
    named = with_nats(home, nats.address)

    async def story() -> None:
        async with Speaker(named).serving() as speaker, Ear(named).listening() as ear:
            await until(ear.by_nats_alone)
            ear.held.clear()
            hearing = ear.hearing
            assert hearing is not None
            while hearing._waiting.qsize() <= 25:
                speaker.say(1)
                await asyncio.sleep(0.005)
            ear.held.set()
            await until(lambda: ear.ended == 1)

    asyncio.run(story())


def test_forged_and_repeated_messages_harm_nothing(
    home: Home, nats: Nats, caplog: pytest.LogCaptureFixture
) -> None:
    named = with_nats(home, nats.address)
    caplog.set_level(logging.ERROR, "safeconduct.events")

    async def story() -> None:
        async with Speaker(named).serving() as speaker, Ear(named).listening() as ear:
            await until(ear.by_nats_alone)
            speaker.say(3)
            await until(lambda: len(ear.heard) == 3)
            # Whoever has the writer's own key for NATS, but not the node's for announcements; or has heard some.
            thief = bus_link.Link(named, "writer")
            thief.start()
            await until(lambda: thief.connected)
            run, subject = speaker.service.numbers.run, announced("pk", "incident")
            forged, ours = Writing(b"x" * 32), Writing(bus_key(named))
            for message in (
                b"",
                b"not JSON",
                forged.pack(subject, Told(run, 4, [event(99)])),
                b"\0" * (MOST_BYTES + 1),
                ours.pack(subject, Told(run, 2, [event(2)])),  # replayed
                ours.pack(subject, Told("another life", 1, [event(1)])),
                ours.pack(subject, Told(run, 10**9, [event(5)])),  # far ahead
            ):
                assert await thief.publish(subject, message)
            assert await thief.publish(beating("pk"), ours.pack(beating("pk"), Told(run, 10**9, [], 1)))
            assert await thief.publish("pk.announce.no_such_kind", b"{}")
            speaker.say(3)
            await until(lambda: len(ear.heard) >= 6)
            await until(ear.by_nats_alone)
            speaker.say(3)
            await until(lambda: len(ear.heard) >= 9)
            assert ear.heard == list(range(1, 10)) and (ear.fresh, ear.ended) == (1, 0)
            await thief.close()

    asyncio.run(story())
    codes = {record.msg.fields["code"] for record in caplog.records if record.msg.event == "bus_refused"}  # type: ignore[attr-defined]
    assert codes == {"forged", "too_large"}


def test_the_feed_looks_when_it_rings_and_seldom_otherwise(
    home: Home, nats: Nats, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bus_link, "this_process", lambda: "feed")
    named = with_nats(home, nats.address)

    async def story() -> None:
        async with Speaker(named).serving() as speaker:
            bell = Bell(named)
            await bell.listen()
            await until(lambda: bell.link is not None and bell.link.connected)
            waiting = asyncio.create_task(bell.wait(0.01))
            await asyncio.sleep(0)
            speaker.say()
            await asyncio.wait_for(waiting, LONG)
            await let_go(named)

    asyncio.run(story())


def test_without_nats_in_node_toml_nothing_of_it_is_touched(home: Home) -> None:
    async def story() -> None:
        service = WriterService(home)
        assert service.telling is None
        server = await asyncio.start_unix_server(service._serve, home.socket)
        heard = hear(home)
        assert await anext(heard) == {"topic": "subscribed"}
        service._publish([event(1)])
        assert await anext(heard) == event(1)
        await heard.aclose()  # type: ignore[attr-defined]
        server.close()
        assert bus_link.standing(home) is None

    asyncio.run(story())
