"""Addresses of the joint strategy."""

from __future__ import annotations

from django.urls import path

from safeconduct.committee import strategy_views as views

app_name = "strategy"

urlpatterns = [
    path("", views.strategy, name="list"),
    path("new/<slug:act>/", views.strategy_new, name="new"),
    path("chain/<slug:incident>/", views.strategy_chain, name="chain"),
    path("evidence/<slug:record>/", views.evidence, name="evidence"),
    path("<slug:record>/", views.strategy_page, name="page"),
    path("<slug:record>/<slug:act>/", views.strategy_act, name="act"),
]
