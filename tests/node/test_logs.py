"""What the processes of a node say: one event on a line, in codes and numbers, and nothing of anybody."""

from __future__ import annotations

import ast
import json
import logging
import os
import socket
import sqlite3
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing, suppress
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
import requests

import safeconduct
from safeconduct.node.logs import Lines
from safeconduct.records import events
from safeconduct.records.events import EVENTS, FIELDS, log_event
from safeconduct.records.home import Home

from .test_processes import free_port, until

SOURCE = Path(safeconduct.__file__).parent
SPEAK = {"records/events.py", "node/logs.py"}
SILENCE = {"notify/sending.py"}
"""Where a library is told to say nothing."""

PRINT = {"node/describe.py", "shell/messages.py", "node/processes.py"}
"""Commands; and a process that does not start tells whoever started it why."""

# --- the source ------------------------------------------------------------------------------------------


def sources() -> Iterator[tuple[str, ast.Module]]:
    for path in sorted(SOURCE.rglob("*.py")):
        text = path.read_text("utf-8")
        if "log" in text or "print(" in text or "std" in text or "warn" in text:
            yield path.relative_to(SOURCE).as_posix(), ast.parse(text)


def test_the_program_speaks_to_its_log_in_events_alone() -> None:
    """Each call names an event of the table and fields that may be told, and nothing writes to a log beside it."""
    told: set[str] = set()
    for name, tree in sources():
        for node in ast.walk(tree):
            if not isinstance(node, ast.Call):
                continue
            where = f"{name}:{node.lineno}"
            match node.func:
                case ast.Name(id="log_event"):
                    (code,) = node.args
                    assert isinstance(code, ast.Constant) and code.value in EVENTS, where
                    told.add(code.value)
                    assert {each.arg for each in node.keywords} <= FIELDS | {"fault", "unforeseen"}, where
                case ast.Attribute(value=ast.Name(id="logging" | "log" | "logger"), attr=said):
                    assert name in SPEAK | SILENCE or not _speaks(said), where
                case ast.Attribute(value=ast.Attribute(attr="stderr" | "stdout"), attr="write"):
                    raise AssertionError(where)
                case ast.Name(id="print"):
                    assert name in PRINT, where
    assert told | {"uncaught", "library"} == set(EVENTS)


def _speaks(method: str) -> bool:
    return method in (
        "debug",
        "info",
        "warning",
        "error",
        "exception",
        "critical",
        "log",
        "warn",
        "basicConfig",
    )


# --- one line --------------------------------------------------------------------------------------------


