"""Who knew: the list has everyone who was shown a part, on both sides, and says how each line is known."""

from __future__ import annotations

import html
import json
import random
import re
import warnings
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from django.test import Client
from django.utils import timezone

from exchange.conftest import _own_connections, made, world  # noqa: F401
from exchange.nodes import INCIDENT, PEOPLE, Node, agree, pull, sign
from exchange.test_epochs import resume
from exchange.test_expiry import CLAUSE as MOVEMENTS
from exchange.test_expiry import ITINERARY, NOTICE
from exchange.test_readings import with_house_rules, with_readings
from exchange.test_rotation import accept, renewed
from safeconduct.agreement.policy import Subject
from safeconduct.exchange import ahead, cadence, spoken
from safeconduct.exchange.last_contact import Link
from safeconduct.ledger.canonical import canonical
from safeconduct.ledger.parts import open_disclosure
from safeconduct.ledger.report import ReportRefused, verify
from safeconduct.node.cli import main
from safeconduct.node.signing_here import propose
from safeconduct.oversight import who_knew_words
from safeconduct.oversight.who_knew import GIVEN, READ, TAKEN, TOLD, UNLOGGED, who_knew
from safeconduct.oversight.who_knew_report import signed_report
from safeconduct.people import tokens
from safeconduct.people.models import Account
from safeconduct.records.principals import system_subject
from safeconduct.records.rebuild import fingerprint, rebuild
from safeconduct.records.refusals import NotFound, Refused
from safeconduct.records.release import release

Pair = tuple[Node, Node]
CANARY = re.compile(r"CAN-\d+-[a-z]+-END")
CANARY_FIELDS = {
    "summary": "title",
    "people": "victims",
    "method": "detail",
    "response": "units",
}


def with_canaries(number: int) -> dict[str, Any]:
    """An incident each of whose parts bears a word that stands nowhere else."""
    parts: dict[str, Any] = {
        **INCIDENT,
        "method": {"type": "ambush"},
        "response": {"units": "x", "text": "held back"},
    }
    for part, name in CANARY_FIELDS.items():
        parts[part] = {**parts[part], name: f"CAN-{number}-{part}-END"}
    return parts


@pytest.fixture
def both(bare_home: Any, world: Path) -> Iterator[Pair]:  # noqa: F811
    """Two nodes in this process, on which all readings are logged and cross."""
    host, partner = Node(world / "pk"), Node(world / "cn")
    with_readings(host, partner, world, "pk-cn")
    for node in (host, partner):
        with_house_rules(node, world)
    yield host, partner
    partner.close()
    host.close()


def somebody(node: Node, *roles: str) -> tuple[Client, Subject, str]:
    """(browser, principal, token) of a new person on a node."""
    account = Account.objects.create_account(f"{node.home.party}-{Account.objects.count()}", clearance=3)
    for role in roles:
        assignment = {
            "person": account.person,
            "account_name": account.username,
            "role": role,
            "clearance": 3,
        }
        node.commit("role_assignment", {"assignment": assignment}, releasable=[])
    client = Client(SERVER_NAME="localhost")
    client.force_login(account)
    with node.active():
        _, secret = tokens.issue(account, "test", roles, "write", timezone.now() + timedelta(days=2))
    subject = Subject(node.home.party, frozenset(roles), 3, frozenset(), frozenset(), account.person)
    return client, subject, secret


def body_of(answer: Any) -> str:
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="StreamingHttpResponse must consume")
        raw = b"".join(answer) if getattr(answer, "streaming", False) else answer.content
    return html.unescape(raw.decode())


def settle(host: Node, partner: Node) -> None:
    """Exchange until both have everything, and have both ledgers cosigned."""
    for node in (host, partner):
        node.publish()
    for _ in range(2):
        pull(partner, host)
        pull(host, partner)
    for node in (host, partner):
        node.writer.tick(cadence.keep_acks)


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


def readings_of_one(both: Pair) -> tuple[str, str, Subject]:
    """(the host's record, the partner's id of it, an auditor of the host): read on both sides, then exchanged."""
    host, partner = both
    record = host.commit("incident", with_canaries(1), levels={"people": 1}).record
    settle(host, partner)
    (row,) = partner.of_kind("incident", "pk")
    _, wang, _ = somebody(partner, "coordinator")
    with partner.active():
        release(wang, row.id)
    _, rana, _ = somebody(host, "watch_officer")
    with host.active():
        release(rana, record)
    settle(host, partner)
    return record, row.id, somebody(host, "auditor", "coordinator")[1]


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


