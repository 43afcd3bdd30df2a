"""Persons and sites for the tests, and somebody who may enter them."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from safeconduct.agreement.policy import Subject
from safeconduct.records.commit import Draft, commit
from safeconduct.records.principals import system_subject
from safeconduct.registry import rules

START = datetime.now(UTC).replace(minute=0, second=0, microsecond=0) - timedelta(days=30)


def hour(number: float) -> str:
    """A moment so many hours after the beginning of the test's month."""
    return (START + timedelta(hours=number)).isoformat()


def epoch_hour(number: float) -> float:
    return (START + timedelta(hours=number)).timestamp()


def somebody(role: str, person: str = "", clearance: int = 3) -> Subject:
    """A person who holds a role."""
    name = person or role
    assignment = {"person": name, "account_name": name, "role": role, "clearance": clearance}
    commit(system_subject("pk"), Draft("role_assignment", {"assignment": assignment}, releasable=()))
    return Subject("pk", frozenset({role}), clearance, frozenset(), frozenset(), name)


def site(actor: Subject, name: str = "Port", district: str = "Gwadar", **identity: Any) -> str:
    parts = {"identity": {"name": name, **identity}, "place": {"district": district}}
    return rules.enter(actor, "site", parts).record


def person(actor: Subject, name: str = "Li Na", account: str = "", **parts: Any) -> str:
    link = {"link": {"account": account}} if account else {}
    return rules.enter(actor, "person", {"name": {"name": name}, **link, **parts}).record
