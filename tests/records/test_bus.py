"""The bus through a real NATS server: in order, each once, none missing, whoever kills or forges what."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import ssl
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from nats_server import Nats, with_nats
from safeconduct.node.nats_config import make_keys
from safeconduct.node.office_authority import certify
from safeconduct.records import bus, bus_link
from safeconduct.records.bus import Hearing, hear
from safeconduct.records.bus_bell import Bell
from safeconduct.records.bus_link import bus_key, let_go, link_of
from safeconduct.records.bus_messages import MOST_BYTES, NotOurs, Told, Writing, announced, beating
from safeconduct.records.bus_numbers import Numbers
from safeconduct.records.bus_telling import Telling
from safeconduct.records.door import subscribe
from safeconduct.records.home import Home, HomeError
from safeconduct.records.service import WriterService

LONG = 300.0


def event(index: int, kind: str = "incident") -> dict[str, Any]:
    return {"topic": kind, "kind": kind, "record": f"r{index}", "index": index}


class Speaker:
    """The writer's service as far as the bus goes: its socket and its telling, without a ledger."""

    def __init__(self, home: Home) -> None:
        self.service = WriterService(home)
        self.said = 0

    def say(self, count: int = 1, kind: str = "incident") -> None:
        events = [event(self.said + i + 1, kind) for i in range(count)]
        self.said += count
        self.service._publish(events)

    @asynccontextmanager
    async def serving(self) -> AsyncIterator[Speaker]:
        home = self.service.home
        home.socket.unlink(missing_ok=True)
        server = await asyncio.start_unix_server(self.service._serve, home.socket)
        # Both ends are in one process here: the writer's line is its own, as it is in a node.
        link = bus_link.Link(home, "writer")
        link.start()
        assert self.service.telling is not None
        telling = asyncio.create_task(_tell(self.service.telling, link))
        try:
            yield self
        finally:
            telling.cancel()
            await asyncio.wait({telling})
            self.service._publish([None])
            server.close()
            home.socket.unlink(missing_ok=True)
            await link.close()


async def _tell(telling: Telling, link: bus_link.Link) -> None:
    link.on_connect(telling._at_once)
    while True:
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(telling._wake.wait(), 0.2)
        telling._wake.clear()
        telling._beat_due = True
        await telling._send(link)


class Ear:
    """One process that listens. `heard` are the indexes of what it heard, `fresh` how often it had to begin anew."""

    def __init__(self, home: Home) -> None:
        self.home = home
        self.heard: list[int] = []
        self.fresh = self.ended = 0
        self.held = asyncio.Event()
        self.held.set()
        self.hearing: Hearing | None = None

    async def listen(self) -> None:
        self.hearing = Hearing(self.home, link_of(self.home))
        async for each in self.hearing.events():
            await self.held.wait()
            if each["topic"] == "subscribed":
                self.fresh += 1
            elif "index" in each:
                self.heard.append(each["index"])
        await self.hearing.close()
        self.ended += 1

    @asynccontextmanager
    async def listening(self) -> AsyncIterator[Ear]:
        task = asyncio.create_task(self.listen())
        try:
            yield self
        finally:
            task.cancel()
            await asyncio.wait({task})
            if self.hearing is not None:
                await self.hearing.close()
            await let_go(self.home)

    def by_nats_alone(self) -> bool:
        return self.hearing is not None and bool(self.hearing.run) and self.hearing._door is None


async def until(holds: Any) -> None:
    async with asyncio.timeout(LONG):
        while not holds():
            await asyncio.sleep(0.01)


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Home:
    for name, value in {"SILENCE": 0.8, "STEADY": 0.5, "BEAT": 0.2, "PAUSE": (0.0, 0.02)}.items():
        monkeypatch.setattr(bus, name, value)
    monkeypatch.setattr(bus_link, "AGAIN", (0.1, 0.2))
    monkeypatch.setattr(bus_link, "this_process", lambda: "web")
    made = Home.create(tmp_path / "home", "pk", "host", "Host")
    make_keys(made)
    return made


@pytest.fixture
def nats(home: Home, tmp_path: Path) -> Iterator[Nats]:
    (tmp_path / "nats").mkdir()
    other = Home.create(tmp_path / "other", "cn", "partner", "Partner")
    with Nats(tmp_path / "nats", [home, other]) as server:
        with_nats(other, server.address)
        yield server


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


