"""The watch floor, the muster board and the phone as people meet them: in alarm, in three languages, by night, on a
wall, cut off, without a map, with the keyboard, and with something half written."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from uuid import uuid4

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Locator, Page, expect

from browser.demonstration import Demonstration
from browser.office import Office, live
from browser.test_phone import ready

SLOW = 90_000
SIZES = ((1366, 768), (390, 844), (1920, 1080))
# What each page says in alarm: the floor, the muster board, the phone.
SAID = {
    "en": (
        ("needs? somebody at once", "nobody in this room has acknowledged", "this room's clock", "connected"),
        ("Needs help", "Unaccounted", "Unreachable", "Accounted", "Silence is never shown as safe"),
        ("Hold for two seconds", "You have not answered. Nobody takes that for safe.", "I need help"),
    ),
    "ur": (
        ("فوراً کسی کی ضرورت", "اس مرکز میں کسی نے وصولی کی تصدیق نہیں کی", "اس مرکز کی گھڑی", "منسلک"),
        ("مدد درکار", "خیریت غیر مصدقہ", "رابطے سے باہر", "خاموشی کبھی خیریت نہیں دکھائی جاتی"),
        ("دو سیکنڈ دبائے رکھیں", "آپ نے جواب نہیں دیا", "مجھے مدد چاہیے"),
    ),
    "zh-hans": (
        ("须立即处理", "本值班室无人确认", "本值班室计时", "已连接"),
        ("需要帮助", "下落不明", "无法联系", "已确认下落", "沉默绝不显示为安全"),
        ("按住两秒", "您尚未答复", "我需要帮助"),
    ),
}


@dataclass(frozen=True)
class Alarm:
    """What is open meanwhile: an SOS that the Host has not acknowledged, a muster in which somebody needs help."""

    headline: str
    title: str
    sos: str
    board: str

    @property
    def muster(self) -> str:
        """The board's path at the Partner's node."""
        return f"/watch/musters/{self.board.split('/')[-2]}/"


@pytest.fixture(scope="module")
def alarm(_shared_office: Office) -> Iterator[Alarm]:
    office, mark = _shared_office, uuid4().hex[:6]
    headline, title = f"Shots at the bridge {mark}", f"After the bridge {mark}"
    page = office.page("partner", "watch", "/watch/sos/new/")
    for name, text in (("headline", headline), ("latitude", "25.28"), ("longitude", "62.93")):
        page.fill(f"[name={name}]", text)
    page.click("main form button.primary")
    expect(page.locator("#sos h1")).to_contain_text(headline)
    sos = page.url
    page = office.page("partner", "watch", "/watch/musters/")
    page.fill("[name=title]", title)
    page.select_option("[name=scope]", "country")
    page.click("main form button.primary")
    names = live(page).locator(".muster-list[data-state=unaccounted] input[name=entry]")
    expect(names.first).to_be_visible(timeout=SLOW)
    # Not the traveller: the phone is asked still.
    someone = names.and_(page.locator("li:has-text('Hub power complex') input"))
    someone.first.check()
    page.click("button[name=state][value=needs_help]")
    expect(page.locator(".muster-figures [data-state=needs_help] dd")).to_have_text("1", timeout=SLOW)
    board = page.url
    office.close_pages()
    yield Alarm(headline, title, sos, board)
    page = office.page("partner", "watch", "/watch/")
    page.goto(sos)
    stand_down(page)
    page.goto(board)
    page.click("form[action$='/close/'] button")
    expect(page.locator("form[action$='/close/']")).to_have_count(0, timeout=SLOW)
    office.close_pages()


def stand_down(page: Page) -> None:
    page.select_option("[name=end-category]", "false_alarm")
    page.fill("[name=end-remark]", "Pressed to try it")
    page.click("form[action$='/stand-down/'] button")
    expect(page.locator(".sos-state")).to_have_attribute("data-state", "false_alarm", timeout=SLOW)


def at_host(floor: Page, alarm: Alarm) -> Page:
    """The Host's floor once the SOS and the figures of the muster have come across."""
    expect(line(floor, alarm)).to_have_attribute("data-urgency", "alarm", timeout=SLOW)
    muster = floor.locator(".floor-open [data-kind=muster]", has_text=alarm.title)
    expect(muster).to_have_attribute("data-urgency", "alarm", timeout=SLOW)
    return floor


