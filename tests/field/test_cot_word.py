"""A TAK client that somebody else enrolled: heard from the start, and shown nothing before its person's word."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import ready
from field.cot_node import (
    SYSTEM,
    Known,
    Tak,
    client_files,
    gateway,
    journey,
    officer,
    running,
    sa,
    until,
    who,
)
from field.test_cot_pytak import Receives, client
from safeconduct.field import cot_gateway, cot_outflow, devices
from safeconduct.field.cot_authority import Authority
from safeconduct.positions.reading import store
from safeconduct.records import here
from safeconduct.records.commit import Draft, commit
from safeconduct.records.door import Door
from safeconduct.records.find import Query, find
from safeconduct.records.home import Home
from safeconduct.records.release import fetch_row
from writer_process import start_writer, stop_writer

CAMP = {
    "identity": {"name": "Camp"},
    "place": {"latitude": 25.5, "longitude": 66.5, "radius_m": 200, "district": "Lasbela"},
}


@pytest.fixture
def node(partner_home: Home) -> Iterator[Home]:
    with running(partner_home) as home:
        yield home


def opened(node: Home, person: str) -> list[str]:
    """What the ledger notes of the streams of a person."""
    leaves = ready.leaves(node)
    return [each["what"] for each in leaves if each["type"] == "stream" and each["person"] == person]


def calls(person: str) -> list[str]:
    """The states of the calls for help that a person may see."""
    page = find(who(person), Query("sos", sort="at", limit=10))
    return [each.state for each in (*page.records, *page.unplaced)]


@pytest.mark.parametrize("tls", [False, True], ids=["tcp", "tls"])
def test_pytak_is_shown_nothing_then_after_the_word_everything_and_after_the_no_nothing(
    node: Home, tmp_path: Path, tls: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The whole story with a client that nobody here wrote, over one connection from beginning to end; nothing that is
    looked up from time to time helps."""
    monkeypatch.setattr(cot_outflow, "BEAT", 3_600.0)
    monkeypatch.setattr(cot_gateway, "REFRESH", 3_600.0)
    coordinator, traveller, known = officer("coordinator"), officer("protected_person"), Known()
    known.enrol("vehicle", "", journey(traveller))
    room = known.enrol("room", coordinator, confirmed=False)
    commit(SYSTEM, Draft("site", CAMP, state="active"))
    authority = Authority(node)
    files = client_files(known.certify("room", authority), authority, tmp_path, "room")

    def settings(port: int) -> dict[str, str]:
        if not tls:
            return {"COT_URL": f"tcp://127.0.0.1:{port}"}
        certificate, key, ca = files
        return {
            "COT_URL": f"tls://127.0.0.1:{port}",
            "PYTAK_TLS_CLIENT_CERT": str(certificate),
            "PYTAK_TLS_CLIENT_KEY": str(key),
            "PYTAK_TLS_CLIENT_CAFILE": str(ca),
            "PYTAK_TLS_DONT_CHECK_HOSTNAME": "1",
        }

    async def story() -> None:
        async with gateway(node, tls) as field:
            hello = [sa("ping", "t-x-c-t", token="" if tls else known.tokens["room"])]
            task, receiver = await client(settings(field.ports[-1]), hello)
            await until(lambda: any(b"t-x-c-t-r" in each for each in receiver.got))
            vehicle = await (await Tak.open(field.ports[0], known.tokens["vehicle"])).joined()
            vehicle.send(sa(latitude=25.25))
            await until(lambda: bool(store().recent(0, 10)))
            await asyncio.sleep(0.5)
            assert _shown(receiver) == [] and opened(node, coordinator) == []

            known.confirm("room", coordinator)
            await until(lambda: any(b"Camp" in each for each in receiver.got))
            await until(lambda: any(b'lat="25.2500000"' in each for each in receiver.got))
            vehicle.send(sa(latitude=25.75))
            await until(lambda: any(b'lat="25.7500000"' in each for each in receiver.got))
            assert opened(node, coordinator) == ["opened"]

            devices.disown(who(coordinator), room, known.version("room"))
            await until(lambda: not field.outflow.readers - _of(field, known.ids["vehicle"]))
            before = len(_shown(receiver))
            vehicle.send(sa(latitude=25.875))
            await until(lambda: len(store().recent(0, 10)) == 3)
            await asyncio.sleep(0.5)
            assert len(_shown(receiver)) == before
            task.cancel()
            await vehicle.close()

    asyncio.run(story())
    assert opened(node, coordinator) == ["opened", "closed"]


