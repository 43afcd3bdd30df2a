"""From an incident to a verified measure, walked in real browsers on both nodes; and what the committee sees."""

from __future__ import annotations

from pathlib import Path
from uuid import uuid4

from PIL import Image
from playwright.sync_api import Page, expect

from browser.office import Office, live
from browser.reports import press, record_of, report

SLOW = 90_000


def closed_incident(office: Office, title: str) -> str:
    """An incident of the Host, closed so that the work on the strategy may see it; its record."""
    page, record = report(office, title, username="coordinator")
    page.goto(page.url.split("#")[0] + "update/")
    page.select_option("[name=stage]", "closed")
    press(page)
    assert record_of(page) == record
    page.close()
    return record


def does(page: Page, act: str, **fields: str) -> None:
    """Open an act that the page offers, fill it in and do it."""
    page.locator(f"a.button[href$='/{act}/']").first.click()
    for name, value in fields.items():
        entry = page.locator(f"[name={name}]")
        if entry.evaluate("each => each.tagName") == "SELECT":
            entry.select_option(value)
        else:
            entry.fill(value)
    page.click("main form.form button.primary")
    expect(page.locator("#chain, #work")).to_be_visible(timeout=SLOW)


def test_the_chain_is_walked_from_the_incident_to_the_verified_measure_on_both_nodes(
    office: Office, tmp_path: Path
) -> None:
    title = f"Shots at a bus {uuid4().hex[:6]}"
    incident = closed_incident(office, title)
    host = office.page("host", "coordinator", f"/committee/strategy/chain/{incident}/")
    expect(host.locator("#chain")).to_contain_text("No lesson is recorded yet.")
    does(host, "lesson", title="Buses stop in the open")
    does(host, "recommend", title="Stop under cover", to="both")
    expect(host.locator("#chain")).to_contain_text("A recommendation has no measure yet.")
    measure = f"Covered stop {uuid4().hex[:6]}"
    does(
        host,
        "measure",
        title=measure,
        owner="District police",
        due="2027-03-01",
        risk="attack",
        verify_how="A visit",
        band="small",
    )
    sheet = host.locator("article[data-kind=measure]")
    expect(sheet).to_have_attribute("data-state", "planned")
    does(host, "progress", state="reported", remark="It stands")
    expect(sheet).to_have_attribute("data-state", "reported")
    expect(host.locator("a.button[href$='/verify/']")).to_have_count(0)
    live(host)

    partner = office.page("partner", "coordinator", "/committee/strategy/")
    link = partner.locator("#work-list a", has_text=title)
    for _ in range(30):
        if link.count():
            break
        partner.wait_for_timeout(2_000)
        partner.reload()
    link.click()
    theirs = partner.locator("article[data-kind=measure]", has_text=measure)
    expect(theirs).to_have_attribute("data-state", "reported", timeout=SLOW)
    picture = tmp_path / "stop.png"
    Image.new("RGB", (64, 48), "green").save(picture)
    partner.locator("a.button[href$='/verify/']").first.click()
    partner.select_option("[name=method]", "site_visit")
    partner.select_option("[name=outcome]", "complete")
    partner.click("main form.form button.primary")
    expect(partner.locator(".errorlist")).to_contain_text("Complete")
    partner.select_option("[name=outcome]", "complete")
    partner.set_input_files("[name=evidence]", str(picture))
    partner.click("main form.form button.primary")
    expect(partner.locator("article[data-kind=verification]")).to_be_visible(timeout=SLOW)
    live(partner)

    for page in (host, partner):
        expect(page.locator("article[data-kind=measure]", has_text=measure)).to_have_attribute(
            "data-state", "verified", timeout=SLOW
        )
        expect(page.locator("#chain .notice")).to_have_attribute("data-complete", "yes", timeout=SLOW)
        expect(page.locator("#chain .stages [data-stage=verified]").first).to_have_attribute(
            "data-done", "yes"
        )
    with host.expect_download() as download:
        host.locator("article[data-kind=evidence] a").first.click()
    assert Path(download.value.path()).read_bytes().startswith(b"\x89PNG")


def test_what_the_demonstrations_committee_has_in_hand_is_shown_in_three_languages(office: Office) -> None:
    page = office.page("host", "coordinator", "/committee/strategy/")
    expect(page.locator("[data-figure=verified]")).not_to_have_text("0")
    expect(page.locator("main")).to_contain_text("Second radio channel for escorts")
    page.goto(page.url.replace("/strategy/", "/statements/"))
    expect(page.locator("article[data-state=agreed] blockquote")).to_contain_text("work together")
    expect(page.locator("article[data-state=neither]")).to_contain_text("neither confirmed nor denied")
    urdu = office.page("partner", "coordinator", "/committee/deployments/", "ur")
    expect(urdu.locator("html")).to_have_attribute("dir", "rtl")
    expect(urdu.locator("#ways [data-party=cn]")).to_have_attribute("data-open", "no")
    expect(urdu.locator("#ways tbody tr")).to_have_count(3)
    chinese = office.page("partner", "coordinator", "/committee/assistance/", "zh-hans")
    expect(chinese.locator("main article[data-kind=assistance_request]").first).to_contain_text("协助提议")
