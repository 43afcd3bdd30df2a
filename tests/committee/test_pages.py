"""The agreement's pages: what each reader sees of the clauses, and who may do what."""

from __future__ import annotations

from safeconduct.records.home import Home
from signed_in import signed_in


def test_the_house_rules_are_listed_with_their_statuses(node: Home) -> None:
    client, _ = signed_in("auditor")
    page = client.get("/agreement/")
    assert page.status_code == 200
    text = page.content.decode()
    assert "House rules" in text and 'data-status="agreed"' in text
    assert 'data-level="OPEN"' in text


def test_a_clause_is_shown_in_every_language_with_grants_and_signatures(node: Home) -> None:
    client, _ = signed_in("auditor")
    text = client.get("/agreement/house/clause/H3/").content.decode()
    assert 'lang="ur" dir="rtl"' in text and 'lang="en" dir="ltr"' in text
    assert "H3.1" in text and "Signatories and coordinators may write the text" in text
    assert "Signatory" in text and "key file" in text
    assert "Agree</a>" not in text, "an auditor is offered no signature"


def test_the_titles_and_sentences_follow_the_readers_language(node: Home) -> None:
    client, _ = signed_in("auditor")
    text = client.get("/agreement/house/", headers={"Accept-Language": "ur"}).content.decode()
    assert 'dir="rtl"' in text and "ناقابلِ عبور حدود" in text


def test_who_may_not_read_clauses_finds_no_agreement(node: Home) -> None:
    client, _ = signed_in("warden")
    assert "House rules</a>" not in client.get("/agreement/").content.decode()
    assert client.get("/agreement/house/").status_code == 404
    assert client.get("/agreement/house/clause/H3/").status_code == 404


def test_unknown_agreements_and_clauses_are_not_found(node: Home) -> None:
    client, _ = signed_in("auditor")
    assert client.get("/agreement/nowhere/").status_code == 404
    assert client.get("/agreement/house/clause/H99/").status_code == 404
    assert client.get(f"/agreement/house/clause/H3/file/sha256:{'0' * 64}/").status_code == 404


def test_the_clause_file_is_given_byte_for_byte(node: Home) -> None:
    from hashlib import sha256

    from safeconduct.records import here

    client, _ = signed_in("auditor")
    digest = next(c.digest for c in here.state().agreements["house"].clauses if c.number == "H3")
    answer = client.get(f"/agreement/house/clause/H3/file/{digest}/")
    assert "sha256:" + sha256(answer.content).hexdigest() == digest
    assert answer["Content-Type"].startswith("text/plain")


def test_who_may_do_what_names_the_sentence(node: Home) -> None:
    client, _ = signed_in("auditor")
    page = client.get(
        "/agreement/who-may/", {"party": "pk", "role": "signatory", "act": "write", "kind": "clause"}
    )
    text = page.content.decode()
    assert "house/H3.1" in text and "Signatories and coordinators" in text
    page = client.get(
        "/agreement/who-may/", {"party": "pk", "role": "warden", "act": "write", "kind": "clause"}
    )
    assert "no clause in force allows it" in page.content.decode()


def test_who_may_do_what_refuses_words_outside_the_vocabulary(node: Home) -> None:
    client, _ = signed_in("auditor")
    page = client.get(
        "/agreement/who-may/", {"party": "pk", "role": "king", "act": "write", "kind": "clause"}
    )
    assert page.status_code == 200 and "errorlist" in page.content.decode()
