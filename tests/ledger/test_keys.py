"""Key texts, key files, and the order of a log's keys."""

from __future__ import annotations

import base64
import json
import os
from pathlib import Path

import pytest

from safeconduct.ledger.canonical import canonical
from safeconduct.ledger.keyring import KeyRing, revocation, rotation
from safeconduct.ledger.keys import KeyRefused, SigningKey, Verifier
from safeconduct.ledger.notes import (
    Checkpoint,
    NoteRefused,
    add_signature,
    cosign,
    open_with_ring,
    sign_checkpoint,
)

PETER = "PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW"
PETER_PRIVATE = "PRIVATE+KEY+PeterNeumann+c74f20a3+AYEKFALVFGyNhPJEMzD1QIDr+Y7hfZx09iUvxdXHKDFz"
ORIGIN = "pk.example/ledger"


def test_published_key_reads_and_prints() -> None:
    verifier = Verifier.parse(PETER)
    assert (verifier.name, verifier.algorithm, verifier.vkey) == ("PeterNeumann", "ed25519", PETER)
    assert SigningKey.parse(PETER_PRIVATE).verifier == verifier


def test_no_piece_or_mangling_of_a_key_is_a_key() -> None:
    mangled = [
        PETER[i:j] for i in range(len(PETER)) for j in range(i, len(PETER)) if (i, j) != (0, len(PETER))
    ]
    mangled += [PETER[:i] + chr(ord(PETER[i]) + 1) + PETER[i + 1 :] for i in range(len(PETER))]
    mangled += [
        "PeterNeumann+cc469956+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TWBADKEY==",
        "PeterNeumann+173116ae+ZRpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW",
        PETER.replace("c74f20a3", "C74F20A3"),
        PETER + "\n",
        PETER + "=",
        " " + PETER,
    ]
    for text in mangled:
        with pytest.raises(KeyRefused):
            Verifier.parse(text)
    with pytest.raises(KeyRefused):
        SigningKey.parse(PETER)
    with pytest.raises(KeyRefused):
        SigningKey.parse(PETER_PRIVATE.replace("c74f20a3", "c74f20a4"))


@pytest.mark.parametrize("name", ["", "a b", "a+b", "a\u00a0b", "a\nb", "a\x00", "\u2003", "\ud800"])
def test_names_that_a_note_could_not_hold(name: str) -> None:
    with pytest.raises(KeyRefused):
        SigningKey.generate(name)


def test_the_kind_of_signature_is_part_of_the_key() -> None:
    plain = SigningKey.parse(PETER_PRIVATE)
    raw = base64.b64decode(PETER_PRIVATE.split("+", 4)[4])[1:]
    witness = SigningKey("PeterNeumann", "cosignature/v1", raw)
    assert witness.verifier.public == plain.verifier.public
    assert witness.key_id != plain.key_id and witness.verifier != plain.verifier
    assert Verifier.parse(witness.vkey) == witness.verifier
    with pytest.raises(KeyRefused):
        SigningKey.generate("a", "rsa")


def test_key_file_is_private_and_never_replaced(tmp_path: Path) -> None:
    path = tmp_path / "ledger"
    old_umask = os.umask(0)
    try:
        key = SigningKey.generate(ORIGIN)
        key.save(path)
    finally:
        os.umask(old_umask)
    assert path.stat().st_mode & 0o7777 == 0o600
    assert SigningKey.load(path).vkey == key.vkey
    content = path.read_bytes()
    with pytest.raises(FileExistsError):
        SigningKey.generate(ORIGIN).save(path)
    assert path.read_bytes() == content
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o660, 0o610, 0o601])
def test_key_file_open_to_others_is_refused(tmp_path: Path, mode: int) -> None:
    path = tmp_path / "ledger"
    SigningKey.generate(ORIGIN).save(path)
    path.chmod(mode)
    with pytest.raises(KeyRefused, match="touched by others"):
        SigningKey.load(path)


