"""The pages of deployments: whether one can be proposed at all, by which clause not, and those that were."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from django.http import HttpRequest, HttpResponse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_safe

from safeconduct.agreement.policy import Subject
from safeconduct.committee import documents
from safeconduct.committee.deployment_forms import LINE
from safeconduct.committee.deployment_rules import Way, way
from safeconduct.committee.wording import title_of
from safeconduct.committee.work_views import do_act, show_list, show_page
from safeconduct.records import here
from safeconduct.shell.answers import answering, reader_of, refusal


@dataclass(frozen=True)
class Standing:
    """A clause that speaks of deployments, or is not agreed: `grants` are those that would open them."""

    agreement: str
    number: str
    title: Any
    status: str
    grants: tuple[str, ...]


@require_safe
@answering
def deployments(request: HttpRequest) -> HttpResponse:
    """Deployments of both parties, and which clause in which status stands in the way of proposing one."""
    reader = reader_of(request)
    home = here.home()
    ways = [way(party) for party in [home.party, *sorted(home.partners)]]
    level, standings = _standings(reader)
    return show_list(
        request,
        LINE,
        "deployment_list",
        ways=ways,
        standings=standings,
        offers=LINE.offers(reader, None) if ways[0].open else [],
        level=level,
        live_url=f"{LINE.live},clause,status_act",
    )


def _standings(reader: Subject) -> tuple[str, list[Standing]]:
    """The clauses about deployments, and every other that is not agreed, as far as the reader may read them."""
    policy = here.state().policy
    about: dict[tuple[str, str], list[str]] = {}
    for placed in (*policy.grants.values(), *policy.pending):
        if not placed.house and LINE.root in placed.grant.kinds:
            about.setdefault((placed.agreement, placed.clause.number), []).append(placed.id)
    views = documents.agreements(reader)
    found = [
        Standing(
            view.name,
            clause.number,
            title_of(clause.shown.clause),
            clause.status,
            tuple(about.get((view.name, clause.number), ())),
        )
        for view in views
        if not view.house
        for clause in view.clauses
        if (view.name, clause.number) in about or clause.status != "agreed"
    ]
    return documents.highest(view.label for view in views), found


@require_safe
@answering
def deployment_page(request: HttpRequest, record: str) -> HttpResponse:
    """One deployment with its terms, its discussions and the signatures of both."""
    return show_page(request, LINE, record)


@require_http_methods(["GET", "HEAD", "POST"])
@answering
def deployment_new(request: HttpRequest, act: str) -> HttpResponse:
    """Propose a deployment; refused, with the clause and its status, where none in force permits it."""
    reader = reader_of(request)
    own: Way = way(here.home().party)
    if not own.open:
        reason = _("No clause in force permits this party to propose a deployment.")
        raise refusal(reader, "write", LINE.root, reason, own.blocked)
    return do_act(request, LINE, act)


@require_http_methods(["GET", "HEAD", "POST"])
@answering
def deployment_act(request: HttpRequest, record: str, act: str) -> HttpResponse:
    """Terms, discussion, consent, approval, end."""
    return do_act(request, LINE, act, record)
