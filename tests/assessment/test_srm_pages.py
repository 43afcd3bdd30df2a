"""The pages of assessments: made by forms alone, side by side, in three languages, and for whom they are."""

from __future__ import annotations

import re
import time

from django.test import Client

from assessment.srm_nodes import (
    BOMB,
    CRASH,
    DECISION,
    Nodes,
    approved,
    both,
    client_of,
    movement_of,
    one,
    person,
    site_of,
)
from assessment.warning_nodes import SOURCE, WARNED, moment
from journeys.two_nodes import parts
from safeconduct.assessment import srm_standard_rules as standards
from safeconduct.assessment.warning_rules import give_warning
from safeconduct.assessment.warning_seen import seen
from safeconduct.assessment.warning_views import _positions
from safeconduct.records.attachments import attachment_parts
from safeconduct.records.commit import Draft, commit
from safeconduct.records.principals import system_subject
from safeconduct.records.release import release

HOSTILE = '<script>alert("x")</script>'
LATE = {"review": "2026-01-02"}
CELL = r'<td data-risk="(\w+)"><span class="small">[^<]*</span>((?:\s*<span class="mark".*?</span></span>)*)'


def text(client: Client, address: str, language: str = "en") -> str:
    answer = client.get(address, headers={"Accept-Language": language})
    assert answer.status_code == 200, (address, answer.status_code)
    return answer.content.decode()


def test_an_assessment_is_made_by_forms_and_escapes_what_people_wrote(rooms: Nodes) -> None:
    host, partner = rooms
    site, _ = site_of(host, partner)
    author, chief = person(host, "author", "coordinator"), person(host, "chief", "commander")
    with host.active():
        client, second = client_of(host, author), client_of(host, chief)
        assert "Port power station" in text(client, f"/assessment/srm/new/site/?about={site}")
        begun = {"title": HOSTILE, "since": "2026-01-01", "until": "2027-01-01", "about": site}
        for wrong in ({**begun, "title": ""}, {**begun, "until": "2025-01-01"}, {**begun, "about": "0" * 32}):
            assert client.post("/assessment/srm/new/site/", wrong).status_code == 422
        page = client.post("/assessment/srm/new/site/", begun)["Location"]
        given = {"activity": HOSTILE, "criticality": "PC4", "seen": 1}
        assert client.post(f"{page}programme/", given)["Location"] == page
        assert client.post(f"{page}programme/", given).status_code == 409
        situation = {"text": HOSTILE, "data_as_of": "2026-10-01", "missing": "The hour of the day"}
        client.post(f"{page}situation/", situation)
        threat = {**BOMB, "what": "terrorism/vehicle_bomb", "vulnerabilities": HOSTILE}
        for wrong in (
            {**threat, "what": "terrorism/earthquake"},
            {**threat, "likelihood": ""},
            {**threat, "what": "crime/other"},
            {**threat, "further": ""},
        ):
            assert client.post(f"{page}threat/", wrong).status_code == 422
        client.post(f"{page}threat/", threat)
        client.post(f"{page}threat/", {**CRASH, "what": "hazard/road_crash"})
        changed = f"{page}threat/?threat=hazard/road_crash"
        assert 'value="hazard/road_crash" selected' in text(client, changed)
        client.post(changed, {**CRASH, "what": "hazard/flood"})
        seen = text(client, page)
        assert "flood" in seen and "road crash" not in seen
        client.post(f"{page}unrate/", {"threat": "hazard/flood"})
        assert "flood" not in text(client, page)
        refused = client.post(f"{page}propose/", {**DECISION, "expires": "2020-01-01"})
        assert refused.status_code == 422 and "not after the expiry" in refused.content.decode()
        assert client.post(f"{page}propose/", DECISION).status_code == 302
        assert second.post(f"{page}approve/", {}).status_code == 422
        version = one(host, "assessment", "pk").version
        assert second.post(f"{page}approve/", {"seen": version - 1}).status_code == 409
        own = client.post(f"{page}approve/", {"seen": version})
        assert own.status_code == 403 and "somebody other than who wrote it" in own.content.decode()
        assert second.post(f"{page}approve/", {"remark": HOSTILE, "seen": version}).status_code == 302
        seen = text(second, page)
        assert HOSTILE not in seen and "&lt;script&gt;alert" in seen
        assert 'data-state="approved"' in seen and "above that at which an activity" in seen
        assert "Rate a threat" not in seen and "Recommend" in seen
        assert client.post(f"{page}programme/", given).status_code in (409, 422)
        advice = f"{page}recommend/?threat=terrorism/vehicle_bomb"
        assert BOMB["further"] in text(client, advice)
        client.post(advice, {"title": "Move the search", "text": "", "to": "both"})
        assert "Move the search" in text(client, page)
        made = one(host, "recommendation", "pk").id
        assert page in text(client, f"/committee/strategy/{made}/")
        assert "Move the search" in text(client, "/committee/strategy/")


