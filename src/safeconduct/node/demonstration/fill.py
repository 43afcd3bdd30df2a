"""Filling one node of the demonstration, in a process of its own: `python -m ... STEP HOME ...`.

`fill` runs before the node starts: databases, pairing, house rules, clauses put forward, accounts, history.
`settle` runs while both nodes do: each side answers the other's clauses, and the partner sets its claims beside
the host's incidents.
"""

from __future__ import annotations

import argparse
import time
import tomllib
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from importlib.resources import as_file, files
from pathlib import Path

from safeconduct.agreement.policy import Subject
from safeconduct.node.demonstration import (
    assessments,
    between_rooms,
    committee,
    duty,
    forecasts,
    joint_work,
    warnings,
    watch,
)
from safeconduct.node.demonstration.cast import CAST, PASSWORD
from safeconduct.node.demonstration.day import answer_day, journeys, notify_day
from safeconduct.node.demonstration.history import OPEN_PARTS, attacks
from safeconduct.node.demonstration.hospitals import lay_hospitals
from safeconduct.node.demonstration.made_up import STATE, made_up
from safeconduct.node.demonstration.register import (
    PREFIX,
    protect_sites,
    register_partner,
    register_units,
)
from safeconduct.node.demonstration.register import (
    told as registered,
)
from safeconduct.node.demonstration.schematic import lay_roads
from safeconduct.records.door import Door
from safeconduct.records.home import Home
from safeconduct.records.standing import AgreementStanding

AGREEMENT = "pk-cn"
PARTIES = {"host": "pk", "partner": "cn"}
NAMES = {"host": "Host Party (demonstration)", "partner": "Partner Party (demonstration)"}
SETTLE_SECONDS = 120.0


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
    lay_roads(paired)
    lay_hospitals(paired)
    door = Door.open(paired)
    with door, here.at(paired, door):
        _rules(paired, key, door)
        _accounts(paired, door)
        _agreement(paired, key, door)
        _made_up(paired, door)
        if paired.side == "host":
            _history(paired, door)
            register_units(paired.party, door)
        else:
            traveller = _person("traveller")
            sites = register_partner(paired.party, traveller, door)
            notify_day(paired.party, traveller, paired.path, sites, door)


def _rules(home: Home, key: Path, door: Door) -> None:
    from safeconduct.node.signing_here import act, propose

    with as_file(files("safeconduct.node.demonstration")) as folder:
        clauses = propose("house", sorted((folder / "house" / home.side).glob("*.md")), door)
    for clause in clauses:
        act("house", clause.number, "agreed", key, None, door)


def _proposals(side: str) -> list[str]:
    """Numbers of the clauses that a side put forward: what was declined had been the partner's wish."""
    return [number for number, status in statuses().items() if (status == "declined") == (side == "partner")]


def _agreement(home: Home, key: Path, door: Door) -> None:
    """Put forward this side's clauses, in agreement with them itself."""
    from safeconduct.node.signing_here import act, propose

    numbers = _proposals(home.side)
    with as_file(files("safeconduct.node.demonstration")) as folder:
        propose(
            AGREEMENT, [f for n in numbers for f in (folder / "agreement").glob(f"{int(n):02d}-*.md")], door
        )
    for number in numbers:
        for status in ("proposed", "agreed"):
            act(AGREEMENT, number, status, key, None, door)


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


def _made_up(home: Home, door: Door) -> None:
    """What nobody takes for real: enough to analyse and to forecast from."""
    from safeconduct.records.commit import Draft, commit_many
    from safeconduct.records.principals import system_subject

    drafts = [
        Draft("incident", parts, levels=OPEN_PARTS, state=STATE)
        for parts in made_up(home.side, datetime.now(UTC).date())
    ]
    for answer in commit_many(system_subject(home.party), drafts, door=door):
        if isinstance(answer, Exception):
            raise answer


def settle(home: Home, key: Path) -> None:
    from safeconduct.node.django_start import start_django

    start_django(home)
    from safeconduct.records import here

    door = Door.open(home)
    with door, here.at(home, door):
        _answer(home, key, door)
        if home.side == "partner":
            _claims(home, door)
        else:
            _day(home, door)
        agreed = {number for number, status in statuses().items() if status == "agreed"}
        _until(lambda: {c.number for c in _place().standing.in_force} == agreed, "the agreement")
        _watch(home, door)
        _committee(home, door)
        _joint_work(home, door)
        warnings.warn(home.side, _principal, door)
        warnings.answer(home.side, _principal, _until, door)
        _assessments(home, door)


def _assessments(home: Home, door: Door) -> None:
    """What each side makes of the risk, and where they differ."""
    if home.side == "host":
        assessments.first_of_host(_person, _until, door)
        assessments.then_of_host(_person, _until, door)
    else:
        assessments.first_of_partner(_person, _until, door)


