"""Roles are records: given by another, limited in time, taken at once; and administrators see no more than that."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta

import pytest

from safeconduct.agreement.policy import Subject
from safeconduct.people import roles, second_person
from safeconduct.people.models import Account
from safeconduct.people.principal import principal_of
from safeconduct.records import here
from safeconduct.records.commit import Draft, commit
from safeconduct.records.find import Query, find
from safeconduct.records.home import Home
from safeconduct.records.kinds import kinds
from safeconduct.records.principals import system_subject
from safeconduct.records.refusals import Malformed, NotFound, Refused
from safeconduct.records.release import release

from .conftest import MakeAccount, SignIn, new_browser

PARTS = {
    "summary": {"title": "Bomb against a convoy", "category": "attack"},
    "when": {"start": "2024-10-06T23:00:00+05:00"},
    "where": {"latitude": 24.9, "longitude": 67.17, "place": "Karachi airport", "district": "Karachi"},
}


def administrator(person: MakeAccount, name: str = "root") -> Subject:
    return principal_of(person(name, "administrator"))


def test_the_principal_is_what_the_records_say(person: MakeAccount) -> None:
    account = person("sana", "analyst", "liaison", clearance=2)
    subject = principal_of(account)
    assert subject == Subject(
        "pk", frozenset({"analyst", "liaison"}), 2, frozenset(), frozenset(), account.person
    )


def test_someone_without_a_record_has_no_role(person: MakeAccount) -> None:
    assert principal_of(person("sana")).roles == frozenset()


def test_units_and_time_limits_count(person: MakeAccount) -> None:
    account = person("sana")
    today = datetime.now(UTC)
    roles.assign_role(system_subject("pk"), account, "commander", ["unit-1"], today + timedelta(days=1))
    now = today.timestamp() + 3600
    assert principal_of(account, now).units == {"unit-1"}
    assert principal_of(account, now + 86400).roles == frozenset()
    assert principal_of(account, now - 7200).roles == frozenset()


def test_the_accounts_clearance_is_a_ceiling(person: MakeAccount) -> None:
    account = person("sana", "coordinator", clearance=3)
    Account.objects.filter(pk=account.pk).update(clearance=1)
    account.refresh_from_db()
    assert principal_of(account).clearance == 1
    with pytest.raises(Malformed):
        roles.assign_role(system_subject("pk"), account, "analyst", clearance=2)


def test_an_administrator_gives_and_takes_a_role(person: MakeAccount) -> None:
    actor, account = administrator(person), person("sana", clearance=1)
    asked = roles.ask_role(actor, account, "watch_officer", ["unit-7"], None, 1, "Night shift.")
    assert principal_of(account).roles == frozenset()
    second_person.decide(principal_of(person("chief", "coordinator")), asked.record, 1, True)
    assert principal_of(account).roles == {"watch_officer"}
    held = roles.assignments(actor, account.person)
    assert [(h.role, h.units, h.clearance, h.ended) for h in held] == [
        ("watch_officer", ("unit-7",), 1, False)
    ]
    roles.end_role(actor, held[0].record)
    assert principal_of(account).roles == frozenset()
    assert roles.assignments(actor, account.person)[0].ended


@pytest.mark.parametrize("role", ["signatory", "coordinator", "auditor", "administrator"])
def test_nobody_gives_a_role_to_themselves(person: MakeAccount, role: str) -> None:
    account = person("root", "administrator")
    actor = principal_of(account)
    with pytest.raises(Refused):
        roles.assign_role(actor, account, role)
    # Nor past the rule, straight through the door.
    part = {"person": account.person, "account_name": "root", "role": role, "clearance": 3}
    with pytest.raises(Refused):
        commit(actor, Draft("role_assignment", {"assignment": part}, releasable=()))
    assert principal_of(account).roles == {"administrator"}


@pytest.mark.parametrize("role", ["coordinator", "signatory", "auditor", "watch_officer", "analyst"])
def test_nobody_but_an_administrator_gives_roles(person: MakeAccount, role: str) -> None:
    actor, account = principal_of(person("chief", role)), person("sana")
    with pytest.raises(Refused):
        roles.assign_role(actor, account, "analyst")
    with pytest.raises(Refused):
        roles.set_clearance(actor, account, 0)
    with pytest.raises(Refused):
        roles.renew_roles(actor, account)


def test_an_ended_administrator_gives_none(person: MakeAccount) -> None:
    first, second = person("root", "administrator"), person("root2", "administrator")
    stale = principal_of(first)
    roles.end_role(principal_of(second), roles.assignments(principal_of(second), first.person)[0].record)
    with pytest.raises(Refused):
        roles.assign_role(stale, person("sana"), "analyst")


def test_an_unknown_role_is_refused(person: MakeAccount) -> None:
    with pytest.raises(Malformed):
        roles.assign_role(administrator(person), person("sana"), "root")


def test_administrators_read_no_part_of_any_kind_but_roles_and_requests_for_them(person: MakeAccount) -> None:
    """The policy in force, asked about every kind, part and level that the house has."""
    actor, policy = administrator(person), here.state().policy
    for kind in kinds():
        for act in ("read", "export", "write", "disclose", "approve", "command"):
            open_parts = policy.entries(actor, act, kind.name)
            given = kind.name in ("role_assignment", "role_request") and act in ("read", "write")
            if given or (kind.name, act) == ("role_request", "approve"):
                assert open_parts
            elif kind.name not in ("clause", "status_act") or act != "read":
                assert not open_parts, (kind.name, act)


def test_an_administrator_finds_no_incident(person: MakeAccount) -> None:
    officer = principal_of(person("officer", "watch_officer"))
    made = commit(officer, Draft("incident", PARTS))
    with pytest.raises(NotFound):
        release(administrator(person), made.record)


def test_lowering_a_clearance_cuts_the_roles_at_once(person: MakeAccount) -> None:
    actor, account = administrator(person), person("sana", "coordinator", clearance=3)
    roles.set_clearance(actor, account, 1)
    assert {h.clearance for h in roles.assignments(actor, account.person)} == {1}
    assert principal_of(account).clearance == 1


def test_a_reset_is_in_the_ledger(person: MakeAccount, sign_in: SignIn, node: Home) -> None:
    person("root", "administrator")
    account = person("sana", "analyst")
    before = here.tables().one(
        "SELECT ledger_index, version FROM records_row WHERE external = %s", [account.person]
    )
    browser = sign_in(Account.objects.get(username="root"))
    page = browser.post(f"/people/{account.pk}/reset/").content.decode()
    password = re.search(r"(?:[0-9a-f]{6}-){3}[0-9a-f]{6}", page)
    assert password and before is not None
    after = here.tables().one(
        "SELECT ledger_index, version FROM records_row WHERE external = %s", [account.person]
    )
    assert after is not None and after[0] > before[0] and after[1] == before[1] + 1
    entry = new_browser()
    entry.post("/accounts/login/", {"login": "sana", "password": password[0]})
    assert entry.get("/account/")["Location"] == "/accounts/password/"


def test_the_pages_of_accounts_exist_for_administrators_only(person: MakeAccount, sign_in: SignIn) -> None:
    account = person("sana", "coordinator")
    browser = sign_in(account)
    for address in ("/people/", "/people/new/", f"/people/{account.pk}/"):
        assert browser.get(address).status_code == 404
    for address in (
        f"/people/{account.pk}/lock/",
        f"/people/{account.pk}/reset/",
        f"/people/{account.pk}/roles/",
    ):
        assert browser.post(address).status_code == 404


def test_an_administrator_makes_an_account_and_gives_it_a_role(person: MakeAccount, sign_in: SignIn) -> None:
    browser = sign_in(person("root", "administrator"))
    form = {"username": "Wei", "display_name": "Wei", "clearance": "2"}
    page = browser.post("/people/new/", form).content.decode()
    assert re.search(r"(?:[0-9a-f]{6}-){3}[0-9a-f]{6}", page)
    made = Account.objects.get(username="wei")
    assert made.must_change_password and made.clearance == 2
    wish = {"role": "liaison", "units": "unit-1, unit-2", "clearance": "1", "reason": "New here."}
    assert browser.post(f"/people/{made.pk}/roles/", wish).status_code == 302
    chief = principal_of(person("chief", "coordinator"))
    (request,) = find(chief, Query("role_request")).records
    second_person.decide(chief, request.id, 1, True)
    subject = principal_of(made)
    assert (subject.roles, subject.units, subject.clearance) == ({"liaison"}, {"unit-1", "unit-2"}, 1)
    page = browser.get(f"/people/{made.pk}/").content.decode()
    record = re.search(r"/people/roles/([0-9a-f]{32})/end/", page)
    assert record
    browser.post(record[0], {"person": made.person})
    assert principal_of(made).roles == frozenset()


def test_a_locked_account_loses_its_sessions_and_oneself_cannot_be_locked(
    person: MakeAccount, sign_in: SignIn
) -> None:
    root, account = person("root", "administrator"), person("sana", "analyst")
    browser, theirs = sign_in(root), sign_in(account)
    browser.post(f"/people/{account.pk}/lock/", {"locked": "yes"})
    assert theirs.get("/account/").status_code == 302
    browser.post(f"/people/{account.pk}/lock/", {"locked": "no"})
    assert theirs.get("/account/").status_code == 302, "an ended session stays ended"
    browser.post(f"/people/{root.pk}/lock/", {"locked": "yes"})
    assert not Account.objects.get(pk=root.pk).locked
    browser.post(f"/people/{root.pk}/reset/")
    assert browser.get("/people/").status_code == 200


@pytest.mark.parametrize("name", ["", "a b", "sana\n", "../x", "-x", "é", "x" * 65])
def test_odd_user_names_are_refused(person: MakeAccount, sign_in: SignIn, name: str) -> None:
    browser = sign_in(person("root", "administrator"))
    browser.post("/people/new/", {"username": name, "display_name": "", "clearance": "0"})
    assert Account.objects.count() == (2 if name.strip() == "sana" else 1)
