"""The treaty text under the front matter: one section per authentic language, with numbered sentences."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

from safeconduct.agreement.source import Source
from safeconduct.agreement.vocabulary import LANGUAGES

_HEADING = re.compile(r"##\s+([A-Za-z]{2,3}(?:-[A-Za-z0-9]+)*)\s*")
_NUMBERED = re.compile(r"(H?[1-9][0-9]{0,3}\.[1-9][0-9]{0,3})(?:[ \t]+(.*))?")


@dataclass(frozen=True)
class TreatyText:
    """`texts` by language; `sentences` by id and language, each joined to one line."""

    texts: Mapping[str, str]
    sentences: Mapping[str, Mapping[str, str]]


def read_treaty(source: Source, number: str, languages: tuple[str, ...], texts_line: int) -> TreatyText:
    """Split the text into its languages and find the numbered sentences. Raises ClauseError."""
    sections = _sections(source, languages, texts_line)
    sentences: dict[str, dict[str, str]] = {}
    for language, lines in sections.items():
        for line, item, words in _numbered(lines, language):
            if item.partition(".")[0] != number:
                raise source.error(line, f"sentence {item} stands in the text of clause {number}")
            if language in sentences.setdefault(item, {}):
                raise source.error(line, f"sentence {item} stands twice in the text ({language})")
            if not words:
                raise source.error(line, f"sentence {item} is empty ({language})")
            sentences[item][language] = words
    texts = {name: "\n".join(text for _, text in lines).strip("\n") for name, lines in sections.items()}
    return TreatyText(texts, sentences)


_Lines = list[tuple[int, str]]


def _sections(source: Source, languages: tuple[str, ...], texts_line: int) -> dict[str, _Lines]:
    """The lines of each language; what comes before the first language heading is in the default language."""
    sections: dict[str, _Lines] = {language: [] for language in languages}
    current, headed = languages[0], set[str]()
    for line, text in enumerate(source.body, source.body_line):
        heading = _HEADING.fullmatch(text)
        language = heading.group(1).lower() if heading else ""
        if language not in LANGUAGES:
            sections[current].append((line, text))
            continue
        if language not in languages:
            raise source.error(line, f"section {language} is not among the texts of this clause")
        if language in headed:
            raise source.error(line, f"section {language} stands twice")
        headed.add(language)
        current = language
    for language, lines in sections.items():
        if not any(text.strip() and not text.startswith("#") for _, text in lines):
            raise source.error(texts_line, f"the text in {language} is missing")
    return sections


def _numbered(lines: _Lines, language: str) -> list[tuple[int, str, str]]:
    """(line, id, sentence) of each numbered sentence: ends at a blank line, heading or number."""
    found: list[tuple[int, str, list[str]]] = []
    open_sentence = False
    for line, text in lines:
        if match := _NUMBERED.fullmatch(text):
            found.append((line, match.group(1), [match.group(2) or ""]))
            open_sentence = True
        elif not text.strip() or text.startswith("#"):
            open_sentence = False
        elif open_sentence:
            found[-1][2].append(text)
    glue = "" if language.startswith("zh") else " "
    return [(line, item, glue.join(part.strip() for part in words).strip()) for line, item, words in found]
