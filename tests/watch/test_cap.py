"""CAP 1.2: what we write is valid by the standard's own schema and read by others; theirs is read with care."""

from __future__ import annotations

import contextlib
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest
import xmlschema
from cap_tools.models import Alert as TheirAlert
from hypothesis import given
from hypothesis import strategies as st
from xsdata.formats.dataclass.parsers import XmlParser

from safeconduct.watch import cap_reading
from safeconduct.watch.cap import (
    ATOM,
    CATEGORIES,
    CERTAINTIES,
    NAMESPACE,
    SEVERITIES,
    URGENCIES,
    CapAlert,
    CapArea,
    CapInfo,
    FeedEntry,
    Reference,
    write,
    write_feed,
)
from safeconduct.watch.cap_reading import CapRefused, read
from safeconduct.watch.cap_records import as_cap, parts_of

VECTORS = Path(__file__).parent / "vectors"
EXAMPLES = sorted(VECTORS.glob("oasis-*.xml"))
T0 = datetime(2024, 10, 6, 18, 0, tzinfo=UTC)


@pytest.fixture(scope="session")
def schema() -> xmlschema.XMLSchema:
    return xmlschema.XMLSchema(str(VECTORS / "CAP-v1.2.xsd"))


def message(**changes: Any) -> CapAlert:
    info = CapInfo(
        language="en",
        categories=["Security"],
        event="Attack",
        urgency="Immediate",
        severity="Extreme",
        certainty="Observed",
        headline="Shots near the airport",
        description="Stay <inside> & away from windows",
        instruction="Do not travel",
        expires=T0 + timedelta(hours=6),
        areas=[
            CapArea(
                "Airport road",
                polygons=[[(24.9, 67.1), (24.9, 67.2), (24.8, 67.2), (24.9, 67.1)]],
                circles=[((24.86, 67.01), 2.5)],
            )
        ],
    )
    given = {
        "reference": Reference("pk.safeconduct", "a1-1", T0),
        "status": "Actual",
        "message_type": "Alert",
    }
    return CapAlert(**{**given, "infos": [info], **changes})


# --- what we write -----------------------------------------------------------------------------------------


def test_what_we_write_is_valid_by_the_schema_and_read_by_a_parser_that_nobody_here_wrote(
    schema: Any,
) -> None:
    reference = Reference("pk.safeconduct", "a1-1", T0)
    data = write(
        message(
            reference=Reference("pk.safeconduct", "a1-2", T0 + timedelta(minutes=5)),
            status="Exercise",
            message_type="Update",
            scope="Restricted",
            restriction="holders of a token",
            references=[reference],
        )
    )
    schema.validate(data.decode())
    theirs = XmlParser().from_bytes(data, TheirAlert)
    assert (theirs.status.value, theirs.msg_type.value) == ("Exercise", "Update")
    assert theirs.references == "pk.safeconduct,a1-1,2024-10-06T18:00:00-00:00"
    (info,) = theirs.infos
    assert (
        info.headline == "Shots near the airport" and info.description == "Stay <inside> & away from windows"
    )
    (area,) = info.areas
    assert area.polygons == ["24.9,67.1 24.9,67.2 24.8,67.2 24.9,67.1"], "latitude first"
    assert area.circles == ["24.86,67.01 2.5"]


TEXTS = st.text(max_size=60)
CODE_SETS = (CATEGORIES, URGENCIES, SEVERITIES, CERTAINTIES)


@given(
    TEXTS,
    TEXTS,
    st.tuples(*(st.sampled_from(each) for each in CODE_SETS)),
    st.lists(st.tuples(st.floats(-90, 90), st.floats(-180, 180)), min_size=3, max_size=6),
    st.datetimes(datetime(1990, 1, 1), datetime(2100, 1, 1)),
)
def test_whatever_is_written_is_valid_and_read_back_as_it_was(
    schema: Any, headline: str, text: str, codes: Any, corners: Any, at: datetime
) -> None:
    category, urgency, severity, certainty = codes
    info = CapInfo("ur", [category], "Event", urgency, severity, certainty, headline, text)
    ring = [*corners, corners[0]]
    info = CapInfo(
        **{**info.__dict__, "areas": [CapArea("A", polygons=[ring], circles=[(corners[0], 1.25)])]}
    )
    sent = at.replace(tzinfo=UTC, microsecond=0)
    data = write(message(reference=Reference("a", "b", sent), infos=[info]))
    schema.validate(data.decode())
    back = read(data)
    assert back.reference == Reference("a", "b", sent)
    (one,) = back.infos
    assert (one.categories, one.urgency, one.severity, one.certainty) == (
        (category,), urgency, severity, certainty,
    )  # fmt: skip
    for was, now in zip(ring, one.areas[0].polygons[0], strict=True):
        assert was == pytest.approx(now, abs=1e-6)


