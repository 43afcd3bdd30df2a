"""Reports and search with a real browser: asked for, shown, downloaded, filed; words found in three scripts."""

from __future__ import annotations

import hashlib
import re
import time
from pathlib import Path
from uuid import uuid4

import pypdfium2
import pytest
from playwright.sync_api import Page, expect

from browser.office import Office
from browser.reports import report

WEEK = "/reports/situation/?day=2024-11-20&span=week"


def downloaded(page: Page, name: str) -> bytes:
    with page.expect_download() as waiting:
        page.get_by_role("link", name=name).click()
    path = waiting.value.path()
    return Path(path).read_bytes()


def until_cosigned(page: Page) -> None:
    """The paper says how far the moment is cosigned: it is final once the other party's signature has come."""
    for _ in range(60):
        if "cosigned by" in page.locator("main").inner_text():
            return
        time.sleep(1)
        page.reload()
    raise AssertionError("the other party did not cosign within a minute")


def text_of(raw: bytes) -> str:
    return "\n".join(page.get_textpage().get_text_range() for page in pypdfium2.PdfDocument(raw))


def test_a_situation_report_is_asked_for_shown_and_downloaded_in_three_languages(office: Office) -> None:
    title = f"Van stopped at Hub {uuid4().hex[:6]}"
    report(office, title)
    page = office.page("host", "coordinator", "/reports/")
    page.fill("#id_day", "2024-11-20")
    page.select_option("#id_span", "week")
    page.get_by_role("button", name="Show").click()
    expect(page).to_have_url(re.compile(r"at=20\d\d-"))
    expect(page.locator("main")).to_contain_text(title)
    expect(page.locator("figure.drawing svg circle").first).to_be_visible()
    address = page.url
    until_cosigned(page)
    files = [downloaded(page, f"PDF · {name}") for name in ("English", "اردو", "简体中文")]
    assert len(set(files)) == 3
    for raw, heading in zip(files, ("Situation report", "", "态势报告"), strict=True):
        text = text_of(raw)
        assert raw.startswith(b"%PDF-") and "Hub" in text and heading in text
    report(office, f"Later {uuid4().hex[:6]}")
    page.goto(address)
    assert downloaded(page, "PDF · English") == files[0], "a moment that has passed gives the same bytes"


def test_a_filed_report_holds_the_bytes_whose_digest_it_names(office: Office) -> None:
    page = office.page("host", "coordinator", WEEK)
    page.get_by_role("button", name="File this report").click()
    expect(page.locator("h1")).to_contain_text("Situation report of a week")
    digest = page.locator("dd.digest").inner_text()
    raw = downloaded(page, "The paper (PDF)")
    assert hashlib.sha256(raw).hexdigest() == digest.strip()
    listing = office.page("host", "coordinator", "/reports/")
    expect(listing.locator("#filed-list tbody tr").first).to_contain_text("Situation report of a week")


@pytest.mark.parametrize(
    ("language", "title", "asked"),
    [
        ("en", "Lorry overturned beside the toll plaza", "toll"),
        ("ur", "ٹول پلازہ کے قریب ٹرک اُلٹ گیا", "الٹ"),
        ("zh-hans", "收费站附近货车翻覆", "货车翻覆"),
    ],
)
def test_words_are_found_from_any_page_with_the_keyboard_alone(
    office: Office, language: str, title: str, asked: str
) -> None:
    mark = uuid4().hex[:6]
    report(office, f"{title} {mark}")
    page = office.page("host", "watch", "/journeys/", language)
    page.locator("h1").first.wait_for()
    page.keyboard.press("/")
    expect(page.locator("#search-everywhere")).to_be_focused()
    page.keyboard.type(f"{asked} {mark}")
    page.keyboard.press("Enter")
    expect(page).to_have_url(re.compile("/search/"))
    hit = page.locator(".hits li").first
    expect(hit).to_contain_text(mark)
    expect(hit.locator("mark").first).to_be_visible()
    assert page.locator("html").get_attribute("lang") == language
    page.locator("body").click(position={"x": 2, "y": 2})
    page.keyboard.press("/")
    expect(page.locator("#id_q")).to_be_focused()
    hit.locator("a").focus()
    page.keyboard.press("Enter")
    expect(page).to_have_url(re.compile(r"/incidents/[0-9a-f]{32}/"))


def test_the_other_party_finds_only_what_it_was_given(office: Office) -> None:
    word = f"quarry{uuid4().hex[:6]}"
    page, _record = report(office, f"Shots near the {word}")
    page.click("a[href$='/update/']")
    page.fill("#id_people-victims", f"hidden{word}")
    page.locator("main form button.primary, main form button[type=submit]").first.click()
    partner = office.page("partner", "security", "/search/?q=" + word)
    for _ in range(20):
        if partner.locator(".hits li").count():
            break
        time.sleep(0.5)
        partner.reload()
    expect(partner.locator(".hits li")).to_have_count(1)
    office.go(partner, "partner", f"/search/?q=hidden{word}")
    expect(partner.locator(".hits li")).to_have_count(0)
