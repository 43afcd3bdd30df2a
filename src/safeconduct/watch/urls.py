"""Addresses of the watch, by line of work."""

from __future__ import annotations

from django.urls import URLPattern, URLResolver, include, path

app_name = "watch"

urlpatterns: list[URLPattern | URLResolver] = [
    path("", include("safeconduct.watch.floor_urls")),
    path("", include("safeconduct.watch.sos_urls")),
    path("", include("safeconduct.watch.notify_urls")),
    path("", include("safeconduct.watch.response_urls")),
    path("musters/", include("safeconduct.watch.muster_urls")),
    path("alerts/", include("safeconduct.watch.alert_urls")),
]
