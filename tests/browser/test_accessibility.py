"""Everybody can use it: axe finds nothing serious, the keyboard is enough, each page states its label."""

from __future__ import annotations

from uuid import uuid4

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Page, expect

from browser.office import Office, live
from browser.reports import DETAIL

FAULTS = ("serious", "critical")
TITLE = "Vehicle bomb against a convoy at Karachi airport"

# Who opens which page, at which node.
PAGES = {
    "sign in": ("host", "", "/accounts/login/"),
    "sign in with a passkey": ("host", "", "/accounts/passkeys/sign-in/"),
    "incidents": ("partner", "liaison", "/incidents/"),
    "map": ("host", "liaison", "/incidents/map/"),
    "incident": ("partner", "liaison", "/incidents/{incident}/"),
    "report": ("host", "watch", "/incidents/report/"),
    "update": ("host", "watch", "/incidents/{incident}/update/"),
    "claim": ("partner", "watch", "/incidents/{incident}/claim/"),
    "the same event": ("host", "watch", "/incidents/{incident}/same/"),
    "agreements": ("host", "signatory", "/agreement/"),
    "agreement": ("host", "signatory", "/agreement/pk-cn/"),
    "clause": ("partner", "signatory", "/agreement/pk-cn/clause/4/"),
    "propose": ("host", "coordinator", "/agreement/pk-cn/propose/"),
    "signatories": ("host", "signatory", "/agreement/pk-cn/signatories/"),
    "who may": ("host", "liaison", "/agreement/who-may/"),
    "preview": ("host", "coordinator", "/oversight/preview/{incident}/"),
    "holdings": ("host", "coordinator", "/oversight/holdings/"),
    "holdings of one": ("host", "coordinator", "/oversight/holdings/{incident}/"),
    "withdraw": ("host", "coordinator", "/oversight/holdings/{incident}/withdraw/"),
    "what we hold": ("host", "coordinator", "/oversight/held/"),
    "holds": ("host", "auditor", "/oversight/holds/"),
    "hold on one": ("host", "coordinator", "/oversight/holds/{incident}/"),
    "ledger": ("host", "auditor", "/oversight/ledger/"),
    "readings": ("host", "auditor", "/oversight/readings/"),
    "refusals": ("host", "auditor", "/oversight/refusals/"),
    "link": ("host", "auditor", "/oversight/link/"),
    "journeys": ("host", "coordinator", "/journeys/"),
    "journeys on the map": ("partner", "manager", "/journeys/map/"),
    "notify a movement": ("partner", "manager", "/journeys/new/"),
    "my journey": ("partner", "traveller", "/journeys/phone/"),
    "watch floor": ("host", "watch", "/watch/"),
    "calls for help": ("partner", "watch", "/watch/sos/"),
    "SOS on somebody's behalf": ("partner", "watch", "/watch/sos/new/"),
    "musters": ("partner", "watch", "/watch/musters/"),
    "alerts": ("host", "watch", "/watch/alerts/"),
    "compose an alert": ("host", "watch", "/watch/alerts/new/"),
    "responses": ("host", "watch", "/watch/responses/"),
    "messages": ("partner", "watch", "/watch/messages/"),
    "requests for information": ("host", "watch", "/watch/requests/"),
    "on call": ("host", "watch", "/watch/on-call/"),
    "ladders": ("partner", "watch", "/watch/ladders/"),
    "devices": ("partner", "manager", "/field/"),
    "your devices": ("partner", "traveller", "/field/yours/"),
    "registry": ("partner", "manager", "/registry/"),
    "persons": ("partner", "manager", "/registry/persons/"),
    "what is held on me": ("partner", "traveller", "/registry/mine/"),
    "raise a grievance": ("partner", "traveller", "/registry/grievances/raise/"),
    "grievance figures": ("host", "coordinator", "/registry/grievances/figures/"),
    "strategy": ("host", "coordinator", "/committee/strategy/"),
    "strategy chain": ("partner", "coordinator", "/committee/strategy/chain/{incident}/"),
    "strategy form": ("host", "coordinator", "/committee/strategy/new/objective/"),
    "assistance": ("partner", "coordinator", "/committee/assistance/"),
    "deployments": ("partner", "coordinator", "/committee/deployments/"),
    "statements": ("host", "coordinator", "/committee/statements/"),
    "search": ("host", "watch", "/search/?q=karachi"),
    "reports": ("host", "watch", "/reports/"),
    "situation report": ("host", "watch", "/reports/situation/?day=2024-10-07&span=week"),
    "analysis": ("host", "analyst", "/assessment/"),
    "paper of an incident": ("host", "watch", "/reports/paper/{incident}/"),
    "account": ("host", "liaison", "/account/"),
    "second factor": ("host", "liaison", "/accounts/2fa/"),
    "sessions": ("host", "liaison", "/account/sessions/"),
    "password": ("host", "liaison", "/accounts/password/"),
    "accounts": ("host", "admin", "/people/"),
    "new account": ("host", "admin", "/people/new/"),
    "who may do what": ("host", "auditor", "/oversight/access/?kind=role_assignment"),
    "ways in": ("host", "auditor", "/oversight/access/accounts/"),
    "what stands out": ("host", "auditor", "/oversight/access/unusual/"),
    "emergency readings": ("host", "auditor", "/oversight/access/emergencies/"),
    "second person": ("host", "admin", "/oversight/second-person/"),
    "break the glass": ("host", "commander", "/oversight/break-glass/"),
    "not found": ("host", "liaison", "/incidents/nothing-of-this-name/"),
    "refused": ("host", "liaison", "/incidents/report/"),
}


