"""TAK clients at the gateway: who is let in, what each is shown, what becomes of what they send."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

import ready
from field.cot_node import (
    SYSTEM,
    Known,
    Tak,
    client_context,
    client_files,
    dismiss,
    gateway,
    journey,
    officer,
    running,
    sa,
    until,
)
from safeconduct.field.cot_audience import reader_of
from safeconduct.field.cot_authority import Authority
from safeconduct.positions.reading import store
from safeconduct.records.commit import Draft, commit
from safeconduct.records.find import Query, find
from safeconduct.records.home import Home
from safeconduct.records.release import Released
from writer_process import start_writer, stop_writer


@pytest.fixture
def node(partner_home: Home) -> Iterator[Home]:
    with running(partner_home) as home:
        yield home


def sos_seen_by(person: str) -> list[Released]:
    reader = reader_of(person)
    assert reader is not None
    page = find(reader, Query("sos", sort="at", limit=100))
    return [*page.records, *page.unplaced]


def test_a_position_is_stored_and_shown_to_those_alone_who_may_follow_the_journey(node: Home) -> None:
    coordinator, traveller, stranger = officer("coordinator"), officer("protected_person"), officer("warden")
    movement, known = journey(traveller), Known()
    known.enrol("vehicle", traveller, movement)
    for name, person in (("room", coordinator), ("other", stranger), ("nobody", "")):
        known.enrol(name, person)

    async def story() -> None:
        async with gateway(node) as field:
            port = field.ports[0]
            room, other, nobody = [
                await (await Tak.open(port, known.tokens[name])).joined()
                for name in ("room", "other", "nobody")
            ]
            vehicle = await Tak.open(port)
            vehicle.send(sa(latitude=25.125, token=known.tokens["vehicle"], height=1234.0))
            (seen,) = await room.until(known.marker("vehicle"))
            assert b'lat="25.1250000"' in seen and b'hae="1234.0"' in seen and b'callsign="MN-1"' in seen
            assert b"ALPHA" not in seen and b"ANDROID" not in seen
            assert store().latest([movement], 0)[movement].latitude == 25.125
            await asyncio.sleep(0.2)
            assert not other.having("SC.D") and not nobody.having("SC.D") and not vehicle.having("SC.D")
            for each in (room, other, nobody, vehicle):
                await each.close()

    asyncio.run(story())
    noted = [(each["person"], each["what"]) for each in ready.leaves(node) if each["type"] == "stream"]
    assert {(coordinator, "opened"), (coordinator, "closed")} <= set(noted)


def test_one_that_joins_is_shown_where_journeys_are_once_and_not_their_past(node: Home) -> None:
    coordinator, traveller = officer("coordinator"), officer("protected_person")
    known = Known()
    known.enrol("vehicle", traveller, journey(traveller))
    known.enrol("room", coordinator)

    async def story() -> None:
        async with gateway(node) as field:
            port = field.ports[0]
            vehicle = await Tak.open(port, known.tokens["vehicle"])
            begun = time.time() - 100
            vehicle.send(*(sa(at=begun + n / 10, latitude=25 + n / 1000) for n in range(300)))
            await until(lambda: len(store().recent(0, 1_000)) == 300)
            room = await (await Tak.open(port, known.tokens["room"])).joined()
            await room.until('lat="25.2990000"')
            assert len(room.having("a-f-G-U-C")) == 1
            await vehicle.close()
            await room.close()

    asyncio.run(story())


def test_two_devices_with_one_callsign_and_one_uid_are_two_markers_and_neither_is_another(node: Home) -> None:
    coordinator, traveller = officer("coordinator"), officer("protected_person")
    movement, known = journey(traveller), Known()
    known.enrol("one", "", movement)
    known.enrol("two", "", movement)
    known.enrol("room", coordinator)

    async def story() -> None:
        async with gateway(node) as field:
            port = field.ports[0]
            room = await (await Tak.open(port, known.tokens["room"])).joined()
            one, two = await Tak.open(port, known.tokens["one"]), await Tak.open(port, known.tokens["two"])
            one.send(sa(known.marker("two"), callsign="BRAVO", latitude=1.0))
            two.send(sa(known.marker("two"), callsign="BRAVO", latitude=2.0))
            (first,), (second,) = await room.until(known.marker("one")), await room.until(known.marker("two"))
            assert b'lat="1.0000000"' in first and b'lat="2.0000000"' in second
            for each in (room, one, two):
                await each.close()

    asyncio.run(story())


def test_an_emergency_is_one_sos_however_often_the_beacon_repeats_and_its_cancel_a_stand_down(
    node: Home,
) -> None:
    coordinator, traveller, stranger = officer("coordinator"), officer("protected_person"), officer("warden")
    movement, known = journey(traveller), Known()
    known.enrol("vehicle", traveller, movement, name="Van 3")
    known.enrol("room", coordinator)
    known.enrol("other", stranger, movement)

    async def story() -> None:
        async with gateway(node) as field:
            port = field.ports[0]
            room = await (await Tak.open(port, known.tokens["room"])).joined()
            vehicle, other = (
                await Tak.open(port, known.tokens["vehicle"]),
                await Tak.open(port, known.tokens["other"]),
            )
            beacon = '<emergency type="911 Alert">Van 3</emergency>'
            for n in range(5):
                vehicle.send(sa("ANDROID-1-9-1-1", "b-a-o-tbl", at=time.time() + n, detail=beacon))
            alarm = (await room.until("b-a-o-tbl"))[0]
            assert b"911 Alert" in alarm and b"SC.R." in alarm
            await until(lambda: len(sos_seen_by(coordinator)) == 1)
            (sos,) = sos_seen_by(coordinator)
            assert sos.about == movement and sos.parts["place"]["source"] == "device"
            assert (
                sos.parts["caller"]["device"] == known.ids["vehicle"]
                and sos.parts["call"]["means"] == "device"
            )
            # Another device cannot stand it down.
            other.send(sa("ANDROID-1-9-1-1", "b-a-o-can", detail='<emergency cancel="true">x</emergency>'))
            await asyncio.sleep(0.5)
            assert sos_seen_by(coordinator)[0].state == "raised"
            vehicle.send(sa("ANDROID-1-9-1-1", "b-a-o-can", detail='<emergency cancel="true">x</emergency>'))
            await room.until("b-a-o-can")
            assert sos_seen_by(coordinator)[0].state == "stood_down"
            assert len(sos_seen_by(coordinator)) == 1
            vehicle.send(sa("ANDROID-1-9-1-1", "b-a-o-pan", at=time.time() + 20, detail=beacon))
            await until(lambda: len(sos_seen_by(coordinator)) == 2)
            for each in (room, vehicle, other):
                await each.close()

    asyncio.run(story())


def test_sites_and_alerts_that_are_open_are_shown_and_taken_off_when_they_are_over(node: Home) -> None:
    coordinator, known = officer("coordinator"), Known()
    known.enrol("room", coordinator)
    site = {
        "identity": {"name": 'Dam <west> & "east"'},
        "place": {"latitude": 25.5, "longitude": 66.5, "radius_m": 200, "district": "Lasbela"},
    }
    shown = commit(SYSTEM, Draft("site", site, state="active")).record

    async def story() -> None:
        async with gateway(node) as field:
            room = await (await Tak.open(field.ports[0], known.tokens["room"])).joined()
            (seen,) = await room.until(f"SC.R.{shown}")
            assert b"Dam &lt;west&gt; &amp; &quot;east&quot;" in seen
            made = commit(
                SYSTEM, Draft("site", {**site, "identity": {"name": "Camp"}}, state="active")
            ).record
            await room.until(f"SC.R.{made}", "Camp")
            commit(SYSTEM, Draft("site", {}, record=made, expected=1, state="ended"))
            await room.until(f"SC.R.{made}", "__forcedelete")
            await room.close()

    asyncio.run(story())


def test_a_journey_that_is_over_and_a_role_that_is_taken_away_end_what_is_shown(node: Home) -> None:
    coordinator, traveller, known = officer("coordinator"), officer("protected_person"), Known()
    movement = journey(traveller)
    known.enrol("vehicle", traveller, movement)
    known.enrol("room", coordinator)

    async def story() -> None:
        async with gateway(node) as field:
            port = field.ports[0]
            room = await (await Tak.open(port, known.tokens["room"])).joined()
            vehicle = await Tak.open(port, known.tokens["vehicle"])
            vehicle.send(sa())
            await room.until(known.marker("vehicle"))
            commit(SYSTEM, Draft("movement", {}, record=movement, expected=1, state="arrived"))
            await room.until(f"{known.marker('vehicle')}-gone", "__forcedelete")
            before = len(room.having('uid=known.marker("vehicle")', "a-f"))
            vehicle.send(sa())
            await asyncio.sleep(0.3)
            assert len(room.having('uid=known.marker("vehicle")', "a-f")) == before
            dismiss(coordinator)
            await until(lambda: room.ended)
            await vehicle.close()

    asyncio.run(story())


def test_over_tls_only_a_certificate_of_this_node_that_is_enrolled_now_opens_a_stream(
    node: Home, tmp_path: Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    coordinator, traveller, known = officer("coordinator"), officer("protected_person"), Known()
    known.enrol("vehicle", traveller, journey(traveller))
    known.enrol("room", coordinator)
    authority = Authority(node)
    files = {
        name: client_files(known.certify(name, authority), authority, tmp_path, name)
        for name in ("vehicle", "room")
    }
    unknown = client_files(authority.issue(known.ids["vehicle"]), authority, tmp_path, "unknown")
    elsewhere = Home.create(tmp_path_factory.mktemp("elsewhere") / "home", "xx", "host", "Elsewhere")
    foreign = Authority(elsewhere)
    theirs = client_files(foreign.issue(known.ids["vehicle"]), authority, tmp_path, "foreign")

    async def story() -> None:
        async with gateway(node, tls=True) as field:
            port = field.ports[1]
            room = await Tak.open(port, context=client_context(files["room"]))
            room.send(sa("p", "t-x-c-t"))
            await room.joined()
            vehicle = await Tak.open(port, context=client_context(files["vehicle"]))
            vehicle.send(sa())
            await room.until(known.marker("vehicle"))
            for wrong in (unknown, theirs):
                try:
                    other = await Tak.open(port, context=client_context(wrong))
                    await until(lambda o=other: o.ended)
                    assert not other.events
                except OSError:
                    pass
            # A second certificate ends what the first has opened.
            other = client_files(known.certify("vehicle", authority), authority, tmp_path, "second")
            known.touch("vehicle")
            await until(lambda: vehicle.ended)
            vehicle = await Tak.open(port, context=client_context(other))
            vehicle.send(sa("p", "t-x-c-t"))
            await vehicle.joined()
            known.revoke("vehicle")
            begun = time.monotonic()
            await until(lambda: vehicle.ended)
            assert time.monotonic() - begun < 20
            await room.close()

    asyncio.run(story())


def test_a_writer_that_is_away_loses_no_position_and_no_call_for_help(partner_home: Home) -> None:
    from safeconduct.records import here
    from safeconduct.records.door import Door

    writer = start_writer(partner_home)
    with here.at(partner_home, Door(partner_home)):
        traveller, coordinator, known = officer("protected_person"), officer("coordinator"), Known()
        movement = journey(traveller)
        known.enrol("vehicle", traveller, movement)
        known.enrol("room", coordinator)

        async def story() -> None:
            nonlocal writer
            async with gateway(partner_home) as field:
                port = field.ports[0]
                room = await (await Tak.open(port, known.tokens["room"])).joined()
                vehicle = await (await Tak.open(port, known.tokens["vehicle"])).joined()
                writer.kill()
                writer.join()
                await until(lambda: not field.outflow.live)
                vehicle.send(sa(latitude=26.0), sa("e", "b-a-o-tbl", latitude=26.0))
                await until(lambda: movement in store().latest([movement], 0))
                await asyncio.sleep(0.3)
                assert not room.having("26.0000000")
                partner_home.socket.unlink(missing_ok=True)
                writer = start_writer(partner_home)
                await room.until("b-a-o-tbl", "26.0000000")
                await room.until("a-f-G-U-C", "26.0000000")
                await room.close()
                await vehicle.close()

        asyncio.run(story())
        with here.at(partner_home, Door(partner_home)):
            assert len(sos_seen_by(coordinator)) == 1
    stop_writer(writer)
