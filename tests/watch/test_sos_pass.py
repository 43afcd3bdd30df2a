"""A call for help that waited on a phone is that person's, whoever is signed in there by now, or nobody."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from typing import Any

import pytest
from django.core import signing
from django.test import Client

from journeys.roads import officer
from safeconduct.agreement.policy import Subject
from safeconduct.people.models import Account
from safeconduct.people.passes import DAYS, SALT, holder_of, owner_of, pass_of, void_passes
from safeconduct.records import here
from safeconduct.records.door import Door
from safeconduct.records.find import Query, find
from safeconduct.records.home import Home
from safeconduct.records.release import Released

PASS = "/watch/sos/pass/"
KEY = "a-key-of-a-press"


@pytest.fixture
def node(partner_home: Home) -> Iterator[Home]:
    with Door.open(partner_home) as door, here.at(partner_home, door):
        yield partner_home


def account_of(who: Subject) -> Account:
    return Account.objects.get(person=who.person)


def nobody() -> Client:
    return Client(SERVER_NAME="localhost", enforce_csrf_checks=True)


def send(client: Client, body: Any, to: str = PASS) -> Any:
    text = body if isinstance(body, str | bytes) else json.dumps(body)
    return client.post(to, text, content_type="application/json")


def calls() -> list[Released]:
    return find(officer("coordinator")[1], Query("sos", sort="at")).records


def test_a_press_goes_out_when_nobody_is_signed_in_and_when_somebody_else_is(node: Home) -> None:
    _, traveller = officer("protected_person")
    other, _ = officer("protected_person")
    own = pass_of(account_of(traveller))
    somebody = nobody()
    first = send(somebody, {"key": KEY, "pass": own})
    assert first.status_code == 201 and not somebody.cookies
    assert send(other, {"key": KEY, "pass": own}).json() == first.json(), "sent again, it is the same"
    (found,) = calls()
    assert found.parts["caller"]["person"] == traveller.person


def test_a_pass_opens_nothing_else(node: Home) -> None:
    _, traveller = officer("protected_person")
    own = pass_of(account_of(traveller))
    somebody = nobody()
    assert send(somebody, {"key": KEY, "pass": own}, "/watch/sos/raise/").status_code == 302
    assert somebody.get("/journeys/phone/", headers={"Authorization": f"Bearer {own}"}).status_code == 302
    assert somebody.get(PASS).status_code == 405


def test_who_may_not_call_for_help_may_not_by_pass(node: Home) -> None:
    _, analyst = officer("analyst")
    assert send(nobody(), {"key": KEY, "pass": pass_of(account_of(analyst))}).status_code == 403
    assert calls() == []


@pytest.mark.parametrize(
    "forged",
    [None, 7, "", "x", "x" * 5_000, [], {}, "a:b:c"],
)
def test_what_is_no_pass_is_answered_alike(node: Home, forged: Any) -> None:
    answer = send(nobody(), {"key": KEY, "pass": forged})
    assert (answer.status_code, answer.json()) == (401, {"error": "pass"}) and calls() == []


def test_a_pass_ends_with_the_password_the_lock_the_session_and_its_days(node: Home) -> None:
    _, traveller = officer("protected_person")
    account = account_of(traveller)
    for wrong in (["no", "such", 1], [7, 7, 7], "text", [account.pk.hex], None):
        assert holder_of(signing.dumps(wrong, salt=SALT)) is None
    old = signing.dumps([account.pk.hex, "0" * 16, int(time.time())], salt=SALT)
    assert holder_of(old) is None
    first = pass_of(account)
    assert holder_of(first) == account
    account.locked = True
    account.save()
    assert holder_of(first) is None
    account.locked = False
    account.save()
    assert holder_of(first) == account
    void_passes(account)
    assert holder_of(first) is None
    account.passes_from = None
    account.set_password("another-password-of-hers")
    account.save()
    assert holder_of(first) is None and holder_of(pass_of(account)) == account


def test_a_pass_grows_old(node: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    _, traveller = officer("protected_person")
    own = pass_of(account_of(traveller))
    later = time.time() + DAYS * 86_400 + 60
    monkeypatch.setattr(time, "time", lambda: later)
    assert holder_of(own) is None


def test_ending_a_session_voids_the_pass_of_the_phone_that_was_lost(node: Home) -> None:
    client, traveller = officer("protected_person")
    own = pass_of(account_of(traveller))
    assert client.post("/account/sessions/end-others/").status_code == 302
    assert send(nobody(), {"key": KEY, "pass": own}).status_code == 401


@pytest.mark.parametrize("body", ["", "null", "[]", "{", "x" * 20_000, b"\xff", "[" * 15_000])
def test_what_is_no_word_is_refused_in_words(node: Home, body: Any) -> None:
    answer = send(nobody(), body)
    assert answer.status_code == 400 and answer.json()["error"]


def test_a_word_of_one_person_is_not_sent_as_another_s(node: Home) -> None:
    _, first = officer("protected_person")
    client, second = officer("protected_person")
    words = {"key": KEY, "owner": owner_of(account_of(first))}
    answer = send(client, words, "/watch/sos/raise/")
    assert (answer.status_code, answer.json()) == (409, {"error": "owner"}) and calls() == []
    words["owner"] = owner_of(account_of(second))
    assert send(client, words, "/watch/sos/raise/").status_code == 201
