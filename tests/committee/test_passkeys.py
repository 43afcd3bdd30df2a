"""Passkeys: enrolled in a browser, appointed by an existing signatory, signing exactly one act each."""

from __future__ import annotations

import base64
import hashlib
import html
import json
import re

import pytest
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from django.test import Client
from fido2 import cbor
from fido2.cose import ES256

from committee.test_signing import act_on, digest_of, status
from conftest import SIGNATORY_KEY
from safeconduct.agreement.signatures import sign_with_file
from safeconduct.committee import passkeys
from safeconduct.records import here
from safeconduct.records.home import Home
from signed_in import signed_in

ORIGIN = "http://localhost"


def encode(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


class Authenticator:
    """A software authenticator with one ES256 key, as a browser would drive it."""

    def __init__(self, site: str = "localhost", flags: int = 0x05) -> None:
        self.key = ec.generate_private_key(ec.SECP256R1())
        self.id = b"credential-of-this-person"
        self.site, self.flags = site, flags

    def _data(self, flags: int) -> bytes:
        return hashlib.sha256(self.site.encode()).digest() + bytes([flags]) + b"\0\0\0\1"

    def create(self, options: dict, origin: str = ORIGIN) -> str:
        public = cbor.encode(ES256.from_cryptography_key(self.key.public_key()))
        data = self._data(self.flags | 0x40) + b"\0" * 16 + len(self.id).to_bytes(2, "big") + self.id + public
        attestation = cbor.encode({"fmt": "none", "attStmt": {}, "authData": data})
        client = {"type": "webauthn.create", "challenge": options["challenge"], "origin": origin}
        return self._answer(client, attestationObject=attestation)

    def get(self, options: dict, origin: str = ORIGIN) -> str:
        client = {"type": "webauthn.get", "challenge": options["challenge"], "origin": origin}
        data = self._data(self.flags)
        signed = data + hashlib.sha256(json.dumps(client).encode()).digest()
        signature = self.key.sign(signed, ec.ECDSA(hashes.SHA256()))
        return self._answer(client, authenticatorData=data, signature=signature)

    def _answer(self, client: dict, **response: bytes) -> str:
        given = {name: encode(value) for name, value in response.items()}
        given["clientDataJSON"] = encode(json.dumps(client).encode())
        whole = {"id": encode(self.id), "rawId": encode(self.id), "type": "public-key", "response": given}
        return json.dumps({**whole, "clientExtensionResults": {}})


def options_on(page: str) -> dict:
    found = re.search(r'<script id="passkey-options" type="application/json">(.*?)</script>', page)
    assert found is not None, page
    return json.loads(found.group(1))


def enrol(client: Client, device: Authenticator) -> str:
    """Enrol a passkey and have the first signatory appoint its holder; returns the key id."""
    page = client.post("/agreement/house/signatories/enrol/", {"name": "Third Person"}).content.decode()
    answer = client.post("/agreement/house/signatories/enrol/", {"answer": device.create(options_on(page))})
    found = re.search(r'name="candidate" value="([^"]*)"', answer.content.decode())
    assert found is not None, answer.content.decode()
    first = here.state().agreements["house"].standing.signatories("pk")[0].key_id
    query = {"candidate": html.unescape(found.group(1)), "key": first}
    act = act_on(client.get("/agreement/house/signatories/appoint/", query).content.decode())
    sent = {
        "act": act.canonical().decode(),
        "signature": json.dumps(sign_with_file(SIGNATORY_KEY, None, act)),
    }
    assert client.post("/agreement/house/signatories/appoint/", sent).status_code == 302
    return encode(device.id)


def test_a_passkey_signs_the_act_whose_digest_is_its_challenge(node: Home) -> None:
    client, _ = signed_in("signatory")
    device = Authenticator()
    key = enrol(client, device)
    url = f"/agreement/house/clause/H1/sign/suspended/{digest_of('H1')}/"
    page = client.get(f"{url}?key={key}").content.decode()
    options, act = options_on(page), act_on(page)
    assert options["challenge"] == encode(act.challenge()) and options["userVerification"] == "required"
    sent = {"act": act.canonical().decode(), "answer": device.get(options)}
    assert client.post(url, sent).status_code == 302
    assert status("H1") == "suspended"
    text = client.get("/agreement/house/clause/H1/").content.decode()
    assert "Third Person" in text and "passkey" in text


def test_an_assertion_for_another_act_site_or_without_the_person_is_refused(node: Home) -> None:
    client, _ = signed_in("signatory")
    device = Authenticator()
    key = enrol(client, device)
    url = f"/agreement/house/clause/H1/sign/suspended/{digest_of('H1')}/"
    other = f"/agreement/house/clause/H2/sign/suspended/{digest_of('H2')}/"
    page = client.get(f"{url}?key={key}").content.decode()
    options, text = options_on(page), act_on(page).canonical().decode()
    wrong = options_on(client.get(f"{other}?key={key}").content.decode())
    for answer in (
        device.get(wrong),
        device.get(options, origin="http://evil.example"),
        json.dumps({"response": {"signature": "AAAA"}}),
        "[]",
        "{" * 5000,
    ):
        assert client.post(url, {"act": text, "answer": answer}).status_code == 422, answer
    device.flags = 0x01
    assert client.post(url, {"act": text, "answer": device.get(options)}).status_code == 422
    device.flags, device.site = 0x05, "evil.example"
    assert client.post(url, {"act": text, "answer": device.get(options)}).status_code == 422
    assert status("H1") == "agreed"


@pytest.mark.parametrize("fault", ["challenge", "origin", "site", "unverified", "garbage"])
def test_a_key_that_does_not_answer_what_was_asked_is_not_enrolled(fault: str) -> None:
    options, kept = passkeys.enrolment_options("localhost", "Host Party", "Third Person")
    device = Authenticator(
        "evil.example" if fault == "site" else "localhost", 0x01 if fault == "unverified" else 0x05
    )
    if fault == "challenge":
        options = {**options, "challenge": encode(b"another challenge of 32 bytes ...")}
    answer = device.create(options, "http://evil.example" if fault == "origin" else ORIGIN)
    with pytest.raises(passkeys.AnswerRefused):
        passkeys.enrolled("{}" if fault == "garbage" else answer, kept, "pk", ORIGIN)


def test_only_algorithms_whose_signatures_are_accepted_are_asked_for() -> None:
    options, _ = passkeys.enrolment_options("localhost", "Host Party", "Third Person")
    assert {p["alg"] for p in options["pubKeyCredParams"]} <= {-7, -8, -257}
    assert options["authenticatorSelection"]["userVerification"] == "required"
