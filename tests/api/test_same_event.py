"""What is one event over the API: said, listed, answered, and nothing of it told to who may not know."""

from __future__ import annotations

import pytest

from .conftest import INCIDENT, MakeProgram, Program


def reported(program: Program, **levels: str) -> str:
    answer = program.post("/incidents", {"parts": INCIDENT, "levels": levels})
    assert answer.status_code == 201, answer.content
    return str(answer.json()["record"])


def test_two_records_are_said_to_be_one_event_and_apart_again(officer: Program) -> None:
    one, other = reported(officer), reported(officer)
    empty = {"items": [], "more": 0, "counts": None, "of": 0}
    assert officer.get(f"/incidents/{one}/same-event").json() == empty
    said = {"other": other, "word": "same", "reason": "Imported twice"}
    done = officer.post(f"/incidents/{one}/same-event", said)
    assert done.status_code == 201 and done["Location"] == f"/api/v1/records/{done.json()['record']}"
    found = officer.get(f"/incidents/{other}/same-event").json()
    assert (found["counts"], found["of"], found["more"]) == (one, 2, 0)
    (item,) = found["items"]
    assert (item["record"], item["one"], item["seen"], item["withdrawn"]) == (one, True, 1, False)
    assert [(word["word"], word["reason"]) for word in item["words"]] == [("same", "Imported twice")]
    late = officer.post(f"/incidents/{other}/same-event", {"other": one, "word": "different", "seen": 4})
    assert late.status_code == 412 and late.json()["current"] == 1
    assert (
        officer.post(
            f"/incidents/{other}/same-event", {"other": one, "word": "taken_back", "seen": 1}
        ).status_code
        == 201
    )
    (item,) = officer.get(f"/incidents/{one}/same-event").json()["items"]
    assert (item["one"], item["words"][0]["word"]) == (False, "taken_back")


@pytest.mark.parametrize(
    ("body", "status"),
    [
        ({"word": "same"}, 422),
        ({"other": "x", "word": "strike"}, 422),
        ({"other": "0" * 32, "word": "same"}, 404),
        ({"other": "0" * 32, "word": "same", "more": 1}, 422),
        ({"other": "self", "word": "same"}, 400),
        ({"other": "other", "word": "taken_back"}, 400),
        ({"other": "other", "word": "same", "reason": "x" * 2_001}, 422),
        ({"other": "other", "word": "same", "seen": -1}, 422),
    ],
)
def test_what_makes_no_sense_is_refused(officer: Program, body: dict[str, object], status: int) -> None:
    one, other = reported(officer), reported(officer)
    named = {"self": one, "other": other}.get(str(body.get("other")), body.get("other"))
    sent = body | ({"other": named} if "other" in body else {})
    answer = officer.post(f"/incidents/{one}/same-event", sent)
    assert answer.status_code in ((status, 400) if status == 422 else (status,)), answer.content
    assert officer.get(f"/incidents/{one}/same-event").json()["items"] == []


def test_a_record_of_which_nobody_may_know_is_not_told_of(officer: Program, program: MakeProgram) -> None:
    known = reported(officer)
    secret = reported(officer, summary="SECRET", when="SECRET", where="SECRET")
    made = officer.post(f"/incidents/{known}/same-event", {"other": secret, "word": "same"}).json()
    auditor = program("auditor")
    told = auditor.get(f"/incidents/{known}/same-event")
    assert told.status_code == 200 and told.json()["items"] == [] and told.json()["counts"] is None
    assert auditor.get(f"/incidents/{secret}/same-event").status_code == 404
    assert auditor.get(f"/records/{made['record']}").status_code == 404
    listed = auditor.get(f"/records?kind=same_event&about={known}").json()
    assert listed["items"] == [] and listed["next_cursor"] is None
    assert (
        auditor.post(f"/incidents/{known}/same-event", {"other": secret, "word": "same"}).status_code == 404
    )
    assert (
        program("commander")
        .post(f"/incidents/{known}/same-event", {"other": reported(officer), "word": "same"})
        .status_code
        == 403
    )
