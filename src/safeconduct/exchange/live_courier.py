"""Fetches what flows live from a partner, beside the bundles: no backlog of the feed is in its way.

It has a connection of its own over the same pinned channel, asks only while a clause in force here lets anything flow,
and hands what comes to the writer, which checks it. It remembers nothing: what it asks for again counts once.
"""

from __future__ import annotations

import asyncio
import random
import time

import aiohttp

from safeconduct.exchange.addresses import addresses, attentive, connect_seconds
from safeconduct.exchange.identity import Card
from safeconduct.exchange.server import WAIT_SECONDS
from safeconduct.exchange.spool import MAX_BYTES, MOST
from safeconduct.exchange.tls import client_context
from safeconduct.records.door import AsyncDoor
from safeconduct.records.events import log_event
from safeconduct.records.home import Home, Partner
from safeconduct.records.refusals import Malformed, Refused, Unavailable

LOOK = 1.0
"""Seconds between two looks whether a clause lets anything flow."""
PACE = 0.1
"""Seconds after an answer until the next question: what moves meanwhile comes together."""
AGAIN, LONGEST_AGAIN = 2.0, 60.0
"""Seconds until everything is asked for again after something came too early to be taken; doubled while it does."""
ANSWER_SECONDS = 10.0
FIRST_PAUSE, LONGEST_PAUSE = 0.25, 15.0
AT_ONCE = 250
"""Positions that are handed to the writer with one job."""
MOST_AT_ONCE = 2 * MOST
A_SECOND = 300.0
"""Positions that are taken from one partner, all journeys together; an answer beyond that is dropped and asked for
again."""


class LiveFailed(Exception):
    """The partner's server did not give what it should."""


class LiveCourier:
    """Follows one partner's positions for as long as it runs."""

    def __init__(self, home: Home, partner: Partner, door: AsyncDoor) -> None:
        self.home, self.partner, self.door = home, partner, door
        self.addresses = addresses(partner)
        self.spool, self.after = "", 0
        self._again_at, self._again = 0.0, AGAIN
        self._told = ""
        self._left, self._since = float(MOST_AT_ONCE), time.monotonic()

    async def run(self) -> None:
        """Follow until cancelled."""
        context = client_context(self.home, Card.of(self.partner.card).certificate)
        timeout = aiohttp.ClientTimeout(
            total=WAIT_SECONDS + ANSWER_SECONDS, sock_connect=connect_seconds(self.addresses)
        )
        connector = aiohttp.TCPConnector(ssl=context, limit=1, socket_factory=attentive)
        pause = FIRST_PAUSE
        async with aiohttp.ClientSession(
            connector=connector, timeout=timeout, trust_env=False, auto_decompress=False
        ) as session:
            while True:
                try:
                    if await self._wanted():
                        await self._round(session)
                        pause, self._told = FIRST_PAUSE, ""
                    else:
                        await asyncio.sleep(LOOK)
                    continue
                except (aiohttp.ClientError, TimeoutError, OSError, LiveFailed):
                    self.addresses.rotate(-1)
                except (Malformed, Refused, Unavailable) as fault:
                    self._warn(type(fault).__name__)
                self.spool, self.after = "", 0
                await asyncio.sleep(pause * random.uniform(0.5, 1.0))  # noqa: S311
                pause = min(LONGEST_PAUSE, pause * 2)

    def _warn(self, why: str) -> None:
        """Say once what is wrong, until it has worked again."""
        if why != self._told:
            self._told = why
            log_event("flow_refused", partner=self.partner.party, code=why)

    async def _wanted(self) -> bool:
        answer = await self.door.call("positions_wanted", {"partner": self.partner.party})
        return bool(answer["wanted"])

    async def _round(self, session: aiohttp.ClientSession) -> None:
        """One answer: ask, wait for something new, hand it over."""
        now = time.monotonic()
        if self._again_at and now >= self._again_at:
            self.spool, self.after, self._again_at = "", 0, 0.0
        wait = min(WAIT_SECONDS, self._again_at - now) if self._again_at else WAIT_SECONDS
        query: dict[str, str | int] = {"spool": self.spool, "after": self.after, "wait": max(0, int(wait))}
        url = f"{self.addresses[0]}/exchange/positions"
        async with session.get(url, params=query, allow_redirects=False) as response:
            if response.status == 204:
                if time.monotonic() - now < LOOK:
                    await asyncio.sleep(LOOK)
                return
            if response.status != 200:
                raise LiveFailed(response.status)
            raw = bytearray()
            async for piece in response.content.iter_any():
                raw += piece
                if len(raw) > MAX_BYTES:
                    raise LiveFailed("more than positions are")
        await self._hand_over(bytes(raw))
        await asyncio.sleep(PACE)

    async def _hand_over(self, raw: bytes) -> None:
        head, *lines = raw.decode("utf-8", "replace").split("\n")
        if not self._take(len(lines)):
            await asyncio.sleep(AGAIN)  # by then what moved in between has become fewer
            return
        lines, early = [line for line in lines if line], False
        for first in range(0, max(1, len(lines)), AT_ONCE):
            payload = {"partner": self.partner.party, "head": head, "lines": lines[first : first + AT_ONCE]}
            answer = await self.door.call("positions_flowed", payload)
            self.spool, self.after = answer["spool"], answer["seq"]
            early = early or answer["early"]
        if not early:
            self._again = AGAIN
        elif not self._again_at:
            self._again_at = time.monotonic() + self._again
            self._again = min(LONGEST_AGAIN, 2 * self._again)

    def _take(self, count: int) -> bool:
        """Whether so many positions are within what one partner may send."""
        now = time.monotonic()
        self._left = min(MOST_AT_ONCE, self._left + (now - self._since) * A_SECOND)
        self._since = now
        if self._left < count:
            return False
        self._left -= count
        return True
