"""The beginning of a log as files: what they hold, that they verify by themselves, and what hostile ones come to."""

from __future__ import annotations

import os
import shutil
import tracemalloc
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from safeconduct.ledger import archive
from safeconduct.ledger.database import compact, free_pages, give_back, open_database, transaction
from safeconduct.ledger.keys import SigningKey
from safeconduct.ledger.log import Entry, Log
from safeconduct.ledger.notes import add_signature, cosign, sign_checkpoint
from safeconduct.ledger.past import NotAttached
from safeconduct.ledger.tiles import ArchiveRefused, Folder, bundle, number, tile, tiles_of
from safeconduct.ledger.tree import TILE_WIDTH, leaf_hash, verify_consistency, verify_inclusion

ORIGIN = "pk.example/ledger"
SIZE, END = 700, 512
KEY = SigningKey.generate(ORIGIN, "ed25519")
WITNESS = SigningKey.generate("cn.example/witness", "cosignature/v1")
KEYS = [KEY.verifier, WITNESS.verifier]


def body_of(index: int) -> bytes | None:
    return None if index % 7 == 3 else b"body %d " % index * (index % 5)


def entries() -> list[tuple[bytes, bytes | None]]:
    return [(b"leaf %d" % index, body_of(index)) for index in range(SIZE)]


@pytest.fixture
def log(tmp_path: Path) -> Iterator[Log]:
    connection = open_database(tmp_path / "ledger.sqlite3")
    made = Log(connection, "own", ORIGIN)
    with transaction(connection):
        made.append(entries())
    yield made
    connection.close()


def archived(log: Log, folder: Path, end: int = END, first: int = 0) -> Folder:
    target = Folder(folder)
    folder.mkdir(exist_ok=True)
    note = sign_checkpoint(log.checkpoint(), KEY)
    note = add_signature(note, cosign(note, WITNESS, 1_700_000_000))
    list(archive.write(target, log, note, first, end, lambda body: False))
    target.write(
        archive.BODIES_HEAD, sign_checkpoint(archive.bodies_head(target, ORIGIN, end), KEY), replaces=True
    )
    return target


def let_go(log: Log, target: Folder, end: int = END) -> None:
    log.past.folder = target
    with transaction(log._connection):
        log.archive(end, lambda body: 4 if body else -1)
    with transaction(log._connection):
        while log.let_go(100):
            pass


def test_names_are_those_of_the_standard() -> None:
    assert [number(n) for n in (0, 5, 1000, 1234067)] == ["000", "005", "x001/000", "x001/x234/067"]
    assert tile(1, 273, 17) == "tile/1/273.p/17" and bundle(273, 112) == "tile/entries/273.p/112"
    # The example of the text: a tree of 70,000.
    found = tiles_of(70_000)
    assert [len([t for t in found if t[0] == level]) for level in range(4)] == [274, 2, 1, 0]
    assert [t for t in found if t[2] < TILE_WIDTH] == [(0, 273, 112), (1, 1, 17), (2, 0, 1)]
    assert tiles_of(256) == [(0, 0, 256), (1, 0, 1)] and tiles_of(0) == []


def test_an_archive_verifies_by_itself_and_says_who_signed(log: Log, tmp_path: Path) -> None:
    target = archived(log, tmp_path / "archive")
    found = archive.verify(target, KEYS)
    assert (found.head.size, found.head.root, found.end) == (SIZE, log.root(), END)
    assert set(found.signers) == {ORIGIN, "cn.example/witness"}
    # Read as the standard has it: lengths of two bytes, each entry hashing to its place in the tile of level 0.
    raw, at = (target.path / "tile/entries/001").read_bytes(), 0
    hashes = (target.path / "tile/0/001").read_bytes()
    for index in range(256, 512):
        length = int.from_bytes(raw[at : at + 2], "big")
        leaf = raw[at + 2 : at + 2 + length]
        at += 2 + length
        assert leaf == b"leaf %d" % index
        assert leaf_hash(leaf) == hashes[(index - 256) * 32 :][:32]
    assert at == len(raw)
    assert {p.stat().st_mode & 0o777 for p in target.path.rglob("*") if p.is_file()} == {0o600}
    for keys in ([WITNESS.verifier], [SigningKey.generate(ORIGIN, "ed25519").verifier]):
        with pytest.raises(ArchiveRefused, match="checkpoint"):
            archive.verify(target, keys)


