"""What a watch officer enters, by the fields' ids: the same in every language."""

from __future__ import annotations

import re

from playwright.sync_api import Page

from browser.office import Office

DETAIL = re.compile(r"/incidents/([0-9a-f]{32})/(#.*)?$")


def report(office: Office, title: str, language: str = "en", username: str = "watch") -> tuple[Page, str]:
    """File an immediate report at the host; its page, and the record's id."""
    page = office.page("host", username, "/incidents/report/", language)
    entries = {
        "summary-title": title,
        "when-start_day": "2024-11-20",
        "when-start_time": "06:30",
        "where-place": "Hub",
        "where-latitude": "25.0512",
        "where-longitude": "66.8834",
    }
    for field, text in entries.items():
        page.fill(f"#id_{field}", text)
    page.select_option("#id_summary-category", "attack")
    press(page)
    return page, record_of(page)


def update(page: Page, **entries: str) -> None:
    """File an update from an incident's page; `people__victims="…"` fills the field `people-victims`."""
    page.click("a[href$='/update/']")
    for field, text in entries.items():
        page.fill(f"#id_{field.replace('__', '-')}", text)
    press(page)
    record_of(page)


def press(page: Page) -> None:
    """The page's main button."""
    page.click("main form button.primary")


def record_of(page: Page) -> str:
    page.wait_for_url(DETAIL)
    found = DETAIL.search(page.url)
    assert found is not None
    return found[1]
