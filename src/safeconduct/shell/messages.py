"""The message catalogues: `python -m safeconduct.shell.messages` collects every string and updates them.

It reads the templates and the Python sources of all packages, adds what is new to each django.po under
`shell/locale`, drops what is gone, compiles the .mo files and lists what still lacks a translation.
With `--check` it changes nothing and exits with 1 when something is missing. It needs Babel (the `dev` extra) and
no GNU gettext.
"""

from __future__ import annotations

import ast
import io
import re
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from babel.messages.catalog import Catalog, Message
from babel.messages.extract import extract_python
from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po, write_po
from django.utils.translation.template import templatize

SOURCES = Path(__file__).resolve().parent.parent
LOCALE = Path(__file__).resolve().parent / "locale"
LANGUAGES = ("ur", "zh_Hans")
PLURALS = {"ur": "nplurals=2; plural=(n != 1);", "zh_Hans": "nplurals=1; plural=0;"}
# How many leading arguments of each call are text, and whether the first of them is a context.
CALLS = {
    "gettext": (1, False),
    "ngettext": (2, False),
    "pgettext": (2, True),
    "npgettext": (3, True),
    "_": (1, False),
}
KEYWORDS: dict[str, Any] = {
    **{
        name + lazy: None
        for name in ("gettext", "ngettext", "pgettext", "npgettext")
        for lazy in ("", "_lazy")
    },
    "gettext_noop": None,
    "_": None,
}
# A call as templatize() writes it: every piece of text is a literal with a u before it.
CALL = re.compile(r"\b(n?p?gettext|_)\(((?:\s*u?(?:'(?:[^'\\]|\\.)*'|\"(?:[^\"\\]|\\.)*\")\s*,?)+)")
LITERAL = re.compile(r"u?('(?:[^'\\]|\\.)*'|\"(?:[^\"\\]|\\.)*\")")


@dataclass(frozen=True)
class Found:
    """One string in the sources: `text` is a pair where it has a plural."""

    text: str | tuple[str, str]
    context: str | None
    place: str


def from_template(source: str, place: str) -> Iterator[Found]:
    for call in CALL.finditer(templatize(source)):
        count, has_context = CALLS[call[1]]
        texts = [ast.literal_eval(literal) for literal in LITERAL.findall(call[2])][:count]
        context = texts.pop(0) if has_context else None
        yield Found((texts[0], texts[1]) if len(texts) > 1 else texts[0], context, place)


def from_python(source: bytes, place: str) -> Iterator[Found]:
    for _line, function, texts, _comments in extract_python(io.BytesIO(source), KEYWORDS, [], {}):
        wanted = [texts] if isinstance(texts, str) else [text for text in texts or () if text]
        count, has_context = CALLS[str(function).removesuffix("_lazy").removesuffix("_noop")]
        wanted = wanted[:count]
        if len(wanted) < (2 if has_context else 1):
            continue
        context = wanted.pop(0) if has_context else None
        yield Found((wanted[0], wanted[1]) if len(wanted) > 1 else wanted[0], context, place)


def collect(sources: Path = SOURCES) -> list[Found]:
    """Every string that people may read, in the order of the files."""
    found: list[Found] = []
    for path in sorted(sources.rglob("*")):
        place = path.relative_to(sources.parent).as_posix()
        if path.suffix in {".html", ".txt"} and "templates" in path.parts:
            found += from_template(path.read_text(encoding="utf-8"), place)
        elif path.suffix == ".py" and path != Path(__file__).resolve():
            found += from_python(path.read_bytes(), place)
    return found


def template_of(found: list[Found]) -> Catalog:
    catalogue = Catalog(project="Safeconduct", charset="utf-8")
    for item in found:
        flags = ("python-format",) if "%(" in str(item.text) else ()
        catalogue.add(item.text, context=item.context, locations=[(item.place, 0)], flags=flags)
    return catalogue


def path_of(language: str) -> Path:
    return LOCALE / language / "LC_MESSAGES" / "django.po"


def load(language: str) -> Catalog:
    path = path_of(language)
    if not path.exists():
        return Catalog(locale=language, project="Safeconduct", charset="utf-8")
    with path.open("rb") as source:
        return read_po(source, locale=language)


def is_whole(message: Message) -> bool:
    """Whether the message has its translation, every plural form included."""
    texts = [message.string] if isinstance(message.string, str) else list(message.string or ())
    return bool(texts) and all(texts)


def lacking(language: str, wanted: Catalog) -> list[Message]:
    """The wanted messages that have no translation, or only a guessed one."""
    catalogue = load(language)
    missing = []
    for message in wanted:
        if not message.id:
            continue
        known = catalogue.get(message.id, message.context)
        if known is None or known.fuzzy or not is_whole(known):
            missing.append(message)
    return missing


def update(language: str, wanted: Catalog) -> None:
    """Bring one catalogue up to date with the sources and compile it."""
    catalogue = load(language)
    catalogue.update(wanted, no_fuzzy_matching=True)
    path = path_of(language)
    path.parent.mkdir(parents=True, exist_ok=True)
    body = io.BytesIO()
    write_po(
        body,
        catalogue,
        width=110,
        sort_output=True,
        include_lineno=False,
        omit_header=True,
        ignore_obsolete=True,
    )
    header = (
        f'msgid ""\nmsgstr ""\n"Project-Id-Version: Safeconduct\\n"\n"Language: {language}\\n"\n'
        f'"MIME-Version: 1.0\\n"\n"Content-Type: text/plain; charset=utf-8\\n"\n'
        f'"Content-Transfer-Encoding: 8bit\\n"\n"Plural-Forms: {PLURALS[language]}\\n"\n\n'
    )
    path.write_bytes(header.encode() + body.getvalue())
    with path.with_suffix(".mo").open("wb") as compiled:
        write_mo(compiled, load(language))


def main(arguments: list[str]) -> int:
    wanted = template_of(collect())
    missing = 0
    for language in LANGUAGES:
        if "--check" not in arguments:
            update(language, wanted)
        for message in lacking(language, wanted):
            missing += 1
            context = f" [{message.context}]" if message.context else ""
            print(f"{language}: {message.id!r}{context} ({message.locations[0][0]})")
    print(f"{len(wanted)} strings, {missing} translations missing")
    return 1 if missing and "--check" in arguments else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
