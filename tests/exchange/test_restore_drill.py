"""A restore on trial says what a backup is worth, finds what is wrong with one, and touches neither node."""

from __future__ import annotations

import hashlib
import shutil
import socket
import sqlite3
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from safeconduct.node.backups import backup
from safeconduct.node.cli import main
from safeconduct.records.home import Home, last_restore_drill

from .nodes import INCIDENT, Node, pull

pytestmark = pytest.mark.files("`backup` and `restore` copy files")

Pair = tuple[Node, Node]


def drill(home: Home, *options: str) -> Result:
    return CliRunner().invoke(main, ["--home", str(home.path), "restore-drill", *options])


def reason(home: Home, folder: Path) -> str:
    """Why a backup does not hold; nothing is noted and nothing left behind then."""
    scratch = folder.parent / "scratch"
    scratch.mkdir(exist_ok=True)
    result = drill(home, "--backup", str(folder), "--scratch", str(scratch))
    assert result.exit_code == 1 and last_restore_drill(home) is None
    assert list(scratch.iterdir()) == []
    return result.output


def contents(folder: Path) -> dict[str, str]:
    """Every file of a home but the databases' shared memory, by its digest."""
    return {
        str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(folder.rglob("*"))
        if path.is_file() and not path.name.endswith("-shm")
    }


def damaged(folder: Path, name: str) -> Path:
    copy = folder.with_name(name)
    shutil.copytree(folder, copy)
    return copy


def test_a_drill_beside_the_running_node(
    nodes: Pair, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    host, partner = nodes
    host.commit("incident", INCIDENT)
    pull(partner, host)
    folder, scratch = tmp_path / "backup", tmp_path / "scratch"
    scratch.mkdir()
    made = CliRunner().invoke(main, ["--home", str(host.home.path), "backup", str(folder)])
    assert made.exit_code == 0, made.output
    later = host.commit("incident", INCIDENT).record
    host.commit("incident", {"people": {"killed_best": 3}}, record=later, expected=1)
    pull(partner, host)
    before = contents(host.home.path)
    monkeypatch.setattr(socket.socket, "connect", None, raising=False)
    result = drill(host.home, "--scratch", str(scratch))
    assert result.exit_code == 0, result.output
    assert "tables made again from" in result.output and "begins with it" in result.output
    assert "with this backup would be lost: 2 versions of own records" in result.output
    assert "1 entries of the feed to cn, which has 1 of them" in result.output
    assert "1 entries of the feed to xx, which has 0 of them" in result.output
    assert list(scratch.iterdir()) == []
    noted = set(contents(host.home.path).items() ^ before.items())
    assert {name for name, _ in noted} == {"last-restore-drill"}
    assert last_restore_drill(host.home) is not None


def test_what_is_wrong_with_a_backup_is_said(nodes: Pair, tmp_path: Path) -> None:
    host, partner = nodes
    record = host.commit("incident", INCIDENT).record
    folder = tmp_path / "backup"
    backup(host.home, folder)

    cut = damaged(folder, "cut")
    whole = (cut / "ledger.sqlite3").read_bytes()
    (cut / "ledger.sqlite3").write_bytes(whole[: len(whole) // 2])
    assert "cannot be read" in reason(host.home, cut)

    flipped = damaged(folder, "flipped")
    with sqlite3.connect(flipped / "ledger.sqlite3") as connection:
        connection.execute("UPDATE ledger_leaf SET leaf = replace(leaf, 'pk', 'cn') WHERE idx = 4")
    assert "damaged at index 4" in reason(host.home, flipped)

    feed = damaged(folder, "feed")
    with sqlite3.connect(feed / "feeds" / "cn" / "feed.sqlite3") as connection:
        connection.execute("UPDATE feed_leaf SET leaf = replace(leaf, 'pk', 'cn') WHERE idx = 1")
    assert "the feed to cn in the backup is damaged at entry 1" in reason(host.home, feed)

    unfinished = damaged(folder, "unfinished")
    (unfinished / "backup.json").unlink()
    assert "is no backup" in reason(host.home, unfinished)
    (unfinished / "backup.json").write_text('{"party": "pk", "size": "many", "root": 7}')
    assert "is no backup" in reason(host.home, unfinished)

    assert "this backup is of pk, the home is of cn" in reason(partner.home, folder)

    other = damaged(folder, "other")
    with sqlite3.connect(other / "ledger.sqlite3") as connection:
        connection.execute("DELETE FROM ledger_leaf WHERE idx >= 9")
    assert "damaged at index" in reason(host.home, other) or "not the one" in reason(host.home, other)
    assert host.row(record) is not None


def test_a_backup_of_another_history_of_the_same_party(nodes: Pair, world: Path, tmp_path: Path) -> None:
    host, _ = nodes
    twin = tmp_path / "twin"
    host.close()
    shutil.copytree(world / "pk", twin)
    fresh, other = Node(world / "pk"), Node(twin)
    fresh.commit("incident", INCIDENT)
    other.commit("incident", {**INCIDENT, "response": {"units": "Another"}}, levels={"response": 0})
    backup(other.home, tmp_path / "backup")
    other.close()
    fresh.commit("incident", INCIDENT)
    said = reason(fresh.home, tmp_path / "backup")
    assert "another node's backup" in said or "does not open" in said
    fresh.close()
    again = Node(world / "pk")
    host.writer, host.door = again.writer, again.door


def test_without_a_backup_it_says_so(nodes: Pair) -> None:
    host, _ = nodes
    result = drill(host.home)
    assert result.exit_code == 1 and "no backup of this node was noted" in result.output
