"""As of which ledger entry a page is: what changed between its making and its live stream is told to it then."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from django.http import HttpRequest
from django.http.response import HttpResponseBase

from safeconduct.records import here

READ = "SELECT size FROM records_applied WHERE id = 1"


class Since:
    """Middleware: `request.live_since` is the last entry that the tables held before the view read anything."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        return self.get_response(request)

    def process_view(self, request: HttpRequest, *_view: Any) -> None:
        if getattr(request, "principal", None) is not None and "HX-Request" not in request.headers:
            found = here.tables().one(READ, [])
            request.live_since = found[0] - 1 if found and found[0] else None  # type: ignore[attr-defined]