def line(floor: Page, alarm: Alarm) -> Locator:
    return floor.locator(".floor-open [data-kind=sos]", has_text=alarm.headline)


def fits(page: Page) -> None:
    for width, height in SIZES:
        page.set_viewport_size({"width": width, "height": height})
        wide = page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")
        assert wide <= 1, (page.url, width, wide)
    page.set_viewport_size({"width": 1280, "height": 800})


def nothing_serious(page: Page) -> None:
    found = Axe().run(page, options={"resultTypes": ["violations"]}).response["violations"]
    faults = [
        f"{each['id']}: {each['nodes'][0]['html'][:160]}"
        for each in found
        if each["impact"] in ("serious", "critical")
    ]
    assert faults == []


@pytest.mark.parametrize("language", list(SAID))
def test_an_alarm_is_told_in_the_readers_language_on_every_screen(
    office: Office, alarm: Alarm, language: str
) -> None:
    floor_says, board_says, phone_says = SAID[language]
    direction = "rtl" if language == "ur" else "ltr"
    pages = {
        "floor": (at_host(office.page("host", "watch", "/watch/", language), alarm), floor_says),
        "board": (office.page("partner", "watch", alarm.muster, language), board_says),
        "phone": (office.page("partner", "traveller", "/journeys/phone/", language), phone_says),
    }  # fmt: skip
    for name, (page, words) in pages.items():
        expect(page.locator("html")).to_have_attribute("dir", direction)
        for each in words:
            expect(page.locator("main"), f"{name} in {language}").to_contain_text(re.compile(each))
        expect(page.locator("h1")).to_have_count(1)
        fits(page)
        nothing_serious(page)
    floor = pages["floor"][0]
    # A reference, a clock and a place read from left to right in every language.
    clock = line(floor, alarm).locator("[data-clock]")
    assert re.fullmatch(r"⁦\d+:\d\d:\d\d⁩", clock.inner_text().strip())
    board = pages["board"][0]
    expect(board.locator("[data-state=needs_help] dd")).to_have_text("1")
    silent = int(board.locator("[data-state=unaccounted] dd").inner_text())
    assert silent > 1, "who has said nothing is not safe"
    side = line(floor, alarm).locator(".floor-kind").bounding_box()
    other = clock.bounding_box()
    assert side is not None and other is not None
    assert (side["x"] > other["x"]) == (language == "ur"), "the line is mirrored as a whole"


def test_the_map_shows_where_help_is_called_for_as_a_link(office: Office, alarm: Alarm) -> None:
    floor = at_host(office.page("host", "watch", "/watch/"), alarm)
    mark = floor.locator("#floor-map a.floor-mark", has_text=alarm.headline)
    expect(mark).to_be_visible(timeout=SLOW)
    expect(mark).to_contain_text("SOS")
    button = floor.locator("[data-floor-journeys]")
    expect(button).to_have_attribute("aria-pressed", "false")
    with floor.expect_response(re.compile(r"/journeys/map\.geojson")) as answer:
        button.click()
    assert answer.value.ok and answer.value.json()["features"]
    expect(button).to_have_attribute("aria-pressed", "true")
    expect(floor.locator("#floor-map")).to_have_attribute("data-count", re.compile(r"\d+"))
    button.click()
    expect(floor.locator("[data-floor-journeys]")).to_have_attribute("aria-pressed", "false")
    mark = floor.locator("#floor-map a.floor-mark", has_text=alarm.headline)
    mark.focus()
    mark.press("Enter")
    expect(floor.locator("#sos h1")).to_contain_text(alarm.headline)


def test_without_a_map_the_list_says_it_all(plain_office: Office, alarm: Alarm) -> None:
    floor = at_host(plain_office.page("host", "watch", "/watch/"), alarm)
    expect(floor.locator(".floor-map .notice")).to_contain_text("cannot draw the map")
    expect(floor.locator("[data-floor-journeys]")).to_be_hidden()


