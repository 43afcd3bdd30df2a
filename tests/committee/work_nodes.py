"""Host and Partner whose committee works: clauses 3, 4, 6, 7 and 8 agreed, 10 declined; and one with 10 agreed."""

from __future__ import annotations

from collections.abc import Iterator
from importlib.resources import as_file, files
from pathlib import Path
from typing import Any

import pytest
from django.test import Client

import ready
from exchange.nodes import own_connections, sign
from journeys import two_nodes
from journeys.two_nodes import Node, person, pull
from safeconduct.agreement.policy import Subject
from safeconduct.records.commit import Draft, commit
from safeconduct.records.principals import system_subject
from safeconduct.records.rows import RowView

Nodes = tuple[Node, Node]
CLAUSES = ("3", "4", "6", "7", "8")
INCIDENT: dict[str, Any] = {
    "summary": {"title": "Bomb against a convoy", "category": "attack"},
    "when": {"start": "2024-10-06T23:00:00+05:00"},
    "where": {"latitude": 24.9, "longitude": 67.17, "place": "Karachi airport", "district": "Karachi"},
}


@pytest.fixture(autouse=True)
def _own_connections(prepared: Path) -> Iterator[None]:
    with own_connections():
        yield


def _without(prepared: Path, number: str, *clauses: str) -> Path:
    """Two homes with these clauses agreed, made once in a run, and another declined."""

    def fill(folder: Path) -> None:
        ready.copy(two_nodes.made(prepared, *clauses), folder, dirs_exist_ok=True)
        with own_connections():
            _decline(folder, number)

    return ready.shared(f"declined-{number}", fill)


def _decline(folder: Path, number: str) -> None:
    from safeconduct.node.signing_here import propose

    host, partner = Node(folder / "pk"), Node(folder / "cn")
    with as_file(files("safeconduct.node.demonstration")) as demonstration, partner.active():
        propose("pk-cn", list((demonstration / "agreement").glob(f"{int(number):02}-*.md")), partner.door)
    sign(partner, folder, "pk-cn", number, "proposed")
    pull(host, partner)
    sign(host, folder, "pk-cn", number, "declined")
    pull(partner, host)
    partner.close()
    host.close()


@pytest.fixture(scope="session")
def committees(prepared: Path) -> Path:
    return _without(prepared, "10", *CLAUSES)


@pytest.fixture(scope="session")
def deploying(prepared: Path) -> Path:
    return two_nodes.made(prepared, "10")


def _opened(folder: Path, where: Path) -> Iterator[Nodes]:
    ready.copy(folder, where)
    host, partner = Node(where / "pk"), Node(where / "cn")
    yield host, partner
    partner.close()
    host.close()


@pytest.fixture
def working(committees: Path, tmp_path: Path) -> Iterator[Nodes]:
    yield from _opened(committees, tmp_path / "world")


@pytest.fixture
def allowed(deploying: Path, tmp_path: Path) -> Iterator[Nodes]:
    """Clause 10 is agreed: the Partner may propose, the Host may consent."""
    yield from _opened(deploying, tmp_path / "world")


def incident(node: Node, state: str = "closed", **changed: Any) -> str:
    parts = {**INCIDENT, **changed}
    with node.active():
        draft = Draft("incident", parts, state=state, levels={"summary": 0, "when": 0, "where": 0})
        return commit(system_subject(node.home.party), draft, door=node.door).record


def one(node: Node, kind: str, originator: str) -> RowView:
    (found,) = node.of_kind(kind, originator)
    return found


def both(host: Node, partner: Node) -> None:
    """Each has what the other released."""
    pull(partner, host)
    pull(host, partner)
    pull(partner, host)


def client_of(node: Node, who: Subject) -> Client:
    """A browser in which this person is signed in; used while the node is active."""
    from safeconduct.people.models import Account

    name = f"{node.home.party}-{who.person}"
    account = Account.objects.filter(username=name).first() or Account.objects.create_account(
        name, clearance=who.clearance
    )
    account.person = who.person
    account.save(update_fields=["person"])
    client = Client(SERVER_NAME="localhost")
    client.force_login(account)
    return client


__all__ = ["Node", "Nodes", "both", "client_of", "incident", "one", "person", "pull"]
