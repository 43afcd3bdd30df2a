"""Two versions of the program side by side: a kind that got a part or a state is understood as far as it is known."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any, Literal

import pytest
from pydantic import create_model

from safeconduct.exchange.holdings import REMOVED, holdings
from safeconduct.node.signing_here import propose
from safeconduct.records import kinds
from safeconduct.records.earlier import earlier
from safeconduct.records.principals import system_subject
from safeconduct.records.rebuild import fingerprint, rebuild, verify

from .nodes import INCIDENT, Node, agree, pull
from .test_unread import again, told

Pair = tuple[Node, Node]
FIGURE: dict[str, Any] = {"what": "killed", "best": 3, "unit": ""}
SOURCE = {"outlet": "a paper", "party": "partner"}
REMARK = {"text": "seen by two"}
CLAUSE = """+++
clause  = "6"
version = 1
title   = "Claims"
texts   = ["en"]

[[grant]]
id     = "6.1"
to     = "both"
roles  = ["coordinator"]
may    = ["read", "disclose"]
kind   = "claim"
parts  = ["*"]
whose  = "other"
up_to  = "CONFIDENTIAL"
+++
## en

6.1 Each Party shall disclose every part of its claims to the other, to be read.
"""


@pytest.fixture
def two(nodes: Pair, world: Path) -> Pair:
    host, partner = nodes
    file = world / "clause-6.md"
    file.write_text(CLAUSE)
    with host.active():
        propose("pk-cn", [file], host.door)
    agree(host, partner, world, "pk-cn", "6")
    return host, partner


@contextmanager
def before_remarks() -> Iterator[None]:
    """As long as the block lasts, a claim has no remark yet, and is never retracted."""
    now = kinds._kinds["claim"]
    parts = {name: model for name, model in now.parts.items() if name != "remark"}
    kinds._kinds["claim"] = replace(now, parts=parts, searched=("source.outlet",), states=("open",))
    try:
        yield
    finally:
        kinds._kinds["claim"] = now


def claim(node: Node, incident: str, **parts: Any) -> str:
    return node.commit("claim", {"figure": FIGURE, "source": SOURCE, **parts}, about=incident).record


def same_after_rebuild(node: Node) -> None:
    assert verify(node.writer).broken is None
    with node.active():
        before = fingerprint()
        rebuild(node.writer)
        assert fingerprint() == before


def test_a_ledger_from_before_a_part_is_read_rebuilt_and_gone_on_with(two: Pair) -> None:
    host, partner = two
    with before_remarks():
        incident = host.commit("incident", INCIDENT).record
        record = claim(host, incident)
        pull(partner, host)
    again(host)
    again(partner)
    same_after_rebuild(host)
    same_after_rebuild(partner)
    (row,) = partner.of_kind("claim", "pk")
    assert set(row.values()) == {"figure", "source"}
    host.commit("claim", {"remark": REMARK}, record=record, expected=1)
    pull(partner, host)
    (row,) = partner.of_kind("claim", "pk")
    assert row.version == 2 and row.values() == {"figure": FIGURE, "source": SOURCE, "remark": REMARK}
    with host.active():
        versions = earlier(system_subject("pk"), record, host.door)
        assert [set(each.parts) for each in versions] == [
            {"figure", "source"},
            {"figure", "source", "remark"},
        ]
    same_after_rebuild(host)
    same_after_rebuild(partner)


def test_an_earlier_version_goes_on_with_what_it_knows_and_a_later_one_takes_what_comes(two: Pair) -> None:
    host, partner = two
    incident = host.commit("incident", INCIDENT).record
    plain = claim(host, incident)
    with before_remarks():
        pull(partner, host)
        (row,) = partner.of_kind("claim", "pk")
        assert row.values() == {"figure": FIGURE, "source": SOURCE} and told(partner) == {}
    host.commit("claim", {"figure": {**FIGURE, "best": 4}}, record=plain, expected=1)
    with before_remarks():
        pull(partner, host)
        assert partner.of_kind("claim", "pk")[0].version == 2
        same_after_rebuild(partner)
    again(partner)
    same_after_rebuild(partner)
    host.commit("claim", {"remark": REMARK}, record=plain, expected=2)
    pull(partner, host)
    assert partner.of_kind("claim", "pk")[0].values()["remark"] == REMARK


def test_what_has_an_unknown_part_or_state_waits_with_all_that_follows_of_its_record(two: Pair) -> None:
    host, partner = two
    incident = host.commit("incident", INCIDENT).record
    remarked, retracted = claim(host, incident), claim(host, incident)
    with before_remarks():
        pull(partner, host)
    host.commit("claim", {"remark": REMARK}, record=remarked, expected=1)
    host.commit("claim", {"figure": {**FIGURE, "best": 5}}, record=remarked, expected=2)
    host.commit("claim", {}, record=retracted, expected=1, state="retracted")
    later = claim(host, incident)
    with before_remarks():
        pull(partner, host)
        assert told(partner) == {"claim": 3}
        rows = partner.of_kind("claim", "pk")
        assert sorted(row.version for row in rows) == [1, 1, 1], (
            "the last one known stays, and the new one is there"
        )
        again(partner)
        assert told(partner) == {"claim": 3}
        same_after_rebuild(partner)
    again(partner)
    assert told(partner) == {}
    rows = partner.of_kind("claim", "pk")
    assert sorted((row.version, row.state) for row in rows) == [(1, "open"), (2, "retracted"), (3, "open")]
    (whole,) = [row for row in rows if row.version == 3]
    assert whole.values() == {"figure": {**FIGURE, "best": 5}, "source": SOURCE, "remark": REMARK}
    host.commit("claim", {}, record=later, expected=1, state="retracted")
    pull(partner, host)
    pull(host, partner)
    same_after_rebuild(partner)


@pytest.mark.parametrize("act", ["withdraw", "erase"])
def test_a_recall_reaches_what_is_held_and_what_waits(two: Pair, act: str) -> None:
    host, partner = two
    incident = host.commit("incident", INCIDENT).record
    record = claim(host, incident)
    with before_remarks():
        pull(partner, host)
    host.commit("claim", {"remark": REMARK}, record=record, expected=1)
    with before_remarks():
        pull(partner, host)
    host.system(act, record=record, **({"reason": "wrong"} if act == "withdraw" else {}))
    with before_remarks():
        pull(partner, host)
        (row,) = partner.of_kind("claim", "pk")
        assert row.withdrawn if act == "withdraw" else not row.values()
    again(partner)
    assert told(partner) == {}
    (row,) = partner.of_kind("claim", "pk")
    assert row.version == 2 and (row.withdrawn if act == "withdraw" else not row.values())
    pull(host, partner)
    if act == "erase":
        with host.active():
            given = [set(held.parts.values()) for _, held in holdings("cn", record=record)]
            assert given and all(each == {REMOVED} for each in given)
    same_after_rebuild(partner)
    same_after_rebuild(host)


@contextmanager
def without(part: str, field: str, replaced: Any) -> Iterator[None]:
    """As long as the block lasts, a part of a claim has no such field, or another type of it."""
    now = kinds._kinds["claim"]
    fields = {n: (f.annotation, f) for n, f in now.parts[part].model_fields.items() if n != field}
    if replaced is not None:
        fields[field] = (replaced, ...)
    earlier_model = create_model("Earlier", __base__=kinds.PartModel, **fields)  # type: ignore[call-overload]
    kinds._kinds["claim"] = replace(now, parts={**now.parts, part: earlier_model}, dimensions={}, searched=())
    try:
        yield
    finally:
        kinds._kinds["claim"] = now


@pytest.mark.parametrize(
    "field, replaced", [("unit", None), ("what", Literal["injured"])], ids=["a new field", "a new word"]
)
def test_a_new_field_or_word_waits_and_stops_nothing(two: Pair, field: str, replaced: Any) -> None:
    host, partner = two
    incident = host.commit("incident", INCIDENT).record
    claim(host, incident)
    host.commit("incident", INCIDENT)
    with without("figure", field, replaced):
        pull(partner, host)
        assert told(partner) == {"claim": 1} and partner.of_kind("claim", "pk") == []
        assert len(partner.of_kind("incident", "pk")) == 2
        again(partner)
        assert told(partner) == {"claim": 1}
        same_after_rebuild(partner)
    again(partner)
    assert told(partner) == {}
    (row,) = partner.of_kind("claim", "pk")
    assert row.values() == {"figure": FIGURE, "source": SOURCE}
    same_after_rebuild(partner)


def test_a_restart_before_the_upgrade_does_not_lose_the_withdrawal_of_what_waits(two: Pair) -> None:
    host, partner = two
    record = claim(host, host.commit("incident", INCIDENT).record)
    with before_remarks():
        pull(partner, host)
    host.commit("claim", {}, record=record, expected=1, state="retracted")
    with before_remarks():
        pull(partner, host)
    host.system("withdraw", record=record, reason="wrong")
    with before_remarks():
        pull(partner, host)
        assert told(partner) == {"claim": 2}
        again(partner)
        assert told(partner) == {"claim": 2}, "what follows of a record waits as long as what went before"
        assert partner.of_kind("claim", "pk")[0].withdrawn
    again(partner)
    assert told(partner) == {}
    assert partner.of_kind("claim", "pk")[0].withdrawn
    same_after_rebuild(partner)
