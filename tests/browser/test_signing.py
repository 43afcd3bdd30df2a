"""A signatory enrols a passkey, is appointed with a key file, and suspends a clause that the day depends on."""

from __future__ import annotations

import re
from pathlib import Path
from uuid import uuid4

from playwright.sync_api import Page, expect

from browser.authenticators import Passkeys
from browser.demonstration import Demonstration, until
from browser.office import Office, live, notice
from browser.reports import press, report

CLAUSE = "/agreement/pk-cn/clause/4/"
PERSON = f"S. Malik {uuid4().hex[:6]}"


def enrol(office: Office, page: Page) -> Passkeys:
    """Make a key in the browser, up to the page that hands it over to whoever appoints."""
    office.go(page, "host", "/agreement/pk-cn/signatories/")
    page.click("a[href$='/signatories/enrol/']")
    held = Passkeys(page)
    page.fill("#id_name", PERSON)
    press(page)
    expect(page.locator("form[data-passkey=create] h2")).to_have_text(PERSON)
    press(page)
    expect(page.locator("#enrolment")).to_contain_text(PERSON)
    assert [key["rpId"] for key in held.keys] == ["localhost"]
    return held


def signed_elsewhere(nodes: Demonstration, page: Page, side: str, folder: Path) -> str:
    """The act that a page shows, signed by the key file on a machine that is not the node."""
    act = folder / "act.json"
    act.write_text(page.inner_text("#act-text"))
    told = nodes.command("agreement", "sign-text", "--key", str(nodes.key(side)), str(act))
    assert told.returncode == 0, told.stderr
    return told.stdout.strip()


def status_of(page: Page) -> str:
    return str(page.get_attribute("#clause article.clause", "data-status"))


def becomes(page: Page, status: str) -> None:
    expect(page.locator("#clause article.clause").first).to_have_attribute("data-status", status)


def test_a_passkey_signs_and_a_suspension_stops_what_crosses_at_once(
    office: Office, nodes: Demonstration, tmp_path: Path
) -> None:
    page = office.page("host", "signatory")
    enrol(office, page)
    # The new key signs nothing yet: somebody who is a signatory appoints its holder, with a key file.
    page.select_option("#id_key", index=0)
    press(page)
    expect(page.locator("h1")).to_contain_text(PERSON)
    signature = signed_elsewhere(nodes, page, "host", tmp_path)
    page.fill("#id_signature", signature.replace('"', "'", 1))
    press(page)
    expect(page.locator("main form .errorlist").first).to_be_visible()
    page.fill("#id_signature", signature)
    press(page)
    notice(page, "Signed, and on record.")
    expect(page.locator("#signatories tr", has_text=PERSON).first).to_contain_text("passkey")

    partner = live(office.page("partner", "signatory", CLAUSE))
    becomes(partner, "agreed")
    # The reported attacks, which are all the host's.
    reader = live(office.page("partner", "liaison", "/incidents/?state=post_incident"))
    expect(reader.locator("#incident-lines tbody tr").nth(5)).to_be_visible()

    act_with_passkey(office, page, "suspended", "Suspend")
    becomes(page, "suspended")
    # The partner is told at once, and its own screens show no longer what no clause in force lets them show.
    becomes(partner, "suspended")
    expect(partner.locator("#clause")).to_contain_text(PERSON)
    expect(reader.locator("#incident-lines")).to_contain_text("No incident that you may see fits")

    mark = uuid4().hex[:6]
    title = f"Not to be told {mark}"
    _, record = report(office, title)
    preview = office.page("host", "coordinator", f"/oversight/preview/{record}/")
    expect(preview.locator("#preview")).to_contain_text("Nothing of this record leaves.")

    # The host alone cannot bring it back. Its act crosses; the incident, older than the act, has not.
    act_with_passkey(office, page, "agreed", "Agree")
    becomes(page, "suspended")
    expect(partner.locator("#clause td", has_text=PERSON)).to_have_count(2, timeout=90_000)
    becomes(partner, "suspended")
    held = office.page("host", "coordinator", f"/oversight/holdings/{record}/")
    expect(held.locator("#held")).to_contain_text("Nothing, as far as you may know.")
    listing = office.listing("partner", "liaison", mark)
    expect(listing.locator("#incident-lines")).not_to_contain_text(title)

    # The partner's signatory agrees, too; what was held back follows by itself.
    live(listing)
    signed = nodes.command(
        *("agreement", "sign", "--home", str(nodes.home("partner"))),
        *("--key", str(nodes.key("partner")), "pk-cn", "4", "agreed"),
    )
    assert signed.returncode == 0 and "status is now agreed" in signed.stdout, signed.stderr
    becomes(partner, "agreed")
    becomes(live(page), "agreed")
    expect(listing.locator("#incident-lines")).to_contain_text(title, timeout=90_000)
    expect(reader.locator("#incident-lines tbody tr").nth(5)).to_be_visible()
    until(lambda: "agreed" in clause_4(nodes, "host"), "the clause agreed again, by the command line")


def act_with_passkey(office: Office, page: Page, act: str, word: str) -> None:
    """From the clause's page: choose the act and the key, read what it would do, sign."""
    office.go(page, "host", CLAUSE)
    page.click(f"a[href*='/sign/{act}/']")
    expect(page.locator("h1")).to_contain_text(f"{word}: clause 4")
    page.get_by_label(PERSON).check()
    press(page)
    changes = page.locator("main")
    expect(changes).to_contain_text("What changes as soon as this is signed")
    if act == "suspended":
        expect(changes).to_contain_text("The people it would leave without")
        expect(changes).to_contain_text("4.2")
    page.click("form[data-passkey=get] button.primary")
    notice(page, "Signed, and on record.")
    expect(page).to_have_url(re.compile(re.escape(CLAUSE)))


def clause_4(nodes: Demonstration, side: str) -> str:
    told = nodes.command("agreement", "list", "--home", str(nodes.home(side)))
    part = told.stdout.split("pk-cn (", 1)[1]
    return next(line for line in part.splitlines() if re.match(r"\s+4\s", line))


def test_an_administrator_cannot_sign(office: Office) -> None:
    page = office.page("host", "admin", CLAUSE)
    assert page.locator("a[href*='/sign/']").count() == 0
    answer = office.go(page, "host", "/agreement/pk-cn/signatories/enrol/")
    assert answer.status in (403, 404)
    assert page.locator("form[data-passkey]").count() == 0
