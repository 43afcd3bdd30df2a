"""A node's home in a temporary folder, for parsers that look something up: empty databases, no partner."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory


@contextmanager
def bare() -> Iterator[None]:
    """Make this process one of such a node. Targets can be imported only then."""
    from safeconduct.node.django_start import migrate, start_django
    from safeconduct.records.home import Home

    with TemporaryDirectory(prefix="safeconduct-fuzz-") as folder:
        start_django(Home.create(Path(folder) / "home", "pk", "host", "Host Party", second_factor="optional"))
        migrate()
        yield