def _shown(receiver: Receives) -> list[bytes]:
    return [each for each in receiver.got if b"t-x-c-t-r" not in each]


def _of(field: Any, device: str) -> set[Any]:
    return {each for each in field.outflow.readers if each.device and each.device.id == device}


def test_what_one_that_waits_sends_is_stored_and_its_call_for_help_is_an_sos(node: Home) -> None:
    coordinator, traveller, known = officer("coordinator"), officer("protected_person"), Known()
    movement = journey(traveller)
    known.enrol("vehicle", traveller, movement, confirmed=False)
    known.enrol("room", coordinator)

    async def story() -> None:
        async with gateway(node) as field:
            room = await (await Tak.open(field.ports[0], known.tokens["room"])).joined()
            vehicle = await (await Tak.open(field.ports[0], known.tokens["vehicle"])).joined()
            vehicle.send(sa(latitude=26.5))
            await room.until(known.marker("vehicle"), 'lat="26.5000000"')
            beacon = '<emergency type="911 Alert">Van 3</emergency>'
            vehicle.send(sa("ANDROID-1-9-1-1", "b-a-o-tbl", detail=beacon))
            await room.until("b-a-o-tbl")
            assert calls(coordinator) == ["raised"]
            # Not even its own call is shown to it.
            assert not vehicle.having("SC.")
            vehicle.send(sa("ANDROID-1-9-1-1", "b-a-o-can", detail='<emergency cancel="true">x</emergency>'))
            await until(lambda: calls(coordinator) == ["stood_down"])
            await room.close()
            await vehicle.close()

    asyncio.run(story())
    assert store().latest([movement], 0)[movement].person == traveller


def test_whatever_others_do_to_a_device_ends_what_it_is_shown_at_once(node: Home) -> None:
    """Without a new credential, too: it may come back, is heard, and is shown nothing."""
    coordinator, known = officer("coordinator"), Known()
    room = known.enrol("room", coordinator)
    commit(SYSTEM, Draft("site", CAMP, state="active"))

    async def story() -> None:
        async with gateway(node) as field:
            first = await (await Tak.open(field.ports[0], known.tokens["room"])).joined()
            await first.until("Camp")
            known.touch("room")
            await until(lambda: first.ended)
            again = await (await Tak.open(field.ports[0], known.tokens["room"])).joined()
            await asyncio.sleep(0.5)
            assert not again.having("SC.")
            known.confirm("room", coordinator)
            await again.until("Camp")
            await again.close()

    asyncio.run(story())
    row = fetch_row(room)
    assert row is not None and (row.state, row.version) == ("confirmed", 4)


def test_a_credential_of_something_that_only_reports_opens_nothing_on_the_plain_line(node: Home) -> None:
    """A phone that speaks OwnTracks waits for no word, and so is shown nothing wherever its credential is tried."""
    coordinator = officer("coordinator")
    parts = {
        "identity": {"name": "Phone", "category": "phone", "protocol": "owntracks_http"},
        "link": {"account": coordinator},
    }
    _made, token = devices.enrol(SYSTEM, parts)
    commit(SYSTEM, Draft("site", CAMP, state="active"))

    async def story() -> None:
        async with gateway(node) as field:
            phone = await (await Tak.open(field.ports[0], token)).joined()
            await asyncio.sleep(0.5)
            assert not phone.having("SC.")
            await phone.close()

    asyncio.run(story())
    assert opened(node, coordinator) == []


