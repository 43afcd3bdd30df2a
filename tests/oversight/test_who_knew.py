"""Who knew: the list has everyone who was shown a part, on both sides, and says how each line is known."""

from __future__ import annotations

import json
import random
import re
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from django.test import Client

from exchange.nodes import PEOPLE, agree, sign
from exchange.test_expiry import CLAUSE as MOVEMENTS
from exchange.test_expiry import ITINERARY, NOTICE
from safeconduct.exchange import ahead, spoken
from safeconduct.exchange.last_contact import Link
from safeconduct.ledger.parts import open_disclosure
from safeconduct.ledger.report import verify
from safeconduct.node.signing_here import propose
from safeconduct.oversight import who_knew_words
from safeconduct.oversight.who_knew import GIVEN, READ, TAKEN, TOLD, UNLOGGED, who_knew
from safeconduct.oversight.who_knew_report import signed_report
from safeconduct.records.principals import system_subject
from safeconduct.records.rebuild import fingerprint, rebuild
from safeconduct.records.refusals import NotFound, Refused
from safeconduct.records.release import release

from .two_readers import (
    CANARY,
    CANARY_FIELDS,
    Pair,
    body_of,
    readings_of_one,
    settle,
    somebody,
    with_canaries,
)


def ways_out(secret: str, record: str) -> list[tuple[str, dict[str, str]]]:
    token = {"Authorization": f"Bearer {secret}"}
    return [
        (f"/incidents/{record}/", {}),
        ("/incidents/", {}),
        ("/incidents/?text=CAN", {}),
        ("/incidents/export.csv", {}),
        ("/incidents/export.geojson", {}),
        ("/incidents/points.geojson", {}),
        (f"/api/v1/incidents/{record}", token),
        ("/api/v1/incidents", token),
        ("/api/v1/incidents.geojson", token),
        (f"/api/v1/records/{record}/history", token),
        (f"/oversight/preview/{record}/cn/", {}),
        (f"/oversight/holdings/{record}/", {}),
        (f"/api/v1/preview/{record}/cn", token),
    ]


def test_the_list_has_every_release_made_on_both_sides(both: Pair) -> None:
    host, partner = both
    drawn = random.Random(7)
    expected: dict[str, set[tuple[str, str, str]]] = {}

    def saw(text: str, party: str, person: str) -> None:
        for word in CANARY.findall(text):
            _, number, part, _ = word.split("-")
            expected.setdefault(number, set()).add((party, person, part))

    records = {
        str(n): host.commit(
            "incident",
            with_canaries(n),
            levels={"people": 1},
            releasable=drawn.choice([["cn"], ["cn", "xx"], []]),
        ).record
        for n in range(6)
    }
    settle(host, partner)
    for leaf in host.feed("cn").bundle(0, 5000).entries:
        for _, text in leaf.parts:
            if text:
                saw(json.dumps(open_disclosure(text)), "cn", "")
    at_partner = {
        row.values()["summary"]["title"].split("-")[1]: row.id for row in partner.of_kind("incident", "pk")
    }
    assert 0 < len(at_partner) < len(records)
    seen_nothing = True
    for node, ids in ((host, records), (partner, at_partner)):
        people = [somebody(node, role) for role in ("coordinator", "watch_officer", "auditor")]
        with node.active():
            for client, subject, secret in people:
                for record in drawn.sample(sorted(ids.values()), 2):
                    for url, headers in ways_out(secret, record):
                        asking = Client(SERVER_NAME="localhost") if headers else client
                        text = body_of(asking.get(url, headers=headers))
                        before = sum(map(len, expected.values()))
                        saw(text, node.home.party, subject.person)
                        seen_nothing = seen_nothing and before == sum(map(len, expected.values()))
    assert not seen_nothing
    settle(host, partner)
    _, auditor, _ = somebody(host, "auditor", "coordinator")
    with host.active():
        for number, record in records.items():
            known = who_knew(auditor, record)
            listed = {
                (line.party, line.person, part)
                for line in known.lines
                for part in line.parts
                if part in CANARY_FIELDS
            }
            others = {each for each in listed if each[0] != "xx"}
            bare = {(gap.party, gap.part) for gap in known.gaps if gap.what == UNLOGGED}
            plain = {(party, part) for party in ("cn", "xx") for part in ("summary", "when", "where")}
            assert bare <= plain, "what clause 1 does not log, and nothing else"
            missing = {
                m for m in expected.get(number, set()) - others if not m[1] or (m[0], m[2]) not in bare
            }
            assert not missing, f"a way out is not noted: {missing}"
    _, theirs, _ = somebody(partner, "auditor", "coordinator")
    with partner.active():
        for number, record in at_partner.items():
            known = who_knew(theirs, record)
            listed = {(line.party, line.person, p) for line in known.lines for p in line.parts}
            mine = {each for each in expected[number] if each[0] == "cn" and each[2] != "summary"}
            assert mine <= listed and {"cn"} <= known.nodes()
            assert {line.way for line in known.lines} <= {READ, TAKEN}