def test_what_was_let_go_of_is_read_and_proved_as_before(log: Log, tmp_path: Path) -> None:
    root, size = log.root(), log.size
    proofs = [(log.inclusion(i, size), log.consistency(i + 1, size)) for i in (0, 255, 300, 511, 600)]
    let_go(log, archived(log, tmp_path / "archive"))
    (left,) = log._connection.execute("SELECT count(*) FROM own_leaf").fetchone()
    assert left == SIZE - END
    again = Log(log._connection, "own", ORIGIN)
    for each in (log, again):
        each.reload()
        assert (each.size, each.root(), each.past.end) == (size, root, END)
        assert [
            (each.inclusion(i, size), each.consistency(i + 1, size)) for i in (0, 255, 300, 511, 600)
        ] == proofs
    assert verify_inclusion(300, size, leaf_hash(b"leaf 300"), again.inclusion(300, size), root)
    assert verify_consistency(301, size, again.root_at(301), root, again.consistency(301, size))
    assert log.entries(0, SIZE) == [Entry(i, *each) for i, each in enumerate(entries())]
    assert log.entries(510, 514) == [Entry(i, *entries()[i]) for i in range(510, 514)]
    assert log.verify() is None and log.past.slot() == 4
    # Without the archive the tree holds, and an entry says where it is.
    assert again.verify() is None and again.entry(600).leaf == b"leaf 600"
    with pytest.raises(NotAttached, match=r"archive of the entries before 512.*node.toml"):
        again.entry(300)
    # It goes on, and more is archived into the same folder.
    with transaction(log._connection):
        log.append([(b"more %d" % i, b"b") for i in range(100)])
    target = archived(log, tmp_path / "archive", 768, END)
    let_go(log, target, 768)
    assert archive.verify(target, KEYS).end == 768
    assert log.verify() is None and log.entry(767).leaf == b"more 67"


def test_a_body_that_changed_since_holds_instead_of_the_archived_one(log: Log, tmp_path: Path) -> None:
    target = archived(log, tmp_path / "archive")
    with transaction(log._connection):
        log.replace_body(11, None)
    let_go(log, target)
    with transaction(log._connection):
        log.replace_body(12, b"less")
        log.replace_body(600, b"here")
    assert [log.entry(i).body for i in (11, 12, 13, 600)] == [None, b"less", body_of(13), b"here"]
    with pytest.raises(IndexError):
        log.replace_body(SIZE, None)


def _flip(path: Path, at: int = -1) -> None:
    raw = bytearray(path.read_bytes())
    raw[at] ^= 1
    path.write_bytes(raw)


def _swap(folder: Path, one: str, other: str) -> None:
    (folder / one).replace(folder / "aside")
    (folder / other).replace(folder / one)
    (folder / "aside").replace(folder / other)


DAMAGE: dict[str, tuple[Callable[[Path], object], str]] = {
    "a leaf": (lambda f: _flip(f / "tile/entries/001"), "tile/entries/001"),
    "a hash": (lambda f: _flip(f / "tile/0/001"), "tile/entries/001|tile/0"),
    "a hash beyond the entries": (lambda f: _flip(f / "tile/0/002.p/188"), "tile/0"),
    "a tile above": (lambda f: _flip(f / "tile/1/000.p/2"), "tile/1/000"),
    "a body": (lambda f: _flip(f / "bodies/000"), "bodies/000"),
    "the list of bodies": (lambda f: _flip(f / "bodies/hashes"), "bodies/hashes"),
    "the head": (lambda f: _flip(f / "checkpoint", 20), "checkpoint"),
    "the head of bodies": (lambda f: _flip(f / "bodies/checkpoint", 30), "bodies/checkpoint"),
    "entries missing": (lambda f: (f / "tile/entries/000").unlink(), "tile/entries/000: it is missing"),
    "bodies missing": (lambda f: (f / "bodies/001").unlink(), "bodies/001: it is missing"),
    "no head": (lambda f: (f / "checkpoint").unlink(), "checkpoint: it is missing"),
    "cut off": (lambda f: os.truncate(f / "tile/entries/000", 1000), "tile/entries/000"),
    "grown": (lambda f: os.truncate(f / "tile/0/000", 8193), "tile/0/000: 8193 bytes"),
    "huge": (lambda f: os.truncate(f / "tile/entries/000", 1 << 40), "tile/entries/000"),
    "huge bodies": (lambda f: os.truncate(f / "bodies/000", 1 << 40), "bodies/000"),
    "a huge head": (lambda f: os.truncate(f / "checkpoint", 1 << 40), "checkpoint"),
    "swapped entries": (lambda f: _swap(f, "tile/entries/000", "tile/entries/001"), "tile/entries/000"),
    "swapped bodies": (lambda f: _swap(f, "bodies/000", "bodies/001"), "bodies/000"),
    "a link": (
        lambda f: ((f / "bodies/000").rename(f / "x"), (f / "bodies/000").symlink_to(f / "x")),
        "bodies/000: a link",
    ),
    "a linked folder": (
        lambda f: ((f / "tile/entries").rename(f / "x"), (f / "tile/entries").symlink_to(f / "x")),
        "tile/entries/000",
    ),
    "a folder": (lambda f: ((f / "bodies/000").unlink(), (f / "bodies/000").mkdir()), "bodies/000: no file"),
    "a pipe": (lambda f: ((f / "bodies/000").unlink(), os.mkfifo(f / "bodies/000")), "bodies/000: no file"),
    "another log's bodies": (lambda f: _foreign(f), "bodies/checkpoint"),
}