def test_by_night_and_on_a_wall_it_is_as_plain_as_by_day(office: Office, alarm: Alarm) -> None:
    floor = at_host(office.page("host", "watch", "/watch/"), alarm)
    floor.emulate_media(color_scheme="dark", reduced_motion="reduce")
    dark = floor.evaluate("getComputedStyle(document.body).backgroundColor")
    assert sum(int(each) for each in re.findall(r"\d+", dark)[:3]) < 120, dark
    nothing_serious(floor)
    floor.set_viewport_size({"width": 1920, "height": 1080})
    office.go(floor, "host", "/watch/?display=wall")
    at_host(floor, alarm)
    for control in (".rooms", ".footer", "main form", ".floor-log-place", "a[href$='/watch/sos/new/']"):
        assert floor.locator(control).and_(floor.locator(":visible")).count() == 0, control
    expect(floor.locator(".banner")).to_be_visible()
    size = floor.evaluate("parseFloat(getComputedStyle(document.querySelector('.floor-open a')).fontSize)")
    assert size >= 20, "it is read across a room"
    assert floor.evaluate("document.documentElement.scrollHeight - innerHeight") <= 4, "nobody scrolls a wall"
    floor.set_viewport_size({"width": 1280, "height": 440})
    expect(floor.locator(".floor-more")).to_contain_text("more")
    expect(line(floor, alarm)).to_be_visible()


def test_it_rings_by_kind_until_answered_and_can_be_quiet_for_a_while(office: Office, alarm: Alarm) -> None:
    floor = at_host(live(office.page("host", "watch", "/watch/")), alarm)
    rang = floor.locator("html")
    expect(floor.locator("[data-quiet]")).to_be_hidden()
    expect(floor).to_have_title(re.compile(r"^▲ \d"))
    floor.click("[data-sound]")
    expect(rang).to_have_attribute("data-rang", re.compile(r"^sos muster"))
    floor.evaluate("delete document.documentElement.dataset.rang")
    expect(rang).to_have_attribute("data-rang", re.compile("sos"), timeout=90_000)
    floor.click("[data-quiet]")
    expect(floor.locator("[data-quiet]")).to_contain_text("Quiet until")
    floor.evaluate("delete document.documentElement.dataset.rang")
    floor.wait_for_timeout(7_000)
    # A journey of the demonstration may come meanwhile, and that sounds.
    told = (rang.get_attribute("data-rang") or "").split()
    assert not {"sos", "muster"} & set(told), "it is quiet of what it was told of"
    headline = f"Another {uuid4().hex[:6]}"
    raising = office.page("host", "watch", "/watch/sos/new/")
    raising.fill("[name=headline]", headline)
    raising.click("main form button.primary")
    # What is new sounds all the same, and is said to whoever does not look.
    expect(rang).to_have_attribute("data-rang", "sos", timeout=SLOW)
    expect(floor.locator("#floor-said")).to_contain_text(headline)
    stand_down(raising)
    expect(floor.locator("#floor")).not_to_contain_text(headline, timeout=SLOW)
    floor.click("[data-sound]")
    expect(floor.locator("[data-sound]")).to_have_attribute("aria-pressed", "false")


def test_what_is_half_written_outlives_what_happens_meanwhile(office: Office, alarm: Alarm) -> None:
    floor = at_host(live(office.page("host", "watch", "/watch/")), alarm)
    floor.fill("[name=text]", "Gwadar has been told, and")
    board = live(office.page("partner", "watch", alarm.muster))
    box = board.locator("li:has-text('Turbat road camp') input[name=entry]").first
    box.check()
    board.fill("[name=remark]", "by radio")
    board.locator("h1").click()
    other = office.page("partner", "watch", alarm.muster)
    before = board.locator("[data-state=accounted] dd").inner_text()
    other.locator("li:has-text('Hub power complex') input[name=entry]").last.check()
    other.click("button[name=state][value=accounted]")
    expect(board.locator("[data-state=accounted] dd")).not_to_have_text(before, timeout=SLOW)
    assert board.input_value("[name=remark]") == "by radio"
    assert box.is_checked()
    seen = floor.locator(".floor-asof").inner_text()
    expect(floor.locator(".floor-asof")).not_to_have_text(seen, timeout=SLOW)
    assert floor.input_value("[name=text]") == "Gwadar has been told, and"
    assert floor.evaluate("document.activeElement.name") == "text", "the cursor is where it was"


