"""The room's pages, as people with different roles meet them."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Callable, Iterator
from html.parser import HTMLParser
from typing import Any

import pytest
from django.test import Client

from safeconduct.agreement.policy import Subject
from safeconduct.incidents import rules
from safeconduct.people.models import Account
from safeconduct.records import here
from safeconduct.records.commit import Draft, commit
from safeconduct.records.home import Home
from safeconduct.records.principals import system_subject
from safeconduct.records.release import release

PARTS: dict[str, dict[str, Any]] = {
    "summary": {"title": "Convoy attacked near <b>Port</b>", "category": "attack"},
    "when": {"start": "2024-10-06T23:00+05:00"},
    "where": {"latitude": 24.9, "longitude": 67.17, "place": "Karachi airport", "district": "Karachi"},
    "people": {"killed_best": 2, "victims": "=cmd()"},
    "method": {"type": "vehicle_bomb"},
    "response": {"units": "CANARY unit at the east gate"},
    "source": {"name": "Control room", "reliability": "B", "credibility": 2},
}

As = Callable[..., tuple[Client, Subject]]


@pytest.fixture
def signed_in(node: Home) -> Iterator[As]:
    """Gives a browser signed in as someone with one role, and that person's principal."""

    def make(role: str, clearance: int = 3) -> tuple[Client, Subject]:
        account = Account.objects.create(username=role, clearance=clearance)
        assignment = {"person": account.person, "account_name": role, "role": role, "clearance": clearance}
        commit(system_subject("pk"), Draft("role_assignment", {"assignment": assignment}, releasable=()))
        client = Client(SERVER_NAME="localhost")
        client.force_login(account)
        return client, Subject("pk", frozenset({role}), clearance, frozenset(), frozenset(), account.person)

    yield make


def entered(parts: dict[str, dict[str, Any]], **more: Any) -> dict[str, Any]:
    """What a browser sends for these form fields."""
    fields = {f"{part}-{name}": value for part, told in parts.items() for name, value in told.items()}
    return fields | more


REPORT = entered(
    {
        "summary": {"title": "Shots at a bus", "category": "attack", "label_level": "RESTRICTED"},
        "when": {
            "start_day": "2024-11-05",
            "start_time": "07:40",
            "time_precision": "1",
            "label_level": "RESTRICTED",
        },
        "where": {
            "place": "Karachi",
            "district": "Karachi",
            "geo_precision": "1",
            "label_level": "RESTRICTED",
        },
    }
)


def test_an_immediate_report_is_short_and_leads_to_its_page(signed_in: As) -> None:
    client, officer = signed_in("watch_officer")
    page = client.get("/incidents/report/")
    assert page.status_code == 200
    assert b"people-killed_best" not in page.content
    answer = client.post("/incidents/report/", REPORT)
    assert answer.status_code == 302
    found = release(officer, answer["Location"].split("/")[2])
    assert found.state == "immediate"
    assert found.parts["when"] == {
        "start": "2024-11-05T07:40:00+00:00",
        "time_precision": 1,
        "local_hour_known": True,
    }
    shown = client.get(answer["Location"]).content.decode()
    assert "Shots at a bus" in shown
    assert 'data-level="RESTRICTED"' in shown


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"summary-title": ""}, "required"),
        ({"when-start_day": ""}, "required"),
        ({"when-end_day": "2024-11-03"}, "end must not be before start"),
        ({"where-latitude": "91", "where-longitude": "1"}, "90"),
        ({"where-latitude": "1"}, "come together"),
        ({"where-place": "", "where-district": ""}, "name of a place"),
        ({"summary-label_level": "PUBLIC"}, "valid choice"),
        ({"summary-category": "strike"}, "valid choice"),
    ],
)
def test_a_faulty_report_comes_back_with_what_was_typed(
    signed_in: As, changes: dict[str, str], said: str
) -> None:
    client, _ = signed_in("watch_officer")
    answer = client.post("/incidents/report/", REPORT | changes)
    assert answer.status_code == 422
    assert said in answer.content.decode()
    assert "2024-11-05" in answer.content.decode() or "start_day" in next(iter(changes))


def test_who_may_not_write_is_refused_before_typing_and_it_is_logged(signed_in: As) -> None:
    client, _ = signed_in("auditor")
    assert client.get("/incidents/report/").status_code == 403
    assert client.post("/incidents/report/", REPORT).status_code == 403
    assert "report/" not in client.get("/incidents/").content.decode()


