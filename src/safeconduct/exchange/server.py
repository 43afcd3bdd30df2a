"""The feed server: gives each partner its own feed over pinned mutual TLS, and takes its cosignatures.

It opens the feeds' databases and key stores and the spools of live positions, and nothing else of the node. It signs
nothing: it hands out what the writer signed. An error says no more than its status code.
"""

from __future__ import annotations

import asyncio
import hashlib
import ssl
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field

from aiohttp import web

from safeconduct.exchange.bundle import MAX_COSIGNATURES, BundleRefused, Cosignatures
from safeconduct.exchange.feed import SIGNED_ENTRIES, AckRefused, Feed
from safeconduct.exchange.identity import Card
from safeconduct.exchange.spool import Shelf
from safeconduct.exchange.tls import server_context
from safeconduct.ledger.database import FAULTS
from safeconduct.records.bus_bell import Bell
from safeconduct.records.bus_link import let_go
from safeconduct.records.events import log_event
from safeconduct.records.home import Home
from safeconduct.records.started import settle
from safeconduct.records.stopping import stop_signal
from safeconduct.records.supervised import supervised

WAIT_SECONDS = 20.0
POLL_SECONDS = 0.04
LIVE_POLL_SECONDS = 0.02
REQUESTS_PER_SECOND = 50.0
BURST = 200.0
MAX_CURSOR = 2**53 - 1
CONNECTIONS = 256
AT_ONCE = 8
"""Requests of one partner that may wait at the same time; its courier needs one."""

_NO_STORE = {"Cache-Control": "no-store"}


@dataclass
class Served:
    """One partner: its card, what flows to it live, its feed once the writer has made it, and how much it may ask."""

    card: Card
    shelf: Shelf
    feed: Feed | None = None
    tokens: float = BURST
    at: float = field(default_factory=time.monotonic)
    under_way: int = 0

    def may_ask(self) -> bool:
        """Take one request from the partner's allowance."""
        if self.under_way >= AT_ONCE:
            return False
        now = time.monotonic()
        self.tokens = min(BURST, self.tokens + (now - self.at) * REQUESTS_PER_SECOND)
        self.at = now
        if self.tokens < 1:
            return False
        self.tokens -= 1
        return True


