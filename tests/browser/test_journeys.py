"""Movements in two browsers, one for each party: with the link cut in the middle, refused, amended, overdue."""

from __future__ import annotations

import json
from uuid import uuid4

from playwright.sync_api import Page, expect

from browser.demonstration import Demonstration, until
from browser.office import Office, live, notice
from browser.roads import (
    acknowledge,
    assign,
    clear,
    link_cut,
    notify,
    received,
    review,
    said,
    stage,
    word,
)
from safeconduct.node.demo import LADDER


def test_a_movement_from_notice_to_arrival_with_the_link_cut(office: Office, nodes: Demonstration) -> None:
    reference = f"E2E-{uuid4().hex[:6]}"
    partner, own = notify(office, reference=reference, names="Li Test; CN\nWang Test; CN")
    stage(partner, "Notified")
    until(lambda: bool(received(nodes, "host", reference)), "the notice at the host")
    theirs = received(nodes, "host", reference)

    host = review(office, "coordinator", theirs)
    expect(host.locator("#part-decision")).to_be_visible()
    acknowledge(host)
    stage(host, "Acknowledged")
    stage(partner, "Acknowledged")
    expect(partner.locator("#movement")).to_contain_text("An acknowledgement is no clearance.")
    clear(host, "Armoured vehicle ahead")
    assign(host, ("gwadar-police", "Kappar"), ("karachi-police", "Turbat"))
    stage(partner, "Cleared")
    legs = partner.locator("#legs tbody tr")
    expect(legs).to_have_count(2, timeout=90_000)
    # Who answers for a leg crosses; the strength of the escort does not.
    expect(legs.first).to_contain_text("District police, Gwadar")
    expect(legs.first).to_contain_text("not shown")

    with link_cut(nodes):
        word(partner, "departed")
        stage(partner, "Under way")
        word(partner, "check_in", "Kappar")
        giving = office.page("host", "commander", f"/journeys/{theirs}/")
        giving.click("#legs button:has-text('We give it')")
        taking = office.page("host", "commander-karachi", f"/journeys/{theirs}/")
        taking.click("#legs button:has-text('We have taken it')")
        expect(taking.locator("#legs")).to_contain_text("taken")
        assert said(nodes, "host", theirs, "check_in") == []
        stage(host, "Cleared")

    # The link is back: each side has what the other said meanwhile, once.
    stage(host, "Under way")
    until(lambda: len(said(nodes, "host", theirs, "check_in")) == 2, "both words at the host", 120)
    expect(partner.locator("#legs")).to_contain_text("taken", timeout=90_000)
    word(partner, "arrived")
    stage(partner, "Arrived")
    stage(host, "Arrived")
    for kind, count in (("check_in", 3), ("acknowledgement", 1), ("clearance", 1), ("leg", 2)):
        assert len(said(nodes, "partner", own, kind)) == count, kind
        assert len(said(nodes, "host", theirs, kind)) == count, kind


def test_a_refused_movement_says_why_and_the_liaison_objects_without_a_veto(
    office: Office, nodes: Demonstration
) -> None:
    reference = f"E2E-{uuid4().hex[:6]}"
    partner, own = notify(office, reference=reference)
    until(lambda: bool(received(nodes, "host", reference)), "the notice at the host")
    host = review(office, "coordinator", received(nodes, "host", reference))
    host.click("#act-refuse button.danger")
    expect(
        host.locator("#act-refuse .errorlist, #act-refuse [role=alert], #act-refuse .error").first
    ).to_be_visible()
    host.fill("#act-refuse [name$=reason]", "No escort can be had today")
    host.click("#act-refuse button.danger")
    notice(host, "Refused.")
    stage(partner, "Refused")
    expect(partner.locator("#movement")).to_contain_text("No escort can be had today")

    liaison = live(office.page("partner", "liaison", f"/journeys/{own}/"))
    expect(liaison.locator("#act-clear, #act-refuse, #act-legs")).to_have_count(0)
    liaison.fill("[name=comment-text]", "The patient cannot wait")
    liaison.select_option("[name=comment-stance]", "objection")
    liaison.click("form[action$='/comment/'] button")
    notice(liaison, "Said.")
    expect(host.locator("#said")).to_contain_text("The patient cannot wait", timeout=90_000)
    stage(host, "Refused")


