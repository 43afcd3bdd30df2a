"""Idempotency keys: a write that is sent again under its key is not made again.

The key belongs to a token and lives for a day. Only writes that were made are remembered: one that was refused
changed nothing, so that the same request may be made again. When the answer to a write never became known (the
writer went away in the middle), its key stays shut: a second try could store the same thing twice. Not so where
the writer itself makes it `once` (a notice, a word from the road): such a write may always be tried again.
"""

from __future__ import annotations

import hashlib
import hmac
import re
from time import time as clock

from django.db import IntegrityError, transaction
from django.http import HttpRequest, HttpResponse

from safeconduct.api.models import Write
from safeconduct.api.problems import Problem, bad_request
from safeconduct.people.models import Token

KEPT_SECONDS = 24 * 3600
RUNNING_SECONDS = 120
"""After this long a write that has not been answered never will be; longer than the writer is waited for."""

KEPT_HEADERS = ("Location", "ETag", "Content-Type")
_FORM = re.compile(r"[\x21-\x7e]{1,255}\Z")


def begin(
    request: HttpRequest, token: Token, secret: str, key: str, body: bytes, once: bool = False
) -> Write | HttpResponse:
    """Take the key for this write, or give the answer that was given under it.

    Raises Problem: 422 for a key that another request has used, 409 while its first request is being worked on.
    """
    if not _FORM.match(key):
        raise bad_request("Idempotency-Key is 1 to 255 visible ASCII characters.")
    now = clock()
    Write.objects.filter(at__lt=now - KEPT_SECONDS).delete()
    fingerprint = _fingerprint(request, secret, body)
    try:
        with transaction.atomic():
            return Write.objects.create(token=token, key=key, fingerprint=fingerprint, at=now)
    except IntegrityError:
        found = Write.objects.get(token=token, key=key)
    if not hmac.compare_digest(found.fingerprint, fingerprint):
        raise Problem(
            422,
            "key-reused",
            "Key used for something else",
            "This Idempotency-Key came with another request.",
        )
    if found.status:
        headers = {**found.headers, "Idempotent-Replayed": "true"}
        return HttpResponse(found.answer, status=found.status, headers=headers)
    if now - found.at < RUNNING_SECONDS:
        detail = "The first request with this Idempotency-Key is still being worked on."
        raise Problem(409, "in-progress", "Still being worked on", detail, {"Retry-After": "1"})
    if once:
        found.at = now
        found.save(update_fields=["at"])
        return found
    raise Problem(
        409,
        "outcome-unknown",
        "Outcome not known",
        "The first request with this Idempotency-Key was cut off. See whether it was stored, then use another key.",
    )


def end(write: Write, answer: HttpResponse, once: bool = False) -> None:
    """Keep the answer to a write that was made, let go of the key of one that was not."""
    if answer.status_code < 300:
        write.status = answer.status_code
        write.headers = {name: answer[name] for name in KEPT_HEADERS if name in answer}
        write.answer = answer.content.decode()
        write.save(update_fields=["status", "headers", "answer"])
    elif answer.status_code < 500 or once:
        write.delete()


def _fingerprint(request: HttpRequest, secret: str, body: bytes) -> str:
    digest = hmac.new(secret.encode(), digestmod=hashlib.sha256)
    told = [
        request.method,
        request.get_full_path(),
        request.headers.get("If-Match", ""),
        request.content_type,
    ]
    for piece in (*(str(part).encode() for part in told), body):
        digest.update(len(piece).to_bytes(8) + piece)
    return digest.hexdigest()
