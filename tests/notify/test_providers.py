"""Each provider's own interface, spoken through the library in a process of its own: what is recorded is true."""

from __future__ import annotations

import asyncio
import socket
import threading
import time
from collections.abc import Iterator
from typing import Any

import pytest
import smpp34
from aiosmtpd.controller import Controller

from notify import providers as fake
from notify.providers import Providers, Sender, providers

TEXT = "سیف کنڈکٹ کھولیں۔ 打开 Safeconduct. AB2CD-EF3GH"


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Providers, Sender]]:
    with providers(tmp_path_factory.mktemp("providers")) as running:
        sender = Sender(running.environment())
        yield running, sender
        sender.close()


@pytest.fixture
def there(world: tuple[Providers, Sender]) -> Iterator[tuple[Providers, Sender]]:
    running, _ = world
    running.got.clear()
    yield world
    running.answers = dict(fake.WORKING)


@pytest.mark.parametrize("name", sorted(fake.URLS))
def test_each_provider_takes_a_message_with_its_token_and_the_text_whole(
    there: tuple[Providers, Sender], name: str
) -> None:
    running, sender = there
    assert sender.send(name, fake.URLS[name], body=TEXT) == ("delivered", "")
    (asked,) = running.got
    assert TEXT in str(asked.said)


@pytest.mark.parametrize(
    ("name", "host", "answer"),
    [
        ("telegram", fake.TELEGRAM, fake.telegram_busy),
        ("telegram", fake.TELEGRAM, fake.telegram_no),
        ("wecom", fake.WECOM, fake.wecom_busy),
        ("feishu", fake.FEISHU, fake.feishu_busy),
        ("dingtalk", fake.DINGTALK, fake.dingtalk_busy),
        ("sms", fake.GATEWAY, (503, {})),
        ("sms", fake.GATEWAY, (200, {"ok": False})),
        ("sms", fake.GATEWAY, (302, {"headers": {"Location": "http://127.0.0.1:9/"}})),
    ],
)
def test_a_provider_that_says_no_in_its_own_way_has_failed(
    there: tuple[Providers, Sender], name: str, host: str, answer: Any
) -> None:
    running, sender = there
    running.answers[host] = answer
    assert sender.send(name, fake.URLS[name]) == ("failed", "refused")
    assert len(running.got) == 1


@pytest.mark.parametrize(
    ("name", "url", "address"),
    [
        ("telegram", f"tgram://{fake.BOT.replace('a', 'z')}/{{address}}", "42"),
        ("telegram", fake.URLS["telegram"], "404"),
        ("wecom", "wecombot://another-key/", ""),
        ("feishu", "feishu://another-hook/", ""),
        ("dingtalk", f"dingtalk://{fake.ROBOT}/", ""),
        ("dingtalk", f"dingtalk://{'SEC' + 'x' * 61}@{fake.ROBOT}/", ""),
        ("sms", fake.URLS["sms"].replace("gate-secret", "guess"), "42"),
    ],
)
def test_a_wrong_token_a_wrong_signature_or_an_unknown_chat_has_failed(
    there: tuple[Providers, Sender], name: str, url: str, address: str
) -> None:
    assert there[1].send(name, url, address) == ("failed", "refused")
    assert len(there[0].got) == 1


@pytest.mark.parametrize("how", [fake.HANGING, fake.CUT_OFF, (504, {})])
def test_no_answer_to_what_was_sent_is_uncertain(there: tuple[Providers, Sender], how: Any) -> None:
    running, sender = there
    running.answers[fake.WECOM] = how
    assert sender.send("wecom", fake.URLS["wecom"]) == ("uncertain", "timed_out")


def test_what_never_left_has_failed(there: tuple[Providers, Sender]) -> None:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    for url in (f"json://127.0.0.1:{port}/{{address}}", "json://no-such-host.invalid/{address}"):
        assert there[1].send("sms", url) == ("failed", "refused")
    assert there[1].send("sms", f"jsons://127.0.0.1:{there[0].port}/{{address}}") == ("failed", "refused")
    assert there[0].got == [], "no certificate of its own name, no message"


def test_an_answer_without_end_is_not_waited_for(there: tuple[Providers, Sender]) -> None:
    running, sender = there
    running.answers[fake.GATEWAY] = fake.ENDLESS
    began = time.monotonic()
    assert sender.send("sms", fake.URLS["sms"]) == ("delivered", "")
    assert time.monotonic() - began < 60


