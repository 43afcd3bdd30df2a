"""Positions of a node whose database is away for a moment: they wait in NATS, and are kept once when it is back."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import psycopg
import pytest
from nats.js.errors import NotFoundError

import ready
from nats_server import Nats, with_nats
from own_process import own_process
from safeconduct.positions import reading, stream, waiting, waiting_writer
from safeconduct.positions.route import Positions
from safeconduct.positions.store import Position
from safeconduct.positions.waiting import STREAM, Keeping, Sealing, leave, waiting_of
from safeconduct.records import bus_link, here
from safeconduct.records.bus_link import Link, bus_key, let_go, link_of
from safeconduct.records.bus_messages import NotOurs
from safeconduct.records.door import Door
from safeconduct.records.home import Home
from signed_in import signed_in

from .test_route import ask, batch, cookie_of, journey

LONG = 300.0
ON_POSTGRESQL = pytest.mark.parametrize("database", ["postgresql"], indirect=True)


@pytest.fixture
def nats(
    ruled: Callable[..., Path], database: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[tuple[Home, Nats]]:
    """The Partner's node on this database, its writer a process of its own, and a NATS server."""
    from conftest import using

    monkeypatch.setattr(bus_link, "this_process", lambda: "web")
    monkeypatch.setattr(bus_link, "AGAIN", (0.1, 0.3))
    monkeypatch.setattr(waiting, "AGAIN", (0.05, 0.1))
    monkeypatch.setattr(stream, "PAUSE", 0.01)
    home = Home.load(ready.copy(ruled("partner", database), tmp_path / "home"))
    (tmp_path / "nats").mkdir()
    with using(home), Nats(tmp_path / "nats", [home]) as server:
        named = with_nats(home, server.address, positions=0.5)
        with own_process(named, "writer"), here.at(named, Door(named)):
            yield named, server
        for store in reading._stores.values():
            store.close()
        reading._stores.clear()


@asynccontextmanager
async def line(home: Home) -> AsyncIterator[Link]:
    try:
        link = link_of(home)
        await until(lambda: link.connected)
        yield link
    finally:
        await let_go(home)


@asynccontextmanager
async def as_writer(home: Home) -> AsyncIterator[Callable[[], Any]]:
    """Asks how many messages wait, with the writer's rights."""
    link = Link(home, "writer")
    link.start()
    await until(lambda: link.connected)

    async def count() -> int:
        assert link.client is not None
        try:
            return int((await link.client.jetstream().stream_info(STREAM)).state.messages)
        except Exception:
            return -1

    try:
        yield count
    finally:
        await link.close()


async def until(holds: Callable[[], Any]) -> None:
    async with asyncio.timeout(LONG):
        while True:
            found = holds()
            if await found if asyncio.iscoroutine(found) else found:
                return
            await asyncio.sleep(0.05)


class Outage:
    """The database writes no position, to whomever."""

    def __init__(self, home: Home) -> None:
        assert home.database is not None
        self.address = home.database

    def _do(self, *statements: str) -> None:
        with psycopg.connect(self.address, autocommit=True, options="-c search_path=positions") as session:
            for statement in statements:
                session.execute(statement.encode())

    def __enter__(self) -> None:
        self._do(
            "CREATE OR REPLACE FUNCTION away() RETURNS trigger LANGUAGE plpgsql AS "
            "$$ BEGIN RAISE EXCEPTION 'away' USING ERRCODE = '57P03'; END $$",
            "CREATE TRIGGER away BEFORE INSERT ON position FOR EACH STATEMENT EXECUTE FUNCTION away()",
        )

    def __exit__(self, *_: object) -> None:
        self._do("DROP TRIGGER away ON position")


@ON_POSTGRESQL
def test_a_report_that_was_answered_for_outlives_the_database_and_nats(nats: tuple[Home, Nats]) -> None:
    home, server = nats
    client, traveller = signed_in("protected_person", "mei")
    movement, cookie = journey(traveller.person), cookie_of(client)
    now = float(int(time.time())) - 60
    moved: list[str] = []

    async def send(*times: float) -> Any:
        app = Positions()
        try:
            return await ask(app, "POST", "/positions", batch(movement, *times), cookie=cookie)
        finally:
            await app.close()

    async def while_away() -> None:
        async with as_writer(home) as count:
            await until(lambda: _is(count, 0))
        async with line(home):
            reading.store()
            with Outage(home):
                first = await send(now, now + 1)
                assert (first.status, first.json["received"], first.json["new"]) == (200, 2, 0)
                # The phone did not hear the answer, and sends the same again; then it goes on.
                assert (await send(now, now + 1)).status == (await send(now + 2)).status == 200
                server.kill()
                await until(lambda: not link_of(home).connected)
                late = await send(now + 3)
                assert late.status == 503 and int(late.headers["retry-after"]) > 0
                server.start()
                async with as_writer(home) as count:
                    await until(lambda: _is(count, 2))
        # This process ends; the next one finds what waits.
        for store in reading._stores.values():
            store.close()
        reading._stores.clear()

    async def back() -> None:
        async with line(home):
            keeping = Keeping(home, moved.append)
            keeping.start()
            try:
                store = reading.store()
                await until(lambda: len(store.track(movement, 0, 10)) == 3)
                await until(lambda: store.untold(movement) == [])
                assert [p.at for p in store.track(movement, 0, 10)] == [now, now + 1, now + 2]
                async with as_writer(home) as count:
                    await until(lambda: _is(count, 0))
                again = await send(now, now + 2)
                assert (again.status, again.json["new"]) == (200, 0)
                assert set(moved) == {movement}
            finally:
                await keeping.close()

    asyncio.run(while_away())
    asyncio.run(back())


