"""The flow over the line itself: real TLS with pinned certificates, the feed server, the courier beside the bundles."""

from __future__ import annotations

import asyncio
import json
import sqlite3
import sys
import time
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web

from exchange.nodes import Node, sign
from exchange.test_link import HereDoor, courier, free_port, run, running, served, status, until
from positions.flow_nodes import carry, entries, journey, kept, lines, long_agreed, report
from safeconduct.exchange import live_courier, spool
from safeconduct.exchange.identity import Card
from safeconduct.exchange.live_courier import LiveCourier
from safeconduct.exchange.server import FeedServer
from safeconduct.exchange.spool import MAX_BYTES, spool_file
from safeconduct.exchange.tls import client_context
from safeconduct.positions.keeping import store_of


def live(node: Node, url: str) -> LiveCourier:
    (partner,) = node.home.partners.values()
    return LiveCourier(node.home, replace(partner, url=url), HereDoor(node))  # type: ignore[arg-type]


@asynccontextmanager
async def both(host: Node, partner: Node) -> AsyncIterator[None]:
    """Both directions of the line, bundles and live."""
    async with AsyncExitStack() as line:
        for receiver, sender in ((host, partner), (partner, host)):
            url = await line.enter_async_context(served(sender.home))
            await line.enter_async_context(running(courier(receiver, url)))
            await line.enter_async_context(running(live(receiver, url)))  # type: ignore[arg-type]
        yield


async def times(host: Node, partner: Node, there: str, here_: str) -> list[float]:
    """How long each of five positions took to get there, the quickest first: a machine may be busy now and then."""
    took = []
    for number in range(1, 6):
        report(partner, here_, 25.0 + number / 100)
        took.append(await until(lambda n=number: len(kept(host, there, "cn")) == n))
        await asyncio.sleep(0.25)
    return sorted(took)


def test_a_position_is_on_the_other_node_within_a_second(nodes: tuple[Node, Node]) -> None:
    host, partner = nodes
    there, here_ = journey(host, partner)

    async def main() -> None:
        async with both(host, partner):
            await asyncio.sleep(0.3)
            assert (await times(host, partner, there, here_))[1] < 1.0

    run(main)
    assert [p.latitude for p in kept(host, there, "cn")] == [25.01, 25.02, 25.03, 25.04, 25.05]


@pytest.mark.parametrize("by", ["host", "partner"])
def test_after_a_suspension_no_fix_taken_later_is_ever_on_the_other_side(
    nodes: tuple[Node, Node], world: Path, by: str
) -> None:
    host, partner = nodes
    there, here_ = journey(host, partner)
    acting = host if by == "host" else partner
    suspended = last_out = slowest = 0.0

    async def main() -> None:
        nonlocal suspended, last_out, slowest
        async with both(host, partner):
            number = 0
            while not suspended or time.time() < suspended + 2.0 or lines(partner, host):
                number, begun = number + 1, time.time()
                report(partner, here_, 25.0 + number / 10_000)
                if lines(partner, host):
                    last_out = time.time()
                await asyncio.sleep(0.04)
                slowest = max(slowest, time.time() - begun)
                if not suspended and number >= 30 and kept(host, there, "cn"):
                    sign(acting, world, "pk-cn", "5", "suspended")
                    suspended, slowest = time.time(), 0.0

    run(main)
    arrived = kept(host, there, "cn")
    assert arrived and suspended
    assert max(fix.at for fix in arrived) <= suspended, "nothing that was taken later"
    held_up = 10 * slowest
    assert last_out - suspended < 1.0 + held_up, "and nothing lies ready for it a second later"
    assert lines(partner, host) == []
    for node in nodes:
        assert entries(node)[-1]["what"] == "closed" and entries(node)[-1]["why"] == "policy"


def test_after_an_outage_the_newest_comes_and_not_all_that_was_missed(nodes: tuple[Node, Node]) -> None:
    host, partner = nodes
    there, here_ = journey(host, partner)
    port = free_port()
    long_agreed(host, partner)
    for number in range(200):
        report(partner, here_, 25.0 + number / 1000, time.time() - 200 + number)
    assert spool_file(partner.home, "pk").stat().st_size < 1_000, "it does not grow while nobody fetches it"

    async def main() -> None:
        async with running(live(host, f"https://127.0.0.1:{port}")):  # type: ignore[arg-type]
            await asyncio.sleep(0.3)
            async with served(partner.home, port):
                await until(lambda: bool(kept(host, there, "cn")))
            report(partner, here_, 26.0)
            async with served(partner.home, port):
                await until(lambda: len(kept(host, there, "cn")) == 2)

    run(main)
    assert [p.latitude for p in kept(host, there, "cn")] == [25.199, 26.0]


