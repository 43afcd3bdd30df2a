"""The line itself: real TLS with pinned certificates, the feed server, the courier."""

from __future__ import annotations

import asyncio
import contextlib
import gzip
import socket
import ssl
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from aiohttp import web

from safeconduct.exchange import courier as courier_words
from safeconduct.exchange import server as serving
from safeconduct.exchange.bundle import Bundle
from safeconduct.exchange.cadence import cosigned
from safeconduct.exchange.courier import Courier
from safeconduct.exchange.identity import Card, tls_files
from safeconduct.exchange.last_contact import link_of
from safeconduct.exchange.server import FeedServer
from safeconduct.exchange.status import describe
from safeconduct.exchange.tls import client_context
from safeconduct.records.home import Home

from .nodes import INCIDENT, Node


class HereDoor:
    """An asynchronous door to a writer in this process."""

    def __init__(self, node: Node) -> None:
        self.node = node

    async def call(self, job: str, payload: dict[str, Any]) -> dict[str, Any]:
        return self.node.door.call(job, payload)


@asynccontextmanager
async def served(home: Home, port: int = 0) -> AsyncIterator[str]:
    """A home's feed server on a free port; gives its address."""
    server = FeedServer(home)
    runner = web.AppRunner(server.application(), access_log=None, shutdown_timeout=0.1)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", port, ssl_context=server.context())
    await site.start()
    try:
        yield f"https://127.0.0.1:{runner.addresses[0][1]}"
    finally:
        server.stopping.set()
        await runner.cleanup()
        server.close()


def courier(node: Node, url: str) -> Courier:
    (partner,) = node.home.partners.values()
    return Courier(node.home, replace(partner, url=url), HereDoor(node))  # type: ignore[arg-type]


@asynccontextmanager
async def running(one: Courier) -> AsyncIterator[None]:
    task = asyncio.create_task(one.run())
    try:
        yield
    finally:
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task


async def until(condition: Callable[[], bool], seconds: float = 90.0) -> float:
    """Wait for a condition; returns how long it took. Raises TimeoutError."""
    start = time.monotonic()
    while not condition():
        if time.monotonic() - start > seconds:
            raise TimeoutError
        await asyncio.sleep(0.01)
    return time.monotonic() - start


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def run(main: Callable[[], Awaitable[None]]) -> None:
    asyncio.run(main())  # type: ignore[arg-type]


def test_a_release_is_on_the_other_side_within_a_second_and_acknowledged(nodes: tuple[Node, Node]) -> None:
    host, partner = nodes

    async def main() -> None:
        async with served(host.home) as url, running(courier(partner, url)):
            await until(lambda: partner.have("pk") == host.feed("cn").size)
            took = []
            for number in (1, 2, 3):
                host.commit("incident", INCIDENT)
                took.append(await until(lambda n=number: len(partner.of_kind("incident", "pk")) == n))
            assert min(took) < 1.0, "a machine may be busy now and then"
            host.publish()
            await until(lambda: cosigned(host.home, "cn").ledger_size == host.feed("cn").head_size())
            await until(lambda: cosigned(host.home, "cn").feed_size == host.feed("cn").size)

    run(main)
    link = link_of(partner.home, "pk")
    assert link.last_contact > time.time() - 60 and link.last_error == ""
    lines = "\n".join(describe(partner.home, partner.door))
    assert "last contact" in lines and "FROZEN" not in lines


def test_after_an_outage_it_catches_up_by_itself(
    nodes: tuple[Node, Node], monkeypatch: pytest.MonkeyPatch
) -> None:
    host, partner = nodes
    port = free_port()

    async def main() -> None:
        async with running(courier(partner, f"https://127.0.0.1:{port}")):
            await until(lambda: link_of(partner.home, "pk").last_error != "")
            assert link_of(partner.home, "pk").last_error == "the partner's server cannot be reached"
            host.commit("incident", INCIDENT)
            async with served(host.home, port):
                await until(lambda: len(partner.of_kind("incident", "pk")) == 1)
            host.commit("incident", INCIDENT)
            async with served(host.home, port):
                await until(lambda: len(partner.of_kind("incident", "pk")) == 2)

    run(main)


async def status(
    url: str, context: ssl.SSLContext, path: str = "/exchange/bundle", **more: Any
) -> tuple[int, bytes]:
    connector = aiohttp.TCPConnector(ssl=context)
    async with aiohttp.ClientSession(connector=connector) as session:
        method = session.post if "data" in more else session.get
        async with method(url + path, **more) as response:
            return response.status, await response.read()


def test_strangers_do_not_get_past_the_handshake(nodes: tuple[Node, Node], tmp_path: Path) -> None:
    host, partner = nodes
    server_card = Card.of(partner.home.partners["pk"].card)
    stranger = Home.create(tmp_path / "stranger", "cn", "partner", "Not cn")
    bare = ssl.create_default_context(cadata=ssl.DER_cert_to_PEM_cert(server_card.certificate))
    bare.check_hostname = False

    async def main() -> None:
        async with served(host.home) as url:
            for context in (client_context(stranger, server_card.certificate), bare):
                with pytest.raises((aiohttp.ClientError, OSError)):
                    await status(url, context)
            got, body = await status(url, client_context(partner.home, server_card.certificate))
            assert got == 200 and Bundle.unpack(body).end == host.feed("cn").size

    run(main)


