"""The courier: fetches each partner's feed and what flows live, hands it to the writer, takes the cosignatures back.

It opens no database. When the link is down it tries again, ever more slowly up to a minute and never in step
with others; when it is back everything catches up by itself. How the link is, it writes into a small file.
"""

from __future__ import annotations

import asyncio
import base64
import contextlib
import random
import time
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import aiohttp

from safeconduct.exchange.addresses import addresses, attentive, connect_seconds
from safeconduct.exchange.bundle import MAX_BUNDLE
from safeconduct.exchange.identity import Card
from safeconduct.exchange.last_contact import link_of
from safeconduct.exchange.live_courier import LiveCourier
from safeconduct.exchange.server import WAIT_SECONDS
from safeconduct.exchange.tls import client_context
from safeconduct.records.door import AsyncDoor
from safeconduct.records.events import log_event
from safeconduct.records.home import Home, Partner
from safeconduct.records.refusals import Malformed, Unavailable
from safeconduct.records.started import settle
from safeconduct.records.stopping import stop_signal
from safeconduct.records.supervised import supervised

FIRST_PAUSE = 0.25
LONGEST_PAUSE = 15.0
THAW_PAUSE = 2.0
"""Seconds between two looks, at the own writer alone, whether a frozen exchange goes on."""

CONNECTIONS = 2
"""To each partner: one for bundles, one for what flows live."""
FROZEN = "the exchange with this partner is frozen until people have settled why"
IDLE_PAUSE = 1.0
STALL_SECONDS = 30.0
REPORT_SECONDS = 5.0
"""A contact is written down this often while nothing changes."""
QUIET_SECONDS = 10.0
"""A link that is down for less is not worth a line: the other node may be just starting."""
NOT_NOW = (9, 10)
"""What OpenSSL calls a certificate that is not valid yet, and one that is not valid any more."""


class LinkFailed(Exception):
    """The partner's server did not give what it should; the text is for people."""


class Courier:
    """Fetches from one partner for as long as it runs."""

    def __init__(self, home: Home, partner: Partner, door: AsyncDoor) -> None:
        self.home = home
        self.partner = partner
        self.door = door
        self.card = Card.of(partner.card)
        self.link = link_of(home, partner.party)
        self.addresses = addresses(partner)
        self.pause = FIRST_PAUSE
        self.head = 0
        self.wait = 0.0
        self._reported = 0.0
        self._told = ""

    async def run(self) -> None:
        """Pull until cancelled."""
        context = client_context(self.home, self.card.certificate)
        reach = connect_seconds(self.addresses)
        timeout = aiohttp.ClientTimeout(
            total=None, sock_connect=reach, sock_read=WAIT_SECONDS + STALL_SECONDS
        )
        connector = aiohttp.TCPConnector(ssl=context, limit=4, socket_factory=attentive)
        # What a bundle may hold is counted as it comes: nothing that it could unfold into is taken.
        async with aiohttp.ClientSession(
            connector=connector, timeout=timeout, trust_env=False, auto_decompress=False
        ) as session:
            while True:
                try:
                    await self._start()
                    while True:
                        await self._round(session)
                        self.pause = FIRST_PAUSE
                except (aiohttp.ClientError, TimeoutError, OSError) as fault:
                    self.addresses.rotate(-1)
                    await self._failed(_in_words(fault))
                except (LinkFailed, Malformed, Unavailable) as fault:
                    await self._failed(str(fault))

    async def _start(self) -> None:
        cursor = await self.door.call("exchange_cursor", {"partner": self.partner.party})
        self.link.have, self.head = cursor["have"], cursor["head"]
        if cursor["frozen"]:
            self.pause = THAW_PAUSE
            raise LinkFailed(FROZEN)
        # At once: that the partner answers is news, and a node that was restored waits for what it has seen.
        self.wait = 0.0

    async def _round(self, session: aiohttp.ClientSession) -> None:
        """One bundle: ask, wait for something new, hand it over, give the cosignatures back."""
        query = {"from": self.link.have, "head": self.head, "wait": int(self.wait)}
        url = f"{self.addresses[0]}/exchange/bundle"
        asked = time.monotonic()
        async with session.get(url, params=query, allow_redirects=False) as response:
            if response.status != 200:
                raise LinkFailed(f"the partner's server answered {response.status}")
            raw = bytearray()
            async for piece in response.content.iter_any():
                raw += piece
                if len(raw) > MAX_BUNDLE:
                    break
        if len(raw) > MAX_BUNDLE:
            raise LinkFailed("the partner's server sent more than a bundle holds")
        bundle = base64.b64encode(raw).decode()
        answer = await self.door.call("ingest", {"partner": self.partner.party, "bundle": bundle})
        before = (self.link.have, self.head)
        self.link.have, self.head = answer["have"], answer["head"]
        if answer["status"] in ("fork", "frozen"):
            self.pause = THAW_PAUSE
            raise LinkFailed(FROZEN)
        self.wait = WAIT_SECONDS
        unchanged = (self.link.have, self.head) == before
        if not unchanged or time.monotonic() - asked < WAIT_SECONDS / 2:
            await self._give(session, answer)
        self._worked()
        if unchanged and time.monotonic() - asked < WAIT_SECONDS / 2:
            await asyncio.sleep(IDLE_PAUSE)  # what is on offer cannot be taken yet: do not ask in a loop

    async def _give(self, session: aiohttp.ClientSession, answer: dict[str, Any]) -> None:
        data = base64.b64decode(answer["cosignatures"])
        url = f"{self.addresses[0]}/exchange/cosignatures"
        async with session.post(url, data=data, allow_redirects=False) as response:
            if response.status != 204:
                raise LinkFailed(f"the partner's server answered {response.status} to our cosignatures")

    def _worked(self) -> None:
        now = time.time()
        fresh = bool(self.link.last_error)
        self._told = ""
        self.link.last_contact, self.link.last_error, self.link.failing_since = now, "", 0.0
        if fresh or now - self._reported >= REPORT_SECONDS:
            self._reported = now
            self.link.save(self.home)

    async def _failed(self, why: str) -> None:
        now = time.time()
        self.link.last_error = why
        self.link.failing_since = self.link.failing_since or now
        if why != self._told and now - self.link.failing_since > QUIET_SECONDS:
            self._told = why
            log_event("link_failing", partner=self.partner.party)
        self.link.save(self.home)
        await asyncio.sleep(self.pause * random.uniform(0.5, 1.0))  # noqa: S311
        self.pause = min(LONGEST_PAUSE, self.pause * 2)


