"""Addresses of alerts."""

from __future__ import annotations

from django.urls import URLPattern, URLResolver, path

from safeconduct.watch import alert_phone, alert_views

urlpatterns: list[URLPattern | URLResolver] = [
    path("", alert_views.alerts, name="alerts"),
    path("new/", alert_views.compose, name="compose_alert"),
    path("file/", alert_views.take_file, name="alert_file"),
    path("<slug:alert>/", alert_views.alert, name="alert"),
    path("<slug:alert>/update/", alert_views.update, name="update_alert"),
    path("<slug:alert>/cancel/", alert_views.cancel, name="cancel_alert"),
    path("<slug:alert>/take/", alert_views.take, name="take_alert_help"),
    path("<slug:alert>/answer/", alert_phone.answer, name="answer_alert"),
]
