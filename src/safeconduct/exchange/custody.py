"""Where a node's signing keys are kept: each in a file of the home, or all of them in a token.

A node whose node.toml says `keys = { module = "...", token = "..." }` signs with the token and with nothing else.
Beside each key in it the home keeps the public half (`keys/NAME.vkey`): a key that is gone, or is another, is refused
and never made anew in its place.
"""

from __future__ import annotations

import os
from functools import lru_cache
from pathlib import Path

from safeconduct.ledger.keys import KeyRefused, Signer, SigningKey, Verifier, create_private, read_private
from safeconduct.ledger.tokens import Token, token
from safeconduct.records.home import Home

PIN = "pin"
CREDENTIAL = "pkcs11-pin"


def signing_key(home: Home, place: str, name: str, algorithm: str) -> Signer:
    """The key of this name, made at first use; `place` is what its file is called. Raises KeyRefused."""
    if home.settings.get("keys") is None:
        return _in_file(home.keys / f"{place}.key", name, algorithm)
    return _in_token(token_of(home), home.keys / f"{place}.vkey", name, algorithm)


def token_of(home: Home) -> Token:
    """The token that node.toml names. Raises KeyRefused in words."""
    named = home.settings.get("keys")
    if not isinstance(named, dict) or named.keys() != {"module", "token"}:
        raise KeyRefused("node.toml: keys is { module = ..., token = ... }")
    return token(str(named["module"]), str(named["token"]), pin_of(home))


def pin_of(home: Home) -> str:
    """The token's PIN: a credential of systemd, or keys/pin, which only its owner may read. Raises KeyRefused."""
    given = os.environ.get("CREDENTIALS_DIRECTORY")
    if given and (found := Path(given) / CREDENTIAL).exists():
        return _line(found.read_bytes())
    return _line(read_private(home.keys / PIN, 1024))


def _line(raw: bytes) -> str:
    pin = raw.decode("utf-8", "replace").rstrip("\r\n")
    if not pin:
        raise KeyRefused("the file with the token's PIN is empty")
    return pin


def forget_keys() -> None:
    """Keys are read anew when they are next asked for: their files changed."""
    _in_file.cache_clear()


@lru_cache(maxsize=256)
def _in_file(path: Path, name: str, algorithm: str) -> Signer:
    if not path.exists():
        SigningKey.generate(name, algorithm).save(path)
    key = SigningKey.load(path)
    if key.name != name or key.algorithm != algorithm:
        raise KeyRefused(f"{path} is another key than {name}")
    return key


@lru_cache(maxsize=256)
def _in_token(held: Token, public: Path, name: str, algorithm: str) -> Signer:
    if public.exists():
        return held.key(name, algorithm, pinned_in(public))
    if public.with_suffix(".key").exists():
        raise KeyRefused(
            f"{name} still lies in a file: `safeconduct keys token --move` takes it into the token"
        )
    if not public.name.startswith("feed-"):  # every other key was there before the node signed anything
        raise KeyRefused(
            f"{public} is missing, which says which key {name} is: bring it back from where keys are kept"
        )
    made = held.key(name, algorithm) if held.has(name) else held.create(name, algorithm)
    pin_public(public, made.verifier)
    return made


def pinned_in(public: Path) -> Verifier:
    """The public half that the home keeps of a key in the token. Raises KeyRefused."""
    return Verifier.parse(read_private(public).decode("utf-8", "replace").removesuffix("\n"))


def pin_public(public: Path, verifier: Verifier) -> None:
    """From now on the key of this name is this one."""
    create_private(public, f"{verifier.vkey}\n".encode())
