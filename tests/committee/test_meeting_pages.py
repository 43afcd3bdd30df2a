"""The pages of meetings on the convening node, and the calendar files that two other libraries read."""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import ics
import pypdfium2
import pytest
import vobject
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client

from journeys.roads import receive
from paired import agree, paired
from safeconduct.records.home import Home
from safeconduct.records.release import release
from signed_in import signed_in

STARTS = (datetime.now(UTC) + timedelta(days=3)).replace(minute=0, second=0, microsecond=0)


@pytest.fixture
def home(host_home: Home, tmp_path: Path) -> Iterator[Home]:
    with paired(host_home, tmp_path) as (found, key):
        agree({"2"}, key)
        yield found


def form(**more: Any) -> dict[str, Any]:
    return {
        "title": "Fifth meeting <b>",
        "title_ur": "پانچواں اجلاس",
        "group": "committee",
        "starts": STARTS.strftime("%Y-%m-%dT%H:%M"),
        "ends": (STARTS + timedelta(hours=2)).strftime("%Y-%m-%dT%H:%M"),
        "held": "in_person",
        "place": "Room 4",
        "to": ["cn"],
        **more,
    }


def called(client: Client, **more: Any) -> str:
    done = client.post("/committee/meetings/new/", form(**more))
    assert done.status_code == 302, done.content.decode()
    return str(done["Location"])


def item(client: Client, meeting: str, title: str, **more: Any) -> str:
    given = {"title": title, "category": "incidents", "level": "1", "key": title, **more}
    done = client.post(f"{meeting}items/", {f"item-{name}": value for name, value in given.items()})
    assert done.status_code == 302, done.content.decode()
    page = client.get(meeting).content.decode()
    (found,) = [
        each for each in page.split('<li class="part" id="item-')[1:] if f"<bdi>{title}</bdi>" in each
    ]
    return found[:32]


def block(page: str, record: str) -> str:
    return page.split(f'id="item-{record}"')[1].split("</li>")[0]


def test_from_the_call_to_the_register(home: Home) -> None:
    client, _ = signed_in("coordinator")
    meeting = called(client)
    first, second = item(client, meeting, "Attacks of the quarter"), item(client, meeting, "Convoys")
    hidden = item(client, meeting, "A quarrel", withheld="on", ground="an internal matter")
    page = client.get(meeting).content.decode()
    assert "Fifth meeting &lt;b&gt;" in page and "Room 4" in page
    assert "Withheld from observers" in block(page, hidden) and "an internal matter" in block(page, hidden)
    assert page.index(first) < page.index(second) < page.index(hidden)

    assert client.post(f"{meeting}items/{second}/move/", {"seen": 1, "state": "up"}).status_code == 302
    page = client.get(meeting).content.decode()
    assert page.index(f"item-{second}") < page.index(f"item-{first}")
    assert client.post(f"{meeting}items/{second}/move/", {"seen": 1, "state": "up"}).status_code in (302, 409)

    minutes = {"minutes-en": "Two were killed.", "minutes-ur": "دو ہلاک ہوئے۔"}
    assert client.post(f"{meeting}items/{first}/minutes/", minutes).status_code == 302
    decision = {
        "decision-key": "k", "decision-text": "Close the gate at night", "decision-answerable": "host",
        "decision-owner": "Ministry", "decision-due": "2024-01-01",
    }  # fmt: skip
    for _again in range(2):
        assert client.post(f"{meeting}items/{first}/decisions/", decision).status_code == 302
    page = client.get(meeting).content.decode()
    assert "Two were killed." in block(page, first) and 'lang="ur"' in block(page, first)
    assert block(page, first).count("Close the gate at night") == 1, "sent twice it is one"
    assert "overdue" in block(page, first)
    number = re.search(r"PK-D-[0-9A-Z]{6}", page)
    assert number is not None

    (made,) = re.findall(r'id="decision-([0-9a-f]{32})"', page)
    reservation = {"reservation-text": "Not without the port's consent."}
    assert client.post(f"{meeting}decisions/{made}/reserve/", reservation).status_code == 302
    action = {
        "action-key": "a",
        "action-text": "Light the gate",
        "action-owner": "Port",
        "action-due": "2030-01-01",
    }
    assert client.post(f"{meeting}actions/on/{made}/", action).status_code == 302
    register = client.get("/committee/register/").content.decode()
    for words in (number.group(), "Not without the port&#x27;s consent.", "Light the gate"):
        assert words in register, words
    (task,) = re.findall(r'id="action-([0-9a-f]{32})"', client.get(meeting).content.decode())
    report = {"seen": 1, "remark": "Lit", "state": "done"}
    assert client.post(f"{meeting}actions/{task}/", report).status_code == 302
    assert "Nothing is open" in client.get("/committee/register/").content.decode()


