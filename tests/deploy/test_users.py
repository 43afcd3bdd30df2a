"""One user for each process: two real nodes work like that, and each user gets what is its own and nothing else."""

from __future__ import annotations

import contextlib
import json
import os
import re
import sqlite3
import subprocess
import sys
import urllib.parse
import urllib.request
from collections.abc import Iterator
from fnmatch import fnmatch
from http.cookiejar import CookieJar
from pathlib import Path

import pytest

from deploy.installed import PASSWORD, asks, command, installed, opens, until
from exchange.nodes import INCIDENT
from safeconduct.node.installing import amiss, give_away, with_users
from safeconduct.node.processes import Node, as_user, run_alone
from safeconduct.records.commit import Draft, commit
from safeconduct.records.door import Door
from safeconduct.records.home import Home, HomeError
from safeconduct.records.principals import system_subject
from safeconduct.records.users import FILES, PROCESSES, access_of

Nodes = tuple[Home, Home]
pytestmark = pytest.mark.files("which user may open which of a home's files")

if os.geteuid() != 0 and not os.environ.get("CI"):
    pytest.skip("users are made by root", allow_module_level=True)

MAY: dict[str, dict[str, str]] = {
    "feed": {
        "node.toml": "r",
        "keys/tls.*": "r",
        "feeds/*/feed.sqlite3*": "rw",
        "feeds/*/keys": "r",
        "feeds/*/positions.live": "r",
        "links/*": "r",
    },
    "web": {
        "node.toml": "r",
        "tables/*": "r",
        "accounts/*": "rw",
        "keys/django": "r",
        "keys/devices/*": "rw",
        "links/*": "r",
        "metrics.token": "r",
        "last-backup": "r",
    },
    "courier": {"node.toml": "r", "keys/tls.*": "r", "links/*": "rw", "last-backup": "r"},
    "notifier": {"node.toml": "r", "notifier/*": "rw", "links/*": "r", "last-backup": "r"},
    "field": {
        "node.toml": "r",
        "tables/*": "r",
        "accounts/*": "rw",
        "keys/devices/*": "rw",
        "links/*": "r",
        "last-backup": "r",
    },
}
"""What each process may do with what: written here a second time on purpose. Whatever is missing it may not touch."""
MAY["feed"]["last-backup"] = "r"

KEPT = {
    "feed": (
        "ledger.sqlite3",
        "tables/tables.sqlite3",
        "accounts/accounts.sqlite3",
        "keys/parts",
        "keys/django",
    ),
    "web": ("ledger.sqlite3", "keys/parts", "keys/ledger.key", "keys/tls.key", "feeds/cn/feed.sqlite3"),
    "courier": (
        "ledger.sqlite3",
        "tables/tables.sqlite3",
        "accounts/accounts.sqlite3",
        "notifier/channels.toml",
    ),
    "notifier": ("ledger.sqlite3", "tables/tables.sqlite3", "feeds/cn/feed.sqlite3", "keys/tls.key"),
    "field": ("ledger.sqlite3", "keys/parts", "keys/django", "keys/ledger.key", "feeds/cn/keys"),
}
"""Of these at least each test must have seen that they are kept from the process."""


@pytest.fixture(scope="module")
def homes(prepared: Path) -> Iterator[Nodes]:
    with installed(prepared) as made:
        yield made


@pytest.fixture(scope="module")
def running(homes: Nodes) -> Iterator[Nodes]:
    """Both nodes, started by root, every process as its own user."""
    (homes[0].notifying / "channels.toml").write_text("")
    give_away(homes[0], homes[0].users)
    nodes = [Node(home) for home in homes]
    try:
        for node in nodes:
            node.start(timeout=120)
        for node in nodes:
            node.ready(timeout=120)
        yield homes
        for node in nodes:
            for name, child in node.children.items():
                assert child.poll() is None, name
    finally:
        for node in nodes:
            node.stop()


