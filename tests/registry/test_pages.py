"""The registry's pages: what each role sees of them, and what can be done on them without any script."""

from __future__ import annotations

import re
from typing import Any

import pytest
from django.test import Client

from registry.people import hour, person, site, somebody
from safeconduct.records.commit import Draft, commit
from safeconduct.records.find import Query, find
from safeconduct.records.home import Home
from safeconduct.records.principals import system_subject
from safeconduct.records.release import release
from safeconduct.registry import rules
from safeconduct.registry.headcounts import headcounts
from signed_in import signed_in

LANGUAGES = ("en", "ur", "zh-hans")


def page(client: Client, address: str, expect: int = 200, language: str = "en", **data: Any) -> str:
    answer = client.get(address, data, headers={"accept-language": language})
    assert answer.status_code == expect, (address, answer.status_code, answer.content[:2000])
    return answer.content.decode()


def entered(client: Client, address: str, **data: Any) -> str:
    answer = client.post(address, {key.replace("__", "-"): value for key, value in data.items()})
    assert answer.status_code == 302, re.findall(r"errorlist.*?</ul>", answer.content.decode(), re.S)
    return str(answer["Location"])


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_page_in_every_language_states_its_label(registry: Home, language: str) -> None:
    client, watch = signed_in("coordinator")
    port = site(watch, "گوادر پورٹ", name_zh="瓜达尔港")
    who, other = person(watch, "张伟"), person(watch, "Zhang Wei")
    rules.arrive(watch, who, port, hour(1))
    rules.return_headcount(watch, port, 40, hour(2))
    firm = rules.enter(watch, "organisation", {"identity": {"name": "Harbour Company"}}).record
    matter = {"title": "No leave after dark", "measure": "curfew", "ground": "It is safe", "site": port}
    complaint = rules.raise_grievance(watch, matter).record
    stay = find(watch, Query("presence", about=who)).records[0].id
    for address in (
        "/registry/",
        "/registry/persons/",
        "/registry/persons/?text=zhang",
        "/registry/organisations/",
        "/registry/projects/",
        "/registry/units/",
        "/registry/grievances/",
        "/registry/grievances/raise/",
        f"/registry/grievances/{complaint}/",
        f"/registry/sites/{port}/",
        f"/registry/sites/{port}/amend/",
        f"/registry/sites/{port}/count/",
        f"/registry/persons/{who}/",
        f"/registry/persons/{who}/amend/",
        f"/registry/persons/{who}/move/",
        f"/registry/persons/{who}/correction/",
        f"/registry/persons/{who}/stays/{stay}/",
        f"/registry/persons/{who}/compare/{other}/",
        f"/registry/organisations/{firm}/",
        "/registry/sites/enter/",
        "/registry/persons/enter/",
        "/registry/import/",
    ):
        text = page(client, address, language=language)
        assert f'lang="{language}"' in text or 'lang="zh-Hans"' in text
        assert "Label not stated" not in text, address
        assert "<script>" not in text, address


def test_a_site_is_entered_found_and_amended(registry: Home) -> None:
    client, watch = signed_in("coordinator")
    where = entered(
        client,
        "/registry/sites/enter/",
        identity__name="گوادر پورٹ",
        identity__name_latin="Gwadar Port",
        identity__category="work_site",
        identity__label_level="RESTRICTED",
        place__district="Gwadar",
        place__latitude="25.11",
        place__longitude="62.33",
        place__boundary="62.3, 25.1\n62.4, 25.1\n62.4, 25.2",
        place__label_level="RESTRICTED",
    )
    text = page(client, where)
    assert "Gwadar Port" in text and "گوادر پورٹ" in text and "3 corners" in text
    assert "That does not mean that nobody is there" in text
    assert "گوادر پورٹ" in page(client, "/registry/", text="گوادر")
    record = where.rstrip("/").rsplit("/", 1)[-1]
    again = {
        "seen": "1",
        "state": "active",
        "identity-name": "Gwadar Port",
        "identity-category": "work_site",
        "identity-label_level": "RESTRICTED",
        "place-district": "Gwadar",
        "place-label_level": "RESTRICTED",
        "arrangements-muster_point": "Gate 2",
        "arrangements-label_level": "CONFIDENTIAL",
    }
    assert client.post(where + "amend/", again).status_code == 302
    assert release(watch, record).parts["arrangements"]["muster_point"] == "Gate 2"
    assert client.post(where + "amend/", again).status_code == 409
    wrong = again | {"seen": "2", "place-latitude": "95", "place-longitude": "x", "place-boundary": "a b"}
    assert client.post(where + "amend/", wrong).status_code == 422
    assert release(watch, record).version == 2


