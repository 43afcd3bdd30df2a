"""Where a node's signing keys are kept: each in a file of the home, or all of them in a token.

A node whose node.toml says `keys = { module = "...", token = "..." }` signs with the token and with nothing else.
Beside each key in it the home keeps the public half (`keys/NAME.vkey`): a key that is gone, or is another, is refused
and never made anew in its place. Keys that took the place of others lie in a set of their own, which `keys` names, too:
the set is part of their labels and of the names of these files, so that node.toml alone says which keys are the node's.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

from safeconduct.ledger.keys import KeyRefused, Signer, SigningKey, Verifier, create_private, read_private
from safeconduct.ledger.tokens import Token, token
from safeconduct.records.home import Home

PIN = "pin"
CREDENTIAL = "pkcs11-pin"
_SET = re.compile(r"[0-9a-f]{16}")
_FEED = "feed-"


@dataclass(frozen=True)
class Keeping:
    """Where signing keys are kept: in a token, "" for the set of the first ones there; without a token in files."""

    module: str = ""
    token: str = ""
    set: str = ""

    @classmethod
    def of(cls, home: Home) -> Keeping:
        """What node.toml says. Raises KeyRefused."""
        named = home.settings.get("keys")
        return cls() if named is None else cls.read(named)

    @classmethod
    def read(cls, named: Any) -> Keeping:
        """Raises KeyRefused for what is no `keys` of a node.toml."""
        if (
            not isinstance(named, dict)
            or named.keys() - {"set"} != {"module", "token"}
            or ("set" in named and not (isinstance(named["set"], str) and _SET.fullmatch(named["set"])))
        ):
            raise KeyRefused(
                "node.toml: keys is { module = ..., token = ... }, and a set where keys were renewed"
            )
        return cls(str(named["module"]), str(named["token"]), named.get("set", ""))

    @property
    def named(self) -> dict[str, str] | None:
        """What node.toml says of it; None for files."""
        if not self.token:
            return None
        return {"module": self.module, "token": self.token, **({"set": self.set} if self.set else {})}

    @property
    def words(self) -> str:
        return f"token {self.token}" if self.token else "files"

    def label(self, name: str) -> str:
        """Under which the key of this name lies in the token."""
        return f"{name} {self.set}" if self.set else name

    def file(self, home: Home, place: str) -> Path:
        """What the home has of a key: the key itself, or the public half of one in a token."""
        if not self.token:
            return home.keys / f"{place}.key"
        return home.keys / (f"{place}.{self.set}.vkey" if self.set else f"{place}.vkey")


def signing_key(home: Home, place: str, name: str, algorithm: str) -> Signer:
    """The key of this name, made at first use; `place` is what its file is called. Raises KeyRefused."""
    kept = Keeping.of(home)
    file = kept.file(home, place)
    if not kept.token:
        return _in_file(file, name, algorithm)
    return _in_token(token_of(home), file, name, algorithm, kept.label(name))


def token_of(home: Home) -> Token:
    """The token that node.toml names. Raises KeyRefused in words."""
    kept = Keeping.of(home)
    if not kept.token:
        raise KeyRefused("node.toml names no token")
    return token(kept.module, kept.token, pin_of(home))


def pin_of(home: Home) -> str:
    """The token's PIN: a credential of systemd, or keys/pin, which only its owner may read. Raises KeyRefused.

    Until an exchange of keys is done whole, that of the new token lies in a file that is named by the set, and comes
    first: the credential may be the former token's.
    """
    named = home.settings.get("keys")
    if isinstance(named, dict) and named.get("set") and (own := pin_file(home, str(named["set"]))).exists():
        return pin_in(read_private(own, 1024))
    given = os.environ.get("CREDENTIALS_DIRECTORY")
    if given and (found := Path(given) / CREDENTIAL).exists():
        return pin_in(found.read_bytes())
    return pin_in(read_private(home.keys / PIN, 1024))


def pin_file(home: Home, name: str) -> Path:
    """The file of another PIN than the present token's."""
    return home.keys / f"{PIN}.{name}"


def pin_in(raw: bytes) -> str:
    pin = raw.decode("utf-8", "replace").rstrip("\r\n")
    if not pin:
        raise KeyRefused("the file with the token's PIN is empty")
    return pin


def feed_place(partner: str) -> str:
    return f"{_FEED}{partner}"


def feed_partners(home: Home, kept: Keeping) -> Iterator[str]:
    """Those to whom a feed is signed, or was to be: partners, and whoever a card was made for."""
    found = set(home.partners)
    pattern = kept.file(home, f"{_FEED}*")
    for file in home.keys.glob(pattern.name):
        partner = file.name.removeprefix(_FEED).split(".")[0]
        if file.name == kept.file(home, feed_place(partner)).name:
            found.add(partner)
    yield from sorted(found)


def public_half(home: Home, kept: Keeping, place: str) -> Verifier | None:
    """Which key it is, without asking the token; None where the home does not say. Raises KeyRefused."""
    file = kept.file(home, place)
    if not file.exists():
        return None
    return pinned_in(file) if kept.token else SigningKey.load(file).verifier


def forget_keys() -> None:
    """Keys are read anew when they are next asked for: their files changed."""
    _in_file.cache_clear()
    _in_token.cache_clear()


@lru_cache(maxsize=256)
def _in_file(path: Path, name: str, algorithm: str) -> Signer:
    if not path.exists():
        SigningKey.generate(name, algorithm).save(path)
    key = SigningKey.load(path)
    if key.name != name or key.algorithm != algorithm:
        raise KeyRefused(f"{path} is another key than {name}")
    return key


@lru_cache(maxsize=256)
def _in_token(held: Token, public: Path, name: str, algorithm: str, label: str) -> Signer:
    if public.exists():
        return held.key(name, algorithm, pinned_in(public), label)
    if label == name and public.with_suffix(".key").exists():
        raise KeyRefused(
            f"{name} still lies in a file: `safeconduct keys token --move` takes it into the token"
        )
    if not public.name.startswith(_FEED):  # every other key was there before the node signed anything
        raise KeyRefused(
            f"{public} is missing, which says which key {name} is: bring it back from where keys are kept, with the "
            "node.toml of then"
        )
    made = held.key(name, algorithm, label=label) if held.has(label) else held.create(name, algorithm, label)
    pin_public(public, made.verifier)
    return made


def pinned_in(public: Path) -> Verifier:
    """The public half that the home keeps of a key in the token. Raises KeyRefused."""
    return Verifier.parse(read_private(public).decode("utf-8", "replace").removesuffix("\n"))


def pin_public(public: Path, verifier: Verifier) -> None:
    """From now on the key of this name is this one."""
    create_private(public, f"{verifier.vkey}\n".encode())


def destroy_file(file: Path) -> None:
    """Overwrite and remove. What a disk keeps of overwritten blocks is beyond its reach."""
    if file.exists():
        with file.open("r+b") as held:
            held.write(bytes(file.stat().st_size))
            held.flush()
            os.fsync(held.fileno())
        file.unlink()
