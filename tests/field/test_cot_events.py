"""Cursor on Target from hostile hands: what is cut out of a stream, what is read, what is written."""

from __future__ import annotations

import contextlib
import io
import time
import zipfile
from xml.etree import ElementTree

import pytest
from cryptography.hazmat.primitives.serialization import pkcs12
from hypothesis import given
from hypothesis import strategies as st

from field.cot_node import sa
from safeconduct.field.cot_authority import Authority
from safeconduct.field.cot_events import (
    LONGEST,
    Framer,
    NotAnEvent,
    read_event,
    write_event,
    write_pong,
)
from safeconduct.field.cot_receiver import HALF, MOST_TOLD, STALLED, STRANGER, Client
from safeconduct.records.home import Home


@given(st.lists(st.integers(0, 3), min_size=1, max_size=6), st.integers(1, 700))
def test_however_a_stream_is_cut_the_same_events_come_out(kinds: list[int], step: int) -> None:
    pieces = [(sa("A"), b"\n" + sa("B"), sa("C") + b"\r\n ", sa("D", detail="<x/>"))[n] for n in kinds]
    stream, framer = b"".join(pieces), Framer()
    found = [event for n in range(0, len(stream), step) for event in framer.feed(stream[n : n + step])]
    assert [read_event(event).uid for event in found] == ["ABCD"[n] for n in kinds]
    assert not framer.waits


@pytest.mark.parametrize(
    "data",
    [b"GET / HTTP/1.1\r\n\r\n", b"\xbf\x01\xbf\x0a", b"\x16\x03\x01\x02\x00", b"<" + b"a" * LONGEST, b"{}"],
)
def test_what_is_no_stream_of_events_is_refused_at_once(data: bytes) -> None:
    with pytest.raises(NotAnEvent):
        Framer().feed(data)


def test_an_event_that_never_ends_is_not_kept() -> None:
    framer = Framer()
    with pytest.raises(NotAnEvent):
        for _ in range(LONGEST):
            framer.feed(b"<event " + b"x" * 100)


BOMB = b'<!DOCTYPE a [<!ENTITY b "bbbb"><!ENTITY c "&b;&b;&b;&b;">]>'
OUTSIDE = b'<!DOCTYPE a [<!ENTITY b SYSTEM "file:///etc/passwd">]>'


@pytest.mark.parametrize(
    "data",
    [
        BOMB + sa()[39:],
        OUTSIDE + sa()[39:],
        b"<!DOCTYPE event>" + sa()[39:],
        sa(detail="<a>" * 50 + "</a>" * 50),
        sa(detail="<a/>" * 400),
        sa("\u202eDIORDNA"),
        sa(""),
        sa(type_="a-f-<"),
        sa(latitude=90.1),
        sa().replace(b'lat="25.0"', b'lat="NaN"'),
        sa().replace(b'lat="25.0"', b'lat="1_0"'),
        sa().replace(b'lat="25.0"', b'lat="inf"'),
        sa().replace(b"<point", b"<pint"),
        sa().replace(b'time="20', b'time="99999'),
        sa().replace(b"<event ", b'<event uid="twice" '),
        sa().replace(b"<contact", b"<contact<"),
        sa()[:-8] + b"<![CDATA[</event>",
        b"</event>",
        b"<event></event>",
        sa().replace(b"<event", b"<evil:event"),
        sa().replace(b"ALPHA", b"\xff\xfe"),
    ],
)
def test_a_hostile_event_is_refused(data: bytes) -> None:
    with pytest.raises(NotAnEvent):
        read_event(data)


@given(st.binary(max_size=2_000))
def test_no_bytes_raise_anything_else(data: bytes) -> None:
    for given_ in (data, b"<event " + data + b"</event>", sa(detail="x").replace(b">x<", b">" + data + b"<")):
        with contextlib.suppress(NotAnEvent):
            read_event(given_)


def test_unknown_values_are_unknown_and_not_numbers() -> None:
    event = read_event(sa(height=9_999_999.0).replace(b'ce="9.9"', b'ce="9999999.0"'))
    assert event.accuracy_m is None and event.speed == 1.5 and event.heading == 12.3
    assert read_event(sa().replace(b'speed="1.5"', b'speed="fast"')).speed is None


