"""Addresses of the journeys room."""

from __future__ import annotations

from django.urls import URLPattern, URLResolver, path

from safeconduct.journeys import board, board_map, phone

app_name = "journeys"

urlpatterns: list[URLPattern | URLResolver] = [
    path("", board.board, name="board"),
    path("lines/", board.board_rows, name="board_rows"),
    path("map/", board_map.board_map, name="map"),
    path("map.geojson", board_map.map_features, name="map_features"),
    path("phone/", phone.phone, name="phone"),
    path("phone/manifest.webmanifest", phone.manifest, name="phone_manifest"),
    path("phone/worker.js", phone.worker, name="phone_worker"),
    path("<slug:movement>/word/", phone.say, name="say"),
    path("escalations/<slug:escalation>/answer/", board.answer, name="answer"),
]
