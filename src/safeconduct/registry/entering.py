"""Pages that enter and amend what the registry keeps: a form for each part that the writer may write."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from django.contrib import messages
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods

from safeconduct.agreement.policy import Subject
from safeconduct.agreement.vocabulary import LEVELS
from safeconduct.records.kinds import PartRefused, all_kinds
from safeconduct.records.kinds import kind as kind_named
from safeconduct.records.refusals import Conflict, Malformed
from safeconduct.records.release import Released, release
from safeconduct.registry import rules, words
from safeconduct.registry.fields import Options
from safeconduct.registry.forms import OptionalPartForm, PartForm, StateForm
from safeconduct.registry.presentation import PLURALS, choices, display_name, highest, page_of
from safeconduct.registry.views import kind_of, record_of
from safeconduct.shell.answers import answering, reader_of, refusal

INSISTED = {
    "organisation": ("identity",),
    "project": ("identity",),
    "site": ("identity", "place"),
    "unit": ("identity",),
    "person": ("name",),
    "protection": ("bearer",),
}
"""The parts that a kind must have; the others may be left empty."""
CHOSEN = {
    "project": {"organisations": "organisation", "sites": "site"},
    "site": {"organisation": "organisation", "projects": "project"},
    "person": {"employer": "organisation", "project": "project", "site": "site"},
}
"""By kind, the fields in which a record of another kind is chosen."""


def options_for(reader: Subject, kind: str) -> Options:
    return {field: choices(reader, other) for field, other in CHOSEN.get(kind, {}).items()}


def part_forms(
    writer: Subject,
    kind: str,
    parts: Iterable[str],
    data: Any,
    found: Released | None = None,
) -> list[PartForm]:
    """A form for each of these parts, filled with what it holds now."""
    options = options_for(writer, kind)
    forms = []
    for part in parts:
        form = PartForm if part in INSISTED[kind] else OptionalPartForm
        held = found.levels.get(part) if found else None
        forms.append(
            form(
                kind_named(kind),
                part,
                data,
                current=found.parts.get(part) if found else None,
                level=LEVELS.index(held) if held else None,
                clearance=writer.clearance,
                options=options,
            )
        )
    return forms


@require_http_methods(["GET", "HEAD", "POST"])
@answering
def enter(request: HttpRequest, plural: str) -> HttpResponse:
    """Enter an organisation, a project, a site, a unit or a Protected Person."""
    kind, writer = kind_of(plural), reader_of(request)
    may = _expect(writer, kind)
    data = request.POST if request.method == "POST" else None
    forms = part_forms(writer, kind, [name for name in all_kinds()[kind].part_names if name in may], data)
    if data is not None and valid(forms):
        try:
            done = rules.enter(writer, kind, values(forms), levels=levels(forms))
        except (PartRefused, Malformed) as fault:
            forms[0].add_error(None, str(fault))
        else:
            messages.success(request, _("It is in the register, and in the ledger."))
            return HttpResponseRedirect(page_of(kind, done.record))
    context = {
        "kind": kind,
        "plural": plural,
        "kind_name": words.KINDS[kind],
        "forms": forms,
        "page_level": form_level(forms),
    }
    return render(request, "registry/enter.html", context, status=status(forms))


@require_http_methods(["GET", "HEAD", "POST"])
@answering
def amend(request: HttpRequest, plural: str, record: str) -> HttpResponse:
    """The next version: any part that the writer both reads and may write, on the version they have seen."""
    writer = reader_of(request)
    return _amend(request, writer, record_of(writer, plural, record), page_of(kind_of(plural), record))


def _amend(request: HttpRequest, writer: Subject, found: Released, back: str) -> HttpResponse:
    kind = found.kind
    if found.originator != writer.party:
        raise refusal(writer, "write", kind, _("only its originator writes a record"), record=found.id)
    data = request.POST if request.method == "POST" else None
    forms = part_forms(writer, kind, _writable(writer, found), data, found)
    state_form = StateForm(
        data, all_kinds()[kind].states, initial={"seen": found.version, "state": found.state}
    )
    code = 0
    if data is not None and valid([*forms, state_form]):
        changed = [form for form in forms if _changed(form, found)]
        told = state_form.cleaned_data
        try:
            rules.amend(writer, kind, found.id, told["seen"], values(changed), told["state"], levels(changed))
        except Conflict as fault:
            state_form.add_error(None, conflict(fault))
            code = 409
        except (PartRefused, Malformed) as fault:
            state_form.add_error(None, str(fault))
        else:
            messages.success(request, _("The change is in the ledger."))
            return HttpResponseRedirect(back)
    context = {
        "record": found,
        "kind": kind,
        "plural": PLURALS.get(kind, "sites"),
        "kind_name": words.KINDS[kind],
        "name": display_name(found),
        "back": back,
        "forms": forms,
        "state_form": state_form,
        "page_level": highest([found.label, form_level(forms)]),
    }
    return render(request, "registry/amend.html", context, status=code or status([*forms, state_form]))


@require_http_methods(["GET", "HEAD", "POST"])
@answering
def protect(request: HttpRequest, site: str) -> HttpResponse:
    """Which unit answers for a site, and who guards it: the Host Party's word about a site."""
    writer = reader_of(request)
    found = record_of(writer, "sites", site)
    may = _expect(writer, "protection")
    data = request.POST if request.method == "POST" else None
    forms = part_forms(writer, "protection", [n for n in ("bearer", "guard_force") if n in may], data)
    if data is not None and valid(forms):
        try:
            rules.enter(writer, "protection", values(forms), about=found.id, levels=levels(forms))
        except (PartRefused, Malformed) as fault:
            forms[0].add_error(None, str(fault))
        else:
            messages.success(request, _("The unit is the duty bearer of this site now."))
            return HttpResponseRedirect(page_of("site", found.id))
    context = {
        "kind": "protection",
        "plural": "sites",
        "kind_name": words.KINDS["protection"],
        "record": found,
        "name": display_name(found),
        "forms": forms,
        "page_level": highest([found.label, form_level(forms)]),
    }
    return render(request, "registry/enter.html", context, status=status(forms))


