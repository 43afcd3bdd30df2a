"""A request to correct what is held is read by more people than what is held: it repeats nothing of it."""

from __future__ import annotations

from registry.people import person
from safeconduct.records.find import Query, find
from safeconduct.records.home import Home
from signed_in import signed_in


def test_a_request_names_the_field_and_not_the_passport(registry: Home) -> None:
    _, watch = signed_in("coordinator")
    client, traveller = signed_in("protected_person", "traveller")
    who = person(
        watch, "Li Na", traveller.person, document={"passport": "E1234567"}, contact={"phone": "+92 300 1"},
        employment={"position": "Cook"},
    )  # fmt: skip
    asked = {
        "name.name": "Li Na",
        "employment.position": "Engineer",
        "document.passport": "E7654321",
        "contact.phone": "+92 300 2",
    }
    assert client.post(f"/registry/persons/{who}/correction/", asked).status_code == 302
    _, auditor = signed_in("auditor")
    (request,) = find(auditor, Query("grievance", about=who, sort="at")).records
    ground = request.parts["matter"]["ground"]
    assert "Position: Cook → Engineer" in ground and "Passport" in ground and "Telephone" in ground
    for told in ("E1234567", "E7654321", "+92"):
        assert told not in ground
