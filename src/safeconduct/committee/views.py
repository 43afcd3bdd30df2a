"""The agreement's pages: reading it. Signing and appointing are in `signing_views`."""

from __future__ import annotations

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET, require_http_methods

from safeconduct.committee import documents, explaining, rules
from safeconduct.committee.forms import ClauseForm, ExplainForm
from safeconduct.committee.negotiation_views import remarks_of
from safeconduct.committee.review import proofs
from safeconduct.records import here
from safeconduct.shell.answers import answering, reader_of, refusal

LIVE = "/live?topics=clause,status_act,clause_remark"


@require_GET
@answering
def agreements(request: HttpRequest) -> HttpResponse:
    """Every agreement of this node and its house rules, with how many clauses have which status."""
    found = documents.agreements(reader_of(request))
    label = documents.highest(view.label for view in found)
    context = {"agreements": found, "page_level": label, "live_url": LIVE}
    return render(request, "committee/agreements.html", context)


@require_GET
@answering
def agreement(request: HttpRequest, name: str) -> HttpResponse:
    """One agreement: each clause, its status, its texts, who signed what, what it lets whom do."""
    reader = reader_of(request)
    place = documents.agreement(reader, name)
    wanted = request.GET.get("status", "")
    clauses = [clause for clause in place.clauses if not wanted or clause.status == wanted]
    context = {
        "place": place,
        "sheets": [explaining.sheet(place, clause) for clause in clauses],
        "wanted": wanted,
        "may_propose": documents.may_propose(reader),
        "may_sign": documents.may_sign(reader),
        "page_level": place.label,
        "live_url": LIVE,
    }
    return render(request, "committee/agreement.html", context)


@require_GET
@answering
def clause(request: HttpRequest, name: str, number: str) -> HttpResponse:
    """One clause in full, with what this party can do about each of its texts."""
    reader = reader_of(request)
    place = documents.agreement(reader, name)
    found = place.clause(number)
    signing = documents.may_sign(reader)
    texts = [
        (explaining.sheet(place, found, version), rules.open_acts(place, version) if signing else ())
        for version in (*([found.governing] if found.governing else ()), *found.proposals)
    ] or [(explaining.sheet(place, found), rules.open_acts(place, found.shown) if signing else ())]
    context = {
        "place": place,
        "clause": found,
        "texts": texts,
        "earlier": explaining.earlier(found),
        "proofs": proofs(place, found),
        **remarks_of(reader, place, found),
        "may_propose": documents.may_propose(reader),
        "may_sign": signing,
        "page_level": documents.highest(version.label for version in found.versions),
        "live_url": LIVE,
    }
    return render(request, "committee/clause.html", context)


@require_GET
@answering
def clause_file(request: HttpRequest, name: str, number: str, digest: str) -> HttpResponse:
    """A clause file, byte for byte, as the signatures pin it."""
    version = documents.agreement(reader_of(request), name).clause(number).version_of(digest)
    answer = HttpResponse(version.clause.raw, content_type="text/plain; charset=utf-8")
    file = f"{name}-{number}-v{version.clause.version}.md"
    answer["Content-Disposition"] = f'attachment; filename="{file}"'
    return answer


@require_http_methods(["GET", "POST"])
@answering
def propose(request: HttpRequest, name: str) -> HttpResponse:
    """Put a new clause, or a new version of one, on record."""
    reader = reader_of(request)
    place = documents.agreement(reader, name)
    if not documents.may_propose(reader):
        would = explaining.would("write", "clause", reader)
        raise refusal(reader, "write", "clause", _("putting a clause on record"), would)
    if request.method == "POST":
        form = ClauseForm(place, request.POST, request.FILES)
        if form.is_valid() and form.clause is not None:
            rules.propose_clause(reader, place, form.clause)
            messages.success(request, _("The text is on record. It has no effect until it is signed."))
            return redirect("committee:clause", name=name, number=form.clause.number)
    else:
        form = ClauseForm(place, initial={"text": _template_text(place, request.GET.get("from", ""))})
    context = {"place": place, "form": form, "page_level": "OPEN"}
    status = 422 if form.is_bound else 200
    return render(request, "committee/propose.html", context, status=status)


def _template_text(place: documents.AgreementView, number: str) -> str:
    """The file of the clause that the new version starts from."""
    found = [clause for clause in place.clauses if clause.number == number]
    return found[0].versions[-1].clause.raw.decode("utf-8") if found else ""


@require_GET
@answering
def who_may(request: HttpRequest) -> HttpResponse:
    """Who may do what, by which grant, in the words of the treaty."""
    reader = reader_of(request)
    start = {"party": here.home().party, "role": "coordinator", "act": "read", "kind": "incident"}
    form = ExplainForm({**start, **request.GET.dict()})
    answer = explaining.answer(reader, form.cleaned_data) if form.is_valid() else None
    context = {
        "form": form,
        "answer": answer,
        "page_level": answer.label if answer else "OPEN",
        "address": reverse("committee:who_may"),
    }
    return render(request, "committee/who_may.html", context)
