"""What a log survives: being killed, a torn write-ahead log, and bits that flip on the disk."""

from __future__ import annotations

import hashlib
import os
import random
import sqlite3
import subprocess
import sys
import time
from pathlib import Path

from safeconduct.ledger.database import open_database
from safeconduct.ledger.keys import SigningKey
from safeconduct.ledger.log import Log
from safeconduct.ledger.notes import open_checkpoint
from safeconduct.ledger.tree import EMPTY_ROOT, verify_consistency

ORIGIN = "pk.example/ledger"

APPENDER = """
import os, random, sys
from safeconduct.ledger.keys import SigningKey
from safeconduct.ledger.database import open_database
from safeconduct.ledger.log import Log
from safeconduct.ledger.notes import sign_checkpoint

connection = open_database(sys.argv[1])
key = SigningKey.load(sys.argv[2])
own, feed = Log(connection, "own", key.name), Log(connection, "feed", "other")
while True:
    connection.execute("BEGIN IMMEDIATE")
    entries = [(os.urandom(40), os.urandom(200)) for _ in range(random.randint(1, 60))]
    own.append(entries)
    feed.append(entries[::2])
    connection.execute("COMMIT")
    note = sign_checkpoint(own.checkpoint(), key)
    sys.stdout.buffer.write(len(note).to_bytes(4, "big") + note)
    sys.stdout.buffer.flush()
"""


def notes_in(stream: bytes) -> list[bytes]:
    notes = []
    while len(stream) >= 4 and len(stream) >= 4 + (length := int.from_bytes(stream[:4], "big")):
        notes.append(stream[4 : 4 + length])
        stream = stream[4 + length :]
    return notes


def test_every_checkpoint_emitted_before_a_kill_still_holds(tmp_path: Path) -> None:
    key = SigningKey.generate(ORIGIN)
    key.save(tmp_path / "key")
    database = tmp_path / "ledger.sqlite3"
    rng = random.Random(7)
    emitted = []
    for _ in range(6):
        child = subprocess.Popen(
            [sys.executable, "-c", APPENDER, str(database), str(tmp_path / "key")],
            stdout=subprocess.PIPE,
            env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
        )
        assert child.stdout is not None
        first = child.stdout.read(4)
        time.sleep(rng.uniform(0.05, 0.3))
        child.kill()
        emitted += notes_in(first + child.stdout.read())
        child.wait()
        connection = open_database(database)
        log = Log(connection, "own", ORIGIN)
        for note in emitted[-5:] + rng.sample(emitted, min(len(emitted), 15)):
            head = open_checkpoint(note, [key.verifier]).checkpoint
            assert log.fits(head)
            proof = log.consistency(head.size, log.size)
            assert verify_consistency(head.size, log.size, head.root, log.root(), proof)
        assert log.verify() is None and Log(connection, "feed", "other").verify() is None
        connection.close()
    assert len(emitted) > 30


def test_a_torn_write_ahead_log_leaves_whole_batches(tmp_path: Path) -> None:
    source = tmp_path / "source"
    connection = open_database(source)
    connection.execute("PRAGMA wal_autocheckpoint = 0")
    log = Log(connection, "own", ORIGIN)
    history = {0: EMPTY_ROOT}
    rng = random.Random(9)
    for _ in range(60):
        connection.execute("BEGIN IMMEDIATE")
        log.append([(rng.randbytes(50), rng.randbytes(200)) for _ in range(7)])
        connection.execute("COMMIT")
        history[log.size] = log.root()
    base, journal = source.read_bytes(), Path(f"{source}-wal").read_bytes()
    connection.close()
    sizes = set()
    for case in range(120):
        torn = bytearray(journal[: rng.randrange(32, len(journal))])
        if rng.random() < 0.5 and len(torn) > 4096:
            sector = rng.randrange(0, len(torn) - 512) // 512 * 512
            torn[sector : sector + 512] = bytes(512) if rng.random() < 0.5 else rng.randbytes(512)
        target = tmp_path / f"torn{case}"
        target.write_bytes(base)
        Path(f"{target}-wal").write_bytes(torn)
        connection = open_database(target)
        log = Log(connection, "own", ORIGIN)
        assert history[log.size] == log.root()
        assert log.verify() is None
        sizes.add(log.size)
        connection.close()
    assert len(sizes) > 20


def test_flipped_bits_are_found(tmp_path: Path) -> None:
    source = tmp_path / "source"
    connection = open_database(source)
    log = Log(connection, "own", ORIGIN)
    rng = random.Random(5)
    bodies = [rng.randbytes(250) for _ in range(700)]
    entries = [(hashlib.sha256(body).digest() + b"header" * 10, body) for body in bodies]
    connection.execute("BEGIN")
    log.append(list(entries))
    connection.execute("COMMIT")
    head = log.checkpoint()
    connection.close()
    raw = source.read_bytes()

    def holds(leaf: bytes, body: bytes | None) -> bool:
        return body is not None and leaf[:32] == hashlib.sha256(body).digest()

    found = harmless = 0
    target = tmp_path / "flipped"
    for _ in range(150):
        damaged = bytearray(raw)
        damaged[rng.randrange(100, len(raw))] ^= 1 << rng.randrange(8)
        for suffix in ("-wal", "-shm"):
            Path(f"{target}{suffix}").unlink(missing_ok=True)
        target.write_bytes(damaged)
        try:
            connection = open_database(target)
        except sqlite3.DatabaseError:
            found += 1
            continue
        try:
            log = Log(connection, "own", ORIGIN)
            if log.verify(anchors=[head], body_holds=holds) is not None:
                found += 1
                continue
            # Not noticed is allowed only where nothing of the log has changed.
            assert [(entry.leaf, entry.body) for entry in log.entries(0, 700)] == entries
            assert log.checkpoint() == head
            harmless += 1
        except sqlite3.DatabaseError:
            found += 1
        finally:
            connection.close()
    assert found > 100 and found + harmless == 150
