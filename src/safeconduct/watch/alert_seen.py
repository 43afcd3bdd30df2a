"""An alert as a page shows it: in the reader's own language, and saying plainly where nobody wrote one."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import uuid4

from django.utils.translation import get_language

from safeconduct.records.moments import instant
from safeconduct.records.release import Released
from safeconduct.watch.alert_kinds import LANGUAGES, SEVERITIES, SUFFIX, URGENCIES
from safeconduct.watch.alert_words import CATEGORIES, CERTAINTIES, STATES, STATUSES, word
from safeconduct.watch.alert_words import LANGUAGES as LANGUAGE_NAMES
from safeconduct.watch.alert_words import SEVERITIES as SEVERITY_WORDS
from safeconduct.watch.alert_words import URGENCIES as URGENCY_WORDS

HTML = {"en": "en", "ur": "ur", "zh": "zh-Hans"}


@dataclass(frozen=True)
class Words:
    """What was written in one language; `missing` when nobody wrote it."""

    language: str
    name: str
    headline: str = ""
    text: str = ""
    instruction: str = ""
    missing: bool = False

    @property
    def direction(self) -> str:
        return "rtl" if self.language == "ur" else "ltr"


@dataclass(frozen=True)
class Seen:
    """One alert for one reader."""

    id: str
    version: int
    state: str
    originator: str
    level: str
    withdrawn: bool
    message: dict[str, Any]
    area: dict[str, Any]
    source: dict[str, Any]
    audience: dict[str, Any]
    mine: Words
    texts: Sequence[Words]

    @property
    def round(self) -> int:
        return int(self.message.get("round", 1))

    @property
    def key(self) -> str:
        return str(uuid4())

    @property
    def in_force(self) -> bool:
        return self.state == "issued" and not self.withdrawn

    @property
    def others(self) -> list[Words]:
        """The texts in languages other than the reader's."""
        return [each for each in self.texts if each.language != self.mine.language and not each.missing]

    @property
    def missing(self) -> list[Words]:
        return [each for each in self.texts if each.missing]

    @property
    def state_word(self) -> str:
        return word(STATES, self.state)

    @property
    def practised(self) -> bool:
        return bool(self.message.get("status", "actual") != "actual")

    @property
    def status_word(self) -> str:
        return word(STATUSES, self.message.get("status", ""))

    @property
    def codes(self) -> list[str]:
        """Category, urgency, severity and certainty, in words."""
        names = (
            (CATEGORIES, "category"),
            (URGENCY_WORDS, "urgency"),
            (SEVERITY_WORDS, "severity"),
            (CERTAINTIES, "certainty"),
        )
        return [word(words, self.message[name]) for words, name in names if self.message.get(name)]

    @property
    def sent(self) -> datetime | None:
        return _moment(self.message.get("sent"))

    @property
    def onset(self) -> datetime | None:
        return _moment(self.message.get("onset"))

    @property
    def expires(self) -> datetime | None:
        return _moment(self.message.get("expires"))

    @property
    def places(self) -> list[str]:
        names = ("site_names", "organisation_names", "districts")
        return [each for name in names for each in self.area.get(name, ())]

    @property
    def drawn(self) -> int:
        """How many shapes the area has."""
        shapes = (self.area.get("polygon"), self.area.get("circle"))
        more = (*(self.area.get("polygons") or ()), *(self.area.get("circles") or ()))
        return sum(map(bool, shapes)) + len(more)

    def rank(self) -> tuple[bool, bool, int, int]:
        """What is called off, practised, mild or distant comes later."""
        urgency, severity = self.message.get("urgency"), self.message.get("severity")
        return (
            not self.in_force,
            self.practised,
            SEVERITIES.index(severity) if severity in SEVERITIES else len(SEVERITIES),
            URGENCIES.index(urgency) if urgency in URGENCIES else len(URGENCIES),
        )


def seen(found: Released) -> Seen:
    """An alert as far as it was released, its text first in the language of the page."""
    message = dict(found.parts.get("message") or {})
    texts = [_words(message, language) for language in LANGUAGES]
    asked = (get_language() or "en").split("-")[0]
    written = [each for each in texts if not each.missing]
    mine = next((each for each in written if each.language == asked), None)
    return Seen(
        id=found.id,
        version=found.version,
        state=found.state,
        originator=found.originator,
        level=found.label,
        withdrawn=found.withdrawn,
        message=message,
        area=dict(found.parts.get("area") or {}),
        source=dict(found.parts.get("source") or {}),
        audience=dict(found.parts.get("audience") or {}),
        mine=mine or (written[0] if written else Words("en", "")),
        texts=texts,
    )


def _words(message: dict[str, Any], language: str) -> Words:
    end = SUFFIX[language]
    given = message.get("headline" + end, "")
    tongue = message.get("language", "") if language == "en" else ""
    return Words(
        language=tongue or HTML[language].split("-")[0],
        name=tongue or str(LANGUAGE_NAMES[language]),
        headline=given,
        text=message.get("text" + end, ""),
        instruction=message.get("instruction" + end, ""),
        missing=not given,
    )


def _moment(text: str | None) -> datetime | None:
    return instant(text) if text else None
