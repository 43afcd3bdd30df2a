"""The pages of the committee's work: what they offer to whom, what they take, in which language."""

from __future__ import annotations

import re

from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client

from committee.test_strategy import GOAL, picture, worked
from committee.work_nodes import Nodes, client_of, incident, one, person
from firing import fire_all
from safeconduct.committee import strategy_rules as rules
from safeconduct.notify.kinds import CONTACT_POINT
from safeconduct.records.commit import Draft, commit
from safeconduct.records.principals import system_subject
from safeconduct.records.release import release

HOSTILE = '<script>alert("x")</script>'


def text(client: Client, address: str, **headers: str) -> str:
    answer = client.get(address, headers=headers)
    assert answer.status_code == 200, answer.status_code
    return answer.content.decode()


def test_a_chain_is_made_by_forms_and_escapes_what_people_wrote(working: Nodes) -> None:
    host, _ = working
    owner, other = person(host, "owner", "coordinator"), person(host, "other", "analyst")
    at = incident(host)
    with host.active():
        client, second = client_of(host, owner), client_of(host, other)
        chain = f"/committee/strategy/chain/{at}/"
        assert "No lesson is recorded yet." in text(client, chain)
        assert client.post(f"/committee/strategy/{at}/lesson/", {"title": ""}).status_code == 422
        done = client.post(f"/committee/strategy/{at}/lesson/", {"title": HOSTILE, "text": "x" * 5_000})
        assert done.status_code == 302 and done["Location"] == chain
        lesson = one(host, "lesson", "pk").id
        assert client.post(f"/committee/strategy/{lesson}/lesson/", {"title": "x"}).status_code == 404
        client.post(f"/committee/strategy/{lesson}/recommend/", {"title": "Close it", "to": "moon"})
        assert not host.of_kind("recommendation", "pk")
        client.post(f"/committee/strategy/{lesson}/recommend/", {"title": "Close it", "to": "host"})
        advice = one(host, "recommendation", "pk").id
        plan = {
            "title": "Barriers", "owner": "Police", "due": "2027-01-01", "risk": "attack",
            "verify_how": "Look", "band": "small", "account": owner.person,
        }  # fmt: skip
        assert (
            client.post(f"/committee/strategy/{advice}/measure/", {**plan, "due": "never"}).status_code == 422
        )
        assert client.post(f"/committee/strategy/{advice}/measure/", plan).status_code == 302
        measure = one(host, "measure", "pk").id
        step = {"seen": 1, "state": "reported", "remark": ""}
        assert client.post(f"/committee/strategy/{measure}/progress/", step).status_code == 302
        assert client.post(f"/committee/strategy/{measure}/progress/", step).status_code in (409, 422)
        page = text(client, chain)
        assert HOSTILE not in page and "&lt;script&gt;" in page
        assert f"/committee/strategy/{measure}/verify/" not in page
        assert f"/committee/strategy/{measure}/verify/" in text(second, chain)
        found = {"method": "test", "outcome": "complete", "text": ""}
        assert second.post(f"/committee/strategy/{measure}/verify/", found).status_code == 422
        mine = {**found, "evidence": SimpleUploadedFile("a.jpg", picture())}
        refused = client.post(f"/committee/strategy/{measure}/verify/", mine)
        assert refused.status_code == 403 and "somebody other than its owner" in refused.content.decode()
        bad = {**found, "evidence": SimpleUploadedFile("a.exe", b"MZ\x00\x01")}
        assert second.post(f"/committee/strategy/{measure}/verify/", bad).status_code == 422
        good = {**found, "evidence": SimpleUploadedFile(f"{HOSTILE}.jpg", picture())}
        assert second.post(f"/committee/strategy/{measure}/verify/", good).status_code == 302
        assert release(owner, measure).state == "verified"
        assert 'data-complete="yes"' in text(client, chain)
        file = one(host, "evidence", "pk").id
        sent = client.get(f"/committee/strategy/evidence/{file}/")
        assert sent["Content-Type"] == "image/jpeg" and "<" not in sent["Content-Disposition"]
        assert client.get(f"/committee/strategy/evidence/{measure}/").status_code == 404
        alone = client.get(chain, headers={"HX-Request": "true"}).content.decode()
        assert alone.lstrip().startswith('<div id="chain"') and "banner-place" in alone


