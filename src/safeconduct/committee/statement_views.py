"""The pages of statements: what may be said today, and what it rests on."""

from __future__ import annotations

from django.http import HttpRequest, HttpResponse
from django.views.decorators.http import require_http_methods, require_safe

from safeconduct.committee.statement_forms import LINE
from safeconduct.committee.statement_kinds import MAY_BE_SAID
from safeconduct.committee.work_views import do_act, show_list, show_page
from safeconduct.shell.answers import answering


@require_safe
@answering
def statements(request: HttpRequest) -> HttpResponse:
    """Lines for the press: what may be said, by whom, until when."""
    return show_list(request, LINE, "statement_list", may_be_said=MAY_BE_SAID)


@require_safe
@answering
def statement_page(request: HttpRequest, record: str) -> HttpResponse:
    """One line with the other party's answers, and what sources reported, each with its grade."""
    return show_page(request, LINE, record, leak_link=True)


@require_http_methods(["GET", "HEAD", "POST"])
@answering
def statement_new(request: HttpRequest, act: str) -> HttpResponse:
    """Write a line for the press."""
    return do_act(request, LINE, act)


@require_http_methods(["GET", "HEAD", "POST"])
@answering
def statement_act(request: HttpRequest, record: str, act: str) -> HttpResponse:
    """Put forward, answer, use with notice, neither confirm nor deny, end; a leak; a source's report."""
    return do_act(request, LINE, act, record)