def reserved(client: Client, meeting: str) -> tuple[str, str]:
    """(decision, reservation) on a new item of a meeting."""
    first = item(client, meeting, "Attacks of the quarter")
    decision = {
        "decision-key": "k", "decision-text": "Close the gate at night", "decision-answerable": "host",
        "decision-owner": "Ministry", "decision-due": "2030-01-01",
    }  # fmt: skip
    assert client.post(f"{meeting}items/{first}/decisions/", decision).status_code == 302
    (made,) = re.findall(r'id="decision-([0-9a-f]{32})"', client.get(meeting).content.decode())
    given = {"reservation-text": "Not without the port <b>."}
    assert client.post(f"{meeting}decisions/{made}/reserve/", given).status_code == 302
    (found,) = re.findall(r'id="reservation-([0-9a-f]{32})"', client.get(meeting).content.decode())
    return made, found


def test_an_own_reservation_is_lifted_once_and_says_by_whom(home: Home) -> None:
    client, who = signed_in("coordinator", "rana")
    meeting = called(client)
    decision, found = reserved(client, meeting)
    lift = f"{meeting}reservations/{found}/lift/"
    page = client.get(meeting).content.decode()
    assert lift in page and "Lift this reservation?" in page
    assert client.get(lift).status_code == 405
    for wrong in ({}, {"seen": "x"}, {"seen": 0}):
        assert client.post(lift, wrong).status_code == 400, wrong
    assert client.post(f"{meeting}reservations/{decision}/lift/", {"seen": 1}).status_code == 404
    assert client.post(f"{called(client)}reservations/{found}/lift/", {"seen": 1}).status_code == 404
    assert release(who, found).state == "open"

    assert client.post(lift, {"seen": 1})["Location"] == meeting
    lifted = release(who, found)
    assert lifted.state == "lifted" and lifted.parts["lifting"]["by"] == "rana"
    page = client.get(meeting).content.decode()
    assert lift not in page and "Not without the port &lt;b&gt;." in page
    said = page.split(f'id="reservation-{found}"')[1].split("</blockquote>")[0]
    assert ">lifted<" in said and "Lifted" in said and "<bdi>rana</bdi>" in said
    again = client.post(lift, {"seen": 1})
    assert again.status_code == 409 and "Somebody was faster" in again.content.decode()
    assert client.post(lift, {"seen": 2}).status_code == 400, "what is lifted is not lifted again"
    assert release(who, found).version == 2
    for language, word in (("ur", "واپس لیا گیا"), ("zh-hans", "已撤销")):
        assert (
            word in client.get("/committee/register/", headers={"Accept-Language": language}).content.decode()
        )


def test_the_register_lifts_a_reservation_too(home: Home) -> None:
    client, who = signed_in("coordinator")
    _, found = reserved(client, called(client))
    lift = f"/committee/register/reservations/{found}/lift/"
    assert lift in client.get("/committee/register/").content.decode()
    alone = client.get("/committee/register/", headers={"HX-Request": "true"}).content.decode()
    assert lift in alone and alone.lstrip().startswith("<div")
    assert client.post(lift, {"seen": 1})["Location"] == "/committee/register/"
    assert release(who, found).state == "lifted"
    page = client.get("/committee/register/").content.decode()
    assert lift not in page and f'id="reservation-{found}"' in page


def test_only_its_party_lifts_a_reservation_and_only_who_may_write_one(home: Home) -> None:
    client, who = signed_in("coordinator")
    meeting = called(client)
    decision, own = reserved(client, meeting)
    words = {"text": "We doubt it.", "by": "Li Wei", "at": "2026-01-01T00:00:00Z"}
    theirs = receive("reservation", {"words": words}, about=decision)
    page = client.get(meeting).content.decode()
    assert "We doubt it." in page and f"reservations/{own}/lift/" in page
    assert f"reservations/{theirs}/lift/" not in page
    assert client.post(f"{meeting}reservations/{theirs}/lift/", {"seen": 1}).status_code == 403
    assert release(who, theirs).state == "open"
    for role in ("auditor", "watch_officer", "protected_person"):
        other, _ = signed_in(role)
        seen = other.get("/committee/register/").content.decode()
        assert "/lift/" not in seen, role
        for address in (
            f"{meeting}reservations/{own}/lift/",
            f"/committee/register/reservations/{own}/lift/",
        ):
            assert other.post(address, {"seen": 1}).status_code in (403, 404), (role, address)
    assert release(who, own).state == "open"


