"""Addresses of minimum standards."""

from __future__ import annotations

from django.urls import path

from safeconduct.assessment import srm_standard_views as views

app_name = "standards"

urlpatterns = [
    path("", views.standards, name="list"),
    path("of/<slug:record>/", views.site, name="site"),
    path("of/<slug:record>/check/", views.make_check, name="make"),
    path("file/<slug:record>/", views.file, name="file"),
    path("<slug:record>/", views.check, name="check"),
    path("<slug:record>/evidence/", views.add_evidence, name="evidence"),
    path("<slug:record>/recommend/<slug:code>/", views.recommend, name="recommend"),
]