# Pages whose layout is their own; the others are made of the same pieces.
ALSO_IN_URDU = ("sign in", "incidents", "map", "incident", "report", "agreement", "clause")
ALSO_IN_URDU += (
    "preview",
    "holdings",
    "ledger",
    "account",
    "journeys",
    "notify a movement",
    "my journey",
    "analysis",
    "who may do what",
)


@pytest.fixture(scope="module")
def incidents(_shared_office: Office) -> dict[str, str]:
    """The id of one incident as each node names it."""
    found = {}
    for side in ("host", "partner"):
        page = _shared_office.listing(side, "liaison", TITLE)
        page.click(f"text={TITLE}")
        page.wait_for_url(DETAIL)
        match = DETAIL.search(page.url)
        assert match is not None
        found[side] = match[1]
    _shared_office.close_pages()
    return found


def opened(office: Office, incidents: dict[str, str], name: str, language: str) -> Page:
    side, username, path = PAGES[name]
    path = path.format(incident=incidents[side])
    if username:
        return office.page(side, username, path, language)
    page = office.newcomer(language)
    office.go(page, side, path)
    return page


@pytest.mark.parametrize(
    ("name", "language"), [*((name, "en") for name in PAGES), *((name, "ur") for name in ALSO_IN_URDU)]
)
def test_axe_finds_nothing_serious(
    office: Office, incidents: dict[str, str], name: str, language: str
) -> None:
    page = opened(office, incidents, name, language)
    if name == "map":
        expect(page.locator("[data-map][data-ready]").first).to_be_attached(timeout=90_000)
    expect(page.locator("html")).to_have_attribute("lang", language)
    expect(page.locator("html")).to_have_attribute("dir", "rtl" if language == "ur" else "ltr")
    assert page.locator(".banner-place").inner_text().strip(), "the page states no label"
    assert page.locator(".banner-place [data-level]").count() == 1
    assert "SECRET" not in page.locator(".banner-place").inner_text() or name in ("update", "preview")
    expect(page.locator("h1")).to_have_count(1)
    found = Axe().run(page, options={"resultTypes": ["violations"]}).response["violations"]
    told = [
        f"{fault['id']} ({fault['impact']}): {fault['nodes'][0]['html'][:160]} [{len(fault['nodes'])}]"
        for fault in found
        if fault["impact"] in FAULTS
    ]
    assert told == []


def focused(page: Page) -> dict[str, str]:
    return dict(
        page.evaluate(
            "() => { const e = document.activeElement;"
            " return {id: e.id, href: e.getAttribute('href') ?? '', tag: e.localName,"
            " text: e.textContent.trim().slice(0, 40)}; }"
        )
    )


def tab_to(page: Page, most: int = 80, **wanted: str) -> None:
    """Press Tab until the focus is on an element with these properties; it must be visible there."""
    for _ in range(most):
        page.keyboard.press("Tab")
        here = focused(page)
        if all(here[name] == text for name, text in wanted.items()):
            expect(page.locator(":focus")).to_be_in_viewport()
            return
    raise AssertionError(f"the keyboard does not reach {wanted}; it is on {here}")


def test_an_incident_is_reported_by_keyboard_alone(office: Office) -> None:
    title = f"Stones thrown at a bus {uuid4().hex[:6]}"
    page = live(office.page("host", "watch"))
    tab_to(page, href="/incidents/report/")
    page.keyboard.press("Enter")
    page.wait_for_url("**/incidents/report/")
    tab_to(page, id="id_summary-title")
    page.keyboard.type(title)
    tab_to(page, id="id_summary-category")
    page.keyboard.type("Unrest")
    tab_to(page, id="id_when-start_day")
    page.keyboard.type("11112024")  # the same in every order of day and month
    tab_to(page, id="id_where-place")
    page.keyboard.type("Hub")
    tab_to(page, tag="button", text="File the report")
    page.keyboard.press("Enter")
    page.wait_for_url(DETAIL)
    expect(page.locator("h1")).to_contain_text(title)
    expect(page.locator("#incident")).to_contain_text("11 November 2024")
    expect(page.locator("#incident")).to_contain_text("Unrest")


def test_what_is_wrong_in_a_form_is_said_at_the_field(office: Office) -> None:
    page = office.page("host", "watch", "/incidents/report/")
    page.locator("main form button.primary").press("Enter")
    field = page.locator("#id_summary-title")
    expect(field).to_have_attribute("aria-invalid", "true")
    described = str(field.get_attribute("aria-describedby")).split()
    assert any(page.locator(f"#{name}.errorlist, #{name} .errorlist").count() for name in described)


def test_the_skip_link_leads_past_the_head_of_the_page(office: Office) -> None:
    page = live(office.page("host", "liaison"))
    page.keyboard.press("Tab")
    assert focused(page)["href"] == "#content"
    expect(page.locator(".skip-link")).to_be_in_viewport()
    page.keyboard.press("Enter")
    assert focused(page)["id"] == "content"
    page.keyboard.press("Tab")
    assert page.evaluate("document.querySelector('main').contains(document.activeElement)")


def test_the_pages_work_on_a_narrow_screen(office: Office, incidents: dict[str, str]) -> None:
    page = office.page("host", "liaison")
    page.set_viewport_size({"width": 360, "height": 640})
    for path in ("/incidents/", f"/incidents/{incidents['host']}/", "/agreement/pk-cn/", "/account/"):
        office.go(page, "host", path)
        wide = page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")
        assert wide <= 1, f"{path} is {wide} pixels too wide"
