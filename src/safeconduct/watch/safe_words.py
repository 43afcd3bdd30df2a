"""The safe word and the duress word: whoever hears one cannot tell which it was, nor whether it was taken as such.

Both are always checked, so that the answer takes the same time; guesses are few.
"""

from __future__ import annotations

import time
import unicodedata
from typing import Literal

from django.contrib.auth.hashers import check_password, make_password
from django.db import transaction

from safeconduct.watch.models import SafeWords

LEAST, MOST = 4, 64
GUESSES = 5
PAUSE = 900.0
"""Seconds after which wrong words are forgotten."""

Said = Literal["safe", "duress", "wrong", "pause", "unset"]


class WordsRefused(ValueError):
    """Why two words cannot be a person's safe words: `too_short`, `too_long` or `alike`."""


def plain(word: str) -> str:
    """A word as it is compared: one way of writing it, capitals and spaces around it left out."""
    return unicodedata.normalize("NFKC", word).casefold().strip()


def keep(person: str, safe: str, duress: str) -> None:
    """Set both words of a person. Raises WordsRefused."""
    first, second = plain(safe), plain(duress)
    if min(len(first), len(second)) < LEAST:
        raise WordsRefused("too_short")
    if max(len(first), len(second)) > MOST:
        raise WordsRefused("too_long")
    if first in second or second in first:
        raise WordsRefused("alike")
    hashes = {"safe": make_password(first), "duress": make_password(second)}
    SafeWords.objects.update_or_create(person=person, defaults={**hashes, "wrong": 0, "wrong_since": 0.0})


def has_words(person: str) -> bool:
    return SafeWords.objects.filter(person=person).exists()


def said(person: str, word: str, now: float | None = None) -> Said:
    """Which word this is. After five wrong ones none is looked at for a quarter of an hour."""
    moment = time.time() if now is None else now
    given = plain(word[: 4 * MOST])
    with transaction.atomic():
        kept = SafeWords.objects.select_for_update().filter(person=person).first()
        if kept is None:
            return "unset"
        if moment - kept.wrong_since > PAUSE:
            kept.wrong = 0
        if kept.wrong >= GUESSES:
            return "pause"
        # Counted before it is compared, so that guesses sent at once count each.
        kept.wrong, kept.wrong_since = kept.wrong + 1, kept.wrong_since if kept.wrong else moment
        kept.save(update_fields=["wrong", "wrong_since"])
    is_safe, is_duress = check_password(given, kept.safe), check_password(given, kept.duress)
    if not (is_safe or is_duress):
        return "wrong"
    SafeWords.objects.filter(person=person).update(wrong=0, wrong_since=0.0)
    return "duress" if is_duress else "safe"
