"""CAP as agencies publish it, and as somebody would who means ill: shapes met in public feeds, made up here."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from journeys.two_nodes import Node
from safeconduct.records import here
from safeconduct.records.door import Door
from safeconduct.records.home import Home
from safeconduct.records.principals import system_subject
from safeconduct.watch.cap import NAMESPACE, read_moment
from safeconduct.watch.cap_reading import CapRefused, read
from safeconduct.watch.cap_records import parts_of
from safeconduct.watch.cap_taking import take_in

SYSTEM = system_subject("pk")
XLINK = "http://www.w3.org/1999/xlink"
NOW = datetime.now(UTC).replace(microsecond=0)


@pytest.fixture
def node(partner_home: Home) -> Iterator[Home]:
    with Door.open(partner_home) as door, here.at(partner_home, door):
        yield partner_home


def stamp(at: datetime) -> str:
    return at.strftime("%Y-%m-%dT%H:%M:%S-00:00")


def info(
    language: str, severity: str = "Moderate", headline: str = "Rain", area: str = "", **more: Any
) -> str:
    place = area or "<area><areaDesc>Sindh</areaDesc></area>"
    return (
        f"<info><language>{language}</language><category>Met</category><event>Rain</event>"
        f"<responseType>Monitor</responseType><urgency>Expected</urgency><severity>{severity}</severity>"
        f"<certainty>Likely</certainty><eventCode><valueName>NDMA</valueName><value>RN</value></eventCode>"
        f"<effective>{stamp(NOW)}</effective><expires>{more.get('expires', stamp(NOW + timedelta(hours=6)))}</expires>"
        f"<senderName>Met</senderName><headline>{headline}</headline><description>d</description><instruction/>"
        f"<web>https://met.example/a?b=1&amp;c=2</web><contact/>{more.get('parameters', '')}{place}</info>"
    )


def message(*infos: str, head: str = "", tail: str = "", **more: Any) -> bytes:
    refers = f"<references>{more['refers']}</references>" if more.get("refers") else "<references />"
    return (
        f'{head}<alert xmlns="{NAMESPACE}" xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance" '
        f'xsi:schemaLocation="{NAMESPACE} http://docs.oasis-open.org/emergency/cap/v1.2/CAP-v1.2.xsd">'
        f"<identifier>{more.get('identifier', 'urn:oid:2.49.0.1.586.0.1')}</identifier>"
        f"<sender>{more.get('sender', 'cap@met.example')}</sender><sent>{more.get('sent', stamp(NOW))}</sent>"
        f"<status>Actual</status><msgType>{more.get('kind', 'Alert')}</msgType><scope>Public</scope><restriction/>"
        f"<addresses/><code>profile:CAP-PK:1.0</code><code>layer:x</code><note></note>{refers}<incidents/>"
        f"{''.join(infos)}{tail}</alert>"
    ).encode()


def kept(record: str) -> tuple[str, dict[str, Any]]:
    import json

    row = here.tables().one("SELECT state, parts FROM records_row WHERE id = %s", [record])
    assert row is not None
    return row[0], json.loads(row[1])


def test_the_gravest_of_several_areas_is_what_an_alert_says_and_each_area_is_its_area() -> None:
    north = "<area><areaDesc>North</areaDesc><polygon>25,67 26,67 26,68 25,67</polygon></area>"
    south = "<area><areaDesc>South</areaDesc><circle>24.8,67.0 12.5</circle></area>"
    alert = read(message(info("en-GB", "Minor", "Showers", north), info("en-GB", "Extreme", "Flood", south)))
    parts = parts_of(alert, "")
    assert (parts["message"]["headline"], parts["message"]["severity"]) == ("Flood", "Extreme")
    assert parts["area"]["polygon"][0] == [67.0, 25.0] and parts["area"]["circle"]["radius_m"] == 12_500
    assert parts["area"]["description"] == "North; South"


def test_languages_by_region_and_of_a_fourth_tongue_stand_where_they_belong() -> None:
    alert = read(
        message(
            info("hi-IN", headline="बाढ़"),
            info("ur_PK", headline="سیلاب"),
            info("zh-Hans-CN", headline="洪水"),
        )
    )
    said = parts_of(alert, "")["message"]
    assert (said["headline_ur"], said["headline_zh"], said.get("headline")) == ("سیلاب", "洪水", None)
    only = parts_of(read(message(info("sv-SE", headline="Översvämning"))), "")["message"]
    assert (only["headline"], only["language"]) == ("Översvämning", "sv-SE")


@pytest.mark.parametrize(
    "data",
    [
        message(info("en"), head='<?xml version="1.0" encoding="UTF-8" standalone="yes"?>\n'),
        message(info("en"), head='<?xml version="1.0"?><?xml-stylesheet href="cap.xsl" type="text/xsl"?>'),
        b"\xef\xbb\xbf" + message(info("en")),
        re.sub(rb"<(/?)(\w)", rb"<\1cap:\2", message(info("en"))).replace(b"xmlns=", b"xmlns:cap="),
        message(info("en"), tail='<Signature xmlns="http://www.w3.org/2000/09/xmldsig#"><SignedInfo/></Signature>'),
        message(info("en", parameters="<parameter><valueName>VTEC</valueName><value>/O.CON/</value></parameter>" * 40)),
        message(info("en", area="<area><areaDesc>A</areaDesc><polygon>\n 25,67\n\t26,67  26,68 \n</polygon></area>")),
        message(info("en", area="<area><areaDesc>A</areaDesc><Polygon><Polygons>1,2</Polygons></Polygon></area>")),
        message(info("en").replace("<area>", f'<area xmlns:xlink="{XLINK}" xlink:href="file:///etc/passwd">')),
    ],
    ids=["standalone", "style sheet", "byte order mark", "prefix", "signed", "many parameters", "spaced polygon",
         "elements of nobody's", "a link in an attribute"],
)  # fmt: skip
def test_what_agencies_put_around_their_word_does_not_stop_it(data: bytes) -> None:
    said = parts_of(read(data), "")
    assert said["message"]["headline"] == "Rain" and "passwd" not in str(said)


def test_an_update_that_names_many_messages_of_its_sender_changes_the_one_that_is_here(node: Home) -> None:
    first = take_in(SYSTEM, message(info("en"), identifier="A-1"))["record"]
    refers = " ".join(f"cap@met.example,{name},{stamp(NOW)}" for name in ("A-0", "A-1", "B-7"))
    late = stamp(NOW + timedelta(minutes=5))
    again = message(info("en", "Severe", "Worse"), identifier="A-2", kind="Update", refers=refers, sent=late)
    assert take_in(SYSTEM, again) == {"outcome": "updated", "record": first}
    assert kept(first)[1]["message"]["headline"] == "Worse"
    assert take_in(SYSTEM, message(info("en"), identifier="B-7"))["outcome"] == "ignored", "it was overtaken"


def test_an_alert_that_only_mentions_others_overtakes_none_of_them(node: Home) -> None:
    mention = message(info("en"), identifier="N-1", refers=f"cap@met.example,N-2,{stamp(NOW)}")
    assert take_in(SYSTEM, mention)["outcome"] == "taken"
    assert take_in(SYSTEM, message(info("en"), identifier="N-2"))["outcome"] == "taken"


def test_nobody_speaks_for_a_party_of_this_node_through_this_door(nodes: tuple[Node, Node]) -> None:
    _, partner = nodes
    with partner.active():
        for party in ("pk", "cn"):
            given = message(info("en", "Extreme", "Leave your homes"), sender=f"{party}.safeconduct")
            assert take_in(system_subject("cn"), given) == {"outcome": "ignored", "record": ""}


def test_a_moment_ahead_of_its_time_is_refused_and_no_alert_is_for_ever(node: Home) -> None:
    ahead = message(info("en"), sent=stamp(NOW + timedelta(days=3_650)))
    with pytest.raises(CapRefused, match="ahead"):
        take_in(SYSTEM, ahead)
    taken = take_in(SYSTEM, message(info("en", expires="2150-01-01T00:00:00-00:00")))
    said = kept(taken["record"])[1]["message"]
    assert read_moment(said["expires"]) <= datetime.now(UTC) + timedelta(days=90)


def test_one_sender_cancels_nothing_of_another_and_replayed_words_bring_nothing_back(node: Home) -> None:
    mine = message(info("en"), identifier="X-1")
    record = take_in(SYSTEM, mine)["record"]
    refers = f"cap@met.example,X-1,{stamp(NOW)}"
    theirs = message(identifier="Y", kind="Cancel", refers=refers, sender="evil@met.example")
    assert take_in(SYSTEM, theirs)["outcome"] == "ignored" and kept(record)[0] == "issued"
    later = stamp(NOW + timedelta(minutes=1))
    assert (
        take_in(SYSTEM, message(identifier="X-2", kind="Cancel", refers=refers, sent=later))["outcome"]
        == "cancelled"
    )
    assert take_in(SYSTEM, mine)["outcome"] == "known" and kept(record)[0] == "cancelled"


def test_a_message_of_thousands_of_corners_is_read_in_moments_or_refused() -> None:
    import time

    ring = " ".join(f"{24 + n / 1e5:.5f},{67 + n % 7 / 1e5:.5f}" for n in range(1_990))
    areas = "".join(
        f"<area><areaDesc>{n}</areaDesc><polygon>{ring} {n},1 24.00000,67.00000</polygon></area>"
        for n in range(13)
    )
    began = time.process_time()
    parts = parts_of(read(message(info("en", area=areas))), "")
    rings = [parts["area"]["polygon"], *parts["area"]["polygons"]]
    assert [len(each) for each in rings] == [1_992] * 13 and rings[0][-1] == [67.0, 24.0]
    assert time.process_time() - began < 5
