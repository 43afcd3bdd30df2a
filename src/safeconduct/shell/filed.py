"""A file on record, handed out as it was filed: under its own name, and with nothing in it that could run."""

from __future__ import annotations

from django.http import HttpResponse
from django.utils.http import content_disposition_header

from safeconduct.agreement.policy import Subject
from safeconduct.records.attachments import content_bytes
from safeconduct.records.refusals import NotFound
from safeconduct.records.release import content, release


def filed(reader: Subject, record: str, kind: str, pictures_shown: bool = False) -> HttpResponse:
    """The content of a record of this kind, noted as read where a clause says so; with `pictures_shown` a picture opens
    in the browser. Raises NotFound for what the reader may not know of, or of which he may not read what it is."""
    found = release(reader, record)
    described = found.parts.get("description")
    if found.kind != kind or described is None:
        raise NotFound(record)
    media_type = described["media_type"]
    answer = HttpResponse(content_bytes(content(reader, record, "content")), content_type=media_type)
    kept = not (pictures_shown and media_type.startswith("image/"))
    answer["Content-Disposition"] = str(content_disposition_header(kept, described["name"]))
    answer["Content-Security-Policy"] = "default-src 'none'; sandbox"
    answer["Cache-Control"] = "no-store"
    return answer
