"""What a page answers when a door did not open: not found, refused by which clause, overtaken, no writer."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import wraps
from typing import Any

from django.http import Http404, HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import render
from django.utils.translation import gettext as _

from safeconduct.agreement.policy import Subject
from safeconduct.records import here
from safeconduct.records.principals import to_wire
from safeconduct.records.refusals import Conflict, Malformed, NeedsSecond, NotFound, Refused, Unavailable
from safeconduct.shell.terms import KIND_NAMES, plain

View = Callable[..., HttpResponseBase]


def reader_of(request: HttpRequest) -> Subject:
    """The principal who asks. The middleware lets nobody pass who is none; without one nothing is found."""
    principal: Subject | None = getattr(request, "principal", None)
    if principal is None:
        raise Http404
    return principal


def refusal(
    reader: Subject, act: str, kind: str, reason: str, would: Sequence[tuple[str, str]] = (), record: str = ""
) -> Refused:
    """What a page refuses before it asks the doors is kept in the ledger as what they refuse is."""
    attempt = {"act": act, "record": record, "reason": f"{act} {kind}: no grant"}
    here.door().call("refuse", {"actor": to_wire(reader), **attempt})
    return Refused(reason, would)


def answering(view: View) -> View:
    """Turn what the doors of `records` raise into pages; a refusal says which clause would allow it."""

    @wraps(view)
    def answer(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        try:
            return view(request, *args, **kwargs)
        except NotFound as fault:
            raise Http404 from fault
        except Refused as fault:
            return refused(request, fault)
        except Conflict as fault:
            text = _("The record is at version %(n)s now. Look at it again before you change it.")
            return _page(request, 409, _("Somebody was faster"), text % {"n": fault.current})
        except Malformed as fault:
            return _page(request, 400, _("This request cannot be understood"), str(fault))
        except Unavailable:
            text = _("The ledger's writer did not answer. It is not known whether the change was stored.")
            return _page(request, 503, _("The node could not do this"), text)

    return answer


def refused(request: HttpRequest, fault: Refused) -> HttpResponse:
    """The page of a refusal: the reason, and each grant that would allow it with its clause's status; or how to ask
    for a second person."""
    if isinstance(fault, NeedsSecond):
        context = {"fault": fault, "kind": plain(KIND_NAMES, fault.kind), "page_level": "OPEN"}
        return render(request, "shell/needs_second.html", context, status=403)
    context = {"reason": fault.reason, "would": fault.would, "heading": _("This is not permitted")}
    return render(request, "shell/refused.html", {**context, "code": 403, "page_level": "OPEN"}, status=403)


def _page(request: HttpRequest, status: int, heading: str, reason: str) -> HttpResponse:
    context = {"code": status, "heading": heading, "reason": reason, "page_level": "OPEN"}
    return render(request, "shell/refused.html", context, status=status)