def _joint_work(home: Home, door: Door) -> None:
    """What the joint committee has in hand: one node's step waits for the other's."""
    if home.side == "host":
        joint_work.first_of_host(_person, door)
        joint_work.then_of_host(_person, _until, door)
        forecasts.issue_one(_person, door)
    else:
        joint_work.first_of_partner(_person, _until, door)
        joint_work.then_of_partner(_person, _until, door)


def _answer(home: Home, key: Path, door: Door) -> None:
    """Agree to, or decline, each clause that the other side put forward."""
    from safeconduct.node.signing_here import act

    told = statuses()
    theirs = set(told) - set(_proposals(home.side))

    def arrived() -> bool:
        standing = _place().standing
        return theirs <= set(standing.numbers) and all(standing.history(n) for n in theirs)

    _until(arrived, "the other side's clauses")
    for number in sorted(theirs, key=int):
        act(AGREEMENT, number, told[number], key, None, door)


def _claims(home: Home, door: Door) -> None:
    from safeconduct.records.commit import Draft, commit_many
    from safeconduct.records.principals import system_subject

    attacked = list(attacks())

    def received() -> dict[str, str]:
        return _received("incident", "$.summary.title", home)

    _until(lambda: received().keys() >= {a.title for a in attacked}, "the host's incidents")
    records = received()
    drafts = [
        Draft("claim", parts, about=records[attack.title])
        for attack in attacked
        for party, parts in attack.claims
        if party == "partner"
    ]
    for answer in commit_many(system_subject(home.party), drafts, door=door):
        if isinstance(answer, Exception):
            raise answer


def _person(username: str) -> str:
    """The id by which records name the person of an account."""
    from safeconduct.people.models import Account

    return str(Account.objects.get(username=username).person)


def _day(home: Home, door: Door) -> None:
    """Protect the Partner's sites, and answer its notices, once they have arrived."""
    wanted = {PREFIX + each["key"] for each in registered()["site"]}
    _until(lambda: _received("site", "$.identity.external", home).keys() >= wanted, "the partner's sites")
    sites = _received("site", "$.identity.external", home)
    protect_sites(home.party, {name.removeprefix(PREFIX): record for name, record in sites.items()}, door)
    notified = {each["reference"] for each in journeys()}
    _until(
        lambda: _received("movement", "$.notice.reference", home).keys() >= notified, "the partner's notices"
    )
    answer_day(home.party, _received("movement", "$.notice.reference", home), door)


def _watch(home: Home, door: Door) -> None:
    """Who is on duty; then a call for help that both rooms have answered, a muster that was practised, and what the
    rooms have told one another, before the day begins."""
    from safeconduct.records import here

    site, name = "", ""
    if home.side == "partner":
        sql = (
            "SELECT id, parts ->> '$.identity.name' FROM records_row WHERE kind = 'site' AND originator = %s"
        )
        site, name = here.tables().all(f"{sql} ORDER BY born", [home.party])[0]
    duty.begin_duty(home.side, home.party, _person, site, door)
    duty.hand_over_night(_principal, door)
    officer = _principal("watch")
    (other,) = home.partners
    if home.side == "partner":
        record = watch.call_for_help(home.party, site, door)
        between_rooms.ask(officer, other, between_rooms.QUESTION, door)
        watch.practised_muster(home.party, site, name, _until, door)
        answered = "SELECT count(*) FROM records_row WHERE kind = 'sos_acknowledgement' AND originator <> %s"
        _until(lambda: bool(here.tables().all(answered, [home.party])[0][0]), "the Host's acknowledgement")
        watch.end_call(home.party, record, door)
    else:
        between_rooms.warn(officer, door)
        between_rooms.ask(officer, other, between_rooms.ASKED_BACK, door)
        headline = "$.call.headline"
        _until(lambda: watch.HEADLINE in _received("sos", headline, home), "the Partner's call for help")
        record = _received("sos", headline, home)[watch.HEADLINE]
        watch.answer_call(home.party, record, door)
        between_rooms.respond(officer, record, door)
        between_rooms.answer(
            officer, between_rooms.QUESTION, "The northern and the harbour gate.", _until, door
        )


def _principal(username: str) -> Subject:
    """The principal of an account."""
    from safeconduct.people.models import Account
    from safeconduct.people.principal import principal_of

    return principal_of(Account.objects.get(username=username))


def _committee(home: Home, door: Door) -> None:
    """The committee's meetings, each side saying its own part; before them, what was said of the clauses."""
    committee.discuss(home.side, home.party, AGREEMENT, door)
    if home.side == "partner":
        committee.name_observer(home.party, _person("observer"), _until, door)
        committee.answer_meetings(home.party, _person("observer"), _until, door)
    else:
        committee.call_meetings(home.party, PARTIES["partner"], door)
        committee.keep_meetings(home.party, _until, door)


def _received(kind: str, field: str, home: Home) -> dict[str, str]:
    """Records of the other party by the value of a field."""
    from safeconduct.records import here

    sql = "SELECT parts ->> %s, id FROM records_row WHERE kind = %s AND originator <> %s"
    return dict(here.tables().all(sql, [field, kind, home.party]))


def _place() -> AgreementStanding:
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
