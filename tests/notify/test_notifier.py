"""The processes themselves: an SOS becomes a message, also when a process is killed at the worst moment."""

from __future__ import annotations

import asyncio
import json
import re
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from notify import providers as fake
from notify.notify_node import Gateway
from notify.providers import providers
from safeconduct.node.processes import Node
from safeconduct.notify.channels import Channel
from safeconduct.notify.notifier import OF_ONE_CHANNEL, Notifier
from safeconduct.notify.sending import Rate
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


def until(condition: Callable[[], object], seconds: float = 90.0) -> None:
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
        assert time.monotonic() - begun < 30
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
    with Gateway(delay=90.0) as slow, Gateway() as gateway:
        channels(node.home, sms=slow.url(), email=gateway.url())
        node.person("a", ("sms", "+923001"), ("email", "a@watch.example"))
        node.sos()
        until(lambda: node.states() == [("sms", "sending")])
        time.sleep(0.5)
        node.kill("notifier")
        until(lambda: node.states() == [("sms", "uncertain"), ("email", "delivered")])
        time.sleep(1)
        assert len(gateway.got) == 1 and len(slow.taken) <= 1


def test_what_a_killed_notifier_leaves_in_doubt_goes_again_where_a_number_is_taken_once(
    node: Running,
) -> None:
    with Gateway(delay=90.0) as slow, Gateway() as gateway:
        channels(node.home, sms=slow.url(), email=gateway.url())
        path = node.home.path / "channels.toml"
        path.write_text(path.read_text().replace("[email]", "once = true\n[email]"))
        node.person("a", ("sms", "+923001"), ("email", "a@watch.example"))
        node.sos()
        until(lambda: node.states() == [("sms", "sending")])
        time.sleep(0.5)
        node.kill("notifier")
        slow.let_go()
        until(lambda: node.states() == [("sms", "delivered")])
        assert not gateway.got, "no other channel was needed"
        assert len({entry["number"] for entry in slow.got}) == 1


def test_a_writer_killed_while_a_message_is_on_its_way_learns_what_became_of_it(node: Running) -> None:
    with Gateway(delay=90.0) as slow:
        channels(node.home, sms=slow.url())
        node.person("a", ("sms", "+923001"))
        node.sos()
        until(lambda: node.states() == [("sms", "sending")])
        node.kill("writer")
        slow.let_go()
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


def test_real_channels_of_every_kind_and_what_becomes_of_each_message_is_told_truly(
    host_home: Home, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The notifier itself, speaking to each provider's own interface; two of them say no as they do with a 200."""
    with providers(tmp_path) as there:
        for name, value in there.environment().items():
            monkeypatch.setenv(name, value)
        there.answers[fake.WECOM], there.answers[fake.TELEGRAM] = fake.wecom_busy, fake.telegram_busy
        running = Running(host_home)
        running.node.start(("writer", "notifier"))
        try:
            channels(host_home, **fake.URLS)
            with Door(host_home) as door, here.at(host_home, door):
                running.person("beijing", ("wecom", "x"), ("feishu", "x"))
                running.person("lahore", ("telegram", "42"), ("sms", "+923001234567"))
                running.person("shanghai", ("dingtalk", "x"))
                began = time.monotonic()
                running.sos()
                ended = ("delivered", "failed", "uncertain")
                until(lambda: sum(state in ended for _, state in running.states()) == 5)
                assert sorted(running.states()) == [
                    ("dingtalk", "delivered"),
                    ("feishu", "delivered"),
                    ("sms", "delivered"),
                    ("telegram", "failed"),
                    ("wecom", "failed"),
                ]
                assert time.monotonic() - began < 45
        finally:
            running.node.stop()
        text = json.dumps([asked.said for asked in there.got])
        assert "Open Safeconduct" in text and "SOS" not in text and "Shots" not in text
        numbers = set(re.findall(r"\b[2-9A-HJ-NP-Z]{5}-[2-9A-HJ-NP-Z]{5}\b", text))
        assert len(numbers) == 3, "one number for each person, whichever channel took it"


def test_a_provider_that_never_ends_keeps_its_own_threads_and_no_others(host_home: Home) -> None:
    release, sent = threading.Event(), []

    def sender(channel: Channel, _message: dict[str, Any]) -> tuple[str, str]:
        if channel.name == "hung":
            release.wait(60)
        else:
            sent.append(channel.name)
        return "delivered", ""

    notifier = Notifier(host_home, sender)
    notifier.channels = {name: Channel(name, "json://x", per_minute=6_000) for name in ("hung", "sms")}
    notifier.rates = {name: Rate(6_000) for name in notifier.channels}

    async def story() -> None:
        def begin(channel: str, number: int) -> asyncio.Task[None]:
            message = {"delivery": f"{channel}{number}"}
            notifier.journal.begin([message["delivery"]])
            task = asyncio.create_task(notifier._send(notifier.channels[channel], message))
            notifier.on_its_way[message["delivery"]] = (channel, task)
            return task

        hung = [begin("hung", n) for n in range(OF_ONE_CHANNEL)]
        # Each is given up and reported as uncertain; their threads are still there.
        await asyncio.gather(*hung)
        assert not notifier.on_its_way and notifier.busy["hung"] == OF_ONE_CHANNEL
        standing = notifier._standing()
        assert (standing["hung"]["allow"], standing["hung"]["urgent"]) == (0, 0)
        assert standing["sms"]["allow"] > 0
        await begin("sms", 1)
        assert sent == ["sms"]
        release.set()
        while notifier.busy.total():
            await asyncio.sleep(0.01)
        assert notifier._standing()["hung"]["allow"] > 0

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("safeconduct.notify.notifier.LONGEST", 0.2)
        asyncio.run(story())
    notifier.threads.shutdown()
    assert {each["outcome"] for each in notifier.journal.ended.values()} == {"uncertain", "delivered"}
    notifier.journal.close()