def test_a_live_update_is_the_inside_with_the_label_alone(home: Home) -> None:
    client, _ = signed_in("coordinator")
    meeting = called(client)
    alone = client.get(meeting, headers={"HX-Request": "true"}).content.decode()
    assert alone.lstrip().startswith("<article") and "banner-place" in alone


def test_the_page_speaks_the_readers_language(home: Home) -> None:
    client, _ = signed_in("coordinator")
    meeting = called(client)
    page = client.get(meeting, headers={"Accept-Language": "ur"}).content.decode()
    assert 'dir="rtl"' in page and "پانچواں اجلاس" in page and "Agenda" not in page
    assert "议程" in client.get(meeting, headers={"Accept-Language": "zh-hans"}).content.decode()


def test_an_observer_of_the_other_party_gets_his_seat_on_the_page(home: Home) -> None:
    client, _ = signed_in("coordinator")
    meeting = called(client)
    first = item(client, meeting, "Attacks of the quarter")
    record = meeting.rstrip("/").rsplit("/", 1)[1]
    seat = {"name": "Li Wei", "capacity": "observer", "person": "p-li"}
    attendance = receive("attendance", {"seat": seat}, about=record)
    page = client.get(meeting).content.decode()
    assert "Give a seat to" in page and "No observer may know of it." in block(page, first)
    until = (STARTS + timedelta(days=30)).strftime("%Y-%m-%dT%H:%M")
    terms = {
        "seat-ceiling": "1",
        "seat-categories": ["incidents"],
        "seat-methods": ["visual"],
        "seat-until": until,
    }
    assert client.post(f"{meeting}attendances/{attendance}/seat/", terms).status_code == 302
    page = client.get(meeting).content.decode()
    assert "Li Wei" in block(page, first) and "shown, not to keep" in block(page, first)
    (given,) = re.findall(r"/seats/([0-9a-f]{32})/end/", page)
    assert client.post(f"{meeting}seats/{given}/end/", {"seen": 1}).status_code == 302
    assert "No observer may know of it." in block(client.get(meeting).content.decode(), first)


def test_an_observer_is_named_with_an_account_of_this_party(home: Home) -> None:
    client, _ = signed_in("coordinator")
    meeting = called(client)
    named = {"attendance-name": "Colonel Khan", "attendance-capacity": "observer"}
    refused = client.post(f"{meeting}attendances/", named)
    assert refused.status_code == 422 and "the account that he reads with" in refused.content.decode()
    refused = client.post(f"{meeting}attendances/", named | {"attendance-account": "nobody"})
    assert refused.status_code == 422 and "no such account" in refused.content.decode()


def test_a_paper_is_cleaned_and_shown_in_a_sandbox(home: Home) -> None:
    client, _ = signed_in("coordinator")
    meeting = called(client)
    first = item(client, meeting, "Attacks of the quarter")
    paper = SimpleUploadedFile("../../table<b>.txt", b"Drei Angriffe")
    done = client.post(f"{meeting}items/{first}/papers/", {"paper-paper": paper, "paper-level": "1"})
    assert done.status_code == 302
    page = client.get(meeting).content.decode()
    assert "table&lt;b&gt;.txt" in page
    (address,) = re.findall(r'href="([^"]*/papers/[^"]*)"', page)
    shown = client.get(address)
    assert shown.content == b"Drei Angriffe" and "sandbox" in shown["Content-Security-Policy"]
    bad = SimpleUploadedFile("evil.html", b"\x00\x01\x02<script>")
    assert (
        client.post(f"{meeting}items/{first}/papers/", {"paper-paper": bad, "paper-level": "1"}).status_code
        == 400
    )


