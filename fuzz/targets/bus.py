"""What comes through NATS, whose server is believed nothing: forged, and as somebody with the node's key could write it."""

from __future__ import annotations

from typing import Any

from fuzz.target import Target
from safeconduct.positions.store import Position
from safeconduct.positions.waiting import Sealing
from safeconduct.records.bus_messages import NotOurs, Told, Writing, announced, moved

WRITING, SEALING = Writing(bytes(range(32))), Sealing(bytes(range(32)))
SUBJECT, MOVED, WAITING = announced("pk", "incident"), moved("pk"), "pk.waiting.m1"
EVENT = {"topic": "records", "kind": "incident", "record": "r1", "index": 7}
HEARD = Told("run", 5, [EVENT], 2)
POSITION = Position("m1", "p1", 1_728_237_600.0, 24.9, 67.1, 12.0, 3.0, 90.0)


def _signed(subject: str, data: bytes) -> bytes:
    return WRITING._sign(subject, data)


def _waiting(data: bytes) -> Any:
    return SEALING.open(WAITING, data)


def _waiting_sealed(data: bytes) -> Any:
    nonce = bytes(12)
    return SEALING.open(WAITING, nonce + SEALING._cipher.encrypt(nonce, data, WAITING.encode()))


def _told(said: bytes) -> bytes:
    return said[32:]


TARGETS = (
    Target(
        "announcement through NATS",
        lambda data: WRITING.read(SUBJECT, data),
        (NotOurs,),
        lambda: [WRITING.pack(SUBJECT, HEARD)],
        ("records.bus_messages:Writing._open",),
        again=lambda told: WRITING.pack(SUBJECT, told),
    ),
    Target(
        "announcement under the node's key",
        lambda data: WRITING.read(SUBJECT, _signed(SUBJECT, data)),
        (NotOurs,),
        lambda: [_told(WRITING.pack(SUBJECT, HEARD)), _told(WRITING.pack(SUBJECT, Told("run", 1)))],
        (),
        form="json",
    ),
    Target(
        "journeys that moved, under the node's key",
        lambda data: WRITING.read_moved(MOVED, _signed(MOVED, data)),
        (NotOurs,),
        lambda: [_told(WRITING.pack_moved(MOVED, ["m1", "m2"]))],
        (),
        form="json",
    ),
    Target(
        "report that waits",
        _waiting,
        (NotOurs,),
        lambda: [SEALING.close(WAITING, [POSITION])[0]],
        ("positions.waiting:Sealing.open",),
    ),
    Target(
        "report that waits, under the node's key",
        _waiting_sealed,
        (NotOurs,),
        lambda: [b'[["m1","p1",1728237600.0,24.9,67.1,12.0,3.0,90.0]]'],
        (),
        form="json",
    ),
)