def test_a_person_is_entered_moved_counted_and_found_by_sound(registry: Home) -> None:
    client, watch = signed_in("coordinator")
    port = site(watch)
    where = entered(
        client,
        "/registry/persons/enter/",
        name__name="张伟",
        name__label_level="CONFIDENTIAL",
        document__passport="e 123 4567",
        document__label_level="SECRET",
    )
    record = where.rstrip("/").rsplit("/", 1)[-1]
    found = release(watch, record)
    assert (found.parts["document"]["passport"], set(found.parts)) == ("E1234567", {"name", "document"})
    assert found.releasable == frozenset(), "persons stay at home"
    entered(client, where + "move/", arrive__site=port, arrive__since="2026-01-02T10:00", arrive="1")
    assert headcounts(watch, [port])[port].count == 1
    text = page(client, f"/registry/sites/{port}/")
    assert "张伟" in text and "CONFIDENTIAL" in text
    assert "张伟" in page(client, "/registry/persons/", text="Zang Way")
    answer = client.post(where + "move/", {"depart": "1", "depart-until": "2026-01-01T10:00"})
    assert answer.status_code == 422 and "not before the arrival" in answer.content.decode()
    entered(client, where + "move/", depart="1", depart__until="2026-01-03T10:00", depart__for_good="on")
    assert release(watch, record).state == "departed"


def test_who_sees_less_sees_no_names_and_no_count_of_names(registry: Home) -> None:
    _, watch = signed_in("coordinator")
    port, who = site(watch), person(watch, "Very Secret")
    rules.arrive(watch, who, port, hour(1))
    client, _ = signed_in("analyst", clearance=1)
    text = page(client, f"/registry/sites/{port}/")
    assert "Very Secret" not in text and "Who is there" not in text
    assert "not known" in text
    home = page(client, "/registry/")
    assert "not known" in home and "Very Secret" not in home
    page(client, f"/registry/persons/{who}/", expect=404)
    page(client, f"/registry/persons/{who}/move/", expect=404)
    page(client, f"/registry/sites/{port}/count/", expect=403)
    assert client.post("/registry/sites/enter/", {"identity-name": "x"}).status_code == 403
    assert "Nothing that you may see" in page(client, "/registry/persons/", text="Very Secret")


def test_a_person_sees_corrects_and_asks(registry: Home) -> None:
    _, watch = signed_in("coordinator")
    client, traveller = signed_in("protected_person", "traveller")
    contact = {"phone": "+92 300 1", "next_of_kin": "Wang Fang"}
    who = person(watch, "Li Na", traveller.person, contact=contact, employment={"position": "Cook"})
    someone_else = person(watch, "Wang Fang")
    text = page(client, "/registry/mine/")
    assert "This is what is held on you" in text and "Cook" in text and "CONFIDENTIAL" in text
    page(client, f"/registry/persons/{someone_else}/", expect=404)
    assert "Nothing that you may see" in page(client, "/registry/persons/", text="Wang")
    where = entered(
        client,
        f"/registry/persons/{who}/correction/",
        **{
            "employment.position": "Engineer",
            "contact.phone": "+92 300 1",
            "contact.next_of_kin": "Wang Fang",
        },
        **{"name.name": "Li Na"},
    )
    assert where == f"/registry/persons/{who}/"
    request = find(watch, Query("grievance", about=who, sort="at")).records[0]
    assert request.parts["matter"]["ground"] == "Position: Cook → Engineer"
    assert request.parts["matter"]["measure"] == "record" and request.releasable == frozenset()
    assert "Please correct" in page(client, where)
    answer = client.post(f"/registry/persons/{who}/correction/", {"employment.position": "Cook"})
    assert answer.status_code in (302, 422)
    direct = {
        "seen": "1",
        "state": "active",
        "name-name": "Li Na",
        "name-label_level": "CONFIDENTIAL",
        "contact-phone": "+92 300 2",
        "contact-label_level": "CONFIDENTIAL",
        "document-label_level": "SECRET",
    }
    assert client.post(f"/registry/persons/{who}/amend/", direct).status_code == 302
    assert release(watch, who).parts["contact"] == {"phone": "+92 300 2"} | {"email": "", "next_of_kin": ""}