def test_the_page_shows_what_may_be_seen_and_says_what_is_withheld(signed_in: As) -> None:
    _, officer = signed_in("watch_officer")
    made = rules.report_incident(officer, PARTS)
    seen = {}
    for role in ("commander", "liaison", "auditor", "administrator"):
        client, _ = signed_in(role)
        answer = client.get(f"/incidents/{made.record}/")
        seen[role] = (answer.status_code, answer.content.decode())
    assert seen["commander"][0] == seen["liaison"][0] == seen["auditor"][0] == 200
    assert "CANARY unit" in seen["commander"][1]
    assert 'class="banner" data-level="SECRET"' in seen["commander"][1]
    assert "CANARY unit" not in seen["liaison"][1]
    assert "Response: withheld" in seen["liaison"][1]
    assert "Karachi airport" not in seen["auditor"][1]
    assert "Where: withheld" in seen["auditor"][1]
    assert seen["administrator"][0] == 404
    assert "&lt;b&gt;Port" in seen["commander"][1]
    assert "<b>Port" not in seen["commander"][1]


def test_an_unknown_record_and_one_of_another_kind_are_not_found(signed_in: As) -> None:
    client, officer = signed_in("watch_officer")
    made = rules.report_incident(officer, PARTS)
    claim = rules.add_claim(
        officer,
        made.record,
        {"source": {"outlet": "Wire", "party": "press"}, "figure": {"what": "killed", "best": 2}},
    )
    assert client.get(f"/incidents/{claim.record}/").status_code == 404
    assert client.get("/incidents/00000000000000000000000000000000/").status_code == 404


def test_lists_filter_and_search_only_what_is_visible(signed_in: As) -> None:
    client, officer = signed_in("watch_officer")
    rules.report_incident(officer, PARTS)
    rules.report_incident(
        officer,
        PARTS
        | {"summary": {"title": "Bus overturned", "category": "accident"}, "when": {"start": "2023-01-01"}},
    )

    def titles(who: Client, query: str) -> tuple[bool, bool]:
        answer = who.get("/incidents/" + query)
        assert answer.status_code == 200
        text = answer.content.decode()
        return "Convoy attacked" in text, "Bus overturned" in text

    assert titles(client, "") == (True, True)
    assert titles(client, "?category=accident") == (False, True)
    assert titles(client, "?since=2024-01-01") == (True, False)
    assert titles(client, "?until=2023-01-01") == (False, True)
    assert titles(client, "?text=convoy") == (True, False)
    assert titles(client, "?text=CANARY") == (True, True)
    assert titles(client, "?bbox=67,24,68,25") == (True, True)
    assert titles(client, "?bbox=0,0,1,1") == (False, False)
    assert titles(client, "?bbox=north") == (False, False)
    assert titles(client, "?state=closed") == (False, False)
    liaison, _ = signed_in("liaison")
    assert titles(liaison, "?text=CANARY") == (False, False)
    assert titles(liaison, "?place=Karachi") == (True, True)


def test_a_list_reads_out_no_more_than_it_shows(signed_in: As) -> None:
    _, officer = signed_in("watch_officer")
    rules.report_incident(officer, PARTS)
    client, _ = signed_in("coordinator")
    assert "Killed" not in client.get("/incidents/").content.decode()
    assert "Killed: 2" in client.get("/incidents/?figures=on").content.decode()


def test_pages_follow_each_other_without_a_gap(signed_in: As) -> None:
    client, officer = signed_in("watch_officer")
    for number in range(60):
        rules.report_incident(
            officer,
            PARTS
            | {
                "summary": {"title": f"Number-{number:03}-", "category": "threat"},
                "when": {"start": f"2024-01-{number % 28 + 1:02}"},
            },
        )
    first = client.get("/incidents/?category=threat").content.decode()
    link = first.split('rel="next"')[0].rsplit('href="', 1)[1].split('"')[0].replace("&amp;", "&")
    assert "category=threat" in link
    second = client.get("/incidents/" + link).content.decode()
    on_first = {n for n in range(60) if f"Number-{n:03}-" in first}
    on_second = {n for n in range(60) if f"Number-{n:03}-" in second}
    assert (len(on_first), len(on_second)) == (50, 10)
    assert not on_first & on_second
    assert client.get("/incidents/?cursor=rubbish").status_code == 400


