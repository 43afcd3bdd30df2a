"""Addresses of the watch floor."""

from __future__ import annotations

from django.urls import URLPattern, path

from safeconduct.watch import floor_views

urlpatterns: list[URLPattern] = [
    path("", floor_views.floor, name="floor"),
    path("floor/places.geojson", floor_views.places, name="floor_places"),
    path("floor/log/", floor_views.write_entry, name="write_entry"),
    path("floor/hand-over/", floor_views.hand_over, name="hand_over_watch"),
    path("floor/hand-over/<slug:handover>/", floor_views.note, name="hand_over_note"),
    path("floor/hand-over/<slug:handover>/take/", floor_views.accept, name="accept_watch"),
]
