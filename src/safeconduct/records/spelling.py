"""How names are written in other letters, and what they sound like, so that one script finds another.

A name in Chinese characters is also known by its pinyin; one in Latin, Urdu or Chinese script by the
consonants that are left when vowels and doubled letters are gone. That is coarse on purpose: it finds
candidates, and people decide who is who.
"""

from __future__ import annotations

import gc
import re
import unicodedata
from functools import cache, lru_cache
from itertools import chain
from types import ModuleType

from anyascii import anyascii

SOUND = "ʔ"
"""Begins a word that says how a name sounds: a letter of the phonetic alphabet, which no name begins with."""
MOST_LETTERS = 200
_HAN = re.compile(r"[\u3400-\u9fff\uf900-\ufaff\U00020000-\U0003134f]+")
_ARABIC = re.compile(r"[\u0600-\u06ff\u0750-\u077f\ufb50-\ufdff\ufe70-\ufeff]")
_LETTERS = re.compile(r"[a-z]+")
_MARKS = re.compile(r"[\u064b-\u065f\u0670\u06d6-\u06ed\u0640\u200c\u200d]")
_WORD = re.compile(r"[^\W\d_]+")
_DOUBLED = re.compile(r"(.)\1+")
_DIGRAPHS = (("sh", "X"), ("ch", "C"), ("zh", "Z"), ("ph", "F"), ("ck", "K"))
_LATIN = str.maketrans({"q": "k", "c": "k", "x": "ks", **dict.fromkeys("aeiouwyvh", None)})
_URDU = {
    "b": "ب", "p": "پ", "t": "تٹطة", "s": "ثسص", "j": "ج", "c": "چ", "k": "خقکك", "d": "دڈ", "z": "ذزضظژ",
    "r": "رڑ", "x": "ش", "g": "غگ", "f": "ف", "l": "ل", "m": "م", "n": "نںݨ",
}  # fmt: skip
_CONSONANT = {letter: sound for sound, letters in _URDU.items() for letter in letters}


@cache
def dictionary() -> ModuleType:
    """How Chinese characters are read. It takes 57 MB, so it is loaded at the first of them.

    The writer, which meets them in every other name and must not pause, loads it before it begins.
    """
    import pypinyin

    gc.freeze()
    return pypinyin


@lru_cache(maxsize=20_000)
def latin(text: str) -> str:
    """A name in plain Latin letters, lower case: pinyin for Chinese, letter by letter for other scripts."""
    spelled = _HAN.sub(_pinyin, text[:MOST_LETTERS])
    return " ".join(anyascii(unicodedata.normalize("NFKC", spelled)).casefold().split())


@lru_cache(maxsize=20_000)
def sounds(text: str) -> tuple[str, ...]:
    """The consonants of each word of a name, in whatever script; words with fewer than two are left out.

    "Muhammad" and "محمد" are both `mmd`, "Zhang" and "张" both `zng`.
    """
    spelled = _HAN.sub(_pinyin, text[:MOST_LETTERS])
    plain = _MARKS.sub("", unicodedata.normalize("NFKC", spelled))
    found = (_urdu(word) if _ARABIC.search(word) else _latin(word) for word in _WORD.findall(plain))
    return tuple(dict.fromkeys(sound for sound in found if len(sound) > 1))


def _pinyin(han: re.Match[str]) -> str:
    return f" {' '.join(dictionary().lazy_pinyin(han.group()))} "


def _urdu(word: str) -> str:
    return "".join(_CONSONANT.get(letter, "") for letter in _DOUBLED.sub(r"\1", word))


def _latin(word: str) -> str:
    letters = "".join(_LETTERS.findall(anyascii(word).casefold()))
    letters = _DOUBLED.sub(r"\1", letters)
    for written, sound in _DIGRAPHS:
        letters = letters.replace(written, sound)
    return letters.translate(_LATIN).casefold()


def also_known_as(text: str) -> str:
    """The words under which a name is found besides its own letters: pinyin by the syllable, by the word and
    with each reading of the surname, and how it sounds."""
    words: list[str] = []
    for han in _HAN.findall(text[:MOST_LETTERS]):
        syllables = [syllable.replace("ü", "v") for syllable in dictionary().lazy_pinyin(han)]
        readings = dictionary().pinyin(han[0], style=dictionary().Style.NORMAL, heteronym=True)
        surnames = chain.from_iterable(readings)
        words += [*syllables, *surnames, "".join(syllables), "".join(syllables[1:]) or syllables[0]]
        words += [word.replace("v", "u") for word in words if "v" in word]
    if not text.isascii():
        words += _WORD.findall(latin(text))
    words += [SOUND + sound for sound in sounds(text)]
    return " ".join(dict.fromkeys(words))


def sound_query(text: str) -> str:
    """What to search for to find names that sound like this one; "" when too little is left of it."""
    return " ".join(SOUND + sound for sound in sounds(text))