def test_the_map_gets_points_and_nothing_more(signed_in: As) -> None:
    client, officer = signed_in("watch_officer")
    made = rules.report_incident(officer, PARTS)
    rules.report_incident(officer, PARTS | {"where": {"place": "somewhere"}})
    answer = client.get("/incidents/points.geojson?category=attack")
    assert answer["Content-Type"] == "application/geo+json"
    (point,) = json.loads(answer.content)["features"]
    assert point["geometry"]["coordinates"] == [67.17, 24.9]
    assert point["properties"]["url"] == f"/incidents/{made.record}/"
    assert set(point["properties"]) == {
        "title", "when", "place", "summary", "level", "level_text", "exact", "url",
    }  # fmt: skip
    assert client.get("/incidents/points.geojson?bbox=1").status_code == 400
    page = client.get("/incidents/map/").content.decode()
    assert 'data-points="/incidents/points.geojson"' in page
    assert "Convoy attacked" in page


class Entered(HTMLParser):
    """What a browser would send for the forms of a page as they stand."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.data: dict[str, list[str]] = {}
        self.select = self.area = ""
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        told = dict(attrs)
        name = told.get("name") or ""
        ticked = told.get("type") != "checkbox" or "checked" in told
        if tag == "input" and name and ticked:
            self.data.setdefault(name, []).append(told.get("value") or "on" if "value" in told else "")
        elif tag == "select":
            self.select = name
        elif tag == "option" and self.select and "selected" in told:
            self.data[self.select] = [told.get("value") or ""]
        elif tag == "textarea":
            self.area = name
            self.data[name] = [""]

    def handle_endtag(self, tag: str) -> None:
        if tag == "select":
            self.select = ""
        elif tag == "textarea":
            self.area = ""

    def handle_data(self, data: str) -> None:
        if self.area:
            self.data[self.area][0] += data.removeprefix("\n")


def update_of(client: Client, record: str, **changes: str) -> Any:
    """Fill in the update form as a browser does: every field as the page has it, and then the changes."""
    page = client.get(f"/incidents/{record}/update/")
    assert page.status_code == 200
    return client.post(f"/incidents/{record}/update/", Entered(page.content.decode()).data | changes)


def test_an_update_changes_one_part_and_leaves_the_rest(signed_in: As) -> None:
    client, officer = signed_in("watch_officer")
    made = rules.report_incident(officer, PARTS)
    answer = update_of(client, made.record, **{"people-killed_high": "4", "stage": "post_incident"})
    assert answer.status_code == 302, answer.content.decode()
    found = release(officer, made.record)
    assert (found.version, found.state) == (2, "post_incident")
    assert found.parts["people"]["killed_high"] == 4
    assert found.parts["response"]["units"] == "CANARY unit at the east gate"
    assert found.parts["when"] == {
        "start": "2024-10-06T23:00+05:00", "time_precision": 1, "local_hour_known": False,
    }  # fmt: skip
    writer = here.door().writer
    assert writer is not None
    first, second = (json.loads(writer.log.entry(i).leaf) for i in (made.index, found.ledger_index))
    assert first["levels"] == second["levels"]
    assert found.parts["where"] == PARTS["where"] | {"geo_precision": 1, "province": "", "country": ""}


def test_an_update_of_a_version_that_has_moved_on_is_refused_and_says_so(signed_in: As) -> None:
    client, officer = signed_in("watch_officer")
    made = rules.report_incident(officer, PARTS)
    rules.update_report(officer, made.record, 1, {"people": {"killed_best": 3}})
    answer = update_of(client, made.record, seen="1")
    assert answer.status_code == 409
    assert "version 2" in answer.content.decode()


def test_an_update_back_to_immediate_is_no_choice(signed_in: As) -> None:
    client, officer = signed_in("watch_officer")
    made = rules.report_incident(officer, PARTS)
    assert update_of(client, made.record, stage="immediate").status_code == 422


def test_claims_stand_side_by_side_and_can_be_retracted(signed_in: As) -> None:
    client, officer = signed_in("watch_officer")
    made = rules.report_incident(officer, PARTS)
    for outlet, best in (("The embassy", "2"), ("Wire <i>", "3")):
        told = {
            "figure": {"what": "killed", "best": best, "label_level": "RESTRICTED"},
            "source": {
                "outlet": outlet, "party": "press", "published": "2024-10-07", "reliability": "B",
                "credibility": "2", "label_level": "RESTRICTED",
            },
            "remark": {"label_level": "CONFIDENTIAL"},
        }  # fmt: skip
        answer = client.post(f"/incidents/{made.record}/claim/", entered(told))
        assert answer.status_code == 302, answer.content.decode()
    page = client.get(f"/incidents/{made.record}/").content.decode()
    assert "sources disagree" in page
    assert "Wire &lt;i&gt;" in page
    retract = page.split('action="/incidents/' + made.record + "/claim/")[1].split('"')[0]
    answer = client.post(f"/incidents/{made.record}/claim/{retract}", {"seen": "1"})
    assert answer.status_code == 302
    page = client.get(f"/incidents/{made.record}/").content.decode()
    assert "sources disagree" not in page
    assert "retracted" in page


def test_a_claim_needs_a_number_or_words(signed_in: As) -> None:
    client, officer = signed_in("watch_officer")
    made = rules.report_incident(officer, PARTS)
    told = {
        "figure": {"what": "killed", "label_level": "RESTRICTED"},
        "source": {"outlet": "Wire", "party": "press", "label_level": "RESTRICTED"},
        "remark": {"label_level": "CONFIDENTIAL"},
    }
    answer = client.post(f"/incidents/{made.record}/claim/", entered(told))
    assert answer.status_code == 422
    assert "at least one of low, best and high" in answer.content.decode()
    told["figure"]["what"] = ""
    assert client.post(f"/incidents/{made.record}/claim/", entered(told)).status_code == 422


@pytest.mark.filterwarnings("ignore:StreamingHttpResponse must consume")
def test_exports_hold_what_may_be_exported_and_are_safe_to_open(signed_in: As) -> None:
    _, officer = signed_in("watch_officer")
    rules.report_incident(officer, PARTS)
    client, _ = signed_in("coordinator")
    answer = client.get("/incidents/export.csv?bom=1")
    text = b"".join(answer).decode()
    assert text.startswith("\ufeff")
    (row,) = csv.DictReader(io.StringIO(text.removeprefix("\ufeff")))
    assert row["people.victims"] == "'=cmd()"
    assert row["withheld"] == "response;source"
    assert "CANARY" not in text
    found = json.loads(b"".join(client.get("/incidents/export.geojson")))
    assert [each["geometry"]["coordinates"] for each in found["features"]] == [[67.17, 24.9]]
    # The export of people is logged (H1.7), and the note was durable before the bytes left.
    assert here.tables().one("SELECT count(*) FROM records_row WHERE kind = 'reading'") == (2,)


def test_who_may_not_export_is_refused_and_it_is_logged(signed_in: As) -> None:
    client, _ = signed_in("liaison")
    writer = here.door().writer
    assert writer is not None
    before = writer.log.size
    assert client.get("/incidents/export.csv").status_code == 403
    entry = json.loads(writer.log.entry(before).leaf)
    assert (entry["type"], entry["act"]) == ("refusal", "export")
    assert "export.csv" not in client.get("/incidents/").content.decode()


def test_fragments_for_live_updates_are_the_part_that_changed(signed_in: As) -> None:
    client, officer = signed_in("watch_officer")
    made = rules.report_incident(officer, PARTS)
    whole = client.get(f"/incidents/{made.record}/").content.decode()
    fragment = client.get(f"/incidents/{made.record}/", headers={"HX-Request": "true"}).content.decode()
    opening = f'<div id="incident" data-refresh-on="incident claim" data-refresh-record="{made.record}">'
    assert opening in whole
    assert opening in fragment
    assert "<html" not in fragment
    assert '<section class="banner-place"><p class="banner" data-level="SECRET">' in fragment
    lines = client.get("/incidents/", headers={"HX-Request": "true"}).content.decode()
    assert '<div id="incident-lines"' in lines
    assert "<html" not in lines


@pytest.mark.parametrize("language", ["ur", "zh-hans"])
def test_pages_are_served_in_every_language(signed_in: As, language: str) -> None:
    client, officer = signed_in("watch_officer")
    made = rules.report_incident(officer, PARTS)
    for path in ("", "map/", "report/", f"{made.record}/", f"{made.record}/update/", f"{made.record}/claim/"):
        answer = client.get(f"/incidents/{path}", headers={"Accept-Language": language})
        assert answer.status_code == 200
        assert f'lang="{language}"' in answer.content.decode()


def test_a_list_up_to_the_last_of_all_days_is_a_list(signed_in: As) -> None:
    client, _ = signed_in("watch_officer")
    assert client.get("/incidents/?until=9999-12-31").status_code == 200
