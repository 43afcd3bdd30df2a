"""The modules in a real browser, fed by hand: live updates, what must leave the screen, passkeys, the map."""

from __future__ import annotations

import json
import mimetypes
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import Browser, Page, Playwright, Route, expect, sync_playwright

from browsers import WEBGL, WITHOUT_WEBGL, executable
from safeconduct.shell.security import POLICY

pytestmark = pytest.mark.browser

DIST = Path(__file__).resolve().parents[2] / "src/safeconduct/shell/static/dist"
SITE = "http://localhost"

HEAD = (
    '<!doctype html><html lang="en" data-theme="light" data-side="host"><head><title>t</title>'
    '<link rel="icon" href="data:,"><link rel="stylesheet" href="/dist/app.css">'
    '<script type="module" src="/dist/shell.js"></script>{head}</head><body>{body}</body></html>'
)
MARK = '"><img src=x onerror=document.title=1>'


@pytest.fixture(scope="module")
def playwright() -> Iterator[Playwright]:
    assert (DIST / "shell.js").is_file(), "the bundle is made when the package is installed"
    with sync_playwright() as running:
        yield running


@pytest.fixture(scope="module")
def browser(playwright: Playwright) -> Iterator[Browser]:
    running = playwright.chromium.launch(executable_path=executable(), args=WEBGL)
    yield running
    running.close()


class Desk:
    """A page whose server is this test: `answers` maps a path to (status, type, body) or to a redirect."""

    def __init__(self, page: Page) -> None:
        self.page = page
        self.answers: dict[str, Any] = {}
        self.asked: list[str] = []
        self.complaints: list[str] = []
        page.route("**/*", self._answer)
        page.on("pageerror", lambda fault: self.complaints.append(str(fault)))
        page.on("console", lambda m: self.complaints.append(m.text) if "Content Security" in m.text else None)

    def _answer(self, route: Route) -> None:
        url = urlsplit(route.request.url)
        self.asked.append(f"{url.path}?{url.query}" if url.query else url.path)
        if url.path.startswith("/dist/"):
            file = DIST / url.path.removeprefix("/dist/")
            kind = mimetypes.guess_type(file.name)[0] or "application/octet-stream"
            self._serve(route, file.read_bytes(), kind)
            return
        status, kind, body = self.answers.get(url.path, (404, "text/html", ""))
        if status == 302:
            route.fulfill(status=302, headers={"Location": body})
        else:
            headers = {"Content-Type": kind, "Content-Security-Policy": POLICY}
            route.fulfill(status=status, headers=headers, body=body)

    @staticmethod
    def _serve(route: Route, body: bytes, kind: str) -> None:
        wanted = route.request.headers.get("range")
        if wanted is None:
            route.fulfill(body=body, content_type=kind)
            return
        first, last = (int(n) for n in wanted.removeprefix("bytes=").split("-"))
        piece = body[first : last + 1]
        headers = {
            "Content-Type": kind,
            "Content-Range": f"bytes {first}-{first + len(piece) - 1}/{len(body)}",
        }
        route.fulfill(status=206, headers=headers, body=piece)

    def page_is(self, body: str, head: str = "") -> None:
        self.answers["/page"] = (200, "text/html", HEAD.format(head=head, body=body))

    def stream(self, *messages: dict[str, Any], more: str = "") -> None:
        text = "".join(f"id: {m['index']}\ndata: {json.dumps(m)}\n\n" for m in messages)
        self.answers["/live"] = (200, "text/event-stream", "retry: 60000\n\n" + text + more)

    def open(self) -> None:
        self.page.goto(f"{SITE}/page")

    def press_while_it_changes(self, where: str) -> None:
        """The finger comes down, and what is there now is asked for; it stays down."""
        self.page.hover(where)
        self.page.mouse.down()
        with self.page.expect_response("**/part"):
            self.page.evaluate(CHANGED)


@pytest.fixture
def desk(browser: Browser) -> Iterator[Desk]:
    context = browser.new_context()
    context.set_default_timeout(90_000)
    made = Desk(context.new_page())
    yield made
    context.close()
    assert made.complaints == []


LIVE = '<p data-live="/live" data-word-live="live" data-word-reconnecting="lost" data-gone="gone"></p>'
CHANGED = """() => {
    const detail = {kinds: new Set(["incident"]), records: null};
    document.body.dispatchEvent(new CustomEvent("live", {detail}));
}"""
CHANGE = {"kind": "incident", "record": "r1", "about": "", "index": 41}


