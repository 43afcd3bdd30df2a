"""Attachments: papers and pictures beside a record, made harmless before they are stored.

A picture is decoded and encoded anew, so that no metadata (place, camera, author) and nothing hidden behind
its end survives. Only the listed types are taken; what a file is, its bytes say, not its name.
"""

from __future__ import annotations

import base64
import hashlib
import io
import unicodedata
import warnings
from typing import ClassVar

from PIL import Image, ImageOps, UnidentifiedImageError
from pydantic import Field

from safeconduct.records.kinds import Kind, PartModel, register

MAX_BYTES = 3 * 1024 * 1024
MAX_PIXELS = 40_000_000
MAX_SIDE = 4096
FORMATS = {"JPEG": "image/jpeg", "PNG": "image/png", "WEBP": "image/webp"}
TEXT = "text/plain"


class Description(PartModel):
    """What an attachment is; `sha256` is that of the cleaned bytes."""

    name: str = Field(min_length=1, max_length=120)
    media_type: str = Field(pattern=r"^(image/(jpeg|png|webp)|text/plain)$")
    size: int = Field(ge=0, le=MAX_BYTES)
    sha256: str = Field(pattern=r"^[0-9a-f]{64}$")


class Content(PartModel):
    """The cleaned bytes, in base64."""

    tabled: ClassVar[bool] = False
    max_bytes: ClassVar[int] = 4 * MAX_BYTES // 3 + 1024
    data: str


ATTACHMENT = register(
    Kind(
        "attachment",
        {"description": Description, "content": Content},
        searched=("description.name",),
        falls_with=True,
    )
)


class AttachmentRefused(ValueError):
    """A file that is too large, of a type not taken, or not what it claims to be."""


def attachment_parts(name: str, raw: bytes) -> dict[str, dict[str, object]]:
    """The parts of an attachment record for a file. Raises AttachmentRefused."""
    if len(raw) > MAX_BYTES * 4:
        raise AttachmentRefused(f"larger than {MAX_BYTES * 4} bytes")
    media_type, cleaned = clean(raw)
    if len(cleaned) > MAX_BYTES:
        raise AttachmentRefused(f"larger than {MAX_BYTES} bytes after cleaning")
    return {
        "description": {
            "name": safe_name(name),
            "media_type": media_type,
            "size": len(cleaned),
            "sha256": hashlib.sha256(cleaned).hexdigest(),
        },
        "content": {"data": base64.b64encode(cleaned).decode()},
    }


def content_bytes(content: dict[str, str]) -> bytes:
    """The bytes of a `content` part."""
    try:
        return base64.b64decode(content["data"], validate=True)
    except (KeyError, ValueError) as fault:
        raise AttachmentRefused("not an attachment's content") from fault


def safe_name(name: str) -> str:
    """The last path component without control or direction-changing characters; "attachment" if none is left."""
    last = name.replace("\\", "/").rsplit("/", 1)[-1]
    kept = "".join(c for c in last if unicodedata.category(c)[0] != "C").strip(". ")
    return kept[:120] or "attachment"


def clean(raw: bytes) -> tuple[str, bytes]:
    """(media type, bytes without metadata). Raises AttachmentRefused for what is neither picture nor text."""
    if not raw:
        raise AttachmentRefused("an empty file")
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error", Image.DecompressionBombWarning)
            return _clean_picture(raw)
    except UnidentifiedImageError:
        return TEXT, _clean_text(raw)
    except (OSError, ValueError, SyntaxError, Image.DecompressionBombError, Warning) as fault:
        raise AttachmentRefused("a picture that cannot be read whole") from fault


def _clean_picture(raw: bytes) -> tuple[str, bytes]:
    with Image.open(io.BytesIO(raw), formats=tuple(FORMATS)) as picture:
        form = str(picture.format)
        if picture.width * picture.height > MAX_PIXELS:
            raise AttachmentRefused(f"a picture of more than {MAX_PIXELS} pixels")
        picture.load()
        upright = ImageOps.exif_transpose(picture)
        upright.thumbnail((MAX_SIDE, MAX_SIDE))
        mode = "RGB" if form == "JPEG" else "RGBA"
        bare = Image.frombytes(mode, upright.size, upright.convert(mode).tobytes())
        target = io.BytesIO()
        bare.save(target, format=form, **({"quality": 88} if form != "PNG" else {"optimize": True}))
    return FORMATS[form], target.getvalue()


def _clean_text(raw: bytes) -> bytes:
    try:
        text = raw.decode("utf-8-sig")
    except UnicodeDecodeError as fault:
        raise AttachmentRefused("only JPEG, PNG, WebP and UTF-8 text are taken") from fault
    if not text or any(unicodedata.category(c) == "Cc" and c not in "\t\n\r" for c in text):
        raise AttachmentRefused("only JPEG, PNG, WebP and UTF-8 text are taken")
    return text.encode()