def test_each_line_says_whose_word_it_is_and_how_far_it_is_cosigned(both: Pair) -> None:
    host, _ = both
    record, _, auditor = readings_of_one(both)
    with host.active():
        release(somebody(host, "coordinator")[1], record)
        known = who_knew(auditor, record)
        ways = [line.way for line in known.lines]
        assert ways == [GIVEN, GIVEN, TOLD, READ, READ]
        said = {line.way: who_knew_words.standing(line) for line in known.lines[:4]}
        assert re.match(r"as logged by Party pk, cosigned by Party cn to [\d,]+ at ", said[READ])
        assert re.match(r"as told by Party cn, received at .*, not yet cosigned", said[TOLD])
        assert who_knew_words.standing(known.lines[4]) == "as logged by Party pk, not yet cosigned"
        to_cn = next(line for line in known.lines if line.way == GIVEN and line.party == "cn")
        assert "acknowledged" in who_knew_words.acknowledged(to_cn, {"cn": to_cn.feed_index + 1})
        assert "not acknowledged" in who_knew_words.acknowledged(to_cn, {})
        earlier = who_knew(auditor, record, known.lines[2].at)
        assert [line.way for line in earlier.lines] == [GIVEN, GIVEN]
        assert all("people" in line.parts for line in who_knew(auditor, record, part="people").lines)


def test_gaps_are_stated(both: Pair) -> None:
    host, partner = both
    record, at_partner, auditor = readings_of_one(both)
    with host.active():
        said = [who_knew_words.gap(gap) for gap in who_knew(auditor, record).gaps]
        assert any("The link to Party cn was never up" in text for text in said)
        assert any("No clause in force lets the readings of Party xx cross" in text for text in said)
        assert any("Party cn, incident, What happened: shown without a note" in text for text in said)
        Link("cn", 1_730_000_000.0, "down", 1_730_000_100.0).save(host.home)
        said = [who_knew_words.gap(gap) for gap in who_knew(auditor, record).gaps]
        assert any("complete up to \u20662024-10-27 03:33:20 UTC\u2069 only" in text for text in said)
    theirs = somebody(partner, "auditor", "coordinator")[1]
    with partner.active():
        said = [who_knew_words.gap(gap) for gap in who_knew(theirs, at_partner).gaps]
        assert any("of its own records stands on its own list" in text for text in said)


def test_a_look_at_the_list_is_logged_and_stays_here(both: Pair) -> None:
    host, _ = both
    record, _, auditor = readings_of_one(both)
    before = host.feed("cn").size
    with host.active():
        assert who_knew(auditor, record).looks == ()
        (look,) = who_knew(auditor, record).looks
        assert look.person == auditor.person and look.act == "read"
        assert all(line.parts != ("who_knew",) for line in who_knew(auditor, record).lines)
    assert host.feed("cn").size == before


def test_only_who_may_read_readings_gets_the_list(both: Pair) -> None:
    host, _ = both
    record, _, auditor = readings_of_one(both)
    client, officer, _ = somebody(host, "watch_officer")
    with host.active():
        with pytest.raises(Refused):
            who_knew(officer, record)
        with pytest.raises(NotFound):
            who_knew(auditor, "f" * 32)
        assert client.get(f"/oversight/knew/{record}/").status_code == 403
        # A coordinator reads only what the partner tells: own staff is left out, and that is said.
        known = who_knew(somebody(host, "coordinator")[1], record)
        assert {line.way for line in known.lines} == {GIVEN, TOLD}
        assert any(
            "You may not read the readings that Party pk logged" in who_knew_words.gap(g) for g in known.gaps
        )


