"""The link between two nodes as a wire that can be cut: all of it runs through here, and no process is touched."""

from __future__ import annotations

import contextlib
import socket
import threading

PIECE = 65_536


class Wire:
    """Listens on one port of this machine and passes on to another, until it is cut."""

    def __init__(self, port: int, to: int) -> None:
        self.port, self.to = port, to
        self._server: socket.socket | None = None
        self._ends: set[socket.socket] = set()
        self._lock = threading.Lock()

    def mend(self) -> None:
        """Take connections. Mending a whole wire changes nothing."""
        if self._server is None:
            self._server = socket.create_server(("127.0.0.1", self.port), backlog=64)
            threading.Thread(target=self._accept, args=(self._server,), daemon=True).start()

    def cut(self) -> None:
        """Refuse every connection, and end those that are there."""
        server, self._server = self._server, None
        if server is not None:
            with contextlib.suppress(OSError):
                server.shutdown(socket.SHUT_RDWR)
            server.close()
        with self._lock:
            ends, self._ends = self._ends, set()
        for end in ends:
            _end(end)

    def _accept(self, server: socket.socket) -> None:
        while self._server is server:
            try:
                near, _ = server.accept()
            except OSError:
                return
            try:
                far = socket.create_connection(("127.0.0.1", self.to), timeout=5)
            except OSError:
                near.close()
                continue
            far.settimeout(None)
            with self._lock:
                self._ends |= {near, far}
            if self._server is not server:
                _end(near)
                _end(far)
            for one, other in ((near, far), (far, near)):
                threading.Thread(target=self._pass_on, args=(one, other), daemon=True).start()

    def _pass_on(self, one: socket.socket, other: socket.socket) -> None:
        with contextlib.suppress(OSError):
            while piece := one.recv(PIECE):
                other.sendall(piece)
        with self._lock:
            self._ends -= {one, other}
        _end(one)
        _end(other)


def _end(connection: socket.socket) -> None:
    with contextlib.suppress(OSError):
        connection.shutdown(socket.SHUT_RDWR)
    connection.close()
