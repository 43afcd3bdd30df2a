"""Enrolling and revoking on the page, and what the QR code holds."""

from __future__ import annotations

import base64
import json
import re

import pytest
from django.test import Client

from safeconduct.field import credentials
from safeconduct.field.enrolment import Doors, invitation, qr_svg
from safeconduct.field.models import DeviceCredential
from safeconduct.field.sms import state_of
from safeconduct.records.home import Home
from signed_in import signed_in

DOORS = Doors("https://node.example", 8883, 8089, True)
CREDENTIAL = re.compile(r"sd_[a-z0-9]{10}_[A-Za-z0-9_-]{43}")


def enrol(client: Client, **more: str) -> str:
    form = {"name": "Car 7", "category": "tracker", "protocol": "osmand", "vehicle": "ABC-1", **more}
    return client.post("/field/enrol/", form).content.decode()


def test_a_device_is_enrolled_and_its_credential_is_shown_this_once(node: Home) -> None:
    client, _who = signed_in("security_manager")
    page = enrol(client)
    (text,) = set(CREDENTIAL.findall(page))
    assert "<svg" in page
    device = credentials.device_of(text)
    assert device
    assert text not in client.get("/field/").content.decode()
    assert bytes(DeviceCredential.objects.get().digest) not in text.encode()
    client.post(f"/field/{device}/revoke/", {"seen": "1"})
    assert credentials.device_of(text) is None
    assert not credentials.holds(device)


def test_a_new_credential_ends_the_first(node: Home) -> None:
    client, _who = signed_in("security_manager")
    (first,) = set(CREDENTIAL.findall(enrol(client)))
    device = credentials.device_of(first)
    page = client.post(f"/field/{device}/renew/", {"seen": "1"}).content.decode()
    (second,) = set(CREDENTIAL.findall(page))
    assert credentials.device_of(first) is None
    assert credentials.device_of(second) == device
    assert credentials.device_of(second, "someoneelse") is None


@pytest.mark.parametrize("seen", ["", "0", "x", "-1", "1e9", "9" * 40, "\u0661"])
@pytest.mark.parametrize("act", ["renew", "revoke"])
def test_a_form_for_no_version_there_is_changes_nothing(node: Home, act: str, seen: str) -> None:
    client, _who = signed_in("security_manager")
    (credential,) = set(CREDENTIAL.findall(enrol(client)))
    device = credentials.device_of(credential)
    assert client.post(f"/field/{device}/{act}/", {"seen": seen}).status_code in (400, 409)
    assert credentials.device_of(credential) == device


def test_who_may_not_enrol_is_refused(node: Home) -> None:
    client, _who = signed_in("auditor")
    assert client.get("/field/").status_code == 200
    form = {"name": "Car 7", "category": "tracker", "protocol": "osmand"}
    assert client.post("/field/enrol/", form).status_code == 403
    assert DeviceCredential.objects.count() == 0


def test_a_form_that_does_not_fit_is_shown_again(node: Home) -> None:
    client, _who = signed_in("security_manager")
    assert not CREDENTIAL.search(enrol(client, category="tak"))
    assert not CREDENTIAL.search(enrol(client, category="site_alarm", protocol="webhook"))
    assert not CREDENTIAL.search(enrol(client, account="nobody-of-this-name"))


def test_owntracks_is_configured_by_its_link() -> None:
    text = "sd_abcdefghij_" + "x" * 43
    link = invitation({"protocol": "owntracks_mqtt", "name": "P", "category": "phone"}, text, DOORS)
    assert link.startswith("owntracks:///config?inline=")
    said = json.loads(base64.urlsafe_b64decode(link.partition("inline=")[2]))
    assert (said["_type"], said["host"], said["port"], said["tls"]) == (
        "configuration", "node.example", 8883, True,
    )  # fmt: skip
    assert (said["username"], said["password"], said["mode"]) == ("abcdefghij", text, 0)
    link = invitation({"protocol": "owntracks_http", "name": "P", "category": "phone"}, text, DOORS)
    said = json.loads(base64.urlsafe_b64decode(link.partition("inline=")[2]))
    assert (said["mode"], said["url"]) == (3, "https://node.example/field/owntracks")
    assert qr_svg(link).startswith("<svg")


@pytest.mark.parametrize(
    ("text", "state"),
    [
        ("SAFE", "accounted"), ("ok, at the gate", ""), ("OK no, not safe", ""), ("fine, 3 wounded", ""),
        ("محفوظ نہیں ہوں", ""), ("请救命", "needs_help"), ("我需要帮助", "needs_help"),
        ("OK!", "accounted"), ("1", "accounted"), ("平安", "accounted"),
        ("۱", "accounted"), ("۲", "needs_help"), ("２", "needs_help"), ("١", "accounted"), ("بچاؤ", "needs_help"),
        ("need HELP now", "needs_help"), ("safe? no: help", "needs_help"), ("مدد", "needs_help"),
        ("", ""), ("who is this", ""), ("not safe", ""),
    ],
)  # fmt: skip
def test_an_sms_says_safe_or_help_and_nothing_is_guessed(text: str, state: str) -> None:
    assert state_of(text) == state
