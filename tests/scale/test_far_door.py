"""The door for processes on other machines: who gets in, with what, and what strangers can do to it."""

from __future__ import annotations

import asyncio
import contextlib
import json
import socket
import ssl
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest

import ready
from conftest import using
from safeconduct.node.machine_authority import found_authority, issue, lay
from safeconduct.records import far_door, hello
from safeconduct.records.door import AsyncDoor, Door, subscribe
from safeconduct.records.door_tls import client_context, folder
from safeconduct.records.home import Home
from safeconduct.records.refusals import Malformed, Unavailable
from scale.door_machines import Serving, being, free_port, other_machine, with_door

OPENED = {"what": "opened", "actor": {"person": "p"}}


def until(condition: Callable[[], bool], seconds: float = 90) -> None:
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "in vain"
        time.sleep(0.02)


@pytest.fixture(scope="module")
def served(prepared: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Serving]:
    place = tmp_path_factory.mktemp("door")
    ready.copy(prepared, place / "home")
    home = with_door(Home.load(place / "home"), free_port())
    with using(home):
        serving = Serving(home)
        serving.start()
        until(lambda: home.socket.exists() and serving.service.far.opened)
        yield serving
        serving.end()


@pytest.fixture(scope="module")
def web(served: Serving, tmp_path_factory: pytest.TempPathFactory) -> Home:
    """Another machine's home, with a certificate for its web process."""
    return other_machine(served.home, tmp_path_factory.mktemp("b") / "home", "b", ["web"])


def asks(home: Home, process: str = "web", job: str = "stream") -> int:
    with being(process), Door(home) as door:
        return int(door.call(job, OPENED)["index"])


def plain(served: Serving) -> socket.socket:
    made = socket.create_connection(("127.0.0.1", served.home.settings["door_port"]), 30)
    made.settimeout(60)
    return made


def secured(served: Serving, home: Home, process: str = "web") -> ssl.SSLSocket:
    return client_context(home, process).wrap_socket(plain(served))


def ended(connection: socket.socket) -> bool:
    """Whether the other end closes without a word more than a refusal."""
    try:
        while connection.recv(65536):
            pass
    except ConnectionError:
        pass
    except ssl.SSLError:
        pass
    finally:
        connection.close()
    return True


def test_a_process_of_another_machine_has_its_own_jobs_and_the_bus(served: Serving, web: Home) -> None:
    assert asks(web) >= 0
    with being("web"), Door(web) as door:
        for foreign in ("ingest", "machines", "machine_added", "machine_removed", "notify_take"):
            with pytest.raises(Malformed, match="not for web"):
                door.call(foreign, {})
        assert len(door.call_many("stream", [OPENED] * 600)) == 600

    async def hears() -> dict[str, object]:
        door = AsyncDoor(web)
        events = subscribe(web)
        assert (await anext(events))["topic"] == "subscribed"
        await door.call("stream", OPENED)
        with Door(served.home) as operator:
            await asyncio.to_thread(operator.call, "machine_added", {"machine": "x", "certificates": []})
        event = await asyncio.wait_for(anext(events), 90)
        await events.aclose()
        await door.close()
        return event

    with being("web"):
        assert asyncio.run(hears())["topic"] == "machines"


def test_a_command_has_no_way_over_another_machines_door(web: Home) -> None:
    with being("cli"), Door(web) as door, pytest.raises(Unavailable, match="no certificate"):
        door.call("stream", OPENED)


def test_strangers_get_no_further_than_the_handshake(served: Serving, web: Home, tmp_path: Path) -> None:
    other = replace(served.home, path=tmp_path / "other")
    other.keys.mkdir(parents=True)
    found_authority(other)
    lay(other, issue(other, "b", ["web"]))
    (folder(other) / "authority.pem").write_bytes((folder(web) / "authority.pem").read_bytes())
    unlisted = other_machine(served.home, tmp_path / "u", "u", ["web"], listed=False)
    expired = other_machine(served.home, tmp_path / "e", "e", ["web"], days=-1)
    removed = other_machine(served.home, tmp_path / "r", "r", ["web"])
    assert asks(removed) >= 0
    with Door(served.home) as operator:
        operator.call("machine_removed", {"machine": "r"})
    lied = replace(unlisted, settings={**web.settings, "doors": web.settings["doors"]})
    for stranger in (other, unlisted, expired, removed, lied):
        stranger = replace(stranger, settings=web.settings)
        with pytest.raises(Unavailable):
            asks(stranger)
    assert asks(web) >= 0


