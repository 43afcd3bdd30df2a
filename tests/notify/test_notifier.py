"""The processes themselves: an SOS becomes a message, also when a process is killed at the worst moment."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from notify.notify_node import Gateway
from safeconduct.node.processes import Node
from safeconduct.records import here
from safeconduct.records.commit import Draft, commit
from safeconduct.records.door import Door
from safeconduct.records.home import Home
from safeconduct.records.principals import system_subject
from safeconduct.records.transaction import iso


class Running:
    """A node's writer and notifier as processes."""

    def __init__(self, home: Home) -> None:
        self.home = home
        self.system = system_subject(home.party)
        self.node = Node(home)

    def put(self, kind: str, parts: dict[str, Any], **more: Any) -> str:
        with Door(self.home) as door:
            return commit(self.system, Draft(kind, parts, **more), door=door).record

    def person(self, name: str, *contacts: tuple[str, str]) -> None:
        assignment = {"person": name, "account_name": name, "role": "watch_officer", "clearance": 3}
        self.put("role_assignment", {"assignment": assignment}, releasable=())
        for order, (channel, address) in enumerate(contacts, 1):
            part = {"channel": channel, "address": address, "order": order}
            self.put("contact_point", {"address": part}, assigned=[name], releasable=())

    def sos(self, **call: Any) -> str:
        now = iso(time.time())
        return self.put("sos", {"call": {"at": now, "received": now, **call}})

    def states(self) -> list[tuple[str, str]]:
        sql = "SELECT category, state FROM records_row WHERE kind = 'delivery' AND category <> 'none' ORDER BY born"
        return [tuple(row) for row in here.tables().all(sql, [])]

    def kill(self, name: str) -> None:
        self.node.children[name].kill()


def channels(home: Home, **urls: str) -> None:
    path = home.path / "channels.toml"
    path.touch(0o600)
    path.write_text("".join(f'[{name}]\nurl = "{url}"\nper_minute = 6000\n' for name, url in urls.items()))


def until(condition: Callable[[], object], seconds: float = 40.0) -> None:
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "it did not happen"
        time.sleep(0.03)


@pytest.fixture
def node(host_home: Home) -> Iterator[Running]:
    running = Running(host_home)
    running.node.start(("writer", "notifier"))
    try:
        with Door(host_home) as door, here.at(host_home, door):
            yield running
    finally:
        running.node.stop()


def test_an_sos_reaches_the_officer_outside_within_moments(node: Running) -> None:
    with Gateway() as gateway:
        channels(node.home, sms=gateway.url())
        node.person("a", ("sms", "+923001"))
        begun = time.monotonic()
        node.sos()
        until(lambda: gateway.got)
        assert time.monotonic() - begun < 10
        until(lambda: node.states() == [("sms", "delivered")])
        assert gateway.got[0]["to"] == "+923001" and "Open Safeconduct" in gateway.got[0]["message"]


def test_a_gateway_that_says_no_is_passed_over(node: Running) -> None:
    with Gateway(503) as broken, Gateway() as gateway:
        channels(node.home, sms=broken.url(), email=gateway.url())
        node.person("a", ("sms", "+923001"), ("email", "a@watch.example"))
        node.sos(exercise=True)
        until(lambda: node.states() == [("sms", "failed"), ("email", "delivered")])
        assert broken.got[0]["number"] == gateway.got[0]["number"]
        assert gateway.got[0]["message"].startswith("EXERCISE EXERCISE EXERCISE")


def test_a_notifier_killed_while_it_sends_leaves_no_doubt_unsaid(node: Running) -> None:
    with Gateway(delay=3.0) as slow, Gateway() as gateway:
        channels(node.home, sms=slow.url(), email=gateway.url())
        node.person("a", ("sms", "+923001"), ("email", "a@watch.example"))
        node.sos()
        until(lambda: node.states() == [("sms", "sending")])
        time.sleep(0.5)
        node.kill("notifier")
        until(lambda: node.states() == [("sms", "uncertain"), ("email", "delivered")])
        time.sleep(1)
        assert len(gateway.got) == 1 and len(slow.taken) <= 1


def test_a_writer_killed_while_a_message_is_on_its_way_learns_what_became_of_it(node: Running) -> None:
    with Gateway(delay=2.0) as slow:
        channels(node.home, sms=slow.url())
        node.person("a", ("sms", "+923001"))
        node.sos()
        until(lambda: node.states() == [("sms", "sending")])
        node.kill("writer")
        until(lambda: node.states() == [("sms", "delivered")])
        assert len(slow.got) == 1


def test_channels_that_others_can_read_send_nothing_until_they_are_closed(node: Running) -> None:
    with Gateway() as gateway:
        channels(node.home, sms=gateway.url())
        (node.home.path / "channels.toml").chmod(0o644)
        node.person("a", ("sms", "+923001"))
        node.sos()

        def fault() -> str:
            with Door(node.home) as door:
                return str(door.call("notify", {})["fault"])

        until(lambda: fault() == "channels_open")
        assert node.states() == [("sms", "queued")] and not gateway.got
        (node.home.path / "channels.toml").chmod(0o600)
        until(lambda: node.states() == [("sms", "delivered")])