def test_the_feed_leads_to_each_message() -> None:
    data = write_feed(
        "https://x/feed.atom",
        "Alerts \x0b",
        "Host",
        T0,
        [FeedEntry(message(), "Shots & more", "https://x/a1.xml", "<b>")],
    )
    root = ElementTree.fromstring(data)
    assert root.tag == f"{{{ATOM}}}feed"
    entry = root.find(f"{{{ATOM}}}entry")
    assert entry is not None and entry.findtext(f"{{{ATOM}}}title") == "Shots & more"
    link = entry.find(f"{{{ATOM}}}link")
    assert link is not None and link.get("href") == "https://x/a1.xml"
    assert link.get("type") == "application/cap+xml"


def test_our_records_become_messages_in_each_language_that_a_person_wrote(schema: Any) -> None:
    parts = {
        "message": {
            "headline": "Flood", "headline_ur": "سیلاب", "headline_zh": "洪水", "text_zh": "请勿外出", "event": "Flood",
            "category": "Met", "urgency": "Immediate", "severity": "Severe", "certainty": "Likely",
            "status": "exercise", "sent": "2024-10-06T18:00:00Z", "expires": "2024-10-07T00:00:00Z",
        },
        "area": {
            "polygon": [[67.1, 24.9], [67.2, 24.9], [67.2, 24.8], [67.1, 24.9]],
            "circle": {"latitude": 24.86, "longitude": 67.01, "radius_m": 2500},
            "districts": ["Malir"],
        },
        "source": {
            "identifier": "pk.safeconduct,a-2,2024-10-06T18:00:00-00:00",
            "references": ["pk.safeconduct,a-1,2024-10-06T17:00:00-00:00"],
        },
    }  # fmt: skip
    updated = as_cap("rec", 2, "issued", "pk", parts, public=False)
    schema.validate(write(updated).decode())
    assert [info.language for info in updated.infos] == ["en", "ur", "zh"]
    assert (updated.message_type, updated.status) == ("Update", "Exercise")
    assert updated.infos[0].areas[0].polygons[0][0] == (24.9, 67.1)
    assert updated.infos[0].areas[0].circles == [((24.86, 67.01), 2.5)]
    cancelled = as_cap("rec", 3, "cancelled", "pk", parts, public=True)
    schema.validate(write(cancelled).decode())
    assert (cancelled.message_type, cancelled.scope) == ("Cancel", "Public")
    del parts["message"]["headline_ur"]
    assert [info.language for info in as_cap("rec", 1, "issued", "pk", parts, True).infos] == ["en", "zh"]


# --- what others write -------------------------------------------------------------------------------------


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.stem)
def test_the_standards_own_examples_are_read(path: Path, schema: Any) -> None:
    data = path.read_bytes()
    schema.validate(data.decode())
    alert = read(data)
    theirs = XmlParser().from_bytes(data, TheirAlert)
    assert alert.reference.identifier == theirs.identifier and alert.message_type == theirs.msg_type.value
    assert [info.headline for info in alert.infos] == [info.headline for info in theirs.infos]
    schema.validate(write(alert).decode())
    assert parts_of(alert, "")["source"]["identifier"] == str(alert.reference)


