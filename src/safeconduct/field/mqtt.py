"""OwnTracks over MQTT: each device speaks on its own topics, and is acknowledged when its report is durable.

It is no broker: nothing is handed from one device to another, so none can hear another. A library's broker would
acknowledge a report before this node has it, and the device would forget it.
"""

from __future__ import annotations

import asyncio
import contextlib
import ssl
import time

from safeconduct.field import mqtt_wire as wire
from safeconduct.field import owntracks
from safeconduct.field.intake import Intake, TooMuch
from safeconduct.field.said import NotUnderstood
from safeconduct.positions.limits import Bucket
from safeconduct.records.events import log_event
from safeconduct.records.kinds import PartRefused
from safeconduct.records.refusals import Malformed, NotFound, Refused, Unavailable

MOST_CONNECTIONS = 5_000
MOST_STRANGERS = 100
"""Connections of one address that have not said who they are: they leave room for those who do."""
CONNECT_SECONDS = 10.0
LOOK_AGAIN = 0.5
"""Seconds between two looks at which devices were revoked; their connections are ended."""
LONGEST_SILENCE = 3_600.0
WRONG_AT_ONCE, WRONG_A_SECOND = 20, 0.2


class Mqtt:
    """The MQTT listener of a node."""

    def __init__(self, intake: Intake, host: str, port: int, context: ssl.SSLContext | None = None) -> None:
        self.intake, self.host, self.port, self.context = intake, host, port, context
        self._wrong = Bucket("wrong", WRONG_AT_ONCE, WRONG_A_SECOND)
        self._open: dict[str, _Connection] = {}
        self._connections: set[_Connection] = set()
        self._server: asyncio.Server | None = None
        self._looking: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Listen. Raises OSError for a port that is taken."""
        self._server = await asyncio.start_server(
            self._serve, self.host, self.port, ssl=self.context, limit=wire.MOST, backlog=1_024
        )
        self.port = int(self._server.sockets[0].getsockname()[1])
        self._looking = asyncio.create_task(self._look_again())

    async def close(self) -> None:
        if self._server is not None:
            self._server.close()
        if self._looking is not None:
            self._looking.cancel()
        for connection in list(self._connections):
            connection.end()
        await asyncio.sleep(0)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        connection = _Connection(self, reader, writer)
        if (
            len(self._connections) >= MOST_CONNECTIONS
            or self._strangers(connection.address) >= MOST_STRANGERS
        ):
            connection.end()
            return
        self._connections.add(connection)
        try:
            await connection.run()
        except (wire.NotMqtt, EOFError, OSError, TimeoutError) as fault:
            log_event("device_wrong", fault=fault)
        except Exception as fault:
            log_event("device_wrong", fault=fault, unforeseen=True)
        finally:
            self._connections.discard(connection)
            if self._open.get(connection.device) is connection:
                del self._open[connection.device]
            connection.end()

    def _strangers(self, address: str) -> int:
        """Connections from an address that have not said who they are."""
        return sum(not each.device and each.address == address for each in self._connections)

    async def admit(self, connection: _Connection, said: wire.Connect) -> int:
        """Take the device in, or the code of why not. A device has one connection: the newest."""
        device = await self.intake.device_of(said.password, said.user) if said.user else None
        if device is not None:
            try:
                await self.intake.about(device)
            except NotFound:
                device = None
            except Unavailable:
                return wire.BUSY
        if device is None:
            slow = self._wrong.take(connection.address, 1, time.monotonic())
            return wire.BUSY if slow else wire.NOT_KNOWN
        earlier = self._open.get(device)
        if earlier is not None:
            earlier.end()
        connection.device = device
        self._open[device] = connection
        return wire.ACCEPTED

    async def _look_again(self) -> None:
        while True:
            await asyncio.sleep(LOOK_AGAIN)
            for device, connection in list(self._open.items()):
                if not await self.intake.holds(device):
                    connection.end()


class _Connection:
    def __init__(self, mqtt: Mqtt, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.mqtt, self.reader, self.writer = mqtt, reader, writer
        self.device = self.user = ""
        self.address = str((writer.get_extra_info("peername") or ("",))[0])
        self._received: set[int] = set()

    def end(self) -> None:
        with contextlib.suppress(Exception):
            self.writer.close()

    async def run(self) -> None:
        async with asyncio.timeout(CONNECT_SECONDS):
            kind, _flags, body = await wire.read_packet(self.reader, 4_096)
        if kind != wire.CONNECT:
            raise wire.NotMqtt("CONNECT first")
        try:
            said = wire.read_connect(body)
        except wire.NotMqtt:
            self.writer.write(wire.write_connack(wire.WRONG_PROTOCOL))
            await self.writer.drain()
            raise
        code = await self.mqtt.admit(self, said)
        self.writer.write(wire.write_connack(code))
        await self.writer.drain()
        if code != wire.ACCEPTED:
            return
        self.user = said.user
        silence = said.keep_alive * 1.5 or LONGEST_SILENCE
        while True:
            async with asyncio.timeout(silence):
                kind, flags, body = await wire.read_packet(self.reader)
            if kind == wire.DISCONNECT:
                return
            answer = await self._answer(kind, flags, body)
            if answer:
                self.writer.write(answer)
                await self.writer.drain()

    async def _answer(self, kind: int, flags: int, body: bytes) -> bytes:
        match kind:
            case wire.PUBLISH:
                return await self._published(wire.read_publish(flags, body))
            case wire.PUBREL:
                number = wire.read_number(body)
                self._received.discard(number)
                return wire.write_answer(wire.PUBCOMP, number)
            case wire.SUBSCRIBE:
                number, topics = wire.read_topics(body, with_qos=True)
                granted = bytes(1 if self._own(topic) else wire.REFUSED_TOPIC for topic in topics[:100])
                return wire.write_answer(wire.SUBACK, number, granted)
            case wire.UNSUBSCRIBE:
                return wire.write_answer(wire.UNSUBACK, wire.read_topics(body, with_qos=False)[0])
            case wire.PINGREQ:
                return wire.PONG
        raise wire.NotMqtt("a device does not send this")

    async def _published(self, said: wire.Publish) -> bytes:
        if not self._own(said.topic):
            # MQTT 3.1.1 has no answer to a report that is refused but the end of the connection.
            raise wire.NotMqtt("a topic of another device")
        if said.qos < 2 or said.number not in self._received:
            await self._taken(said)
        if said.qos == 2:
            self._received.add(said.number)
            if len(self._received) > 1_000:
                raise wire.NotMqtt("too many reports without their end")
            return wire.write_answer(wire.PUBREC, said.number)
        return wire.write_answer(wire.PUBACK, said.number) if said.qos else b""

    async def _taken(self, said: wire.Publish) -> None:
        """Make it durable. What cannot be ends the connection without an acknowledgement: the device sends it again."""
        try:
            if not await self.mqtt.intake.holds(self.device):
                raise wire.NotMqtt("revoked")
            await self.mqtt.intake.take(self.device, owntracks.read(said.payload))
        except NotUnderstood as fault:
            log_event("device_wrong", fault=fault)
        except TooMuch as fault:
            await asyncio.sleep(min(fault.wait, 5))
            raise wire.NotMqtt("too much") from None
        except (Refused, Malformed, PartRefused, NotFound, Unavailable) as fault:
            raise wire.NotMqtt(type(fault).__name__) from fault

    def _own(self, topic: str) -> bool:
        levels = topic.split("/")
        return len(levels) >= 3 and levels[0] == "owntracks" and levels[1] == self.user
