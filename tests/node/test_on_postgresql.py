"""A node on PostgreSQL from its first day: made, opened and signed in to, as its operator and its people do."""

from __future__ import annotations

import http.cookiejar
import os
import re
import subprocess
import sys
import urllib.parse
import urllib.request
from pathlib import Path

import ready
from node.test_processes import free_port
from safeconduct.node.processes import Node
from safeconduct.records.home import Home

SAFECONDUCT = Path(sys.executable).parent / "safeconduct"
PASSWORD = "correct-horse-battery"


def command(home: Path, *words: str) -> subprocess.CompletedProcess[str]:
    environment = {k: v for k, v in os.environ.items() if not k.startswith(("SAFECONDUCT", "DJANGO"))}
    return subprocess.run(
        [SAFECONDUCT, "--home", home, *words], env=environment, capture_output=True, text=True, check=False
    )


def made(home: Path, **given: str) -> subprocess.CompletedProcess[str]:
    ports = ["--port", str(free_port()), "--exchange-port", str(free_port())]
    options = [word for name, value in given.items() for word in (f"--{name.replace('_', '-')}", value)]
    return command(home, "init", "--party", "pk", "--side", "host", "--name", "Host", *ports, *options)


def test_a_node_is_made_and_signed_in_to_and_its_pages_work_behind_the_wall(tmp_path: Path) -> None:
    given = ready.own_database()
    done = made(tmp_path / "home", **given)
    assert done.returncode == 0, done.stderr
    done = command(tmp_path / "home", "account", "create", "sana", "--name", "Sana", "--role", "coordinator")
    assert done.returncode == 0, done.stderr
    password = re.findall(r"\S{12,}", done.stdout)[-1]
    home = Home.load(tmp_path / "home")
    assert not list(home.path.glob("tables*")) and not list(home.path.glob("accounts*"))
    node = Node(home)
    node.start(("writer", "web"))
    try:
        node.ready()
        browser = Browser(f"http://localhost:{home.settings['port']}")
        assert '"ok"' in browser.get("/healthz")
        page = browser.post("/accounts/login/", login="sana", password=password)
        assert "Sana" in page
        name = ready.names(home)["tables"]
        roles = ready.server().ask(
            f"SELECT DISTINCT usename FROM pg_stat_activity WHERE datname = '{name}' "
            "AND application_name = 'safeconduct web'"
        )
        assert roles == [("safeconduct_web",)]
        ready.server().ask(
            f"SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity WHERE datname = '{name}' "
            "AND usename = 'safeconduct_web'"
        )
        assert "Sana" in browser.get("/"), "connections that were cut are made again"
    finally:
        node.stop()


class Browser:
    def __init__(self, address: str) -> None:
        self.address = address
        self.jar = http.cookiejar.CookieJar()
        self.opener = urllib.request.build_opener(urllib.request.HTTPCookieProcessor(self.jar))

    def get(self, path: str, data: bytes | None = None) -> str:
        asked = urllib.request.Request(self.address + path, data, {"Referer": self.address + path})
        with self.opener.open(asked, timeout=90) as answer:
            return str(answer.read().decode())

    def post(self, path: str, **fields: str) -> str:
        found = re.search(r'name="csrfmiddlewaretoken" value="(\w+)"', self.get(path))
        assert found
        given = {"csrfmiddlewaretoken": found[1], **fields}
        return self.get(path, urllib.parse.urlencode(given).encode())


def test_no_address_with_a_password_is_taken_from_a_command_line(tmp_path: Path) -> None:
    done = made(tmp_path / "home", database="postgresql://u:hunter2@/d")
    assert done.returncode == 1 and "command line" in done.stderr
    assert "hunter2" not in done.stderr + done.stdout and not (tmp_path / "home").exists()
    done = made(tmp_path / "home", database="mysql://u@/d")
    assert done.returncode == 1 and "postgresql://" in done.stderr and not (tmp_path / "home").exists()


def test_a_database_that_does_not_answer_is_said_in_one_line_without_its_password(tmp_path: Path) -> None:
    home = Home.create(
        tmp_path / "home", "pk", "host", "Host", database="postgresql://u:hunter2@/d?host=/nowhere"
    )
    done = command(home.path, "rebuild")
    assert done.returncode != 0
    assert "hunter2" not in done.stderr + done.stdout and "hunter2" not in repr(home)
