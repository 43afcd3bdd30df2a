"""Several machines, one sequencer: who waits, who takes over, who must not, and what is carried to a new machine."""

from __future__ import annotations

import re
import shutil
import threading
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from click.testing import CliRunner

import ready
from safeconduct.exchange.identity import Keys, hpke_key, tls_files
from safeconduct.node import following
from safeconduct.node.cli import main
from safeconduct.node.health import CHECKS
from safeconduct.node.machine_authority import found_authority, issue
from safeconduct.node.machine_folder import lay_out
from safeconduct.node.machines_told import told_machines
from safeconduct.node.processes import has
from safeconduct.node.secret import secret_key
from safeconduct.records.claiming import Claimed, StandBy
from safeconduct.records.door import Door
from safeconduct.records.home import Home, HomeError
from safeconduct.records.refusals import Unavailable
from safeconduct.records.stand_by import standing
from safeconduct.records.writer import Writer

pytestmark = pytest.mark.parametrize("database", ["postgresql"], indirect=True)


def until(condition: Callable[[], bool], seconds: float = 90) -> None:
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "in vain"
        time.sleep(0.02)


@pytest.fixture
def first(bare_home: Home) -> Home:
    """Machine a of a node of several machines; nothing listens at its door."""
    from safeconduct.exchange.identity import decoy_secret

    Keys.of(bare_home), tls_files(bare_home), hpke_key(bare_home), decoy_secret(bare_home)
    secret_key(bare_home)
    shared = {
        f"{what}_database": ready.server().address(ready.server().fresh()) for what in ("feeds", "keys")
    }
    here = {"machine": "a", "doors": ["127.0.0.1:9101"], "door_port": 9101}
    home = replace(bare_home, settings={**bare_home.settings, **shared, **here})
    home.save()
    return home


@pytest.fixture
def second(first: Home, tmp_path: Path) -> Home:
    """Machine b: the same files, the same databases."""
    home = replace(first, path=tmp_path / "b", settings={**first.settings, "machine": "b"})
    shutil.copytree(first.path, home.path)
    home.save()
    return home


class Waiting:
    """A stand-by in a thread of its own, and what it got."""

    def __init__(self, home: Home) -> None:
        self.stand_by = StandBy(home)
        self.got: list[Claimed | None] = []
        self.thread = threading.Thread(target=lambda: self.got.append(self.stand_by.wait()), daemon=True)
        self.thread.start()

    def end(self) -> Claimed | None:
        self.stand_by.stop.set()
        self.thread.join(90)
        (found,) = self.got
        return found


def words(home: Home) -> str:
    found = standing(home)
    return found.words if found is not None else ""


def test_a_second_machine_stands_by_and_takes_over_when_the_claim_is_free(first: Home, second: Home) -> None:
    writer = Writer(first)
    waiting = Waiting(second)
    until(lambda: "machine a holds the sequencer" in words(second))
    assert all(CHECKS[process](second) for process in ("writer", "feed", "courier", "notifier"))
    with pytest.raises(Unavailable, match="machine a holds the sequencer"):
        Door.open(second)
    until(lambda: len(list(told_machines(Door(first, writer)))) == 2)
    held, stands = told_machines(Door(first, writer))
    assert held.startswith("machine a holds the sequencer since 20") and "machine b stands by" in stands
    writer.close()
    waiting.thread.join(90)
    (claimed,) = waiting.got
    assert claimed is not None and standing(second) is None
    other = Waiting(first)
    until(lambda: "machine a holds" in words(first))  # b has the claim, and has not begun
    begun = Writer(second, claimed=claimed)
    until(lambda: "machine b holds" in words(first))
    assert other.end() is None
    begun.close()


def test_a_stand_by_that_is_stopped_lets_go_of_its_home(first: Home, second: Home) -> None:
    writer = Writer(first)
    for _ in range(2):
        assert Waiting(second).end() is None
    writer.close()


def _other_key(home: Home) -> None:
    (home.keys / "ledger.key").write_text((home.keys / "ledger.key").read_text() + "\n")


def _no_key(home: Home) -> None:
    (home.keys / "witness.key").unlink()


def _other_partners(home: Home) -> None:
    pass


@pytest.mark.parametrize(
    ("change", "said"),
    [(_other_key, "keys/ledger.key"), (_no_key, "keys/witness.key"), (_other_partners, "node.toml")],
)
def test_a_machine_that_lacks_what_signs_does_not_take_over_and_says_so(
    first: Home, second: Home, change: Callable[[Home], None], said: str
) -> None:
    Writer(first).close()
    change(second)
    if change is _other_partners:
        second = replace(second, settings={**second.settings, "signatories": []})
    waiting = Waiting(second)
    until(lambda: said in words(second))
    assert "it cannot take over" in words(second) and "machine a" in words(second)
    assert waiting.end() is None
    with pytest.raises(HomeError, match=re.escape(said)):
        Writer(second)
    Writer(first).close()


