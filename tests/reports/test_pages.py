"""The pages of reports: asked for in a form, shown, fetched as a file, filed, and refused when they make no sense."""

from __future__ import annotations

import json
from typing import Any

import pypdfium2
import pytest
from django.http import HttpResponse
from django.test import Client
from django.urls import reverse

from records.test_release import entries
from reports.conftest import DAY, TITLE_UR, Day, incident, now
from safeconduct.records import here
from safeconduct.records.commit import Draft, commit
from safeconduct.records.principals import to_wire
from signed_in import signed_in


def asked(known: Day, **more: Any) -> dict[str, Any]:
    return {"day": DAY, "span": "week", "at": known.moment.at.strftime("%Y-%m-%dT%H:%M:%S"), **more}


def at_least_a_second_later() -> None:
    """Addresses name seconds."""
    import time

    time.sleep(1.05)


@pytest.fixture
def told(day: Day) -> Day:
    at_least_a_second_later()
    day.moment = now()
    return day


def page(client: Client, known: Day, **more: Any) -> HttpResponse:
    return client.get(reverse("reports:situation"), asked(known, **more))


@pytest.mark.parametrize("language", ["en", "ur", "zh-hans"])
def test_the_page_shows_the_report_and_offers_the_file(told: Day, language: str) -> None:
    client, _ = signed_in("coordinator")
    client.cookies["django_language"] = language
    answer = client.get(reverse("reports:situation"), asked(told), headers={"accept-language": language})
    body = answer.content.decode()
    assert answer.status_code == 200 and TITLE_UR in body and reverse("reports:situation_pdf") in body
    raw = client.get(reverse("reports:situation_pdf"), asked(told, language=language))
    assert raw["Content-Type"] == "application/pdf" and raw.content.startswith(b"%PDF-")
    assert raw["Content-Disposition"].endswith(f'-{language}.pdf"')
    assert raw.content == client.get(reverse("reports:situation_pdf"), asked(told, language=language)).content


def test_without_a_moment_the_address_names_now(told: Day) -> None:
    client, _ = signed_in("watch_officer")
    answer = client.get(reverse("reports:situation"), {"day": DAY, "span": "day"})
    assert answer.status_code == 302 and "at=20" in answer["Location"]


@pytest.mark.parametrize(
    "wrong",
    [
        {"day": ""}, {"day": "0001-01-01"}, {"day": "9999-12-31"}, {"day": "<script>"},
        {"at": "2999-01-01T00:00:00"}, {"at": "yesterday"},
    ],
)  # fmt: skip
def test_what_makes_no_sense_is_asked_again(told: Day, wrong: dict[str, str]) -> None:
    client, _ = signed_in("coordinator")
    assert page(client, told, **wrong).status_code == 400
    assert client.get(reverse("reports:situation_pdf"), asked(told, **wrong)).status_code == 400


def test_a_language_that_is_none_is_refused(told: Day) -> None:
    client, _ = signed_in("coordinator")
    assert client.get(reverse("reports:situation_pdf"), asked(told, language="../en")).status_code == 400


def test_a_file_is_noted_before_it_leaves(told: Day) -> None:
    client, actor = signed_in("coordinator")
    before = len(entries("reading"))
    client.get(reverse("reports:situation_pdf"), asked(told))
    rows = here.tables().all("SELECT parts FROM records_row WHERE kind = 'reading'")
    readings = [json.loads(row[0]) for row in rows]
    assert len(entries("reading")) > before
    assert any(r["what"]["act"] == "export" and r["who"]["person"] == actor.person for r in readings)


def test_a_filed_report_is_derived_from_all_that_is_in_it(told: Day) -> None:
    client, actor = signed_in("coordinator")
    answer = client.post(reverse("reports:file_situation"), asked(told))
    assert answer.status_code == 302
    record = answer["Location"].rstrip("/").rsplit("/", 1)[-1]
    filed = client.get(answer["Location"])
    assert filed.status_code == 200 and "SHA-256" in filed.content.decode()
    raw = client.get(reverse("reports:filed_file", args=[record]))
    assert raw.content == client.get(reverse("reports:situation_pdf"), asked(told)).content
    assert len(pypdfium2.PdfDocument(raw.content)) >= 1
    payload = {"actor": to_wire(actor), "record": told.airport.record, "parts": ["where"], "reason": "asked"}
    assert record in here.door().call("erase", payload)["derived"]
    listing = client.get(reverse("reports:home")).content.decode()
    assert reverse("reports:filed", args=[record]) in listing


def test_a_report_goes_no_further_than_what_it_was_made_from(told: Day) -> None:
    at_least_a_second_later()
    commit(told.officer, Draft("incident", incident("For us alone"), releasable=()))
    at_least_a_second_later()
    told.moment = now()
    client, _ = signed_in("coordinator")
    answer = client.post(reverse("reports:file_situation"), asked(told))
    record = answer["Location"].rstrip("/").rsplit("/", 1)[-1]
    (found,) = here.tables().all("SELECT releasable FROM records_row WHERE id = %s", [record])
    assert found == ("",)


def test_who_may_not_file_is_refused(told: Day) -> None:
    for role in ("signatory", "watch_officer"):
        client, _ = signed_in(role)
        assert client.post(reverse("reports:file_situation"), asked(told)).status_code == 403
        assert client.get(reverse("reports:situation_pdf"), asked(told)).status_code == 403
        body = page(client, told).content.decode()
        assert "File this report" not in body and reverse("reports:situation_pdf") not in body
    assert ("export",) in here.tables().all("SELECT act FROM records_refusal")


def test_a_record_has_its_paper(told: Day) -> None:
    client, _ = signed_in("coordinator")
    at = {"at": told.moment.at.strftime("%Y-%m-%dT%H:%M:%S")}
    body = client.get(reverse("reports:record", args=[told.airport.record]), at).content.decode()
    assert TITLE_UR in body and "Dawn" in body and "Police" in body
    raw = client.get(reverse("reports:record_pdf", args=[told.airport.record]), {**at, "language": "ur"})
    assert raw.content.startswith(b"%PDF-")
    assert client.get(reverse("reports:record", args=["0" * 32])).status_code == 404
    early = {"at": "2001-01-01T00:00:00"}
    assert client.get(reverse("reports:record", args=[told.airport.record]), early).status_code == 404
    assert (
        client.get(reverse("reports:record", args=[told.airport.record]), {"at": "never"}).status_code == 400
    )