def test_every_process_runs_as_its_own_user(running: Nodes) -> None:
    for home in running:
        seen = {}
        for each in Path("/proc").glob("[0-9]*"):
            with contextlib.suppress(OSError):
                line = (each / "cmdline").read_bytes().split(b"\0")
                if os.fsencode(home.path) in line and b"safeconduct.node.processes" in line:
                    seen[line[line.index(b"safeconduct.node.processes") + 1].decode()] = each.stat().st_uid
        assert seen == {name: as_user(home, name)["user"] for name in PROCESSES}
        assert len(set(seen.values())) == len(PROCESSES)


def test_a_record_crosses_and_its_acknowledgement_comes_back(running: Nodes) -> None:
    host, partner = running
    with Door.open(host) as door:
        record = commit(
            system_subject("pk"), Draft("incident", INCIDENT, releasable=("cn",)), door=door
        ).record

    def arrived() -> bool:
        with contextlib.closing(sqlite3.connect(f"file:{partner.tables}?mode=ro", uri=True)) as tables:
            sql = "SELECT count(*) FROM records_row WHERE kind = 'incident' AND originator = 'pk'"
            return bool(tables.execute(sql).fetchone()[0])

    until(arrived)

    def acknowledged() -> bool:
        with Door.open(host) as door:
            each = door.call("exchange_cosigned", {})["partners"][0]
        return bool(each["feed_size"] and each["feed_size"] == each["feed_entries"])

    until(acknowledged)
    assert record
    until(lambda: json.loads(host.link("cn").read_text())["last_error"] == "")


def test_somebody_signs_in_and_sees_the_pages(running: Nodes) -> None:
    host = running[0]
    made = command(
        host, "writer", "account", "create", "admin", "--role", "administrator", "--password", PASSWORD
    )
    assert made.returncode == 0, made.stderr
    site = f"http://localhost:{host.settings['port']}"
    browser = urllib.request.build_opener(urllib.request.HTTPCookieProcessor(CookieJar()))
    form = browser.open(f"{site}/accounts/login/", timeout=120).read().decode()
    token = re.search(r'name="csrfmiddlewaretoken" value="([^"]+)"', form)
    assert token is not None
    given = {"csrfmiddlewaretoken": token[1], "login": "admin", "password": PASSWORD}
    request = urllib.request.Request(
        f"{site}/accounts/login/",
        urllib.parse.urlencode(given).encode(),
        {"Referer": f"{site}/accounts/login/"},
    )
    page = browser.open(request, timeout=120)
    assert page.status == 200 and "/login/" not in page.url
    assert browser.open(f"{site}/healthz", timeout=120).status == 200


def test_no_user_gets_more_than_is_its_own(running: Nodes) -> None:
    host = running[0]
    assert command(host, "writer", "metrics-token").returncode == 0
    for process, may in MAY.items():
        got = opens(host, process)
        assert all(not got[place] for place in KEPT[process]), process
        for place, ways in got.items():
            wanted = next((may[pattern] for pattern in may if fnmatch(place, pattern)), "")
            assert ways == wanted, f"{process}: {place}"
        # The patterns are no dead letters: what is named is there to be opened.
        assert any(got.values())


def test_the_writer_looks_who_asks(running: Nodes) -> None:
    host = running[0]
    commit_job = {"id": 1, "job": "commit", "payload": {}}
    note = {"id": 1, "job": "ledger_head", "payload": {}}
    take = {"id": 1, "job": "notify_take", "payload": {}}
    for process, job in (("courier", commit_job), ("notifier", commit_job), ("courier", note), ("web", take)):
        (answer,) = filter(None, asks(host, process, job))
        assert "not for" in json.loads(answer)["reason"], answer
    (answer,) = filter(
        None, asks(host, "courier", {"id": 1, "job": "exchange_cursor", "payload": {"partner": "cn"}})
    )
    assert "have" in json.loads(answer)
    (answer,) = filter(None, asks(host, "web", {"id": 1, "job": "timers", "payload": {}}))
    assert "waiting" in json.loads(answer)
    assert "no door" in asks(host, "feed", note)[0]


