"""Minimum standards: what each class is asked, how a party adapts it, and what is found with its evidence."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import pytest

from assessment.srm_nodes import (
    Nodes,
    both,
    client_of,
    one,
    person,
    site_of,
)
from firing import fire_all
from safeconduct.assessment import srm_standard_rules as rules
from safeconduct.assessment.srm_followed import followed
from safeconduct.assessment.srm_standard_files import adapted, built_in, load
from safeconduct.assessment.srm_standard_kinds import GROUPS, SITE_CLASSES
from safeconduct.notify.kinds import CONTACT_POINT
from safeconduct.records.attachments import AttachmentRefused, content_bytes
from safeconduct.records.commit import Draft, commit
from safeconduct.records.kinds import PartRefused
from safeconduct.records.laid_in import FileRefused
from safeconduct.records.principals import system_subject
from safeconduct.records.refusals import Malformed, NotFound, Refused
from safeconduct.records.release import content, release

ITEM = (
    '[[item]]\ncode = "lamps"\ngroup = "perimeter"\nclasses = ["residence"]\nen = "Lamps burn all night."\n'
)


def items(**findings: str) -> list[dict[str, Any]]:
    return [
        {
            "code": each.code,
            "group": each.group,
            "text": each.en,
            "finding": findings.get(each.code, "met"),
            "remark": "seen" if each.code in findings else "",
        }
        for each in built_in()
        if "work_site" in each.classes
    ]


def test_every_class_is_asked_in_three_languages_about_what_keeps_people_alive() -> None:
    for site_class in SITE_CLASSES:
        asked = [each for each in built_in() if site_class in each.classes]
        assert {"access", "communications", "medical", "evacuation", "shelter"} <= {
            each.group for each in asked
        }
        assert all(each.en and each.ur and each.zh for each in asked)
        assert {each.group for each in asked} <= set(GROUPS)
    assert len({each.said("zh-hans") for each in built_in()}) == len(built_in())


def test_a_party_adapts_them_by_a_file_and_a_file_that_is_none_changes_nothing(tmp_path: Path) -> None:
    base = built_in()
    changed = adapted(base, f'leave_out = ["glass"]\n{ITEM}'.encode(), "x")
    codes = [each.code for each in changed]
    assert "glass" not in codes and codes[-1] == "lamps" and len(codes) == len(base)
    replaced = adapted(base, ITEM.replace("lamps", "lighting").encode(), "x")
    assert next(each for each in replaced if each.code == "lighting").en == "Lamps burn all night."
    folder = tmp_path / "assessment"
    folder.mkdir()
    for wrong in (
        b"\xff\xfe",
        b"item = 3",
        b"[[item]]",
        ITEM.replace("perimeter", "people").encode(),
        ITEM.replace("lamps", "LAMPS!").encode(),
        ITEM.replace('["residence"]', "[]").encode(),
        (ITEM + ITEM).encode(),
        b'leave_out = ["nothing"]',
        ITEM.encode() + b"score = 3\n",
        b"[" * 5_000,
        b"a = " + b"1" * 5_000,
        b"#" * (1024 * 1024 + 1),
    ):
        (folder / "standards.toml").write_bytes(wrong)
        found = load(tmp_path)
        assert found.items == base and found.fault, wrong[:40]
    (folder / "standards.toml").write_text(ITEM)
    assert not load(tmp_path).fault and load(tmp_path).items[-1].code == "lamps"
    with pytest.raises(FileRefused, match="number 1"):
        adapted(base, b"[[item]]", "x")


def test_a_check_is_given_once_with_reasons_for_gaps_and_crosses_with_its_evidence(rooms: Nodes) -> None:
    host, partner = rooms
    on_host, on_partner = site_of(host, partner)
    officer, other = person(partner, "officer", "security_officer"), person(partner, "w", "watch_officer")
    chief, host_watch = person(host, "chief", "coordinator"), person(host, "hw", "watch_officer")
    told = items(lighting="not_met", alarm="partly", glass="met", search="not_applicable")
    with partner.active():
        for wrong in (
            [],
            [{**told[0], "finding": "good"}],
            [{**told[0], "finding": "not_met", "remark": ""}],
            [told[0], told[0]],
            [{**told[0], "code": "../x"}],
            [{**told[0], "text": "x" * 1_001}],
            [{**told[0], "code": f"c{n}"} for n in range(101)],
            [{**told[0], "person": "somebody"}],
        ):
            with pytest.raises(PartRefused):
                rules.check_site(officer, on_partner, "work_site", wrong)
        with pytest.raises(Refused):
            rules.check_site(other, on_partner, "work_site", told)
        check = rules.check_site(officer, on_partner, "work_site", told, by="Security officer").record
        result = release(officer, check).parts["result"]
        with pytest.raises(Malformed, match="stays as it was"):
            commit(officer, Draft("standard_check", {"result": result}, record=check, expected=1))
        file = rules.file_evidence(officer, check, "lighting", "../gate.txt", b"evidence-canary").record
        for code, raw, fault in (
            ("nothing", b"x", Malformed),
            ("lighting", b"MZ\x00\x01", AttachmentRefused),
            ("lighting", b"", AttachmentRefused),
        ):  # fmt: skip
            with pytest.raises(fault):
                rules.file_evidence(officer, check, code, "x.txt", raw)
        assert release(officer, file).parts["description"]["name"] == "gate.txt"
        raised = Draft("standard_evidence", {}, record=file, expected=1, levels={"content": 2})
        assert commit(officer, raised).version == 2
    both(host, partner)
    theirs = one(host, "standard_check", "cn").id
    with host.active():
        (latest,) = rules.checks_of(chief, [on_host])[on_host]
        assert latest.id == theirs and rules.items_of(latest) == result["items"]
        found = rules.progress(rules.items_of(latest), ["lighting"])
        assert (found.applies, found.met, found.partly, found.not_met, found.evidenced) == (
            len(told) - 1, len(told) - 3, 1, 1, 1,
        )  # fmt: skip
        with pytest.raises(Malformed):
            rules.file_evidence(chief, theirs, "lighting", "x.txt", b"x")
        shown = one(host, "standard_evidence", "cn").id
        assert content_bytes(content(chief, shown, "content")) == b"evidence-canary"
        with pytest.raises(NotFound):
            release(host_watch, shown)
        with pytest.raises(Malformed, match="no such gap"):
            rules.recommend_for_gap(chief, theirs, "perimeter", "x", "", "partner")
        advice = rules.recommend_for_gap(chief, theirs, "lighting", "Lamps at the gate", "", "partner").record
    both(host, partner)
    with partner.active():
        (came,) = followed(officer, [check])[check]
        assert came.title == "Lamps at the gate" and not came.measures
    with host.active():
        assert release(chief, advice).about == theirs


def test_a_site_is_overdue_a_year_after_its_last_check_and_until_its_first() -> None:
    now = time.time()
    assert rules.overdue(None, now)
    assert not rules.overdue(now - 365 * 86_400, now) and rules.overdue(now - 365 * 86_400 - 1, now)


def test_the_checklist_is_filled_in_without_a_script_and_said_in_the_readers_language(
    rooms: Nodes,
) -> None:
    host, partner = rooms
    _, on_partner = site_of(host, partner)
    officer = person(partner, "their-officer", "security_officer")
    with partner.active():
        client = client_of(partner, officer)
        listed = client.get("/assessment/standards/").content.decode()
        assert 'data-figure="due">1<' in listed and "never" in listed
        address = f"/assessment/standards/of/{on_partner}/check/"
        data = {f"finding_{each.code}": "met" for each in built_in() if "work_site" in each.classes}
        for wrong in ({}, {**data, "finding_lighting": "not_met"}, {**data, "finding_lighting": "fine"}):
            assert client.post(address, wrong).status_code == 422
        gap = {**data, "finding_lighting": "not_met", "remark_lighting": "<script>dark()</script>"}
        done = client.post(address, gap)
        assert done.status_code == 302
        for language, text in (
            ("en", "Barrier, gates and the ways"),
            ("ur", "رکاوٹ، دروازے"),
            ("zh-hans", "屏障、大门"),
        ):
            page = client.get(done["Location"], headers={"Accept-Language": language}).content.decode()
            assert text in page and "<script>dark" not in page and "&lt;script&gt;dark" in page
        listed = client.get("/assessment/standards/").content.decode()
        assert 'data-figure="due">0<' in listed
        assert client.get("/assessment/standards/of/" + "0" * 32 + "/").status_code == 404
        watch = client_of(partner, person(partner, "their-watch", "watch_officer"))
        assert watch.get(address).status_code == 403
        assert watch.post(address, data).status_code == 403


def test_who_checks_sites_is_reminded_once_a_year_after_the_latest_check(rooms: Nodes) -> None:
    host, partner = rooms
    site, _ = site_of(host, partner)
    chief = person(host, "chief", "coordinator")

    def sent() -> list[tuple[str, str]]:
        return host.writer.db.execute("SELECT about, person FROM notify_send ORDER BY about").fetchall()

    def let_pass(days: float) -> None:
        host.offset += days * 86_400
        for _ in range(3):
            fire_all(host.writer)

    with host.active():
        point = {"channel": "email", "address": "chief@example.org"}
        draft = Draft(CONTACT_POINT.name, {"address": point}, assigned=[chief.person], releasable=())
        commit(system_subject("pk"), draft)
        rules.check_site(chief, site, "work_site", items())
        last = rules.check_site(chief, site, "work_site", items(glass="partly")).record
    assert host.writer.db.execute(
        "SELECT count(*) FROM timer_due WHERE name = 'standards_due'"
    ).fetchone() == (1,)
    let_pass(364)
    assert not sent()
    let_pass(2)
    assert sent() == [(last, chief.person)]
    let_pass(400)
    assert sent() == [(last, chief.person)]
