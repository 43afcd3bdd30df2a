"""What goes out to TAK clients: decided for each reader, written once for all who may see the same.

A reader's stream is noted when it opens and closes. Who may follow a movement is worked out when it is first needed
and kept until something changes: a policy, a role, the movement, or fifteen seconds.
"""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import Awaitable, Callable, Iterable, Sequence
from typing import Any

from safeconduct.agreement.policy import Subject
from safeconduct.field import cot_audience
from safeconduct.field.cot_audience import KINDS, Standing
from safeconduct.field.cot_events import Event, write_removal
from safeconduct.field.cot_intake import Report
from safeconduct.field.cot_markers import device_marker, journey_marker, record_marker, write_fix
from safeconduct.field.cot_receiver import Client
from safeconduct.positions.store import Position, Store
from safeconduct.records import principals
from safeconduct.records.bus import hear
from safeconduct.records.door import AsyncDoor, Door
from safeconduct.records.events import log_event
from safeconduct.records.home import Home
from safeconduct.records.refusals import Refused, Unavailable

BEAT = 15.0
"""Seconds after which everything is decided again, since time itself opens and closes grants."""
LOOK_FOR_OTHERS = 2.0
"""Seconds between two looks for positions that other protocols brought, when nobody tells of any."""
GATHERED = 0.5
"""Seconds in which those that the writer tells of are gathered."""
LOOK_BACK = 120.0
CHUNK = 16 * 1024
RETRY_BUS = 1.0
AT_ONCE = 5_000

Ask = Callable[[Callable[[], Any]], Awaitable[Any]]
Course = list[tuple[str, list[Client]]]
"""Who is sent a marker, by what it is called for them."""


