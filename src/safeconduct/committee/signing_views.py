"""Signing and appointing: the act is reviewed, signed by a key this node never holds, and put on record."""

from __future__ import annotations

import json
from typing import Any

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET, require_http_methods

from safeconduct.agreement.acts import StatusAct
from safeconduct.agreement.policy import Subject
from safeconduct.agreement.signatures import Signatory, SignatureRefused
from safeconduct.committee import documents, explaining, passkeys, rules
from safeconduct.committee.documents import AgreementView, ClauseVersion
from safeconduct.committee.forms import AnswerForm, CandidateForm, EnrolForm, SignForm
from safeconduct.committee.review import review
from safeconduct.records import here
from safeconduct.records.refusals import Malformed
from safeconduct.shell.answers import answering, reader_of, refusal

ENROLLING = "committee.enrolling"
"""Session key: what is kept between asking a browser for a new key and its answer."""


@require_http_methods(["GET", "POST"])
@answering
def sign(request: HttpRequest, name: str, number: str, digest: str, to: str) -> HttpResponse:
    """Review an act on a text, and sign it."""
    reader = _signing_reader(request)
    place = documents.agreement(reader, name)
    version = place.clause(number).version_of(digest)
    if request.method == "POST":
        return _put_on_record(request, reader, place, version)
    keys = rules.own_signatories(place)
    chosen = request.GET.get("key", "") or (keys[0].key_id if len(keys) == 1 else "")
    act = rules.prepare_act(place, to, chosen, version) if chosen else None
    return _review_page(request, reader, place, act, to, version=version)


@require_http_methods(["GET", "POST"])
@answering
def appoint(request: HttpRequest, name: str) -> HttpResponse:
    """Appoint somebody as signatory: name them, choose the signing key, review, sign."""
    reader = _signing_reader(request)
    place = documents.agreement(reader, name)
    if request.method == "POST" and "act" in request.POST:
        return _put_on_record(request, reader, place, None)
    form = CandidateForm(request.GET if "key" in request.GET else None)
    if form.is_valid() and form.signatory is not None:
        act = rules.prepare_act(place, "appoint", request.GET["key"], subject=form.signatory)
        return _review_page(request, reader, place, act, "appoint", subject=form.signatory)
    context = {"place": place, "form": form, "keys": rules.own_signatories(place), "page_level": "OPEN"}
    return render(request, "committee/appoint.html", context, status=422 if form.is_bound else 200)


@require_http_methods(["GET", "POST"])
@answering
def dismiss(request: HttpRequest, name: str, key: str) -> HttpResponse:
    """Take the right to sign from somebody; one signature is enough."""
    reader = _signing_reader(request)
    place = documents.agreement(reader, name)
    subject = rules.signatory(place, key)
    if request.method == "POST":
        return _put_on_record(request, reader, place, None)
    keys = rules.own_signatories(place)
    chosen = request.GET.get("key", "") or (keys[0].key_id if len(keys) == 1 else "")
    act = rules.prepare_act(place, "dismiss", chosen, subject=subject) if chosen else None
    return _review_page(request, reader, place, act, "dismiss", subject=subject)


@require_GET
@answering
def signatories(request: HttpRequest, name: str) -> HttpResponse:
    """Who may sign for each party, how they sign, and who appointed whom."""
    reader = reader_of(request)
    place = documents.agreement(reader, name)
    context = {
        "place": place,
        "own": here.home().party,
        "may_sign": documents.may_sign(reader),
        "page_level": place.label,
        "live_url": "/live?topics=status_act",
    }
    return render(request, "committee/signatories.html", context)


@require_http_methods(["GET", "POST"])
@answering
def enrol(request: HttpRequest, name: str) -> HttpResponse:
    """Make a passkey in this browser. It signs nothing until an existing signatory appoints its holder."""
    reader = _signing_reader(request)
    place = documents.agreement(reader, name)
    kept = request.session.get(ENROLLING)
    if request.method == "POST" and "answer" in request.POST and kept:
        return _enrolled(request, place, kept)
    form = EnrolForm(request.POST or None)
    context: dict[str, Any] = {"place": place, "form": form, "page_level": "OPEN", "site": _site(request)}
    if request.method == "POST" and form.is_valid():
        options, kept = passkeys.enrolment_options(
            _site(request), here.home().name, form.cleaned_data["name"]
        )
        request.session[ENROLLING] = kept
        context |= {"options": options, "answer_form": AnswerForm(), "person": kept["name"]}
    return render(request, "committee/enrol.html", context)


