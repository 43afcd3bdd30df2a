"""The pages of telling people, as those see them who may and those who may not."""

from __future__ import annotations

import time

import pytest

from safeconduct.agreement.policy import Subject
from safeconduct.notify import acts
from safeconduct.records.commit import Draft, commit
from safeconduct.records.home import Home
from safeconduct.records.principals import system_subject
from safeconduct.records.refusals import Malformed, NotFound, Refused
from safeconduct.records.release import release
from safeconduct.records.transaction import iso
from signed_in import signed_in

CANARY = "+92300123454321"


def sos(**call: object) -> str:
    at = iso(time.time())
    return commit(system_subject("pk"), Draft("sos", {"call": {"at": at, "received": at, **call}})).record


def steps(role: str, count: int = 1) -> dict[str, str | list[str]]:
    form: dict[str, str | list[str]] = {"step-TOTAL_FORMS": "6", "step-INITIAL_FORMS": "0"}
    for number in range(6):
        form[f"step-{number}-units"] = ""
    for number in range(count):
        form |= {f"step-{number}-after_minutes": str(number), f"step-{number}-roles": [role]}
    return form


def test_a_contact_point_is_seen_by_its_person_alone(node: Home) -> None:
    watch, officer = signed_in("watch_officer")
    answer = watch.post("/watch/contact-points/", {"channel": "sms", "address": CANARY, "language": "ur"})
    assert answer.status_code == 302
    assert CANARY in watch.get("/watch/contact-points/").content.decode()
    (point,) = acts.contact_points(officer)
    for role in ("coordinator", "auditor", "commander"):
        other, subject = signed_in(role)
        for page in ("contact-points", "on-call", "ladders", "deliveries"):
            assert CANARY not in other.get(f"/watch/{page}/").content.decode()
        with pytest.raises(NotFound):
            release(subject, point.id)
        assert other.post(f"/watch/contact-points/{point.id}/remove/").status_code == 404
    admin, _ = signed_in("administrator")
    assert admin.get("/watch/contact-points/").status_code == 403
    assert watch.post(f"/watch/contact-points/{point.id}/remove/").status_code == 302
    assert acts.contact_points(officer) == []


def test_nobody_sets_where_another_is_reached(node: Home) -> None:
    _, mine = signed_in("watch_officer")
    _, other = signed_in("commander")
    draft = Draft(
        "contact_point",
        {"address": {"channel": "sms", "address": "0300111"}},
        assigned=[other.person],
        releasable=(),
    )
    with pytest.raises(Refused):
        commit(mine, draft)


@pytest.mark.parametrize("address", ["a@b.c,d@e.f", "javascript:alert(1)", "x" * 300, "1&to=2", ""])
def test_a_wrong_address_is_told_and_not_stored(node: Home, address: str) -> None:
    watch, officer = signed_in("watch_officer")
    form = {"channel": "email", "address": address, "language": "en"}
    assert watch.post("/watch/contact-points/", form).status_code == 422
    assert acts.contact_points(officer) == []


def test_points_are_tried_in_the_order_one_prefers_and_are_few(node: Home) -> None:
    _, officer = signed_in("watch_officer")
    for number in range(acts.MAX_POINTS):
        acts.add_contact_point(officer, "sms", f"030000{number}")
    with pytest.raises(Malformed):
        acts.add_contact_point(officer, "sms", "0300999")
    acts.prefer_contact_point(officer, acts.contact_points(officer)[3].id)
    found = [each.parts["address"]["address"] for each in acts.contact_points(officer)]
    assert found[:3] == ["0300003", "0300000", "0300001"]


