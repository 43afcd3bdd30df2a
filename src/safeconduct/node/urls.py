"""The node's pages. Each room brings its own; the raw routes of `node.asgi` stand in front of these."""

from __future__ import annotations

from django.urls import include, path
from django.views.generic import RedirectView

from safeconduct.oversight.metrics import metrics
from safeconduct.shell.search_page import search_page
from safeconduct.shell.under import choose_agreement

urlpatterns = [
    path("", RedirectView.as_view(url="/incidents/"), name="home"),
    path("", include("safeconduct.people.urls")),
    path("i18n/", include("django.conf.urls.i18n")),
    path("under/", choose_agreement, name="choose_agreement"),
    path("search/", search_page, name="search"),
    path("incidents/", include("safeconduct.incidents.urls")),
    path("journeys/", include("safeconduct.journeys.urls")),
    path("registry/", include("safeconduct.registry.urls")),
    path("watch/", include("safeconduct.watch.urls")),
    path("agreement/", include("safeconduct.committee.urls")),
    path("committee/", include("safeconduct.committee.meeting_urls")),
    path("committee/strategy/", include("safeconduct.committee.strategy_urls")),
    path("committee/assistance/", include("safeconduct.committee.assistance_urls")),
    path("committee/deployments/", include("safeconduct.committee.deployment_urls")),
    path("committee/statements/", include("safeconduct.committee.statement_urls")),
    path("oversight/", include("safeconduct.oversight.urls")),
    path("metrics", metrics, name="metrics"),
    path("assessment/", include("safeconduct.assessment.urls")),
    path("assessment/routes/", include("safeconduct.assessment.route_urls")),
    path("assessment/warnings/", include("safeconduct.assessment.warning_urls")),
    path("assessment/analysis/", include("safeconduct.assessment.analysis_urls")),
    path("assessment/srm/", include("safeconduct.assessment.srm_urls")),
    path("assessment/standards/", include("safeconduct.assessment.srm_standard_urls")),
    path("assessment/forecast/", include("safeconduct.assessment.forecast_urls")),
    path("reports/", include("safeconduct.reports.urls")),
    path("field/", include("safeconduct.field.urls")),
    path("api/v1/", include("safeconduct.api.urls")),
]
