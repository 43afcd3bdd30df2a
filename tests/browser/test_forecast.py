"""An analyst at the forecast: the map, what is reckoned meanwhile, and one that is issued, in three languages."""

from __future__ import annotations

from playwright.sync_api import expect

from browser.office import Office, live

DRAWN = 60_000
RECKONED = 120_000


def test_an_analyst_sees_what_it_rests_on_and_issues_it(office: Office) -> None:
    page = office.page("host", "analyst", "/assessment/forecast/")
    expect(page.locator("#map[data-ready][data-count]")).to_be_visible(timeout=DRAWN)
    assert int(page.locator("#map").get_attribute("data-count") or 0) > 0
    expect(page.locator("main dl.facts").first).to_contain_text("Of these in 365 days")
    expect(page.locator("#reckoned")).to_have_attribute("data-state", "done", timeout=RECKONED)
    expect(page.locator("#verdict, #backtest-heading ~ .notice").first).to_contain_text("oo few")
    page.locator("#forecast-cells [data-map-focus]").first.click()
    box = page.locator("#map").bounding_box()
    assert box is not None
    page.wait_for_timeout(2_500)
    page.mouse.click(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
    expect(page.locator(".maplibregl-popup")).to_contain_text("incidents in 365 days")

    page.click("text=Issue this forecast")
    page.fill("[name=purpose]", "Where protection is added next week")
    page.fill("[name=decider]", "Joint Security Committee")
    page.click("main form.form button.primary")
    expect(page.locator("main h1")).to_have_text("Issued forecast")
    expect(page.locator("main")).to_contain_text("Joint Security Committee")
    expect(page.locator("#forecast-cells tbody tr").first).to_be_visible()
    shown = office.page("host", "coordinator", "/assessment/forecast/")
    expect(live(shown).locator("#forecast-issued")).to_contain_text("Where protection is added next week")


def test_it_is_read_in_urdu_and_chinese_and_fits_a_telephone(office: Office) -> None:
    for language, heading in (("ur", "پیش گوئی"), ("zh-hans", "预测")):
        page = office.page("partner", "analyst", "/assessment/forecast/", language)
        expect(page.locator("main h1")).to_have_text(heading)
        assert page.evaluate("document.dir") == ("rtl" if language == "ur" else "ltr")
        page.set_viewport_size({"width": 390, "height": 800})
        wide = "document.documentElement.scrollWidth - document.documentElement.clientWidth"
        assert page.evaluate(wide) <= 1


def test_without_webgl_the_table_has_the_same_cells(plain_office: Office) -> None:
    page = plain_office.page("host", "analyst", "/assessment/forecast/")
    expect(page.locator("#forecast-cells tbody tr").first).to_be_visible()
    expect(page.locator("main")).to_contain_text("cannot draw the map")
