"""The page on which a person says which devices are theirs, in three languages; and what forged forms come to."""

from __future__ import annotations

import re
import time
from collections.abc import Iterator

import pytest
from allauth.mfa.models import Authenticator
from allauth.mfa.totp.internal.auth import TOTP, format_hotp_value, hotp_value, yield_hotp_counters_from_time
from django.test import Client

from field.word_node import enrolled_before
from safeconduct.agreement.policy import Subject
from safeconduct.field import credentials, device_term, devices
from safeconduct.people import tokens
from safeconduct.people.models import Account
from safeconduct.records import here
from safeconduct.records.home import Home
from safeconduct.records.release import fetch_row
from signed_in import signed_in

PASSWORD = "correct-horse-battery"
SECRET = "JBSWY3DPEHPK3PXP"


@pytest.fixture(autouse=True)
def fresh_counts(node: Home, quick_hashes: None) -> Iterator[None]:
    from django.core.cache import cache

    cache.clear()
    yield


def enrolled(actor: Subject, person: str, name: str = "Radio 7") -> str:
    identity = {"name": name, "category": "tak", "protocol": "cot", "vehicle": "ABC-123"}
    parts = {"identity": identity, "link": {"account": person, "holder": "Driver of car 7"}}
    return devices.enrol(actor, parts)[0].record


def state(device: str) -> str:
    row = fetch_row(device)
    assert row is not None
    return row.state


def confirming(client: Client, device: str, seen: int = 1) -> int:
    return client.post(f"/field/yours/{device}/confirm/", {"seen": str(seen)}).status_code


def with_password(client: Client, person: str) -> None:
    """The account has a password, and its browser is signed in as one that gave it an hour ago."""
    account = Account.objects.get(person=person)
    account.set_password(PASSWORD)
    account.save()
    client.force_login(account)