def test_a_shift_is_planned_taken_over_and_handed_over(node: Home) -> None:
    watch, first = signed_in("watch_officer", "first")
    _, second = signed_in("watch_officer", "second")
    now = time.gmtime(time.time() - 3600), time.gmtime(time.time() + 3600)
    since, until = (time.strftime("%Y-%m-%dT%H:%M", each) for each in now)
    form = {"role": "watch_officer", "since": since, "until": until}
    for who in (first, second):
        assert watch.post("/watch/on-call/", {**form, "person": who.person}).status_code == 302
    wrong = watch.post("/watch/on-call/", {**form, "person": first.person, "until": since})
    assert wrong.status_code == 422
    assert watch.post("/watch/on-call/", {**form, "person": "nobody"}).status_code == 422
    one, two = acts.shifts(first)
    watch.post(f"/watch/on-call/{one.id}/take-over/")
    watch.post(f"/watch/on-call/{two.id}/take-over/")
    assert release(first, one.id).state == "handed_over" and release(first, two.id).state == "on_duty"
    assert watch.post(f"/watch/on-call/{one.id}/take-over/").status_code == 400
    warden, _ = signed_in("warden")
    assert warden.get("/watch/on-call/").status_code == 200
    assert warden.post(f"/watch/on-call/{two.id}/hand-over/").status_code == 403
    assert watch.post(f"/watch/on-call/{two.id}/hand-over/").status_code == 302


def test_a_ladder_is_set_replaced_and_ended(node: Home) -> None:
    coordinator, subject = signed_in("coordinator")
    assert coordinator.get("/watch/ladders/new/").status_code == 200
    scope = {"kind": "sos", "site": "", "district": "Gwadar"}
    for role in ("commander", "liaison"):
        assert coordinator.post("/watch/ladders/new/", {**scope, **steps(role, 2)}).status_code == 302
    (ladder,) = acts.ladders(subject)
    assert ladder.version == 2 and ladder.parts["steps"]["steps"][1]["roles"] == ["liaison"]
    assert coordinator.post("/watch/ladders/new/", {**scope, **steps("liaison", 0)}).status_code == 422
    page = coordinator.get("/watch/ladders/").content.decode()
    assert "Gwadar" in page
    warden, _ = signed_in("warden")
    assert warden.post("/watch/ladders/new/", {**scope, **steps("warden")}).status_code == 403
    assert coordinator.post(f"/watch/ladders/{ladder.id}/end/").status_code == 302
    assert acts.ladders(subject) == []


def test_deliveries_are_found_by_number_and_exercises_are_apart(node: Home) -> None:
    coordinator, _ = signed_in("coordinator")
    _, officer = signed_in("watch_officer")
    acts.add_contact_point(officer, "sms", CANARY)
    sos(headline="the real one")
    page = coordinator.get("/watch/deliveries/").content.decode()
    practised = coordinator.get("/watch/deliveries/?exercise=1").content.decode()
    assert "watch-officer" in page and "watch-officer" not in practised
    sos(exercise=True)
    page = coordinator.get("/watch/deliveries/").content.decode()
    practised = coordinator.get("/watch/deliveries/?exercise=1").content.decode()
    assert "EXERCISE" not in page and practised.count("EXERCISE") >= 2
    assert CANARY not in page + practised and "The notifier has never asked" in page
    for number in ("AAAAA-BBBBB", "<script>", "'--", "x" * 500):
        found = coordinator.get("/watch/deliveries/", {"number": number})
        assert found.status_code == 200 and "<script>x" not in found.content.decode()
    warden, _ = signed_in("warden")
    assert warden.get("/watch/deliveries/").status_code == 403


def test_the_pages_open_in_every_language(node: Home) -> None:
    coordinator, _ = signed_in("coordinator")
    for language in ("en", "ur", "zh-hans"):
        for page in ("on-call", "ladders", "ladders/new", "contact-points", "deliveries"):
            answer = coordinator.get(f"/watch/{page}/", headers={"accept-language": language})
            assert answer.status_code == 200, page


def test_only_who_is_named_reads_nothing_more_by_a_forged_subject(node: Home) -> None:
    _, officer = signed_in("watch_officer")
    acts.add_contact_point(officer, "sms", CANARY)
    forged = Subject("pk", frozenset({"administrator"}), 3, frozenset(), frozenset(), officer.person)
    assert acts.contact_points(forged) == []
