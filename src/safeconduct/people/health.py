"""Whether the node can do its work, for whoever watches over it. Says nothing else."""

from __future__ import annotations

import socket

from django.conf import settings
from django.db import connection
from django.db.utils import DatabaseError
from django.http import HttpRequest, JsonResponse
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe

from safeconduct.records import here


@require_safe
@never_cache
def healthz(request: HttpRequest) -> JsonResponse:
    """200 when the databases can be read and the writer answers, else 503."""
    well = _databases() and _writer()
    return JsonResponse({"status": "ok" if well else "unavailable"}, status=200 if well else 503)


def _databases() -> bool:
    try:
        here.tables().one("SELECT count(*) FROM records_applied")
        connection.cursor().execute("SELECT 1")
    except DatabaseError:
        return False
    return True


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
