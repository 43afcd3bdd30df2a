"""Many jobs in one transaction: each is as if it had been alone."""

from __future__ import annotations

from typing import Any

import pytest

from records.test_commit import PARTS
from safeconduct.records import here, principals
from safeconduct.records.commit import Draft, commit_job
from safeconduct.records.find import Query, find
from safeconduct.records.home import Home
from safeconduct.records.hooks import HOOKS
from safeconduct.records.principals import system_subject
from safeconduct.records.rebuild import fingerprint, rebuild
from safeconduct.records.refusals import Malformed
from safeconduct.records.transaction import Tx

pytestmark = pytest.mark.both

SYSTEM = system_subject("pk")


def _payload(title: str, **more: Any) -> dict[str, Any]:
    draft = Draft("incident", {**PARTS, "summary": {"title": title, "category": "attack"}}, **more)
    return {"actor": principals.to_wire(SYSTEM), "act": "write", "draft": draft.to_wire()}


def _indexed(word: str) -> int:
    tables = here.tables()
    test, values = tables.dialect.matching(f'"{word}"*')
    return len(tables.all(f"SELECT rowid FROM records_search WHERE {test}", values))


def test_a_job_that_fails_late_leaves_no_word_behind(node: Home) -> None:
    def stored_then_refused(tx: Tx, payload: dict[str, Any]) -> dict[str, Any]:
        commit_job(tx, payload)
        raise Malformed("after all, no")

    HOOKS.jobs["stored_then_refused"] = stored_then_refused
    try:
        writer = here.door().writer
        assert writer is not None
        answers = writer.execute(
            [
                ("commit", _payload("Aardvark")),
                ("stored_then_refused", _payload("Buffalo")),
                ("commit", _payload("Caracal")),
            ]
        )
    finally:
        del HOOKS.jobs["stored_then_refused"]
    assert ["error" in answer for answer in answers] == [False, True, False]
    assert (_indexed("aardvark"), _indexed("buffalo"), _indexed("caracal")) == (1, 0, 1)
    before = fingerprint()
    assert rebuild(writer) == writer.log.size
    assert fingerprint() == before


def test_a_record_amended_in_the_batch_that_made_it_is_found_by_its_last_words(node: Home) -> None:
    made: list[str] = []

    def made_and_amended(tx: Tx, payload: dict[str, Any]) -> dict[str, Any]:
        made.append(commit_job(tx, payload)["record"])
        return commit_job(tx, _payload("Eland", record=made[0], expected=1, state="update"))

    HOOKS.jobs["made_and_amended"] = made_and_amended
    try:
        here.door().call("made_and_amended", _payload("Dugong"))
    finally:
        del HOOKS.jobs["made_and_amended"]
    assert (_indexed("dugong"), _indexed("eland")) == (0, 1)
    writer = here.door().writer
    assert writer is not None
    before = fingerprint()
    rebuild(writer)
    assert fingerprint() == before
    assert not find(SYSTEM, Query("incident", text="dugong")).records
