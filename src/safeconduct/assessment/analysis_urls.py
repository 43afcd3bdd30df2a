"""Addresses of the analysis beside its page."""

from __future__ import annotations

from django.urls import path

from safeconduct.assessment import analysis_views

app_name = "analysis"

urlpatterns = [
    path("points.geojson", analysis_views.points, name="points"),
    path("tables.csv", analysis_views.export, name="export"),
]
