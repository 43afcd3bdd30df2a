"""Addresses of the journeys room."""

from __future__ import annotations

from django.urls import URLPattern, URLResolver

app_name = "journeys"

urlpatterns: list[URLPattern | URLResolver] = []
