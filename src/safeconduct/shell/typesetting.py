"""Papers set in type, as PDF: the same paper gives the same bytes on every machine.

The typefaces come with the installation and no other is looked at; the file bears the moment that it tells of.
"""

from __future__ import annotations

import json
from datetime import UTC, datetime
from functools import lru_cache
from importlib.resources import files
from pathlib import Path

import typst
from django.utils import translation

from safeconduct.shell.papers import Paper, heading, plain

FACES = Path(__file__).resolve().parent / "typefaces"
FAMILIES = ("Noto Nastaliq Urdu", "Noto Sans", "Noto Sans SC")
LANGUAGES = {"en": "en", "ur": "ur", "zh-hans": "zh"}
"""The language of a paper, and how its form calls it."""
MOST_BYTES = 20 * 1024 * 1024


class Unset(RuntimeError):
    """A paper that could not be set: the typefaces are missing, or it became too large."""


def pdf(paper: Paper) -> bytes:
    """The paper as a PDF (version 1.7, tagged). Raises Unset."""
    compiler = typst.Compiler(_form(), font_paths=_faces(), ignore_system_fonts=True)
    at = datetime.fromtimestamp(paper.moment, UTC)
    with translation.override(paper.language):
        said = json.dumps(plain(paper), ensure_ascii=False)
    inputs = {
        "paper": said,
        "language": LANGUAGES.get(paper.language, "en"),
        "author": heading(paper.standing.split(";")[0]),
        "moment": json.dumps([at.year, at.month, at.day, at.hour, at.minute, at.second]),
    }
    try:
        made = compiler.compile(format="pdf", sys_inputs=inputs, timestamp=int(paper.moment))
    except typst.TypstError as fault:
        raise Unset(fault.message) from fault
    if not isinstance(made, bytes) or len(made) > MOST_BYTES:
        raise Unset(f"more than {MOST_BYTES:,} bytes")
    return made


@lru_cache(maxsize=1)
def _form() -> bytes:
    return files("safeconduct.shell").joinpath("paper_forms/paper.typ").read_bytes()


@lru_cache(maxsize=1)
def _faces() -> typst.Fonts:
    fonts = typst.Fonts(include_system_fonts=False, include_embedded_fonts=False, font_paths=[str(FACES)])
    if missing := set(FAMILIES) - set(fonts.families()):
        raise Unset(f"the installation has no typeface {', '.join(sorted(missing))}")
    return fonts