def test_a_process_cannot_be_another_one(served: Serving, web: Home, tmp_path: Path) -> None:
    writers = other_machine(served.home, tmp_path / "w", "w", ["writer", "web"])
    with pytest.raises(Unavailable):  # a writer's certificate is good for answering only
        asks(writers, "writer")
    # ... and a web process's for asking only: it cannot pass for a writer.
    fake = replace(served.home, path=tmp_path / "fake")
    folder(fake).mkdir(parents=True)
    for name in ("pem", "key"):
        (folder(fake) / f"writer.{name}").write_bytes((folder(web) / f"web.{name}").read_bytes())
    (folder(fake) / "authority.pem").write_bytes((folder(web) / "authority.pem").read_bytes())
    from safeconduct.records.door_tls import server_context

    context = server_context(fake)
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]

        def answer() -> None:
            try:
                connection, _ = listener.accept()
                context.wrap_socket(connection, server_side=True).recv(10)
            except OSError:
                pass

        import threading

        thread = threading.Thread(target=answer)
        thread.start()
        victim = replace(web, path=web.path, settings={**web.settings, "doors": [f"127.0.0.1:{port}"]})
        with pytest.raises(Unavailable):
            asks(victim)
        thread.join(90)


def test_a_removed_machine_is_out_at_once(served: Serving, tmp_path: Path) -> None:
    gone = other_machine(served.home, tmp_path / "g", "g", ["web"])
    with being("web"), Door(gone) as door:
        assert door.call("stream", OPENED)["index"] >= 0
        with Door(served.home) as operator:
            operator.call("machine_removed", {"machine": "g"})
        assert not door._stream().readline()


