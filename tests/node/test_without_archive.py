"""A node whose archive is missing: it starts and works, and what it cannot do without waits and is done later."""

from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path

import pytest

from node.test_archiving import SYSTEM, first_text, grown
from records.test_commit import PARTS
from safeconduct.ledger.past import NotAttached
from safeconduct.ledger.tiles import unpack_bodies
from safeconduct.node.archiving import archive
from safeconduct.node.backups import backup, restore
from safeconduct.records import here
from safeconduct.records.commit import Committed, Draft, commit
from safeconduct.records.databases import open_keys, open_ledger
from safeconduct.records.door import Door
from safeconduct.records.entries import SEALED, unpack
from safeconduct.records.erased import read_erased
from safeconduct.records.home import Home, HomeError
from safeconduct.records.writer import Writer


def erase(made: Committed) -> None:
    system = {"person": "system", "roles": ["system"]}
    asked = {"actor": system, "record": made.record, "parts": ["summary"], "reason": "asked for"}
    here.door().call("erase", asked)


def crashed_in_an_erasure(home: Home, folder: Path) -> Committed:
    """The node after an erasure of what is archived was durable, and nothing else of it done."""
    for where, writer, made in grown(home):
        archive(where, here.door(), folder, size=599)
        writer._finish_erasures = lambda: None  # type: ignore[method-assign]
        erase(made)
    return made


def told_of(home: Home, made: Committed) -> bool:
    return any(each.entry == made.index for each in read_erased(home))


def readable(home: Home, body: bytes) -> list[bool]:
    """Of the parts that lay sealed in a body: whether its key is still there."""
    with open_keys(home) as keys:
        return [keys.key(part.slot) is not None for part in unpack(body) if part.state == SEALED]


@pytest.mark.both
@pytest.mark.parametrize("named", [True, False])
def test_an_erasure_that_a_crash_cut_short_is_done_without_the_archive(
    host_home: Home, tmp_path: Path, named: bool, caplog: pytest.LogCaptureFixture
) -> None:
    made = crashed_in_an_erasure(host_home, tmp_path / "archive")
    home = Home.load(host_home.path)
    assert not told_of(home, made)
    (tmp_path / "archive").rename(tmp_path / "elsewhere")
    if not named:
        home = replace(home, settings={k: v for k, v in home.settings.items() if k != "archive"})
    with caplog.at_level("WARNING"), Door.open(home) as door, here.at(home, door):
        assert door.writer is not None
        assert told_of(home, made) and lacks_nothing(door.writer)
        assert commit(SYSTEM, Draft("incident", PARTS)).index == door.writer.log.size - 1
        assert "archive_missing" in caplog.text
        with pytest.raises(ValueError, match=r"missing|none is attached"):
            erase(made)


def lacks_nothing(writer: Writer) -> bool:
    left = [writer.db.execute(f"SELECT 1 FROM {table}").fetchall() for table in ("erasing", "erased_parts")]
    return left == [[], []]


def test_one_that_an_earlier_version_cut_short_is_told_of_when_the_archive_is_back(
    host_home: Home, tmp_path: Path
) -> None:
    made = crashed_in_an_erasure(host_home, tmp_path / "archive")
    home = Home.load(host_home.path)
    db = open_ledger(home)
    found = db.execute("SELECT idx, mask FROM erased_parts").fetchall()
    db.execute("DROP TABLE erased_parts")
    db.execute("CREATE TABLE erased_parts (idx INTEGER NOT NULL, mask INTEGER NOT NULL)")
    db.executemany("INSERT INTO erased_parts VALUES (?, ?)", found)
    db.close()
    (tmp_path / "archive").rename(tmp_path / "elsewhere")
    with Door.open(home) as door:
        assert door.writer is not None and not told_of(home, made)
        assert door.writer.db.execute("SELECT 1 FROM erasing").fetchall() == []
    (tmp_path / "elsewhere").rename(tmp_path / "archive")
    with Door.open(home) as door:
        assert door.writer is not None and told_of(home, made) and lacks_nothing(door.writer)


def test_what_was_erased_is_erased_again_when_the_archive_is_back_and_not_read_before(
    host_home: Home, tmp_path: Path
) -> None:
    for home, writer, made in grown(host_home):
        body = writer.log.entry(made.index).body
        assert body is not None
        archive(home, here.door(), tmp_path / "archive", size=599)
        shutil.copy(home.keys / "parts", tmp_path / "parts")
        erase(made)
        # As a ledger of before has it, brought back with keys of before.
        writer.log.replace_body(made.index, body)
        commit(SYSTEM, Draft("incident", PARTS))
    home = Home.load(host_home.path)
    assert not all(readable(home, body))
    shutil.copy(tmp_path / "parts", home.keys / "parts")
    assert all(readable(home, body))
    home.restored.touch()
    (tmp_path / "archive").rename(tmp_path / "elsewhere")
    for _ in range(2):
        with Door.open(home) as door, here.at(home, door):
            assert door.writer is not None and home.restored.exists()
            assert commit(SYSTEM, Draft("incident", PARTS)).index == door.writer.log.size - 1
            (tmp_path / "elsewhere").rename(tmp_path / "archive")
            with pytest.raises(NotAttached):
                first_text(door.writer, made)
            (tmp_path / "archive").rename(tmp_path / "elsewhere")
    (tmp_path / "elsewhere").rename(tmp_path / "archive")
    with Door.open(home) as door:
        assert door.writer is not None and not home.restored.exists()
        assert not all(readable(home, body))
        assert first_text(door.writer, made).startswith("[None, ")


@pytest.mark.parametrize("archived", ["before", "after"])
def test_keys_of_before_open_nothing_that_the_archive_has_of_what_was_erased(
    host_home: Home, tmp_path: Path, archived: str
) -> None:
    for home, writer, made in grown(host_home):
        body = writer.log.entry(made.index).body
        assert body is not None
        if archived == "before":
            archive(home, here.door(), tmp_path / "archive", size=599)
        shutil.copy(home.keys / "parts", tmp_path / "parts")
        erase(made)
        if archived == "after":
            archive(home, here.door(), tmp_path / "archive", size=599)
    home = Home.load(host_home.path)
    shutil.copy(tmp_path / "parts", home.keys / "parts")
    home.restored.touch()
    with Door.open(home) as door:
        assert door.writer is not None and not home.restored.exists() and lacks_nothing(door.writer)
        in_archive = unpack(unpack_bodies((tmp_path / "archive/bodies/000").read_bytes())[made.index] or b"")
        with open_keys(home) as keys:
            opened = [keys.key(part.slot) is not None for part in in_archive if part.state == SEALED]
    assert opened.count(False) == (archived == "before") and any(opened)


@pytest.mark.files("`backup` and `restore` copy files")
def test_tables_are_not_made_again_without_the_archive(host_home: Home, tmp_path: Path) -> None:
    for home, _writer, _made in grown(host_home):
        archive(home, here.door(), tmp_path / "archive", size=599)
        backup(Home.load(home.path), tmp_path / "backup")
    home = Home.load(host_home.path)
    without = replace(home, settings={k: v for k, v in home.settings.items() if k != "archive"})
    with pytest.raises(HomeError, match=r"512 entries are in an archive.* `archive` in node.toml"):
        restore(without, tmp_path / "backup")
    assert not (home.path / "before-restore").exists() and not home.restored.exists()
    writer = Writer(home)
    writer.tables.execute("UPDATE records_applied SET size = 0")
    writer.close()
    with pytest.raises(HomeError, match="tables are made again from the whole ledger"):
        Writer(without)
