"""Addresses of the committee's statements."""

from __future__ import annotations

from django.urls import path

from safeconduct.committee import statement_views as views

app_name = "statements"

urlpatterns = [
    path("", views.statements, name="list"),
    path("new/<slug:act>/", views.statement_new, name="new"),
    path("<slug:record>/", views.statement_page, name="page"),
    path("<slug:record>/<slug:act>/", views.statement_act, name="act"),
]