def test_the_bus_tells_the_courier_nothing_and_the_notifier_of_messages_alone(running: Nodes) -> None:
    host = running[0]
    program = (
        "import socket, sys, time\n"
        "s = socket.socket(socket.AF_UNIX); s.connect(sys.argv[1]); s.sendall(b'{\"subscribe\":true}\\n')\n"
        "stream = s.makefile('rb'); print(stream.readline().decode(), end='', flush=True)\n"
        "sys.stdin.readline(); s.settimeout(0.5)\n"
        "try: print(stream.readline().decode(), end='')\n"
        "except TimeoutError: pass\n"
    )
    heard = {}
    for process in ("courier", "notifier", "web"):
        with subprocess.Popen(
            [sys.executable, "-I", "-c", program, str(host.socket)],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, cwd="/", **as_user(host, process),
        ) as listener:  # fmt: skip
            assert listener.stdout is not None
            assert "subscribed" in listener.stdout.readline()
            with Door.open(host) as door:
                commit(system_subject("pk"), Draft("incident", INCIDENT), door=door)
            heard[process] = listener.communicate("\n", timeout=120)[0]
    assert not heard["courier"] and not heard["notifier"]
    assert "incident" in heard["web"]


def test_nobody_else_on_the_machine_gets_past_the_home(running: Nodes) -> None:
    host = running[0]
    for path in (host.path / "node.toml", host.socket):
        tried = subprocess.run(
            [sys.executable, "-I", "-c", "import os, sys; os.stat(sys.argv[1])", str(path)],
            user=65534, group=65534, extra_groups=[], capture_output=True, text=True, check=False, cwd="/",
        )  # fmt: skip
        assert "PermissionError" in tried.stderr


def test_what_runs_leaves_everything_as_it_ought_to_be(running: Nodes) -> None:
    for home in running:
        assert [line for line in amiss(home) if not line.endswith("-shm") and "-wal" not in line] == []


def test_a_running_home_is_not_given_away(running: Nodes) -> None:
    with pytest.raises(HomeError, match="running"):
        give_away(running[0], running[0].users)


def test_root_and_the_wrong_user_are_told_whose_home_it_is(homes: Nodes) -> None:
    from click.testing import CliRunner

    from safeconduct.node.cli import main

    said = CliRunner().invoke(main, ["--home", str(homes[0].path), "verify"])
    assert said.exit_code == 1 and f"belongs to {homes[0].users}-writer" in said.output
    with pytest.raises(HomeError, match="runs as"):
        run_alone(homes[0], "web")
    wrong = command(homes[0], "courier", "run", "web")
    assert wrong.returncode == 1 and "runs as" in wrong.stderr


def test_a_backup_holds_the_same_places_whosever_the_home_is(homes: Nodes, tmp_path: Path) -> None:
    host = homes[0]
    folder = host.path / "backup"
    made = command(host, "writer", "backup", str(folder))
    assert made.returncode == 0, made.stderr
    assert {path.relative_to(folder).as_posix() for path in folder.rglob("*.sqlite3")} == {
        "ledger.sqlite3",
        "accounts.sqlite3",
        "feeds/cn/feed.sqlite3",
    }


@pytest.mark.parametrize("users", ["", "root user", "Ünïcode", "x" * 40, "../x", "-rf"])
def test_a_name_that_is_none_makes_no_users(homes: Nodes, users: str) -> None:
    with pytest.raises(HomeError, match="cannot begin"):
        with_users(homes[0], users)


def test_each_row_of_the_table_is_reached(homes: Nodes) -> None:
    assert (
        access_of("keys/bus-authority.pem", folder=False).group == "home"
    )  # the feed's line to NATS needs it, too
    for each in FILES:
        place = each.pattern.replace("*", "x").removesuffix("/")
        assert access_of(place, each.pattern.endswith("/")) is each, each.pattern
    assert access_of("anything/new", folder=False).mode == 0o600


def test_the_handbook_has_the_table_as_the_machine_applies_it() -> None:
    handbook = (Path(__file__).resolve().parents[2] / "docs/operator.md").read_text()
    for each in FILES:
        owner = each.owner or "its maker"
        assert f"| `{each.pattern}` | {owner} | {each.group} | {each.mode:04o} | {each.holds} |" in handbook
