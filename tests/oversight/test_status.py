"""How the node is: in words for whoever runs it, in figures for a monitoring system, and nothing of any record."""

from __future__ import annotations

import re
import time
from collections import namedtuple
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from django.test import Client
from prometheus_client.parser import text_string_to_metric_families

from safeconduct.oversight import ailments as ailing
from safeconduct.oversight.ailments import ailments
from safeconduct.oversight.link import LinkHealth
from safeconduct.oversight.metrics import TOKEN, make_token, metrics_text
from safeconduct.oversight.vitals import Vitals, vitals
from safeconduct.records import here
from safeconduct.records.door import Door
from safeconduct.records.home import Home, Partner, last_backup, note_backup
from signed_in import signed_in

GB = 1024**3
NOW = 1_800_000_000.0


@pytest.fixture
def node(bare_home: Home) -> Iterator[Home]:
    with Door.open(bare_home) as door, here.at(bare_home, door):
        yield bare_home


def well() -> Vitals:
    return Vitals(
        at=NOW,
        entries=7,
        links=(link(),),
        timers={"waiting": 3, "late": 0, "failing": []},
        messages={"waiting": 0, "since": "", "exercise_waiting": 0, "asked": iso(NOW - 2), "fault": ""},
        disk_free=50 * GB,
        disk_size=100 * GB,
        backup=NOW - 3_600,
        certificates={"cn": NOW + 400 * 86_400},
        drill=NOW - 20 * 86_400,
    )


def link(**given: Any) -> LinkHealth:
    moment = datetime.fromtimestamp(NOW - 5, UTC)
    fine: dict[str, Any] = {
        "partner": Partner("cn", "pk-cn", "Partner"),
        "state": "up",
        "last_contact": moment,
        "contact_age": "",
        "error": "",
        "failing_since": None,
        "released": 9,
        "acknowledged": 9,
        "acknowledged_at": moment,
        "received": 4,
        "ours_cosigned": 7,
        "ours_cosigned_at": moment,
        "ours_age": "",
        "theirs_cosigned": 5,
        "frozen": "",
        "unread": (),
        "epoch": 1,
        "evidence": (),
    }
    return LinkHealth(**(fine | given))


def iso(at: float) -> str:
    return datetime.fromtimestamp(at, UTC).isoformat()


def codes(found: Vitals) -> list[tuple[str, str]]:
    return [(each.code, each.severity) for each in ailments(found)]


def test_of_a_node_that_is_well_nothing_is_said(node: Home) -> None:
    assert ailments(well()) == []


def test_each_trouble_has_its_sentence_and_what_to_do(node: Home) -> None:
    messages = well().messages
    ago = datetime.fromtimestamp(NOW - 7_200, UTC)
    failing = {"name": "expire", "fault": "KeyError"}
    troubles = {
        "disk": replace(well(), disk_free=5 * GB),
        "timers_late": replace(well(), timers={"waiting": 3, "late": 2, "failing": []}),
        "timer_failing": replace(well(), timers={"waiting": 3, "late": 0, "failing": [failing]}),
        "channels": replace(well(), messages={**messages, "fault": "channels_open"}),
        "notifier": replace(well(), messages={**messages, "waiting": 2, "since": iso(NOW - 9), "asked": ""}),
        "messages": replace(well(), messages={**messages, "waiting": 2, "since": iso(NOW - 900)}),
        "backup": replace(well(), backup=None),
        "restore_drill": replace(well(), drill=NOW - 60 * 86_400),
        "certificate": replace(well(), certificates={"cn": NOW + 86_400}),
        "frozen": replace(well(), links=(link(frozen="two signed histories"),)),
        "link": replace(well(), links=(link(failing_since=ago, error="refused"),)),
        "unacknowledged": replace(well(), links=(link(acknowledged=2, acknowledged_at=ago),)),
        "unread": replace(well(), links=(link(unread=(("tomorrow", 3),)),)),
        "pages_certificate": replace(well(), pages_certificate=NOW + 86_400),
        "damaged": replace(well(), recompute={"faults": [{"where": "ledger:", "index": 7}], "hours": 24}),
        "bus": replace(well(), bus_lost=NOW - 600),
        "devices_unconfirmed": replace(well(), unconfirmed={"count": 2, "until": iso(NOW + 9 * 86_400)}),
        "recompute": replace(well(), recompute={"finished": NOW - 9 * 86_400, "hours": 24}),
    }
    known = re.findall(r'Ailment\(\s*"(\w+)"', Path(ailing.__file__).read_text("utf-8"))
    assert troubles.keys() == set(known), "a trouble that nothing here brings about"
    for code, found in troubles.items():
        (only,) = ailments(found)
        assert only.code == code and only.what and only.do and "%" not in only.what + only.do


