"""Bringing a node's signing keys into a token, while nothing of it runs."""

from __future__ import annotations

from dataclasses import replace

from safeconduct.exchange.custody import Keeping, destroy_file, pin_of, pin_public, pinned_in
from safeconduct.exchange.identity import Keys
from safeconduct.exchange.succession import Succession, signing_keys
from safeconduct.ledger.keys import KeyRefused, SigningKey, Verifier
from safeconduct.ledger.tokens import token
from safeconduct.records.home import Home, HomeError
from safeconduct.records.stillness import standing_still


def into_token(home: Home, module: str, label: str, *, move: bool) -> Home:
    """Let a token hold the signing keys: new ones, or with `move` those that lay in files, which are then removed.

    Raises HomeError while the node runs, and for new keys once partners know the old ones; KeyRefused in words. What
    was moved before a failure is taken up again.
    """
    if home.settings.get("keys"):
        raise HomeError("the signing keys lie in a token already")
    if Succession.under_way(home) is not None:
        raise HomeError("an exchange of keys was interrupted: `exchange rotate` finishes it")
    if home.partners and not move:
        raise HomeError("partners know this node by its keys: --move takes them into the token")
    with standing_still(home):
        held = token(module, label, pin_of(home))
        for place, name, algorithm in signing_keys(home):
            file, public = home.keys / f"{place}.key", home.keys / f"{place}.vkey"
            if move:
                key = SigningKey.load(file)
                if not held.has(name):
                    held.take_in(name, key.seed(), key.verifier)
                verifier = held.key(name, algorithm, key.verifier).verifier
            elif public.exists():
                verifier = held.key(name, algorithm, pinned_in(public)).verifier
            else:
                verifier = held.create(name, algorithm).verifier
            if not public.exists():
                pin_public(public, verifier)
        settings = {**home.settings, "keys": {"module": module, "token": label}}
        settled = replace(home, settings=settings)
        settled.save()
        for place, _, _ in signing_keys(home):
            destroy_file(home.keys / f"{place}.key")
    return settled


def shown(home: Home) -> list[tuple[Verifier, str]]:
    """The public half of each signing key, once the key itself has been used, and where it lies. Raises KeyRefused."""
    keys = Keys.of(home)
    kept = Keeping.of(home)
    where = kept.words if kept.token else "a file"
    found = [keys.ledger, keys.witness, *(keys.feed(partner) for partner in sorted(home.partners))]
    for key in found:
        if not key.verifier.verify(b"safeconduct key check/v1\n", key.sign(b"safeconduct key check/v1\n")):
            raise KeyRefused(f"{key.name} does not sign as it should")
    return [(key.verifier, where) for key in found]