def test_a_floor_that_is_cut_off_says_so(office: Office, alarm: Alarm) -> None:
    floor = at_host(live(office.page("host", "watch", "/watch/")), alarm)
    warning = floor.locator(".floor-stale")
    expect(warning).to_be_hidden()
    floor.route("**/live?*", lambda route: route.abort())
    with office.unplugged(floor.context):
        expect(warning).to_be_visible(timeout=90_000)
        expect(warning).to_contain_text("cut off from its node")
    floor.unroute("**/live?*")
    expect(warning).to_be_hidden(timeout=90_000)


def test_the_hand_over_note_is_written_by_what_is_open_and_goes_on_paper(
    office: Office, alarm: Alarm
) -> None:
    floor = at_host(office.page("host", "coordinator", "/watch/"), alarm)
    floor.fill("[name=text]", "Road closed at Kappar")
    floor.click("form[action$='/floor/log/'] button")
    floor.fill("[name=handover-text]", "کاپر کو چھ بجے فون کریں")
    floor.click("form[action$='/hand-over/'] button")
    floor.locator(".floor-handover a").first.click()
    note = floor.locator("main")
    for words in (
        f"SOS: {alarm.headline}",
        f"Muster: {alarm.title}",
        "کاپر کو چھ بجے فون کریں",
        "Road closed",
    ):
        expect(note).to_contain_text(words)
    floor.emulate_media(media="print")
    expect(floor.locator(".rooms")).to_be_hidden()
    expect(floor.locator("[data-print]")).to_be_hidden()
    expect(floor.locator(".banner")).to_be_visible()


def test_the_floor_is_kept_by_keyboard_alone(office: Office, alarm: Alarm) -> None:
    floor = at_host(live(office.page("host", "watch", "/watch/")), alarm)
    floor.locator("#content").focus()
    for _ in range(40):
        floor.keyboard.press("Tab")
        if alarm.headline in str(floor.evaluate("document.activeElement.textContent")).strip()[:60]:
            break
    expect(floor.locator(":focus")).to_contain_text(alarm.headline)
    floor.keyboard.press("Enter")
    expect(floor.locator("#sos h1")).to_contain_text(alarm.headline)


def test_the_phone_asks_by_itself_and_takes_no_half_typed_word_away(
    office: Office, nodes: Demonstration
) -> None:
    phone = ready(office)
    phone.set_viewport_size({"width": 390, "height": 844})
    small = phone.locator("main button:visible, main input:visible:not([type=checkbox])").evaluate_all(
        "all => all.filter(each => each.getBoundingClientRect().height < 44).map(each => each.outerHTML)"
    )
    assert small == [], "a thumb hits it"
    title = f"Asked {uuid4().hex[:6]}"
    board = office.page("partner", "watch", "/watch/musters/")
    board.fill("[name=title]", title)
    board.select_option("[name=scope]", "journeys")
    board.click("main form button.primary")
    expect(phone.locator(".phone-muster article", has_text=title)).to_be_visible(timeout=SLOW)
    board.click("form[action$='/close/'] button")
    expect(board.locator("form[action$='/close/']")).to_have_count(0, timeout=SLOW)
    phone.evaluate("dispatchEvent(new Event('online'))")
    expect(phone.locator(".phone-muster article", has_text=title)).to_have_count(0, timeout=SLOW)

    box = phone.locator("form[data-sos-press] button").bounding_box()
    assert box is not None
    phone.mouse.move(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
    phone.mouse.down()
    phone.wait_for_timeout(2_300)
    phone.mouse.up()
    receipt = phone.locator("#phone-sos-known")
    expect(receipt).to_contain_text("Your SOS is open.", timeout=90_000)
    phone.locator(".phone-sos [name=word]").press_sequentially("Marg")
    room = office.page("partner", "watch", "/watch/sos/")
    room.locator(".calls-open a", has_text="SOS").first.click()
    room.click("form[action$='/acknowledge/'] button")
    expect(receipt).to_contain_text("has it since", timeout=90_000)
    assert phone.input_value(".phone-sos [name=word]") == "Marg"

    cut = phone.locator("#phone-cut")
    expect(cut).to_be_hidden()
    with office.unplugged(phone.context):
        expect(cut).to_contain_text("The node has not answered since", timeout=90_000)
    expect(cut).to_be_hidden(timeout=90_000)
    stand_down(room)
    expect(phone.locator("form[data-sos-press] button")).to_be_visible(timeout=90_000)