def test_links_pipes_absent_and_foreign_content_are_refused(tmp_path: Path) -> None:
    path, link, pipe, junk = (tmp_path / name for name in ("key", "link", "pipe", "junk"))
    SigningKey.generate(ORIGIN).save(path)
    link.symlink_to(path)
    os.mkfifo(pipe, 0o600)
    junk.touch(0o600)
    for content in (b"", b"\xff\xfe", b"PRIVATE+KEY+", path.read_bytes() + b"\n", b"x" * 100_000):
        junk.write_bytes(content)
        with pytest.raises(KeyRefused):
            SigningKey.load(junk)
    for other in (link, pipe, tmp_path, tmp_path / "absent"):
        with pytest.raises(KeyRefused):
            SigningKey.load(other)


def test_a_private_key_does_not_show_itself() -> None:
    key = SigningKey.parse(PETER_PRIVATE)
    assert PETER_PRIVATE.rsplit("+", 1)[1] not in repr(key) + str(key)


def head(size: int) -> Checkpoint:
    return Checkpoint(ORIGIN, size, bytes([size % 256]) * 32)


def test_rotation_gives_each_key_its_term() -> None:
    first, second, third = (SigningKey.generate(ORIGIN) for _ in range(3))
    ring = KeyRing(ORIGIN, first.verifier)
    ring.apply(rotation(ORIGIN, first, second, 100))
    ring.apply(rotation(ORIGIN, second, third, 250))
    assert [ring.valid_at(size) for size in (0, 99, 100, 249, 250, 10**12)] == [
        (key.verifier,) for key in (first, first, second, second, third, third)
    ]
    assert open_with_ring(sign_checkpoint(head(99), first), ring).checkpoint == head(99)
    # Around a rotation both sign, for those who have not heard of it yet.
    assert open_with_ring(sign_checkpoint(head(100), first, second), ring).signers == (second.verifier,)
    for late in (sign_checkpoint(head(100), first), sign_checkpoint(head(260), first, second)):
        with pytest.raises(NoteRefused):
            open_with_ring(late, ring)
    with pytest.raises(NoteRefused):
        open_with_ring(sign_checkpoint(head(50), third), ring)
    again = KeyRing.replay(ORIGIN, first.verifier, ring.statements)
    assert again.terms == ring.terms and again.current == third.verifier


def test_an_older_key_cannot_come_back() -> None:
    first, second = (SigningKey.generate(ORIGIN) for _ in range(2))
    ring = KeyRing(ORIGIN, first.verifier)
    statement = rotation(ORIGIN, first, second, 100)
    ring.apply(statement)
    for replayed in (
        statement,
        rotation(ORIGIN, first, SigningKey.generate(ORIGIN), 200),
        rotation(ORIGIN, second, first, 200),
        rotation(ORIGIN, second, second, 200),
        rotation(ORIGIN, second, SigningKey.generate(ORIGIN), 100),
        rotation("cn.example/ledger", second, SigningKey.generate(ORIGIN), 200),
    ):
        with pytest.raises(KeyRefused):
            ring.apply(replayed)
    assert ring.current == second.verifier and ring.statements == (statement,)


def test_a_rotation_needs_both_signatures() -> None:
    first, second, stranger = (SigningKey.generate(ORIGIN) for _ in range(3))
    ring = KeyRing(ORIGIN, first.verifier)
    good = json.loads(rotation(ORIGIN, first, second, 100))
    foreign = json.loads(rotation(ORIGIN, stranger, second, 100))
    for role in ("old", "new"):
        for replacement in (None, good["signatures"]["new" if role == "old" else "old"], "", "AAAA", 7):
            forged = json.loads(json.dumps(good))
            if replacement is None:
                del forged["signatures"][role]
            else:
                forged["signatures"][role] = replacement
            with pytest.raises(KeyRefused):
                ring.apply(canonical(forged))
    for field, value in (("from_size", 101), ("from_size", -1), ("from_size", "100"), ("new", stranger.vkey)):
        forged = json.loads(json.dumps(good))
        forged["statement"][field] = value
        with pytest.raises(KeyRefused):
            ring.apply(canonical(forged))
    for statement in (
        canonical(foreign),
        json.dumps(good).encode(),
        canonical({**good, "more": 1}),
        canonical({**good, "statement": {**good["statement"], "act": "revoke"}}),
        canonical({**good, "statement": []}),
        canonical([]),
        b"",
        b"\xff",
        b"[" * 5000,
        b" " * 10_000,
    ):
        with pytest.raises(KeyRefused):
            ring.apply(statement)
    assert ring.statements == ()
    ring.apply(canonical(good))