def _in_words(fault: BaseException) -> str:
    """A network error as people can use it, without addresses or traces."""
    if getattr(getattr(fault, "certificate_error", None), "verify_code", 0) in NOT_NOW:
        return "by this node's clock the partner's certificate is not valid now: look at the clock first"
    match fault:
        case aiohttp.ClientConnectorCertificateError() | aiohttp.ClientSSLError():
            return "the server that answered is not the partner's: its certificate is another"
        case aiohttp.ClientConnectorError():
            return "the partner's server cannot be reached"
        case TimeoutError():
            return "the partner's server did not answer in time"
        case aiohttp.ServerDisconnectedError():
            return "the partner's server closed the connection"
    return "the link broke"


async def run_until(home: Home, stop: asyncio.Event) -> None:
    """Fetch from every partner that has an address until `stop` is set."""
    # Names are looked up in threads, and a name server that is silent holds one for as long as it likes: with a few
    # for all, some dead links would keep every other from connecting again.
    links = ThreadPoolExecutor(CONNECTIONS * len(home.partners) + 1, "names")
    asyncio.get_running_loop().set_default_executor(links)
    door = AsyncDoor(home)
    tasks = [
        asyncio.create_task(carrier(home, partner, door).run(), name=partner.party)
        for partner in home.partners.values()
        if partner.url and partner.card
        for carrier in (Courier, LiveCourier)
    ]
    try:
        ended = asyncio.create_task(stop.wait())
        done, _ = await asyncio.wait([ended, *tasks], return_when=asyncio.FIRST_COMPLETED)
        for task in done - {ended}:
            task.result()
    finally:
        for task in (ended, *tasks):
            task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await asyncio.gather(*tasks, return_exceptions=True)
        await door.close()


def run(home: Home) -> None:
    """Run the courier of a home until SIGINT or SIGTERM."""

    async def main() -> None:
        stop = stop_signal()
        settle()
        async with supervised():
            await run_until(home, stop)

    asyncio.run(main())
