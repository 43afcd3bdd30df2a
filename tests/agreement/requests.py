"""Random questions to the three engines, over everything that a decision can depend on."""

from __future__ import annotations

import random

from safeconduct.agreement.policy import Item, Policy, Subject, compile_policy
from safeconduct.agreement.vocabulary import ACTS, ROLES

from .sample import COMMAND, EMERGENCIES, HOUSE, INCIDENTS, MOVEMENTS, VOCABULARY, Book, clause

PARTIES = ("pk", "cn", "xx")
NOW = 1_728_000_000.25
UNITS = ("unit-1", "unit_2", "Unit-1", "u%", "person-7")
ROLES_IN_USE = ("coordinator", "commander", "liaison", "observer", "watch_officer", "analyst", "auditor")


def everything_agreed() -> Policy:
    """Every clause agreed, a house with red lines, and a second agreement beside the first."""
    first = tuple((clause(text), "agreed") for text in (INCIDENTS, MOVEMENTS, EMERGENCIES, COMMAND))
    second = tuple((clause(text), "agreed") for text in (INCIDENTS, MOVEMENTS))
    books = [
        Book("house", {"own": "pk"}, ((clause(HOUSE), "agreed"),)),
        Book("pk-cn", {"host": "pk", "partner": "cn"}, first),
        Book("pk-xx", {"host": "pk", "partner": "xx"}, second),
    ]
    return compile_policy(books, VOCABULARY)


def some(rng: random.Random, values: tuple[str, ...], most: int = 2) -> frozenset[str]:
    return frozenset(rng.sample(values, rng.randint(0, most)))


def subject(rng: random.Random) -> Subject:
    return Subject(
        rng.choice(PARTIES),
        some(rng, ROLES_IN_USE, 4) or frozenset({rng.choice(ROLES)}),
        rng.choice((0, 1, 2, 3, 3)),
        some(rng, UNITS),
        frozenset(f"r{rng.randrange(40)}" for _ in range(rng.randint(0, 12))),
        rng.choice(("", "person-7", "person-8")),
        frozenset(f"r{rng.randrange(40)}" for _ in range(rng.randint(0, 12))),
    )


def limited(rng: random.Random, who: Subject) -> Subject:
    """The same person with some of the roles limited to some parties' agreements, or to none that there is."""
    pairs = [
        (role, party) for role in sorted(who.roles) for party in ("pk", "cn", "xx", "") if rng.random() < 0.3
    ]
    return who._replace(limited=frozenset(pairs))


def item(rng: random.Random, number: int) -> Item:
    kind = rng.choice(tuple(VOCABULARY.kinds))
    shape = VOCABULARY.kinds[kind]
    originator = rng.choice(("pk", *PARTIES))
    agreement = "" if originator == "pk" else rng.choice(("", "pk-cn", "pk-xx"))
    releasable = some(rng, PARTIES, 3) if rng.random() < 0.4 else frozenset(PARTIES)
    levels = sum(rng.choice((0, 0, 1, 1, 2, 3)) << 2 * bit for bit in range(len(shape.parts)))
    return Item(
        f"r{number}",
        kind,
        originator,
        rng.choice(shape.states),
        levels,
        releasable,
        rng.random() < 0.15,
        some(rng, UNITS),
        rng.choice((None, NOW - 1, NOW, NOW + 0.5)),
        agreement,
    )


def act(rng: random.Random) -> str:
    return rng.choice((*ACTS, "read", "read", "read", "read", "disclose", "disclose", "export", "command"))
