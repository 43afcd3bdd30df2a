"""MQTT 3.1 and 3.1.1 as bytes (OASIS, 2014): what a device sends to this node, and what is answered.

Only what a device needs that reports: CONNECT, PUBLISH, SUBSCRIBE, PING, DISCONNECT. Whatever else comes, or is longer
than a report can be, ends the connection.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass

CONNECT, CONNACK, PUBLISH, PUBACK, PUBREC, PUBREL, PUBCOMP = 1, 2, 3, 4, 5, 6, 7
SUBSCRIBE, SUBACK, UNSUBSCRIBE, UNSUBACK, PINGREQ, PINGRESP, DISCONNECT = 8, 9, 10, 11, 12, 13, 14
MOST = 64 * 1024
ACCEPTED, WRONG_PROTOCOL, BUSY, NOT_KNOWN = 0, 1, 3, 4
REFUSED_TOPIC = 0x80


class NotMqtt(ValueError):
    """What came is not MQTT, or not what a device may send."""


@dataclass(frozen=True)
class Connect:
    user: str
    password: str
    client: str
    keep_alive: int


@dataclass(frozen=True)
class Publish:
    topic: str
    payload: bytes
    qos: int
    number: int


class _Reader:
    def __init__(self, data: bytes) -> None:
        self.data, self.at = data, 0

    def take(self, count: int) -> bytes:
        found = self.data[self.at : self.at + count]
        if len(found) != count:
            raise NotMqtt("cut off")
        self.at += count
        return found

    def number(self, count: int = 2) -> int:
        return int.from_bytes(self.take(count))

    def blob(self) -> bytes:
        return self.take(self.number())

    def text(self) -> str:
        try:
            found = self.blob().decode("utf-8")
        except UnicodeDecodeError:
            raise NotMqtt("not UTF-8") from None
        if "\0" in found:
            raise NotMqtt("a NUL in a text")
        return found

    def rest(self) -> bytes:
        found, self.at = self.data[self.at :], len(self.data)
        return found

    @property
    def more(self) -> bool:
        return self.at < len(self.data)


async def read_packet(stream: asyncio.StreamReader, most: int = MOST) -> tuple[int, int, bytes]:
    """(type, flags, body) of the next packet. Raises NotMqtt, or EOFError at the end of the stream."""
    first = (await stream.readexactly(1))[0]
    length, shift = 0, 0
    while True:
        each = (await stream.readexactly(1))[0]
        length |= (each & 0x7F) << shift
        if not each & 0x80:
            break
        shift += 7
        if shift > 21:
            raise NotMqtt("a length of more than four bytes")
    if length > most:
        raise NotMqtt("too long")
    return first >> 4, first & 0x0F, await stream.readexactly(length)


def read_connect(body: bytes) -> Connect:
    """Raises NotMqtt for what is none, or speaks another version."""
    reader = _Reader(body)
    protocol, level, flags = reader.text(), reader.number(1), reader.number(1)
    if (protocol, level) not in (("MQTT", 4), ("MQIsdp", 3)):
        raise NotMqtt("MQTT 3.1.1")
    if flags & 0x01:
        raise NotMqtt("a reserved flag")
    keep_alive, client = reader.number(), reader.text()
    if flags & 0x04:
        reader.text()
        reader.blob()
    user = reader.text() if flags & 0x80 else ""
    password = reader.blob().decode("utf-8", "replace") if flags & 0x40 else ""
    if reader.more:
        raise NotMqtt("more than a CONNECT")
    return Connect(user, password, client, keep_alive)


def read_publish(flags: int, body: bytes) -> Publish:
    reader = _Reader(body)
    qos, topic = flags >> 1 & 3, reader.text()
    if qos == 3 or not topic or "+" in topic or "#" in topic:
        raise NotMqtt("not a topic")
    number = reader.number() if qos else 0
    if qos and not number:
        raise NotMqtt("a packet without a number")
    return Publish(topic, reader.rest(), qos, number)


def read_topics(body: bytes, with_qos: bool) -> tuple[int, list[str]]:
    """(packet number, topic filters) of a SUBSCRIBE, or of an UNSUBSCRIBE, which has no QoS. Raises NotMqtt."""
    reader = _Reader(body)
    number, topics = reader.number(), []
    while reader.more:
        topics.append(reader.text())
        if with_qos and reader.number(1) > 2:
            raise NotMqtt("not a QoS")
    if not topics or not number:
        raise NotMqtt("no topic")
    return number, topics


def read_number(body: bytes) -> int:
    return _Reader(body).number()


def write_connack(code: int) -> bytes:
    return bytes((CONNACK << 4, 2, 0, code))


def write_answer(kind: int, number: int, more: bytes = b"") -> bytes:
    """PUBACK, PUBREC, PUBCOMP, SUBACK or UNSUBACK."""
    flags = 2 if kind == PUBREL else 0
    return bytes((kind << 4 | flags, 2 + len(more))) + number.to_bytes(2) + more


PONG = bytes((PINGRESP << 4, 0))
