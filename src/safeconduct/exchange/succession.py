"""One set of signing keys takes the place of another: made first, taken up in one step, the former ones then destroyed.

The step is the writing of node.toml, which says where the keys are kept: before it the node has the former ones and
nothing else, after it the new ones and nothing else. What is under way stands in a file beside the keys, written before
the first of them is made; so whatever ended it, the next attempt knows what is left over, and in which token.
"""

from __future__ import annotations

import json
import secrets
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from safeconduct.exchange.custody import (
    PIN,
    Keeping,
    destroy_file,
    feed_partners,
    feed_place,
    forget_keys,
    pin_file,
    pin_in,
    pin_of,
    pin_public,
    public_half,
)
from safeconduct.exchange.identity import feed_origin, ledger_origin, witness_name
from safeconduct.ledger.keys import KeyRefused, SigningKey, create_private, read_private
from safeconduct.ledger.tokens import Token, token
from safeconduct.records.home import Home

UNDER_WAY = "renewal"
NEXT = "next"
"""`keys/pin.next` is the PIN of the token that is to sign from now on, where it is another than the present one's."""

Place = tuple[str, str, str]
"""What a signing key's file is called, its name, and its kind of signature."""


def signing_keys(home: Home, kept: Keeping | None = None) -> Iterator[Place]:
    """Every signing key of a node. Raises KeyRefused."""
    yield "ledger", ledger_origin(home.party), "ed25519"
    yield "witness", witness_name(home.party), "cosignature/v1"
    for partner in feed_partners(home, kept or Keeping.of(home)):
        yield feed_place(partner), feed_origin(home.party, partner), "ed25519"


def role_of(place: str) -> str:
    """What the ledger calls a key."""
    return f"feed to {place.removeprefix(feed_place(''))}" if place.startswith(feed_place("")) else place


@dataclass(frozen=True)
class Succession:
    """From where to where, of which keys; `lost`: the former ones are out of reach."""

    before: Keeping
    after: Keeping
    places: tuple[Place, ...]
    lost: bool

    @classmethod
    def under_way(cls, home: Home) -> Succession | None:
        """The one that was begun and is not done. Raises KeyRefused for a file that cannot be read."""
        file = home.keys / UNDER_WAY
        if not file.exists():
            return None
        try:
            found = json.loads(read_private(file))
            before, after = (
                Keeping() if found[each] is None else Keeping.read(found[each])
                for each in ("before", "after")
            )
            places = tuple((str(place), str(name), str(kind)) for place, name, kind in found["places"])
            return cls(before, after, places, bool(found["lost"]))
        except (TypeError, KeyError, RecursionError, ValueError) as fault:
            raise KeyRefused(f"{file} cannot be read: {fault}") from fault

    def write(self, home: Home) -> None:
        text: dict[str, Any] = {"before": self.before.named, "after": self.after.named}
        text |= {"places": self.places, "lost": self.lost}
        create_private(home.keys / UNDER_WAY, json.dumps(text).encode())


def begin(home: Home, target: Keeping, lost: bool) -> Succession:
    """Make new keys beside those there are. Raises KeyRefused, and then nothing is left of it, as far as the token
    lets go of what it had made."""
    before = Keeping.of(home)
    places = tuple(signing_keys(home, before))
    _sweep(home)
    if not target.token:
        _refuse_present(home, places)
        made = Succession(before, Keeping(), places, lost)
        made.write(home)
    else:
        pin = _next_pin(home)
        held = token(target.module, target.token, pin)
        made = Succession(before, replace(target, set=_free_set(held, places)), places, lost)
        made.write(home)
    try:
        if made.after.token:
            if pin_file(home, NEXT).exists():
                create_private(pin_file(home, made.after.set), f"{pin}\n".encode())
            _make(home, made, held)
        else:
            for place, name, algorithm in places:
                SigningKey.generate(name, algorithm).save(made.after.file(home, place))
    except (KeyRefused, OSError) as fault:
        left = undo(home, made)
        if left:
            raise KeyRefused(f"{fault}; never used, and left {'; '.join(left)}") from fault
        raise
    return made


def _make(home: Home, made: Succession, held: Token) -> None:
    for place, name, algorithm in made.places:
        key = held.create(name, algorithm, made.after.label(name))
        pin_public(made.after.file(home, place), key.verifier)


def take_up(home: Home, made: Succession) -> Home:
    """From here on the new keys are the node's."""
    settings = {name: value for name, value in home.settings.items() if name != "keys"}
    if made.after.named:
        settings["keys"] = made.after.named
    settled = replace(home, settings=settings)
    settled.save()
    forget_keys()
    return settled


