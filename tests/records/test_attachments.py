"""Attachments are made harmless before they are stored, or refused with a reason."""

from __future__ import annotations

import io

import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image
from PIL.PngImagePlugin import PngInfo

from records.test_commit import PARTS, person
from safeconduct.records.attachments import (
    AttachmentRefused,
    attachment_parts,
    clean,
    content_bytes,
    safe_name,
)
from safeconduct.records.commit import Draft, commit
from safeconduct.records.home import Home
from safeconduct.records.release import content, release


def jpeg(**extra: object) -> bytes:
    target = io.BytesIO()
    Image.new("RGB", (60, 40), (200, 30, 30)).save(target, "JPEG", **extra)
    return target.getvalue()


def test_place_and_author_do_not_survive() -> None:
    exif = Image.Exif()
    exif[0x013B] = "CANARY-AUTHOR"
    exif.get_ifd(0x8825)[1] = "N"
    raw = jpeg(exif=exif, comment=b"CANARY-COMMENT") + b"CANARY-BEHIND-THE-END"
    assert b"CANARY-AUTHOR" in raw
    media_type, cleaned = clean(raw)
    assert media_type == "image/jpeg" and b"CANARY" not in cleaned
    assert not Image.open(io.BytesIO(cleaned)).getexif()


def test_png_text_chunks_do_not_survive() -> None:
    info = PngInfo()
    info.add_text("Comment", "CANARY")
    target = io.BytesIO()
    Image.new("RGBA", (10, 10)).save(target, "PNG", pnginfo=info)
    media_type, cleaned = clean(target.getvalue())
    assert media_type == "image/png" and b"CANARY" not in cleaned


@pytest.mark.parametrize(
    "raw",
    [
        b"GIF89a\x01\x00\x01\x00\x00\x00\x00;",
        b"%PDF-1.7\n\x00\x01",
        b"MZ\x90\x00\x03",
        b"\xff\xfe\x00",
        jpeg()[:200],
        b"\x00" * 100,
    ],
)
def test_other_types_and_broken_pictures_are_refused(raw: bytes) -> None:
    with pytest.raises(AttachmentRefused):
        clean(raw)


def test_a_picture_that_unpacks_to_a_giant_is_refused() -> None:
    target = io.BytesIO()
    Image.new("L", (9000, 9000)).save(target, "PNG")
    with pytest.raises(AttachmentRefused):
        clean(target.getvalue())


def test_too_large_is_refused() -> None:
    with pytest.raises(AttachmentRefused):
        attachment_parts("x.txt", b"a" * 20_000_000)


@given(st.binary(max_size=200))
def test_any_bytes_are_taken_clean_or_refused(raw: bytes) -> None:
    try:
        media_type, cleaned = clean(raw)
    except AttachmentRefused:
        return
    assert media_type == "text/plain" and cleaned.decode()


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("../../etc/passwd", "passwd"),
        ("C:\\temp\\a.png", "a.png"),
        ("\u202egnp.exe", "gnp.exe"),
        ("..", "attachment"),
        ("", "attachment"),
        ("x" * 500, "x" * 120),
        ("نقشہ.png", "نقشہ.png"),
    ],
)
def test_names_lose_paths_and_tricks(name: str, expected: str) -> None:
    assert safe_name(name) == expected


def test_an_attachment_comes_back_as_it_was_cleaned(node: Home) -> None:
    officer = person("watch_officer")
    incident = commit(officer, Draft("incident", PARTS))
    parts = attachment_parts("scene.jpg", jpeg())
    made = commit(officer, Draft("attachment", parts, about=incident.record))
    found = release(officer, made.record)
    assert found.parts["description"]["name"] == "scene.jpg"
    assert found.parts["content"] == {}, "the content is not in the tables"
    assert content_bytes(content(officer, made.record, "content")) == content_bytes(parts["content"])
