"""Signing on the agreement's pages: review first, then a key that the node never held."""

from __future__ import annotations

import html
import json
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client

from conftest import SIGNATORY_KEY
from paired import AGREEMENT, agree, paired
from safeconduct.agreement.acts import StatusAct
from safeconduct.agreement.signatures import create_key_file, file_signatory, sign_with_file
from safeconduct.records import here
from safeconduct.records.home import Home
from signed_in import signed_in


@pytest.fixture
def pair(host_home: Home, tmp_path: Path) -> Iterator[Path]:
    with paired(host_home, tmp_path) as (_, key):
        yield key


def text_of(number: str, agreement: str = "house") -> str:
    return next(c.raw.decode() for c in here.state().agreements[agreement].clauses if c.number == number)


def digest_of(number: str, version: int = 1, agreement: str = "house") -> str:
    clauses = here.state().agreements[agreement].clauses
    return next(c.digest for c in clauses if (c.number, c.version) == (number, version))


def status(number: str, agreement: str = "house") -> str:
    return here.state().agreements[agreement].standing.status(number)


def act_on(page: str) -> StatusAct:
    found = re.search(r'name="act" value="([^"]*)"', page)
    assert found is not None, page
    return StatusAct.from_dict(json.loads(html.unescape(found.group(1))))


def sign(client: Client, url: str, key: Path = SIGNATORY_KEY) -> tuple[int, str]:
    """Review an act and send it back signed with a key file; (status, the page that answered)."""
    review = client.get(url).content.decode()
    act = act_on(review)
    signature = sign_with_file(key, None, act)
    sent = {"act": act.canonical().decode(), "signature": json.dumps(signature)}
    answer = client.post(url.partition("?")[0], sent, follow=True)
    return answer.status_code, answer.content.decode()


def test_a_new_version_takes_the_earlier_ones_place_when_it_is_signed(node: Home) -> None:
    client, _ = signed_in("signatory")
    newer = (
        text_of("H3").replace("version = 1", "version = 2").replace('"auditor", "signatory"', '"signatory"')
    )
    answer = client.post("/agreement/house/propose/", {"text": newer.replace("\n", "\r\n")}, follow=True)
    assert "on record" in answer.content.decode()
    assert len(here.state().agreements["house"].standing.in_force) and status("H3") == "agreed"
    page = client.get(f"/agreement/house/clause/H3/sign/agreed/{digest_of('H3', 2)}/").content.decode()
    assert "auditor may no longer" in re.sub(r"</?bdi>", "", html.unescape(page))
    code, page = sign(client, f"/agreement/house/clause/H3/sign/agreed/{digest_of('H3', 2)}/")
    assert code == 200 and "Signed, and on record" in page
    in_force = {c.number: c.version for c in here.state().agreements["house"].standing.in_force}
    assert in_force["H3"] == 2


def test_a_faulty_file_is_refused_with_file_line_and_reason(node: Home) -> None:
    client, _ = signed_in("signatory")
    faulty = text_of("H3").replace("version = 1", "version = 2").replace("\nH3.3 ", "\nH3.30 ", 1)
    upload = SimpleUploadedFile("rules.md", faulty.encode())
    answer = client.post("/agreement/house/propose/", {"file": upload})
    page = html.unescape(answer.content.decode())
    assert answer.status_code == 422
    assert "rules.md" in page and "line" in page and "H3.3 has no numbered sentence" in page


def test_clauses_of_another_book_and_old_versions_are_refused(pair: Path) -> None:
    client, _ = signed_in("signatory")
    answer = client.post(f"/agreement/{AGREEMENT}/propose/", {"text": text_of("H3").replace("= 1", "= 2")})
    assert answer.status_code == 422 and "belongs among the house rules" in answer.content.decode()
    answer = client.post("/agreement/house/propose/", {"text": text_of("H3") + "\n"})
    assert answer.status_code == 422 and "needs a higher number" in answer.content.decode()


def test_an_administrator_can_neither_propose_nor_sign(node: Home) -> None:
    client, _ = signed_in("administrator")
    assert client.get("/agreement/house/propose/").status_code in (403, 404)
    answer = client.get(f"/agreement/house/clause/H3/sign/suspended/{digest_of('H3')}/")
    assert answer.status_code in (403, 404)
    auditor, _ = signed_in("auditor")
    answer = auditor.get(f"/agreement/house/clause/H3/sign/suspended/{digest_of('H3')}/")
    assert answer.status_code == 403 and "not permitted" in answer.content.decode()


def test_a_strangers_key_and_a_changed_act_are_refused(node: Home, tmp_path: Path) -> None:
    client, _ = signed_in("signatory")
    url = f"/agreement/house/clause/H1/sign/suspended/{digest_of('H1')}/"
    act = act_on(client.get(url).content.decode())
    good = sign_with_file(SIGNATORY_KEY, None, act)
    changed = act.canonical().decode().replace('"to":"suspended"', '"to":"ended"')
    answer = client.post(url, {"act": changed, "signature": json.dumps(good)})
    assert answer.status_code == 422 and "does not fit" in answer.content.decode()
    for broken in ("{}", "no json", '{"method":"file","signature":"AAAA"}', json.dumps({**good, "x": "y"})):
        answer = client.post(url, {"act": act.canonical().decode(), "signature": broken})
        assert answer.status_code == 422
    for body in ("", "{}", "[]", act.canonical().decode().replace('"by":"pk"', '"by":"cn"')):
        assert client.post(url, {"act": body, "signature": json.dumps(good)}).status_code == 400
    assert status("H1") == "agreed"