def test_revoked_key_counts_for_what_came_before_only() -> None:
    first, second = (SigningKey.generate(ORIGIN) for _ in range(2))
    ring = KeyRing(ORIGIN, first.verifier)
    ring.apply(rotation(ORIGIN, first, second, 100))
    ring.apply(revocation(ORIGIN, first.verifier, second, 60))
    assert open_with_ring(sign_checkpoint(head(59), first), ring).checkpoint.size == 59
    for size in (60, 99, 100):
        with pytest.raises(NoteRefused):
            open_with_ring(sign_checkpoint(head(size), first), ring)
    assert open_with_ring(sign_checkpoint(head(100), second), ring).checkpoint.size == 100
    # Earlier is a real change, later or again is not.
    ring.apply(revocation(ORIGIN, first.verifier, second, 40))
    for size in (40, 50):
        with pytest.raises(KeyRefused):
            ring.apply(revocation(ORIGIN, first.verifier, second, size))
    assert ring.valid_at(45) == ()
    assert KeyRing.replay(ORIGIN, first.verifier, ring.statements).terms == ring.terms


def test_revoked_current_key_leaves_no_heir() -> None:
    first, second = (SigningKey.generate(ORIGIN) for _ in range(2))
    ring = KeyRing(ORIGIN, first.verifier)
    ring.apply(revocation(ORIGIN, first.verifier, first, 80))
    assert ring.valid_at(80) == () and ring.valid_at(79) == (first.verifier,)
    with pytest.raises(KeyRefused):
        ring.apply(rotation(ORIGIN, first, second, 80))


def test_who_may_revoke() -> None:
    first, second, stranger = (SigningKey.generate(ORIGIN) for _ in range(3))
    ring = KeyRing(ORIGIN, first.verifier)
    ring.apply(rotation(ORIGIN, first, second, 100))
    for statement in (
        revocation(ORIGIN, second.verifier, first, 150),
        revocation(ORIGIN, first.verifier, stranger, 150),
        revocation(ORIGIN, stranger.verifier, second, 150),
        revocation("cn.example/ledger", first.verifier, second, 50),
    ):
        with pytest.raises(KeyRefused):
            ring.apply(statement)
    ring.apply(revocation(ORIGIN, second.verifier, second, 150))
    with pytest.raises(KeyRefused):
        ring.apply(revocation(ORIGIN, first.verifier, second, 50))


def test_a_cosignature_does_not_stand_in_for_the_log() -> None:
    key, witness = SigningKey.generate(ORIGIN), SigningKey.generate("cn.example/witness", "cosignature/v1")
    ring = KeyRing(ORIGIN, key.verifier)
    stranger = SigningKey.generate("stranger.example")
    line = cosign(head(5), witness, 1_700_000_000)
    unsigned = add_signature(sign_checkpoint(head(5), stranger), line)
    with pytest.raises(NoteRefused):
        open_with_ring(unsigned, ring, [witness.verifier])
    opened = open_with_ring(add_signature(sign_checkpoint(head(5), key), line), ring, [witness.verifier])
    assert opened.verified == {ORIGIN: None, "cn.example/witness": 1_700_000_000}
    with pytest.raises(NoteRefused, match="another log"):
        open_with_ring(sign_checkpoint(Checkpoint("cn.example/ledger", 5, bytes(32)), key), ring)
