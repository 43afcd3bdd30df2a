"""channels.toml and the channels themselves, through the real library to a mail server and a gateway of our own."""

from __future__ import annotations

import email
import logging
import socket
from collections.abc import Iterator
from email.header import decode_header, make_header
from pathlib import Path
from typing import Any

import pytest
from aiosmtpd.controller import Controller

from notify.notify_node import Gateway
from safeconduct.notify.channels import Channel, ChannelsRefused, load
from safeconduct.notify.journal import Journal
from safeconduct.notify.sending import Rate, send

SECRET = "hunter2-canary"


def write(home: Path, text: str, mode: int = 0o600) -> None:
    path = home / "channels.toml"
    path.unlink(missing_ok=True)
    path.write_text(text)
    path.chmod(mode)


def message(address: str, exercise: bool = False, **more: Any) -> dict[str, Any]:
    told = {"address": address, "number": "AB2CD-EF3GH", "title": "Safeconduct", "body": "Open Safeconduct."}
    return {"delivery": "d", **told, "exercise": exercise, **more}


@pytest.fixture
def mail() -> Iterator[tuple[int, list[Any]]]:
    """A mail server, and what it has taken."""
    taken: list[Any] = []

    class Handler:
        async def handle_DATA(self, _server: Any, _session: Any, envelope: Any) -> str:
            taken.append(envelope)
            return "250 taken"

    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    controller = Controller(Handler(), hostname="127.0.0.1", port=port)
    controller.start()
    yield port, taken
    controller.stop()


def test_a_file_that_others_can_read_is_refused(tmp_path: Path) -> None:
    text = f'[sms]\nurl = "jsons://u:{SECRET}@gateway.example/?:to={{address}}"\n'
    for mode in (0o640, 0o604, 0o666, 0o620):
        write(tmp_path, text, mode)
        with pytest.raises(ChannelsRefused, match="read by others") as refused:
            load(tmp_path)
        assert refused.value.code == "channels_open" and SECRET not in str(refused.value)
    write(tmp_path, text)
    channel = load(tmp_path)["sms"]
    assert channel.per_minute == 60 and not channel.once and SECRET not in repr(channel)


def test_a_link_to_another_file_is_refused(tmp_path: Path) -> None:
    target = tmp_path / "elsewhere.toml"
    target.write_text('[sms]\nurl = "json://x"\n')
    target.chmod(0o600)
    (tmp_path / "channels.toml").symlink_to(target)
    with pytest.raises(ChannelsRefused):
        load(tmp_path)


@pytest.mark.parametrize(
    "text",
    [
        f'[sms]\nurl = "{SECRET}',
        f'[sms]\nurl = "{SECRET}"\n',
        f'[sms]\nurl = ["json://{SECRET}"]\n',
        f'[sms]\nurl = "json://{SECRET}"\nper_minute = 0\n',
        f'[sms]\nurl = "json://{SECRET}"\nper_minute = true\n',
        f'[sms]\nurl = "json://{SECRET}"\nonce = "yes"\n',
        f'[sms]\nurl = "json://{SECRET}"\npassword = "{SECRET}"\n',
        f'["{"S M S" * 20}"]\nurl = "json://{SECRET}"\n',
        f'sms = "json://{SECRET}"\n',
        "".join(f'[c{n}]\nurl = "json://{SECRET}"\n' for n in range(51)),
        "#" * 300_000,
    ],
)
def test_a_wrong_file_is_refused_and_no_value_is_told(tmp_path: Path, text: str) -> None:
    write(tmp_path, text)
    with pytest.raises(ChannelsRefused) as refused:
        load(tmp_path)
    assert SECRET not in str(refused.value) and refused.value.__cause__ is None


def test_a_file_of_bytes_is_refused(tmp_path: Path) -> None:
    (tmp_path / "channels.toml").write_bytes(b"\xff\xfe\x00")
    (tmp_path / "channels.toml").chmod(0o600)
    with pytest.raises(ChannelsRefused):
        load(tmp_path)


def test_an_address_cannot_reach_beyond_its_place() -> None:
    channel = Channel("sms", "jsons://gateway.example/send?:to={address}&+Idempotency-Key={number}")
    url = channel.address_url("1&:to=2#/@evil.example/{number}", "N?", exercise=False)
    assert url.startswith("jsons://gateway.example/send?:to=1%26%3Ato%3D2%23%2F%40evil.example%2F")
    assert url.endswith("&+Idempotency-Key=N%3F")


