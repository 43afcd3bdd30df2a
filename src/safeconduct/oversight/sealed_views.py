"""Pages of sealed bundles: giving time-locked records in advance, and opening what a partner gave with its code."""

from __future__ import annotations

from dataclasses import dataclass

from django import forms
from django.contrib import messages
from django.core.files.uploadedfile import UploadedFile
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.functional import Promise
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, pgettext_lazy
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from safeconduct.exchange import ahead, sealed_state
from safeconduct.exchange.sealed import MAX_FILE
from safeconduct.exchange.spoken import MAX_SPOKEN, CodeRefused
from safeconduct.exchange.unsealing import OPENERS
from safeconduct.oversight import jobs, rules
from safeconduct.oversight.wording import kind_name
from safeconduct.records import here
from safeconduct.records.refusals import Malformed, NotFound
from safeconduct.shell.answers import answering, reader_of

STATES: dict[str, Promise] = {
    sealed_state.WAITING: pgettext_lazy("a sealed bundle", "waits for its code"),
    sealed_state.OPENED: pgettext_lazy("a sealed bundle", "opened"),
    sealed_state.TAKEN_BACK: pgettext_lazy("a sealed bundle", "taken back by its originator"),
    sealed_state.EXPIRED: pgettext_lazy("a sealed bundle", "expired"),
}

OUTCOMES: dict[str, Promise] = {
    "taken": pgettext_lazy("a record in a sealed bundle", "may be read now"),
    "here already": pgettext_lazy("a record in a sealed bundle", "was here already"),
    "amended since": pgettext_lazy(
        "a record in a sealed bundle", "was amended since; the later version stands"
    ),
}


class FileForm(forms.Form):
    """A sealed bundle that a partner handed over."""

    file = forms.FileField(label=gettext_lazy("Sealed bundle"), max_length=200)

    def clean_file(self) -> UploadedFile[bytes]:
        found: UploadedFile[bytes] = self.cleaned_data["file"]
        if (found.size or 0) > MAX_FILE:
            raise forms.ValidationError(_("This file is too long for a sealed bundle."))
        return found


class CodeForm(forms.Form):
    """The code as it was heard: letters and digits, or the words they were spelled with."""

    code = forms.CharField(
        label=gettext_lazy("Code, as the other party reads it"),
        max_length=MAX_SPOKEN,
        widget=forms.TextInput(attrs={"autocomplete": "off", "spellcheck": "false", "dir": "ltr"}),
        help_text=gettext_lazy("Seven groups of five. The spelling words may be typed as well."),
    )


@dataclass(frozen=True)
class Opening:
    """A waiting bundle with the form for its code."""

    bundle: ahead.Waiting
    state: Promise
    form: CodeForm | None


@require_http_methods(["GET", "POST"])
@answering
def seal(request: HttpRequest, record: str) -> HttpResponse:
    """Give a time-locked record and those about it in advance: for whom, then the code, which is shown once."""
    reader = reader_of(request)
    found = rules.own_record(reader, record)
    choices = ahead.sealable(reader, record)
    names = {partner.party: partner.name for partner in here.home().partners.values()}
    context = {
        "found": found,
        "kind": kind_name(found.kind),
        "choices": [(party, names[party], count, opens) for party, count, opens in choices],
        "page_level": "RESTRICTED",
    }
    if request.method == "GET":
        return render(request, "oversight/seal.html", context)
    party = request.POST.get("partner", "")
    if party not in names:
        raise NotFound(record)
    made = ahead.seal(reader, [record], party)
    sealed = [(kind_name(kind), each) for each, kind in made.records]
    # Whoever has file and code has the records.
    context |= {"made": made, "partner": names[party], "sealed": sealed, "page_level": "CONFIDENTIAL"}
    context["groups"] = list(zip(made.code.split(), made.spoken, strict=True))
    return render(request, "oversight/seal.html", context)


@require_GET
@answering
def sealed_file(request: HttpRequest, bundle: str) -> HttpResponse:
    """The file of a sealed bundle, to be handed to the partner. It opens nothing without its code."""
    file = ahead.file_of(reader_of(request), bundle)
    answer = HttpResponse(file, content_type="application/octet-stream")
    answer["Content-Disposition"] = f'attachment; filename="sealed-{bundle[:8]}.safeconduct"'
    return answer


@require_http_methods(["GET", "POST"])
@answering
def sealed(request: HttpRequest) -> HttpResponse:
    """Sealed bundles that partners handed over: take one, and enter the code that opens it."""
    reader = reader_of(request)
    form = FileForm(request.POST or None, request.FILES or None)
    if request.method == "POST" and form.is_valid():
        try:
            kept = ahead.take(reader, form.cleaned_data["file"].read())
        except Malformed as fault:
            form.add_error("file", str(fault))
        else:
            messages.success(
                request, _("Kept until its code comes: %(state)s.") % {"state": STATES[kept.state]}
            )
            return redirect("oversight:sealed")
    return _page(request, form)


@sensitive_post_parameters("code")
@require_POST
@answering
def open_sealed(request: HttpRequest, bundle: str) -> HttpResponse:
    """Enter the code of a sealed bundle."""
    form = CodeForm(request.POST)
    if form.is_valid():
        try:
            opened = ahead.enter_code(reader_of(request), bundle, form.cleaned_data["code"])
        except CodeRefused as fault:
            form.add_error("code", _in_words(fault))
        except Malformed as fault:
            form.add_error("code", str(fault))
        else:
            for _record, kind, outcome in opened:
                messages.success(request, f"{kind_name(kind)}: {OUTCOMES[outcome]}")
            return redirect("oversight:sealed")
    return _page(request, FileForm(), bundle, form)


def _in_words(fault: CodeRefused) -> str:
    if isinstance(fault, ahead.WrongCode):
        text = _("This code does not open it; %(n)s wrong so far. The next may be tried in %(seconds)s s.")
        return text % {"n": fault.tries, "seconds": round(fault.seconds)}
    if fault.group:
        return _("Group %(n)s was misheard or mistyped. Ask for it again.") % {"n": fault.group}
    return _("This is no code: it has seven groups of five letters and digits.")


def _page(
    request: HttpRequest, form: FileForm, bundle: str = "", tried: CodeForm | None = None
) -> HttpResponse:
    reader = reader_of(request)
    openings = [
        Opening(
            each,
            STATES[each.state],
            (tried if each.bundle == bundle else CodeForm()) if each.state == sealed_state.WAITING else None,
        )
        for each in (ahead.waiting(reader) if OPENERS & reader.roles else ())
    ]
    context = {
        "form": form,
        "openings": openings,
        "auditing": jobs.may_audit(here.state().policy, reader),
        "may_open": bool(OPENERS & reader.roles),
        "page_level": "RESTRICTED",
    }
    failed = form.is_bound or tried is not None
    return render(request, "oversight/sealed.html", context, status=422 if failed else 200)
