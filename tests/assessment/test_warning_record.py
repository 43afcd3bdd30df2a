"""The sources' record: every warning is counted once where it belongs, and too few are said to be too few."""

from __future__ import annotations

from collections import Counter
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from safeconduct.assessment.warning_record import Tally, tallied
from safeconduct.records.release import Released

FOUND = st.fixed_dictionaries(
    {
        "party": st.sampled_from(["pk", "cn"]),
        "code": st.sampled_from(["A-1", "B-2", ""]),
        "grade": st.sampled_from(["A1", "B2", "F6"]),
        "own": st.sampled_from(["came_true", "did_not", "unknown", ""]),
        "theirs": st.sampled_from(["came_true", "did_not", ""]),
        "acted_on": st.sampled_from(["yes", "no", "not_known"]),
        "exercise": st.sampled_from([False, False, True]),
    }
)


def released(number: int, told: dict[str, Any]) -> Released:
    letter, figure = told["grade"][0], int(told["grade"][1])
    parts: dict[str, Any] = {
        "warning": {"title": "x", "exercise": told["exercise"]},
        "grade": {"grades": [{"reliability": letter, "credibility": figure},
                             {"reliability": "E", "credibility": 5}]},
    }  # fmt: skip
    if told["code"] and told["party"] == "pk":
        parts["source"] = {"code": told["code"], "type": "authority"}
    return Released(
        f"w{number}", 1, "warning", told["party"], "expired", "", datetime(2026, 1, 1, tzinfo=UTC),
        "RESTRICTED", dict.fromkeys(parts, "RESTRICTED"), parts,
    )  # fmt: skip


@given(st.lists(FOUND, max_size=60))
def test_each_warning_is_counted_once_where_it_belongs(told: list[dict[str, Any]]) -> None:
    findings = {
        f"w{number}": {
            party: {"result": each[name], "acted_on": each["acted_on"]}
            for party, name in (("pk", "own"), ("cn", "theirs"))
            if each[name]
        }
        for number, each in enumerate(told)
    }
    record = tallied("pk", [released(number, each) for number, each in enumerate(told)], findings)
    real = [each for each in told if not each["exercise"]]
    sourced = [each for each in real if each["party"] == "cn" or each["code"]]
    assert (record.warnings, record.exercises) == (len(real), len(told) - len(real))
    assert record.withheld == len(real) - len(sourced)
    assert record.differing == sum(
        bool(each["own"] and each["theirs"]) and each["own"] != each["theirs"] for each in real
    )
    counted = Counter(
        (each["party"], each["code"] if each["party"] == "pk" else "", each["own"]) for each in sourced
    )
    for line in record.sources:
        tally = line.tally
        for name, result in (("came_true",) * 2, ("did_not",) * 2, ("unknown",) * 2, ("open", "")):
            assert getattr(tally, name) == counted[line.party, line.code, result]
    assert sum(line.tally.all for line in record.sources) == len(sourced)
    for grading in record.gradings:
        own = [each for each in real if each["party"] == grading.party]
        assert sum(tally.all for _, tally in grading.reliability) == len(own)
        assert sum(tally.all for _, tally in grading.credibility) == len(own)
        heeded = [each for each in own if each["own"] == "did_not" and each["acted_on"] == "yes"]
        assert sum(tally.heeded for _, tally in grading.reliability) == len(heeded)
        letters = Counter(each["grade"][0] for each in own)
        assert {letter: tally.all for letter, tally in grading.reliability if tally.all} == letters, (
            "the first grade counts, not the one that knew what came of it"
        )


@pytest.mark.parametrize(
    ("came_true", "did_not", "enough"),
    [
        (0, 0, False),
        (9, 0, False),
        (10, 0, True),
        (5, 5, False),
        (9, 3, False),
        (10, 10, True),
        (0, 10, True),
    ],
)
def test_too_few_are_said_to_be_too_few(came_true: int, did_not: int, enough: bool) -> None:
    assert Tally(came_true=came_true, did_not=did_not).enough is enough