def test_a_grievance_from_raising_to_closing(registry: Home) -> None:
    client, traveller = signed_in("protected_person", "traveller")
    manager, _ = signed_in("coordinator")
    other, _ = signed_in("security_manager")
    where = entered(
        client,
        "/registry/grievances/raise/",
        title="No leave after dark",
        measure="curfew",
        ground="<script>alert(1)</script> It is safe",
        since="2026-01-01",
        expires="2026-03-01",
    )
    text = page(client, where)
    assert "<script>alert" not in text and "It is safe" in text
    assert "traveller" in page(manager, where)
    assert "traveller" not in page(other, where), "who raised it is kept apart"
    stranger, _ = signed_in("protected_person", "stranger")
    page(stranger, where, expect=404)
    assert "No leave" not in page(stranger, "/registry/grievances/")
    assert client.post(where, {"text": "yes", "outcome": "lifted"}).status_code == 403
    assert manager.post(where, {"text": "", "outcome": "lifted"}).status_code == 422
    entered(manager, where, text="From Monday on you may.", outcome="lifted")
    text = page(client, where)
    assert "From Monday on you may." in text and "The measure was lifted" in text and "answered" in text
    record = where.rstrip("/").rsplit("/", 1)[-1]
    entered(manager, where + "close/", seen="2")
    assert release(traveller, record).state == "closed"
    assert manager.post(where, {"text": "more", "outcome": "lifted"}).status_code == 422
    for wrong in ({"title": ""}, {"title": "x", "measure": "none"}, {"title": "x" * 201, "measure": "other"}):
        assert client.post("/registry/grievances/raise/", wrong).status_code == 422


def test_duplicates_are_shown_side_by_side_and_decided(registry: Home) -> None:
    client, watch = signed_in("coordinator")
    one, two, three = person(watch, "Zhang Wei"), person(watch, "张伟"), person(watch, "Wei Zhang")
    assert f"/compare/{two}/" in page(client, f"/registry/persons/{one}/")
    beside = f"/registry/persons/{one}/compare/{two}/"
    page(client, beside)
    assert client.post(beside, {"seen": "1", "reason": ""}).status_code == 422
    assert client.post(beside, {"seen": "9", "reason": "same"}).status_code == 409
    entered(client, beside, seen="1", reason="The same passport")
    assert release(watch, two).state == "departed"
    entered(client, f"/registry/persons/{one}/apart/{three}/")
    assert "side by side" not in page(client, f"/registry/persons/{one}/")
    page(client, f"/registry/persons/{one}/compare/{one}/", expect=404)


def test_the_duty_bearer_and_the_guard_force_are_shown_as_released(registry: Home) -> None:
    client, watch = signed_in("coordinator")
    port = site(watch)
    forces = [{"force": "police", "count": 12}, {"force": "levies", "count": 4}]
    parts = {
        "bearer": {"unit": "gwadar-police", "unit_name": "Gwadar Police"},
        "guard_force": {"forces": forces},
    }
    commit(system_subject("pk"), Draft("protection", parts, about=port))
    somebody("auditor")
    text = page(client, f"/registry/sites/{port}/")
    assert "No duty bearer is shown" in text, "no house rule of this party opens protection"


@pytest.mark.parametrize(
    "address",
    [
        "/registry/nonsense/",
        "/registry/nonsense/enter/",
        "/registry/persons/none/",
        "/registry/sites/none/amend/",
        "/registry/grievances/none/",
        "/registry/persons/none/compare/none2/",
        "/registry/sites/none/protection/none/",
        "/registry/export/passwords.csv",
    ],
)
def test_what_is_not_there_is_not_found(registry: Home, address: str) -> None:
    client, _ = signed_in("coordinator")
    page(client, address, expect=404)


def test_a_record_of_another_kind_is_not_found(registry: Home) -> None:
    client, watch = signed_in("coordinator")
    port = site(watch)
    page(client, f"/registry/persons/{port}/", expect=404)
    page(client, f"/registry/organisations/{port}/amend/", expect=404)
    page(client, f"/registry/grievances/{port}/", expect=404)


def test_hostile_words_stay_words(registry: Home) -> None:
    client, watch = signed_in("coordinator")
    name = "<img src=x onerror=alert(1)>\u202e"
    port, who = site(watch, name), person(watch, name)
    rules.arrive(watch, who, port, hour(1))
    for address in (
        "/registry/",
        f"/registry/sites/{port}/",
        f"/registry/persons/{who}/",
        "/registry/persons/",
    ):
        assert "<img src=x" not in page(client, address)
    for text in ("'", '"', "%", "*", "\x00", "a" * 200, "NEAR(a b)", "../../etc/passwd"):
        page(client, "/registry/persons/", text=text)
        page(client, "/registry/", text=text)
    page(client, "/registry/persons/", cursor="nonsense", expect=400)