@require_http_methods(["GET", "HEAD", "POST"])
@answering
def amend_protection(request: HttpRequest, site: str, protection: str) -> HttpResponse:
    """Another duty bearer, another guard force, or none any more."""
    writer = reader_of(request)
    record_of(writer, "sites", site)
    found = release(writer, protection)
    if found.kind != "protection" or found.about != site:
        raise Malformed(_("This is not the protection of that site."))
    return _amend(request, writer, found, page_of("site", site))


def _expect(writer: Subject, kind: str) -> frozenset[str]:
    """The parts the writer may write; refused early, before anything is typed, where it is certain to be."""
    may = rules.parts_open_to(writer, "write", kind)
    if not set(INSISTED[kind]) <= may:
        raise refusal(writer, "write", kind, f"write {kind}: no grant")
    return may


def _writable(writer: Subject, found: Released) -> list[str]:
    """Parts that the writer may write and is shown: nobody replaces what they cannot see."""
    under_pen = release(writer, found.id, "write")
    closed = {each.part for each in (*found.withheld, *under_pen.withheld)} | set(found.erased)
    return [name for name in all_kinds()[found.kind].part_names if name not in closed]


def _changed(form: PartForm, found: Released) -> bool:
    present = found.levels.get(form.part)
    relabelled = present is not None and LEVELS.index(present) != form.level()
    return relabelled or form.value() != found.parts.get(form.part)


def valid(forms: Iterable[Any]) -> bool:
    """Whether all are valid; every form is asked, so that all faults show at once."""
    answers = [form.is_valid() for form in forms]
    return all(answers)


def values(forms: Iterable[PartForm]) -> Mapping[str, dict[str, Any] | None]:
    return {form.part: form.value() for form in forms}


def levels(forms: Iterable[PartForm]) -> dict[str, int]:
    return {form.part: form.level() for form in forms}


def form_level(forms: Sequence[PartForm]) -> str:
    """The highest label that the forms would put on what is typed, as they stand now."""
    return highest(
        form.cleaned_data.get("label_level", LEVELS[-1])
        if form.is_bound and hasattr(form, "cleaned_data")
        else form.fields["label_level"].initial
        for form in forms
    )


def status(forms: Iterable[Any]) -> int:
    return 422 if any(form.is_bound and form.errors for form in forms) else 200


def conflict(fault: Conflict) -> str:
    return _("It is at version %(number)s now. Open it again, and enter your change on that version.") % {
        "number": fault.current
    }
