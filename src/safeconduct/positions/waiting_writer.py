"""The writer looks after the stream in which reports wait: its limits, and that nothing stays whose term is over."""

from __future__ import annotations

import asyncio
import contextlib
from typing import Any

from safeconduct.positions.keeping import EVERY, keep_days
from safeconduct.positions.kinds import TRACK
from safeconduct.positions.waiting import CONSUMER, MOST_BYTES, MOST_MESSAGE, STREAM, waiting_of
from safeconduct.records.bus_link import Link
from safeconduct.records.events import log_event
from safeconduct.records.home import Home
from safeconduct.records.hooks import Ask, job, on_bus
from safeconduct.records.telemetry import is_gone
from safeconduct.records.transaction import Tx

KNOWN_AGAIN = 600.0
"""Seconds within which a report that is left twice is one; after that the store's key sees to it."""
ACK_SECONDS = 30.0


@job("positions_waiting", by=())
def waiting_job(tx: Tx, payload: dict[str, Any]) -> dict[str, Any]:
    """Which of these movements' reports may wait no longer, and the days for which a report may."""
    gone = []
    for movement in payload["movements"]:
        row = tx.row(str(movement))
        if row is None or is_gone(row, TRACK.name):
            gone.append(movement)
    parties = (tx.home.party, *tx.home.partners)
    return {"gone": gone, "days": min(keep_days(tx.policy, party) for party in parties)}


@on_bus
async def look_after(home: Home, link: Link, ask: Ask) -> None:
    """From time to time, and as soon as NATS is there, for as long as the writer lives."""
    wake = asyncio.Event()

    async def there() -> None:
        wake.set()

    link.on_connect(there)
    pause = float(home.settings.get("positions", EVERY))
    while True:
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(wake.wait(), pause)
        wake.clear()
        if link.connected and link.client is not None:
            try:
                await _look(home, link.client.jetstream(), ask)
            except Exception as fault:
                log_event("bus_faulty", process=link.process, fault=fault)


async def _look(home: Home, stream: Any, ask: Ask) -> None:
    from nats.js.errors import NotFoundError

    subjects = f"{waiting_of(home.party)}.*"
    try:
        found = await stream.stream_info(STREAM, subjects_filter=subjects)
        waiting, config, read = found.state.subjects or {}, found.config, found.state.consumer_count
    except NotFoundError:
        waiting, config, read = {}, None, 0
    movements = [subject.rpartition(".")[2] for subject in waiting]
    said = await ask("positions_waiting", {"movements": movements})
    for movement in said["gone"]:
        await stream.purge_stream(STREAM, subject=f"{waiting_of(home.party)}.{movement}")
    # One whose making was broken off takes reports, and nobody could read them.
    if config is None or not read or config.max_age != 86_400.0 * said["days"]:
        await _make(stream, subjects, 86_400.0 * said["days"], config is not None)


async def _make(stream: Any, subjects: str, seconds: float, there: bool) -> None:
    from nats.js.api import (
        AckPolicy,
        ConsumerConfig,
        DiscardPolicy,
        RetentionPolicy,
        StorageType,
        StreamConfig,
    )

    config = StreamConfig(
        name=STREAM,
        subjects=[subjects],
        retention=RetentionPolicy.WORK_QUEUE,
        storage=StorageType.FILE,
        discard=DiscardPolicy.NEW,
        max_bytes=MOST_BYTES,
        max_msg_size=MOST_MESSAGE,
        max_age=seconds,
        max_consumers=1,
        duplicate_window=min(KNOWN_AGAIN, seconds),
        allow_msg_ttl=True,
        num_replicas=1,
    )
    await (stream.update_stream(config) if there else stream.add_stream(config))
    await stream.add_consumer(
        STREAM,
        ConsumerConfig(
            name=CONSUMER,
            durable_name=CONSUMER,
            ack_policy=AckPolicy.EXPLICIT,
            ack_wait=ACK_SECONDS,
            max_deliver=-1,
            max_ack_pending=100_000,
        ),
    )
