"""Signing in a browser: a passkey is made, its holder appointed with a key file, a clause suspended."""

from __future__ import annotations

import json

from playwright.sync_api import expect

from browser.authenticators import Passkeys
from browser.demonstration import Demonstration
from browser.office import Office, notice
from safeconduct.agreement.acts import StatusAct
from safeconduct.agreement.signatures import sign_with_file

CLAUSE = "/agreement/pk-cn/clause/2/"
"""Suspended here and left so: what observers get concerns no other walk through these nodes."""


def test_a_new_signatory_suspends_a_clause_and_the_other_party_sees_it(
    office: Office, nodes: Demonstration
) -> None:
    page = office.page("host", "signatory", "/agreement/pk-cn/signatories/enrol/")
    Passkeys(page)
    page.get_by_label("Name of the person").fill("Ayesha Khan")
    page.get_by_role("button", name="Continue").click()
    page.get_by_role("button", name="Make the key now").click()
    page.get_by_role("button", name="Review the appointment").click()
    act = StatusAct.from_dict(json.loads(page.locator("#act-text").inner_text()))
    signature = sign_with_file(nodes.folder / "signatories" / "host.pem", None, act)
    page.get_by_label("Signature").fill(json.dumps(signature))
    page.get_by_role("button", name="Put on record").click()
    notice(page, "Signed, and on record")

    office.go(page, "host", CLAUSE)
    page.get_by_role("link", name="Suspend").click()
    page.get_by_label("Ayesha Khan").check()
    page.get_by_role("button", name="Review").click()
    expect(page.locator(".change .removed").first).to_be_visible()
    page.get_by_role("button", name="Sign with the passkey").click()
    notice(page, "Signed, and on record")
    expect(page.locator(".page-head .status")).to_have_attribute("data-status", "suspended")

    other = office.page("partner", "coordinator", CLAUSE)
    expect(other.locator("article.clause")).to_have_attribute("data-status", "suspended")
    expect(other.locator("#clause")).to_contain_text("Ayesha Khan")


def test_verify_now_says_that_the_ledger_is_sound(office: Office) -> None:
    page = office.page("partner", "auditor", "/oversight/ledger/")
    page.get_by_role("button", name="Verify now").click()
    expect(page.locator(".verdict")).to_contain_text("Sound: all")
    expect(page.locator(".verdict.broken")).to_have_count(0)