def _enrolled(request: HttpRequest, place: AgreementView, kept: dict[str, str]) -> HttpResponse:
    form = AnswerForm(request.POST)
    origin = f"{request.scheme}://{request.get_host()}"
    try:
        if not form.is_valid():
            raise passkeys.AnswerRefused("; ".join(str(m) for e in form.errors.values() for m in e))
        found = passkeys.enrolled(form.cleaned_data["answer"], kept, here.home().party, origin)
    except (passkeys.AnswerRefused, SignatureRefused) as fault:
        messages.error(request, str(fault))
        return redirect("committee:enrol", name=place.name)
    del request.session[ENROLLING]
    text = json.dumps(found.to_dict(), sort_keys=True)
    context = {
        "place": place,
        "person": found,
        "form": CandidateForm(initial={"candidate": text}),
        "enrolment": text,
        "keys": rules.own_signatories(place),
        "page_level": "OPEN",
    }
    return render(request, "committee/enrolled.html", context)


def _signing_reader(request: HttpRequest) -> Subject:
    reader = reader_of(request)
    if not documents.may_sign(reader):
        would = explaining.would("write", "status_act", reader)
        raise refusal(reader, "write", "status_act", _("signing an act of this party"), would)
    return reader


def _put_on_record(
    request: HttpRequest, reader: Subject, place: AgreementView, version: ClauseVersion | None
) -> HttpResponse:
    form = SignForm(request.POST)
    act = rules.read_act(place, form.data.get("act", ""))
    expected = (version.clause.number, version.clause.digest) if version else ("", "")
    if (act.clause, act.text) != expected:
        raise Malformed(_("The act is about something else than this page."))
    if form.is_valid():
        try:
            answer = form.cleaned_data["answer"]
            signature = (
                passkeys.signature_of(answer)
                if answer
                else rules.read_signature(form.cleaned_data["signature"])
            )
            rules.make_act(reader, place, act, signature)
        except (SignatureRefused, passkeys.AnswerRefused, Malformed) as fault:
            form.add_error(None, str(fault))
        else:
            messages.success(request, _("Signed, and on record."))
            if version is None:
                return redirect("committee:signatories", name=place.name)
            return redirect("committee:clause", name=place.name, number=act.clause)
    subject = Signatory.from_dict(act.subject) if act.subject else None
    return _review_page(request, reader, place, act, act.to, version=version, subject=subject, form=form)


def _review_page(
    request: HttpRequest,
    reader: Subject,
    place: AgreementView,
    act: StatusAct | None,
    to: str,
    version: ClauseVersion | None = None,
    subject: Signatory | None = None,
    form: SignForm | None = None,
) -> HttpResponse:
    """The page before the signature: what the act is, what it would do, and the place to sign it."""
    context: dict[str, Any] = {
        "place": place,
        "to": to,
        "act": act,
        "version": version,
        "sheet": explaining.sheet(place, place.clause(version.clause.number), version) if version else None,
        "subject": subject,
        "keys": rules.own_signatories(place),
        "page_level": version.label if version else "OPEN",
    }
    if act is not None:
        signer = rules.signatory(place, act.key)
        text = act.canonical().decode("utf-8")
        context |= {
            "signer": signer,
            "act_text": text,
            "form": form or SignForm(initial={"act": text}),
            "review": review(reader, place, act) if version else None,
            "options": passkeys.signing_options(act, signer) if signer.method == "passkey" else None,
            "here": signer.method != "passkey" or signer.rp_id == _site(request),
        }
    status = 422 if form is not None else 200
    return render(request, "committee/sign.html", context, status=status)


def _site(request: HttpRequest) -> str:
    """The host name of the page, which is what a passkey is bound to."""
    return request.get_host().rsplit(":", 1)[0]
