"""One connection of a TAK client: what it sends is cut into events, what it gets waits in a queue that is bounded.

A client that reads slowly gets fewer positions, always the newest of each marker. Alerts and calls for help are never
left out: when too many wait, the connection ends, and the client that comes back gets all that is open.
"""

from __future__ import annotations

import asyncio
import time
from collections import deque
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Protocol

from safeconduct.field.cot_events import Framer, NotAnEvent

if TYPE_CHECKING:
    from safeconduct.agreement.policy import Subject
    from safeconduct.field.cot_devices import Device

HIGH_WATER = 64 * 1024
"""Bytes that may wait in a connection before it counts as slow."""
MOST_TOLD = 500
"""Alerts and calls for help that may wait for a slow client."""
MOST_MARKERS = 5_000
"""Markers of which the newest position waits for a slow client."""
MOST_EARLY = 200
"""Events that are taken while it is found out who is there; the others wait in the client's own buffer."""
MOST_FAULTS = 20
STALLED = 60.0
"""Seconds after which a client that reads nothing is let go."""
HALF = 30.0
"""Seconds that an event may take from its first byte to its last."""
STRANGER = 15.0
"""Seconds in which a connection must have said who it is."""


class Door(Protocol):
    """What a connection needs of the gateway."""

    def arrived(self, client: Client, certificate: bytes) -> None: ...

    def heard(self, client: Client, events: list[bytes]) -> None: ...

    def left(self, client: Client) -> None: ...


class Client(asyncio.Protocol):
    """The connection; `device` and `subject` are None until the gateway knows who is there."""

    def __init__(self, door: Door) -> None:
        self.door = door
        self.device: Device | None = None
        self.who: Callable[[], Device | None] | None = None
        """Asks anew whose connection this is, by what it showed when it came."""
        self.subject: Subject | None = None
        self.follows: dict[str, str] = {}
        """Movements that this reader may follow, and that are noted as read, with what each is called for them."""
        self.sources: dict[str, frozenset[str]] = {}
        """Whose positions of each that is."""
        self.shown: set[str] = set()
        """Markers that the reader's map has because of this connection."""
        self.early: list[bytes] = []
        self.open = self.asked = self.is_tls = False
        """Whether it is known who is there, whether that was asked, whether the line is secured."""
        self.faults = 0
        self.since = time.monotonic()
        self.transport: asyncio.Transport | None = None
        self._framer = Framer()
        self._half_since = 0.0
        self._slow_since = 0.0
        self._told: deque[bytes] = deque()
        self._newest: dict[str, bytes] = {}

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)  # noqa: S101  (what a stream server gives)
        self.transport = transport
        transport.set_write_buffer_limits(high=HIGH_WATER)
        secured: Any = transport.get_extra_info("ssl_object")
        self.is_tls = secured is not None
        self.door.arrived(self, (secured.getpeercert(binary_form=True) or b"") if self.is_tls else b"")

    def data_received(self, data: bytes) -> None:
        if self._closing():
            return
        try:
            events = self._framer.feed(data)
        except NotAnEvent:
            self.end()
            return
        if not self._framer.waits:
            self._half_since = 0.0
        elif events or not self._half_since:
            self._half_since = time.monotonic()
        if events:
            self.door.heard(self, events)

    def eof_received(self) -> bool:
        return False

    def connection_lost(self, _fault: Exception | None) -> None:
        self._told.clear()
        self._newest.clear()
        self.door.left(self)

    def pause_writing(self) -> None:
        self._slow_since = time.monotonic()

    def resume_writing(self) -> None:
        self._slow_since = 0.0
        self._drain()

    def tell(self, data: bytes) -> None:
        """What must not be left out."""
        if self._closing():
            return
        if not self._slow_since:
            self._write(data)
        elif len(self._told) >= MOST_TOLD:
            self.end()
        else:
            self._told.append(data)

    def offer(self, marker: str, data: bytes, newest: bytes) -> None:
        """Positions of one marker: all of `data` now, or `newest` alone when there is time for it."""
        if self._slow_since:
            if marker in self._newest or len(self._newest) < MOST_MARKERS:
                self._newest[marker] = newest
        elif self.transport is not None:
            self.transport.write(data)

    def forget(self, marker: str) -> None:
        """No position of this marker is to be sent any more."""
        self._newest.pop(marker, None)

    def overdue(self, now: float) -> bool:
        """Whether this connection has been waited for long enough."""
        stranger = self.device is None and not self.asked and now - self.since > STRANGER
        half = self._half_since > 0 and now - self._half_since > HALF
        return stranger or half or (self._slow_since > 0 and now - self._slow_since > STALLED)

    def wrong(self) -> None:
        """An event was none; a client that goes on so is let go."""
        self.faults += 1
        if self.faults > MOST_FAULTS:
            self.end()

    def end(self) -> None:
        """Close at once: what still waits is not sent."""
        if self.transport is not None:
            self.transport.abort()

    def wait(self, seconds: float) -> None:
        """Read nothing more for so long: the client's own buffer holds it back."""
        if self.hold():
            asyncio.get_running_loop().call_later(seconds, self.go_on)

    def hold(self) -> bool:
        """Read nothing more until `go_on`; False when that is so already."""
        if self.transport is None or self._closing() or not self.transport.is_reading():
            return False
        self.transport.pause_reading()
        return True

    def go_on(self) -> None:
        if self.transport is not None and not self._closing():
            self.transport.resume_reading()

    def _drain(self) -> None:
        while self._told and not self._slow_since:
            self._write(self._told.popleft())
        while self._newest and not self._slow_since:
            self._write(self._newest.pop(next(iter(self._newest))))

    def _write(self, data: bytes) -> None:
        if self.transport is not None:
            self.transport.write(data)

    def _closing(self) -> bool:
        return self.transport is None or self.transport.is_closing()
