"""Key texts and key files."""

from __future__ import annotations

import base64
import os
from pathlib import Path

import pytest

from safeconduct.ledger.keys import KeyRefused, SigningKey, Verifier

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