def code_now() -> str:
    counters = sorted(yield_hotp_counters_from_time())
    return format_hotp_value(hotp_value(SECRET, counters[len(counters) // 2]))


def test_what_waits_stands_first_and_is_confirmed_there(node: Home) -> None:
    client, bearer = signed_in("watch_officer", "bearer")
    manager, enroller = signed_in("security_manager", "enroller")
    own, other = enrolled(enroller, bearer.person), enrolled(enroller, enroller.person, "Their own")
    page = client.get("/field/yours/").content.decode()
    assert "Radio 7" in page and "ABC-123" in page and "enroller" in page and "Their own" not in page
    assert "Waits for its bearer&#x27;s word" in page and "shows nothing" in page
    listed = manager.get("/field/").content.decode()
    assert listed.index("Radio 7") < listed.index("Their own") and "shows nothing" in listed
    asked = client.get(f"/field/yours/{own}/confirm/").content.decode()
    assert "Is this device yours?" in asked and "Driver of car 7" in asked and "enroller" in asked
    assert confirming(client, own) == 302 and state(own) == "confirmed"
    assert "Confirmed by its bearer" in client.get("/field/yours/").content.decode()
    assert client.get(f"/field/yours/{own}/confirm/").status_code == 404, "there is nothing to say any more"
    assert state(other) == "confirmed"


def test_somebody_of_low_clearance_may_say_so_too(node: Home) -> None:
    """They are not shown the part that names them, and are asked all the same."""
    client, bearer = signed_in("warden", "bearer", clearance=1)
    _, enroller = signed_in("security_manager", "enroller")
    device = enrolled(enroller, bearer.person)
    page = client.get("/field/yours/").content.decode()
    assert "Radio 7" in page and "Driver of car 7" not in page
    assert confirming(client, device) == 302 and state(device) == "confirmed"


def test_who_enrols_is_told_that_it_waits(node: Home) -> None:
    client, _ = signed_in("security_manager", "enroller")
    signed_in("watch_officer", "bearer")
    form = {"name": "Radio 7", "category": "tak", "protocol": "cot"}
    waits = "shows nothing before its bearer has confirmed it"
    assert waits in client.post("/field/enrol/", {**form, "account": "bearer"}).content.decode()
    assert waits not in client.post("/field/enrol/", {**form, "account": "enroller"}).content.decode()
    assert waits not in client.post("/field/enrol/", form).content.decode()


def test_a_device_that_waits_can_be_given_a_new_credential_and_revoked_by_who_enrols(node: Home) -> None:
    client, enroller = signed_in("security_manager", "enroller")
    _, bearer = signed_in("watch_officer", "bearer")
    device = enrolled(enroller, bearer.person)
    page = client.get("/field/").content.decode()
    assert f"/field/{device}/renew/" in page and f"/field/{device}/revoke/" in page
    assert client.post(f"/field/{device}/renew/", {"seen": "1"}).status_code == 200
    assert state(device) == "waiting"
    assert client.post(f"/field/{device}/revoke/", {"seen": "2"}).status_code == 302
    assert (
        state(device) == "revoked" and f"/field/{device}/renew/" not in client.get("/field/").content.decode()
    )


def test_the_enroller_does_not_confirm_for_the_other_by_any_form(node: Home) -> None:
    client, enroller = signed_in("security_manager", "enroller")
    _, bearer = signed_in("watch_officer", "bearer")
    device = enrolled(enroller, bearer.person)
    address = f"/field/yours/{device}/confirm/"
    assert client.get(address).status_code == 404
    for form in (
        {"seen": "1"},
        {"seen": "1", "person": bearer.person, "account": bearer.person, "actor": bearer.person},
        {"seen": "1", "state": "confirmed", "act": "write"},
    ):
        assert client.post(address, form).status_code == 403
    assert client.post(f"/field/{device}/confirm/", {"seen": "1"}).status_code == 404
    assert client.post(f"/field/yours/{device}/revoke/", {"seen": "1"}).status_code == 403
    assert state(device) == "waiting"


@pytest.mark.parametrize("seen", ["", "0", "2", "-1", "1.0", "١", "9" * 400, "1 OR 1=1", "\x00"])
def test_a_word_to_another_version_is_none(node: Home, seen: str) -> None:
    client, bearer = signed_in("watch_officer", "bearer")
    _, enroller = signed_in("security_manager", "enroller")
    device = enrolled(enroller, bearer.person)
    for page in ("confirm", "revoke"):
        assert client.post(f"/field/yours/{device}/{page}/", {"seen": seen}).status_code == 409
    assert state(device) == "waiting"


def test_a_form_that_was_open_when_the_credential_changed_confirms_nothing(node: Home) -> None:
    client, bearer = signed_in("watch_officer", "bearer")
    _, enroller = signed_in("security_manager", "enroller")
    device = enrolled(enroller, bearer.person)
    page = client.get(f"/field/yours/{device}/confirm/").content.decode()
    (seen,) = set(re.findall(r'name="seen" value="(\d+)"', page))
    devices.renew(enroller, device, 1)
    assert confirming(client, device, int(seen)) == 409 and state(device) == "waiting"
    # And a word that was given is not given again by sending the same form.
    assert confirming(client, device, 2) == 302
    devices.renew(enroller, device, 3)
    assert confirming(client, device, 2) == 409 and state(device) == "waiting"


def test_a_form_from_elsewhere_is_refused(node: Home) -> None:
    _, bearer = signed_in("watch_officer", "bearer")
    _, enroller = signed_in("security_manager", "enroller")
    device = enrolled(enroller, bearer.person)
    strict = Client(SERVER_NAME="localhost", enforce_csrf_checks=True)
    strict.force_login(Account.objects.get(person=bearer.person))
    for page in ("confirm", "revoke"):
        assert strict.post(f"/field/yours/{device}/{page}/", {"seen": "1"}).status_code == 403
    stranger = Client(SERVER_NAME="localhost")
    assert stranger.post(f"/field/yours/{device}/confirm/", {"seen": "1"}).status_code == 302
    assert state(device) == "waiting"


def test_a_token_of_the_persons_own_says_nothing_for_them(node: Home) -> None:
    """A program is not the person: the pages take no token, and no door of the API leads there."""
    from datetime import timedelta

    from django.utils import timezone

    _, bearer = signed_in("watch_officer", "bearer")
    _, enroller = signed_in("security_manager", "enroller")
    device = enrolled(enroller, bearer.person)
    account = Account.objects.get(person=bearer.person)
    until = timezone.now() + timedelta(days=1)
    _token, text = tokens.issue(account, "map", ["watch_officer"], "write", until)
    program = Client(SERVER_NAME="localhost", headers={"Authorization": f"Bearer {text}"})
    for address in (
        f"/field/yours/{device}/confirm/",
        f"/api/v1/records/{device}",
        f"/api/v1/devices/{device}/confirm",
    ):
        answer = program.post(address, {"seen": 1, "state": "confirmed"}, content_type="application/json")
        assert answer.status_code in (302, 404, 405), address
    assert state(device) == "waiting"


def test_it_is_asked_whether_it_is_still_the_same_person(node: Home) -> None:
    client, bearer = signed_in("watch_officer", "bearer")
    _, enroller = signed_in("security_manager", "enroller")
    device = enrolled(enroller, bearer.person)
    with_password(client, bearer.person)
    address = f"/field/yours/{device}/confirm/"
    for answer in (client.get(address), client.post(address, {"seen": "1"})):
        assert answer["Location"].startswith("/accounts/confirm/?next=%2Ffield%2Fyours%2F")
    assert state(device) == "waiting"
    answer = client.post("/accounts/confirm/", {"password": PASSWORD, "next": address})
    assert answer["Location"] == address
    assert confirming(client, device) == 302 and state(device) == "confirmed"
    # To say no needs no more than to be signed in.
    other = enrolled(enroller, bearer.person)
    again = Client(SERVER_NAME="localhost")
    again.force_login(Account.objects.get(person=bearer.person))
    assert again.post(f"/field/yours/{other}/revoke/", {"seen": "1"}).status_code == 302
    assert state(other) == "revoked"


def test_who_has_a_second_factor_shows_that_and_the_password_is_not_enough(node: Home) -> None:
    client, bearer = signed_in("watch_officer", "bearer")
    _, enroller = signed_in("security_manager", "enroller")
    device = enrolled(enroller, bearer.person)
    TOTP.activate(Account.objects.get(person=bearer.person), SECRET)
    with_password(client, bearer.person)
    address = f"/field/yours/{device}/confirm/"
    assert client.post("/accounts/confirm/", {"password": PASSWORD}).status_code == 302
    assert client.get(address)["Location"].startswith("/accounts/2fa/confirm/")
    confirming(client, device)
    assert state(device) == "waiting"
    answer = client.post("/accounts/2fa/confirm/", {"code": code_now(), "next": address})
    assert answer["Location"] == address
    assert confirming(client, device) == 302 and state(device) == "confirmed"


def test_what_was_shown_long_ago_is_asked_again(node: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    client, bearer = signed_in("watch_officer", "bearer")
    _, enroller = signed_in("security_manager", "enroller")
    device = enrolled(enroller, bearer.person)
    with_password(client, bearer.person)
    client.post("/accounts/confirm/", {"password": PASSWORD})
    now = time.time()
    monkeypatch.setattr("safeconduct.people.themselves.time.time", lambda: now + 301)
    assert client.get(f"/field/yours/{device}/confirm/")["Location"].startswith("/accounts/confirm/")


def test_who_has_a_passkey_alone_is_asked_for_that(node: Home) -> None:
    client, bearer = signed_in("watch_officer", "bearer")
    _, enroller = signed_in("security_manager", "enroller")
    device = enrolled(enroller, bearer.person)
    account = Account.objects.get(person=bearer.person)
    Authenticator.objects.create(user=account, type=Authenticator.Type.WEBAUTHN, data={"credential": {}})
    with_password(client, bearer.person)
    found = client.get(f"/field/yours/{device}/confirm/")["Location"]
    assert found.startswith("/accounts/passkeys/confirm/")


def test_a_new_code_is_shown_to_its_bearer_alone(node: Home) -> None:
    client, bearer = signed_in("watch_officer", "bearer")
    manager, enroller = signed_in("security_manager", "enroller")
    identity = {"name": "Radio 7", "category": "tak", "protocol": "cot"}
    made, first = devices.enrol(enroller, {"identity": identity, "link": {"account": bearer.person}})
    address = f"/field/yours/{made.record}/code/"
    assert manager.get(address).status_code == 404
    assert manager.post(address, {"seen": "1"}).status_code == 403
    assert client.post(address, {"seen": "2"}).status_code == 409
    assert credentials.device_of(first) == made.record
    assert "Take a new code" in client.get(address).content.decode()
    assert address in client.get(f"/field/yours/{made.record}/confirm/").content.decode()
    page = client.post(address, {"seen": "1"}).content.decode()
    (second,) = set(re.findall(r"sd_[a-z0-9]{10}_[A-Za-z0-9_-]{43}", page))
    assert credentials.device_of(first) is None and credentials.device_of(second) == made.record
    assert state(made.record) == "confirmed" and "/field/yours/" in page
    assert address in client.get("/field/yours/").content.decode()
    # Sent again it is a word to a version that is gone, and ends nothing.
    assert client.post(address, {"seen": "1"}).status_code == 409
    assert credentials.device_of(second) == made.record


def test_a_new_code_asks_whether_it_is_still_the_same_person(node: Home) -> None:
    client, bearer = signed_in("watch_officer", "bearer")
    _, enroller = signed_in("security_manager", "enroller")
    device = enrolled(enroller, bearer.person)
    with_password(client, bearer.person)
    address = f"/field/yours/{device}/code/"
    for answer in (client.get(address), client.post(address, {"seen": "1"})):
        assert answer["Location"].startswith("/accounts/confirm/")
    assert state(device) == "waiting"


def test_what_only_reports_has_no_code_to_take(node: Home) -> None:
    client, bearer = signed_in("watch_officer", "bearer")
    _, enroller = signed_in("security_manager", "enroller")
    identity = {"name": "Phone", "category": "phone", "protocol": "owntracks_http"}
    parts = {"identity": identity, "link": {"account": bearer.person}}
    made, first = devices.enrol(enroller, parts)
    for page in ("code", "confirm"):
        address = f"/field/yours/{made.record}/{page}/"
        assert (
            client.get(address).status_code == 404
            and address not in client.get("/field/yours/").content.decode()
        )
        assert client.post(address, {"seen": "1"}).status_code == 400
    assert credentials.device_of(first) == made.record


def test_a_no_ends_the_credential(node: Home) -> None:
    client, bearer = signed_in("watch_officer", "bearer")
    _, enroller = signed_in("security_manager", "enroller")
    identity = {"name": "Radio 7", "category": "tak", "protocol": "cot"}
    made, text = devices.enrol(enroller, {"identity": identity, "link": {"account": bearer.person}})
    assert client.post(f"/field/yours/{made.record}/revoke/", {"seen": "1"}).status_code == 302
    assert credentials.device_of(text) is None
    assert "No device speaks in your name" in client.get("/field/yours/").content.decode()


def test_names_are_shown_as_text(node: Home) -> None:
    client, bearer = signed_in("watch_officer", "bearer")
    _, enroller = signed_in("security_manager", "enroller")
    device = enrolled(enroller, bearer.person, "<script>alert(1)</script>")
    for address in ("/field/yours/", f"/field/yours/{device}/confirm/"):
        page = client.get(address).content.decode()
        assert "<script>alert" not in page and "&lt;script&gt;alert" in page


def test_who_holds_no_role_has_no_devices_to_speak_of(node: Home) -> None:
    account = Account.objects.create_account("nobody")
    client = Client(SERVER_NAME="localhost")
    client.force_login(account)
    assert "No device speaks in your name" in client.get("/field/yours/").content.decode()


@pytest.mark.parametrize("language", ["en", "ur", "zh-hans"])
def test_the_pages_speak_three_languages(node: Home, language: str) -> None:
    client, bearer = signed_in("watch_officer", "bearer")
    manager, enroller = signed_in("security_manager", "enroller")
    device = enrolled(enroller, bearer.person)
    enrolled_before(node.party, bearer.person)
    here.door().writer.tick(device_term.begin_terms)  # type: ignore[union-attr]
    english = {
        "Your devices",
        "Is this device yours?",
        "It is mine",
        "Take a new code",
        "shows nothing",
        "shows things until",
    }
    for who, address in (
        (client, "/field/yours/"),
        (client, f"/field/yours/{device}/confirm/"),
        (client, f"/field/yours/{device}/code/"),
        (client, "/account/"),
        (manager, "/field/"),
    ):
        answer = who.get(address, headers={"Accept-Language": language})
        page = answer.content.decode()
        assert answer.status_code == 200 and f'lang="{language}"' in page.replace("zh-Hans", "zh-hans")
        if language != "en":
            assert [text for text in english if text in page] == []
    if language == "en":
        page = client.get("/field/yours/").content.decode()
        assert "shows things until" in page and "Not yet confirmed by its bearer" in page