def test_every_page_speaks_urdu_and_chinese(working: Nodes) -> None:
    host, partner = working
    owner = person(host, "owner", "coordinator")
    at, measure = worked(host, partner, owner)
    with host.active():
        rules.adopt_objective(owner, GOAL)
        client = client_of(host, owner)
        for address, urdu, chinese in (
            ("/committee/strategy/", "ملتے جلتے واقعات کی روک تھام کے لیے", "防止类似事件"),
            (f"/committee/strategy/chain/{at}/", "ایک اقدام کی ابھی تصدیق نہیں ہوئی", "某项措施尚未核查"),
            (f"/committee/strategy/{measure}/", "مکمل ہونے کی اطلاع، تصدیق نہیں ہوئی", "已报告完成，未核查"),
            (f"/committee/strategy/{measure}/progress/", "پیش رفت بتائیں", "说明进展"),
            ("/committee/strategy/new/objective/", "مقصد اختیار کریں", "确立目标"),
            ("/committee/assistance/", "معاونت", "协助"),
            ("/committee/assistance/new/ask/", "معاونت کی درخواست کریں", "请求协助"),
            ("/committee/statements/new/line/", "مؤقف لکھیں", "撰写口径"),
        ):
            page = text(client, address, **{"Accept-Language": "ur"})
            assert 'dir="rtl"' in page and urdu in page, address
            assert chinese in text(client, address, **{"Accept-Language": "zh-hans"}), address


def test_roles_see_what_is_theirs_and_nobody_else_finds_anything(working: Nodes) -> None:
    host, partner = working
    owner = person(host, "owner", "coordinator")
    watch, admin = person(host, "watch", "watch_officer"), person(host, "admin", "administrator")
    traveller = person(partner, "traveller", "protected_person")
    at, measure = worked(host, partner, owner)
    with host.active():
        seen = text(client_of(host, watch), f"/committee/strategy/{measure}/")
        assert "10,000 to 100,000 US dollars" not in seen and "Cost: " in re.sub(r"<[^>]+>", "", seen)
        assert client_of(host, admin).get(f"/committee/strategy/{measure}/").status_code == 404
        assert client_of(host, watch).get("/committee/strategy/new/objective/").status_code == 403
        assert client_of(host, watch).get("/committee/assistance/new/ask/").status_code == 403
        for address in ("strategy/new/x", "strategy/x", f"assistance/{measure}", f"statements/{at}"):
            assert client_of(host, owner).get(f"/committee/{address}/").status_code == 404, address
    with partner.active():
        theirs = one(partner, "measure", "pk").id
        assert client_of(partner, traveller).get(f"/committee/strategy/{theirs}/").status_code == 404
        assert client_of(partner, person(partner, "c", "coordinator")).get(
            "/committee/assistance/new/ask/"
        ).status_code in (403, 404)


def test_a_measure_that_is_overdue_reminds_its_owner_once_and_shows(working: Nodes) -> None:
    host, _ = working
    owner = person(host, "owner", "coordinator")
    with host.active():
        point = {"channel": "email", "address": "owner@example.org"}
        draft = Draft(CONTACT_POINT.name, {"address": point}, assigned=[owner.person], releasable=())
        commit(system_subject("pk"), draft)
        objective = rules.adopt_objective(owner, {**GOAL, "review": "2099-01-01"}).record
        soon = rules.take_measure(
            owner, objective, {"title": "Lamps", "owner": "Works", "due": "2027-01-01", "risk": "crime",
                               "verify_how": "At night"}, owner.person,
        ).record  # fmt: skip
    sql = "SELECT due FROM timer_due WHERE key = ?"
    ((moment,),) = host.writer.db.execute(sql, (f"committee:{soon}",)).fetchall()
    host.offset = moment - host.clock() + 60
    for _ in range(3):
        fire_all(host.writer)
    sent = host.writer.db.execute("SELECT person FROM notify_send WHERE about = ?", (soon,)).fetchall()
    assert sent == [(owner.person,)]
    with host.active():
        rules.move_measure(owner, soon, 1, "reported")
    assert not host.writer.db.execute(
        "SELECT 1 FROM timer_due WHERE key = ?", (f"committee:{soon}",)
    ).fetchall()
