"""People who read on two nodes on which all readings are logged and cross, and a record that was read."""

from __future__ import annotations

import html
import re
import warnings
from datetime import timedelta
from typing import Any

from django.test import Client
from django.utils import timezone

from exchange.nodes import INCIDENT, Node, pull
from safeconduct.agreement.policy import Subject
from safeconduct.exchange import cadence
from safeconduct.people import tokens
from safeconduct.people.models import Account
from safeconduct.records.release import release

Pair = tuple[Node, Node]
CANARY = re.compile(r"CAN-\d+-[a-z]+-END")
CANARY_FIELDS = {
    "summary": "title",
    "people": "victims",
    "method": "detail",
    "response": "units",
}


def with_canaries(number: int) -> dict[str, Any]:
    """An incident each of whose parts bears a word that stands nowhere else."""
    parts: dict[str, Any] = {
        **INCIDENT,
        "method": {"type": "ambush"},
        "response": {"units": "x", "text": "held back"},
    }
    for part, name in CANARY_FIELDS.items():
        parts[part] = {**parts[part], name: f"CAN-{number}-{part}-END"}
    return parts


def somebody(node: Node, *roles: str) -> tuple[Client, Subject, str]:
    """(browser, principal, token) of a new person on a node."""
    account = Account.objects.create_account(f"{node.home.party}-{Account.objects.count()}", clearance=3)
    for role in roles:
        assignment = {
            "person": account.person,
            "account_name": account.username,
            "role": role,
            "clearance": 3,
        }
        node.commit("role_assignment", {"assignment": assignment}, releasable=[])
    client = Client(SERVER_NAME="localhost")
    client.force_login(account)
    with node.active():
        _, secret = tokens.issue(account, "test", roles, "write", timezone.now() + timedelta(days=2))
    subject = Subject(node.home.party, frozenset(roles), 3, frozenset(), frozenset(), account.person)
    return client, subject, secret


def body_of(answer: Any) -> str:
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="StreamingHttpResponse must consume")
        raw = b"".join(answer) if getattr(answer, "streaming", False) else answer.content
    return html.unescape(raw.decode())


def settle(host: Node, partner: Node) -> None:
    """Exchange until both have everything, and have both ledgers cosigned."""
    for node in (host, partner):
        node.publish()
    for _ in range(2):
        pull(partner, host)
        pull(host, partner)
    for node in (host, partner):
        node.writer.tick(cadence.keep_acks)


def readings_of_one(both: Pair) -> tuple[str, str, Subject]:
    """(the host's record, the partner's id of it, an auditor of the host): read on both sides, then exchanged."""
    host, partner = both
    record = host.commit("incident", with_canaries(1), levels={"people": 1}).record
    settle(host, partner)
    (row,) = partner.of_kind("incident", "pk")
    _, wang, _ = somebody(partner, "coordinator")
    with partner.active():
        release(wang, row.id)
    _, rana, _ = somebody(host, "watch_officer")
    with host.active():
        release(rana, record)
    settle(host, partner)
    return record, row.id, somebody(host, "auditor", "coordinator")[1]
