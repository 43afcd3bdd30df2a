"""Programs that speak to the API: clients with a personal token."""

from __future__ import annotations

import json
import warnings
from collections.abc import Callable, Iterator
from datetime import timedelta
from typing import Any

import pytest

from safeconduct.records.home import Home


class Program:
    """A client of the API with one token."""

    def __init__(self, account: Any, token: Any, secret: str) -> None:
        from django.test import Client

        self.account = account
        self.token = token
        self.secret = secret
        self.client = Client(headers={"Authorization": f"Bearer {secret}"}, SERVER_NAME="localhost")

    def get(self, path: str, **headers: str) -> Any:
        return self.client.get(f"/api/v1{path}", headers=_names(headers))

    def send(self, method: str, path: str, body: Any, **headers: str) -> Any:
        raw = body if isinstance(body, bytes) else json.dumps(body).encode()
        return self.client.generic(
            method, f"/api/v1{path}", raw, content_type="application/json", headers=_names(headers)
        )

    def post(self, path: str, body: Any = b"", **headers: str) -> Any:
        return self.send("POST", path, body, **headers)

    def put(self, path: str, body: Any = b"", **headers: str) -> Any:
        return self.send("PUT", path, body, **headers)

    def patch(self, path: str, body: Any = b"", **headers: str) -> Any:
        return self.send("PATCH", path, body, **headers)


def _names(headers: dict[str, str]) -> dict[str, str]:
    return {name.replace("_", "-"): value for name, value in headers.items()}


MakeProgram = Callable[..., Program]


@pytest.fixture
def program(node: Home) -> Iterator[MakeProgram]:
    """`program("analyst")`: a new person with these roles, and a token of theirs for reading and writing."""
    yield from programs_of(node)


def programs_of(node: Home) -> Iterator[MakeProgram]:
    """The same for the node that this process is."""
    from django.utils import timezone

    from safeconduct.api.rates import RATES
    from safeconduct.people import tokens
    from safeconduct.people.models import Account
    from safeconduct.people.roles import assign_role
    from safeconduct.records.principals import system_subject

    made = 0

    def make(*roles: str, scope: str = "write", only: tuple[str, ...] = (), clearance: int = 3) -> Program:
        nonlocal made
        made += 1
        account = Account.objects.create_account(f"person{made}", clearance=clearance)
        for role in roles:
            assign_role(system_subject(node.party), account, role)
        expires = timezone.now() + timedelta(days=30)
        token, secret = tokens.issue(account, "test", only or roles, scope, expires)
        return Program(account, token, secret)

    RATES.forget()
    yield make
    RATES.forget()


def whole(answer: Any) -> bytes:
    """A streamed answer, read to its end. The server reads it piece by piece, this client all at once."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="StreamingHttpResponse must consume")
        return b"".join(answer)


def readings() -> list[dict[str, Any]]:
    """What the ledger's readings say was shown, in the order they were made."""
    from safeconduct.records import here

    rows = here.tables().all("SELECT parts FROM records_row WHERE kind = 'reading' ORDER BY born", [])
    return [json.loads(parts)["what"] for (parts,) in rows]


INCIDENT: dict[str, Any] = {
    "summary": {"title": "Explosion near the port", "category": "attack"},
    "when": {"start": "2024-10-06T18:00:00Z"},
    "where": {"latitude": 24.9, "longitude": 67.1, "place": "Karachi", "district": "Malir"},
    "people": {"killed_best": 2, "injured_best": 10},
    "method": {"type": "vehicle_bomb"},
    "response": {"units": "Two patrols"},
}


@pytest.fixture
def officer(program: MakeProgram) -> Program:
    """The watch officer's program, which may write incidents."""
    return program("watch_officer")


@pytest.fixture
def incident(officer: Program) -> str:
    answer = officer.post("/incidents", {"parts": INCIDENT})
    assert answer.status_code == 201, answer.content
    return str(answer.json()["record"])