@pytest.mark.usefixtures("carried")
def test_anyone_can_verify_the_report_without_a_node(both: Pair, tmp_path: Path) -> None:
    host, _ = both
    record, _, auditor = readings_of_one(both)
    with host.active():
        sealed, page = signed_report(auditor, record), signed_report(auditor, record, page=True)
    for raw in (sealed, page):
        found = verify(raw)
        ways = [line["way"] for line in found.lines]
        assert ways == [GIVEN, GIVEN, TOLD, READ]
        how = dict(zip(ways, found.standing, strict=True))
        assert "cosigned by cn.safeconduct/witness to" in how[READ]
        assert "signed by cn in its feed" in how[TOLD]
        assert any("arrival acknowledged by cn" in text for text in found.standing)
        assert verify(raw, found.keys.values()).lines
        with pytest.raises(ReportRefused):
            verify(raw, [found.keys["ledger"]])
    file = tmp_path / "report.html"
    file.write_bytes(page)
    said = CliRunner().invoke(main, ["verify", "report", str(file), "--lines"])
    assert said.exit_code == 0 and "the report holds" in said.output and "p" in said.output
    assert auditor.person not in said.output.partition("it rests on")[0]
    file.write_bytes(page.replace(b"<h1>", b"<h1>Not "))
    said = CliRunner().invoke(main, ["verify", "report", str(file)])
    assert said.exit_code == 3 and "page" in said.output


def test_a_report_of_what_old_keys_have_signed_still_holds(both: Pair, world: Path) -> None:  # noqa: F811
    host, partner = both
    record, _, auditor = readings_of_one(both)
    for node, other in ((host, partner), (partner, host)):
        renewed(node)
        accept(other, node)
    resume(host, partner, world)
    settle(host, partner)
    with host.active():
        found = verify(signed_report(auditor, record))
    how = dict(zip([line["way"] for line in found.lines], found.standing, strict=True))
    assert "cosigned by cn.safeconduct/witness to" in how[READ]
    former = {name for name in found.keys if "former" in name}
    assert {name.split(",")[0] for name in former} == {
        "ledger",
        "witness",
        "witness cn",
        "feed to cn",
        "feed to xx",
        "feed from cn",
    }


def test_a_report_that_was_changed_does_not_hold(both: Pair) -> None:
    from safeconduct.exchange.identity import Keys
    from safeconduct.ledger.report import seal

    host, _ = both
    record, _, auditor = readings_of_one(both)
    with host.active():
        sealed = signed_report(auditor, record)
    whole = json.loads(sealed)
    for change in ("person", "record", "at"):
        wrong = json.loads(sealed)
        wrong["report"]["lines"][3][change] = "somebody else"
        with pytest.raises(ReportRefused):
            verify(canonical(wrong))
        # Not even the node's own key makes it hold: the entry says otherwise.
        with pytest.raises(ReportRefused):
            verify(seal(wrong["report"], Keys.of(host.home).ledger))
    for broken in (b"", b"{}", b"<html>", sealed[:-5], b"[" * 100_000, canonical({**whole, "note": "x"})):
        with pytest.raises(ReportRefused):
            verify(broken)
    for key in ("entries", "checkpoints", "keys", "lines"):
        for value in ([], {}, None, "x", [None], [{}]):
            if value == [] and key == "lines":
                continue
            report = {**whole["report"], key: value}
            with pytest.raises(ReportRefused):
                verify(seal(report, Keys.of(host.home).ledger))


def test_many_readings_make_one_report(both: Pair) -> None:
    host, partner = both
    record, at_partner, auditor = readings_of_one(both)
    _, wang, _ = somebody(partner, "coordinator")
    with partner.active():
        for _ in range(230):
            release(wang, at_partner)
    settle(host, partner)
    with host.active():
        found = verify(signed_report(auditor, record))
    assert len(found.lines) == 234 and datetime.now(UTC).year >= 2024


def test_what_was_given_in_a_sealed_bundle_is_on_the_list(
    both: Pair,
    world: Path,  # noqa: F811
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


def test_what_is_about_a_movement_is_on_its_list(both: Pair, world: Path) -> None:  # noqa: F811
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
