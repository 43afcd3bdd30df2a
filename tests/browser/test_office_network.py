"""A phone on an office network without the internet: the node's own certificate, under a name that is not localhost.

The browser knows the office's authority as a device does that was given it, and is told to overlook nothing.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Error, Playwright, expect

from browser.demonstration import SAFECONDUCT, until
from browser.test_phone import KEPT, PAGE, READY
from browsers import WITHOUT_WEBGL, executable
from node.test_processes import free_port
from safeconduct.node.office_authority import certify
from safeconduct.node.processes import Node
from safeconduct.records.home import Home

NAME = "node.office.lan"
PASSWORD = "a long word for the office"


@pytest.fixture(scope="module")
def node(ruled: Callable[[str], Path], tmp_path_factory: pytest.TempPathFactory) -> Iterator[Node]:
    """A node that speaks HTTPS with a certificate of the office's authority, and one account in it."""
    folder = tmp_path_factory.mktemp("office") / "home"
    shutil.copytree(ruled("partner"), folder)
    found = Home.load(folder)
    settings = {**found.settings, "port": free_port(), "exchange_port": free_port()}
    home = Home(folder, found.party, found.side, found.name, {}, settings)
    home.save()
    home, _ = certify(home, [NAME])
    node = Node(home)
    try:
        node.start(("writer", "web"), timeout=120)
        node.ready(timeout=120)
        command = ["account", "create", "li", "--role", "protected_person", "--password", PASSWORD]
        subprocess.run(
            [SAFECONDUCT, "--home", str(folder), *command],
            check=True,
            capture_output=True,
            env={**os.environ, "SAFECONDUCT_HOME": str(folder)},
        )
        yield node
    finally:
        node.stop()


def device(playwright: Playwright, folder: Path, authority: Path | None) -> Browser:
    """A browser with a user's store of authorities, which holds the office's or nothing."""
    store = folder / ".pki/nssdb"
    store.mkdir(parents=True)
    subprocess.run(["certutil", "-d", f"sql:{store}", "-N", "--empty-password"], check=True)
    if authority is not None:
        trusted = ["-A", "-t", "C,,", "-n", "office", "-i", str(authority)]
        subprocess.run(["certutil", "-d", f"sql:{store}", *trusted], check=True)
    rules = f"--host-resolver-rules=MAP {NAME} 127.0.0.1, MAP * ~NOTFOUND"
    return playwright.chromium.launch(
        executable_path=executable(),
        args=[*WITHOUT_WEBGL, rules],
        env={**os.environ, "HOME": str(folder)},
    )


def test_a_phone_that_knows_the_office_keeps_the_page_without_a_network(
    playwright: Playwright, node: Node, tmp_path: Path
) -> None:
    site = f"https://{NAME}:{node.home.settings['port']}"
    browser = device(playwright, tmp_path, node.home.path / "tls/authority.pem")
    try:
        context = browser.new_context(locale="en-GB")
        page = context.new_page()
        answer = page.goto(f"{site}/accounts/login/")
        assert answer is not None and answer.ok
        assert re.fullmatch(r"max-age=31536000", answer.headers["strict-transport-security"])
        page.fill("input[name=login]", "li")
        page.fill("input[name=password]", PASSWORD)
        page.press("input[name=password]", "Enter")
        expect(page).not_to_have_url(re.compile("login"))
        cookies = {each["name"]: each for each in context.cookies()}
        assert cookies and all(
            name.startswith("__Host-") and each["secure"] for name, each in cookies.items()
        )
        page.goto(f"{site}{PAGE}")
        expect(page.locator(READY)).to_be_attached()
        # Over HTTP/2 each cookie is a header of its own.
        assert page.evaluate("performance.getEntriesByType('navigation')[0].nextHopProtocol") == "h2"
        assert page.evaluate("isSecureContext && location.protocol == 'https:'")
        assert page.evaluate("navigator.serviceWorker.getRegistration().then(Boolean)")
        until(lambda: page.evaluate(KEPT), "the page is kept for when there is no network")
        context.set_offline(True)
        page.reload()
        expect(page.locator(READY)).to_be_attached()
    finally:
        browser.close()


def test_a_phone_that_does_not_know_the_office_is_told_so(
    playwright: Playwright, node: Node, tmp_path: Path
) -> None:
    browser = device(playwright, tmp_path, None)
    try:
        with pytest.raises(Error, match="ERR_CERT_AUTHORITY_INVALID"):
            browser.new_page().goto(f"https://{NAME}:{node.home.settings['port']}/")
    finally:
        browser.close()