def test_a_server_with_another_certificate_is_not_the_partner(nodes: tuple[Node, Node], world: Path) -> None:
    host, partner = nodes
    third = Node(world / "xx")

    async def main() -> None:
        async with served(third.home) as url, running(courier(partner, url)):
            await until(lambda: "certificate is another" in link_of(partner.home, "pk").last_error)

    run(main)
    assert link_of(partner.home, "pk").last_contact == 0.0 and partner.have("pk") > 0
    third.close()
    assert host.feed("cn").acks()


def test_a_wrong_clock_accuses_nobody_of_another_certificate(
    nodes: tuple[Node, Node], monkeypatch: pytest.MonkeyPatch
) -> None:
    host, partner = nodes
    monkeypatch.setattr(courier_words, "NOT_NOW", (18,))  # a certificate of one's own making, as both are

    async def main() -> None:
        async with served(host.home) as url:
            one = courier(partner, url)
            stranger = Home.create(partner.home.path / "stranger", "pk", "host", "Not pk")
            certificate = ssl.PEM_cert_to_DER_cert(tls_files(stranger)[0].read_text())
            one.card = replace(one.card, certificate=certificate)
            async with running(one):
                await until(lambda: bool(link_of(partner.home, "pk").last_error))

    run(main)
    assert "look at the clock" in link_of(partner.home, "pk").last_error


def test_each_certificate_opens_its_own_feed_only(nodes: tuple[Node, Node], world: Path) -> None:
    host, _ = nodes
    third = Home.load(world / "xx")
    card = Card.of(third.partners["pk"].card)
    host.commit("incident", INCIDENT, releasable=["cn"])

    async def main() -> None:
        async with served(host.home) as url:
            got, body = await status(url, client_context(third, card.certificate))
            assert got == 200 and b"/feed/xx" in body and b"/feed/cn" not in body and b"pk-cn" not in body

    run(main)


def test_requests_out_of_form_get_a_number_and_no_words(
    nodes: tuple[Node, Node], monkeypatch: pytest.MonkeyPatch
) -> None:
    host, partner = nodes
    context = client_context(partner.home, Card.of(partner.home.partners["pk"].card).certificate)
    monkeypatch.setattr(serving, "REQUESTS_PER_SECOND", 0.0)

    async def main() -> None:
        async with served(host.home) as url:
            for path, expected in (
                ("/exchange/bundle?from=-1", 400),
                ("/exchange/bundle?from=x", 400),
                ("/exchange/bundle?from=99999999999999999999", 400),
                ("/exchange/bundle?from=999999", 409),
                ("/exchange/other", 404),
                ("/../keys/ledger.key", 404),
                ("/exchange/cosignatures", 405),
            ):
                assert await status(url, context, path) == (expected, b"")
            for data, expected in ((b"{}", 400), (b"x" * 300_000, 413)):
                assert await status(url, context, "/exchange/cosignatures", data=data) == (expected, b"")
            seen = {(await status(url, context))[0] for _ in range(int(serving.BURST))}
            assert seen == {200, 429}

    run(main)


def test_a_partner_that_waits_many_times_over_is_sent_away(nodes: tuple[Node, Node]) -> None:
    host, partner = nodes
    context = client_context(partner.home, Card.of(partner.home.partners["pk"].card).certificate)
    path = f"/exchange/bundle?from={host.feed('cn').size}&head=999999&wait=5"

    async def main() -> None:
        async with served(host.home) as url:
            asked = [status(url, context, path) for _ in range(3 * serving.AT_ONCE)]
            found = [code for code, _ in await asyncio.gather(*asked)]
            assert found.count(200) == serving.AT_ONCE and found.count(429) == 2 * serving.AT_ONCE
            assert (await status(url, context))[0] == 200

    run(main)


def test_a_bundle_that_would_unfold_to_gigabytes_is_refused_as_the_bytes_it_is(
    nodes: tuple[Node, Node], monkeypatch: pytest.MonkeyPatch
) -> None:
    host, partner = nodes
    bomb = gzip.compress(bytes(80 * 1024 * 1024))

    async def folded(_self: FeedServer, _request: web.Request) -> web.Response:
        return web.Response(body=bomb, headers={"Content-Encoding": "gzip"})

    monkeypatch.setattr(FeedServer, "bundle", folded)

    async def main() -> None:
        async with served(host.home) as url:
            one = courier(partner, url)
            async with running(one):
                await until(lambda: bool(one.link.last_error))
            assert "not a bundle of this format" in one.link.last_error

    run(main)


def test_the_server_opens_nothing_but_feeds(
    nodes: tuple[Node, Node], monkeypatch: pytest.MonkeyPatch
) -> None:
    host, partner = nodes
    host.commit("incident", INCIDENT)
    for private in (host.home.ledger, host.home.tables):
        if host.home.database is None:
            private.chmod(0o600)
    opened: list[str] = []
    import sys

    watching = True

    def hook(event: str, arguments: tuple[Any, ...]) -> None:
        if watching and event in ("open", "sqlite3.connect", "os.open"):
            opened.append(str(arguments[0]))

    async def main() -> None:
        card = Card.of(partner.home.partners["pk"].card)
        context = client_context(partner.home, card.certificate)
        opened.clear()
        async with served(host.home) as url:
            assert (await status(url, context))[0] == 200

    sys.addaudithook(hook)
    try:
        run(main)
    finally:
        watching = False
    here = [path for path in opened if str(host.home.path) in path]
    assert any("feeds/cn/feed.sqlite3" in path for path in here)
    assert not [
        p
        for p in here
        if any(n in p for n in ("ledger.sqlite3", "tables.sqlite3", "keys/parts", ".key"))
        and not p.endswith("tls.key")
    ]
