"""The analysis of incidents in a real browser, in three languages: filtered, tables opened, taken away as a file."""

from __future__ import annotations

import csv
import io
from pathlib import Path
from urllib.parse import urljoin

import pytest
from django.utils.translation import gettext, override
from playwright.sync_api import Page, expect

from browser.office import Office


def counted(page: Page, table: str) -> int:
    """The incidents in the second column of a table."""
    cells = page.locator(f"#table-{table} tbody tr td:nth-of-type(1)").all_inner_texts()
    return sum(int("".join(c for c in text if c.isdigit())) for text in cells)


REPORTED = 5
"""Incidents that other tests may have reported on these nodes: without a position, and not closed."""


def drawn(page: Page) -> int:
    """How many incidents the map shows: those that the page's own address gives it."""
    expect(page.locator("#map[data-ready][data-count]")).to_be_visible(timeout=90_000)
    given = page.request.get(urljoin(page.url, str(page.get_attribute("#map", "data-points")))).json()
    shown = int(page.get_attribute("#map", "data-count") or 0)
    assert shown == len(given["features"])
    return shown


@pytest.mark.parametrize(
    ("side", "language"), [("host", "en"), ("partner", "ur"), ("partner", "zh-hans")], ids=lambda each: each
)
def test_incidents_are_analysed_filtered_and_taken_away(office: Office, side: str, language: str) -> None:
    page = office.page(side, "analyst", "/assessment/", language)
    with override(language):
        heading, everything = gettext("Incidents analysed"), gettext("All tables as CSV")
        untold = gettext(
            "Incidents that you may read and not export are in no figure of this file, and it does not tell how many "
            "there are."
        )
    expect(page.locator("h1")).to_have_text(heading)
    expect(page.locator("#trend")).to_be_visible()
    whole = counted(page, "category")
    assert whole > 300, "both parties see what was made up for the demonstration"
    expect(page.locator("svg.chart").first).to_be_visible()
    assert page.locator("svg.chart rect.bar").count() > 40, "a bar for each month of four years"
    assert 0 <= whole - drawn(page) <= REPORTED, "all but what was reported without a position"

    page.locator("#behind-time > summary").click()
    expect(page.locator("#table-time")).to_be_visible()
    page.locator("#basis > summary").click()
    expect(page.locator("#table-basis tbody tr").first).to_be_visible()

    page.select_option("#id_category", ["crime", "unrest"])
    page.select_option("#id_group", "district")
    page.locator("#filters button.primary").click()
    expect(page.locator("#table-category tbody tr")).to_have_count(2)
    fewer = counted(page, "category")
    assert 0 < fewer < whole
    assert 0 <= fewer - drawn(page) <= REPORTED

    with page.expect_download() as waiting:
        page.get_by_role("link", name=everything).click()
    rows = list(csv.reader(io.StringIO(Path(waiting.value.path()).read_text("utf-8-sig"))))
    assert {"basis", "time", "district", "near_repeats", "concentration", "compared"} <= {
        row[0] for row in rows
    }
    taken = sum(int(row[2]) for row in rows if row[0] == "category" and row[2].isdigit())
    # Clause 3.3 lets the analysts of both take away what they read of incidents that are closed.
    assert 0 <= fewer - taken <= REPORTED
    (stays,) = [row[2] for row in rows if row[0] == "not_exported" and len(row) > 2]
    assert stays == untold, "not how many it leaves out, nor whether any"

    page.fill("#id_since", "2024-05-01")
    page.fill("#id_until", "2024-01-01")
    page.locator("#filters button.primary").click()
    expect(page.locator(".errorlist").first).to_be_visible()
    expect(page.locator("svg.chart")).to_have_count(0)
    assert page.locator("html").get_attribute("lang") == language
