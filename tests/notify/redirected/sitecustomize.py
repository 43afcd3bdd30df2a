"""For a process that a test starts: every provider's host is this machine, at the port that the test says."""

import os
import socket

_plain = socket.getaddrinfo
_PORT = int(os.environ["PROVIDERS_PORT"])


def _here(host, port, *args, **more):  # type: ignore[no-untyped-def]
    return _plain("127.0.0.1", _PORT, *args, **more) if port == 443 else _plain(host, port, *args, **more)


socket.getaddrinfo = _here