def test_a_change_fetches_the_parts_that_follow_it_and_no_others(desk: Desk) -> None:
    desk.stream(CHANGE)
    desk.page_is(
        LIVE + '<div id="a" data-refresh-on="incident" data-refresh-url="/part">old</div>'
        '<div id="b" data-refresh-on="claim" data-refresh-url="/other">old</div>'
        '<div id="c" data-refresh-on="incident" data-refresh-record="r2" data-refresh-url="/third">old</div>'
    )
    desk.answers["/part"] = (200, "text/html", '<p>around</p><div id="a"><b>new</b></div>')
    desk.open()
    expect(desk.page.locator("#a")).to_have_text("new")
    assert "/other" not in desk.asked and "/third" not in desk.asked


def test_a_record_s_page_follows_what_is_said_about_it(desk: Desk) -> None:
    desk.stream({"kind": "claim", "record": "c9", "about": "r2", "index": 42})
    desk.page_is(
        LIVE
        + '<div id="c" data-refresh-on="claim" data-refresh-record="r2" data-refresh-url="/part">old</div>'
    )
    desk.answers["/part"] = (200, "text/html", "fresh")
    desk.open()
    expect(desk.page.locator("#c")).to_have_text("fresh")


def test_after_a_break_the_page_asks_for_what_it_missed(desk: Desk) -> None:
    desk.stream(CHANGE)
    desk.page_is(LIVE)
    desk.open()
    expect(desk.page.locator("[data-live]")).to_have_text("lost")
    with desk.page.expect_request("**/live?last_event_id=41"):
        pass


def test_what_happened_while_the_page_was_on_its_way_is_asked_for(desk: Desk) -> None:
    desk.stream(CHANGE)
    desk.page_is(LIVE.replace('data-live="/live"', 'data-live="/live?topics=sos" data-since="40"'))
    desk.open()
    expect(desk.page.locator("[data-live]")).to_have_text("lost")
    streams = [each for each in desk.asked if each.startswith("/live")]
    assert streams[0] == "/live?topics=sos&last_event_id=40"


def test_the_server_may_tell_the_page_to_look_at_everything(desk: Desk) -> None:
    desk.stream(more="event: reset\ndata: {}\n\n")
    desk.page_is(LIVE + '<div id="b" data-refresh-on="claim" data-refresh-url="/part">old</div>')
    desk.answers["/part"] = (200, "text/html", "fresh")
    desk.open()
    expect(desk.page.locator("#b")).to_have_text("fresh")


@pytest.mark.parametrize("status", [403, 404, 410])
def test_what_may_no_longer_be_seen_leaves_the_screen(desk: Desk, status: int) -> None:
    desk.stream(CHANGE)
    desk.page_is(LIVE + '<div id="a" data-refresh-on="*" data-refresh-url="/part">CANARY</div>')
    desk.answers["/part"] = (status, "text/html", "")
    desk.open()
    expect(desk.page.locator("#a")).to_have_text("gone")
    assert "CANARY" not in desk.page.content()


def test_a_failing_server_leaves_what_is_there(desk: Desk) -> None:
    desk.stream(CHANGE)
    desk.page_is(LIVE + '<div id="a" data-refresh-on="*" data-refresh-url="/part">still</div>')
    desk.answers["/part"] = (503, "text/html", "broken")
    with desk.page.expect_response("**/part"):
        desk.open()
    assert desk.page.inner_text("#a") == "still"


def test_when_the_session_ends_the_page_goes(desk: Desk) -> None:
    desk.stream(CHANGE)
    desk.page_is(LIVE + '<div id="a" data-refresh-on="*" data-refresh-url="/part">CANARY</div>')
    desk.answers["/part"] = (302, "", "/sign-in")
    desk.open()
    desk.answers["/page"] = (200, "text/html", "Sign in")
    desk.page.wait_for_selector("text=Sign in")
    assert "CANARY" not in desk.page.content()


def test_an_entry_that_is_being_written_is_not_taken_away(desk: Desk) -> None:
    desk.page_is(
        LIVE + '<div id="a" data-refresh-on="incident" data-refresh-url="/part"><input id="note"></div>'
        '<button id="elsewhere">x</button>'
    )
    desk.answers["/part"] = (200, "text/html", "fresh")
    desk.open()
    desk.page.fill("#note", "half a sentence")
    desk.page.evaluate(CHANGED)
    assert desk.page.input_value("#note") == "half a sentence"
    assert desk.page.get_attribute("#a", "data-stale") is not None
    desk.page.focus("#elsewhere")
    expect(desk.page.locator("#a")).to_have_text("fresh")


