"""A partner that sends what it should not: wrong types, strangers' movements, other times, the same again."""

from __future__ import annotations

import json
import time
from typing import Any

import pytest

from exchange.nodes import Node
from positions.flow_nodes import entries, hand_over, journey, kept, lines, long_agreed, report
from safeconduct.exchange.spool import MOST
from safeconduct.records.refusals import Malformed


def line(name: tuple[str, str], at: float | None = None, **more: Any) -> str:
    values = {"latitude": 25.0, "longitude": 66.0, "accuracy": 10.0, "speed": 1.0, "heading": 90.0, **more}
    return json.dumps([1, *name, at if at is not None else time.time(), *values.values()])


def name_of(partner: Node, host: Node, movement: str) -> tuple[str, str]:
    long_agreed(partner, host)
    report(partner, movement, 25.0, time.time() - 60)
    ((_, originator, opaque, *_),) = lines(partner, host)
    return originator, opaque


def test_values_that_are_no_position_are_refused_alone(nodes: tuple[Node, Node]) -> None:
    host, partner = nodes
    there, here_ = journey(host, partner)
    name = name_of(partner, host, here_)
    now = time.time()
    wrong = [
        line(name, latitude=91.0),
        line(name, longitude=-180.1),
        line(name, latitude="25.0"),
        line(name, latitude=None),
        line(name, latitude=True),
        line(name, accuracy=-1),
        line(name, accuracy=1e300),
        line(name, speed=1e9),
        line(name, heading=361.0),
        line(name, at="2026-01-01"),  # type: ignore[arg-type]
        line(name).replace("25.0", "NaN"),
        line(name).replace("25.0", "Infinity"),
        line(name).replace("25.0", "1e999"),
        line(name)[:-1] + ', "phone-of-li"]',
        "[]",
        "{}",
        "null",
        "",
        "[" * 500,
        "x" * 10_000,
        line((name[0], "../../x")),
        line((name[0], name[1].upper() + "Z")),
        line(("", "")),
        "[1, null, null, 0, 0, 0, 0, 0, 0]",
        7,
        None,
        ["a"],
    ]
    answer = hand_over(partner, host, [*wrong, line(name, now)])
    assert answer["kept"] == 1 and answer["refused"] == len(wrong)
    assert [p.at for p in kept(host, there, "cn")] == [now]


def test_times_of_another_day_are_refused(nodes: tuple[Node, Node]) -> None:
    host, partner = nodes
    there, here_ = journey(host, partner)
    name, now, decade = name_of(partner, host, here_), time.time(), 10 * 365 * 86_400
    for at, outcome in (
        (now + decade, "refused"),
        (now + 301, "refused"),
        (now - decade, "old"),
        (now - 2 * 86_400 - 60, "old"),
        (0.0, "old"),
        (-1.0, "refused"),
        (1e308, "refused"),
        (now - 30, "kept"),
        (now - 40, "old"),
        (now - 30, "old"),
        (now - 29.9, "old"),
        (now - 29.5, "kept"),
    ):
        assert hand_over(partner, host, [line(name, at)])[outcome] == 1, at - now
    assert len(kept(host, there, "cn")) == 2


def test_movements_that_are_not_this_partners_or_not_known_are_refused_alike(
    nodes: tuple[Node, Node],
) -> None:
    host, partner = nodes
    there, here_ = journey(host, partner)
    name = name_of(partner, host, here_)
    arrived_there, arrived = journey(host, partner, reference="M-2")
    strangers = [
        (name[0], "0" * 32),
        (name[0], there),
        ("pk", name[1]),
        ("pk", there),
        ("xx", name[1]),
        (name[0], name[1] + "0"),
    ]
    answer = hand_over(partner, host, [line(stranger) for stranger in strangers])
    assert answer["kept"] == 0 and answer["refused"] == len(strangers)
    incident = partner.commit("comment", {"remark": {"text": "x", "stance": "comment"}}, about=here_)
    (row,) = partner.writer.db.execute(
        "SELECT opaque FROM exchange_sent WHERE record = ?", (incident.record,)
    )
    assert hand_over(partner, host, [line((name[0], row[0]))])["refused"] == 1, "a record of another kind"
    assert entries(host) == [] and kept(host, arrived_there, "cn") == [] and arrived


def test_what_is_no_spool_is_refused_whole(nodes: tuple[Node, Node]) -> None:
    host, partner = nodes
    for head in (None, 5, "", "[]", "{}", '{"spool":"ab","seq":"1"}', '{"spool":"AB","seq":1}', "[" * 10_000):
        with pytest.raises(Malformed):
            hand_over(partner, host, [], head)
    with pytest.raises(Malformed):
        hand_over(partner, host, ["x"] * (MOST + 1))
    for wrong in ("x", {"a": 1}, None):
        with pytest.raises(Malformed):
            host.call("positions_flowed", partner="cn", head='{"seq":1,"spool":"ab"}', lines=wrong)
    for job in ("positions_flowed", "positions_wanted"):
        with pytest.raises(Malformed, match="no such partner"):
            host.call(job, partner="zz")
