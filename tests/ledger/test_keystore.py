"""The key store: no slot twice, erased stays erased, and nothing taken that is not on the disk."""

from __future__ import annotations

import os
import random
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from safeconduct.ledger import slots_file
from safeconduct.ledger.keys import KeyRefused
from safeconduct.ledger.keystore import BLOCK, KeyStore, KeyStoreRefused

START, SLOT = 8192, 40


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "parts"


def crash(store: KeyStore) -> None:
    """What a killed process leaves: the descriptor closed, nothing given back."""
    store.medium.close()


def test_taken_keys_can_be_read_again(path: Path) -> None:
    with KeyStore.open(path, create=True) as store:
        taken = [store.take() for _ in range(BLOCK + 10)]
        assert [slot for slot, _ in taken] == list(range(BLOCK + 10))
        assert len({key for _, key in taken}) == BLOCK + 10
        assert all(len(key) == 32 for _, key in taken)
    with KeyStore.open(path) as store:
        assert all(store.key(slot) == key for slot, key in taken)
        assert store.take()[0] == BLOCK + 10
        with pytest.raises(IndexError):
            store.key(-1)
        assert store.key(10**6) is None


def test_a_key_is_on_the_disk_before_it_is_handed_out(path: Path) -> None:
    store = KeyStore.open(path, create=True)
    slot, key = store.take()
    crash(store)
    raw = path.read_bytes()
    assert raw[START + slot * SLOT + 4 :][:32] == key
    with KeyStore.open(path) as again:
        assert again.key(slot) == key


def test_a_clean_close_wastes_nothing_a_crash_at_most_a_block(path: Path) -> None:
    for expected in range(5):
        with KeyStore.open(path, create=True) as store:
            assert store.take()[0] == expected
    assert path.stat().st_size == START + BLOCK * SLOT
    store = KeyStore.open(path)
    store.take()
    crash(store)
    with KeyStore.open(path) as store:
        assert store.take()[0] == BLOCK


def test_opening_without_taking_changes_nothing(path: Path) -> None:
    KeyStore.open(path, create=True).close()
    before = path.read_bytes()
    KeyStore.open(path, create=True).close()
    assert path.read_bytes() == before


@pytest.mark.parametrize("seed", range(20))
def test_no_slot_twice_through_crashes_torn_headers_and_lost_writes(path: Path, seed: int) -> None:
    rng = random.Random(seed)
    seen: set[int] = set()
    KeyStore.open(path, create=True).close()
    for _ in range(12):
        store = KeyStore.open(path)
        for _ in range(rng.choice((0, 1, 5, 300, BLOCK))):
            slot, key = store.take()
            assert slot not in seen and store.key(slot) == key
            seen.add(slot)
        before = path.read_bytes()
        if rng.random() < 0.5:
            crash(store)
            continue
        store.close()
        after = path.read_bytes()
        if rng.random() < 0.5 and before != after:
            # The close was torn: some of the bytes that it changed did not arrive.
            changed = [at for at, (a, b) in enumerate(zip(before, after, strict=True)) if a != b]
            cut = changed[rng.randrange(len(changed))]
            path.write_bytes(after[:cut] + before[cut:])
            path.chmod(0o600)


