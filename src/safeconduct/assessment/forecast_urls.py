"""Addresses of forecasts."""

from __future__ import annotations

from django.urls import path

from safeconduct.assessment import forecast_views as views

app_name = "forecast"

urlpatterns = [
    path("", views.forecast, name="show"),
    path("cells.geojson", views.cells, name="cells"),
    path("issue/", views.issue, name="issue"),
    path("issued/<slug:record>/", views.issued, name="issued"),
]