def conclude(home: Home, made: Succession) -> list[str]:
    """Destroy the former keys, once the new ones are taken up. Says in words what could not be destroyed."""
    left = _destroyed(home, made.before, made.places, made.lost and not _same_token(made), checked=True)
    own = pin_file(home, made.after.set)
    if made.after.set and own.exists():
        pin_file(home, NEXT).unlink(missing_ok=True)
        own.replace(home.keys / PIN)
    _end(home)
    return left


def undo(home: Home, made: Succession) -> list[str]:
    """Destroy the keys that were made and never taken up. Says in words what could not be destroyed."""
    left = _destroyed(home, made.after, made.places, False, checked=False)
    if made.after.set:
        pin_file(home, made.after.set).unlink(missing_ok=True)
    _end(home)
    return left


def _end(home: Home) -> None:
    _sweep(home)
    (home.keys / UNDER_WAY).unlink(missing_ok=True)


def _sweep(home: Home) -> None:
    """Let go of what was being written when an attempt was interrupted; some of it may be a file's other name."""
    for pattern in (UNDER_WAY, "pin.*", "*.key", "*.vkey"):
        for draft in home.keys.glob(f".{pattern}.{'[0-9a-f]' * 16}"):
            if draft.stat().st_nlink > 1:
                draft.unlink()
            else:
                destroy_file(draft)


def renew_files(home: Home) -> None:
    """New keys in files, in the place of those there are: all of them made before the first is replaced."""
    files = []
    for place, name, algorithm in signing_keys(home, Keeping()):
        file = Keeping().file(home, place)
        draft = file.with_name(f"{file.name}.new")
        draft.unlink(missing_ok=True)
        SigningKey.generate(name, algorithm).save(draft)
        files.append((draft, file))
    for draft, file in files:
        draft.replace(file)
    forget_keys()


def _destroyed(
    home: Home, kept: Keeping, places: tuple[Place, ...], out_of_reach: bool, *, checked: bool
) -> list[str]:
    """`checked`: only what is the very key whose public half the home keeps. What has no file left is gone already."""
    forget_keys()
    if not kept.token:
        for place, _, _ in places:
            destroy_file(kept.file(home, place))
        return []
    left: list[str] = []
    waiting = [(place, name) for place, name, _ in places if not checked or kept.file(home, place).exists()]
    held: Token | None = None
    if out_of_reach:
        left += [f"in the token {kept.token}, should it be found: {kept.label(name)}" for _, name in waiting]
    elif waiting:
        try:
            pin = pin_of(replace(home, settings={**home.settings, "keys": kept.named}))
            held = token(kept.module, kept.token, pin)
        except KeyRefused as fault:
            left += [f"in the token {kept.token}: {kept.label(name)} ({fault})" for _, name in waiting]
    for place, name in waiting:
        if held is not None:
            try:
                held.destroy(kept.label(name), public_half(home, kept, place) if checked else None)
            except KeyRefused as fault:
                left.append(f"in the token {kept.token}: {fault}")
        kept.file(home, place).unlink(missing_ok=True)
    return left


def _same_token(made: Succession) -> bool:
    return (made.before.module, made.before.token) == (made.after.module, made.after.token)


def _free_set(held: Token, places: tuple[Place, ...]) -> str:
    """A set under whose labels nothing lies in the token yet."""
    while True:
        found = new_set()
        kept = Keeping("", held.label, found)
        if not any(held.has(kept.label(name)) for _, name, _ in places):
            return found


def new_set() -> str:
    return secrets.token_hex(8)


def _next_pin(home: Home) -> str:
    given = pin_file(home, NEXT)
    return pin_in(read_private(given, 1024)) if given.exists() else pin_of(home)


def _refuse_present(home: Home, places: tuple[Place, ...]) -> None:
    """A key file where the keys lie in a token is an old copy, and nobody else's to destroy."""
    for place, _, _ in places:
        file: Path = Keeping().file(home, place)
        if file.exists():
            raise KeyRefused(f"{file} lies there although the keys lie in a token: move it away first")


def known_halves(home: Home) -> dict[str, str]:
    """The public half of each signing key by what the ledger calls it, as far as the home has one that can be read."""
    kept, found = Keeping.of(home), {}
    for place, _, _ in signing_keys(home, kept):
        with suppress(KeyRefused):
            half = public_half(home, kept, place)
            if half is not None:
                found[role_of(place)] = half.vkey
    return found
