"""Addresses of the registry."""

from __future__ import annotations

from django.urls import path

from safeconduct.registry import acting, entering, grievances, sites_view, table_views, views

app_name = "registry"

urlpatterns = [
    path("", sites_view.home, name="home"),
    path("import/", table_views.import_page, name="import"),
    path("export/<slug:what>.<slug:form>", table_views.export, name="export"),
    path("mine/", views.mine, name="mine"),
    path("grievances/", grievances.listing, name="grievances"),
    path("grievances/raise/", grievances.raise_one, name="raise"),
    path("grievances/figures/", grievances.figures_page, name="grievance_figures"),
    path("grievances/<slug:record>/", grievances.grievance, name="grievance"),
    path("grievances/<slug:record>/appeal/", grievances.appeal, name="appeal"),
    path("grievances/<slug:record>/close/", grievances.close, name="close"),
    path("sites/<slug:site>/count/", acting.count, name="count"),
    path("sites/<slug:site>/protection/", entering.protect, name="protect"),
    path(
        "sites/<slug:site>/protection/<slug:protection>/", entering.amend_protection, name="amend_protection"
    ),
    path("persons/<slug:person>/move/", acting.move, name="move"),
    path("persons/<slug:person>/stays/<slug:stay>/", acting.correct_stay, name="correct_stay"),
    path("persons/<slug:person>/compare/<slug:other>/", acting.compare, name="compare"),
    path("persons/<slug:person>/apart/<slug:other>/", acting.keep_apart, name="keep_apart"),
    path("persons/<slug:person>/correction/", grievances.correction, name="correction"),
    path("<slug:plural>/", views.listing, name="list"),
    path("<slug:plural>/enter/", entering.enter, name="enter"),
    path("<slug:plural>/<slug:record>/", views.record_page, name="record"),
    path("<slug:plural>/<slug:record>/amend/", entering.amend, name="amend"),
]
