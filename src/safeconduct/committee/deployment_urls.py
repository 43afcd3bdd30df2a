"""Addresses of the committee's deployments."""

from __future__ import annotations

from django.urls import path

from safeconduct.committee import deployment_views as views

app_name = "deployments"

urlpatterns = [
    path("", views.deployments, name="list"),
    path("new/<slug:act>/", views.deployment_new, name="new"),
    path("<slug:record>/", views.deployment_page, name="page"),
    path("<slug:record>/<slug:act>/", views.deployment_act, name="act"),
]
