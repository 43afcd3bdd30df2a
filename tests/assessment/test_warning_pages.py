"""The pages of warnings: what they offer to whom, what they take, in which language."""

from __future__ import annotations

import re
from typing import Any

from django.test import Client

from assessment.warning_nodes import (
    CODE,
    Nodes,
    client_of,
    give,
    incident,
    moment,
    pull,
    staff,
    tick,
)
from safeconduct.assessment import warning_rules as rules
from safeconduct.assessment.warning_kinds import WARNING
from safeconduct.records.find import Query, find

HOSTILE = '<script>alert("x")</script>'
BASE = "/assessment/warnings/"


def text(client: Client, address: str = BASE, **headers: str) -> str:
    answer = client.get(address, headers=headers)
    assert answer.status_code == 200, (address, answer.status_code)
    return answer.content.decode()


def entered(**changed: Any) -> dict[str, Any]:
    return {
        "key": "k1", "title": "Bomb on the N-10", "category": "bomb", "urgency": "immediate",
        "since": moment(0)[:16], "until": moment(5)[:16], "districts": "Gwadar، Kech", "code": "ORG-7",
        "type": "organisation", "means": "telephone", "reliability": "B", "credibility": "2",
        "roles": ["watch_officer"], "spot": "Pasni", "latitude": "25.26", "longitude": "63.47",
        "boundary": "25.0, 63.0\n25.0, 63.2\n25.2, 63.2", **changed,
    }  # fmt: skip


def test_a_warning_is_given_acknowledged_ended_and_judged_by_forms(rooms: Nodes) -> None:
    host, _ = rooms
    chief, watch = staff(host, "chief", "coordinator"), staff(host, "watch", "watch_officer")
    with host.active():
        client, second = client_of(host, chief), client_of(host, watch)
        assert "No warning is in force." in text(client)
        client_of(host, staff(host, "guest", "protected_person"))
        offered = text(client, f"{BASE}new/").partition('name="persons"')[2].partition("</select>")[0]
        assert 'value="watch"' in offered and "guest" not in offered
        for wrong in (
            {"title": ""}, {"category": "x"}, {"until": "never"}, {"until": moment(-1)[:16]}, {"roles": []},
            {"roles": ["protected_person"]}, {"code": "Mr Khan"}, {"boundary": "25,63"}, {"longitude": ""},
            {"boundary": "1,1\n2,2\n95,95"}, {"persons": ["nobody"]}, {"reliability": "Z"}, {"sites": ["x"]},
            {"districts": "", "spot": "", "latitude": "", "longitude": "", "boundary": ""},
            {"districts": ",".join(map(str, range(101)))}, {"title": "x" * 300}, {"units": "a|b"},
        ):  # fmt: skip
            assert client.post(f"{BASE}new/", entered(**wrong)).status_code == 422, wrong
        assert not host.of_kind(WARNING.name, "pk")
        given = entered(title=HOSTILE, text=HOSTILE * 3, roads=HOSTILE)
        done = client.post(f"{BASE}new/", given)
        assert done.status_code == 302
        assert client.post(f"{BASE}new/", given)["Location"] == done["Location"], "the key counts once"
        (warning,) = host.of_kind(WARNING.name, "pk")
        places = warning.values()["places"]
        assert places["districts"] == ["Gwadar", "Kech"] and len(places["polygon"]) == 4
        assert places["polygon"][0] == [63.0, 25.0]
        page = text(client, done["Location"])
        assert HOSTILE not in page and "&lt;script&gt;" in page and "ORG-7" in page
        assert "not acknowledged" in page and 'data-overdue="no"' in page
        address = f"{BASE}{warning.id}/"
        assert second.post(f"{address}acknowledge/", {"text": HOSTILE, "version": 1}).status_code == 302
        assert "watch officer" in text(client, address) and HOSTILE not in text(client, address)
        assert client.post(f"{address}end/", {"seen": 1, "text": ""}).status_code == 422
        assert client.post(f"{address}end/", {"seen": 9, "text": "x"}).status_code == 409
        worse = {"seen": 1, "reliability": "D", "credibility": "5", "why": "Denied"}
        assert client.post(f"{address}grade/", worse).status_code == 302
        early = {"seen": 0, "result": "did_not", "acted_on": "no"}
        refused = client.post(f"{address}outcome/", early)
        assert refused.status_code == 422 and "when its time is over" in refused.content.decode()
        assert client.post(f"{address}end/", {"seen": 2, "text": "Searched"}).status_code == 302
        lost = client.post(f"{address}outcome/", {**early, "incident": "x" * 32})
        assert lost.status_code == 422 and "There is no such incident." in lost.content.decode()
        attack = incident(host)
        true = {**early, "result": "came_true", "incident": attack, "remark": HOSTILE}
        assert client.post(f"{address}outcome/", true).status_code == 302
        page = text(client, address)
        assert f"/incidents/{attack}/" in page and HOSTILE not in page and ">D</bdi>" in page
        assert client.post(f"{address}outcome/", early).status_code == 409
        begun = text(client, f"{address}outcome/")
        assert 'name="seen" value="1"' in begun.replace('" id="id_seen', "") or 'value="1"' in begun
        assert client.post(f"{address}outcome/", {**early, "seen": 1}).status_code == 302
        assert 'data-result="did_not"' in text(client, address)
        alone = text(client, address, **{"HX-Request": "true"})
        assert alone.lstrip().startswith('<article id="warning"') and "banner-place" in alone
        for lost_ in ("nonsense/", f"{attack}/", f"{warning.id}/fly/"):
            assert client.get(f"{BASE}{lost_}").status_code == 404


