"""A node's processes: they start in order, come back when they die, and stop cleanly."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

import ready
from safeconduct.node.processes import Node, serve
from safeconduct.records.door import Door
from safeconduct.records.home import Home, HomeError
from safeconduct.records.refusals import Malformed


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def until(condition: Callable[[], bool], seconds: float = 90) -> None:
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "in vain"
        time.sleep(0.05)


@pytest.fixture(scope="module")
def running(prepared: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Node]:
    """A node whose writer runs; if a test kills it, another is up when that test ends."""
    folder = tmp_path_factory.mktemp("running")
    ready.copy(prepared, folder / "home")
    before = Home.load(folder / "home")
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


def children_of(pid: int) -> list[int]:
    found = []
    for each in Path("/proc").glob("[0-9]*"):
        try:
            parent = int((each / "stat").read_text().rpartition(")")[2].split()[1])
        except OSError:
            continue
        if parent == pid:
            found.append(int(each.name))
    return found


def test_a_web_server_that_is_killed_leaves_no_worker_that_answers_in_its_place(running: Node) -> None:
    pages = Node(running.home)
    pages.start(("web",))
    try:
        pages.ready()
        server = pages.children["web"]
        workers = children_of(server.pid)
        assert workers
        server.kill()
        until(lambda: not any(Path(f"/proc/{pid}").exists() for pid in workers))
        until(lambda: pages.children["web"] is not server)
        pages.ready()
    finally:
        pages.stop()


def test_who_never_ends_what_he_asks_does_not_keep_the_web_server(running: Node) -> None:
    pages = Node(running.home)
    pages.start(("web",))
    asked = b"POST /accounts/login/ HTTP/1.1\r\nHost: localhost\r\nContent-Length: 10\r\n\r\n"
    try:
        pages.ready()
        workers = children_of(pages.children["web"].pid)
        with socket.create_connection(("127.0.0.1", int(running.home.settings["port"]))) as slow:
            slow.sendall(asked)
            time.sleep(1.0)
            pages.stop()
            assert pages.children["web"].returncode == 0
            assert workers and not any(Path(f"/proc/{pid}").exists() for pid in workers)
    finally:
        pages.stop()


@pytest.mark.parametrize("noise", [b"\n", b"{}\n", b"[1]\n", b"\x00\xff\n", b'{"id":1}\n', b"x" * 100_000])
def test_noise_on_the_socket_harms_nobody(running: Node, noise: bytes) -> None:
    with socket.socket(socket.AF_UNIX) as client:
        client.connect(str(running.home.socket))
        client.sendall(noise)
        client.shutdown(socket.SHUT_WR)
        client.settimeout(90)
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
        other.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        other.bind(("127.0.0.1", int(running.home.settings["port"])))
        other.listen()
        with pytest.raises(HomeError, match="is taken"):
            serve([running.home], lambda: None)


def test_a_process_may_open_as_many_files_as_the_system_lets_it() -> None:
    program = (
        "import resource, sys; from safeconduct.node.processes import allow_files;"
        "resource.setrlimit(resource.RLIMIT_NOFILE, (int(sys.argv[1]), int(sys.argv[2])));"
        "print(allow_files(), *resource.getrlimit(resource.RLIMIT_NOFILE))"
    )

    def allowed(soft: int, hard: int) -> list[int]:
        command = [sys.executable, "-c", program, str(soft), str(hard)]
        return [int(each) for each in subprocess.run(command, capture_output=True, check=True).stdout.split()]

    assert allowed(256, 4_000) == [4_000, 4_000, 4_000]
    assert allowed(4_000, 4_000) == [4_000, 4_000, 4_000]
