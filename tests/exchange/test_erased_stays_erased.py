"""What was erased does not come back: not with an older backup, not with an older copy of the keys."""

from __future__ import annotations

import base64
import shutil
from pathlib import Path
from typing import Any

import pytest

from safeconduct.ledger.keystore import BLOCK
from safeconduct.node.backups import backup, restore, verify_home
from safeconduct.records.entries import SEALED, unpack
from safeconduct.records.erased import Erased, erased_in, erased_list, highest_slot, read_erased, write_erased
from safeconduct.records.home import Home
from safeconduct.records.transaction import Tx

from .nodes import INCIDENT, Node, pull

Pair = tuple[Node, Node]
PLAIN, SECRET = "PlainCanary-71", "SealedCanary-72"
PARTS = {
    **INCIDENT,
    "summary": {**INCIDENT["summary"], "narrative": PLAIN},
    "response": {"units": SECRET, "text": SECRET},
}


def traces(text: str) -> list[bytes]:
    """A text as it may stand in a file: as it is, or within base64, wherever in it it begins."""
    raw = text.encode()
    cores = [base64.urlsafe_b64encode(b"x" * at + raw)[4 if at else 0 :][:-4] for at in range(3)]
    return [raw, *cores]


def stands_in(path: Path, text: str) -> bool:
    content = path.read_bytes()
    return any(trace in content for trace in traces(text))


def holding(home: Path, text: str, but: str = "before-restore") -> list[str]:
    """The files below a home in which a text stands."""
    return [
        str(path.relative_to(home))
        for path in home.rglob("*")
        if path.is_file() and but not in path.parts and stands_in(path, text)
    ]


def as_earlier(monkeypatch: pytest.MonkeyPatch) -> None:
    """OPEN parts lie in the open in the ledger, as earlier versions left them."""
    append = Tx.append

    def plain(tx: Tx, entry_type: str, header: Any, disclosures: Any = (), levels: Any = ()) -> int:
        return append(tx, entry_type, header, disclosures, header.get("levels", levels))

    monkeypatch.setattr(Tx, "append", plain)


def again(node: Node) -> Node:
    fresh = Node(node.home.path)
    node.home, node.writer, node.door = fresh.home, fresh.writer, fresh.door
    return node


def restored(node: Node, folder: Path, erased: Path | None = None) -> Node:
    """The node after a restore. Opened once more before it, so that Django's tables are this node's."""
    node.close()
    again(node).close()
    shutil.rmtree(node.home.path / "before-restore", ignore_errors=True)
    node.home.socket.touch()  # as a writer leaves it that was killed
    restore(node.home, folder, erased)
    return again(node)


def parts_of(node: Node, record: str) -> set[str]:
    row = node.row(record)
    return set(row.values()) if row is not None else set()


