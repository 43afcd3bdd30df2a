"""A traveller's phone: installable, opens without a network, and sends what was said meanwhile with its true time."""

from __future__ import annotations

import json
from datetime import UTC, datetime

import pytest
from playwright.sync_api import Error, Page, expect

from browser.demonstration import Demonstration, until
from browser.office import Office

PAGE = "/journeys/phone/"
READY = "html[data-phone=ready]"
KEPT = "caches.open('safeconduct-phone-1').then(cache => cache.match('/journeys/phone/')).then(Boolean)"


def words(nodes: Demonstration, side: str) -> list[dict[str, str]]:
    """Every check-in of a node, by its word."""
    rows = nodes.rows(side, "SELECT parts FROM records_row WHERE kind = 'check_in'")
    return [json.loads(parts)["word"] for (parts,) in rows]


def ready(office: Office) -> Page:
    page = office.newcomer()
    office.sign_in(page, "partner", "traveller")
    office.go(page, "partner", PAGE)
    expect(page.locator(READY)).to_be_attached()
    until(lambda: page.evaluate(KEPT), "the page is kept for when there is no network")
    return page


def test_a_word_said_without_a_network_arrives_once_with_its_true_time(
    office: Office, nodes: Demonstration
) -> None:
    page = ready(office)
    expect(page.locator(".phone-journey h2")).to_contain_text("Gwadar")
    before = len(words(nodes, "partner"))

    with office.unplugged(page.context):
        page.reload()
        expect(page.locator(READY)).to_be_attached()
        expect(page.locator(".phone-journey h2")).to_contain_text("Gwadar")
        page.fill("form[data-word=delayed] input[name=delay_minutes]", "40")
        said = datetime.now(UTC)
        page.click("form[data-word=delayed] button")
        expect(page.locator("#phone-state")).to_have_attribute("data-pending", "1")
        assert len(words(nodes, "partner")) == before
        page.evaluate("document.documentElement.dataset.before = 1")
    # Once its words are sent, the page comes anew.
    expect(page.locator("html[data-before]")).to_have_count(0, timeout=90_000)
    expect(page.locator(READY)).to_be_attached()
    expect(page.locator("#phone-state")).to_have_attribute("data-pending", "0")
    until(lambda: len(words(nodes, "partner")) == before + 1, "the word at the partner's node")
    until(
        lambda: any(w["category"] == "delayed" for w in words(nodes, "host")), "the word at the host's node"
    )
    word = next(w for w in words(nodes, "host") if w["category"] == "delayed")
    assert word["delay_minutes"] == 40
    assert abs((datetime.fromisoformat(word["at"]) - said).total_seconds()) < 5

    # The phone was not sure that it had been heard: the same key again is the same word.
    page.evaluate(
        """async ([key, at]) => {
          const form = document.querySelector("form[data-word=check_in]");
          const csrf = form.querySelector("[name=csrfmiddlewaretoken]").value;
          for (let time = 0; time < 2; time++)
            await fetch(form.action, { method: "POST", headers: { "Content-Type": "application/json",
              "X-CSRFToken": csrf }, body: JSON.stringify({ key, category: "check_in", at }) });
        }""",
        ["twice-the-same-key", datetime.now(UTC).isoformat()],
    )
    assert len(words(nodes, "partner")) == before + 2


def test_signing_out_leaves_nothing_of_the_journey_on_the_phone(office: Office) -> None:
    page = ready(office)
    context = page.context
    page.click("form[action*='logout'] button")
    expect(page).not_to_have_url(office.nodes.address("partner", PAGE))
    assert page.evaluate("caches.keys()") == []
    with office.unplugged(context):
        kept = context.new_page()
        with pytest.raises(Error, match="ERR_"):
            kept.goto(office.nodes.address("partner", PAGE))


def test_the_page_can_be_installed(office: Office) -> None:
    page = ready(office)
    link = page.get_attribute("link[rel=manifest]", "href")
    manifest = page.evaluate("address => fetch(address).then(answer => answer.json())", link)
    assert manifest["start_url"] == manifest["scope"] == PAGE
    assert manifest["display"] == "standalone"
    assert manifest["icons"]
