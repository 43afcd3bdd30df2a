"""The way in and out: lock-out, second factors, passkeys, two nodes on one machine, sessions that end."""

from __future__ import annotations

import re
import time

from playwright.sync_api import Page, expect

from browser.authenticators import Passkeys, code
from browser.office import Office, live, notice
from safeconduct.node.demonstration.cast import PASSWORD

SIGN_IN = re.compile(r"/accounts/login/")
INCIDENTS = re.compile(r"/incidents/$")


def give_password(office: Office, page: Page, side: str, username: str, password: str) -> None:
    office.go(page, side, "/accounts/login/")
    page.fill("#id_login", username)
    page.fill("#id_password", password)
    with page.expect_navigation():
        page.press("#id_password", "Enter")


def still_me(page: Page) -> None:
    """Ways into an account are changed only by who has just shown again that it is them."""
    expect(page).to_have_url(re.compile("/accounts/confirm/"))
    page.fill("#id_password", PASSWORD)
    with page.expect_navigation():
        page.press("#id_password", "Enter")


def test_wrong_passwords_close_the_account_to_passwords(office: Office) -> None:
    page = office.newcomer()
    for _ in range(5):
        give_password(office, page, "partner", "manager", "not the password")
        expect(page.locator(".errorlist").first).to_be_visible()
    give_password(office, page, "partner", "manager", PASSWORD)
    expect(page).to_have_url(SIGN_IN)
    expect(page.locator(".errorlist").first).to_contain_text(re.compile("too many", re.IGNORECASE))
    # The other party's account of that kind, and other accounts of this one, are as they were.
    office.sign_in(page, "partner", "observer")


def test_a_code_from_an_authenticator_app_is_asked_for(office: Office) -> None:
    page = office.newcomer()
    office.sign_in(page, "partner", "security")
    office.go(page, "partner", "/accounts/2fa/totp/")
    still_me(page)
    secret = page.inner_text("form code").strip()
    page.fill("#id_code", "000000" if code(secret) != "000000" else "000001")
    page.click("main form button.primary")
    expect(page.locator(".errorlist").first).to_be_visible()
    assert page.inner_text("form code").strip() == secret
    page.fill("#id_code", code(secret))
    page.click("main form button.primary")
    expect(page).not_to_have_url(re.compile("/totp/"))

    later = office.newcomer()
    give_password(office, later, "partner", "security", PASSWORD)
    expect(later).to_have_url(re.compile("/accounts/2fa/sign-in/"))
    # A password alone opens nothing.
    office.go(later, "partner", "/incidents/")
    expect(later).to_have_url(re.compile("/accounts/2fa/sign-in/"))
    # The code that set the app up was used up; the next one is for the next half minute.
    later.fill("#id_code", code(secret, time.time() + 30))
    later.click("main form button.primary >> nth=0")
    expect(later).to_have_url(INCIDENTS)


def test_a_passkey_signs_in_alone(office: Office) -> None:
    page = office.newcomer()
    office.sign_in(page, "partner", "analyst")
    held = Passkeys(page)
    office.go(page, "partner", "/accounts/passkeys/add/")
    still_me(page)
    page.fill("#id_name", "Key in the safe")
    page.click("main form button.primary")
    expect(page).not_to_have_url(re.compile("/passkeys/add/"))
    keys = held.keys
    assert len(keys) == 1 and keys[0]["rpId"] == "localhost"

    later = office.newcomer()
    Passkeys(later, keys)
    office.go(later, "partner", "/accounts/login/")
    later.click("a[href*='passkeys/sign-in']")
    later.click("main form button.primary")
    expect(later).to_have_url(INCIDENTS)
    expect(later.locator("footer")).to_contain_text("Analyst")

    # The same key is nothing to the other party's node, though both are on this machine.
    Passkeys(stranger := office.newcomer(), keys)
    office.go(stranger, "host", "/accounts/passkeys/sign-in/")
    stranger.click("main form button.primary")
    expect(stranger.locator("#messages, [data-passkey-error]:visible").first).to_contain_text("passkey")
    expect(stranger).not_to_have_url(INCIDENTS)


def test_two_nodes_on_one_machine_keep_their_sessions_apart(office: Office) -> None:
    page = office.newcomer()
    office.sign_in(page, "host", "liaison")
    office.sign_in(page, "partner", "liaison")
    for side, name in (("host", "Host Party"), ("partner", "Partner Party")):
        office.go(page, side, "/incidents/")
        expect(page).to_have_url(INCIDENTS)
        expect(page.locator(".masthead .party-name")).to_contain_text(name)
    names = [cookie["name"] for cookie in page.context.cookies()]
    assert sum(name.endswith("_session") for name in names) == 2
    assert all(cookie["httpOnly"] for cookie in page.context.cookies() if "theme" not in cookie["name"])
    # Signing out of one leaves the other open.
    office.go(page, "host", "/incidents/")
    page.click("form[action*=logout] button")
    expect(page).to_have_url(SIGN_IN)
    office.go(page, "host", "/incidents/")
    expect(page).to_have_url(SIGN_IN)
    office.go(page, "partner", "/incidents/")
    expect(page).to_have_url(INCIDENTS)


def test_a_session_ended_elsewhere_takes_its_page_off_the_screen(office: Office) -> None:
    lost = office.newcomer()
    office.sign_in(lost, "host", "commander")
    live(lost)
    expect(lost.locator("#incident-lines table").first).to_be_visible()

    here = office.newcomer()
    office.sign_in(here, "host", "commander")
    office.go(here, "host", "/account/sessions/")
    here.click("form[action*='end-others'] button")
    notice(here, "Every other session has ended.")
    office.ended("host", "commander")
    # Within the beat of the stream, the lost screen notices and leaves.
    expect(lost).to_have_url(SIGN_IN, timeout=90_000)
    expect(lost.locator("#incident-lines")).to_have_count(0)
    office.go(here, "host", "/incidents/")
    expect(here).to_have_url(INCIDENTS)