def test_each_process_may_do_its_own_and_no_other(home: Home, nats: Nats, tmp_path: Path) -> None:
    named, other = with_nats(home, nats.address), Home.load(tmp_path / "other")

    async def story() -> None:
        heard: list[str] = []
        links = {
            name: bus_link.Link(where, process)
            for name, where, process in (
                ("writer", named, "writer"),
                ("web", named, "web"),
                ("field", named, "field"),
                ("notifier", named, "notifier"),
                ("feed", named, "feed"),
                ("other web", other, "web"),
                ("other writer", other, "writer"),
            )
        }
        for name, link in links.items():
            link.start()
            await link.listen([">"], lambda subject, _message, who=name: heard.append(f"{who}: {subject}"))  # type: ignore[misc]
            await link.listen(
                ["pk.announce.>", "pk.announce.delivery", "pk.announce._beat", "pk.moved", "pk.bell.feed"],
                lambda subject, message, who=name: heard.append(f"{who} {subject} {message.decode()}"),  # type: ignore[misc]
            )
        await until(lambda: all(link.connected for link in links.values()))
        for name, link in links.items():
            for subject in (
                "pk.announce.incident",
                "pk.announce.delivery",
                "pk.moved",
                "pk.bell.feed",
                "pk.waiting.m",
            ):
                await link.publish(subject, f"by {name}".encode())
            assert link.client is not None
            await link.client.flush(30)
        await until(lambda: "feed pk.bell.feed by writer" in heard)
        for link in links.values():
            await link.close()
        assert set(heard) == {
            "web pk.announce.incident by writer",
            "web pk.announce.delivery by writer",
            "web pk.moved by field",
            "field pk.announce.incident by writer",
            "field pk.announce.delivery by writer",
            "field pk.moved by web",
            "notifier pk.announce.delivery by writer",
            "feed pk.bell.feed by writer",
        }

    asyncio.run(story())


def test_over_tls_the_server_must_have_a_certificate_of_the_authority(home: Home, tmp_path: Path) -> None:
    ours, _ = certify(home, ["127.0.0.1"])
    stranger, _ = certify(Home.create(tmp_path / "stranger", "cn", "partner", "Other"), ["127.0.0.1"])
    (tmp_path / "nats").mkdir()
    files = [str(home.path / "tls" / name) for name in ("node.pem", "node.key")]

    async def story(address: str) -> None:
        named = with_nats(ours, address, nats_authority="tls/authority.pem")
        bus_link.check(named, "web")
        link = bus_link.Link(named, "web")
        link.start()
        await until(lambda: link.connected)
        await link.close()
        link = bus_link.Link(
            with_nats(named, address, nats_authority=f"{stranger.path}/tls/authority.pem"), "web"
        )
        faults: list[BaseException] = []
        link._faulty = faults.append  # type: ignore[method-assign]
        link.start()
        await until(lambda: any(isinstance(each, ssl.SSLError) for each in faults))
        assert not link.connected
        await link.close()

    with Nats(tmp_path / "nats", [home], *files) as server:
        asyncio.run(story(server.address))


def test_a_server_that_wants_no_tls_hears_nothing_of_a_process_that_does(home: Home) -> None:
    ours, _ = certify(home, ["127.0.0.1"])
    heard: list[bytes] = []
    ended = asyncio.Event()

    async def pretend(reader: asyncio.StreamReader, out: asyncio.StreamWriter) -> None:
        out.write(b'INFO {"server_id": "x", "version": "2.11.0", "nonce": "abc", "max_payload": 1000}\r\n')
        with contextlib.suppress(ConnectionError):
            heard.append(await reader.read(1000))
        ended.set()
        out.close()

    async def story() -> None:
        server = await asyncio.start_server(pretend, "127.0.0.1", 0)
        port = server.sockets[0].getsockname()[1]
        named = with_nats(ours, f"tls://127.0.0.1:{port}", nats_authority="tls/authority.pem")
        link = bus_link.Link(named, "web")
        link.start()
        async with asyncio.timeout(LONG):
            await ended.wait()
        await link.close()
        server.close()

    asyncio.run(story())
    assert not any(b"CONNECT" in each for each in heard)


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


def test_node_toml_that_would_send_in_the_open_or_lacks_a_key_is_refused(home: Home) -> None:
    for given in (
        "tls://host:4222",
        ["nats://example.org:4222"],
        ["tls://me:secret@host"],
        ["host:4222"],
        [7],
    ):
        with pytest.raises(HomeError, match=r"nats|NATS"):
            bus_link.addresses(Home(home.path, "pk", "host", "Host", {}, {"nats": given}))
    named = Home(home.path, "pk", "host", "Host", {}, {"nats": ["nats://127.0.0.1:1"]})
    bus_link.check(named, "web")
    seed = home.keys / "nats" / "web.seed"
    seed.chmod(0o604)
    with pytest.raises(HomeError, match="everybody"):
        bus_link.check(named, "web")
    seed.unlink()
    with pytest.raises(HomeError, match=r"web\.seed"):
        bus_link.check(named, "web")
    bus_link.check(named, "courier")


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