@pytest.mark.files("`backup` and `restore` copy files")
@pytest.mark.parametrize("version", ["this", "earlier"])
def test_an_older_backup_does_not_bring_it_back(
    nodes: Pair, tmp_path: Path, version: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    host, partner = nodes
    if version == "earlier":
        as_earlier(monkeypatch)
    record = host.commit("incident", PARTS, levels={"summary": 0, "response": 2}).record
    other = host.commit("incident", INCIDENT).record
    pull(partner, host)
    pull(host, partner)
    backup(host.home, tmp_path / "older")
    assert stands_in(tmp_path / "older" / "ledger.sqlite3", PLAIN) is (version == "earlier")
    host.system("erase", record=record, reason="asked for")
    pull(partner, host)
    assert holding(host.home.path, PLAIN) == []

    restored(host, tmp_path / "older")
    assert holding(host.home.path, PLAIN) == holding(host.home.path, SECRET) == []
    assert parts_of(host, record) == set() and parts_of(host, other) == set(INCIDENT)
    assert not host.home.restored.exists() and verify_home(host.home).broken is None
    host.close()
    again(host)
    assert parts_of(host, record) == set() and holding(host.home.path, PLAIN) == []


@pytest.mark.files("`backup` and `restore` copy files")
def test_neither_does_an_older_copy_of_the_keys(nodes: Pair, tmp_path: Path) -> None:
    host, partner = nodes
    record = host.commit("incident", PARTS, levels={"response": 2}).record
    pull(partner, host)
    host.close()
    shutil.copytree(host.home.keys, tmp_path / "keys")
    shutil.copy(host.home.feed("cn") / "keys", tmp_path / "feed-keys")
    again(host)
    backup(host.home, tmp_path / "older")
    host.system("erase", record=record, reason="asked for")
    backup(host.home, tmp_path / "newer")

    host.close()
    shutil.rmtree(host.home.path)
    host.home.path.mkdir()
    shutil.copy(tmp_path / "older" / "node.toml", host.home.path)
    shutil.copytree(tmp_path / "keys", host.home.keys)
    for partner_id in ("cn", "xx"):
        host.home.feed(partner_id).mkdir(parents=True)
    shutil.copy(tmp_path / "feed-keys", host.home.feed("cn") / "keys")
    restore(Home.load(host.home.path), tmp_path / "older", tmp_path / "newer" / "erased")
    again(host)
    assert parts_of(host, record) == set()
    entry = next(
        e for e in host.writer.log.entries(0, host.writer.log.size) if b'"kind":"incident"' in e.leaf
    )
    assert all(part.state != SEALED for part in unpack(entry.body or b""))
    store = host.writer.keystore
    gone = [slot for slot in range(40) if store.key(slot) is None]
    assert gone, "the keys that the old copy still had are destroyed in it"
    told = host.feed("cn").log.entries(0, host.feed("cn").log.size)
    assert all(
        host.feed("cn").keystore.key(part.slot) is None
        for e in told
        if b'"incident"' in e.leaf
        for part in unpack(e.body or b"")
        if part.state == SEALED
    )


@pytest.mark.files("`backup` and `restore` copy files")
def test_with_an_older_copy_of_the_keys_no_key_is_used_twice(nodes: Pair, tmp_path: Path) -> None:
    host, _ = nodes
    host.commit("incident", PARTS)
    host.close()
    shutil.copytree(host.home.keys, tmp_path / "keys")
    again(host)
    kept = [host.commit("incident", PARTS).record for _ in range(4)]
    host.writer.keystore.advance_past(BLOCK + 3)
    lost = host.commit("incident", PARTS, levels={"summary": 2, "response": 2}).record
    backup(host.home, tmp_path / "backup")
    highest = highest_slot(host.writer.log)
    host.close()
    shutil.rmtree(host.home.keys)
    shutil.copytree(tmp_path / "keys", host.home.keys)
    restore(host.home, tmp_path / "backup")
    again(host)
    assert all(parts_of(host, record) == set(PARTS) for record in kept), "the block was made ahead of its use"
    assert "summary" not in parts_of(host, lost), "a part whose key is not in the copy stays sealed"
    fresh = host.commit("incident", PARTS)
    used = [p.slot for p in unpack(host.writer.log.entry(fresh.index).body or b"") if p.state == SEALED]
    assert min(used) > highest
    assert verify_home(host.home).broken is None


def test_keys_that_are_put_back_by_hand_are_noticed(nodes: Pair, tmp_path: Path) -> None:
    host, _ = nodes
    host.commit("incident", PARTS)
    host.close()
    shutil.copytree(host.home.keys, tmp_path / "keys")
    shutil.copy(host.home.feed("cn") / "keys", tmp_path / "feed-keys")
    again(host)
    erased = host.commit("incident", PARTS).record
    host.commit("incident", PARTS)
    host.system("erase", record=erased, reason="asked for")
    host.in_tx(lambda tx: [tx.append("pad", {"nonce": str(n)}) for n in range(1200)])
    told = tmp_path / "erased"
    shutil.copy(erased_list(host.home), told)
    highest, in_feed = highest_slot(host.writer.log), highest_slot(host.feed("cn").log)
    host.close()
    shutil.rmtree(host.home.keys)
    shutil.copytree(tmp_path / "keys", host.home.keys)
    shutil.copy(told, erased_list(host.home))
    shutil.copy(tmp_path / "feed-keys", host.home.feed("cn") / "keys")
    again(host)
    assert host.writer.keystore.next_slot > highest and host.feed("cn").keystore.next_slot > in_feed
    assert parts_of(host, erased) == set()


def test_the_list_outlives_a_crash_and_says_nothing(nodes: Pair, tmp_path: Path) -> None:
    host, _ = nodes
    record = host.commit("incident", PARTS, levels={"summary": 0}).record
    host.system("erase", record=record, reason="asked for")
    path = erased_list(host.home)
    (first,) = [each for each in erased_in(path) if each.log == "ledger"]
    assert path.stat().st_mode & 0o077 == 0
    assert PLAIN not in path.read_text() and record not in path.read_text()
    with path.open("ab") as file:
        file.write(b"ledger 12 abc")
    more = Erased("feed/cn", 3, "0" * 64, 5)
    write_erased(path, [more])
    with path.open("ab") as file:
        file.write(b"\xff\x00garbage\nledger 99999999999999999999 " + b"0" * 64 + b" 1\n" + b"x" * 100_000)
    write_erased(path, [])
    write_erased(path, [first])
    assert [each for each in erased_in(path) if each in (first, more)] == [first, more, first]
    assert list(erased_in(tmp_path / "none")) == []


@pytest.mark.files("`backup` and `restore` copy files")
def test_the_list_is_told_before_an_erasure_is_answered_even_after_a_crash(
    nodes: Pair, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    host, _ = nodes
    as_earlier(monkeypatch)
    record = host.commit("incident", PARTS, levels={"summary": 0}).record
    backup(host.home, tmp_path / "older")
    finish = host.writer._finish_erasures
    host.writer._finish_erasures = lambda: None  # type: ignore[method-assign]
    host.system("erase", record=record, reason="asked for")
    host.writer._finish_erasures = finish  # type: ignore[method-assign]
    assert "ledger" not in {each.log for each in read_erased(host.home)}
    host.close()
    again(host)
    assert "ledger" in {each.log for each in read_erased(host.home)}
    restored(host, tmp_path / "older")
    assert holding(host.home.path, PLAIN) == []
