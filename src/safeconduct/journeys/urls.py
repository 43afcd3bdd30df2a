"""Addresses of the journeys room."""

from __future__ import annotations

from django.urls import URLPattern, URLResolver, path

from safeconduct.journeys import acts, board, board_map, detail_views, phone, request_views, way

app_name = "journeys"

urlpatterns: list[URLPattern | URLResolver] = [
    path("", board.board, name="board"),
    path("lines/", board.board_rows, name="board_rows"),
    path("map/", board_map.board_map, name="map"),
    path("map.geojson", board_map.map_features, name="map_features"),
    path("phone/", phone.phone, name="phone"),
    path("phone/pieces/", phone.phone_pieces, name="phone_pieces"),
    path("phone/manifest.webmanifest", phone.manifest, name="phone_manifest"),
    path("phone/worker.js", phone.worker, name="phone_worker"),
    path("new/", request_views.request_movement, name="request"),
    path("<slug:movement>/", detail_views.detail, name="detail"),
    path("<slug:movement>/way/", way.way, name="way"),
    path("<slug:movement>/amend/", request_views.amend, name="amend"),
    path("<slug:movement>/cancel/", acts.cancel, name="cancel"),
    path("<slug:movement>/review/", detail_views.review, name="review"),
    path("<slug:movement>/acknowledge/", acts.acknowledge, name="acknowledge"),
    path("<slug:movement>/clear/", acts.clear, name="clear"),
    path("<slug:movement>/refuse/", acts.refuse, name="refuse"),
    path("<slug:movement>/legs/", acts.legs, name="legs"),
    path("<slug:movement>/comment/", acts.comment, name="comment"),
    path("<slug:movement>/names/", acts.name, name="name"),
    path("<slug:movement>/names/<slug:entry>/withdraw/", acts.withdraw_name, name="withdraw_name"),
    path("<slug:movement>/handovers/<slug:handover>/give/", acts.handover, {"word": "give"}, name="give"),
    path("<slug:movement>/handovers/<slug:handover>/take/", acts.handover, {"word": "take"}, name="take"),
    path("<slug:movement>/word/", phone.say, name="say"),
    path("escalations/<slug:escalation>/answer/", board.answer, name="answer"),
]