def test_the_examples_say_what_they_say() -> None:
    storm = read((VECTORS / "oasis-a2-thunderstorm.xml").read_bytes())
    assert storm.infos[0].areas[0].polygons[0][0] == (38.47, -120.14)
    assert storm.infos[0].expires == datetime(2003, 6, 17, 23, 0, tzinfo=UTC)
    parts = parts_of(storm, "NWS")
    assert parts["area"]["polygon"][0] == [-120.14, 38.47], "records hold longitude first"
    assert len(parts["area"]["description"]) == 190 or len(parts["area"]["description"]) <= 200
    quake = read((VECTORS / "oasis-a3-earthquake.xml").read_bytes())
    assert [str(each) for each in quake.references] == [
        "trinet@caltech.edu,TRI13970876.1,2003-06-12T03:30:00-00:00"
    ]
    assert quake.infos[0].areas[0].circles == (((32.9525, -115.5527), 0.0),)
    amber = parts_of(read((VECTORS / "oasis-a4-amber.xml").read_bytes()), "")
    assert amber["message"]["headline"] == "Amber Alert in Los Angeles County"
    assert "headline_ur" not in amber["message"], "what nobody wrote is not made up"


def one(inner: str = "", status: str = "Actual", kind: str = "Alert", head: str = "") -> bytes:
    return (
        f'{head}<alert xmlns="{NAMESPACE}"><identifier>i</identifier><sender>s</sender>'
        f"<sent>2024-01-01T00:00:00+05:00</sent><status>{status}</status><msgType>{kind}</msgType>"
        f"<scope>Public</scope>{inner}</alert>"
    ).encode()


INFO = (
    "<info><category>Met</category><event>e</event><urgency>Past</urgency><severity>Minor</severity>"
    "<certainty>Likely</certainty>{}</info>"
)
BOMB = '<!DOCTYPE a [<!ENTITY x "ha"><!ENTITY y "&x;&x;&x;&x;"><!ENTITY z "&y;&y;&y;&y;">]>'


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"not xml",
        b"<alert/>",
        b"<alert xmlns='urn:oasis:names:tc:emergency:cap:1.1'/>",
        one()[:-20],
        one(head=BOMB),
        one(head='<!DOCTYPE alert SYSTEM "http://127.0.0.1/x.dtd">'),
        one("<note>&file;</note>", head='<!DOCTYPE a [<!ENTITY file SYSTEM "file:///etc/passwd">]>'),
        one("<a>" * 40 + "</a>" * 40),
        one("<a/>" * (cap_reading.MAX_ELEMENTS + 1)),
        one("x" * cap_reading.MAX_BYTES),
        one(INFO.format("") * (cap_reading.MAX_INFOS + 1)),
        one(status="Real"),
        one(kind="Update"),
        one("<references>what</references>", kind="Update"),
        one(INFO.format("<area><areaDesc>a</areaDesc><polygon>1,2 3,4</polygon></area>")),
        one(INFO.format("<area><areaDesc>a</areaDesc><polygon>91,2 3,4 5,6 91,2</polygon></area>")),
        one(INFO.format("<area><areaDesc>a</areaDesc><polygon>nan,2 3,4 5,6 1,2</polygon></area>")),
        one(INFO.format("<area><areaDesc>a</areaDesc><circle>1,2 inf</circle></area>")),
        one(INFO.format("<area><areaDesc>a</areaDesc><circle>1,2 -4</circle></area>")),
        one(INFO.format("<expires>tomorrow</expires>")),
        one(INFO.format("").replace("Past", "Soon")),
        one().replace(b"2024-01-01T00:00:00+05:00", b"2024-01-01"),
        one().replace(b"2024-01-01T00:00:00+05:00", b"9999-12-31T23:59:59-23:59"),
        one().replace(b"<sender>s", b"<sender>s,t u"),
        "<alert/>".encode("utf-16")[:7],
        b"\xff\xfe\x00",
    ],
)  # fmt: skip
def test_what_is_no_message_is_refused_with_a_reason(data: bytes) -> None:
    with pytest.raises(CapRefused) as fault:
        read(data)
    assert str(fault.value)


@given(st.binary(max_size=300))
def test_any_bytes_are_read_or_refused(data: bytes) -> None:
    for given_bytes in (data, one()[:150] + data):
        with contextlib.suppress(CapRefused):
            read(given_bytes)


@given(st.integers(0, 2_000), st.binary(min_size=1, max_size=3))
def test_a_damaged_example_is_read_or_refused(place: int, noise: bytes) -> None:
    whole = EXAMPLES[0].read_bytes()
    with contextlib.suppress(CapRefused):
        read(whole[:place] + noise + whole[place + len(noise) :])
