"""Addresses of alerts."""

from __future__ import annotations

from django.urls import URLPattern, URLResolver, path

from safeconduct.watch import alert_phone

urlpatterns: list[URLPattern | URLResolver] = [
    path("<slug:alert>/answer/", alert_phone.answer, name="answer_alert"),
]