def test_a_webhook_gets_address_and_number(mail: Any) -> None:
    with Gateway() as gateway:
        channel = Channel("sms", gateway.url("send"), gateway.url("practice"))
        assert send(channel, message("+923001234")) == ("delivered", "")
        assert send(channel, message("+923001234", exercise=True)) == ("delivered", "")
    real, practised = gateway.got
    assert (real["to"], real["number"], real["message"]) == ("+923001234", "AB2CD-EF3GH", "Open Safeconduct.")
    assert real["path"].startswith("/send") and practised["path"].startswith("/practice")


def test_mail_arrives_with_urdu_and_chinese_intact(mail: tuple[int, list[Any]]) -> None:
    port, taken = mail
    url = f"mailto://127.0.0.1:{port}?from=watch@node.example&to={{address}}"
    text = "سیف کنڈکٹ کھولیں۔ 打开 Safeconduct。"
    told = message("officer+night@watch.example", title="محفوظ 通知", body=text)
    assert send(Channel("email", url), told) == ("delivered", "")
    (envelope,) = taken
    assert envelope.rcpt_tos == ["officer+night@watch.example"]
    found = email.message_from_bytes(envelope.content)
    subject = str(make_header(decode_header(str(found["Subject"]))))
    bodies = [part.get_payload(decode=True).decode() for part in found.walk() if not part.is_multipart()]
    assert "محفوظ 通知" in subject and any(text in body for body in bodies)


@pytest.mark.parametrize("status", [503, 401, 302])
def test_a_provider_that_says_no_is_a_failure(status: int) -> None:
    with Gateway(status) as gateway:
        assert send(Channel("sms", gateway.url()), message("1234")) == ("failed", "refused")


def test_a_failure_tells_no_secret_to_any_log(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    for url in (
        f"json://node:{SECRET}@127.0.0.1:{port}/{SECRET}?:to={{address}}",
        f"mailto://node:{SECRET}@127.0.0.1:{port}?to={{address}}",
        f"nosuchservice://{SECRET}/{{address}}",
        f"tgram://{SECRET}/{{address}}",
    ):
        outcome, fault = send(Channel("x", url), message("secret-address@watch.example"))
        assert outcome == "failed" and fault in ("refused", "broken")
    ours = [r for r in caplog.records if not r.name.startswith(("urllib3", "asyncio", "mail.log"))]
    assert not [r for r in ours if SECRET in r.getMessage() or "secret-address" in r.getMessage()]


def test_a_rate_allows_a_burst_and_then_a_stream(monkeypatch: pytest.MonkeyPatch) -> None:
    now = [100.0]
    monkeypatch.setattr("safeconduct.notify.sending.time.monotonic", lambda: now[0])
    rate = Rate(60)
    assert rate.allow() == 12
    for _ in range(12):
        rate.spend()
    assert rate.allow() == 0
    assert rate.allow(urgent=True) == 12, "a call for help goes into debt"
    for _ in range(12):
        rate.spend()
    assert rate.allow(urgent=True) == 0
    now[0] += 3
    assert (rate.allow(), rate.allow(urgent=True)) == (0, 3), "and the others pay it back"
    now[0] += 12
    assert rate.allow() == 3


def test_the_journal_tells_what_began_and_what_ended_after_a_kill(tmp_path: Path) -> None:
    journal = Journal(tmp_path)
    journal.begin(["a", "b", "c"])
    journal.end({"delivery": "a", "outcome": "delivered", "fault": ""})
    with journal.path.open("ab") as torn:
        torn.write(b'{"ended": {"delivery": "b", "outc')
    again = Journal(tmp_path)
    assert again.worker == journal.worker and again.began == {"b", "c"}
    assert again.ended == {"a": {"delivery": "a", "outcome": "delivered", "fault": ""}}
    again.reported(["a"])
    for name in "bc":
        again.end({"delivery": name, "outcome": "uncertain", "fault": "interrupted"})
    again.reported(["b", "c"])
    empty = Journal(tmp_path)
    assert not empty.began and not empty.ended and empty.worker == journal.worker
    assert empty.path.stat().st_mode & 0o077 == 0


@pytest.mark.parametrize(
    "text", ["", "\x00" * 50, "[]\n7\nnull\n", '{"ended": 3}\n{"began": null}', "{" * 9999]
)
def test_a_broken_journal_is_a_new_one(tmp_path: Path, text: str) -> None:
    (tmp_path / "notifier.journal").write_text(text)
    assert Journal(tmp_path).worker and not Journal(tmp_path).ended
