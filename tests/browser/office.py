"""People at their screens: one browser, a context for each account, and a watch over all that they load."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from urllib.parse import quote, urlsplit

from playwright.sync_api import Browser, BrowserContext, ConsoleMessage, Page, Request, Response, expect

from browser.demonstration import Demonstration
from safeconduct.node.demonstration.cast import PASSWORD

LOCALES = {"en": "en-GB", "ur": "ur-PK", "zh-hans": "zh-CN"}
REFUSED = re.compile(r"status of 4\d\d")
PATIENCE = 240_000


@dataclass
class Watch:
    """What no page may do: complain in the console, fail, or ask anybody but its own node."""

    complaints: list[str] = field(default_factory=list)
    requests: int = 0
    unplugged: set[BrowserContext] = field(default_factory=set)

    def begin(self) -> None:
        """Of what was before the next test, nothing counts."""
        self.complaints.clear()
        self.unplugged.clear()

    def over(self, context: BrowserContext) -> None:
        context.on("console", self._said)
        context.on("weberror", lambda fault: self.complaints.append(f"script: {fault.error}"))
        context.on("request", self._asked)
        context.on("response", self._answered)

    def _said(self, message: ConsoleMessage) -> None:
        # A refusal is an answer; the browser logs it like a failure. What may fail is in `_answered`.
        if message.type != "error" or REFUSED.search(message.text) or self._of_no_network(message):
            return
        where = message.location["url"]
        self.complaints.append(f"console on {message.page and message.page.url}: {message.text} ({where})")

    def _of_no_network(self, message: ConsoleMessage) -> bool:
        """Whether a browser that was unplugged in this test says so: it may, also when it is plugged in again."""
        script = urlsplit(message.location["url"]).path
        lost = "net::ERR_" in message.text or script.endswith("/map.js")  # its tiles
        if message.page is None:  # a worker's
            return lost and bool(self.unplugged)
        return lost and message.page.context in self.unplugged

    def _asked(self, request: Request) -> None:
        self.requests += 1
        url = urlsplit(request.url)
        if url.scheme not in ("data", "blob") and url.hostname != "localhost":
            self.complaints.append(f"a request left the machine: {request.url}")

    def _answered(self, response: Response) -> None:
        wanted = response.url.split("/static/")[-1]
        if response.status >= 500 or (response.status >= 400 and wanted != response.url):
            self.complaints.append(f"{response.status} {response.request.method} {response.url}")


class Office:
    """Opens pages for people of either party. `page` signs in once for each account, party and language."""

    def __init__(self, browser: Browser, nodes: Demonstration) -> None:
        self.browser = browser
        self.nodes = nodes
        self.watch = Watch()
        self._desks: dict[tuple[str, str, str], BrowserContext] = {}
        self._states: dict[tuple[str, str], object] = {}
        self._passing: list[BrowserContext] = []

    def page(self, side: str, username: str, path: str = "/incidents/", language: str = "en") -> Page:
        """A new page of somebody who is signed in, at `path`."""
        desk = (side, username, language)
        if desk not in self._desks:
            state = self._states.get((side, username))
            context = self._context(language, state)
            if state is None:
                first = context.new_page()
                self.sign_in(first, side, username)
                first.close()
                self._states[side, username] = context.storage_state()
            self._desks[desk] = context
        page = self._desks[desk].new_page()
        self.go(page, side, path)
        return page

    def listing(self, side: str, username: str, words: str, language: str = "en") -> Page:
        """The list of the incidents that have these words: those made up for the demonstration fill the whole one."""
        return self.page(side, username, f"/incidents/?text={quote(words)}", language)

    def newcomer(self, language: str = "en") -> Page:
        """A page in a browser that nobody has used yet."""
        context = self._context(language)
        self._passing.append(context)
        return context.new_page()

    def go(self, page: Page, side: str, path: str) -> Response:
        answer = page.goto(self.nodes.address(side, path))
        assert answer is not None
        return answer

    def sign_in(self, page: Page, side: str, username: str, password: str = PASSWORD) -> None:
        self.go(page, side, "/accounts/login/")
        page.fill("#id_login", username)
        page.fill("#id_password", password)
        page.press("#id_password", "Enter")
        page.wait_for_url(re.compile(r"/incidents/$"))

    @contextmanager
    def unplugged(self, context: BrowserContext) -> Iterator[None]:
        """No network for this browser, which may complain of that, and of nothing else."""
        self.watch.unplugged.add(context)
        context.set_offline(True)
        try:
            yield
        finally:
            context.set_offline(False)

    def close_pages(self) -> None:
        """Between two tests: everybody closes what they had open; they stay signed in."""
        for context in self._passing:
            context.close()
        self._passing.clear()
        for context in self._desks.values():
            for page in context.pages:
                page.close()

    def forget(self) -> None:
        """Nobody is signed in any more, as after a change of the nodes."""
        self.close_pages()
        for context in self._desks.values():
            context.close()
        self._desks.clear()
        self._states.clear()

    def ended(self, side: str, username: str) -> None:
        """The sessions of this account have ended: its next page signs in anew."""
        self._states.pop((side, username), None)
        for desk in [each for each in self._desks if each[:2] == (side, username)]:
            self._desks.pop(desk).close()

    def _context(self, language: str, state: object = None) -> BrowserContext:
        context = self.browser.new_context(
            locale=LOCALES[language],
            viewport={"width": 1280, "height": 800},
            storage_state=state,  # type: ignore[arg-type]
        )
        context.set_default_timeout(PATIENCE)
        self.watch.over(context)
        return context


def live(page: Page) -> Page:
    """The page, once its stream of changes is open: from then on it misses nothing."""
    expect(page.locator("[data-live][data-state=live]")).to_be_attached(timeout=PATIENCE)
    return page


def notice(page: Page, text: str) -> None:
    """Wait for what the node says after something was done."""
    expect(page.locator("#messages")).to_contain_text(text, timeout=PATIENCE)
