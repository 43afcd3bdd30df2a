"""A code that is read over the telephone: 128 random bits as seven groups of four symbols and a check symbol.

The symbols are Crockford's base 32, where no two sound or look alike; a check symbol over GF(32) notices every
symbol misheard and any two swapped in its group, and 12 bits over the whole notice what is left. Each symbol also
has a word of the international spelling alphabet, which is the same in every language.
"""

from __future__ import annotations

import hashlib
import re
import secrets

from cryptography.hazmat.primitives.kdf.scrypt import Scrypt

SYMBOLS = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
GROUPS = 7
CODE_BYTES = 16
SALT_BYTES = 16
KEY_BYTES = 32
MAX_SPOKEN = 600
_DATA = 4
_BITS = 5
_CHECK_BITS = GROUPS * _DATA * _BITS - CODE_BYTES * 8
_POLYNOMIAL = 0b100101
_COST = 2**15
"""Scrypt's cost: 32 MiB and about a tenth of a second for each try."""

_SPELLING = """
    Zero One Two Three Four Five Six Seven Eight Nine Alfa Bravo Charlie Delta Echo Foxtrot Golf Hotel Juliett Kilo Mike
    November Papa Quebec Romeo Sierra Tango Victor Whiskey Xray Yankee Zulu
"""
WORDS = dict(zip(SYMBOLS, _SPELLING.split(), strict=True))
_HEARD = {word.upper(): symbol for symbol, word in WORDS.items()} | {
    "NINER": "9",
    "ALPHA": "A",
    "JULIET": "J",
}
_ALIKE = str.maketrans("OIL", "011")


class CodeRefused(ValueError):
    """The code was misheard or mistyped; `group` says where, counted from 1, or 0 for the whole."""

    def __init__(self, reason: str, group: int = 0) -> None:
        self.group = group
        super().__init__(reason)


def new_code() -> bytes:
    """128 fresh random bits."""
    return secrets.token_bytes(CODE_BYTES)


def written(code: bytes) -> str:
    """The code as people write it down: "7K3MD 0Q1ZT ..."."""
    number = int.from_bytes(code, "big") << _CHECK_BITS | _whole_check(code)
    places = range(GROUPS * _DATA - 1, -1, -1)
    values = [number >> _BITS * place & 31 for place in places]
    groups = [values[at : at + _DATA] for at in range(0, len(values), _DATA)]
    return " ".join(
        "".join(SYMBOLS[v] for v in (*group, _check(number, group))) for number, group in enumerate(groups)
    )


def as_words(text: str) -> list[str]:
    """A written code group by group in the words of the spelling alphabet."""
    return [" ".join(WORDS[symbol] for symbol in group) for group in text.split()]


def heard(text: str) -> bytes:
    """The code in what someone wrote down or typed: symbols or words, spaces and dashes as they come.

    Raises CodeRefused with the group that was misheard.
    """
    if len(text) > MAX_SPOKEN:
        raise CodeRefused("that is longer than a code")
    tokens = re.sub(r"x[- ]ray", "xray", text, flags=re.IGNORECASE).upper()
    symbols = "".join(_HEARD.get(token, token) for token in re.split(r"[\s.,;-]+", tokens))
    symbols = symbols.translate(_ALIKE)
    if len(symbols) != GROUPS * (_DATA + 1) or not set(symbols) <= set(SYMBOLS):
        raise CodeRefused(f"a code has {GROUPS} groups of {_DATA + 1} letters and digits")
    number = 0
    for group in range(GROUPS):
        first = group * (_DATA + 1)
        values = [SYMBOLS.index(symbol) for symbol in symbols[first : first + _DATA + 1]]
        if values[-1] != _check(group, values[:-1]):
            raise CodeRefused(f"group {group + 1} was misheard or mistyped", group + 1)
        for value in values[:-1]:
            number = number << _BITS | value
    code = (number >> _CHECK_BITS).to_bytes(CODE_BYTES, "big")
    if number & (1 << _CHECK_BITS) - 1 != _whole_check(code):
        raise CodeRefused("the groups are well formed, but they are not one code")
    return code


def key_of(code: bytes, salt: bytes) -> bytes:
    """The key that a code gives, slowly: 32 bytes."""
    return Scrypt(salt=salt, length=KEY_BYTES, n=_COST, r=8, p=1).derive(code)


def _whole_check(code: bytes) -> int:
    drawn = hashlib.sha256(b"safeconduct/spoken\n" + code).digest()
    return int.from_bytes(drawn, "big") >> (256 - _CHECK_BITS)


def _check(group: int, values: list[int]) -> int:
    """The group's check symbol: weighted by place, and begun with the group's number."""
    found = group + 1
    for place, value in enumerate(values, 2):
        found ^= _times(place, value)
    return found


def _times(a: int, b: int) -> int:
    """The product in GF(32)."""
    product = 0
    while b:
        if b & 1:
            product ^= a
        b >>= 1
        a <<= 1
        if a & 32:
            a ^= _POLYNOMIAL
    return product
