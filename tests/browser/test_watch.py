"""The watch room in real browsers: a muster that counts by itself, a floor that rings, in three languages."""

from __future__ import annotations

import re
from uuid import uuid4

import pytest
from playwright.sync_api import Page, expect

from browser.demonstration import Demonstration
from browser.office import Office, live
from browser.test_phone import ready

SLOW = 90_000


def begin(office: Office, title: str) -> Page:
    page = office.page("partner", "watch", "/watch/musters/")
    page.fill("[name=title]", title)
    page.select_option("[name=scope]", "country")
    page.click("main form button.primary")
    expect(page.locator("#muster h1")).to_contain_text(title)
    expect(page.locator(".muster-figures")).to_be_visible(timeout=SLOW)
    return live(page)


def figure(page: Page, state: str) -> int:
    return int(page.locator(f".muster-figures [data-state={state}] dd").inner_text())


def test_an_answer_given_without_a_network_counts_when_it_is_back_and_every_board_changes_by_itself(
    office: Office, nodes: Demonstration
) -> None:
    title = f"All hands {uuid4().hex[:6]}"
    board = begin(office, title)
    expect(board.locator("[data-state=accounted] dd")).to_have_text("0")
    host = office.page("host", "watch", "/watch/musters/")
    link = host.locator("main a", has_text=title)
    expect(link).to_be_visible(timeout=SLOW)
    link.click()
    expect(host.locator("#muster h1")).to_contain_text(title)

    phone = ready(office)
    question = phone.locator(".phone-muster article", has_text=title)
    expect(question).to_contain_text("You have not answered.")
    with office.unplugged(phone.context):
        question.locator("form[data-word=accounted] button").click()
        expect(phone.locator("#phone-state")).to_have_attribute("data-pending", "1")
    expect(question).to_have_attribute("data-state", "accounted", timeout=SLOW)
    for page in (board, host):
        expect(page.locator(".muster-figures [data-state=accounted] dd")).to_have_text("1", timeout=SLOW)

    board.locator(".muster-list[data-state=unaccounted] input[name=entry]").first.check()
    board.click("button[name=state][value=needs_help]")
    expect(board.locator(".muster-list[data-state=needs_help] li")).to_have_count(1, timeout=SLOW)
    expect(board.locator(".muster-figures [data-state=needs_help] dd")).to_have_text("1", timeout=SLOW)
    board.locator("form[action$='/close/'] button").click()
    expect(board.locator("#muster")).to_contain_text("closed")


def test_the_floor_rings_by_itself_until_somebody_answers_and_is_handed_over(office: Office) -> None:
    floor = live(office.page("host", "watch", "/watch/"))
    floor.click("[data-sound]")
    headline = f"Shots {uuid4().hex[:6]}"
    raising = office.page("partner", "watch", "/watch/sos/new/")
    raising.fill("[name=headline]", headline)
    raising.click("main form button.primary")
    line = floor.locator(".floor-open [data-kind=sos]", has_text=headline)
    expect(line).to_have_attribute("data-urgency", "alarm", timeout=SLOW)
    expect(floor.locator("html")).to_have_attribute("data-rang", re.compile("sos"), timeout=SLOW)
    clock = line.locator("[data-clock]")
    expect(clock).to_have_text(re.compile(r"^\u2066?0:0\d:\d\d\u2069?$"), timeout=SLOW)
    before = clock.inner_text()
    expect(clock).not_to_have_text(before, timeout=SLOW)

    line.locator("a").click()
    floor.click("form[action$='/acknowledge/'] button")
    expect(floor.locator("[data-room=host]")).to_contain_text("has it since")
    office.go(floor, "host", "/watch/")
    expect(line).to_have_attribute("data-urgency", "warning")

    floor.fill("[name=handover-text]", "Call Gwadar at six")
    floor.click("form[action$='/hand-over/'] button")
    expect(floor.locator("#floor")).to_contain_text(headline)
    following = office.page("host", "coordinator", "/watch/")
    following.click("form[action*='/hand-over/'] button.primary")
    expect(following.locator("main")).to_contain_text("You have the watch.")


@pytest.mark.parametrize("language", ["en", "ur", "zh-hans"])
@pytest.mark.parametrize(
    "path", ["/watch/", "/watch/sos/", "/watch/musters/", "/watch/alerts/", "/watch/on-call/"]
)
def test_the_watchs_pages_fit_their_screens(office: Office, path: str, language: str) -> None:
    page = office.page("host", "watch", path, language)
    expect(page.locator("html")).to_have_attribute("dir", "rtl" if language == "ur" else "ltr")
    for width, height in ((1366, 768), (390, 844)):
        page.set_viewport_size({"width": width, "height": height})
        wide = page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")
        assert wide <= 1, (path, language, width, wide)
    page.set_viewport_size({"width": 1280, "height": 800})