def test_a_large_backlog_of_the_feed_does_not_delay_it(nodes: tuple[Node, Node]) -> None:
    host, partner = nodes
    there, here_ = journey(host, partner)
    for number in range(150):
        partner.commit(
            "comment", {"remark": {"text": f"{number} " + "x" * 4_000, "stance": "comment"}}, about=here_
        )
    before = host.have("cn")

    async def main() -> None:
        async with served(partner.home) as url, running(live(host, url)):  # type: ignore[arg-type]
            await asyncio.sleep(0.2)
            assert (await times(host, partner, there, here_))[1] < 1.0

    run(main)
    assert host.have("cn") == before < partner.feed("pk").size, "what waits in the feed is still waiting"


def test_what_comes_before_its_journey_is_under_way_here_is_taken_when_it_is(
    nodes: tuple[Node, Node], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The positions have a faster way than the records: the first may be there before the word that it departed."""
    monkeypatch.setattr(live_courier, "AGAIN", 0.3)
    host, partner = nodes
    there, here_ = journey(host, partner)
    row = host.row(there)
    assert row is not None
    host.writer.tables.execute("UPDATE records_row SET state = 'notified' WHERE id = %s", [there])

    async def main() -> None:
        async with served(partner.home) as url, running(live(host, url)):  # type: ignore[arg-type]
            report(partner, here_, 25.5)
            await asyncio.sleep(0.8)
            assert kept(host, there, "cn") == []
            host.writer.tables.execute("UPDATE records_row SET state = 'under_way' WHERE id = %s", [there])
            await until(lambda: bool(kept(host, there, "cn")))

    run(main)


def test_without_a_clause_nobody_is_even_asked(
    nodes: tuple[Node, Node], world: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    host, partner = nodes
    sign(host, world, "pk-cn", "5", "suspended")
    asked = []

    async def positions(_self: FeedServer, request: web.Request) -> web.Response:
        asked.append(request.path)
        return web.Response(status=204)

    monkeypatch.setattr(FeedServer, "positions", positions)

    async def main() -> None:
        async with served(partner.home) as url, running(live(host, url)):  # type: ignore[arg-type]
            await asyncio.sleep(1.3)

    run(main)
    assert asked == []


def test_a_spool_that_the_writer_left_is_not_given_out(
    nodes: tuple[Node, Node], monkeypatch: pytest.MonkeyPatch
) -> None:
    """When the writer is dead no suspension could reach the spool: what lies in it has a short life of its own."""
    host, partner = nodes
    _, here_ = journey(host, partner)
    report(partner, here_, 25.5)
    context = client_context(host.home, Card.of(host.home.partners["cn"].card).certificate)

    async def main() -> None:
        async with served(partner.home) as url:
            assert (await status(url, context, "/exchange/positions"))[0] == 200
            monkeypatch.setattr(spool, "FRESH_SECONDS", 0.5)
            await asyncio.sleep(0.6)
            assert await status(url, context, "/exchange/positions") == (204, b"")

    run(main)


def test_each_partner_gets_its_own_spool_and_requests_out_of_form_a_number(nodes: tuple[Node, Node]) -> None:
    host, partner = nodes
    _, here_ = journey(host, partner)
    report(partner, here_, 25.5)
    context = client_context(host.home, Card.of(host.home.partners["cn"].card).certificate)

    async def main() -> None:
        async with served(partner.home) as url:
            got, body = await status(url, context, "/exchange/positions")
            head = json.loads(body.splitlines()[0])
            assert got == 200 and len(body.splitlines()) == 2
            for query, expected in (
                (f"spool={head['spool']}&after={head['seq']}", 204),
                (f"spool={head['spool']}&after=0", 200),
                ("spool=other&after=99999", 200),
                (f"spool={'x' * 3_000}", 200),
                ("after=-1", 400),
                ("after=x", 400),
                ("wait=1e9", 400),
            ):
                assert (await status(url, context, f"/exchange/positions?{query}"))[0] == expected, query

    run(main)


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"\n",
        b"{}\n",
        b"[]\n",
        b'{"spool":"ab"}\n',
        b'{"seq":-1,"spool":"ab"}\n',
        b'{"seq":true,"spool":"ab"}\n',
        b'{"seq":1,"spool":"../../keys"}\n',
        b'{"seq":1e400,"spool":"ab"}\n',
        b"[" * 100_000,
        b"\xff\xfe\x00" * 1_000,
        b"x" * (MAX_BYTES + 1),
        b'{"seq":1,"spool":"ab"}\n' + b"x\n" * (MAX_BYTES // 4),
    ],
)
def test_a_server_that_answers_anything_else_harms_nothing(
    nodes: tuple[Node, Node], monkeypatch: pytest.MonkeyPatch, body: bytes
) -> None:
    host, partner = nodes
    there, here_ = journey(host, partner)
    honest, answers = FeedServer.positions, [0]

    async def positions(self: FeedServer, request: web.Request) -> web.Response:
        answers[0] += 1
        return web.Response(body=body) if answers[0] == 1 else await honest(self, request)

    monkeypatch.setattr(FeedServer, "positions", positions)

    async def main() -> None:
        async with served(partner.home) as url, running(live(host, url)):  # type: ignore[arg-type]
            await until(lambda: answers[0] > 1)
            report(partner, here_, 25.5)
            await until(lambda: bool(kept(host, there, "cn")))

    run(main)


def test_a_partner_that_floods_is_taken_no_faster_than_agreed(
    nodes: tuple[Node, Node], monkeypatch: pytest.MonkeyPatch
) -> None:
    host, partner = nodes
    there, here_ = journey(host, partner)
    report(partner, here_, 25.5)
    (line,) = lines(partner, host)
    handed, lasted = [0], 0.0
    inner = HereDoor.call

    async def counted(self: HereDoor, job: str, payload: dict[str, Any]) -> dict[str, Any]:
        handed[0] += len(payload.get("lines", ()))
        return await inner(self, job, payload)

    async def flood(_self: FeedServer, _request: web.Request) -> web.Response:
        now = time.time()
        some = [[n, line[1], line[2], now + n / 1e4, 25.0, 66.0, None, None, None] for n in range(2_000)]
        head = json.dumps({"seq": int(now * 1000), "spool": "ab"})
        return web.Response(body="\n".join([head, *map(json.dumps, some)]).encode())

    monkeypatch.setattr(HereDoor, "call", counted)
    monkeypatch.setattr(FeedServer, "positions", flood)

    async def main() -> None:
        nonlocal lasted
        begun = time.monotonic()
        async with served(partner.home) as url, running(live(host, url)):  # type: ignore[arg-type]
            await until(lambda: handed[0] >= 2_000)
            await asyncio.sleep(2.0)
        lasted = time.monotonic() - begun

    run(main)
    assert handed[0] <= live_courier.MOST_AT_ONCE + (lasted + 1) * live_courier.A_SECOND
    found = kept(host, there, "cn")
    assert 0 < len(found) < 5 * (lasted + 1), "of one journey no more than five a second"
    assert all(later.at - fix.at >= 0.2 for fix, later in pairwise(found))


def test_the_server_opens_the_spool_and_no_database_of_positions(nodes: tuple[Node, Node]) -> None:
    host, partner = nodes
    _, here_ = journey(host, partner)
    report(partner, here_, 25.5)
    opened: list[str] = []
    watching = True

    def hook(event: str, arguments: tuple[Any, ...]) -> None:
        if watching and event in ("open", "sqlite3.connect", "os.open"):
            opened.append(str(arguments[0]))

    async def main() -> None:
        context = client_context(host.home, Card.of(host.home.partners["cn"].card).certificate)
        async with served(partner.home) as url:
            opened.clear()
            assert (await status(url, context, "/exchange/positions"))[0] == 200

    sys.addaudithook(hook)
    try:
        run(main)
    finally:
        watching = False
    here = [path for path in opened if str(partner.home.path) in path and "cn/tls" not in path]
    assert [Path(path).name for path in here if "tls" not in path] == ["positions.live"]


def test_a_store_that_cannot_be_written_stops_neither_the_writer_nor_the_ledger(
    nodes: tuple[Node, Node],
) -> None:
    host, partner = nodes
    there, here_ = journey(host, partner)
    report(partner, here_, 25.1)
    on_files = isinstance(store_of(host.home).db, sqlite3.Connection)
    to_read_only = "PRAGMA query_only = {}" if on_files else "SET default_transaction_read_only = {}"
    store_of(host.home).db.execute(to_read_only.format("ON"))
    with pytest.raises(Exception, match="positions cannot be kept"):
        carry(partner, host)
    host.commit("comment", {"remark": {"text": "heard", "stance": "comment"}}, about=there)
    store_of(host.home).db.execute(to_read_only.format("OFF"))
    assert carry(partner, host)["kept"] == 1
