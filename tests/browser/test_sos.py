"""From the press of a button to both rooms, in real browsers: held, without a network, in three languages."""

from __future__ import annotations

import pytest
from playwright.sync_api import Page, expect

from browser.demonstration import Demonstration
from browser.office import Office
from browser.test_phone import READY, ready
from safeconduct.node.demonstration.cast import PASSWORD

BUTTON = "form[data-sos-press] button"


def hold(page: Page, milliseconds: int) -> None:
    box = page.locator(BUTTON).bounding_box()
    assert box is not None
    page.mouse.move(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
    page.mouse.down()
    page.wait_for_timeout(milliseconds)
    page.mouse.up()


def choose_words(office: Office, page: Page) -> None:
    office.go(page, "partner", "/watch/sos/words/")
    if page.locator("[name=password]").count():
        page.fill("[name=password]", PASSWORD)
        page.press("[name=password]", "Enter")
    page.fill("[name=safe]", "Margalla")
    page.fill("[name=duress]", "Ravi-2")
    page.click("main form button.primary")
    expect(page.locator(READY)).to_be_attached()


def test_a_press_without_a_network_reaches_both_rooms_when_it_can_and_ends_by_the_word(
    office: Office, nodes: Demonstration
) -> None:
    page = ready(office)
    choose_words(office, page)
    hold(page, 400)
    expect(page.locator("#sos-state")).to_contain_text("Hold it longer")
    expect(page.locator(".phone-sos .notice.error")).to_have_count(0)

    with office.unplugged(page.context):
        hold(page, 2_300)
        expect(page.locator("#sos-state")).to_contain_text("SOS NOT SENT YET")
        page.reload()
        expect(page.locator("#sos-state")).to_contain_text("SOS NOT SENT YET")
    expect(page.locator(".phone-sos .notice.error")).to_contain_text("Your SOS is open.", timeout=90_000)

    for side in ("host", "partner"):
        room = office.page(side, "watch", "/watch/sos/")
        call = room.locator(".calls-open a").first
        expect(call).to_contain_text("SOS", timeout=90_000)
        call.click()
        expect(room.locator("#sos h1")).to_contain_text("SOS")
        room.click("form[action$='/acknowledge/'] button")
        expect(room.locator(f"[data-room={side}]")).to_contain_text("has it since")
    expect(page.locator(".phone-sos .notice.error")).not_to_contain_text(
        "has not acknowledged", timeout=90_000
    )

    page.fill(".phone-sos [name=word]", "margalla")
    page.click(".phone-sos form[action$='/word/'] button")
    expect(page.locator(BUTTON)).to_be_visible()
    room = office.page("host", "watch", "/watch/sos/")
    expect(room.locator("#over-calls ~ div a").first).to_be_visible(timeout=90_000)


def test_a_press_takes_the_phones_position_with_it(office: Office, nodes: Demonstration) -> None:
    page = ready(office)
    page.context.grant_permissions(["geolocation"])
    page.context.set_geolocation({"latitude": 24.8615, "longitude": 67.0099, "accuracy": 8})
    hold(page, 2_300)
    expect(page.locator(".phone-sos .notice.error")).to_contain_text("Your SOS is open.", timeout=90_000)
    room = office.page("partner", "watch", "/watch/sos/")
    room.locator(".calls-open a").first.click()
    expect(room.locator("#sos")).to_contain_text("24.86")
    expect(room.locator("#sos")).to_contain_text("the phone's own position")
    room.select_option("[name=end-category]", "false_alarm")
    room.fill("[name=end-remark]", "Pressed to try it")
    room.click("form[action$='/stand-down/'] button")
    expect(room.locator(".sos-state")).to_have_attribute("data-state", "false_alarm")


@pytest.mark.parametrize(("language", "word"), [("ur", "مدد"), ("zh-hans", "求助")])
def test_the_button_speaks_the_callers_language(office: Office, language: str, word: str) -> None:
    page = office.page("partner", "traveller", "/journeys/phone/", language)
    expect(page.locator("#phone-sos-heading")).to_contain_text(word)
    expect(page.locator(BUTTON)).to_be_visible()
    button, screen = page.locator(BUTTON).bounding_box(), page.viewport_size
    assert button is not None and screen is not None
    assert button["y"] + button["height"] < screen["height"], "it is on the first screen"


def test_a_press_goes_out_as_its_own_person_s_when_nobody_or_somebody_else_is_signed_in(
    office: Office, nodes: Demonstration
) -> None:
    page = ready(office)
    page.context.clear_cookies()
    hold(page, 2_300)
    expect(page.locator("#sos-state")).to_contain_text("was received by your party's node", timeout=20_000)
    office.sign_in(page, "partner", "warden")
    office.go(page, "partner", "/journeys/phone/")
    expect(page.locator(READY)).to_be_attached()
    assert page.locator(".phone-sos .notice.error").count() == 0, "it is not the warden's"

    page = ready(office)
    expect(page.locator(".phone-sos .notice.error")).to_contain_text("Your SOS is open.", timeout=20_000)
