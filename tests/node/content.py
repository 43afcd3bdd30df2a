"""The demonstration's clauses and house rules, as a policy between `pk` and `cn`."""

from __future__ import annotations

import tomllib
from importlib.resources import files
from pathlib import Path

from safeconduct.agreement.books import Book
from safeconduct.agreement.clauses import Clause, load_folder
from safeconduct.agreement.policy import Policy, compile_policy
from safeconduct.records import kinds

CONTENT = Path(str(files("safeconduct.node"))) / "demonstration"
VOCABULARY = kinds.vocabulary()
STATUS = tomllib.loads((CONTENT / "agreement/STATUS.toml").read_text())
PARTIES = {"host": "pk", "partner": "cn"}


def agreement() -> tuple[Clause, ...]:
    return load_folder(CONTENT / "agreement", VOCABULARY)


def books(**changed: str) -> list[Book]:
    """The agreement with the demonstration's statuses, changed as `clause_9="agreed"` says, and both houses."""
    status = STATUS | {number.removeprefix("clause_"): word for number, word in changed.items()}
    found = [Book("pk-cn", PARTIES, tuple((clause, status[clause.number]) for clause in agreement()))]
    for word, party in PARTIES.items():
        house = load_folder(CONTENT / "house" / word, VOCABULARY)
        found.append(Book(f"house-{party}", {"own": party}, tuple((clause, "agreed") for clause in house)))
    return found


def policy(**changed: str) -> Policy:
    return compile_policy(books(**changed), VOCABULARY)
