"""Incidents over the API: report, read, follow up, claim, list, export."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta

import pytest

from safeconduct.api import geojson
from safeconduct.people import tokens

from .conftest import INCIDENT, MakeProgram, Program, readings, whole

FIGURE = {"figure": {"what": "killed", "low": 2}, "source": {"outlet": "Daily", "party": "press"}}


def test_what_is_reported_can_be_read(officer: Program) -> None:
    answer = officer.post("/incidents", {"parts": INCIDENT, "levels": {"summary": "OPEN"}})
    assert answer.status_code == 201
    stored = answer.json()
    assert stored["version"] == 1
    assert answer["Location"] == f"/api/v1/incidents/{stored['record']}"
    found = officer.get(f"/incidents/{stored['record']}").json()
    assert found["state"] == "immediate" and found["levels"]["summary"] == "OPEN"
    assert found["ledger_index"] == stored["ledger_index"]
    for part, fields in INCIDENT.items():
        assert fields.items() <= found["parts"][part].items()
    assert officer.get(f"/records/{stored['record']}").json() == found


def test_an_unchanged_record_is_not_sent_twice(officer: Program, incident: str) -> None:
    first = officer.get(f"/incidents/{incident}")
    again = officer.get(f"/incidents/{incident}", If_None_Match=f'"other", W/{first["ETag"]}')
    assert again.status_code == 304 and again.content == b"" and again["ETag"] == first["ETag"]
    assert first["Cache-Control"] == again["Cache-Control"] == "no-store"
    assert "Access-Control-Allow-Origin" not in first


def test_two_readers_of_other_parts_never_share_an_entity_tag(
    officer: Program, program: MakeProgram, incident: str
) -> None:
    other = program("auditor").get(f"/incidents/{incident}")
    assert set(other.json()["parts"]) == {"summary", "when"}
    assert other["ETag"] != officer.get(f"/incidents/{incident}")["ETag"]


def test_an_update_needs_the_version_that_was_seen(officer: Program, incident: str) -> None:
    body = {"parts": {"people": {"killed_best": 3}, "method": None}, "stage": "post_incident"}
    assert officer.patch(f"/incidents/{incident}", body).status_code == 428
    for wrong in ("*", '"x"', 'W/"1"', '"1", "2"', '"-1"', '"' + "9" * 30 + '"'):
        assert officer.patch(f"/incidents/{incident}", body, If_Match=wrong).status_code == 400, wrong
    tag = officer.get(f"/incidents/{incident}")["ETag"]
    done = officer.patch(f"/incidents/{incident}", body, If_Match=tag)
    assert done.status_code == 200 and done.json()["version"] == 2
    late = officer.patch(f"/incidents/{incident}", body, If_Match='"1"')
    assert late.status_code == 412 and late.json()["current"] == 2
    found = officer.get(f"/incidents/{incident}").json()
    assert found["state"] == "post_incident"
    assert found["parts"]["people"]["killed_best"] == 3 and "injured_best" not in found["parts"]["people"]
    assert "method" not in found["parts"]
    assert found["parts"]["summary"]["title"] == INCIDENT["summary"]["title"]


def test_claims_stand_beside_the_incident(officer: Program, incident: str) -> None:
    made = [officer.post(f"/incidents/{incident}/claims", {"parts": FIGURE}).json() for _ in range(3)]
    first = officer.get(f"/incidents/{incident}/claims?limit=2").json()
    assert [c["id"] for c in first["items"]] == [made[0]["record"], made[1]["record"]]
    rest = officer.get(f"/incidents/{incident}/claims?limit=2&cursor={first['next_cursor']}").json()
    assert [c["id"] for c in rest["items"]] == [made[2]["record"]] and rest["next_cursor"] is None
    assert first["items"][0]["about"] == incident
    done = officer.post(f"/claims/{made[0]['record']}/retraction", If_Match='"1"')
    assert done.status_code == 200 and done.json()["version"] == 2
    assert officer.get(f"/records/{made[0]['record']}").json()["state"] == "retracted"
    assert officer.get(f"/incidents/{made[0]['record']}").status_code == 404


def test_pages_give_each_record_once(officer: Program) -> None:
    made = [officer.post("/incidents", {"parts": INCIDENT}).json()["record"] for _ in range(5)]
    for sort in ("at", "time"):
        seen, cursor = [], ""
        while cursor is not None:
            page = officer.get(f"/incidents?limit=2&sort={sort}&cursor={cursor}").json()
            seen += [item["id"] for item in page["items"]]
            cursor = page["next_cursor"]
        assert sorted(seen) == sorted(made)


@pytest.mark.parametrize(
    ("filters", "found"),
    [
        ("category=attack", True),
        ("category=accident", False),
        ("place=Malir", True),
        ("bbox=67,24,68,25", True),
        ("bbox=170,24,-170,25", False),
        ("since=2024-10-06T00:00:00Z&until=2024-10-07T00:00:00%2B05:00", True),
        ("since=2024-10-07T00:00:00Z", False),
        ("state=closed", False),
        ("originator=pk", True),
        ("text=port", True),
        ("text=starboard", False),
    ],
)
def test_filters(officer: Program, incident: str, filters: str, found: bool) -> None:
    answer = officer.get(f"/incidents?{filters}")
    assert answer.status_code == 200, answer.content
    assert [item["id"] for item in answer.json()["items"]] == ([incident] if found else [])


def test_a_filter_does_not_find_what_is_withheld(program: MakeProgram, incident: str) -> None:
    """An auditor reads no place: asking for places must not tell where it was."""
    auditor = program("auditor")
    assert auditor.get("/incidents").json()["items"]
    for filters in ("place=Malir", "bbox=67,24,68,25", "text=Malir"):
        assert auditor.get(f"/incidents?{filters}").json()["items"] == []


def test_records_of_any_kind(officer: Program, incident: str) -> None:
    assert [r["id"] for r in officer.get("/records?kind=incident").json()["items"]] == [incident]
    officer.post(f"/incidents/{incident}/claims", {"parts": FIGURE})
    assert len(officer.get(f"/records?kind=claim&about={incident}").json()["items"]) == 1
    assert officer.get("/records?kind=nothing").status_code == 400
    assert officer.get("/records").status_code == 400


def test_geojson_holds_what_may_be_exported(program: MakeProgram, incident: str) -> None:
    analyst = program("analyst", scope="read")
    answer = analyst.get("/incidents.geojson")
    assert answer.status_code == 200 and answer["Content-Type"] == "application/geo+json"
    found = json.loads(whole(answer))
    assert found["type"] == "FeatureCollection" and "crs" not in found
    (feature,) = found["features"]
    assert feature["geometry"] == {"type": "Point", "coordinates": [67.1, 24.9]}
    assert feature["properties"]["summary.title"] == INCIDENT["summary"]["title"]
    assert not any(name.startswith(("people.", "response.")) for name in feature["properties"])
    assert set(feature["properties"]["withheld"]) >= {"people", "response"}


def test_a_map_program_gives_the_token_as_a_password(program: MakeProgram, incident: str) -> None:
    from base64 import b64encode

    analyst = program("analyst")
    basic = b64encode(f"anyone:{analyst.secret}".encode()).decode()
    answer = analyst.get("/incidents.geojson", Authorization=f"Basic {basic}")
    assert len(json.loads(whole(answer))["features"]) == 1
    nobody = analyst.get("/incidents.geojson", Authorization="Basic " + b64encode(b"a:b").decode())
    assert nobody.status_code == 401


def test_a_large_export_is_noted_page_by_page_before_it_leaves(
    officer: Program, program: MakeProgram, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(geojson, "BATCH", 2)
    for _ in range(5):
        officer.post("/incidents", {"parts": INCIDENT})
    coordinator = program("coordinator")
    before = len(readings())
    answer = coordinator.get("/incidents.geojson")
    assert [len(r["records"]) for r in readings()[before:]] == [2]
    assert len(json.loads(whole(answer))["features"]) == 5
    noted = readings()[before:]
    assert [len(r["records"]) for r in noted] == [2, 2, 1] and {r["act"] for r in noted} == {"export"}


def test_a_revoked_token_cuts_an_export_off(
    officer: Program, program: MakeProgram, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(geojson, "BATCH", 1)
    for _ in range(3):
        officer.post("/incidents", {"parts": INCIDENT})
    analyst = program("analyst")
    answer = analyst.get("/incidents.geojson")
    tokens.revoke(analyst.token)
    with pytest.raises(Exception, match="revoked"):
        whole(answer)


def test_geojson_a_page_at_a_time(officer: Program, program: MakeProgram) -> None:
    for _ in range(3):
        officer.post("/incidents", {"parts": INCIDENT})
    found = json.loads(whole(program("analyst").get("/incidents.geojson?limit=2&category=attack")))
    assert len(found["features"]) == 2


def test_who_exports_nothing_is_told_so(officer: Program, incident: str) -> None:
    answer = officer.get("/incidents.geojson")
    assert answer.status_code == 403 and answer.json()["type"].endswith(":refused")


def test_files_are_cleaned_and_come_back(officer: Program, incident: str) -> None:
    import io

    from PIL import Image

    picture = io.BytesIO()
    exif = Image.Exif()
    exif[0x010E] = "taken at the gate"
    Image.new("RGB", (30, 20), "red").save(picture, "JPEG", exif=exif)
    path = f"/api/v1/records/{incident}/attachments"
    done = officer.client.post(f"{path}?name=../../gate.jpg", picture.getvalue(), content_type="image/jpeg")
    assert done.status_code == 201, done.content
    attachment = done.json()["record"]
    (listed,) = officer.get(f"/records/{incident}/attachments").json()["items"]
    assert listed["id"] == attachment and listed["parts"]["description"]["name"] == "gate.jpg"
    assert "content" not in listed["parts"]
    fetched = officer.get(f"/attachments/{attachment}/content")
    assert fetched["Content-Type"] == "image/jpeg" and b"taken at the gate" not in fetched.content
    assert (
        fetched["Content-Disposition"].startswith("attachment")
        and fetched["X-Content-Type-Options"] == "nosniff"
    )
    assert Image.open(io.BytesIO(fetched.content)).size == (30, 20)
    bad = officer.client.post(f"{path}?name=x.exe", b"MZ\x00\x01", content_type="image/png")
    assert bad.status_code == 422 and bad.json()["type"].endswith(":attachment-refused")
    form = officer.client.post(f"{path}?name=x", {"file": io.BytesIO(b"text")})
    assert form.status_code == 415


def test_me(program: MakeProgram) -> None:
    who = program("analyst", "auditor", scope="read", only=("auditor",), clearance=2)
    answer = who.get("/me").json()
    assert answer["roles"] == ["auditor"] and answer["clearance"] == "CONFIDENTIAL"
    assert answer["party"] == "pk" and answer["token"]["scope"] == "read"
    assert who.secret not in json.dumps(answer)
    expires = datetime.fromisoformat(answer["token"]["expires_at"])
    assert expires - datetime.now(UTC) < timedelta(days=31)
