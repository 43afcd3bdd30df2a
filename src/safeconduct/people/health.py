"""Whether the node can do its work, for whoever watches over it. Says nothing else.

`/livez`: the process answers. `/readyz`: it has all that it needs, with the name of what is missing. `/healthz`: the
databases and the writer, in short.
"""

from __future__ import annotations

import shutil
import socket
import time

from django.conf import settings
from django.db import connection, connections
from django.db.migrations.executor import MigrationExecutor
from django.db.utils import DatabaseError
from django.http import HttpRequest, JsonResponse
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe

from safeconduct.records import commons, here

DISK_LEAST = 64 * 1024**2
"""Bytes that must be free; the status page warns long before."""
EARLIEST = 1_704_067_200.0
"""2024: a clock that is earlier was never set."""
CLOCKS = 300.0
"""Seconds by which the clock of whoever wrote last may be ahead."""


@require_safe
@never_cache
def healthz(request: HttpRequest) -> JsonResponse:
    """200 when the databases can be read and the writer answers, else 503."""
    well = _databases() and _writer()
    return JsonResponse({"status": "ok" if well else "unavailable"}, status=200 if well else 503)


@require_safe
@never_cache
def livez(request: HttpRequest) -> JsonResponse:
    """200 from a process that answers; who is silent is started again."""
    return JsonResponse({"status": "ok"})


@require_safe
@never_cache
def readyz(request: HttpRequest) -> JsonResponse:
    """200 when nothing is missing, else 503; by name what is well and what is not."""
    checks = {
        "accounts": _accounts(),
        "tables": _tables(),
        "writer": _writer(),
        "migrations": _migrations(),
        "disk": _disk(),
        "clock": _clock(),
        "processes": commons.all_work(),
    }
    well = all(checks.values())
    said = {"status": "ok" if well else "unavailable", "checks": checks}
    return JsonResponse(said, status=200 if well else 503)


def _databases() -> bool:
    return _tables() and _accounts()


def _tables() -> bool:
    try:
        here.tables().one("SELECT count(*) FROM records_applied")
    except DatabaseError:
        return False
    return True


def _accounts() -> bool:
    try:
        connection.cursor().execute("SELECT 1")
    except DatabaseError:
        return False
    return True


_migrated = False


def _migrations() -> bool:
    """Whether the accounts are as this version has them. Once they are, they stay so while the process runs."""
    global _migrated
    if not _migrated:
        try:
            executor = MigrationExecutor(connections["default"])
            _migrated = not executor.migration_plan(executor.loader.graph.leaf_nodes("people"))
        except DatabaseError:
            return True  # said by `accounts`
    return _migrated


def _disk() -> bool:
    try:
        return shutil.disk_usage(here.home().path).free >= DISK_LEAST
    except OSError:
        return False


def _clock() -> bool:
    """Whether the clock is later than this version and no earlier than what the node has written."""
    try:
        newest = here.written_last()
    except DatabaseError:
        newest = 0.0  # said by `tables`
    return time.time() >= max(EARLIEST, newest - CLOCKS)


def _writer() -> bool:
    if settings.PROCESS != "web":
        return True
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as probe:
        probe.settimeout(2)
        try:
            probe.connect(str(here.home().socket))
        except OSError:
            return False
    return True