def test_both_ratings_the_matrix_and_what_is_overdue_in_three_languages(rooms: Nodes) -> None:
    host, partner = rooms
    on_host, on_partner = site_of(host, partner)
    author, chief = person(host, "author", "coordinator"), person(host, "chief", "commander")
    theirs, officer = person(partner, "theirs", "coordinator"), person(partner, "officer", "security_officer")
    with host.active():
        approved(author, chief, on_host, {**BOMB, "likelihood": "moderately_likely"}, CRASH, **LATE)
    with partner.active():
        approved(theirs, officer, on_partner, BOMB, CRASH)
    both(host, partner)
    with host.active():
        client = client_of(host, author)
        address = f"/assessment/srm/of/{on_host}/"
        page = text(client, address)
        assert re.findall(r'<tr data-says="(\w+)"', page) == ["partner_higher", "same"]
        cells = re.findall(
            r'<td data-risk="(\w+)"><span class="small">[^<]*</span>((?:\s*<span class="mark".*?</span></span>)*)',
            page,
        )
        assert len(cells) == 50 and sum(risk == "unacceptable" for risk, _ in cells) == 2
        marks = [risk for risk, told in cells for _ in re.findall('class="mark"', told)]
        assert sorted(marks) == sorted(["high", "very_high", "high", "high", *["medium"] * 2, "high", "high"])
        note = re.search(r'href="(/assessment/srm/\w+/difference/\?own=\w+)"', page)
        assert note
        assert client.post(note[1], {"way_forward": HOSTILE})["Location"] == address
        page = text(client, address)
        assert 'data-difference="noted"' in page and HOSTILE not in page and "95 % interval" in page
        listed = text(client, "/assessment/srm/")
        assert 'data-figure="overdue">1<' in listed and "review overdue" in listed
        assert "Port power station" in text(client, "/assessment/srm/overdue/")
        (difference,) = host.of_kind("assessment_difference", "pk")
        assert (
            client.post(f"/assessment/srm/{difference.id}/settle/", {"way_forward": "Visit"}).status_code
            == 302
        )
        assert client.get(f"/assessment/srm/{difference.id}/")["Location"] == address
        for where, urdu, chinese in (
            ("/assessment/srm/", "خطرے", "风险"),
            (address, "باقی ماندہ خطرہ", "逐项威胁"),
            ("/assessment/srm/new/area/", "علاقے", "区域"),
            ("/assessment/standards/", "کم از کم معیارات", "最低标准"),
        ):
            assert 'dir="rtl"' in text(client, where, "ur")
            assert urdu in text(client, where, "ur"), where
            assert chinese in text(client, where, "zh-hans"), where
        alone = client.get(address, headers={"HX-Request": "true"}).content.decode()
        assert alone.lstrip().startswith('<div id="srm-subject"') and "banner-place" in alone


