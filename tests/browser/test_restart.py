"""The nodes stop cleanly, their ledgers hold, and the next start finds everything again."""

from __future__ import annotations

import signal
import time
from uuid import uuid4

from playwright.sync_api import expect

from browser.demonstration import Demonstration
from browser.office import Office, live
from browser.reports import report
from safeconduct.records.home import SIDES


def sound(nodes: Demonstration, side: str) -> int:
    """Entries of a ledger that holds, as `verify` counts them."""
    told = nodes.command("verify", "--home", str(nodes.home(side)))
    assert told.returncode == 0, told.stdout + told.stderr
    assert told.stdout.startswith("ledger holds: ")
    return int(told.stdout.split()[2].replace(",", ""))


def test_a_second_start_finds_the_data_of_the_first(office: Office, nodes: Demonstration) -> None:
    mark = uuid4().hex[:6]
    title = f"Before the nodes stopped {mark}"
    partner = live(office.listing("partner", "liaison", mark))
    report(office, title)
    expect(partner.locator("#incident-lines")).to_contain_text(title)
    # People leave their screens: what a stopping node answers to open pages is not this test's matter.
    office.close_pages()
    office.watch.complaints.clear()

    running = {side: nodes.command("status", "--home", str(nodes.home(side))).stdout for side in SIDES}
    assert all(", running, " in told and "last contact" in told for told in running.values())
    sizes = {side: nodes.size(side) for side in SIDES}
    began = time.monotonic()
    assert nodes.stop(signal.SIGINT) == 0  # SIGTERM ends them after the last test
    assert time.monotonic() - began < 25
    assert nodes.processes() == []
    for side in SIDES:
        told = nodes.command("status", "--home", str(nodes.home(side)))
        assert ", stopped, " in told.stdout
        assert sound(nodes, side) >= sizes[side]

    nodes.start()
    # Everybody is still signed in, and nothing was filled a second time.
    filled = office.listing("partner", "liaison", "Ambush convoy Gwadar")
    assert filled.locator("#incident-lines tr", has_text="Ambush of a convoy, Gwadar").count() <= 1
    again = live(office.listing("partner", "liaison", mark))
    expect(again.locator("#incident-lines", has_text=title)).to_have_count(1)
    expect(again.locator("#incident-lines tr", has_text=title)).to_have_count(1)
    later = f"After they started {mark}"
    report(office, later)
    expect(again.locator("#incident-lines")).to_contain_text(later, timeout=90_000)


def test_the_ledgers_hold_while_the_nodes_run(nodes: Demonstration) -> None:
    for side in SIDES:
        assert sound(nodes, side) > 100


def test_the_addresses_and_accounts_are_printed(nodes: Demonstration) -> None:
    told = "\n".join(nodes.said)
    for side in SIDES:
        for path in ("/", "/incidents/map/", "/agreement/", "/oversight/holdings/", "/oversight/ledger/"):
            assert nodes.address(side, path) in told
    assert nodes.said[-1] == f"ready {nodes.address('host')} {nodes.address('partner')}"
