"""Addresses of the incident room."""

from __future__ import annotations

from django.urls import path

from safeconduct.incidents import reporting, same_views, views

app_name = "incidents"

urlpatterns = [
    path("", views.incident_list, name="list"),
    path("map/", views.incident_map, name="map"),
    path("points.geojson", views.points, name="points"),
    path("export.csv", views.export_csv, name="export_csv"),
    path("export.geojson", views.export_geojson, name="export_geojson"),
    path("report/", reporting.report, name="report"),
    path("<slug:incident>/", views.incident_detail, name="detail"),
    path("<slug:incident>/update/", reporting.update, name="update"),
    path("<slug:incident>/same/", same_views.same, name="same"),
    path("<slug:incident>/same/<slug:other>/", same_views.say, name="same_say"),
    path("<slug:incident>/claim/", reporting.claim, name="claim"),
    path("<slug:incident>/claim/<slug:claim>/retract/", reporting.retract, name="retract"),
]