def test_the_page_and_its_moment(both: Pair) -> None:
    host, _ = both
    record, _, _ = readings_of_one(both)
    client, _, _ = somebody(host, "auditor", "coordinator")
    with host.active():
        text = body_of(client.get(f"/oversight/knew/{record}/"))
        assert "as logged by Party pk" in text and "as told by Party cn" in text and "CAN-" not in text
        assert "2 persons" in text
        long_ago = body_of(client.get(f"/oversight/knew/{record}/?at=2020-01-01T00:00:00&part=people"))
        assert "Nobody, as far as is logged." in long_ago
        for wrong in ("?at=yesterday", "?part=nonsense", "?at=0001-01-01T00:00:00%2B14:00"):
            assert client.get(f"/oversight/knew/{record}/{wrong}").status_code == 400
        answer = client.get(f"/oversight/knew/{record}/report/")
        assert answer["Content-Disposition"].startswith("attachment") and verify(answer.content).lines


def test_what_was_given_in_a_sealed_bundle_is_on_the_list(
    both: Pair,
    world: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(spoken, "_COST", 2**4)
    host, partner = both
    agree(host, partner, world, "pk-cn", PEOPLE)
    later = (datetime.now(UTC) + timedelta(hours=6)).isoformat()
    people_locked = {**with_canaries(1), "people": {"killed_best": 2, "victims": "CAN-1-people-END"}}
    sign(host, world, "pk-cn", "3", "suspended")
    host.sweep()
    record = host.commit("incident", people_locked, opens=later).record
    _, auditor, _ = somebody(host, "auditor", "coordinator")
    with host.active():
        assert not any("people" in line.parts for line in who_knew(auditor, record).lines)
        ahead.seal(system_subject("pk"), [record], "cn")
        known = who_knew(auditor, record)
        (line,) = (line for line in known.lines if "people" in line.parts)
        assert line.way == GIVEN and line.party == "cn"
        assert "may have been opened" in who_knew_words.acknowledged(line, {"cn": 99})
        settle(host, partner)
        found = verify(signed_report(auditor, record))
        assert [each for each in found.lines if "people" in each["parts"]]
    with host.active():
        before = fingerprint()
        rebuild(host.writer)
        assert fingerprint() == before


def test_what_is_about_a_movement_is_on_its_list(both: Pair, world: Path) -> None:
    host, partner = both
    file = world / "clause-5.md"
    file.write_text(MOVEMENTS.replace('up_to  = "CONFIDENTIAL"', 'up_to  = "CONFIDENTIAL"\nlogged = true'))
    with host.active():
        propose("pk-cn", [file], host.door)
    agree(host, partner, world, "pk-cn", "5")
    movement = partner.commit("movement", {"notice": NOTICE, "itinerary": ITINERARY}).record
    name = partner.commit("manifest_entry", {"who": {"name": "Wang"}}, about=movement).record
    settle(host, partner)
    (theirs,) = host.of_kind("movement", "cn")
    (entry,) = host.of_kind("manifest_entry", "cn")
    _, rana, _ = somebody(host, "coordinator")
    with host.active():
        release(rana, theirs.id)
        release(rana, entry.id)
    settle(host, partner)
    _, auditor, _ = somebody(partner, "auditor", "coordinator")
    with partner.active():
        known = who_knew(auditor, movement)
        told = {
            (line.record, line.person, part)
            for line in known.lines
            if line.way == TOLD
            for part in line.parts
        }
        assert told == {(movement, rana.person, "itinerary"), (name, rana.person, "who")}
        # Who knew of the names before the movement's own itinerary was shown? Nobody, but the node.
        first = min(line.at for line in known.lines if line.way == TOLD)
        assert {line.way for line in who_knew(auditor, movement, first).lines} == {GIVEN}
        found = verify(signed_report(auditor, movement))
        assert {line["record"] for line in found.lines} == {movement, name}
    _, inspector, _ = somebody(host, "auditor", "coordinator")
    with host.active():
        lines = who_knew(inspector, theirs.id).lines
        assert {line.way for line in lines} == {READ, TAKEN} and {line.record for line in lines} == {
            theirs.id,
            entry.id,
        }