class FeedServer:
    """Serves every paired partner of a home. A partner is known by its certificate and by nothing else."""

    def __init__(self, home: Home) -> None:
        self.home = home
        self.partners: dict[bytes, Served] = {}
        for partner in home.partners.values():
            if partner.card:
                card = Card.of(partner.card)
                self.partners[hashlib.sha256(card.certificate).digest()] = Served(
                    card, Shelf(home, partner.party)
                )
        self.stopping = asyncio.Event()
        self.bell: Bell | None = None

    def application(self) -> web.Application:
        app = web.Application(client_max_size=MAX_COSIGNATURES, middlewares=[_mute])
        app.router.add_get("/exchange/bundle", self.bundle)
        app.router.add_get("/exchange/positions", self.positions)
        app.router.add_post("/exchange/cosignatures", self.cosignatures)
        return app

    def context(self) -> ssl.SSLContext:
        return server_context(self.home, [s.card.certificate for s in self.partners.values()])

    async def bundle(self, request: web.Request) -> web.Response:
        """Entries from `from` on; with `wait`, as soon as there are any, or a ledger head beyond `head`."""
        served, feed = self._partner(request)
        start, limit = _number(request, "from", 0), _number(request, "limit", SIGNED_ENTRIES)
        head, wait = _number(request, "head", MAX_CURSOR), _number(request, "wait", 0)
        if wait:
            served.under_way += 1
            try:
                await self._until_new(feed, start, head, min(float(wait), WAIT_SECONDS))
            finally:
                served.under_way -= 1
        try:
            body = feed.bundle(start, limit).pack()
        except BundleRefused as fault:
            raise web.HTTPConflict from fault
        return web.Response(body=body, content_type="application/octet-stream", headers=_NO_STORE)

    async def positions(self, request: web.Request) -> web.Response:
        """What of the live positions has changed since `after` of `spool`; 204 when nothing has within `wait`."""
        served = self._served(request)
        spool, after = request.query.get("spool", "")[:64], _number(request, "after", 0)
        deadline = time.monotonic() + min(float(_number(request, "wait", 0)), WAIT_SECONDS)
        served.under_way += 1
        try:
            while (body := served.shelf.since(spool, after)) is None:
                if self.stopping.is_set() or time.monotonic() >= deadline:
                    return web.Response(status=204, headers=_NO_STORE)
                await asyncio.sleep(LIVE_POLL_SECONDS)
        finally:
            served.under_way -= 1
        return web.Response(body=body, content_type="application/octet-stream", headers=_NO_STORE)

    async def cosignatures(self, request: web.Request) -> web.Response:
        """Keep the partner's cosignatures; 409 for one on a head that this node did not sign."""
        served, feed = self._partner(request)
        raw = await request.read()
        try:
            feed.note_cosignatures(served.card, Cosignatures.unpack(raw))
        except BundleRefused as fault:
            raise web.HTTPBadRequest from fault
        except AckRefused as fault:
            raise web.HTTPConflict from fault
        return web.Response(status=204, headers=_NO_STORE)

    async def _until_new(self, feed: Feed, start: int, head: int, seconds: float) -> None:
        deadline = time.monotonic() + seconds
        while not self.stopping.is_set() and time.monotonic() < deadline:
            if feed.size > start or feed.head_size() > head:
                return
            await (self.bell.wait(POLL_SECONDS) if self.bell is not None else asyncio.sleep(POLL_SECONDS))

    def _partner(self, request: web.Request) -> tuple[Served, Feed]:
        served = self._served(request)
        if served.feed is None:
            try:
                served.feed = Feed(self.home, served.card.party)
            except (*FAULTS, OSError) as fault:
                raise web.HTTPServiceUnavailable from fault
        return served, served.feed

    def _served(self, request: web.Request) -> Served:
        transport = request.transport
        tls = transport.get_extra_info("ssl_object") if transport is not None else None
        shown = tls.getpeercert(binary_form=True) if tls is not None else None
        served = self.partners.get(hashlib.sha256(shown).digest()) if shown else None
        if served is None:
            raise web.HTTPForbidden
        if not served.may_ask():
            raise web.HTTPTooManyRequests
        return served

    def close(self) -> None:
        self.stopping.set()
        for served in self.partners.values():
            if served.feed is not None:
                served.feed.close()
                served.feed = None


def _number(request: web.Request, name: str, default: int) -> int:
    text = request.query.get(name)
    if text is None:
        return default
    if not text.isascii() or not text.isdigit() or len(text) > 16:
        raise web.HTTPBadRequest
    return min(int(text), MAX_CURSOR)


Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


@web.middleware
async def _mute(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Errors without a word about their insides."""
    try:
        return await handler(request)
    except web.HTTPException as fault:
        return web.Response(status=fault.status, headers=_NO_STORE)
    except asyncio.CancelledError:
        raise
    except FAULTS as fault:
        log_event("feed_unread", fault=fault)
        return web.Response(status=503, headers=_NO_STORE)
    except Exception as fault:
        log_event("feed_request_failed", fault=fault, unforeseen=True)
        return web.Response(status=500, headers=_NO_STORE)


async def serve_until(home: Home, stop: asyncio.Event) -> None:
    """Serve the feeds of a home on `exchange_address` and `exchange_port` until `stop` is set."""
    server = FeedServer(home)
    runner = web.AppRunner(
        server.application(),
        access_log=None,
        keepalive_timeout=75.0,
        max_line_size=4096,
        max_field_size=4096,
        shutdown_timeout=2.0,
    )
    await runner.setup()
    address = str(home.settings.get("exchange_address", "127.0.0.1"))
    port = int(home.settings.get("exchange_port", 9001))
    site = web.TCPSite(runner, address, port, ssl_context=server.context(), backlog=CONNECTIONS)
    try:
        await site.start()
        server.bell = Bell(home)
        await server.bell.listen()
        async with supervised():
            await stop.wait()
    finally:
        server.stopping.set()
        await let_go(home)
        await runner.cleanup()
        server.close()


def serve(home: Home) -> None:
    """Run the feed server of a home until SIGINT or SIGTERM."""

    async def main() -> None:
        stop = stop_signal()
        settle()
        await serve_until(home, stop)

    asyncio.run(main())
