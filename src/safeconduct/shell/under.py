"""Choosing the agreement to work under, on a node that has several: a desk for one country among a hundred."""

from __future__ import annotations

from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.utils.http import url_has_allowed_host_and_scheme
from django.views.decorators.http import require_POST

from safeconduct.people.middleware import SESSION_KEY, chosen_agreement
from safeconduct.records import here
from safeconduct.records.home import Partner
from safeconduct.records.under import party_under


def agreements(request: HttpRequest) -> list[tuple[Partner, bool]]:
    """The partners in the order of their names, each with whether its agreement is the chosen one; none where there is
    nothing to choose."""
    partners = here.home().partners.values()
    if len(partners) < 2:
        return []
    chosen = chosen_agreement(request)
    named = sorted(partners, key=lambda partner: (partner.name.casefold(), partner.party))
    return [(partner, partner.agreement == chosen) for partner in named]


@require_POST
def choose_agreement(request: HttpRequest) -> HttpResponse:
    """Keep the choice for this session, and go back to the page. What is no agreement of this node chooses none."""
    agreement = request.POST.get("agreement", "")
    request.session[SESSION_KEY] = agreement if party_under(here.home(), agreement) else ""
    target = request.POST.get("next", "/")
    if not url_has_allowed_host_and_scheme(target, {request.get_host()}, request.is_secure()):
        target = "/"
    return HttpResponseRedirect(target)