class Outflow:
    """All that this gateway's clients are shown."""

    def __init__(self, home: Home, ask: Ask, door: Door, async_door: AsyncDoor) -> None:
        self.home = home
        self._ask, self._door, self._async_door = ask, door, async_door
        self.readers: set[Client] = set()
        self.live = False
        """Whether the writer is heard: else nothing could be noted, and nothing is shown."""
        self.on_device: Callable[[str], Awaitable[None]] | None = None
        self.on_journeys: Callable[[], Awaitable[None]] | None = None
        self._generation = 0
        self._courses: dict[tuple[str, str, str], Course] = {}
        self._markers: dict[str, set[str]] = {}
        self._latest: dict[str, tuple[float, str, Event | None, Position]] = {}
        self._sent: dict[str, float] = {}
        self._own: dict[tuple[str, str], float] = {}
        self._store: Store | None = None
        self._changed: dict[str, str] = {}
        self._everything = False
        self._again = asyncio.Event()
        self._others = asyncio.Event()
        self._notes: set[asyncio.Task[bool]] = set()

    # --- coming and going

    async def join(self, client: Client) -> None:
        """Begin to show a client what it may see. Without a writer it waits for one, and sends all the same."""
        if client.device is None:
            return
        self.readers.add(client)
        if self.live:
            await self._open(client)

    def leave(self, client: Client) -> None:
        """A connection has ended."""
        self.readers.discard(client)
        self._forget_courses()
        if client.subject is not None:
            task = asyncio.get_running_loop().create_task(self._note(client, client.subject, "closed"))
            self._notes.add(task)
            task.add_done_callback(self._notes.discard)
            client.subject = None

    async def all_closed(self) -> None:
        """Wait until it is noted that the streams have ended."""
        await asyncio.gather(*self._notes, return_exceptions=True)

    async def _open(self, client: Client) -> None:
        assert client.device is not None  # noqa: S101
        person, own = client.device.reads_as, client.device.speaks_for
        try:
            reader = await self._ask(lambda: cot_audience.reader_of(person))
            meanwhile = client.subject is not None or client.device.reads_as != person
            if reader is None or meanwhile or client not in self.readers:
                return
            client.subject = reader
            if not await self._note(client, reader, "opened"):
                client.subject = None
                return
            found: Standing = await self._ask(lambda: cot_audience.standing(reader, own, self._door))
        except (Unavailable, Refused):
            client.subject = None
            return
        if client in self.readers and client.subject == reader:
            self._show(client, found)

    def _show(self, client: Client, found: Standing) -> None:
        """Everything that is open, in large pieces, and what moved while it was looked up."""
        piece, own = bytearray(), client.device.speaks_for if client.device is not None else ""
        for event in found.events:
            piece += event
            if len(piece) >= CHUNK:
                client.tell(bytes(piece))
                piece.clear()
        client.shown |= found.markers
        client.follows.update(found.follows)
        client.sources.update(found.sources)
        for movement, name in found.follows.items():
            known, latest = found.newest.get(movement), self._latest.get(movement)
            if latest is not None and (known is None or latest[0] > known.at):
                at, marker, event_, position = latest
                if position.person == own or position.party not in found.sources[movement]:
                    continue
                piece += write_fix(marker, name, at, event_, position)
        if piece:
            client.tell(bytes(piece))
        self._forget_courses()

    async def _note(self, client: Client, reader: Subject, what: str) -> bool:
        if client.device is None:
            return False
        topics = ["cot", f"device:{client.device.id}", *(f"positions:{m}" for m in sorted(client.follows))]
        payload = {"actor": principals.to_wire(reader), "what": what, "topics": topics}
        try:
            await self._async_door.call("stream", payload)
        except (Unavailable, Refused):
            return False
        return True

    # --- positions

    def expect(self, report: Report) -> None:
        """This report comes here by itself: it is not to be looked for in the store."""
        self._own[report.position.movement, report.position.person] = time.time()

    async def relay(self, reports: Sequence[Report]) -> None:
        """Show what was stored to all who may follow it; of one device never an older position after a newer."""
        by: dict[tuple[str, str], list[Report]] = {}
        for report in reports:
            if report.event.at > self._sent.get(report.device.id, 0.0):
                self._sent[report.device.id] = report.event.at
                by.setdefault((report.position.movement, report.device.id), []).append(report)
        if not self.live:
            return
        for (movement, device), some in by.items():
            marker = device_marker(device)
            fixes = [(r.event.at, r.event, r.position) for r in some]
            await self._send(movement, marker, device, fixes)

    async def _send(
        self,
        movement: str,
        marker: str,
        device: str,
        fixes: Sequence[tuple[float, Event | None, Position]],
    ) -> None:
        at, event, position = fixes[-1]
        self._latest[movement] = (at, marker, event, position)
        self._markers.setdefault(movement, set()).add(marker)
        course = self._courses.get((movement, marker, position.party))
        if course is None:
            course = await self._decide(movement, marker, device, position.party)
        for name, clients in course:
            written = [write_fix(marker, name, *fix) for fix in fixes]
            data, newest = (b"".join(written), written[-1]) if len(written) > 1 else (written[0], written[0])
            for client in clients:
                client.offer(marker, data, newest)

    async def _decide(self, movement: str, marker: str, device: str, party: str) -> Course:
        """Who is shown a party's positions of this movement now. Nobody, while the decision is overtaken by another
        change."""
        for _ in range(3):
            generation = self._generation
            course = await self._decided(movement, device, party)
            if generation == self._generation:
                self._courses[movement, marker, party] = course
                return course
        return []

    async def _decided(self, movement: str, device: str, party: str) -> Course:
        clients = [c for c in self.readers if c.subject is not None and c.device is not None]
        subjects = [c.subject for c in clients]
        allowed = await self._ask(lambda: cot_audience.may_all_follow(subjects, movement))
        newly = [
            c for c, may in zip(clients, allowed, strict=True) if may - c.sources.get(movement, frozenset())
        ]
        for client in newly:
            await self._admit(client, movement)
        course: dict[str, list[Client]] = {}
        for client, may in zip(clients, allowed, strict=True):
            if client.sources.get(movement, frozenset()) - may:
                self._drop(client, movement)
            elif (
                party in client.sources.get(movement, ())
                and client.device is not None
                and client.device.id != device
            ):
                course.setdefault(client.follows[movement], []).append(client)
        return list(course.items())

    async def _admit(self, client: Client, movement: str) -> None:
        """A movement that is new to a reader: noted as read before its position is shown."""
        reader, found = client.subject, Standing()
        if reader is None:
            return

        def work() -> None:
            name = cot_audience.called(reader, movement, self._door)
            cot_audience.admit(reader, {movement: name}, found, self._door)

        try:
            await self._ask(work)
        except (Unavailable, Refused):
            return
        if client.subject == reader:
            client.follows.update(found.follows)
            client.sources.update(found.sources)

    def _drop(self, client: Client, movement: str) -> None:
        """A reader may not follow a movement any more as before: what waits is not sent, and its markers go."""
        client.sources.pop(movement, None)
        if client.follows.pop(movement, None) is None:
            return
        for marker in {journey_marker(movement), *self._markers.get(movement, ())}:
            client.forget(marker)
            client.shown.discard(marker)
            client.tell(write_removal(marker, time.time()))

    async def look_for_others(self) -> None:
        """Show the positions that phones and other protocols brought: they are in the store, this process is not
        told of them."""
        since = time.time() - LOOK_BACK
        seen: dict[tuple[str, str], float] = {}
        while True:
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._others.wait(), LOOK_FOR_OTHERS)
                await asyncio.sleep(GATHERED)
            self._others.clear()
            since = max(since, time.time() - LOOK_BACK)
            if not self.live or not any(client.follows for client in self.readers):
                continue
            found: list[Position] = await self._ask(lambda s=since: self._recent(s))  # type: ignore[misc]
            newest: dict[tuple[str, str], Position] = {}
            for each in found:
                key = (each.movement, each.person)
                if self._own.get(key, 0.0) < time.time() - LOOK_BACK and each.at > seen.get(key, 0.0):
                    seen[key] = each.at
                    newest[each.movement, each.party] = each
            for (movement, _), position in newest.items():
                await self._send(movement, journey_marker(movement), "", [(position.at, None, position)])
            _forget_before(seen, time.time() - 2 * LOOK_BACK)
            _forget_before(self._own, time.time() - 2 * LOOK_BACK)

    def _recent(self, since: float) -> list[Position]:
        if self._store is None:
            self._store = Store(self.home)
        return self._store.recent(since, AT_ONCE)

    # --- what changes

    async def follow_bus(self) -> None:
        """Listen to the writer while the gateway lives; when it is not heard, nothing is shown."""
        while True:
            with contextlib.suppress(OSError, ValueError):
                async for event in hear(self.home):
                    if not self.live:
                        if not await self._caught_up():
                            break
                        self.live = self._everything = True
                        self._forget_courses()
                        self._again.set()
                    self._heard(event)
            self.live = False
            self._forget_courses()
            await asyncio.sleep(RETRY_BUS)

    async def _caught_up(self) -> bool:
        """Look up every device: what was done to them meanwhile was not heard. Before that nothing is shown."""
        try:
            if self.on_journeys is not None:
                await self.on_journeys()
        except Exception as fault:
            log_event("live_failed", fault=fault, unforeseen=not isinstance(fault, (Unavailable, Refused)))
            return False
        return True

    def _heard(self, event: dict[str, Any]) -> None:
        name, record = str(event.get("kind") or ""), str(event.get("record") or "")
        topic = event.get("topic")
        if topic in ("positions", "subscribed"):
            self._others.set()
        if topic in ("policy", "subscribed") or name == "role_assignment" or (name in KINDS and not record):
            self._everything = True
        elif name == "movement" or name == "device" or name in KINDS:
            self._changed[record] = name
        else:
            return
        self._forget_courses()
        self._again.set()

    async def decide_again(self) -> None:
        """Take up every change as it comes, and look at everything from time to time."""
        while True:
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._again.wait(), BEAT)
            beat = not self._again.is_set()
            self._again.clear()
            changed, self._changed = self._changed, {}
            everything, self._everything = self._everything, False
            try:
                for record, name in changed.items():
                    if name == "device" and self.on_device is not None:
                        await self.on_device(record)
                if self.on_journeys is not None and "movement" in changed.values():
                    await self.on_journeys()
                if self.live:
                    await self._look(changed, everything, beat)
            except (Unavailable, Refused) as fault:
                log_event("live_failed", fault=fault)
                await self._later(changed)
            except Exception as fault:
                log_event("live_failed", fault=fault, unforeseen=True)
                await self._later(changed)

    async def _later(self, changed: dict[str, str]) -> None:
        """What could not be taken up is taken up again, with all that may have been missed meanwhile."""
        await asyncio.sleep(RETRY_BUS)
        self._changed = {**changed, **self._changed}
        self._everything = True
        self._again.set()

    async def _look(self, changed: dict[str, str], everything: bool, beat: bool) -> None:
        clients = [c for c in self.readers if c.device is not None]
        if everything or beat:
            self._forget_courses()
            persons = [(c.device.reads_as if c.device else "", c.subject) for c in clients]
            now = await self._ask(lambda: cot_audience.still(persons))
            for client, subject in zip(clients, now, strict=True):
                if client.subject is None:
                    if subject is not None and client in self.readers:
                        await self._open(client)
                elif subject is None:
                    client.end()
                elif everything or subject != client.subject:
                    client.subject = subject
                    await self._show_anew(client)
        for record, name in sorted(changed.items(), key=lambda item: item[1] != "sos"):
            if name in KINDS:
                await self._tell(record, name)
        await self._narrow()

    async def _show_anew(self, client: Client) -> None:
        """What is allowed may have changed: take off what is shown no longer, add what is new."""
        reader = client.subject
        if reader is None or client.device is None:
            return
        own = client.device.speaks_for
        found: Standing = await self._ask(lambda: cot_audience.standing(reader, own, self._door))
        if client.subject != reader or client not in self.readers:
            return
        for marker in client.shown - found.markers:
            client.tell(write_removal(marker, time.time()))
        client.shown &= found.markers
        for movement in set(client.follows) - set(found.follows):
            self._drop(client, movement)
        self._show(client, found)

    async def _tell(self, record: str, name: str) -> None:
        """A site, a call for help or an alert has changed: once for each reader, never left out."""
        marker = record_marker(record)
        for client in list(self.readers):
            reader, shown = client.subject, marker in client.shown
            if reader is None:
                continue
            events: list[bytes] = await self._ask(
                lambda r=reader, s=shown: cot_audience.change(r, name, record, s, self._door)  # type: ignore[misc]
            )
            if client.subject != reader or not events:
                continue
            (client.shown.discard if _removes(events) else client.shown.add)(marker)
            client.tell(b"".join(events))

    async def _narrow(self) -> None:
        """Movements that a reader may follow no longer go at once, whether or not anything moves."""
        for movement in {movement for client in self.readers for movement in client.follows}:
            clients = [c for c in self.readers if movement in c.follows]
            subjects = [c.subject for c in clients]
            allowed = await self._ask(lambda s=subjects, m=movement: cot_audience.may_all_follow(s, m))  # type: ignore[misc]
            for client, may in zip(clients, allowed, strict=True):
                if client.sources.get(movement, frozenset()) - may:
                    self._drop(client, movement)

    def _forget_courses(self) -> None:
        self._generation += 1
        self._courses.clear()


def _removes(events: Iterable[bytes]) -> bool:
    return any(b"<__forcedelete/>" in event for event in events)


def _forget_before(seen: dict[tuple[str, str], float], moment: float) -> None:
    for key in [key for key, at in seen.items() if at < moment]:
        del seen[key]
