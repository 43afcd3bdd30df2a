"""Assessments in real browsers: both ratings of the demonstration's port, and one from a form to its approval."""

from __future__ import annotations

from uuid import uuid4

from playwright.sync_api import Page, expect

from browser.office import Office, live

SLOW = 90_000


def fill(page: Page, **fields: str) -> None:
    for name, value in fields.items():
        entry = page.locator(f"main form.form [name={name}]")
        if entry.evaluate("each => each.tagName") == "SELECT":
            entry.select_option(value)
        else:
            entry.fill(value)
    page.click("main form.form button.primary")


def test_two_ratings_stand_side_by_side_in_three_languages(office: Office) -> None:
    page = office.page("host", "coordinator", "/assessment/srm/")
    expect(page.locator("[data-figure=overdue]")).to_have_text("1")
    expect(page.locator("tbody[data-overdue]").first).to_contain_text("review overdue")
    page.locator("tbody[data-kind=site]", has_text="Gwadar").locator("th a").first.click()
    expect(page.locator("#ratings tr[data-says=partner_higher]").first).to_be_visible()
    expect(page.locator("#ratings tr[data-says=partner_only]")).to_have_count(1)
    expect(page.locator("table.matrix")).to_have_count(2)
    expect(page.locator("table.matrix .mark[data-party-side=partner]").first).to_be_visible()
    expect(page.locator("article[data-difference]")).to_contain_text("joint look at the gate")
    expect(page.locator("#counts tbody tr")).not_to_have_count(0)
    live(page)
    urdu = office.page("partner", "coordinator", "/assessment/standards/", "ur")
    expect(urdu.locator("html")).to_have_attribute("dir", "rtl")
    urdu.locator("#standards-list tbody tr:not([data-due]) a").first.click()
    expect(urdu.locator("tr[data-finding=not_met]")).to_have_count(1)
    expect(urdu.locator("tr[data-code=shelter] a[href*='/file/']")).to_have_count(1)
    chinese = office.page("partner", "coordinator", "/assessment/srm/", "zh-hans")
    expect(chinese.locator("tbody[data-kind=movement]")).to_contain_text("行程")


def test_a_rating_is_proposed_by_one_and_approved_by_another_who_sees_it_live(office: Office) -> None:
    title = f"Camp {uuid4().hex[:6]}"
    page = office.page("host", "coordinator", "/assessment/srm/new/area/")
    fill(page, title=title, since="2026-01-01", until="2027-06-01", area=title)
    page.locator("a.button[href$='/programme/']").click()
    fill(page, activity="A camp for the survey", criticality="PC3")
    page.locator("a.button[href$='/threat/']").click()
    fill(
        page,
        what="terrorism/armed_attack",
        likelihood="likely",
        impact="severe",
        further="A wall",
        residual_likelihood="unlikely",
        residual_impact="severe",
    )
    expect(page.locator("#threats [data-risk=high]")).to_be_visible()
    expect(page.locator("#threats [data-risk=medium]")).to_be_visible()
    page.locator("a.button[href$='/propose/']").click()
    fill(page, outcome="control", reason="The wall is paid for", review="2027-01-01", expires="2027-06-01")
    expect(page.locator("#srm-page .badge[data-state=proposed]")).to_be_visible()
    live(page)
    chief = office.page("host", "commander", page.url.replace(office.nodes.address("host", ""), ""))
    chief.locator("a.button[href$='/approve/']").click()
    chief.click("main form.form button.primary")
    expect(chief.locator("#srm-page .badge[data-state=approved]")).to_be_visible()
    expect(page.locator("#srm-page .badge[data-state=approved]")).to_be_visible(timeout=SLOW)
