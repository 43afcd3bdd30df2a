"""Addresses of warnings."""

from __future__ import annotations

from django.urls import path

from safeconduct.assessment import warning_views as views

app_name = "warnings"

urlpatterns = [
    path("", views.warnings, name="list"),
    path("new/", views.new, name="new"),
    path("sources/", views.sources, name="sources"),
    path("<slug:record>/", views.page, name="page"),
    path("<slug:record>/<slug:act>/", views.act, name="act"),
]
