"""Whoever a device waits for is told, and those enrolled before anybody was asked have a term."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import pytest

from conftest import SIGNATORY_KEY
from field.word_node import enrolled_before
from firing import fire_all
from journeys.journey_node import Journeys, journeys
from safeconduct.agreement.policy import Subject
from safeconduct.field import device_term, devices
from safeconduct.node.signing_here import act
from safeconduct.notify import acts
from safeconduct.records import here
from safeconduct.records.commit import Draft, commit
from safeconduct.records.home import Home
from safeconduct.records.principals import system_subject
from safeconduct.records.refusals import Malformed
from safeconduct.records.release import fetch_row

pytestmark = pytest.mark.both

SYSTEM = system_subject("pk")
DAY = 86_400.0


@pytest.fixture
def node(partner_home: Home) -> Iterator[Journeys]:
    with journeys(partner_home) as running:
        yield running


@pytest.fixture
def bearer(node: Journeys) -> Subject:
    found = node.person("bearer", "warden")
    acts.add_contact_point(found, "email", "bearer@example.org")
    return found


def old(node: Journeys, bearer: Subject) -> str:
    return enrolled_before(node.home.party, bearer.person)


def ask(node: Journeys, device: str) -> str:
    return str(node.writer.call("field_device", {"device": device})["reads_as"])


def told(device: str) -> list[str]:
    """Whom the messages about a device are for."""
    sql = "SELECT parts FROM records_row WHERE kind = 'delivery' AND about = %s ORDER BY born"
    return [json.loads(parts)["to"]["person"] for (parts,) in here.tables().all(sql, [device])]


def link(device: str) -> dict[str, Any]:
    row = fetch_row(device, SYSTEM)
    assert row is not None
    return dict(row.values()["link"])


def look(node: Journeys) -> None:
    node.writer.tick(device_term.begin_terms)


def test_the_person_is_told_once_that_a_device_waits_and_again_after_a_new_credential(
    node: Journeys, bearer: Subject
) -> None:
    enroller = node.person("enroller", "security_manager")
    parts = {
        "identity": {"name": "Radio 7", "category": "tak", "protocol": "cot"},
        "link": {"account": bearer.person},
    }
    device = devices.enrol(enroller, parts)[0].record
    assert told(device) == [bearer.person]
    devices.confirm(bearer, device, 1)
    assert told(device) == [bearer.person]
    devices.renew(enroller, device, 2)
    assert told(device) == [bearer.person] * 2
    devices.take_code(bearer, device, 3)
    assert told(device) == [bearer.person] * 2, "nobody is told of what they do themselves"
    nobodys = devices.enrol(enroller, {"identity": parts["identity"]})[0].record
    own = devices.enrol(enroller, {**parts, "link": {"account": enroller.person}})[0].record
    assert told(nobodys) == told(own) == []


def test_a_rule_that_comes_later_tells_them_then(node: Journeys, bearer: Subject) -> None:
    """Before a house rule lets somebody know of the device they are told nothing, and afterwards once."""
    act("house", "H23", "suspended", SIGNATORY_KEY, None, here.door())
    device = old(node, bearer)
    look(node)
    row = fetch_row(device)
    assert row is not None and row.state == "provisional" and told(device) == []
    act("house", "H23", "agreed", SIGNATORY_KEY, None, here.door())
    assert told(device) == [bearer.person]
    act("house", "H23", "suspended", SIGNATORY_KEY, None, here.door())
    act("house", "H23", "agreed", SIGNATORY_KEY, None, here.door())
    assert told(device) == [bearer.person]


def test_the_message_says_nothing_of_the_device(node: Journeys, bearer: Subject) -> None:
    from safeconduct.notify.wording import message

    device = old(node, bearer)
    look(node)
    said = node.read(
        lambda tx: message(tx, tx.row(device), bearer.person, "email", "en", "ABCDE-12345", False)
    )
    assert said.body == "Open Safeconduct. Number ABCDE-12345." and "radio" not in said.title.lower()


def test_one_that_was_enrolled_before_shows_things_for_a_term_and_then_nothing(
    node: Journeys, bearer: Subject
) -> None:
    device = old(node, bearer)
    assert ask(node, device) == "", "nothing before the node has begun the term"
    look(node)
    row = fetch_row(device)
    assert row is not None and row.state == "provisional" and ask(node, device) == bearer.person
    end = datetime.fromisoformat(link(device)["until"]).timestamp()
    assert 14 * DAY <= end - node.clock.now <= 16 * DAY
    assert told(device) == [bearer.person]
    assert node.writer.call("devices_unconfirmed", {}) == {"count": 1, "until": link(device)["until"]}
    look(node)
    assert link(device)["until"] == datetime.fromtimestamp(end, UTC).isoformat(
        timespec="milliseconds"
    ).replace("+00:00", "Z")

    node.clock.now = end - 3 * DAY + 1
    fire_all(node.writer)
    assert told(device) == [bearer.person] * 2, "reminded"
    node.clock.now = end - 1
    fire_all(node.writer)
    assert ask(node, device) == bearer.person
    node.clock.now = end + 1
    assert ask(node, device) == "", "over at the moment, whether or not the timer has fired"
    fire_all(node.writer)
    row = fetch_row(device)
    assert row is not None and row.state == "waiting" and told(device) == [bearer.person] * 3
    assert node.writer.call("devices_unconfirmed", {}) == {"count": 0, "until": ""}
    # It is heard all the time, and the person's word still opens it.
    assert node.writer.call("field_sos", {"device": device})["record"]
    devices.confirm(bearer, device, row.version)
    assert ask(node, device) == bearer.person


def test_a_word_within_the_term_counts_and_the_end_of_the_term_takes_nothing_away(
    node: Journeys, bearer: Subject
) -> None:
    device = old(node, bearer)
    look(node)
    devices.confirm(bearer, device, 2)
    node.clock.now += 40 * DAY
    fire_all(node.writer)
    look(node)
    row = fetch_row(device)
    assert row is not None and row.state == "confirmed" and ask(node, device) == bearer.person
    assert told(device) == [bearer.person]


def test_a_no_within_the_term_revokes_it(node: Journeys, bearer: Subject) -> None:
    device = old(node, bearer)
    look(node)
    devices.disown(bearer, device, 2)
    node.clock.now += 40 * DAY
    fire_all(node.writer)
    row = fetch_row(device)
    assert row is not None and row.state == "revoked"


def test_a_term_is_not_for_a_new_credential_nor_for_anybody_to_give(node: Journeys, bearer: Subject) -> None:
    """Who hands out the credential anew within the term ends what is shown; nobody writes a term, or a longer one."""
    enroller = node.person("enroller", "security_manager")
    device = old(node, bearer)
    look(node)
    longer = {"link": {**link(device), "until": "2099-01-01T00:00:00Z"}}
    for parts, state in (({}, "provisional"), (longer, "provisional"), (longer, "waiting"), ({}, "enrolled")):
        with pytest.raises(Exception, match=r"waits for that person|only the node"):
            commit(enroller, Draft("device", parts, record=device, expected=2, state=state))
    devices.renew(enroller, device, 2)
    assert ask(node, device) == ""
    with pytest.raises(Malformed):
        commit(enroller, Draft("device", longer, record=device, expected=3, state="waiting"))


def test_what_shows_nothing_has_no_term(node: Journeys, bearer: Subject) -> None:
    phone = {
        "identity": {"name": "Phone", "category": "phone", "protocol": "owntracks_http"},
        "link": {"account": bearer.person},
    }
    some = [commit(node.system, Draft("device", phone, state="enrolled", releasable=())).record]
    some.append(enrolled_before(node.home.party, ""))
    look(node)
    assert [getattr(fetch_row(each), "state", "") for each in some] == ["enrolled", "enrolled"]


def test_the_beginning_of_a_term_is_a_version_by_the_node(node: Journeys, bearer: Subject) -> None:
    device = old(node, bearer)
    look(node)
    row = fetch_row(device)
    assert row is not None
    header = node.read(lambda tx: tx.header(row.ledger_index))
    assert (header["by"], header["state"], header["version"]) == ("system", "provisional", 2)


@pytest.mark.parametrize(
    ("zone", "hour"), [("Asia/Karachi", 6), ("Asia/Shanghai", 3), ("UTC", 11), ("No/Such", 11), ("", 11)]
)
def test_a_term_ends_in_the_forenoon(zone: str, hour: int) -> None:
    for moment in range(0, 86_400, 3_600):
        now = 1_790_000_000.0 + moment
        end = device_term.end_of_term(now, zone)
        assert datetime.fromtimestamp(end, UTC).hour == hour and 14 * DAY <= end - now <= 16 * DAY
