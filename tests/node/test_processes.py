"""A node's processes: they start in order, come back when they die, and stop cleanly."""

from __future__ import annotations

import os
import signal
import socket
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from safeconduct.node.processes import Node, serve
from safeconduct.records.door import Door
from safeconduct.records.home import Home, HomeError
from safeconduct.records.refusals import Malformed


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def until(condition: Callable[[], bool], seconds: float = 20) -> None:
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "in vain"
        time.sleep(0.05)


@pytest.fixture
def running(prepared: Path, tmp_path: Path) -> Iterator[Node]:
    import shutil

    shutil.copytree(prepared, tmp_path / "home")
    before = Home.load(tmp_path / "home")
    settings = {**before.settings, "port": free_port(), "exchange_port": free_port()}
    home = Home(before.path, before.party, before.side, before.name, {}, settings)
    home.save()
    node = Node(home)
    try:
        node.start(("writer",))
        yield node
    finally:
        node.stop()


def test_jobs_are_answered_over_the_socket_and_errors_come_back(running: Node) -> None:
    with Door.open(running.home) as door:
        assert door.writer is None
        with pytest.raises(Malformed, match="no such job"):
            door.call("launch", {})
        answers = door.call_many("stream", [{"what": "opened", "actor": {"person": "p"}}] * 200)
    indexes = [a["index"] for a in answers]
    assert indexes == sorted(indexes) and len(set(indexes)) == 200


def test_more_jobs_than_one_line_carries_come_back_in_order_each_with_its_own_answer(running: Node) -> None:
    payloads = [{"what": "opened" if n % 3 else "ajar", "actor": {"person": "p"}} for n in range(1100)]
    with Door.open(running.home) as door:
        answers = door.call_many("stream", payloads)
    assert ["error" in answer for answer in answers] == [n % 3 == 0 for n in range(1100)]
    indexes = [answer["index"] for answer in answers if "index" in answer]
    assert indexes == sorted(set(indexes))


def test_the_socket_is_its_owners_alone(running: Node) -> None:
    assert running.home.socket.stat().st_mode & 0o777 == 0o600


@pytest.mark.parametrize("noise", [b"\n", b"{}\n", b"[1]\n", b"\x00\xff\n", b'{"id":1}\n', b"x" * 100_000])
def test_noise_on_the_socket_harms_nobody(running: Node, noise: bytes) -> None:
    with socket.socket(socket.AF_UNIX) as client:
        client.connect(str(running.home.socket))
        client.sendall(noise)
        client.shutdown(socket.SHUT_WR)
        client.settimeout(5)
        while client.recv(65536):
            pass
    with Door.open(running.home) as door:
        assert door.call("stream", {"what": "opened", "actor": {"person": "p"}})["index"] >= 0


def test_a_killed_writer_comes_back_with_all_it_promised(running: Node) -> None:
    with Door.open(running.home) as door:
        promised = door.call("stream", {"what": "opened", "actor": {"person": "p"}})["index"]
    first = running.children["writer"].pid
    os.kill(first, signal.SIGKILL)
    until(lambda: running.children["writer"].pid != first)

    def answers() -> bool:
        try:
            with Door(running.home) as door:
                return bool(
                    door.call("stream", {"what": "closed", "actor": {"person": "p"}})["index"] > promised
                )
        except Exception:
            return False

    until(answers)


def test_a_second_writer_is_refused(running: Node) -> None:
    from safeconduct.records.writer import AlreadyRunning, Writer

    with pytest.raises(AlreadyRunning):
        Writer(running.home)


def test_a_port_that_another_program_has_is_named(running: Node) -> None:
    with socket.socket() as other:
        other.bind(("127.0.0.1", int(running.home.settings["port"])))
        other.listen()
        with pytest.raises(HomeError, match="is taken"):
            serve([running.home], lambda: None)
