"""The same write sent again is made once."""

from __future__ import annotations

from typing import Any

import pytest

import ready
from safeconduct.api import replays
from safeconduct.api.models import Write
from safeconduct.records import here
from safeconduct.records.home import Home

from .conftest import INCIDENT, MakeProgram, Program

BODY = {"parts": INCIDENT}


def incidents() -> int:
    found = here.tables().one("SELECT count(*) FROM records_row WHERE kind = 'incident'", [])
    return int(found[0]) if found else 0


def test_a_replay_gets_the_first_answer(officer: Program) -> None:
    first = officer.post("/incidents", BODY, Idempotency_Key="k1")
    again = officer.post("/incidents", BODY, Idempotency_Key="k1")
    assert first.status_code == again.status_code == 201
    assert first.content == again.content and first["Location"] == again["Location"]
    assert again["Idempotent-Replayed"] == "true" and "Idempotent-Replayed" not in first
    assert again["Content-Type"] == "application/json" and again["Cache-Control"] == "no-store"
    assert incidents() == 1
    other = officer.post("/incidents", BODY, Idempotency_Key="k2")
    assert other.json()["record"] != first.json()["record"]
    assert officer.post("/incidents", BODY).status_code == 201 and incidents() == 3


def test_a_key_is_for_one_request(officer: Program, incident: str) -> None:
    officer.post("/incidents", BODY, Idempotency_Key="k")
    changed = {"parts": {**INCIDENT, "people": {"killed_best": 3}}}
    for answer in (
        officer.post("/incidents", changed, Idempotency_Key="k"),
        officer.post(f"/incidents/{incident}/claims", BODY, Idempotency_Key="k"),
        officer.patch(f"/incidents/{incident}", {"parts": {}}, Idempotency_Key="k", If_Match='"1"'),
    ):
        assert answer.status_code == 422 and answer.json()["type"].endswith(":key-reused")
    assert incidents() == 2


def test_an_update_sent_again_is_no_conflict(officer: Program, incident: str) -> None:
    body = {"parts": {"method": {"type": "shooting"}}}
    first = officer.patch(f"/incidents/{incident}", body, If_Match='"1"', Idempotency_Key="u")
    again = officer.patch(f"/incidents/{incident}", body, If_Match='"1"', Idempotency_Key="u")
    assert first.status_code == again.status_code == 200 and again.json()["version"] == 2
    assert officer.patch(f"/incidents/{incident}", body, If_Match='"1"').status_code == 412
    on_second = officer.patch(f"/incidents/{incident}", body, If_Match='"2"', Idempotency_Key="u")
    assert on_second.status_code == 422


def test_keys_of_two_tokens_never_meet(officer: Program, program: MakeProgram) -> None:
    first = officer.post("/incidents", BODY, Idempotency_Key="k").json()
    second = program("watch_officer").post("/incidents", BODY, Idempotency_Key="k")
    assert second.status_code == 201 and second.json()["record"] != first["record"]


def test_what_was_refused_may_be_tried_again(officer: Program, incident: str) -> None:
    bad = officer.post("/incidents", {"parts": {"summary": {}}}, Idempotency_Key="k")
    assert bad.status_code == 422 and not Write.objects.exists()
    assert officer.post("/incidents", BODY, Idempotency_Key="k").status_code == 201


def test_two_at_once_are_made_once(officer: Program, monkeypatch: pytest.MonkeyPatch) -> None:
    """The second comes while the first is still with the writer."""
    from safeconduct.incidents import rules

    report = rules.report_incident
    seen: list[Any] = []

    def slow(*given: Any, **named: Any) -> Any:
        monkeypatch.setattr(rules, "report_incident", report)
        seen.append(officer.post("/incidents", BODY, Idempotency_Key="k"))
        return report(*given, **named)

    monkeypatch.setattr(rules, "report_incident", slow)
    assert officer.post("/incidents", BODY, Idempotency_Key="k").status_code == 201
    (second,) = seen
    assert second.status_code == 409 and second.json()["type"].endswith(":in-progress")
    assert int(second["Retry-After"]) >= 1
    assert incidents() == 1


def test_a_write_that_was_cut_off_is_not_made_twice(
    officer: Program, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The writer stored it and its answer was lost: nobody here knows, and says so."""
    from safeconduct.incidents import rules
    from safeconduct.records.refusals import Unavailable

    report = rules.report_incident

    def lost(*given: Any, **named: Any) -> Any:
        report(*given, **named)
        raise Unavailable("gone")

    monkeypatch.setattr(rules, "report_incident", lost)
    assert officer.post("/incidents", BODY, Idempotency_Key="k").status_code == 503
    monkeypatch.undo()
    assert officer.post("/incidents", BODY, Idempotency_Key="k").json()["type"].endswith(":in-progress")
    Write.objects.update(at=Write.objects.get().at - replays.RUNNING_SECONDS - 1)
    later = officer.post("/incidents", BODY, Idempotency_Key="k")
    assert later.status_code == 409 and later.json()["type"].endswith(":outcome-unknown")
    assert incidents() == 1


def test_keys_are_forgotten_after_a_day(officer: Program) -> None:
    first = officer.post("/incidents", BODY, Idempotency_Key="k").json()
    Write.objects.update(at=Write.objects.get().at - replays.KEPT_SECONDS - 1)
    assert officer.post("/incidents", BODY, Idempotency_Key="k").json()["record"] != first["record"]
    assert Write.objects.count() == 1


@pytest.mark.parametrize("key", ["", " ", "a b", "x" * 256, "\u00e9"])
def test_keys_that_are_none(officer: Program, key: str) -> None:
    answer = officer.post("/incidents", BODY, Idempotency_Key=key)
    assert answer.status_code == 400 and incidents() == 0


def test_nothing_of_a_record_is_kept_with_its_key(node: Home, officer: Program) -> None:
    """What may have to be erased one day must not lie in the accounts database."""
    canary = "canary-7d1f"
    parts = {**INCIDENT, "response": {"units": canary}}
    assert officer.post("/incidents", {"parts": parts}, Idempotency_Key="k").status_code == 201
    bad = {"parts": {**parts, "people": {"killed_low": 987654, "killed_best": 1}}}
    assert officer.post("/incidents", bad, Idempotency_Key="k2").status_code == 422
    if node.database is None:
        kept = b"".join(p.read_bytes() for p in node.path.glob("accounts.sqlite3*"))
    else:
        kept = repr(ready.rows_of(node, "accounts")).encode()
    assert b"k" in kept and canary.encode() not in kept and b"987654" not in kept


def test_reading_needs_no_key(officer: Program, incident: str) -> None:
    assert officer.get(f"/incidents/{incident}", Idempotency_Key="k").status_code == 200
    assert not Write.objects.exists()