@given(st.text(max_size=80), st.floats(-90, 90), st.floats(-180, 180))
def test_what_is_written_is_well_formed_whatever_a_name_holds(
    name: str, latitude: float, longitude: float
) -> None:
    from safeconduct.field.cot_events import quoted

    now = time.time()
    written = write_event(
        "SC.D.1", "a-f-G-U-C", now, now + 60, latitude, longitude, f'<contact callsign="{quoted(name)}"/>'
    )
    root = ElementTree.fromstring(written)
    event = read_event(written)
    assert abs(event.latitude - latitude) < 1e-6 and root.find("detail/contact") is not None
    assert written.count(b"</event>") == 1


def test_a_pong_is_an_event() -> None:
    assert read_event(write_pong(time.time())).type == "t-x-c-t-r"


class Line:
    """A transport that takes nothing."""

    def __init__(self) -> None:
        self.sent: list[bytes] = []
        self.closed = False

    def write(self, data: bytes) -> None:
        self.sent.append(data)

    def is_closing(self) -> bool:
        return self.closed

    def abort(self) -> None:
        self.closed = True


class Nobody:
    def arrived(self, client: Client, certificate: bytes) -> None: ...

    def heard(self, client: Client, events: list[bytes]) -> None: ...

    def left(self, client: Client) -> None: ...


def slow() -> tuple[Client, Line]:
    client, line = Client(Nobody()), Line()
    client.transport = line  # type: ignore[assignment]
    client.pause_writing()
    return client, line


def test_a_slow_reader_gets_the_newest_position_of_each_marker_and_every_alert_first() -> None:
    client, line = slow()
    for n in range(1_000):
        client.offer(f"m{n % 3}", b"-", b"%d" % n)
    client.tell(b"SOS")
    client.forget("m2")
    assert not line.sent
    client.resume_writing()
    assert line.sent == [b"SOS", b"999", b"997"]


def test_a_reader_that_takes_no_alerts_is_let_go_rather_than_left_without_one() -> None:
    client, line = slow()
    for _ in range(MOST_TOLD):
        client.tell(b"SOS")
    assert not line.closed
    client.tell(b"SOS")
    assert line.closed


def test_strangers_half_events_and_stalled_readers_are_let_go_in_time() -> None:
    client, _ = slow()
    now = time.monotonic()
    assert client.overdue(now + STRANGER + 1)
    # Who has said who it is waits for the node, however long that takes to look it up.
    client.asked = True
    assert not client.overdue(now + STRANGER + 1)
    client.device = object()  # type: ignore[assignment]
    assert not client.overdue(now + STALLED - 1) and client.overdue(now + STALLED + 1)
    client.resume_writing()
    client.data_received(sa()[:50])
    assert not client.overdue(now + HALF - 1) and client.overdue(now + HALF + 2)
    client.data_received(sa()[50:])
    assert not client.overdue(now + HALF + 2)


def test_the_data_package_is_what_a_tak_client_imports(bare_home: Home) -> None:
    authority = Authority(bare_home)
    issued = authority.issue("device-1")
    package = zipfile.ZipFile(io.BytesIO(authority.data_package(issued, "10.0.0.1", 8089, "secret<&")))
    manifest = ElementTree.fromstring(package.read("MANIFEST/manifest.xml"))
    entries = {content.get("zipEntry") for content in manifest.iter("Content")}
    assert entries | {"MANIFEST/manifest.xml"} == set(package.namelist())
    settings = {
        e.get("key"): e.text
        for e in ElementTree.fromstring(package.read("certs/connection.pref")).iter("entry")
    }
    assert settings["connectString0"] == "10.0.0.1:8089:ssl" and settings["clientPassword"] == "secret<&"
    key, certificate, _ = pkcs12.load_key_and_certificates(package.read("certs/device.p12"), b"secret<&")
    assert certificate == issued.certificate and key is not None
    trusted = pkcs12.load_pkcs12(package.read("certs/authority.p12"), b"secret<&")
    assert trusted.key is None
    assert [each.certificate for each in trusted.additional_certs] == [authority.certificate]
    assert (bare_home.keys / "devices" / "authority.pem").stat().st_mode & 0o777 == 0o600
    assert Authority(bare_home).certificate == authority.certificate
