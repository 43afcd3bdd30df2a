"""Litestream beside a node: it copies while the node writes and erases, and what was erased comes back from no copy."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from click.testing import CliRunner

from safeconduct.node.backups import Manifest, restore, verify_home
from safeconduct.node.cli import main
from safeconduct.node.replicas import PROGRAM, configuration, fetch
from safeconduct.records.home import HomeError

from .nodes import INCIDENT, Node, pull
from .test_erased_stays_erased import PARTS, PLAIN, SECRET, again, holding, parts_of

pytestmark = pytest.mark.files("Litestream copies SQLite's files")

Pair = tuple[Node, Node]
LITESTREAM = Path(sys.executable).parent / "litestream"
PATIENCE = 240.0


@pytest.fixture(autouse=True)
def _program(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(PROGRAM, str(LITESTREAM))


@contextmanager
def copying(node: Node, target: Path) -> Iterator[None]:
    """Litestream at work, as the node's own configuration has it."""
    made = CliRunner().invoke(main, ["--home", str(node.home.path), "replica-config", str(target)])
    assert made.exit_code == 0 and made.output == configuration(node.home, str(target))
    settings = target.with_name("litestream.yml")
    settings.write_text(made.output)
    log = target.with_name("litestream.log")
    with log.open("wb") as said:
        daemon = subprocess.Popen([LITESTREAM, "replicate", "-config", settings], stdout=said, stderr=said)
    try:
        yield
        assert daemon.poll() is None, log.read_text()
    finally:
        daemon.terminate()
        daemon.wait(PATIENCE)


def caught_up(node: Node, target: Path, folder: Path) -> Path:
    """A backup made from the copy once it has all that the node has."""
    end, attempt = time.monotonic() + PATIENCE, 0
    while True:
        attempt += 1
        place = folder / f"attempt-{attempt}"
        try:
            size = fetch(node.home, str(target), place)
        except HomeError as fault:
            size, said = -1, str(fault)
        else:
            said = f"{size} of {node.writer.log.size}"
        if size == node.writer.log.size:
            return place
        assert time.monotonic() < end, said
        time.sleep(0.5)


def test_a_node_is_copied_while_it_writes_and_erases(nodes: Pair, tmp_path: Path) -> None:
    host, partner = nodes
    target = tmp_path / "replica"
    with copying(host, target):
        record = host.commit("incident", PARTS, levels={"summary": 0, "response": 2}).record
        kept = host.commit("incident", INCIDENT).record
        pull(partner, host)
        older = caught_up(host, target, tmp_path / "before")
        host.system("erase", record=record, reason="asked for")
        assert host.writer.db.execute("SELECT count(*) FROM erasing").fetchone() == (0,), "swept at once"
        assert holding(host.home.path, PLAIN) == holding(host.home.path, SECRET) == []
        for _ in range(40):
            host.commit("incident", INCIDENT)
        newer = caught_up(host, target, tmp_path / "after")
        drill = CliRunner().invoke(
            main, ["--home", str(host.home.path), "restore-drill", "--replica", str(target)]
        )
        assert drill.exit_code == 0, drill.output
        assert "with this backup would be lost: nothing" in drill.output
    assert verify_home(host.home).broken is None
    for copy in (older, newer, target):
        assert holding(copy, PLAIN) == holding(copy, SECRET) == []
    assert not [path for path in newer.rglob("*") if path.name in ("tables.sqlite3", "parts", "keys")]
    assert Manifest.of(newer).party == "pk"

    host.close()
    again(host).close()
    restore(host.home, older)
    again(host)
    assert parts_of(host, record) == set() and parts_of(host, kept) == set(INCIDENT)
    assert holding(host.home.path, PLAIN) == holding(host.home.path, SECRET) == []


def test_what_cannot_be_fetched_is_said(nodes: Pair, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    host, _ = nodes
    with pytest.raises(HomeError, match="Litestream does not give feed-cn: "):
        fetch(host.home, str(tmp_path / "nothing"), tmp_path / "one")
    with pytest.raises(HomeError, match="is not empty"):
        fetch(host.home, str(tmp_path / "nothing"), host.home.path)
    monkeypatch.delenv(PROGRAM)
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(HomeError, match="not installed"):
        fetch(host.home, str(tmp_path / "nothing"), tmp_path / "two")


def test_the_configuration_names_no_keys_no_tables_and_no_accounts(nodes: Pair) -> None:
    host, _ = nodes
    text = configuration(host.home, "s3://bucket/node/")
    assert "s3://bucket/node/ledger" in text and "feeds/cn/feed.sqlite3" in text and "feeds/xx" in text
    assert not any(word in text for word in ("keys", "tables.sqlite3", "accounts.sqlite3", "positions"))
