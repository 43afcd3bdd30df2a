"""One node in the midst of many: a host with its partners, or a partner with its hosts, an agreement with each.

Homes are made, paired and signed by what the commands call, in one process: bundles go by hand, only the network is
left out. An agreement here is one clause that gives the other party all that crosses at all, so that whatever shows
under the wrong agreement was kept back by nothing else.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from bench.nodes import Node, pull
from safeconduct.agreement.signatures import create_key_file, file_signatory
from safeconduct.agreement.vocabulary import ROLES
from safeconduct.records.home import Home

CENTRE = "hub"
OTHER = {"host": "partner", "partner": "host"}
Enacted = tuple[str, str]

CLAUSE = """+++
clause  = "{number}"
version = 1
title   = "{title}"
texts   = ["en"]

{grants}+++
## en

{sentences}
"""
GRANT = """[[grant]]
id     = "{id}"
to     = "{to}"
roles  = {roles}
may    = {may}
kind   = {kinds}
parts  = ["*"]
whose  = "{whose}"
up_to  = "SECRET"

"""
AT_HOME = frozenset({"person", "presence"})


def words(values: Sequence[str]) -> str:
    return "[" + ", ".join(f'"{each}"' for each in values) + "]"


def everything(number: str, to: str, whose: str, may: Sequence[str], roles: Sequence[str] = ROLES) -> str:
    """A clause that gives these acts on every kind that is recorded and decided."""
    from safeconduct.records.kinds import all_kinds

    kinds = [
        kind.name
        for kind in all_kinds().values()
        if not kind.crosses_by_pairing and not (to == "both" and kind.name in AT_HOME)
    ]
    grant = GRANT.format(
        id=f"{number}.1", to=to, roles=words(roles), may=words(may), kinds=words(kinds), whose=whose
    )
    return CLAUSE.format(
        number=number, title="Everything", grants=grant, sentences=f"{number}.1 All of it, for this trial."
    )


@dataclass
class Constellation:
    """The node in the midst, and by party those around it, all with their writers in this process."""

    folder: Path
    centre: Node
    others: dict[str, Node] = field(default_factory=dict)

    def settle(self) -> None:
        """Exchange in both directions until nothing is left to look at or to fetch, then once more for the heads."""
        from safeconduct.exchange.cadence import publish

        for node in (self.centre, *self.others.values()):
            swept(node)
            node.writer.tick(publish)
        for other in self.others.values():
            pull(other, self.centre)
            pull(self.centre, other)

    def close(self) -> None:
        for node in (*self.others.values(), self.centre):
            node.close()


def swept(node: Node) -> None:
    """Let a node look at all its older records for partners for whom something was agreed."""
    from safeconduct.exchange.outbound import sweep

    while node.writer.db.execute("SELECT 1 FROM exchange_sweep").fetchone():
        node.writer.tick(sweep)


def names(count: int) -> list[str]:
    return [f"other-{number:03}" for number in range(1, count + 1)]


def agreement_with(other: str) -> str:
    return f"{CENTRE}-{other}"


@contextmanager
def constellation(folder: Path, side: str, count: int, template: Path) -> Iterator[Constellation]:
    """A centre of this side with `count` others, paired and agreed; `template` is a home with migrated databases."""
    made = make(folder, side, count, template)
    try:
        made.settle()
        yield made
    finally:
        made.close()


def make(
    folder: Path, side: str, count: int, template: Path, databases: Callable[[], Mapping[str, str]] = dict
) -> Constellation:
    """The homes of `constellation`, opened; the acts are signed and exchanged.

    `databases` gives the settings of a home that lives on PostgreSQL, in a copy of the template's database.
    """
    centre = create(folder, CENTRE, side, template, databases())
    others = [create(folder, party, OTHER[side], template, databases()) for party in names(count)]
    pair_all(centre, others)
    found = Constellation(folder, Node(centre.path))
    house(found.centre, folder)
    for home in others:
        node = found.others[home.party] = Node(home.path)
        house(node, folder)
        agree(found.centre, node, folder)
    return found


def create(folder: Path, party: str, side: str, template: Path, databases: Mapping[str, str]) -> Home:
    """A home with one signatory, its databases copied from one that is migrated."""
    public = create_key_file(key(folder, party))
    signatory = file_signatory(party, f"Signatory of {party}", public).to_dict()
    given: dict[str, Any] = {
        "signatories": [signatory],
        "cadence": 3600,
        "second_factor": "optional",
        **databases,
    }
    home = Home.create(folder / party, party, side, f"Party {party}", **given)
    for name in ("tables.sqlite3", "accounts.sqlite3", "positions.sqlite3"):
        if (template / name).exists():
            shutil.copyfile(template / name, home.path / name)
    return home


def key(folder: Path, party: str) -> Path:
    return folder / f"{party}.pem"


def pair_all(centre: Home, others: Sequence[Home]) -> None:
    """Accept each other's cards, as people with telephones would; the centre takes all of them in one go."""
    from safeconduct.exchange.pairing import accept_card, export_card

    node = Node(centre.path)
    for other in others:
        card, spoken = export_card(other, centre.party, agreement_with(other.party))
        accept_card(Home.load(centre.path), card, spoken, node.door)
    node.close()
    for other in others:
        card, spoken = export_card(Home.load(centre.path), other.party, agreement_with(other.party))
        node = Node(other.path)
        accept_card(Home.load(other.path), card, spoken, node.door)
        node.close()


def house(node: Node, folder: Path) -> None:
    """One house rule: every role may do everything with its own party's records."""
    acts = ("read", "export", "write", "withdraw", "erase", "acknowledge", "approve", "command")
    enact(node, folder, "house", ("H1", everything("H1", "own", "own", acts)))


def agree(centre: Node, other: Node, folder: Path) -> None:
    """Both sign the one clause of their agreement, each having seen what the other signed before."""
    agreement = agreement_with(other.home.party)
    clause = ("1", everything("1", "both", "other", ("read", "export", "disclose")))
    enact(centre, folder, agreement, clause)
    pull(other, centre)
    enact(other, folder, agreement, clause)
    pull(centre, other)


def enact(node: Node, folder: Path, agreement: str, clause: Enacted, to: str = "agreed") -> None:
    from safeconduct.node.signing_here import act, propose

    number, text = clause
    file = folder / f"{agreement}-{number}.md"
    file.write_text(text)
    with node.active():
        propose(agreement, [file], node.door)
        act(agreement, number, to, key(folder, node.home.party), None, node.door)
