"""A PostgreSQL server to measure on, whose files lie on the disk that BENCH_DIR names, and the databases of homes."""

from __future__ import annotations

import os
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from postgres import Server

_TESTS = str(Path(__file__).resolve().parent.parent / "tests")


@contextmanager
def postgresql() -> Iterator[Server]:
    """A server of its own, which waits for its disk, and is gone afterwards. Raises RuntimeError that names what is
    missing."""
    if _TESTS not in sys.path:
        sys.path.append(_TESTS)
    from postgres import Server

    class Kept(Server):
        """One that keeps its statistics, as any real one does."""

        def settings(self) -> dict[str, str]:
            return {
                **super().settings(),
                "autovacuum": "on",
                "autovacuum_naptime": "5s",
                "shared_buffers": "256MB",
            }

    folder = Path(os.environ.get("BENCH_DIR") or tempfile.gettempdir())
    server = Kept(folder / f"safeconduct-bench-postgres-{os.getpid()}")
    try:
        server.start()
        yield server
    finally:
        server.end()


def settings_on(server: Server) -> dict[str, str]:
    """What a new home's node.toml says of a database of its own."""
    from postgres import WEB

    name = server.fresh()
    return {"database": server.address(name), "database_web": server.address(name, WEB)}