def test_messages_one_after_another_wait_for_nothing(there: tuple[Providers, Sender]) -> None:
    began = time.monotonic()
    for _ in range(5):
        assert there[1].send("feishu", fake.URLS["feishu"]) == ("delivered", "")
    assert time.monotonic() - began < 20, "the library by itself would wait 5.5 s before each"


def test_a_provider_never_hears_more_than_the_message(there: tuple[Providers, Sender]) -> None:
    running, sender = there
    for name, url in fake.URLS.items():
        sender.send(name, url, body="Open Safeconduct. Number AB2CD-EF3GH.")
    for asked in running.got:
        said = str(asked.said) + str(asked.headers)
        assert socket.gethostname() not in said and "apprise" not in said.lower()


class Mail:
    """A mail server that speaks STARTTLS and takes nothing without it; `ends` says how."""

    def __init__(self, context: Any) -> None:
        self.taken: list[Any] = []
        self.ends = "taken"
        mail = self

        class Handler:
            async def handle_RCPT(
                self, _server: Any, _session: Any, envelope: Any, address: str, _: Any
            ) -> str:
                if mail.ends == "nobody":
                    return "550 no such mailbox"
                envelope.rcpt_tos.append(address)
                return "250 OK"

            async def handle_DATA(self, server: Any, session: Any, envelope: Any) -> str:
                assert session.ssl is not None
                mail.taken.append(envelope)
                if mail.ends == "lost":
                    server.transport.abort()
                return "250 taken"

        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port = probe.getsockname()[1]
        self.controller = Controller(
            Handler(), hostname="127.0.0.1", port=self.port, tls_context=context, require_starttls=True
        )
        self.controller.start()


@pytest.fixture(scope="module")
def mail(world: tuple[Providers, Sender]) -> Iterator[Mail]:
    running = Mail(world[0].context)
    yield running
    running.controller.stop()


@pytest.mark.parametrize(
    ("ends", "outcome"),
    [("taken", ("delivered", "")), ("nobody", ("failed", "refused")), ("lost", ("uncertain", "timed_out"))],
)
def test_mail_goes_over_starttls_and_what_becomes_of_it_is_told(
    there: tuple[Providers, Sender], mail: Mail, ends: str, outcome: tuple[str, str]
) -> None:
    mail.ends = ends
    url = f"mailtos://localhost:{mail.port}?mode=starttls&from=watch@node.example&to={{address}}"
    assert there[1].send("email", url, "officer@watch.example") == outcome


def test_mail_to_a_server_that_shows_another_name_is_not_sent(
    there: tuple[Providers, Sender], mail: Mail
) -> None:
    mail.taken.clear()
    url = f"mailtos://127.0.0.1:{mail.port}?mode=starttls&from=watch@node.example&to={{address}}"
    assert there[1].send("email", url, "officer@watch.example") == ("failed", "refused")
    assert mail.taken == []


class Centre:
    """A short message centre (SMPP 3.4) of a library that nobody here wrote; `says` is how it answers."""

    def __init__(self) -> None:
        self.got: list[tuple[str, str]] = []
        self.says = "yes"
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port = probe.getsockname()[1]
        self.ready = threading.Event()
        threading.Thread(target=lambda: asyncio.run(self._serve()), daemon=True).start()
        assert self.ready.wait(90)

    async def _serve(self) -> None:
        server = smpp34.Server("127.0.0.1", self.port, system_id="centre")
        await server.start()
        self.ready.set()
        while True:
            event = await server.next()
            if not isinstance(event, smpp34.SubmitSmEvent):
                continue
            text = bytes(event.short_message).decode(
                "utf-16-be" if event.data_coding == 8 else "ascii", "replace"
            )
            self.got.append((event.destination_addr, text))
            if self.says == "yes":
                event.accept(f"m{len(self.got)}")
            elif self.says == "no":
                event.reject(smpp34.ESME_RTHROTTLED)
            else:
                await asyncio.sleep(30)


@pytest.fixture(scope="module")
def centre() -> Centre:
    return Centre()


@pytest.mark.parametrize(
    ("says", "outcome"),
    [("yes", ("delivered", "")), ("no", ("failed", "refused")), ("nothing", ("uncertain", "timed_out"))],
)
def test_over_smpp_the_centres_answer_counts(
    there: tuple[Providers, Sender], centre: Centre, says: str, outcome: tuple[str, str]
) -> None:
    centre.says = says
    centre.got.clear()
    url = f"smpp://node:secret@127.0.0.1:{centre.port}/923000000000/{{address}}"
    assert there[1].send("sms", url, "923001234567", body="打开 Safeconduct") == outcome
    assert centre.got[0][0] == "923001234567" and "打开" in centre.got[0][1]
