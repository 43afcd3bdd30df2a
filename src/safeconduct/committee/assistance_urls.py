"""Addresses of the committee's assistance."""

from __future__ import annotations

from django.urls import path

from safeconduct.committee import assistance_views as views

app_name = "assistance"

urlpatterns = [
    path("", views.assistance, name="list"),
    path("new/<slug:act>/", views.assistance_new, name="new"),
    path("<slug:record>/", views.assistance_page, name="page"),
    path("<slug:record>/<slug:act>/", views.assistance_act, name="act"),
]
