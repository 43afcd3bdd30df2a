"""Where a partner's exchange answers: one address, or several with a space between, whose machines take over from one
another. Its certificate is the same at each."""

from __future__ import annotations

import re
import socket
from collections import deque
from typing import Any

from safeconduct.records.home import Partner

MOST, LONGEST = 8, 500
_ONE = re.compile(r"https://[^\s/?#@]+")


def well_formed(text: str) -> bool:
    """Whether a text is addresses of the form https://name:port, or nothing."""
    each = text.split(" ") if text else []
    return len(text) <= LONGEST and len(each) <= MOST and all(map(_ONE.fullmatch, each))


def addresses(partner: Partner) -> deque[str]:
    """The addresses, that which is to be tried next in front."""
    return deque(partner.url.split())


def connect_seconds(found: deque[str]) -> float:
    """How long an address may take to answer at all: where there is another, not long."""
    return 10.0 if len(found) == 1 else 3.0


def attentive(place: Any) -> socket.socket:
    """A socket for a connection that notices within some twenty seconds when the other end's machine is gone, also
    while it only waits; a line that is only slow has time enough."""
    family, kind, protocol, _, _ = place
    made = socket.socket(family, kind, protocol)
    for option, value in ((socket.TCP_KEEPIDLE, 5), (socket.TCP_KEEPINTVL, 5), (socket.TCP_KEEPCNT, 3)):
        made.setsockopt(socket.IPPROTO_TCP, option, value)
    made.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    made.setblocking(False)
    return made