def test_after_a_restore_only_that_machine_goes_on(first: Home, second: Home) -> None:
    from safeconduct.records.home import Partner

    partner = {"cn": Partner("cn", "one", "Partner")}
    first, second = replace(first, partners=partner), replace(second, partners=partner)
    Writer(first).close()
    (first.feed("cn") / "restored").touch()
    Writer(first).close()
    shutil.copy2(first.keys / "feed-cn.key", second.keys)
    with pytest.raises(HomeError, match="restored from a backup"):
        Writer(second)


@pytest.mark.parametrize("setting", ["feeds_database", "keys_database", "door_port"])
def test_a_writer_that_would_need_another_machines_files_does_not_start(first: Home, setting: str) -> None:
    lacking = replace(first, settings={k: v for k, v in first.settings.items() if k != setting})
    with pytest.raises(HomeError, match=setting):
        StandBy(lacking)
    with pytest.raises(HomeError, match=setting):
        Writer(lacking)


def test_a_machine_of_pages_is_given_what_its_processes_read_and_no_more(first: Home, tmp_path: Path) -> None:
    found_authority(first)
    (first.keys / "pin").write_text("1234")
    for name in (
        "roads/net",
        "response/list",
        "keys/bus-authority.pem",
        "tls/node.key",
        "tls/authority.key",
        "keys/devices/key",
    ):
        (first.path / name).parent.mkdir(exist_ok=True)
        (first.path / name).write_text("x")
    processes = ["web", "field"]
    laid = lay_out(first, tmp_path / "c", "c", processes, None, issue(first, "c", processes))
    there = {path.relative_to(laid.path).as_posix() for path in laid.path.rglob("*") if path.is_file()}
    assert there == {
        "node.toml", "keys/django", "keys/devices/key", "roads/net", "response/list", "tls/node.key",
        "keys/door/authority.pem", "keys/door/web.pem", "keys/door/web.key", "keys/door/field.pem",
        "keys/door/field.key", "keys/bus-authority.pem",
    }  # fmt: skip
    assert {path.stat().st_mode & 0o077 for path in laid.path.rglob("*")} == {0}
    text = (laid.path / "node.toml").read_text()
    owner = first.settings["database"]
    assert owner not in text and "feeds_database" not in text and "keys_database" not in text
    loaded = Home.load(laid.path)
    assert [has(loaded, name) for name in ("web", "writer", "feed", "courier")] == [True, False, False, False]
    with pytest.raises(Unavailable, match="holds no sequencer"):
        Door.open(loaded)
    with pytest.raises(HomeError, match="not empty"):
        lay_out(first, tmp_path / "c", "c", processes, None, [])
    bare = replace(first, settings={k: v for k, v in first.settings.items() if k != "database_web"})
    with pytest.raises(HomeError, match="database_web"):
        lay_out(bare, tmp_path / "d", "d", processes, None, [])


def test_a_machine_that_cannot_be_laid_out_leaves_no_door_in_the_settings(
    first: Home, tmp_path: Path
) -> None:
    found_authority(first)
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "something").touch()
    asked = ["machine", "add", "b", "--processes", "writer", "--door", "127.0.0.1:9102", "--to"]
    for folder, doors in ((tmp_path / "full", 1), (tmp_path / "new", 2)):
        done = CliRunner().invoke(main, ["--home", str(first.path), *asked, str(folder)])
        assert (done.exit_code == 0) == (doors == 2), done.output
        assert len(Home.load(first.path).settings["doors"]) == doors
    assert "add 127.0.0.1:9102 to `doors`" in done.output
    for nats in ([], ["nats://127.0.0.1:4222"]):
        now = Home.load(first.path)
        replace(now, settings={**now.settings, "nats": nats}).save()
        done = CliRunner().invoke(main, ["--home", str(first.path), "machine", "remove", "b"])
        assert ("NATS still knows it" in done.output) == bool(nats), done.output
        with Door.open(Home.load(first.path)) as door:
            given = [each.listed() for each in issue(first, "b", ["writer"])]
            door.call("machine_added", {"machine": "b", "certificates": given})
    assert Home.load(tmp_path / "new").settings["doors"] == ["127.0.0.1:9101", "127.0.0.1:9102"]


def test_a_machine_with_a_writer_could_take_over(first: Home, tmp_path: Path) -> None:
    found_authority(first)
    Writer(first).close()
    processes = ["writer", "feed", "web", "courier", "notifier"]
    door = ("127.0.0.1", 9102)
    laid = lay_out(first, tmp_path / "d", "d", processes, door, issue(first, "d", processes))
    assert not (laid.keys / "door" / "authority.key").exists()
    Writer(Home.load(laid.path)).close()


def test_pages_of_a_newer_version_wait_for_the_databases(
    first: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert following.unmigrated(first) == ""
    known = following.own_migrations()
    later = {**known, "tables": known["tables"] | {("records", "9999_later")}}
    monkeypatch.setattr(following, "own_migrations", lambda: later)
    assert "records 9999_later" in following.unmigrated(first)
