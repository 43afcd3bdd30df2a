"""The auditors' pages of access: who may do what and by which sentence, what opens each account, what stands out."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.test import Client

from safeconduct.agreement.policy import Item, Subject
from safeconduct.oversight import access
from safeconduct.people import second_person, tokens
from safeconduct.people.models import Account, Token
from safeconduct.people.principal import principal_of
from safeconduct.records import here
from safeconduct.records.commit import Draft, commit
from safeconduct.records.find import Query, find
from safeconduct.records.home import Home
from safeconduct.records.kinds import all_kinds
from safeconduct.records.principals import system_subject
from signed_in import signed_in

PARTS = {
    "summary": {"title": "Shots at a bus", "category": "attack"},
    "when": {"start": "2024-11-05T07:40:00+05:00"},
    "where": {"place": "Karachi", "district": "Karachi"},
    "people": {"killed_best": 2},
}
PAGES = ("/oversight/access/", "/oversight/access/accounts/", "/oversight/access/unusual/")


def rows(page: str) -> list[str]:
    return [re.sub(r"<[^>]+>|\s+", " ", row) for row in re.findall(r"<tr>.*?</tr>", page, re.S)]


@pytest.mark.parametrize("role", ["administrator", "watch_officer", "analyst", "signatory", "liaison"])
def test_the_pages_are_there_for_those_whom_house_rules_let_audit(node: Home, role: str) -> None:
    client, _ = signed_in(role)
    for address in (*PAGES, "/oversight/access/emergencies/"):
        assert client.get(address).status_code == 404
    auditor, _ = signed_in("auditor")
    for address in PAGES:
        assert auditor.get(address).status_code == 200


def test_every_right_listed_is_permitted_and_every_permission_is_listed(node: Home) -> None:
    """The list against the policy itself, over every role, act, kind and part of this party."""
    policy = here.state().policy
    listed: dict[tuple[str, str, str], set[str]] = {}
    for right in access.rights(policy, access.Asked("pk")):
        assert right.sentences and all(right.sentences.values())
        for act in right.acts:
            listed.setdefault((right.role, act, right.kind), set()).update(right.parts)
    asked = 0
    for (party, role, act, kind, part), conditions in policy.table.items():
        if party == "pk":
            asked += 1
            assert part in listed[role, act, kind]
            assert conditions
    assert asked > 1_000
    for (role, act, kind), parts in listed.items():
        subject = Subject(
            "pk", frozenset({role}), 3, frozenset({"u"}), frozenset({"i"}), "p", frozenset({"i"})
        )
        for part in parts:
            states = all_kinds()[kind].states
            items = [
                Item("i", kind, whose, state, 0, frozenset({"pk"}), False, frozenset({"u"}), None, "")
                for state in states
                for whose in ("pk", "cn")
            ]
            assert any(policy.decide(subject, act, item, part, 0.0).permit for item in items), (
                role,
                act,
                kind,
                part,
            )


def test_a_person_is_shown_with_roles_second_person_and_the_sentences(node: Home) -> None:
    auditor, _ = signed_in("auditor")
    _, root = signed_in("administrator")
    _, chief = signed_in("coordinator")
    account = Account.objects.create_account("wei", clearance=2)
    request = second_person.ask_for_role(root, account, "analyst", "New.", (), "", 2).record
    second_person.decide(chief, request, 1, True)
    page = auditor.get("/oversight/access/", {"person": account.person}).content.decode()
    assert f"/oversight/second-person/{request}/" in page and "analyst" in page
    told = rows(page)
    assert any("house/H1.2" in row and "Analysts may read the source of our incidents" in row for row in told)
    assert not any("house/H4.1" in row for row in told), "an administrator's right is none of an analyst's"
    page = auditor.get("/oversight/access/", {"kind": "role_assignment", "act": "write"}).content.decode()
    assert "with a second person only" in page and "house/H4.6" in page and "house/H4.1" not in page
    nobody = Account.objects.create_account("nobody")
    commit(
        system_subject("pk"),
        Draft(
            "role_assignment",
            {"assignment": {"person": nobody.person, "account_name": "nobody", "role": "analyst"}},
            state="ended",
            releasable=(),
        ),
    )
    page = auditor.get("/oversight/access/", {"person": nobody.person}).content.decode()
    assert "not now" in page and "Nothing of this is permitted" in page


@pytest.mark.parametrize(
    "given",
    [{"person": "x" * 5_000}, {"role": "root"}, {"kind": "'; DROP TABLE"}, {"party": "zz"}, {"act": "\0"}],
)
def test_what_is_no_choice_lists_nothing(node: Home, given: dict[str, str]) -> None:
    auditor, _ = signed_in("auditor")
    answer = auditor.get("/oversight/access/", given)
    assert answer.status_code == 200 and "house/" not in answer.content.decode()


def test_dormant_accounts_factors_and_tokens(node: Home) -> None:
    auditor, _ = signed_in("auditor")
    signed_in("analyst", "asleep")
    signed_in("liaison", "awake")
    Account.objects.create_account("roleless")
    long_ago = datetime.now(UTC) - timedelta(days=40)
    Account.objects.filter(username__in=("asleep", "roleless")).update(
        last_login=long_ago, created_at=long_ago
    )
    awake = Account.objects.get(username="awake")
    Account.objects.filter(pk=awake.pk).update(last_login=long_ago)
    tokens.issue(awake, "map program", ("liaison",), "read", datetime.now(UTC) + timedelta(days=9))
    page = auditor.get("/oversight/access/accounts/").content.decode()
    (asleep,) = [row for row in rows(page) if " asleep " in row]
    assert "dormant" in asleep and "analyst" in asleep and "none" in asleep
    (roleless,) = [row for row in rows(page) if " roleless " in row]
    assert "dormant" not in roleless, "it opens nothing"
    (used,) = [row for row in rows(page) if " awake " in row]
    assert "dormant" in used and "map program" in used and "never used" in used
    Token.objects.update(last_used_on=datetime.now(UTC).date())
    (used,) = [
        row for row in rows(auditor.get("/oversight/access/accounts/").content.decode()) if " awake " in row
    ]
    assert "dormant" not in used
    Account.objects.filter(username="asleep").update(locked=True)
    (asleep,) = [
        row for row in rows(auditor.get("/oversight/access/accounts/").content.decode()) if " asleep " in row
    ]
    assert "dormant" not in asleep and "locked" in asleep


def test_devices_stand_beside_the_account_that_they_speak_for(node: Home) -> None:
    auditor, _ = signed_in("auditor")
    _, officer = signed_in("security_officer", "officer")
    _, chief = signed_in("coordinator", "chief")
    parts = {
        "identity": {"name": "Radio 7", "category": "tak", "protocol": "cot"},
        "link": {"account": chief.person},
    }
    commit(officer, Draft("device", parts, state="waiting", assigned=[chief.person], releasable=()))
    (row,) = [
        row for row in rows(auditor.get("/oversight/access/accounts/").content.decode()) if " chief " in row
    ]
    assert "Radio 7 (Waits for its bearer&#x27;s word)" in row


def test_exports_and_requests_stand_out(node: Home) -> None:
    auditor, _ = signed_in("auditor")
    _, chief = signed_in("coordinator", "chief")
    commit(system_subject("pk"), Draft("incident", PARTS))
    find(chief, Query("incident"), "export")
    second_person.ask_in_bulk(chief, "export", "incident", 9_000, "The yearly <b>figures</b>.")
    page = auditor.get("/oversight/access/unusual/").content.decode()
    assert any("chief" in row and "export" in row and "incident" in row for row in rows(page))
    assert "9,000" in page or "9000" in page
    assert "<b>figures" not in page
    writer = here.door().writer
    assert writer is not None
    writer.tables.execute("UPDATE records_row SET about = %s WHERE kind = 'reading'", ["k/7"])
    answer = auditor.get("/oversight/access/unusual/")
    assert answer.status_code == 200 and "/oversight/knew/" not in answer.content.decode()


@pytest.mark.parametrize("language", ["en", "ur", "zh-hans"])
def test_the_pages_speak_three_languages(node: Home, language: str) -> None:
    auditor, subject = signed_in("auditor")
    assert principal_of(Account.objects.get(person=subject.person)).roles == {"auditor"}
    for address in (*PAGES, "/oversight/access/emergencies/", "/oversight/second-person/"):
        answer: Any = auditor.get(address, headers={"Accept-Language": language})
        assert answer.status_code == 200
        assert f'lang="{language}"' in answer.content.decode().replace("zh-Hans", "zh-hans")


def test_a_locked_out_stranger_is_led_to_the_sign_in(node: Home) -> None:
    for address in PAGES:
        assert Client(SERVER_NAME="localhost").get(address).status_code == 302