def test_areas_and_journeys_have_their_page_and_nobody_else_finds_anything(rooms: Nodes) -> None:
    host, partner = rooms
    movement, _ = movement_of(host, partner)
    author, chief = person(host, "author", "coordinator"), person(host, "chief", "commander")
    with host.active():
        client = client_of(host, author)
        begun = {"title": "The coast", "since": "2026-01-01", "until": "2027-01-01"}
        box = "25.0, 62.0\n25.0, 62.5\n25.5, 62.5"
        for wrong in ("25", "a, b", "25, 62\n" * 201, "95, 62\n25, 62\n24, 62"):
            data = {**begun, "area": "Gwadar", "boundary": wrong}
            assert client.post("/assessment/srm/new/area/", data).status_code == 422
        page = client.post("/assessment/srm/new/area/", {**begun, "area": "Gwadar", "boundary": box})[
            "Location"
        ]
        assert "Gwadar" in text(client, page)
        seen = text(client, "/assessment/srm/area/?name=%20GWADAR")
        assert "within the corners" in seen and "The coast" in seen
        assert client.get("/assessment/srm/area/?name=Nowhere").status_code == 404
        data = {**begun, "about": movement}
        road = client.post("/assessment/srm/new/movement/", data)["Location"]
        assert "GP-7" in text(client, f"/assessment/srm/of/{movement}/")
        record = page.strip("/").split("/")[-1]
        for who, role in (("admin", "administrator"), ("warden", "warden")):
            other = client_of(host, person(host, who, role))
            assert "The coast" not in text(other, "/assessment/srm/")
            for where in (page, road, f"/assessment/srm/of/{movement}/", "/assessment/srm/area/?name=Gwadar"):
                assert other.get(where).status_code == 404, (who, where)
            assert other.get("/assessment/srm/new/area/").status_code == 403
        for where in (
            f"{page}nothing/",
            f"{page}site/",
            "/assessment/srm/new/propose/",
            f"/assessment/srm/of/{record}/",
        ):
            assert client.get(where).status_code == 404, where
        for where in (
            "/assessment/srm/" + "0" * 32 + "/",
            f"/assessment/srm/{movement}/",
            "/assessment/standards/x/",
        ):
            assert client.get(where).status_code == 404, where
    with host.active():
        watch = person(host, "w", "watch_officer")
        reading = client_of(host, watch)
        assert reading.get(f"{page}programme/").status_code == 403
        assert "Title and period" not in text(reading, page)
        assert release(chief, record).state == "draft"


def test_the_pages_of_a_site_and_of_a_journey_lead_to_what_was_assessed(rooms: Nodes) -> None:
    host, partner = rooms
    site, _ = site_of(host, partner)
    movement, _ = movement_of(host, partner)
    author, hand = person(host, "author", "coordinator"), person(host, "hand", "administrator")
    with host.active():
        client, other = client_of(host, author), client_of(host, hand)
        for page, record in ((f"/registry/sites/{site}/", site), (f"/journeys/{movement}/", movement)):
            onward = f'href="/assessment/srm/of/{record}/"'
            assert onward in text(client, page)
            assert f'href="{page}"' in text(client, f"/assessment/srm/of/{record}/")
            assert onward not in other.get(page).content.decode()
        assert f'href="/assessment/standards/of/{site}/"' in text(client, f"/registry/sites/{site}/")


def test_a_page_bears_the_label_of_all_that_it_shows(rooms: Nodes) -> None:
    """Of what lies beside its record as well: evidence, where a site is, what a form offers to choose from."""
    host, partner = rooms
    officer, chief = person(partner, "their-officer", "security_officer"), person(partner, "b", "coordinator")
    own, (_, site) = system_subject("cn"), site_of(host, partner)
    with partner.active():
        client = client_of(partner, officer)
        items = [{"code": "lighting", "group": "guards", "text": "Lamps", "finding": "met"}]
        check = standards.check_site(officer, site, "work_site", items).record
        page = f"/assessment/standards/of/{site}/"
        assert level(text(client, page)) == "RESTRICTED"
        filed = {"shows": {"code": "lighting"}, **attachment_parts("x.txt", b"x")}
        commit(officer, Draft("standard_evidence", filed, about=check, levels=dict.fromkeys(filed, 2)))
        assert level(text(client, page)) == "CONFIDENTIAL"

        client, new = client_of(partner, chief), "/assessment/srm/new/movement/"
        commit(own, Draft("movement", parts()))
        assert level(text(client, new)) == "RESTRICTED"
        commit(own, Draft("movement", parts(), levels={"notice": 2}))
        assert level(text(client, new)) == "CONFIDENTIAL"

        given = {
            "places": {"sites": [site], "site_names": ["Port"]}, "source": SOURCE, "reliability": "B",
            "named": {"roles": ["watch_officer"]}, "credibility": 2,
        }  # fmt: skip
        warned = {**WARNED, "since": moment(0), "until": moment(5)}
        warning = give_warning(chief, warned, **given).record
        levels = {"place": 2}
        commit(own, Draft("site", {}, record=site, expected=release(chief, site).version, levels=levels))
        (whole,) = seen(chief, [release(chief, warning)], time.time())
        assert _positions(chief, whole) == ({site: (24.8, 67.1)}, "CONFIDENTIAL")


def level(page: str) -> str:
    return re.findall(r'class="banner" data-level="(\w*)"', page)[0]
