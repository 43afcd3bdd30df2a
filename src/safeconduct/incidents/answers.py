"""What a page answers when a door of the records does not open."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import Any

from django.core.exceptions import BadRequest, PermissionDenied
from django.http import Http404, HttpRequest
from django.http.response import HttpResponseBase
from django.shortcuts import render

from safeconduct.agreement.policy import Subject
from safeconduct.records.refusals import Malformed, NeedsSecond, NotFound, Refused, Unavailable
from safeconduct.shell.answers import refused
from safeconduct.shell.terms import reason_withheld

View = Callable[..., HttpResponseBase]


def principal(request: HttpRequest) -> Subject:
    """Who asks. Raises PermissionDenied for nobody."""
    found = getattr(request, "principal", None)
    if not isinstance(found, Subject):
        raise PermissionDenied
    return found


def answered(view: View) -> View:
    """What may not be known of is not found; a refusal names the clause that would have allowed it."""

    @wraps(view)
    def answering(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        try:
            return view(request, *args, **kwargs)
        except NotFound:
            raise Http404 from None
        except Malformed as fault:
            raise BadRequest(str(fault)) from None
        except NeedsSecond as fault:
            return refused(request, fault)
        except Refused as fault:
            reason = reason_withheld(fault.reason.rpartition(": ")[2])
            context = {"reason": reason, "would": fault.would, "page_level": "OPEN"}
            return render(request, "incidents/refused.html", context, status=403)
        except Unavailable:
            return render(request, "incidents/unavailable.html", {"page_level": "OPEN"}, status=503)

    return answering