def test_a_crash_while_a_block_is_made_loses_only_that_block(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = KeyStore.open(path, create=True)
    taken = [store.take() for _ in range(BLOCK)]
    calls = []

    def failing(descriptor: int) -> None:
        calls.append(descriptor)
        raise OSError(5, "I/O error")

    with monkeypatch.context() as patch:
        patch.setattr(slots_file.os, "fsync", failing)
        with pytest.raises(OSError):
            store.take()
    assert calls
    # What reached the disk is unknown now, so the store takes no more orders.
    for order in (store.take, lambda: store.erase([0]), lambda: store.advance_past(1)):
        with pytest.raises(KeyStoreRefused):
            order()
    store.close()
    with KeyStore.open(path) as again:
        slot, key = again.take()
        assert slot == BLOCK and again.key(slot) == key
        assert all(again.key(slot) == key for slot, key in taken)


def test_erased_is_gone_from_the_file_and_stays_gone(path: Path) -> None:
    store = KeyStore.open(path, create=True)
    taken = [store.take() for _ in range(20)]
    store.erase([3, 7, 3])
    crash(store)
    raw = path.read_bytes()
    for slot, key in taken:
        assert (key in raw) == (slot not in (3, 7))
    with KeyStore.open(path) as store:
        assert [slot for slot, key in taken if store.key(slot) is None] == [3, 7]
        store.erase([3])
        store.erase([])
        assert store.key(3) is None and store.key(4) == taken[4][1]
        for slots in ([-1], [10**6], [BLOCK], [0, 10**6]):
            with pytest.raises(IndexError):
                store.erase(slots)
        assert store.key(0) == taken[0][1]


def test_a_failed_erasure_is_not_reported_as_done(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    store = KeyStore.open(path, create=True)
    store.take()

    def failing(descriptor: int) -> None:
        raise OSError(5, "I/O error")

    with monkeypatch.context() as patch:
        patch.setattr(slots_file.os, "fsync", failing)
        with pytest.raises(OSError):
            store.erase([0])
    store.close()
    with KeyStore.open(path) as store:
        store.erase([0])
        assert store.key(0) is None


def test_readers_see_erasures_at_once(path: Path) -> None:
    writer = KeyStore.open(path, create=True)
    slot, key = writer.take()
    with KeyStore.open(path, write=False) as one, KeyStore.open(path, write=False) as two:
        assert one.key(slot) == two.key(slot) == key
        writer.erase([slot])
        assert one.key(slot) is None and two.key(slot) is None
        later, key = writer.take()
        assert one.key(later) == key
        for order in (one.take, lambda: one.erase([later]), lambda: one.advance_past(9)):
            with pytest.raises(KeyStoreRefused):
                order()
    writer.close()


def test_there_is_one_writer(path: Path) -> None:
    with KeyStore.open(path, create=True):
        with pytest.raises(KeyStoreRefused, match="another writer"):
            KeyStore.open(path)
        KeyStore.open(path, write=False).close()
    store = KeyStore.open(path)
    store.close()
    store.close()
    with pytest.raises(KeyStoreRefused):
        store.take()


def test_file_is_private(path: Path) -> None:
    old_umask = os.umask(0)
    try:
        KeyStore.open(path, create=True).close()
    finally:
        os.umask(old_umask)
    assert path.stat().st_mode & 0o7777 == 0o600
    link = path.with_name("link")
    link.symlink_to(path)
    with pytest.raises(OSError):
        KeyStore.open(link)
    for mode in (0o640, 0o602):
        path.chmod(mode)
        for write in (True, False):
            with pytest.raises(KeyRefused):
                KeyStore.open(path, write=write)
    with pytest.raises(FileNotFoundError):
        KeyStore.open(path.with_name("absent"))


def test_damage_is_refused(path: Path) -> None:
    with KeyStore.open(path, create=True) as store:
        store.take()
        store.take()
    raw = path.read_bytes()
    for at in range(START, START + SLOT):
        path.write_bytes(raw[:at] + bytes([raw[at] ^ 4]) + raw[at + 1 :])
        with KeyStore.open(path) as store:
            with pytest.raises(KeyStoreRefused, match="slot 0 is damaged"):
                store.key(0)
            assert store.key(1) is not None
    # A damaged slot can still be erased.
    with KeyStore.open(path) as store:
        store.erase([0])
        assert store.key(0) is None
    path.write_bytes(bytes(4096) + raw[4096:])
    with KeyStore.open(path) as store:
        assert store.take()[0] >= 2
    for ruin in (b"", b"junk", bytes(len(raw))):
        path.write_bytes(ruin)
        with pytest.raises(KeyStoreRefused):
            KeyStore.open(path)


def test_a_store_older_than_the_ledger_moves_on(path: Path) -> None:
    with KeyStore.open(path, create=True) as store:
        store.take()
        store.advance_past(41)
        assert store.take()[0] == 42
        store.advance_past(5)
        assert store.take()[0] == 43
        store.advance_past(2 * BLOCK + 6)
        slot, key = store.take()
        assert slot == 2 * BLOCK + 7 and store.key(slot) == key
        store.advance_past(3 * BLOCK - 1)
        assert store.take()[0] == 3 * BLOCK
    with KeyStore.open(path) as store:
        assert store.take()[0] == 3 * BLOCK + 1


def test_threads_never_share_a_slot(path: Path) -> None:
    with KeyStore.open(path, create=True) as store, ThreadPoolExecutor(8) as pool:
        gate = threading.Barrier(8)

        def work(_: int) -> list[tuple[int, bytes]]:
            gate.wait()
            taken = [store.take() for _ in range(1000)]
            store.erase([taken[0][0]])
            return taken

        results = list(pool.map(work, range(8)))
        taken = [pair for result in results for pair in result]
        assert len({slot for slot, _ in taken}) == len({key for _, key in taken}) == 8000
        erased = {result[0][0] for result in results}
        assert all(store.key(slot) == (None if slot in erased else key) for slot, key in taken)


def test_killed_in_the_middle(path: Path) -> None:
    program = (
        "import sys\n"
        "from safeconduct.ledger.keystore import KeyStore\n"
        "store = KeyStore.open(sys.argv[1], create=True)\n"
        "while True:\n"
        "    for _ in range(50):\n"
        "        slot, key = store.take()\n"
        "    print(slot, key.hex(), flush=True)\n"
        "    store.erase([slot - 1])\n"
        "    print('erased', slot - 1, flush=True)\n"
    )
    highest = -1
    for _ in range(3):
        child = subprocess.Popen(
            [sys.executable, "-c", program, str(path)],
            stdout=subprocess.PIPE,
            text=True,
            env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
        )
        assert child.stdout is not None
        first = child.stdout.readline()
        time.sleep(0.15)
        child.kill()
        lines = [first, *child.stdout.readlines()]
        child.wait()
        whole = [line.split() for line in lines if line.endswith("\n")]
        with KeyStore.open(path, write=False) as store:
            for word, detail in whole:
                if word == "erased":
                    assert store.key(int(detail)) is None
                else:
                    assert store.key(int(word)) == bytes.fromhex(detail)
        taken = [int(word) for word, _ in whole if word != "erased"]
        assert taken[0] - 49 > highest and taken == sorted(taken)
        highest = taken[-1]


@pytest.mark.parametrize("copy", [0, 4096])
def test_no_slot_twice_when_either_header_is_damaged_at_rest(path: Path, copy: int) -> None:
    seen: set[int] = set()
    for _ in range(4):
        with KeyStore.open(path, create=True) as store:
            for _ in range(3):
                slot, _ = store.take()
                assert slot not in seen
                seen.add(slot)
        raw = bytearray(path.read_bytes())
        raw[copy + 9] ^= 1
        path.write_bytes(raw)
        with KeyStore.open(path, write=False) as store:
            assert "header" in store.damage(0, 1)


def test_a_damaged_slot_that_waits_is_never_handed_out_and_stops_nobody(path: Path) -> None:
    with KeyStore.open(path, create=True) as store:
        store.take()
    raw = bytearray(path.read_bytes())
    raw[START + 5 * SLOT + 8] ^= 1
    path.write_bytes(raw)
    with KeyStore.open(path) as store:
        assert store.damage(0, 5) == "" and "slot 5" in store.damage(0, 6)
        slot, key = store.take()
        assert slot == 6 and store.key(6) == key


def test_a_fresh_store_outlives_a_torn_first_header(path: Path) -> None:
    KeyStore.open(path, create=True).close()
    raw = path.read_bytes()
    path.write_bytes(raw[:20] + bytes(4076) + raw[4096:])
    with KeyStore.open(path) as store:
        assert store.take()[0] == 0