async def _is(count: Callable[[], Any], wanted: int) -> bool:
    return bool(await count() == wanted)


@ON_POSTGRESQL
def test_nothing_waits_longer_than_its_term_and_what_one_cannot_read_is_left_to_who_can(
    nats: tuple[Home, Nats], caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    home, _ = nats
    _, traveller = signed_in("protected_person", "mei")
    movement, now = journey(traveller.person), time.time()
    caplog.set_level(logging.ERROR, "safeconduct.events")

    def at(moment: float, of: str = movement) -> Position:
        return Position(of, traveller.person, moment, 25.0, 66.9)

    async def story() -> None:
        async with line(home) as link, as_writer(home) as count:
            await until(lambda: _is(count, 0))
            assert link.client is not None
            # A journey that is none any more is taken out by the writer, and only that.
            assert await leave(home, [at(now), at(now, "f" * 32)])
            await until(lambda: _is(count, 1))
            # The term of the oldest position is over in a moment.
            assert await leave(home, [at(now - 86_400 + 2)], days=1)
            await until(lambda: _is(count, 1))
            # What nobody of this node sealed.
            subject = f"{waiting_of(home.party)}.{movement}"
            other, _number = Sealing(b"x" * 32).close(subject, [at(now - 1)])
            moved_here, _number = Sealing(bus_key(home)).close(
                subject.replace(movement, "e" * 32), [at(now - 2)]
            )
            for message in (b"", b"junk", other, moved_here):
                await link.client.jetstream().publish(subject, message)
            store = reading.store()
            for key, left, kept in ((bus_key(home), 4, [now]), (b"x" * 32, 3, [now - 1, now])):
                monkeypatch.setattr(waiting, "bus_key", lambda _home, key=key: key)
                keeping = Keeping(home)
                keeping.start()
                try:
                    await until(lambda left=left: _is(count, left))
                    assert sorted(p.at for p in store.track(movement, 0, 10)) == kept
                finally:
                    await keeping.close()

    monkeypatch.setattr(waiting, "UNREAD_AGAIN", 0.5)
    asyncio.run(story())
    refused = [r.msg.fields["code"] for r in caplog.records if r.msg.event == "bus_refused"]  # type: ignore[attr-defined]
    assert refused == ["forged"], "the log is told once in a while"


def test_a_stream_whose_making_was_broken_off_is_made_whole() -> None:
    class Stream:
        made, tried, read = False, False, 0

        async def stream_info(self, *_: object, **__: object) -> Any:
            if not self.made:
                raise NotFoundError
            config = SimpleNamespace(max_age=2 * 86_400.0)
            return SimpleNamespace(
                state=SimpleNamespace(subjects={}, consumer_count=self.read), config=config
            )

        async def add_stream(self, _config: object) -> None:
            self.made = True

        async def update_stream(self, _config: object) -> None:
            assert self.made

        async def add_consumer(self, *_: object) -> None:
            if not self.tried:
                self.tried = True
                raise OSError("killed between the two")
            self.read = 1

    async def ask(_job: str, _payload: dict[str, Any]) -> dict[str, Any]:
        return {"gone": [], "days": 2}

    async def story() -> None:
        stream, home = Stream(), SimpleNamespace(party="pk")
        with pytest.raises(OSError, match="killed"):
            await waiting_writer._look(home, stream, ask)  # type: ignore[arg-type]
        await waiting_writer._look(home, stream, ask)  # type: ignore[arg-type]
        assert stream.read == 1

    asyncio.run(story())


def test_what_waits_says_nothing_of_where_or_whose() -> None:
    sealing, subject = Sealing(b"k" * 32), "pk.waiting.m"
    given = [Position("m", "CANARY-PERSON", 1.5, 24.8607, 67.0011, 10.0)]
    message, number = sealing.close(subject, given)
    assert sealing.open(subject, message) == given
    assert not any(each in message for each in (b"CANARY", b"24.86", b"67.00"))
    assert sealing.close(subject, given)[1] == number != sealing.close("pk.waiting.n", given)[1]
    with pytest.raises(NotOurs):
        sealing.open("pk.waiting.n", message)


def test_positions_of_one_message_are_of_one_journey_and_about_one_hour() -> None:
    given = [Position(name, "p", at, 0, 0) for name in "ab" for at in (10.0, 20.0, 7_300.0)]
    assert [[(p.movement, p.at) for p in some] for some in waiting._together(given)] == [
        [("a", 10.0), ("a", 20.0)],
        [("b", 10.0), ("b", 20.0)],
        [("a", 7_300.0)],
        [("b", 7_300.0)],
    ]
