"""Addresses of assessments."""

from __future__ import annotations

from django.urls import path

from safeconduct.assessment import srm_views as views

app_name = "srm"

urlpatterns = [
    path("", views.assessments, name="list"),
    path("overdue/", views.overdue, name="overdue"),
    path("area/", views.area, name="area"),
    path("new/<slug:name>/", views.begin, name="new"),
    path("of/<slug:record>/", views.subject, name="subject"),
    path("<slug:record>/", views.page, name="page"),
    path("<slug:record>/<slug:name>/", views.act, name="act"),
]