@pytest.mark.parametrize(
    ("path", "given"),
    [
        ("state/", {"seen": 1, "state": "army"}),
        ("state/", {"seen": "x" * 99, "state": "held"}),
        ("state/", {"seen": 1, "state": "closed"}),
        ("items/00000000000000000000000000000000/end/", {"seen": 1, "state": "dropped"}),
        ("seats/00000000000000000000000000000000/end/", {"seen": 1}),
        ("minutes/00000000000000000000000000000000/answer/", {"seen": 1, "stance": "agreed"}),
        ("decisions/00000000000000000000000000000000/reserve/", {"reservation-text": "x"}),
        ("actions/on/00000000000000000000000000000000/", {}),
        ("papers/00000000000000000000000000000000/", None),
    ],
)
def test_hostile_presses_are_answered_and_change_nothing(
    home: Home, path: str, given: dict[str, Any] | None
) -> None:
    client, _ = signed_in("coordinator")
    meeting = called(client)
    before = client.get(meeting, headers={"HX-Request": "true"}).content
    done = client.get(meeting + path) if given is None else client.post(meeting + path, given)
    assert done.status_code in (400, 404, 409, 422)
    strip: Callable[[bytes], bytes] = lambda raw: re.sub(rb'value="[A-Za-z0-9-]{36,64}"', b"", raw)  # noqa: E731
    assert strip(client.get(meeting, headers={"HX-Request": "true"}).content) == strip(before)


def test_who_may_not_write_is_offered_nothing_and_refused(home: Home) -> None:
    client, _ = signed_in("coordinator")
    meeting = called(client)
    first = item(client, meeting, "Attacks of the quarter")
    watch, _ = signed_in("watch_officer")
    page = watch.get(meeting).content.decode()
    assert (
        "Fifth meeting" in page
        and "Attacks of the quarter" not in page
        and "Put it on the agenda" not in page
    )
    assert watch.post(f"{meeting}items/{first}/end/", {"seen": 1, "state": "dropped"}).status_code in (
        403,
        404,
    )
    traveller, _ = signed_in("protected_person")
    assert traveller.get(meeting).status_code == 404
    assert "Fifth meeting" not in traveller.get("/committee/").content.decode()


def entry(client: Client, meeting: str) -> tuple[Any, ics.Event, str]:
    """The calendar entry as vobject and as ics.py read it, and the file."""
    raw = client.get(f"{meeting}meeting.ics").content.decode()
    (second,) = ics.Calendar(raw).events
    return vobject.readOne(raw), second, raw


def test_a_calendar_takes_the_meeting_its_change_and_its_end(home: Home) -> None:
    client, _ = signed_in("coordinator")
    meeting = called(client)
    first, other, raw = entry(client, meeting)
    assert first.method.value == "PUBLISH" and first.vevent.sequence.value == "0"
    assert first.vevent.dtstart.value == STARTS and other.begin.datetime == STARTS
    assert first.vevent.uid.value == other.uid
    assert "Fifth" not in raw and "Room 4" not in raw, "no grant names the channel"
    assert "Open Safeconduct" in first.vevent.summary.value

    later = STARTS + timedelta(hours=1)
    moved = form(starts=later.strftime("%Y-%m-%dT%H:%M"), seen=1)
    assert client.post(f"{meeting}amend/", moved).status_code == 302
    second, other, _raw = entry(client, meeting)
    assert second.vevent.uid.value == first.vevent.uid.value
    assert second.vevent.sequence.value == "1" and other.begin.datetime == later

    assert client.post(f"{meeting}state/", {"seen": 2, "state": "cancelled"}).status_code == 302
    third, other, _raw = entry(client, meeting)
    assert third.method.value == "CANCEL" and third.vevent.status.value == "CANCELLED"
    assert third.vevent.uid.value == first.vevent.uid.value and third.vevent.sequence.value == "2"
    assert other.status == "CANCELLED"


@pytest.mark.parametrize("language", ["en", "ur", "zh-hans"])
def test_the_committees_paper_is_a_pdf_without_how_its_items_are_handled(home: Home, language: str) -> None:
    client, _ = signed_in("coordinator")
    meeting = called(client)
    first = item(client, meeting, "Attacks of the quarter")
    item(client, meeting, "A quarrel", withheld="on", ground="Zzyzx-ground")
    client.post(f"{meeting}items/{first}/minutes/", {"minutes-en": "Two were killed."})
    record = meeting.rstrip("/").rsplit("/", 1)[1]
    assert f"/reports/paper/{record}/" in client.get(meeting).content.decode()
    time.sleep(1.1)  # a paper is of a second that is over
    pdf = client.get(f"/reports/paper/{record}/file.pdf", headers={"Accept-Language": language})
    assert pdf.status_code == 200 and pdf.content.startswith(b"%PDF")
    document = pypdfium2.PdfDocument(pdf.content)
    text = "".join(page.get_textpage().get_text_range() for page in document)
    assert "killed" in text and "Zzyzx" not in text
