"""Whether one process of a node is well, for whoever watches over it: a container's engine, or a person."""

from __future__ import annotations

import contextlib
import fcntl
import socket
import time
from collections.abc import Callable

from safeconduct.records.home import Home
from safeconduct.records.stand_by import standing
from safeconduct.records.ways import listening

FIELD_PORTS = ("mqtt_port", "cot_port", "cot_plain_port")
QUIET_SECONDS = 180.0
"""A courier writes down this often at least how its links are, also of one that is frozen."""


def answers(home: Home) -> bool:
    """Whether a writer listens."""
    return listening(home.socket)


def writer_works(home: Home) -> bool:
    """Whether a writer listens, or stands by for the one on another machine."""
    return answers(home) or standing(home) is not None


def connects(address: str, port: int) -> bool:
    """Whether somebody listens on a port."""
    everywhere = {"0.0.0.0": "127.0.0.1", "::": "::1"}  # noqa: S104
    with contextlib.suppress(OSError):
        socket.create_connection((everywhere.get(address, address), port), timeout=1).close()
        return True
    return False


def pages_answer(home: Home) -> bool:
    return connects(str(home.settings.get("address", "127.0.0.1")), int(home.settings.get("port", 8001)))


def exchange_answers(home: Home) -> bool:
    if standing(home) is not None:
        return True
    address = str(home.settings.get("exchange_address", "127.0.0.1"))
    return connects(address, int(home.settings.get("exchange_port", 9001)))


def links_are_told(home: Home) -> bool:
    """Whether the courier is at work; of no partner with an address there is nothing to tell."""
    if standing(home) is not None:
        return True
    told = [home.link(party) for party, partner in home.partners.items() if partner.url and partner.card]
    return all(link.exists() and time.time() - link.stat().st_mtime < QUIET_SECONDS for link in told)


def notifier_works(home: Home) -> bool:
    """Whether a notifier holds its lock; with a writer that stands by it has nothing to do."""
    if standing(home) is not None:
        return True
    try:
        with (home.notifying / "notifier.lock").open("a") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    except OSError:
        return False
    return False


def devices_are_heard(home: Home) -> bool:
    places = {"mqtt_port": "field_address", "cot_port": "cot_address", "cot_plain_port": "cot_plain_address"}
    ports = [
        (str(home.settings.get(places[each], "127.0.0.1")), home.settings.get(each)) for each in FIELD_PORTS
    ]
    return all(connects(address, int(port)) for address, port in ports if port)


CHECKS: dict[str, Callable[[Home], bool]] = {
    "writer": writer_works,
    "feed": exchange_answers,
    "web": pages_answer,
    "courier": links_are_told,
    "notifier": notifier_works,
    "field": devices_are_heard,
}
