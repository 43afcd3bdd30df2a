"""The node's pages. Each room brings its own; the raw routes of `node.asgi` stand in front of these."""

from __future__ import annotations

from importlib.util import find_spec

from django.urls import include, path
from django.views.generic import RedirectView

urlpatterns = [
    path("", RedirectView.as_view(url="/incidents/"), name="home"),
    path("", include("safeconduct.people.urls")),
    path("i18n/", include("django.conf.urls.i18n")),
]

for _prefix, _module in (
    ("incidents/", "safeconduct.incidents.urls"),
    ("agreement/", "safeconduct.committee.urls"),
    ("oversight/", "safeconduct.oversight.urls"),
    ("", "safeconduct.shell.urls"),
    ("api/v1/", "safeconduct.api.urls"),
):
    if find_spec(_module):
        urlpatterns.append(path(_prefix, include(_module)))