def test_an_entry_that_was_begun_since_it_was_asked_for_is_not_taken_away(desk: Desk) -> None:
    desk.page_is(
        LIVE
        + '<div id="a" data-refresh-on="incident" data-refresh-url="/part"><i>old</i> <input class="note"></div>'
    )
    desk.answers["/part"] = (200, "text/html", "fresh")
    desk.open()
    desk.press_while_it_changes("#a i")
    desk.page.focus(".note")
    desk.page.mouse.up()
    expect(desk.page.locator("#a[data-stale] .note")).to_be_focused()


def test_what_changes_while_a_link_is_pressed_does_not_take_the_press_away(desk: Desk) -> None:
    desk.page_is(
        LIVE
        + '<div id="a" data-refresh-on="incident" data-refresh-url="/part"><a href="/opened">open</a></div>'
    )
    desk.answers["/part"] = (200, "text/html", '<a href="/opened">fresh</a>')
    desk.answers["/opened"] = (200, "text/html", "Opened")
    desk.open()
    desk.press_while_it_changes("#a a")
    desk.page.evaluate("new Promise(done => setTimeout(done, 100))")
    desk.page.mouse.up()
    desk.page.wait_for_selector("text=Opened")


def test_what_is_held_on_to_for_long_is_replaced_under_the_finger(desk: Desk) -> None:
    desk.page_is(LIVE + '<div id="a" data-refresh-on="incident" data-refresh-url="/part"><i>old</i></div>')
    desk.answers["/part"] = (200, "text/html", "<i>fresh</i>")
    desk.open()
    desk.press_while_it_changes("#a i")
    expect(desk.page.locator("#a")).to_have_text("fresh")


PASSKEY = (
    '<form data-passkey="{ceremony}" data-passkey-options="options" data-passkey-refused="refused" method="get"'
    ' action="/done"><input type="hidden" name="answer" data-passkey-answer><p data-passkey-error hidden></p>'
    '<button name="which" value="this">Sign</button></form>'
    '<script id="options" type="application/json">{options}</script>'
)
PASSKEY_HEAD = '<script type="module" src="/dist/passkey.js"></script>'


def passkey_page(desk: Desk, ceremony: str, options: dict[str, Any]) -> None:
    desk.page_is(PASSKEY.format(ceremony=ceremony, options=json.dumps(options)), PASSKEY_HEAD)
    desk.answers["/done"] = (200, "text/html", "done")
    desk.open()


def answer_of(desk: Desk) -> dict[str, Any]:
    desk.page.click("button")
    desk.page.wait_for_url("**/done?*")
    given = dict(desk.page.evaluate("Object.fromEntries(new URLSearchParams(location.search))"))
    assert given["which"] == "this"  # the button that was pressed is still told
    return json.loads(given["answer"])


def test_a_passkey_is_made_and_then_signs_the_challenge(desk: Desk) -> None:
    keys = desk.page.context.new_cdp_session(desk.page)
    keys.send("WebAuthn.enable")
    authenticator = {
        "protocol": "ctap2",
        "transport": "internal",
        "hasResidentKey": True,
        "hasUserVerification": True,
        "isUserVerified": True,
        "automaticPresenceSimulation": True,
    }
    keys.send("WebAuthn.addVirtualAuthenticator", {"options": authenticator})
    make = {
        "challenge": "_-8",
        "rp": {"id": "localhost", "name": "t"},
        "user": {"id": "AAEC", "name": "s.malik", "displayName": "S. Malik"},
        "pubKeyCredParams": [{"type": "public-key", "alg": -7}],
    }
    passkey_page(desk, "create", {"publicKey": make})
    made = answer_of(desk)
    assert made["type"] == "public-key" and made["response"]["attestationObject"]

    allowed = [{"type": "public-key", "id": made["id"]}]
    passkey_page(desk, "get", {"challenge": "SGVsbG8", "rpId": "localhost", "allowCredentials": allowed})
    signed = answer_of(desk)
    assert signed["id"] == made["id"] and signed["response"]["signature"]
    told = signed["response"]["clientDataJSON"]
    client = json.loads(_bytes(told))
    assert client["type"] == "webauthn.get" and client["challenge"] == "SGVsbG8"


def _bytes(text: str) -> bytes:
    import base64

    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


def test_a_refused_passkey_sends_nothing_and_says_so(desk: Desk) -> None:
    passkey_page(desk, "get", {"challenge": "AA", "rpId": "elsewhere.example"})
    desk.page.click("button")
    desk.page.wait_for_selector("[data-passkey-error]:visible")
    assert desk.page.inner_text("[data-passkey-error]") == "refused"
    assert "/done" not in "".join(desk.asked)