def _foreign(folder: Path) -> None:
    head = archive.bodies_head(Folder(folder), "other.example/ledger", END)
    (folder / "bodies/checkpoint").write_bytes(sign_checkpoint(head, KEY))


def test_whatever_is_wrong_with_an_archive_is_named_and_takes_nothing_away(log: Log, tmp_path: Path) -> None:
    whole = archived(log, tmp_path / "archive").path
    for number_, (name, (damage, told)) in enumerate(DAMAGE.items()):
        folder = tmp_path / f"damaged-{number_}"
        shutil.copytree(whole, folder)
        damage(folder)
        with pytest.raises(ArchiveRefused, match=told):
            archive.verify(Folder(folder), KEYS)
            pytest.fail(name)
    # Leaves that are not the ledger's are not taken for it, and the ledger lets nothing go.
    for name in ("a leaf", "entries missing", "swapped entries", "huge", "a linked folder"):
        folder = tmp_path / f"damaged-{list(DAMAGE).index(name)}"
        with pytest.raises(ArchiveRefused):
            let_go(log, Folder(folder))
        log.past.folder = None
        log.reload()
        assert log.past.end == 0 and log.entries(0, SIZE) == [Entry(i, *e) for i, e in enumerate(entries())]


def test_what_follows_the_signed_list_of_bodies_is_not_read(log: Log, tmp_path: Path) -> None:
    target = archived(log, tmp_path / "archive")
    os.truncate(target.path / "bodies/hashes", 1 << 28)
    tracemalloc.start()
    try:
        assert archive.verify(target, KEYS).end == END
        assert tracemalloc.get_traced_memory()[1] < 1 << 24
    finally:
        tracemalloc.stop()
    os.truncate(target.path / "bodies/hashes", 63)
    with pytest.raises(ArchiveRefused, match="bodies/hashes: 63 bytes"):
        archive.verify(target, KEYS)


def test_an_archive_that_is_damaged_after_all_is_named_by_whoever_reads_it(log: Log, tmp_path: Path) -> None:
    target = archived(log, tmp_path / "archive")
    let_go(log, target)
    _flip(target.path / "bodies/001")
    with pytest.raises(ArchiveRefused, match="bodies/001: it is not the file that was archived"):
        log.verify()
    log.reload()
    assert log.entry(3).leaf == b"leaf 3"
    with pytest.raises(ArchiveRefused, match="bodies/001"):
        log.entry(400)
    assert log.entry(600).leaf == b"leaf 600" and log.inclusion(400, SIZE)


def test_a_file_that_is_there_already_is_not_written_over(log: Log, tmp_path: Path) -> None:
    target = archived(log, tmp_path / "archive")
    (target.path / "tile/entries/001").write_bytes(b"another")
    with pytest.raises(ArchiveRefused, match="tile/entries/001: another one is there"):
        archived(log, target.path)
    assert (target.path / "tile/entries/001").read_bytes() == b"another"
    long = Log(log._connection, "long", ORIGIN)
    with transaction(log._connection):
        long.append([(b"x" * 70_000, None)] * 300)
    with pytest.raises(ArchiveRefused, match="longer than 65535 bytes"):
        archived(long, tmp_path / "long", 256)


def test_what_is_let_go_of_is_given_back_to_the_disk(tmp_path: Path) -> None:
    sizes = {}
    for name in ("now", "earlier"):
        path = tmp_path / f"{name}.sqlite3"
        connection = open_database(path)
        if name == "earlier":
            connection.execute("PRAGMA auto_vacuum = NONE")
            connection.execute("VACUUM")
        log = Log(connection, "own", ORIGIN)
        with transaction(connection):
            log.append([(b"leaf %d" % i, bytes(4000)) for i in range(SIZE)])
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        full = path.stat().st_size
        let_go(log, archived(log, tmp_path / f"{name}-archive"))
        rounds = 0
        while free_pages(connection):
            give_back(connection, 100)
            rounds += 1
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        sizes[name] = path.stat().st_size / full
        connection.close()
        assert (rounds > 3) == (name == "now")
    assert sizes["now"] < 0.35 and sizes["earlier"] > 0.99
    before, after = compact(tmp_path / "earlier.sqlite3")
    assert after < 0.35 * before
    connection = open_database(tmp_path / "earlier.sqlite3", read_only=True)
    assert connection.execute("PRAGMA auto_vacuum").fetchone() == (2,)
    assert Log(connection, "own", ORIGIN).verify() is None
    connection.close()
