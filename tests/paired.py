"""A Host node whose agreement with a Partner is signed by both, without a second node.

What the Partner would send is put into the ledger as it would arrive: verified entries of type `received`.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.resources import as_file, files
from pathlib import Path
from typing import Any
from uuid import uuid4

from conftest import SIGNATORY_KEY
from safeconduct.agreement.acts import next_act
from safeconduct.agreement.signatures import Signatory, create_key_file, file_signatory, sign_with_file
from safeconduct.ledger.parts import digest, disclosure
from safeconduct.records import here
from safeconduct.records.door import Door
from safeconduct.records.home import Home
from safeconduct.records.kinds import all_kinds
from safeconduct.records.transaction import Tx, iso

AGREEMENT = "pk-cn"


@contextmanager
def paired(ruled: Home, folder: Path) -> Iterator[tuple[Home, Path]]:
    """(home, the Partner's signatory key): the node of `ruled`, whose house rules are in force, paired with `cn`."""
    from safeconduct.exchange.pairing import accept_card, export_card

    key = folder / "cn-signatory.pem"
    person = file_signatory("cn", "Wang Fang", create_key_file(key)).to_dict()
    other = Home.create(folder / "cn", "cn", "partner", "Partner Party", signatories=[person])
    card, spoken = export_card(other, "pk", AGREEMENT)
    with Door.open(ruled) as door:
        home = accept_card(ruled, card, spoken, door)
    with Door.open(home) as door, here.at(home, door):
        yield home, key


def agree(numbers: set[str], partner_key: Path | None) -> None:
    """Put the demonstration's clauses on record and have both parties sign them (with no key: the Host only)."""
    from safeconduct.node.signing_here import act, propose

    door = here.door()
    with as_file(files("safeconduct.node.demonstration")) as folder:
        chosen = [f for f in sorted((folder / "agreement").glob("*.md")) if str(int(f.name[:2])) in numbers]
        clauses = propose(AGREEMENT, chosen, door)
    for clause in clauses:
        act(AGREEMENT, clause.number, "agreed", SIGNATORY_KEY, None, door)
        if partner_key is not None:
            partner_acts(clause.number, clause.digest, "agreed", partner_key)


def partner_acts(number: str, text: str, to: str, key: Path) -> None:
    """The Partner's signatory acts on a text, having seen what the Host did last."""
    standing = here.state().agreements[AGREEMENT].standing
    who: Signatory = standing.signatories("cn")[0]
    host = standing.head("pk")
    made = next_act(
        standing.head("cn"),
        {"pk": host} if host else {},
        agreement=AGREEMENT,
        by="cn",
        to=to,
        key=who.key_id,
        at=1_730_000_000,
        clause=number,
        text=text,
    )
    signature = sign_with_file(key, None, made)
    part = {"agreement": AGREEMENT, "act": made.canonical().decode(), "signature": signature}
    receive("status_act", {"act": part})


def receive(kind_name: str, parts: dict[str, Any], levels: dict[str, int] | None = None) -> str:
    """A record of the Partner as it is stored on arrival; returns its id here."""
    kind = all_kinds()[kind_name]
    record = uuid4().hex
    texts = [disclosure(n, parts[n]) if n in parts else None for n in kind.part_names]
    labels = {n: (levels or {}).get(n, kind.default_levels()[n]) for n in kind.part_names}

    def store(tx: Tx) -> dict[str, Any]:
        header = {
            "record": record,
            "version": 1,
            "kind": kind_name,
            "originator": "cn",
            "agreement": AGREEMENT,
            "about": "",
            "act": "received",
            "at": iso(tx.now),
            "received": iso(tx.now),
            "state": kind.states[0],
            "levels": [labels[n] for n in kind.part_names],
            "releasable": [tx.home.party],
            "orcon": False,
            "assigned": [],
            "opens": "",
            "clauses": [],
            "parts": [digest(t if t else disclosure("absent", None)) for t in texts],
            "commitment": "",
            "sent_as": record,
            "feed_index": 0,
            "feed_leaf": "",
        }
        tx.append("received", header, texts, [labels[n] for n in kind.part_names])
        tx.policy_changed = tx.policy_changed or kind.crosses_by_pairing
        return {}

    writer = here.door().writer
    assert writer is not None
    answers = writer._transact([store])
    assert answers == [{}], json.dumps(answers)
    return record