def test_who_kept_the_first_code_is_out_when_its_bearer_takes_another(node: Home) -> None:
    coordinator, known = officer("coordinator"), Known()
    room = known.enrol("room", coordinator, confirmed=False)
    commit(SYSTEM, Draft("site", CAMP, state="active"))

    async def story() -> None:
        async with gateway(node) as field:
            kept = await (await Tak.open(field.ports[0], known.tokens["room"])).joined()
            _made, own = devices.take_code(who(coordinator), room, 1)
            await until(lambda: kept.ended)
            assert not kept.having("SC.")
            again = await Tak.open(field.ports[0], known.tokens["room"])
            await until(lambda: again.ended)
            assert not again.events
            tablet = await (await Tak.open(field.ports[0], own)).joined()
            await tablet.until("Camp")
            await tablet.close()

    asyncio.run(story())


def test_one_code_opens_one_connection_and_the_other_is_ended(node: Home) -> None:
    """Two who have it see each other's coming."""
    coordinator, known = officer("coordinator"), Known()
    known.enrol("room", coordinator)

    async def story() -> None:
        async with gateway(node) as field:
            first = await (await Tak.open(field.ports[0], known.tokens["room"])).joined()
            second = await (await Tak.open(field.ports[0], known.tokens["room"])).joined()
            await until(lambda: first.ended)
            assert not second.ended
            await second.close()

    asyncio.run(story())


def test_a_word_that_comes_while_the_client_is_being_let_in_is_not_missed(node: Home) -> None:
    """Nobody tells a connection that nobody knows yet: it is asked again whose it is."""
    coordinator, known = officer("coordinator"), Known()
    known.enrol("room", coordinator, confirmed=False)
    commit(SYSTEM, Draft("site", CAMP, state="active"))

    async def story() -> None:
        async with gateway(node) as field:
            ask, asked = field.devices.by_token, list[str]()

            def slowly(text: str) -> Any:
                found = ask(text)
                if not asked:
                    asked.append(text)
                    known.confirm("room", coordinator)
                    # As long as it takes until the gateway has heard of it: it is told meanwhile.
                    time.sleep(1.0)
                return found

            field.devices.by_token = slowly  # type: ignore[method-assign]
            room = await (await Tak.open(field.ports[0], known.tokens["room"])).joined()
            await room.until("Camp", seconds=10.0)
            assert asked, "the word came while it was let in"
            await room.close()

    asyncio.run(story())


def test_what_was_done_to_a_device_while_the_writer_was_not_heard_is_made_up_for_before_anything_is_shown(
    partner_home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(cot_outflow, "RETRY_BUS", 4.0)
    writer = start_writer(partner_home)
    with here.at(partner_home, Door(partner_home)):
        coordinator, known = officer("coordinator"), Known()
        known.enrol("room", coordinator)

    async def story() -> None:
        nonlocal writer
        async with gateway(partner_home) as field:
            with here.at(partner_home, Door(partner_home)):
                tak = await (await Tak.open(field.ports[0], known.tokens["room"])).joined()
                await until(lambda: bool([each for each in field.outflow.readers if each.subject]))
                writer.kill()
                writer.join()
                await until(lambda: not field.outflow.live)
                partner_home.socket.unlink(missing_ok=True)
                writer = start_writer(partner_home)
                known.touch("room")
                commit(SYSTEM, Draft("site", CAMP, state="active"))
                assert not field.outflow.live
                await until(lambda: tak.ended, 20.0)
                assert not tak.having("Camp")

    asyncio.run(story())
    stop_writer(writer)


def test_a_term_that_is_over_shuts_what_was_open(node: Home) -> None:
    """The node's own version does it, as it would a person's no."""
    coordinator, known = officer("coordinator"), Known()
    room = known.enrol("room", coordinator, confirmed=False)
    commit(SYSTEM, Draft("site", CAMP, state="active"))
    link = {"account": coordinator, "until": "2099-01-01T00:00:00Z"}
    commit(SYSTEM, Draft("device", {"link": link}, record=room, expected=1, state="provisional"))

    async def story() -> None:
        async with gateway(node) as field:
            tak = await (await Tak.open(field.ports[0], known.tokens["room"])).joined()
            await tak.until("Camp")
            commit(SYSTEM, Draft("device", {}, record=room, expected=2, state="waiting"))
            await until(lambda: tak.ended, 20.0)

    asyncio.run(story())
