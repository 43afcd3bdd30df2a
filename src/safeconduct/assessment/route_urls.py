"""Addresses of route options."""

from __future__ import annotations

from django.urls import path

from safeconduct.assessment import route_views as views

app_name = "routes"

urlpatterns = [
    path("", views.routes, name="options"),
    path("<slug:record>/", views.route_page, name="page"),
    path("<slug:record>/choose/", views.choose, name="choose"),
    path("<slug:record>/drop/", views.drop, name="drop"),
]
