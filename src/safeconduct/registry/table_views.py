"""Pages that take tables in and give them out: an import with its dry run first, and exports."""

from __future__ import annotations

import tempfile
from collections.abc import AsyncIterator, Iterator
from itertools import islice
from pathlib import Path
from typing import Any

from asgiref.sync import sync_to_async
from django import forms
from django.http import Http404, HttpRequest, HttpResponse, StreamingHttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import render
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_http_methods, require_safe

from safeconduct.records.delimited import FileRefused
from safeconduct.records.workbooks import MEDIA_TYPE
from safeconduct.registry import rules
from safeconduct.registry.exporting import csv_pieces, xlsx
from safeconduct.registry.importing import Report, import_table
from safeconduct.registry.layouts import LAYOUTS
from safeconduct.registry.presentation import page_of
from safeconduct.registry.views import REASONS
from safeconduct.shell.answers import answering, reader_of, refusal

MAX_FILE = 10 * 1024 * 1024
"""Bytes of a file that the page takes; the command line takes larger ones."""
SHOWN = 200
WHAT = {
    "persons": gettext_lazy("Protected Persons"),
    "sites": gettext_lazy("Sites"),
    "presences": gettext_lazy("Arrivals and departures"),
}


class ImportForm(forms.Form):
    """Which table, in which file. The file is read twice, once for the dry run and once for good."""

    what = forms.ChoiceField(label=gettext_lazy("What is in the table?"))
    file = forms.FileField(label=gettext_lazy("File (CSV or XLSX)"), max_length=200, allow_empty_file=True)

    def __init__(self, data: Any, files: Any, offered: list[str]) -> None:
        super().__init__(data, files)
        self.fields["what"].choices = [(name, WHAT[name]) for name in offered]  # type: ignore[attr-defined]

    def clean_file(self) -> Any:
        given = self.cleaned_data["file"]
        if given.size > MAX_FILE:
            raise forms.ValidationError(
                _("Larger than %(n)s MB: import it on the command line.") % {"n": MAX_FILE // 1024 // 1024}
            )
        return given


@require_http_methods(["GET", "HEAD", "POST"])
@answering
def import_page(request: HttpRequest) -> HttpResponse:
    """A dry run says what would happen; the same file is then sent again for good."""
    writer = reader_of(request)
    offered = [name for name, layout in LAYOUTS.items() if rules.parts_open_to(writer, "write", layout.kind)]
    if not offered:
        raise refusal(writer, "write", "person", "write person: no grant")
    posted = request.method == "POST"
    form = ImportForm(request.POST if posted else None, request.FILES if posted else None, offered)
    report: Report | None = None
    commit = "commit" in request.POST
    if posted and form.is_valid():
        layout = LAYOUTS[form.cleaned_data["what"]]
        try:
            with tempfile.NamedTemporaryFile(suffix=".table") as kept:
                for piece in form.cleaned_data["file"].chunks():
                    kept.write(piece)
                kept.flush()
                report = import_table(writer, Path(kept.name), layout, commit)
        except FileRefused as fault:
            form.add_error("file", str(fault))
    context = {
        "form": form,
        "report": report,
        "committed": commit,
        "problems": report.problems[:SHOWN] if report else [],
        "suggestions": [_suggestion(each) for each in report.suggestions[:SHOWN]] if report else [],
        "layouts": [(WHAT[name], list(LAYOUTS[name].columns), LAYOUTS[name].required) for name in offered],
        "page_level": "CONFIDENTIAL",
    }
    code = 422 if form.is_bound and form.errors else 200
    return render(request, "registry/import.html", context, status=code)


def _suggestion(each: Any) -> dict[str, Any]:
    return {
        "line": each.line,
        "name": each.name,
        "reason": REASONS[each.reason],
        "url": page_of("person", each.record) if each.record else "",
        "other_line": each.other_line,
    }


@require_safe
@answering
def export(request: HttpRequest, what: str, form: str) -> HttpResponseBase:
    """Persons, sites or stays as CSV or XLSX, in the layout that can be imported again."""
    reader = reader_of(request)
    layout = LAYOUTS.get(what)
    if layout is None or form not in ("csv", "xlsx"):
        raise Http404
    if not rules.parts_open_to(reader, "export", layout.kind):
        raise refusal(reader, "export", layout.kind, f"export {layout.kind}: no grant")
    if form == "xlsx":
        answer: HttpResponseBase = HttpResponse(xlsx(reader, layout), content_type=MEDIA_TYPE)
    else:
        pieces = _in_turn(csv_pieces(reader, layout))
        answer = StreamingHttpResponse(pieces, content_type="text/csv; charset=utf-8")
    answer["Content-Disposition"] = f'attachment; filename="{what}.{form}"'
    return answer


async def _in_turn(pieces: Iterator[str]) -> AsyncIterator[str]:
    """The file some lines at a time, so that other requests are served in between."""
    while some := await sync_to_async(lambda: list(islice(pieces, 200)))():
        yield "".join(some)
