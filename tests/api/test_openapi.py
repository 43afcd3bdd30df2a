"""The OpenAPI document is valid, tells the truth about the answers, and names every address."""

from __future__ import annotations

import json
from typing import Any

import pytest
from django.test import Client
from jsonschema import Draft202012Validator
from openapi_spec_validator import validate

from safeconduct.records.home import Home

from .conftest import INCIDENT, Program

VERSIONED = (
    "update_incident",
    "retract_claim",
    "amend_movement",
    "cancel_movement",
    "amend_site",
    "amend_person",
)


@pytest.fixture
def document(node: Home) -> dict[str, Any]:
    answer = Client(SERVER_NAME="localhost").get("/api/v1/openapi.json")
    assert answer.status_code == 200
    found: dict[str, Any] = answer.json()
    return found


def test_it_is_valid(document: dict[str, Any]) -> None:
    validate(document)
    assert document["openapi"].startswith("3.1")
    assert "http" not in json.dumps(document.get("servers", []))


def test_every_operation_says_how_it_fails_and_who_may(document: dict[str, Any]) -> None:
    names = set()
    for path, methods in document["paths"].items():
        assert path.startswith("/api/v1/")
        for method, operation in methods.items():
            names.add(operation["operationId"])
            assert operation["responses"]["4XX"]["content"].keys() == {"application/problem+json"}
            assert operation["security"], path
            keys = [p["name"] for p in operation["parameters"] if p["in"] == "header"]
            assert ("Idempotency-Key" in keys) == (method != "get")
            assert ("If-Match" in keys) == (operation["operationId"] in VERSIONED)
    assert len(names) == sum(map(len, document["paths"].values()))


def test_nothing_is_served_from_elsewhere(officer: Program) -> None:
    """No documentation page that would load its scripts from a content network."""
    for path in ("docs", "docs/", "redoc"):
        assert officer.get(f"/{path}").status_code == 404


def test_answers_are_as_described(document: dict[str, Any], officer: Program, incident: str) -> None:
    claim = {"figure": {"what": "killed", "low": 2}, "source": {"outlet": "Daily", "party": "press"}}
    officer.post(f"/incidents/{incident}/claims", {"parts": claim})
    asked = {
        "/me": "/me",
        "/incidents": "/incidents",
        "/incidents/{incident}": f"/incidents/{incident}",
        "/incidents/{incident}/claims": f"/incidents/{incident}/claims",
        "/incidents/{incident}/same-event": f"/incidents/{incident}/same-event",
        "/records": "/records?kind=incident",
        "/records/{record}": f"/records/{incident}",
        "/records/{record}/attachments": f"/records/{incident}/attachments",
        "/agreements": "/agreements",
        "/agreements/{name}/clauses": "/agreements/house/clauses",
        "/explain": "/explain?party=pk&role=liaison&act=read&kind=incident",
    }
    for template, path in asked.items():
        answer = officer.get(path)
        assert answer.status_code == 200, path
        _fits(document, template, "get", answer)
    _fits(document, "/incidents", "post", officer.post("/incidents", {"parts": INCIDENT}))
    _fits(document, "/incidents", "get", officer.get("/incidents?x=1"))
    _fits(document, "/incidents", "post", officer.post("/incidents", {"parts": {"x": 1}}))
    _fits(document, "/records/{record}", "get", officer.get("/records/none"))


def _fits(document: dict[str, Any], template: str, method: str, answer: Any) -> None:
    responses = document["paths"][f"/api/v1{template}"][method]["responses"]
    described = responses.get(str(answer.status_code)) or responses[f"{answer.status_code // 100}XX"]
    (content,) = described["content"].values()
    schema = {**content["schema"], "components": document["components"]}
    errors = [e.message for e in Draft202012Validator(schema).iter_errors(answer.json())]
    assert errors == [], (template, errors[:3])
