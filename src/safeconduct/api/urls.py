"""The API's addresses, each behind the gate; an unknown one answers like any other problem."""

from __future__ import annotations

from django.http import Http404, HttpRequest, HttpResponse
from django.urls import URLPattern, path, re_path

from safeconduct.api import (
    agreements,
    cap,
    holds,
    incidents,
    journeys,
    known,
    me,
    oversight,
    positions,
    records,
    registry,
    same_event,
)
from safeconduct.api.gate import guarded
from safeconduct.api.service import api

_modules = (
    incidents, same_event, journeys, positions, registry, records, agreements, oversight, holds, known, me,
)  # fmt: skip
for _module in _modules:
    api.add_router("", _module.router)

_patterns, _app, _namespace = api.urls
for _pattern in _patterns:
    if isinstance(_pattern, URLPattern):
        _pattern.callback = guarded(
            _pattern.callback,
            open_to_all=_pattern.name == "openapi-json",
            takes_file=str(_pattern.pattern).endswith("/attachments"),
            once=str(_pattern.pattern).endswith(journeys.ONCE),
        )


def unknown(request: HttpRequest) -> HttpResponse:
    raise Http404


urlpatterns = [
    path("", (_patterns, _app, _namespace)),
    path("cap", guarded(cap.door, takes_file=True), name="cap-door"),
    path("cap/feed.atom", guarded(cap.feed), name="cap-feed"),
    path("cap/<slug:record>.xml", guarded(cap.alert), name="cap-alert"),
    re_path("", guarded(unknown)),
]