def test_suspending_takes_one_signature_and_names_who_is_left_without(pair: Path) -> None:
    agree({"1", "4"}, pair)
    assert status("4", AGREEMENT) == "agreed"
    client, _ = signed_in("signatory")
    signed_in("coordinator", "amina")
    url = f"/agreement/{AGREEMENT}/clause/4/sign/suspended/{digest_of('4', agreement=AGREEMENT)}/"
    page = html.unescape(client.get(url).content.decode())
    assert "The people it would leave without" in page and "pk-cn/4.2" in page
    assert "known to you by role only" in page, "the other party's people are known by role only"
    assert "amina" in page, "the own party's people are named"
    code, _ = sign(client, url)
    assert code == 200 and status("4", AGREEMENT) == "suspended"


def test_agreeing_alone_widens_nothing_and_says_what_it_would_come_to(pair: Path) -> None:
    agree({"1"}, pair)
    agree({"4"}, None)
    assert status("4", AGREEMENT) == "under_discussion"
    client, _ = signed_in("signatory")
    page = client.get(f"/agreement/{AGREEMENT}/clause/4/").content.decode()
    assert "has not signed anything on this text" in page
    url = f"/agreement/{AGREEMENT}/clause/4/sign/declined/{digest_of('4', agreement=AGREEMENT)}/"
    code, _ = sign(client, url)
    assert code == 200 and status("4", AGREEMENT) == "declined"
    url = url.replace("declined", "agreed")
    page = html.unescape(client.get(url).content.decode())
    assert "It changes nothing that anybody may do" in page
    assert "when every party has agreed" in page and 'class="added"' in page


def test_an_act_that_breaks_an_assurance_is_shown_as_broken_and_not_put_on_record(pair: Path) -> None:
    agree({"1"}, pair)
    client, _ = signed_in("signatory")
    grab = (
        '+++\nclause = "20"\nversion = 1\ntitle = "Command"\ntexts = ["en"]\n\n[[grant]]\nid = "20.1"\n'
        'to = "partner"\nroles = ["commander"]\nmay = ["command"]\nkind = "deployment"\nparts = ["*"]\n'
        'whose = "host"\nup_to = "SECRET"\n+++\n20.1 The Partner commands deployments of the Host.\n'
    )
    answer = client.post(f"/agreement/{AGREEMENT}/propose/", {"text": grab})
    assert answer.status_code == 302
    url = f"/agreement/{AGREEMENT}/clause/20/sign/agreed/{digest_of('20', agreement=AGREEMENT)}/"
    page = html.unescape(client.get(url).content.decode())
    assert "BROKEN" in page and "will not be put on record" in page
    code, _ = sign(client, url)
    assert code == 403 and status("20", AGREEMENT) == "proposed"


def test_a_new_signatory_signs_only_after_an_existing_one_has_appointed_them(
    node: Home, tmp_path: Path
) -> None:
    client, _ = signed_in("signatory")
    key = tmp_path / "second.pem"
    public = create_key_file(key)
    person = file_signatory("pk", "Second Person", public)
    suspend = f"/agreement/house/clause/H1/sign/suspended/{digest_of('H1')}/"
    assert client.get(f"{suspend}?key={person.key_id}").status_code == 404
    first = here.state().agreements["house"].standing.signatories("pk")[0].key_id
    query = {"name": "Second Person", "public": public, "key": first}
    page = client.get("/agreement/house/signatories/appoint/", query).content.decode()
    assert "read the fingerprint to you" in page and person.fingerprint in page
    act = act_on(page)
    sent = {
        "act": act.canonical().decode(),
        "signature": json.dumps(sign_with_file(SIGNATORY_KEY, None, act)),
    }
    answer = client.post("/agreement/house/signatories/appoint/", sent, follow=True)
    assert "Second Person" in answer.content.decode()
    code, _ = sign(client, f"{suspend}?key={person.key_id}", key)
    assert code == 200 and status("H1") == "suspended"
    dismissal = f"/agreement/house/signatories/dismiss/{person.key_id}/?key={first}"
    code, _ = sign(client, dismissal)
    assert code == 200
    assert client.get(f"{suspend}?key={person.key_id}").status_code == 404


def test_two_acts_on_one_head_cannot_both_be_put_on_record(node: Home) -> None:
    client, _ = signed_in("signatory")
    first, second = (f"/agreement/house/clause/{n}/sign/suspended/{digest_of(n)}/" for n in ("H1", "H2"))
    late = act_on(client.get(second).content.decode())
    assert sign(client, first)[0] == 200
    sent = {
        "act": late.canonical().decode(),
        "signature": json.dumps(sign_with_file(SIGNATORY_KEY, None, late)),
    }
    answer = client.post(second, sent)
    assert answer.status_code == 400 and "in the meantime" in answer.content.decode()
    assert status("H2") == "agreed"
