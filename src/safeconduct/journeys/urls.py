"""Addresses of the journeys room."""

from __future__ import annotations

from django.urls import URLPattern, URLResolver, path

from safeconduct.journeys import board, board_map

app_name = "journeys"

urlpatterns: list[URLPattern | URLResolver] = [
    path("", board.board, name="board"),
    path("lines/", board.board_rows, name="board_rows"),
    path("map/", board_map.board_map, name="map"),
    path("map.geojson", board_map.map_features, name="map_features"),
    path("escalations/<slug:escalation>/answer/", board.answer, name="answer"),
]