def test_what_is_overdue_is_seen_and_what_is_withheld_is_not(rooms: Nodes) -> None:
    host, partner = rooms
    chief, major = staff(host, "chief", "coordinator"), staff(host, "major", "commander")
    watch, admin = staff(host, "watch", "watch_officer"), staff(host, "admin", "administrator")
    traveller = staff(partner, "traveller", "protected_person")
    theirs = staff(partner, "guard", "watch_officer")
    late = give(host, chief, at=moment(-1), named={"roles": ["watch_officer"], "persons": ["major"]})
    give(host, chief, title="CANARY-KEPT", own_only=True)
    with host.active():
        page = text(client_of(host, watch))
        assert page.count('data-overdue="yes"') == 1 and "Acknowledgement overdue" in page
        rules.acknowledge_warning(watch, late, door=host.door)
        rules.acknowledge_warning(major, late, door=host.door)
        assert 'data-overdue="yes"' not in text(client_of(host, watch))
        seen = text(client_of(host, major), f"{BASE}{late}/")
        assert CODE not in seen and "withheld" in seen
        record = text(client_of(host, major), f"{BASE}sources/")
        assert CODE not in record and "you may not see the source" in record
        assert client_of(host, major).get(f"{BASE}new/").status_code == 403
        assert client_of(host, major).post(f"{BASE}{late}/end/", {"seen": 1, "text": "x"}).status_code == 403
        assert client_of(host, admin).get(f"{BASE}{late}/").status_code == 404
        assert "Attack on the road" not in text(client_of(host, admin))
    pull(partner, host)
    with partner.active():
        (found,) = find(theirs, Query(WARNING.name)).records
        client = client_of(partner, theirs)
        page = text(client, f"{BASE}{found.id}/") + text(client) + text(client, f"{BASE}sources/")
        assert CODE not in page and "CANARY" not in page and 'data-overdue="yes"' in page
        assert f"{found.id}/end/" not in page and f"{found.id}/acknowledge/" in page
        assert client.post(f"{BASE}{found.id}/end/", {"seen": 1, "text": "x"}).status_code == 403
        assert client_of(partner, traveller).get(f"{BASE}{found.id}/").status_code == 404
        assert 'data-source="pk"' in page


def test_every_page_speaks_urdu_and_chinese(rooms: Nodes) -> None:
    host, _ = rooms
    chief = staff(host, "chief", "coordinator")
    record = give(host, chief)
    past = give(host, chief, begins=-9, hours=5, at=moment(-9))
    tick(host)
    with host.active():
        rules.record_outcome(chief, past, "did_not", "yes", door=host.door)
        client = client_of(host, chief)
        for address, urdu, chinese in (
            ("", "پیشگی اطلاعات", "预警"),
            (f"{record}/", "پیشگی اطلاع", "可靠"),
            (f"{past}/", "پوری نہیں ہوئی", "未应验"),
            ("new/", "پیشگی اطلاع درج کریں", "记录预警"),
            (f"{record}/acknowledge/", "پیشگی اطلاع کی وصولی کی تصدیق کریں", "确认收悉预警"),
            (f"{record}/end/", "قبل از وقت ختم کریں", "提前终止"),
            (f"{record}/grade/", "نئی درجہ بندی کریں", "重新评级"),
            (f"{record}/outcome/", "انجام", "结果"),
            ("sources/", "ماخذ کا ریکارڈ", "来源记录"),
        ):
            page = text(client, BASE + address, **{"Accept-Language": "ur"})
            assert 'dir="rtl"' in page and urdu in page, address
            assert chinese in text(client, BASE + address, **{"Accept-Language": "zh-hans"}), address


def test_the_sources_record_counts_what_was_found(rooms: Nodes) -> None:
    host, _ = rooms
    chief = staff(host, "chief", "coordinator")
    source = {"code": "ORG-7", "type": "organisation", "means": "written"}
    for number in range(12):
        record = give(host, chief, title=f"W{number}", begins=-9, hours=5, at=moment(-9), source=source)
        with host.active():
            result = "came_true" if number < 9 else "did_not"
            rules.record_outcome(chief, record, result, "yes" if number == 11 else "no", door=host.door)
    give(host, chief, source=source)
    give(host, chief, source=source, exercise=True)
    give(host, chief)
    with host.active():
        page = text(client_of(host, chief), f"{BASE}sources/")
    (line,) = re.findall(r'<tr data-source="ORG-7">.*?</tr>', page, re.S)
    figures = [int(each) for each in re.findall(r'class="number"[^>]*>(\d+)<', line)]
    assert figures == [13, 9, 3, 1, 0, 1] and "75 %" in line and "43–95 %" in line
    assert 'data-enough="no"' in line, "12 findings, and an interval of more than a half"
    assert "1 exercise is not counted." in page and "9 of 12 (14)" in page
