"""The map: points in clusters, one incident's place, and the table where no map can be drawn."""

from __future__ import annotations

import io
from operator import sub

from PIL import Image
from playwright.sync_api import Page, expect

from browser.office import Office, live

DRAWN = 90_000


def drawn(page: Page, selector: str, name: str) -> int:
    """Pixels in the colour that the style sheet gives a feature of the map."""
    resolve = """(element, name) => {
        const probe = document.createElement("span");
        probe.style.color = `var(--map-${name})`;
        element.parentElement.append(probe);
        const { color } = getComputedStyle(probe);
        probe.remove();
        return color.match(/[0-9]+/g).map(Number);
    }"""
    wanted = page.eval_on_selector(selector, resolve, name)
    picture = Image.open(io.BytesIO(page.locator(f"{selector} canvas").screenshot())).convert("RGB")
    found = picture.getcolors(picture.width * picture.height) or []
    # A point lets a little of the ground show through.
    return sum(count for count, colour in found if max(map(abs, map(sub, colour, wanted))) < 24)


def test_the_map_gathers_the_incidents_in_clusters(office: Office) -> None:
    page = office.page("host", "liaison", "/incidents/map/")
    expect(page.locator("#map[data-ready][data-count]")).to_be_visible(timeout=DRAWN)
    count = int(page.get_attribute("#map", "data-count") or 0)
    assert count >= 20
    expect(page.locator("#map-count")).to_contain_text(str(count))
    assert drawn(page, "#map", "cluster") > 200
    assert drawn(page, "#map", "land") > 10_000
    expect(page.locator(".map-notice")).to_contain_text("no position on the legal status")
    expect(page.locator("#incident-lines table").first).to_be_visible()
    # A filter narrows map and table alike.
    with page.expect_response("**/points.geojson?*category=natural*"):
        page.select_option("#id_category", "natural")
    expect(page.locator("#map")).to_have_attribute("data-count", "0")
    page.click("#filters button.primary")
    expect(page.locator("#incident-lines .empty")).to_be_visible()


def test_an_incident_s_own_point_is_on_its_map(office: Office) -> None:
    page = office.listing("partner", "liaison", "Ambush convoy Gwadar")
    page.click("text=Ambush of a convoy, Gwadar")
    live(page)
    expect(page.locator("[data-map][data-ready][data-count='1']")).to_be_attached(timeout=DRAWN)
    element = f"#{page.get_attribute('[data-map]', 'id')}"
    page.locator(element).scroll_into_view_if_needed()
    assert drawn(page, element, "point") > 20
    box = page.locator(f"{element} canvas").bounding_box()
    assert box is not None
    page.mouse.click(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
    expect(page.locator(".map-cards")).to_contain_text("Ambush of a convoy, Gwadar")


def test_a_place_is_picked_on_the_map_of_the_report(office: Office) -> None:
    page = office.page("host", "watch", "/incidents/report/")
    expect(page.locator("#pick[data-ready]")).to_be_attached(timeout=DRAWN)
    page.locator("#pick").scroll_into_view_if_needed()
    page.locator("#pick canvas").click(position={"x": 200, "y": 80})
    expect(page.locator("#id_where-latitude")).not_to_have_value("")
    assert 15 < float(page.input_value("#id_where-latitude")) < 45
    assert 50 < float(page.input_value("#id_where-longitude")) < 80


def test_without_webgl_the_table_stands_in_for_the_map(plain_office: Office) -> None:
    page = plain_office.page("host", "liaison", "/incidents/map/")
    expect(page.locator(".map-frame .notice")).to_have_text(
        "This browser cannot draw the map. The table has the same records."
    )
    expect(page.locator("[data-map]")).to_have_count(0)
    expect(page.locator("#incident-lines tbody tr").first).to_be_visible()
    assert page.locator("#incident-lines tbody tr").count() >= 20