def test_what_lives_may_depend_on_and_is_not_understood_is_grave(node: Home) -> None:
    waits = replace(well(), links=(link(unread=(("sos", 1), ("claim", 2))),), vital=frozenset({"sos"}))
    assert codes(waits) == [("unread", "grave"), ("unread", "caution")]


def test_the_same_trouble_twice_is_one_series(node: Home) -> None:
    text = metrics_text(replace(well(), links=(link(unread=(("tomorrow", 1), ("later", 2))),))).decode()
    assert [line for line in text.splitlines() if 'code="unread"' in line] == [
        'safeconduct_ailments{code="unread",severity="caution"} 2.0'
    ]


def test_the_grave_ones_come_first(node: Home) -> None:
    both = replace(well(), backup=None, disk_free=GB)
    assert codes(both) == [("disk", "grave"), ("backup", "caution")]
    assert codes(replace(well(), certificates={"cn": NOW - 1})) == [("certificate", "grave")]


def test_the_page_says_it_to_those_who_oversee_and_to_nobody_else(node: Home) -> None:
    administrator, _ = signed_in("administrator")
    page = administrator.get("/oversight/status/").content.decode()
    assert 'data-ailment="backup"' in page
    note_backup(node)
    assert 'data-ailment="backup"' not in administrator.get("/oversight/status/").content.decode()
    traveller, _ = signed_in("protected_person")
    assert traveller.get("/oversight/status/").status_code == 404


def test_a_backup_is_noted_when_it_is_complete(node: Home) -> None:
    assert last_backup(node) is None
    note_backup(node)
    assert abs((last_backup(node) or 0) - time.time()) < 60


def test_metrics_are_for_the_holder_of_the_token(node: Home) -> None:
    client = Client(SERVER_NAME="localhost")
    assert client.get("/metrics").status_code == 404
    signed_in("auditor")
    first, token = make_token(node), make_token(node)
    assert (node.path / TOKEN).stat().st_mode & 0o777 == 0o600
    for given in ("", "Bearer", "Bearer x", f"Bearer {first}", f"Basic {token}", token, "Bearer \u0661"):
        assert client.get("/metrics", headers={"Authorization": given}).status_code == 401, given
    assert client.post("/metrics", headers={"Authorization": f"Bearer {token}"}).status_code == 405
    answer = client.get("/metrics", headers={"Authorization": f"Bearer {token}"})
    assert answer.status_code == 200 and answer["Content-Type"].startswith("text/plain")
    families = {each.name: each for each in text_string_to_metric_families(answer.content.decode())}
    assert families["safeconduct_ledger_entries"].samples[0].value == vitals().entries == 1


def test_metrics_are_read_by_prometheus_own_parser_and_name_no_record(node: Home) -> None:
    found = replace(well(), backup=None, links=(link(state="down", acknowledged=2, frozen="why"),))
    families = {f.name: f for f in text_string_to_metric_families(metrics_text(found).decode())}
    sample = namedtuple("sample", "value labels")
    got = {name: [sample(s.value, s.labels) for s in family.samples] for name, family in families.items()}
    assert got["safeconduct_link_up"] == [sample(0.0, {"partner": "cn"})]
    assert got["safeconduct_feed_waiting_entries"] == [sample(7.0, {"partner": "cn"})]
    assert got["safeconduct_exchange_frozen"][0].value == 1.0
    assert {"code": "backup", "severity": "caution"} in [s.labels for s in got["safeconduct_ailments"]]
    assert {key for each in got.values() for s in each for key in s.labels} <= {"partner", "code", "severity"}


def test_a_line_to_nats_that_is_lost_is_told_after_a_moment() -> None:
    assert [each.code for each in ailments(replace(well(), bus_lost=NOW - 60))] == ["bus"]
    assert not ailments(replace(well(), bus_lost=NOW - 1))