def test_a_question_is_asked_before_an_act_and_a_second_press_does_nothing(desk: Desk) -> None:
    desk.page_is('<form id="f" data-confirm="Sure?" data-once action="/done"><button>Go</button></form>')
    desk.answers["/done"] = (204, "text/html", "")
    desk.open()
    answers = iter([False, True])
    desk.page.on("dialog", lambda d: d.accept() if next(answers) else d.dismiss())
    desk.page.click("button")
    assert "/done?" not in desk.asked and desk.page.is_enabled("button")
    desk.page.click("button")
    expect(desk.page.locator("button")).to_be_disabled()


@pytest.mark.parametrize("direction", ["ltr", "rtl"])
def test_on_a_narrow_screen_the_row_of_pages_shows_the_one_that_is_open(desk: Desk, direction: str) -> None:
    pages = "".join(
        f'<a href="#{n}"{" aria-current=page" if n == 8 else ""}>A page of the room {n}</a>'
        for n in range(10)
    )
    desk.page.set_viewport_size({"width": 390, "height": 800})
    desk.page_is(f'<nav class="tabs" dir="{direction}">{pages}</nav>')
    desk.open()
    expect(desk.page.locator("html.js")).to_be_attached()
    expect(desk.page.locator("[aria-current]")).to_be_in_viewport(ratio=1)
    expect(desk.page.locator("a").first).not_to_be_in_viewport()


POINTS = {
    "type": "FeatureCollection",
    "features": [
        {
            "type": "Feature",
            "geometry": {"type": "Point", "coordinates": [67.0, 24.9]},
            "properties": {"title": MARK, "url": "javascript:alert(1)", "level": "OPEN", "place": MARK},
        }
    ],
}
MAP_HEAD = '<link rel="stylesheet" href="/dist/map.css"><script type="module" src="/dist/map.js"></script>'


def test_the_map_draws_points_and_takes_only_text_from_them(desk: Desk) -> None:
    desk.page.set_viewport_size({"width": 600, "height": 500})
    desk.page_is(
        '<div class="map" id="map" data-map data-points="/points" data-center="67,24.9" data-zoom="6"></div>',
        MAP_HEAD,
    )
    desk.answers["/points"] = (200, "application/geo+json", json.dumps(POINTS))
    desk.open()
    desk.page.wait_for_selector("#map[data-ready][data-count='1']", timeout=90_000)
    box = desk.page.locator("#map canvas").bounding_box()
    assert box is not None
    card = None
    while card is None:  # until the point is drawn, there is nothing to click on
        desk.page.mouse.click(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
        desk.page.wait_for_timeout(100)
        card = desk.page.query_selector(".map-cards")
    assert MARK in card.inner_text()
    assert card.query_selector("img") is None and card.query_selector("a") is None
    assert desk.page.title() == "t"


def test_points_that_may_no_longer_be_seen_leave_the_map(desk: Desk) -> None:
    desk.page_is(
        '<div class="map small" id="map" data-map data-points="/points" data-refresh-on="incident"></div>',
        MAP_HEAD,
    )
    desk.answers["/points"] = (200, "application/geo+json", json.dumps(POINTS))
    desk.open()
    desk.page.wait_for_selector("#map[data-count='1']", timeout=90_000)
    desk.answers["/points"] = (404, "text/html", "")
    desk.page.evaluate(
        "document.body.dispatchEvent(new CustomEvent('live', {detail: {kinds: new Set(['incident']), records: null}}))"
    )
    desk.page.wait_for_selector("#map[data-count='0']")


def test_a_wide_table_does_not_widen_a_phone_s_page_by_its_words_for_a_screen_reader(desk: Desk) -> None:
    desk.page.set_viewport_size({"width": 390, "height": 844})
    cells = f'<td>{"x" * 200}</td><td><span class="visually-hidden">to</span></td>'
    desk.page_is(f'<div class="table-wrap"><table><tr>{cells}</tr></table></div>')
    desk.open()
    assert desk.page.evaluate("document.documentElement.scrollWidth") == 390


def test_without_webgl_the_map_makes_way_for_the_table(playwright: Playwright) -> None:
    plain = playwright.chromium.launch(executable_path=executable(), args=WITHOUT_WEBGL)
    desk = Desk(plain.new_page())
    desk.page_is('<div class="map" data-map data-unsupported="use the table"></div>', MAP_HEAD)
    desk.open()
    desk.page.wait_for_selector("text=use the table")
    assert desk.page.locator("[data-map]").count() == 0
    plain.close()