@pytest.fixture
def lines() -> Iterator[Callable[[], list[dict[str, Any]]]]:
    """What is said meanwhile, as it would be written."""
    found: list[str] = []

    class Kept(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            found.append(self.format(record))

    handler = Kept()
    handler.setFormatter(Lines("test"))
    loggers = [logging.getLogger(name) for name in ("safeconduct", "strange")]
    for logger in loggers:
        logger.addHandler(handler)
    yield lambda: [json.loads(each) for each in found]
    for logger in loggers:
        logger.removeHandler(handler)


def test_an_event_has_a_time_a_level_a_code_and_its_numbers(
    lines: Callable[[], list[dict[str, Any]]],
) -> None:
    with events.request("ab12"):
        log_event("timer_failed", timer="journey_due", tries=3, fault=ValueError("Mr Chen"))
    (said,) = lines()
    assert said.pop("time").endswith("+00:00")
    assert said == {
        "level": "error", "process": "test", "event": "timer_failed", "timer": "journey_due", "tries": 3,
        "fault": "ValueError", "request": "ab12",
    }  # fmt: skip


def test_nothing_in_words_gets_into_a_line(lines: Callable[[], list[dict[str, Any]]]) -> None:
    def deep(secret: str) -> None:
        raise RuntimeError(f"about {secret}")

    try:
        deep("Mr Chen of Karachi")
    except RuntimeError as fault:
        log_event("job_failed", fault=fault, unforeseen=True, kind="Mr Chen\n{}", partner="x" * 200)
        logging.getLogger("strange").exception("Karachi %s", "Chen", stack_info=True, extra={"who": "Chen"})
        log_event("Mr Chen")
    first, second, third = lines()
    assert "Chen" not in json.dumps([first, second, third]) and "Karachi" not in json.dumps(
        [first, second, third]
    )
    assert (first["kind"], first["partner"]) == ("?", "?")
    assert first["places"][-1].split(":")[1] == "deep" and second["fault"] == "RuntimeError"
    assert (second["event"], second["logger"], third["event"]) == ("library", "strange", "library")


def test_journald_is_told_how_grave_a_line_is(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("JOURNAL_STREAM", "8:1")
    record = logging.LogRecord("x", logging.ERROR, "", 0, events.Told("job_failed"), None, None)
    assert Lines("writer").format(record).startswith('<3>{"time"')


# --- a node ----------------------------------------------------------------------------------------------

CANARY = "CANARY"
"""Stands in every name, word, place, password, token and address of the story; nothing of it may be said."""


class Node:
    """The processes of a home, and all that they say."""

    def __init__(self, home: Home, folder: Path) -> None:
        self.home, self.said = home, folder / "said"
        self._running: list[subprocess.Popen[bytes]] = []

    def start(self, name: str) -> None:
        environment = {k: v for k, v in os.environ.items() if not k.startswith(("SAFECONDUCT_", "DJANGO_"))}
        command = [sys.executable, "-m", "safeconduct.node.processes", name, str(self.home.path)]
        with self.said.open("ab") as out:
            self._running.append(subprocess.Popen(command, env=environment, stdout=out, stderr=out))

    def close(self) -> None:
        for process in reversed(self._running):
            process.terminate()
            process.wait(90)

    def lines(self) -> list[dict[str, Any]]:
        return [json.loads(line) for line in self.said.read_text("utf-8").splitlines()]


def listens(port: int) -> bool:
    with suppress(OSError), socket.create_connection(("127.0.0.1", port), 1):
        return True
    return False


@pytest.fixture
def running(host_home: Home, tmp_path: Path) -> Iterator[tuple[Node, int, int, str]]:
    """A node with all its processes, its ports for pages and for devices, and a token of somebody's."""
    from django.utils import timezone

    from safeconduct.people import tokens
    from safeconduct.people.models import Account
    from safeconduct.people.roles import assign_role
    from safeconduct.records import here
    from safeconduct.records.door import Door
    from safeconduct.records.principals import system_subject

    with Door.open(host_home) as door, here.at(host_home, door):
        account = Account.objects.create_account(f"{CANARY.lower()}-name", clearance=3)
        account.set_password(f"{CANARY}-password")
        account.save()
        for role in ("watch_officer", "coordinator"):
            assign_role(system_subject(host_home.party), account, role)
        expires = timezone.now() + timedelta(days=1)
        _, secret = tokens.issue(account, CANARY, ("watch_officer", "coordinator"), "write", expires)
    web, mqtt = free_port(), free_port()
    settings = {**host_home.settings, "port": web, "mqtt_port": mqtt, "exchange_port": free_port()}
    home = Home(host_home.path, host_home.party, host_home.side, host_home.name, {}, settings)
    home.save()
    (home.path / "channels.toml").write_text(f'[sms]\nurl = "json://{CANARY}.example"\nper_minute = "x"\n')
    (home.path / "channels.toml").chmod(0o600)
    with ExitStack() as stack:
        node = Node(home, tmp_path)
        stack.callback(node.close)
        node.start("writer")
        until(home.socket.exists)
        for name in ("web", "feed", "courier", "notifier", "field"):
            node.start(name)
        try:
            until(lambda: listens(web) and listens(mqtt))
        except AssertionError as fault:
            raise AssertionError(node.said.read_text("utf-8")) from fault
        yield node, web, mqtt, secret


def test_no_process_says_anything_of_anybody(running: tuple[Node, int, int, str]) -> None:
    node, web, mqtt, secret = running
    at = f"http://127.0.0.1:{web}"
    bearer = {"Authorization": f"Bearer {secret}"}
    parts = {
        "summary": {"title": f"{CANARY} title", "narrative": CANARY, "category": "attack"},
        "when": {"start": "2024-10-06T18:00:00Z"},
        "where": {"latitude": 24.912345, "longitude": 67.154321, "place": CANARY, "district": CANARY},
        "people": {"victims": CANARY},
    }
    made = requests.post(f"{at}/api/v1/incidents", json={"parts": parts}, headers=bearer, timeout=90)
    assert made.status_code == 201, made.text
    record = made.json()["record"]
    wrong = {
        "Authorization": f"Bearer {CANARY}",
        "Cookie": f"sc={CANARY}",
        "User-Agent": CANARY,
        "Referer": CANARY,
    }
    asked = [
        requests.get(f"{at}/api/v1/incidents?text={CANARY}", headers=bearer, timeout=90).status_code,
        requests.get(f"{at}/api/v1/records/{CANARY}", headers=bearer, timeout=90).status_code,
        requests.post(f"{at}/api/v1/incidents", data=f'{{"{CANARY}": ', headers=bearer, timeout=90).status_code,
        requests.get(f"{at}/api/v1/me", headers=wrong, timeout=90).status_code,
        requests.get(f"{at}/{CANARY}?{CANARY}", headers={"Host": f"{CANARY}.example"}, timeout=90).status_code,
        requests.post(f"{at}/accounts/login/", data={"login": CANARY, "password": CANARY}, timeout=90).status_code,
        requests.post(f"{at}/field/owntracks", data=CANARY, auth=(CANARY, CANARY), timeout=90).status_code,
        requests.post(f"{at}/field/osmand?id={CANARY}&lat=24.912345", timeout=90).status_code,
    ]  # fmt: skip
    assert all(status < 500 for status in asked) and len({*asked}) > 3
    with socket.create_connection(("127.0.0.1", mqtt), 90) as device:
        device.sendall(b"\x10\x80\x80\x01" + CANARY.encode() * 40)
        device.recv(10)
    _jobs_that_fail(node)
    request = _fails(node, at, bearer, record)
    node.close()
    said = node.lines()
    raw = node.said.read_text("utf-8").lower()
    for secret_word in (
        CANARY.lower(),
        secret.lower(),
        record,
        "24.912345",
        "67.154321",
        "select ",
        "127.0.0.1",
    ):
        assert secret_word not in raw, secret_word
    assert {each["process"] for each in said} >= {"writer", "web", "notifier", "field"}
    codes = {each["event"] for each in said}
    assert codes >= {"job_failed", "channels_wrong", "device_wrong", "library"}
    assert codes <= set(EVENTS)
    failed = [each for each in said if each.get("request") == request]
    assert failed and all(each["fault"] and each["places"] for each in failed)


def _jobs_that_fail(node: Node) -> None:
    """What is no proper request to the writer fails in the middle of a job, with the words in its hands."""
    with socket.socket(socket.AF_UNIX) as client:
        client.connect(str(node.home.socket))
        client.settimeout(90)
        jobs = ("stream", "note", "open_part", "commit")
        for job in jobs:
            client.sendall(json.dumps({"id": 1, "job": job, "payload": [CANARY]}).encode() + b"\n")
        answers = client.makefile("rb")
        assert {json.loads(answers.readline())["error"] for _ in jobs} >= {"unavailable"}


def _take_away(home: Home, database: str, table: str) -> None:
    if home.database is None:
        with closing(sqlite3.connect(home.path / f"{database}.sqlite3")) as file:
            file.execute(f"ALTER TABLE {table} RENAME TO gone")
            file.commit()
        return
    import psycopg

    with psycopg.connect(home.database) as session:
        if database == "tables":
            session.execute(f"ALTER VIEW reading.{table} RENAME TO gone".encode())
        session.execute(f"ALTER TABLE {database}.{table} RENAME TO gone".encode())


def _fails(node: Node, at: str, bearer: dict[str, str], record: str) -> str:
    """Take the tables away under the web process: pages and API fail. The number of the request that failed."""
    _take_away(node.home, "tables", "records_row")
    answer = requests.get(f"{at}/api/v1/records/{record}?x={CANARY}", headers=bearer, timeout=90)
    assert answer.status_code == 500 and CANARY not in answer.text
    _take_away(node.home, "accounts", "people_account")
    page = requests.post(
        f"{at}/accounts/login/",
        data={"login": CANARY, "password": CANARY},
        headers={"Origin": at},
        timeout=90,
    )
    assert page.status_code in (403, 500)
    return str(answer.headers["X-Request-ID"])
