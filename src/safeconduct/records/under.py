"""Under which agreement somebody is at work, on a node that has several.

What they enter goes to that party, unless what it speaks of goes elsewhere; what they look at is of that agreement or
of none. It narrows what policy gives, and gives nothing itself.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

from safeconduct.agreement.policy import Policy, Subject, concerning, limits_of
from safeconduct.records.home import Home

ALWAYS_SHOWN = frozenset({"sos", "sos_acknowledgement", "stand_down", "escalation", "alert"})
"""Kinds that lists show whatever agreement somebody looks at: a call for help waits for nobody's choice of a desk."""

_working: ContextVar[str] = ContextVar("under", default="")
_looking: ContextVar[str] = ContextVar("looking_under", default="")


def under() -> str:
    """The name of the agreement; "" for none in particular."""
    return _working.get()


def looking_under() -> str:
    """The same for what lists show: the work behind a page sees everything that the person may."""
    return _looking.get()


@contextmanager
def working_under(agreement: str, looking: bool = False) -> Iterator[None]:
    """Be at work under this agreement inside the block; with `looking`, see nothing of another."""
    before = _working.set(agreement), _looking.set(agreement if looking else "")
    try:
        yield
    finally:
        _working.reset(before[0])
        _looking.reset(before[1])


def party_under(home: Home, agreement: str) -> str | None:
    """The other party of an agreement of this node; None for an agreement that it does not have."""
    return next((p.party for p in home.partners.values() if p.agreement == agreement), None)


def of_agreement(home: Home, agreement: str) -> tuple[str, list[Any]]:
    """A condition on rows: what came under this agreement, own records that may go to its party or are kept for who
    works for it, those that go to nobody and are nobody's matter."""
    marks = [f"|{name}|" for name in concerning([party_under(home, agreement) or ""])]
    either = " OR ".join(["releasable = ''", *["REPLACE(releasable, %s, '') <> releasable"] * len(marks)])
    return f"(agreement = %s OR (agreement = '' AND ({either})))", [agreement, *marks]


def within_which(policy: Policy, subject: Subject, act: str, kind: str) -> frozenset[str] | None:
    """The parties to whose agreements the roles of the subject are limited that let it do this to a kind; None where
    one of them counts everywhere. A role that has nothing to do with the kind lends nothing to one that has."""
    if not subject.limited:
        return None
    doing = [
        role for role in subject.roles if policy.entries(subject._replace(roles=frozenset({role})), act, kind)
    ]
    return parties_of(subject, doing or subject.roles)


def parties_of(subject: Subject, roles: Collection[str]) -> frozenset[str] | None:
    """The parties to whose agreements these roles of the subject are limited; None where one of them counts
    everywhere."""
    limits = [limits_of(subject, role) for role in roles]
    return None if None in limits else frozenset[str]().union(*filter(None, limits))
