"""The line to NATS: each process may do its own, nothing goes to another machine in the open, keys are looked for."""

from __future__ import annotations

import asyncio
import contextlib
import ssl
from pathlib import Path

import pytest

from bus_ends import LONG, until
from bus_ends import home as home
from bus_ends import nats as nats
from nats_server import Nats, with_nats
from safeconduct.node.office_authority import certify
from safeconduct.records import bus_link
from safeconduct.records.home import Home, HomeError


def test_each_process_may_do_its_own_and_no_other(home: Home, nats: Nats, tmp_path: Path) -> None:
    named, other = with_nats(home, nats.address), Home.load(tmp_path / "other")

    async def story() -> None:
        heard: list[str] = []
        links = {
            name: bus_link.Link(where, process)
            for name, where, process in (
                ("writer", named, "writer"),
                ("web", named, "web"),
                ("field", named, "field"),
                ("notifier", named, "notifier"),
                ("feed", named, "feed"),
                ("other web", other, "web"),
                ("other writer", other, "writer"),
            )
        }
        for name, link in links.items():
            link.start()
            await link.listen([">"], lambda subject, _message, who=name: heard.append(f"{who}: {subject}"))  # type: ignore[misc]
            await link.listen(
                ["pk.announce.>", "pk.announce.delivery", "pk.announce._beat", "pk.moved", "pk.bell.feed"],
                lambda subject, message, who=name: heard.append(f"{who} {subject} {message.decode()}"),  # type: ignore[misc]
            )
        await until(lambda: all(link.connected for link in links.values()))
        for name, link in links.items():
            for subject in (
                "pk.announce.incident",
                "pk.announce.delivery",
                "pk.moved",
                "pk.bell.feed",
                "pk.waiting.m",
            ):
                await link.publish(subject, f"by {name}".encode())
            assert link.client is not None
            await link.client.flush(30)
        wanted = {
            "web pk.announce.incident by writer",
            "web pk.announce.delivery by writer",
            "web pk.moved by field",
            "field pk.announce.incident by writer",
            "field pk.announce.delivery by writer",
            "field pk.moved by web",
            "notifier pk.announce.delivery by writer",
            "feed pk.bell.feed by writer",
        }
        await until(lambda: wanted <= set(heard))
        for link in links.values():
            await link.close()
        assert set(heard) == wanted

    asyncio.run(story())


def test_over_tls_the_server_must_have_a_certificate_of_the_authority(home: Home, tmp_path: Path) -> None:
    ours, _ = certify(home, ["127.0.0.1"])
    stranger, _ = certify(Home.create(tmp_path / "stranger", "cn", "partner", "Other"), ["127.0.0.1"])
    (tmp_path / "nats").mkdir()
    files = [str(home.path / "tls" / name) for name in ("node.pem", "node.key")]

    async def story(address: str) -> None:
        named = with_nats(ours, address, nats_authority="tls/authority.pem")
        bus_link.check(named, "web")
        link = bus_link.Link(named, "web")
        link.start()
        await until(lambda: link.connected)
        await link.close()
        link = bus_link.Link(
            with_nats(named, address, nats_authority=f"{stranger.path}/tls/authority.pem"), "web"
        )
        faults: list[BaseException] = []
        link._faulty = faults.append  # type: ignore[method-assign]
        link.start()
        await until(lambda: any(isinstance(each, ssl.SSLError) for each in faults))
        assert not link.connected
        await link.close()

    with Nats(tmp_path / "nats", [home], *files) as server:
        asyncio.run(story(server.address))


def test_a_server_that_wants_no_tls_hears_nothing_of_a_process_that_does(home: Home) -> None:
    ours, _ = certify(home, ["127.0.0.1"])
    heard: list[bytes] = []
    ended = asyncio.Event()

    async def pretend(reader: asyncio.StreamReader, out: asyncio.StreamWriter) -> None:
        out.write(b'INFO {"server_id": "x", "version": "2.11.0", "nonce": "abc", "max_payload": 1000}\r\n')
        with contextlib.suppress(ConnectionError):
            heard.append(await reader.read(1000))
        ended.set()
        out.close()

    async def story() -> None:
        server = await asyncio.start_server(pretend, "127.0.0.1", 0)
        port = server.sockets[0].getsockname()[1]
        named = with_nats(ours, f"tls://127.0.0.1:{port}", nats_authority="tls/authority.pem")
        link = bus_link.Link(named, "web")
        link.start()
        async with asyncio.timeout(LONG):
            await ended.wait()
        await link.close()
        server.close()

    asyncio.run(story())
    assert not any(b"CONNECT" in each for each in heard)


def test_node_toml_that_would_send_in_the_open_or_lacks_a_key_is_refused(home: Home) -> None:
    for given in (
        "tls://host:4222",
        ["nats://example.org:4222"],
        ["tls://me:secret@host"],
        ["host:4222"],
        [7],
    ):
        with pytest.raises(HomeError, match=r"nats|NATS"):
            bus_link.addresses(Home(home.path, "pk", "host", "Host", {}, {"nats": given}))
    named = Home(home.path, "pk", "host", "Host", {}, {"nats": ["nats://127.0.0.1:1"]})
    bus_link.check(named, "web")
    seed = home.keys / "nats" / "web.seed"
    seed.chmod(0o604)
    with pytest.raises(HomeError, match="everybody"):
        bus_link.check(named, "web")
    seed.unlink()
    with pytest.raises(HomeError, match=r"web\.seed"):
        bus_link.check(named, "web")
    bus_link.check(named, "courier")