def test_what_a_removed_machine_had_sent_before_is_not_done_any_more(
    served: Serving, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from safeconduct.records import service

    monkeypatch.setattr(service, "AT_ONCE", 1)
    gone = other_machine(served.home, tmp_path / "s", "s", ["web"])
    lines, orders = 3_000, served.service.writer
    with secured(served, gone) as raw:
        raw.sendall(hello.said())
        assert b"hello" in raw.makefile("rb").readline()
        asked: list[str] = []
        submit = orders.submit
        monkeypatch.setattr(orders, "submit", lambda job, given: (asked.append(job), submit(job, given))[1])
        raw.sendall((json.dumps({"id": 1, "job": "stream", "payload": OPENED}).encode() + b"\n") * lines)
        until(lambda: asked.count("stream") > 3)
        with Door(served.home) as operator:
            operator.call("machine_removed", {"machine": "s"})
        assert ended(raw)
    until(lambda: all(each.machine != "s" for each in served.service.far.inside.values()))
    time.sleep(0.5)
    assert asked.count("stream") < lines / 2


@pytest.mark.parametrize("version", ["older", "newer"])
def test_a_version_without_a_common_protocol_is_refused_in_words(
    served: Serving, web: Home, monkeypatch: pytest.MonkeyPatch, version: str
) -> None:
    speaks, since = (0, 0) if version == "older" else (7, 5)
    line = json.dumps({"hello": {"speaks": speaks, "since": since, "version": "0.0"}}).encode() + b"\n"
    with secured(served, web) as raw:
        raw.sendall(line)
        told = json.loads(raw.makefile("rb").readline())
    assert told["error"] == "unfitting" and f"protocol {since} to {speaks}" in told["reason"]
    monkeypatch.setattr(hello, "said", lambda **_: line)
    with pytest.raises(Unavailable, match=f"protocol {since} to {speaks} .*upgrade the"):
        asks(web)


def test_the_newest_protocol_that_both_speak_holds() -> None:
    said = {"hello": {"speaks": hello.PROTOCOL + 3, "since": hello.PROTOCOL, "version": "9"}}
    assert hello.heard(json.dumps(said).encode() + b"\n", "web")["protocol"] == hello.PROTOCOL


def test_a_job_that_the_writer_does_not_know_yet_says_so(web: Home) -> None:
    with being("web"), Door(web) as door, pytest.raises(Unavailable, match="another version"):
        door.call("a_job_of_tomorrow", {})


NOISE = {
    "plain text": b'{"id":1,"job":"stream","payload":{}}\n',
    "http": b"GET / HTTP/1.1\r\n\r\n",
    "nothing": b"",
    "bytes": bytes(range(256)) * 64,
}


@pytest.mark.parametrize("noise", NOISE.values(), ids=NOISE)
def test_noise_without_tls_gets_nowhere(served: Serving, web: Home, noise: bytes) -> None:
    with plain(served) as raw:
        raw.sendall(noise)
        raw.shutdown(socket.SHUT_WR)
        assert ended(raw)
    assert asks(web) >= 0


SAID = hello.said()
LINES = {
    "no hello": b'{"id":1,"job":"stream","payload":{}}\n',
    "a hello cut off": SAID[:-5],
    "a huge hello": b'{"hello":"' + b"x" * 100_000,
    "a hello of a hello": b'{"hello":{"speaks":"1","since":null}}\n',
    "deep": b"[" * 4000 + b"\n",
    "a line cut off": SAID + b'{"id":1,"job":"stream","payload":{"what":"opened","actor":{"person":"p"}}}',
    "no json": SAID + b"\x00\xff\n",
    "not an object": SAID + b"[1]\n",
}


@pytest.mark.parametrize("line", LINES.values(), ids=LINES)
def test_noise_within_tls_ends_the_connection(served: Serving, web: Home, line: bytes) -> None:
    with secured(served, web) as raw:
        raw.sendall(line)
        if not line.endswith(b"\n"):
            with contextlib.suppress(OSError):
                raw.unwrap() if line.startswith(SAID) else raw.shutdown(socket.SHUT_WR)
        assert ended(raw)
    assert asks(web) >= 0


def test_only_tls_1_3(served: Serving, web: Home) -> None:
    context = client_context(web, "web")
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.maximum_version = ssl.TLSVersion.TLSv1_2
    with pytest.raises((ssl.SSLError, ConnectionError)), plain(served) as raw:
        context.wrap_socket(raw)


def test_slow_strangers_are_cut_off_and_leave_room(
    served: Serving, web: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(far_door, "HANDSHAKE_SECONDS", 1.0)
    slow = [plain(served) for _ in range(far_door.OF_ONE_ADDRESS + 5)]
    for each in slow:
        each.sendall(b"\x16")
    assert all(map(ended, slow))
    until(lambda: not served.service.far.shaking)
    assert asks(web) >= 0


def test_a_line_that_never_ends_is_given_up(
    served: Serving, web: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(far_door, "LINE_SECONDS", 1.0)
    with secured(served, web) as raw:
        raw.sendall(SAID)
        reader = raw.makefile("rb")
        assert b"hello" in reader.readline()
        raw.sendall(b'{"id": 1, "job"')
        assert reader.readline() == b""


def test_who_takes_no_answers_is_read_from_no_more(
    served: Serving, web: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    from safeconduct.records import service

    monkeypatch.setattr(service, "TAKING_SECONDS", 1.0)
    monkeypatch.setattr(service, "AT_ONCE", 20)
    request = json.dumps({"id": 1, "job": "nothing", "payloads": [{}] * 20_000}).encode() + b"\n"
    with secured(served, web) as raw:
        raw.sendall(SAID)
        assert b"hello" in raw.makefile("rb").readline()
        end = time.monotonic() + 60
        with pytest.raises(OSError):
            while time.monotonic() < end:
                raw.sendall(request)
                time.sleep(0.01)  # a machine can be quick enough to say all before it is cut off
    assert asks(web) >= 0


def test_a_stranger_who_comes_with_many_at_once_takes_no_more_places_than_one(
    served: Serving, web: Home
) -> None:
    served._loop.call_soon_threadsafe(time.sleep, 1.0)  # all of them wait at once to be taken in
    crowd = [plain(served) for _ in range(far_door.OF_ONE_ADDRESS + 24)]
    until(lambda: bool(served.service.far.shaking))
    assert max(served.service.far.shaking.values()) <= far_door.OF_ONE_ADDRESS
    for each in crowd:
        each.close()
    until(lambda: not served.service.far.shaking)
    assert asks(web) >= 0


def test_what_a_listener_says_is_not_kept(served: Serving, web: Home) -> None:
    with secured(served, web) as raw:
        raw.sendall(SAID)
        told = raw.makefile("rb")
        assert b"hello" in told.readline()
        raw.sendall(b'{"subscribe": true}\n')
        assert b"subscribed" in told.readline()
        before = _resident()
        for _ in range(256):
            raw.sendall(bytes(1 << 20))
        assert _resident() - before < 128 << 20
    assert asks(web) >= 0


def _resident() -> int:
    return int(Path("/proc/self/statm").read_text().split()[1]) * 4096
