"""Addresses of the room; each line of work has its own below."""

from __future__ import annotations

from django.urls import path

from safeconduct.assessment import analysis_views

app_name = "assessment"

urlpatterns = [
    path("", analysis_views.analysis, name="analysis"),
]
