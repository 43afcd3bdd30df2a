"""Filling one node of the demonstration, in a process of its own: `python -m ... STEP HOME ...`.

`fill` runs before the node starts: databases, pairing, house rules, accounts, history. `settle` runs while both
nodes do: the partner signs the clauses that have arrived and sets its claims beside the host's incidents.
"""

from __future__ import annotations

import argparse
import time
import tomllib
from collections.abc import Callable, Mapping
from importlib.resources import as_file, files
from pathlib import Path

from safeconduct.node.demonstration.cast import CAST, PASSWORD
from safeconduct.node.demonstration.history import OPEN_PARTS, attacks
from safeconduct.records.door import Door
from safeconduct.records.home import Home

AGREEMENT = "pk-cn"
PARTIES = {"host": "pk", "partner": "cn"}
NAMES = {"host": "Host Party (demonstration)", "partner": "Partner Party (demonstration)"}
SETTLE_SECONDS = 60.0


def statuses() -> Mapping[str, str]:
    """The status that the demonstration's signatories give each clause, by number."""
    text = files("safeconduct.node.demonstration").joinpath("agreement/STATUS.toml").read_text("utf-8")
    return tomllib.loads(text)


def fill(home: Home, key: Path, card: bytes, fingerprint: str) -> None:
    from safeconduct.exchange.pairing import accept_card
    from safeconduct.node.setting_up import prepare_databases

    prepare_databases(home)
    from safeconduct.records import here

    door = Door.open(home)
    with door:
        paired = accept_card(home, card, fingerprint, door)
    door = Door.open(paired)
    with door, here.at(paired, door):
        _rules(paired, key, door)
        _accounts(paired, door)
        if paired.side == "host":
            _agreement(key, door)
            _history(paired, door)


def _rules(home: Home, key: Path, door: Door) -> None:
    from safeconduct.node.signing_here import act, propose

    with as_file(files("safeconduct.node.demonstration")) as folder:
        clauses = propose("house", sorted((folder / "house" / home.side).glob("*.md")), door)
    for clause in clauses:
        act("house", clause.number, "agreed", key, None, door)


def _agreement(key: Path, door: Door) -> None:
    from safeconduct.node.signing_here import act, propose

    with as_file(files("safeconduct.node.demonstration")) as folder:
        propose(AGREEMENT, sorted((folder / "agreement").glob("*.md")), door)
    for number, status in statuses().items():
        act(AGREEMENT, number, "proposed", key, None, door)
        if status == "agreed":
            act(AGREEMENT, number, "agreed", key, None, door)


def _accounts(home: Home, door: Door) -> None:
    from django.contrib.auth.hashers import make_password

    from safeconduct.people.models import Account
    from safeconduct.people.roles import assign_role
    from safeconduct.records.principals import system_subject

    hashed = make_password(PASSWORD)
    for part in CAST[home.side]:
        account = Account.objects.create_account(
            part.username, display_name=part.name, clearance=part.clearance
        )
        account.password = hashed
        account.save(update_fields=["password"])
        for role in part.roles:
            assign_role(system_subject(home.party), account, role, part.units, door=door)


def _history(home: Home, door: Door) -> None:
    from safeconduct.records.commit import Draft, commit_many
    from safeconduct.records.principals import system_subject

    system = system_subject(home.party)
    told = list(attacks())
    incidents = commit_many(
        system,
        [Draft("incident", a.parts, levels=OPEN_PARTS, state="post_incident") for a in told],
        door=door,
    )
    claims = []
    for attack, incident in zip(told, incidents, strict=True):
        if isinstance(incident, Exception):
            raise incident
        claims += [
            Draft("claim", parts, about=incident.record)
            for party, parts in attack.claims
            if party != "partner"
        ]
    for answer in commit_many(system, claims, door=door):
        if isinstance(answer, Exception):
            raise answer


def settle(home: Home, key: Path) -> None:
    from safeconduct.node.django_start import start_django

    start_django(home)
    from safeconduct.records import here

    door = Door.open(home)
    with door, here.at(home, door):
        if home.side == "partner":
            _answer(key, door)
            _claims(home, door)
        agreed = {number for number, status in statuses().items() if status == "agreed"}
        _until(lambda: {c.number for c in _place().standing.in_force} == agreed, "the agreement")


def _answer(key: Path, door: Door) -> None:
    from safeconduct.node.signing_here import act

    told = statuses()
    _until(lambda: set(_place().standing.numbers) == set(told), "the clauses")
    _until(lambda: all(_place().standing.history(n) for n in told), "the host's acts")
    for number, status in told.items():
        act(AGREEMENT, number, status, key, None, door)


def _claims(home: Home, door: Door) -> None:
    from safeconduct.records import here
    from safeconduct.records.commit import Draft, commit_many
    from safeconduct.records.principals import system_subject

    told = list(attacks())

    def received() -> dict[str, str]:
        rows = here.tables().all(
            "SELECT parts ->> '$.summary.title', id FROM records_row WHERE kind = 'incident' AND originator <> %s",
            [home.party],
        )
        return dict(rows)

    _until(lambda: received().keys() >= {a.title for a in told}, "the host's incidents")
    records = received()
    drafts = [
        Draft("claim", parts, about=records[attack.title])
        for attack in told
        for party, parts in attack.claims
        if party == "partner"
    ]
    for answer in commit_many(system_subject(home.party), drafts, door=door):
        if isinstance(answer, Exception):
            raise answer


def _place():  # type: ignore[no-untyped-def]  # noqa: ANN202
    from safeconduct.node.signing_here import agreement_of

    return agreement_of(AGREEMENT)


def _until(condition: Callable[[], bool], what: str) -> None:
    end = time.monotonic() + SETTLE_SECONDS
    while not condition():
        if time.monotonic() > end:
            raise TimeoutError(f"{what} did not arrive within {SETTLE_SECONDS:.0f} s")
        time.sleep(0.1)


def main() -> None:
    parser = argparse.ArgumentParser(description="Fill one node of the demonstration.")
    parser.add_argument("step", choices=["fill", "settle"])
    parser.add_argument("home", type=Path)
    parser.add_argument("key", type=Path)
    parser.add_argument("--card", type=Path)
    parser.add_argument("--fingerprint", default="")
    given = parser.parse_args()
    home = Home.load(given.home)
    if given.step == "fill":
        fill(home, given.key, given.card.read_bytes(), given.fingerprint)
    else:
        settle(home, given.key)


if __name__ == "__main__":
    main()
