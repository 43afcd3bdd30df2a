"""The node's pages. Each room brings its own; the raw routes of `node.asgi` stand in front of these."""

from __future__ import annotations

from django.urls import include, path
from django.views.generic import RedirectView

urlpatterns = [
    path("", RedirectView.as_view(url="/incidents/"), name="home"),
    path("", include("safeconduct.people.urls")),
    path("i18n/", include("django.conf.urls.i18n")),
    path("incidents/", include("safeconduct.incidents.urls")),
    path("journeys/", include("safeconduct.journeys.urls")),
    path("registry/", include("safeconduct.registry.urls")),
    path("watch/", include("safeconduct.watch.urls")),
    path("agreement/", include("safeconduct.committee.urls")),
    path("oversight/", include("safeconduct.oversight.urls")),
    path("field/", include("safeconduct.field.urls")),
    path("api/v1/", include("safeconduct.api.urls")),
]