def test_an_amended_movement_says_what_changed_to_both(office: Office, nodes: Demonstration) -> None:
    reference = f"E2E-{uuid4().hex[:6]}"
    partner, own = notify(office, reference=reference, persons="3")
    until(lambda: bool(received(nodes, "host", reference)), "the notice at the host")
    host = live(office.page("host", "watch", f"/journeys/{received(nodes, 'host', reference)}/"))
    office.go(partner, "partner", f"/journeys/{own}/amend/")
    partner.fill("[name=persons]", "5")
    partner.click("main form button.primary")
    for page in (live(partner), host):
        change = page.locator("#movement", has=page.locator("ins", has_text="5")).locator("del", has_text="3")
        expect(change.first).to_be_visible(timeout=90_000)


def test_silence_climbs_to_the_last_step_and_word_settles_it(office: Office, nodes: Demonstration) -> None:
    """The demonstration's silent journey, whose ladder climbs within minutes."""
    board = live(office.page("partner", "manager", "/journeys/"))
    line = board.locator("tr[data-journey]", has_text="DEMO-03")
    expect(line.locator(".stage")).to_have_text("Overdue")
    raised = line.locator("[data-escalation]", has_text="Missed check-in")
    # A notice that came late has a minute before its silence counts.
    expect(raised.first).to_be_visible(timeout=120_000)
    movement = received(nodes, "partner", "DEMO-03")

    def steps() -> list[int]:
        return [p["step"]["rung"] for s, p in said(nodes, "partner", movement, "escalation")]

    until(lambda: max(steps(), default=0) == len(LADDER), "the last step", 240)
    own = raised.filter(has=board.locator("button"))
    expect(own).to_contain_text(f"step {len(LADDER)}", timeout=90_000)
    line.locator("button:has-text('Take it on')").first.click()
    until(
        lambda: any(s == "answered" for s, _ in said(nodes, "partner", movement, "escalation")),
        "the answer on record",
    )
    page = live(office.page("partner", "manager", f"/journeys/{movement}/"))
    word(page, "check_in", "Shershah")
    stage(page, "Under way")
    host = live(office.page("host", "watch", f"/journeys/{received(nodes, 'host', 'DEMO-03')}/"))
    stage(host, "Under way")


def test_a_phone_that_moves_on_the_partners_node_moves_on_the_hosts_map(
    office: Office, nodes: Demonstration
) -> None:
    """Its positions flow to the host while the clause lets them; the host's watch officer follows them live."""
    phone = office.page("partner", "traveller", "/journeys/phone/")
    own = phone.locator("[data-journey]").first.get_attribute("data-journey")
    assert own
    word_page = live(office.page("partner", "manager", f"/journeys/{own}/"))
    word(word_page, "check_in", "on the road")
    reference = _reference(nodes, own)
    theirs = received(nodes, "host", reference)
    until(lambda: _state(nodes, theirs) == "under_way", "the word at the host", 120)

    board = live(office.page("host", "watch", "/journeys/map/"))
    row = board.locator(f"#m-{theirs}")
    expect(row).to_be_visible(timeout=90_000)
    assert _report(phone, own, 25.4321) == 200
    expect(row.locator("[data-seen]")).to_contain_text("25.4321, 65.1234", timeout=90_000)
    expect(row).to_contain_text("from the node of", timeout=90_000)
    expect(row.locator("[data-stale-word]")).to_be_hidden()
    for latitude in (25.4421, 25.4521, 25.4621):
        board.wait_for_timeout(700)
        assert _report(phone, own, latitude) == 200
        expect(row.locator("[data-seen]")).to_contain_text(f"{latitude}, 65.1234", timeout=90_000)


def _report(phone: Page, movement: str, latitude: float) -> int:
    """What a phone's page posts of where it is; the answer's status."""
    status: int = phone.evaluate(
        """async ([movement, latitude]) => (await fetch("/positions", { method: "POST",
          headers: { "Content-Type": "application/json" },
          body: JSON.stringify({ movement, positions: [
            { at: Date.now() / 1000, latitude, longitude: 65.1234, accuracy_m: 9.5 }] }) })).status""",
        [movement, latitude],
    )
    return status


def _reference(nodes: Demonstration, movement: str) -> str:
    ((parts,),) = nodes.rows("partner", "SELECT parts FROM records_row WHERE id = %s", movement)
    return str(json.loads(parts)["notice"]["reference"])


def _state(nodes: Demonstration, record: str) -> str:
    ((state,),) = nodes.rows("host", "SELECT state FROM records_row WHERE id = %s", record)
    return str(state)
