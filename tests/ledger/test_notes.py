"""Signed notes and what is made of them, against published examples and hostile input."""

from __future__ import annotations

import base64

import pytest
from hypothesis import given
from hypothesis import strategies as st

from safeconduct.ledger.keys import SigningKey, Verifier
from safeconduct.ledger.notes import (
    MAX_NOTE,
    AddCheckpoint,
    Checkpoint,
    NoteRefused,
    add_signature,
    build_add_checkpoint,
    cosign,
    open_checkpoint,
    open_note,
    parse_add_checkpoint,
    parse_signature_lines,
    sign_checkpoint,
    sign_note,
    unverified_checkpoint,
)

# golang.org/x/mod/sumdb/note, the test key and note of the reference implementation.
PETER = Verifier.parse("PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW")
PETER_KEY = SigningKey.parse("PRIVATE+KEY+PeterNeumann+c74f20a3+AYEKFALVFGyNhPJEMzD1QIDr+Y7hfZx09iUvxdXHKDFz")
TEXT = "If you think cryptography is the answer to your problem,\nthen you don't know what your problem is.\n"
LINE = (
    "— PeterNeumann"
    " x08go/ZJkuBS9UG/SffcvIAQxVBtiFupLLr8pAcElZInNIuGUgYN1FFYC2pZSNXgKvqfqdngotpRZb6KE6RyyBwJnAM=\n"
)
NOTE = f"{TEXT}\n{LINE}".encode()

# The checksum database of the Go project, as published by a witness of it in January 2023.
SUMDB = Verifier.parse("sum.golang.org+033de0ae+Ac4zctda0e5eza+HJyk9SxEdh+s3Ux18htTTAD8OuAn8")
SUMDB_NOTE = """go.sum database tree
15081221
BoMMe1wd25Tco0mYGROkyqxHZWx+hcSCtMV315Lu6Lg=

— sum.golang.org Az3grilD7vQqTrv66jRgKM84Y80KTprrSt4bKmiOPxgmS5ZVBTeCl6dUvjYnN13R+C8j0jGY1WnUADGMkok3U0m2Zgo=
— test.example.com qTGhC3917mAr6hGh+T55tNjxaej/D/GQivJZRIj7XGdAcQOTqfMWIPgp/v/904LEduN/h2sSRtHUJXUL4b9Gm7Bz4Qc=
""".encode()

LOG = SigningKey.generate("pk.example/ledger")
WITNESS = SigningKey.generate("cn.example/witness", "cosignature/v1")
HEAD = Checkpoint("pk.example/ledger", 20852163, bytes(range(32)))
SIGNED = sign_checkpoint(HEAD, LOG)


def refused(note: bytes, *verifiers: Verifier) -> None:
    with pytest.raises(NoteRefused):
        open_note(note, verifiers or [PETER])


def test_the_reference_note_opens_and_is_reproduced() -> None:
    assert open_note(NOTE, [PETER]) == (TEXT, {PETER: None})
    assert sign_note(TEXT, PETER_KEY) == NOTE


def test_the_reference_bad_messages() -> None:
    for text in (
        TEXT,
        TEXT + "\n",
        TEXT + "\n" + LINE.rstrip("\n"),
        "\x01" + TEXT + "\n" + LINE,
        TEXT + "\n" + LINE.replace("PeterNeumann", "Bad Name"),
        TEXT + "\n" + LINE + "Unexpected line.\n",
        "\n" + LINE,
        LINE,
        "",
        "\n\n",
        TEXT + "\n\n",
        TEXT + "\n" + LINE + "\n",
        TEXT + "\n" + LINE.replace("— ", "- "),
        TEXT + "\n" + LINE.replace("— ", "—  "),
        TEXT + "\n" + LINE.replace("\n", " \n"),
        TEXT + "\n" + LINE.replace("\n", "\r\n"),
        TEXT + "\n" + LINE.replace("=", ""),
        TEXT + "\n" + LINE.replace("=", "=="),
        TEXT + "\n" + LINE + "— x AAAA\n",
        TEXT + "\n" + LINE + "— x\n",
        TEXT + "\n" + LINE + "— a+b AAAAAAAA\n",
        TEXT + "\n" + LINE + "— x AAAAAA=A\n",
        TEXT.replace("think", "th\0nk") + "\n" + LINE,
    ):
        refused(text.encode())
    refused(b"\xff" + NOTE)


def test_no_single_bit_can_change() -> None:
    for position in range(len(NOTE)):
        for bit in range(0, 8, 3):
            changed = bytearray(NOTE)
            changed[position] ^= 1 << bit
            refused(bytes(changed))


def test_unknown_keys_are_ignored_known_ones_must_verify() -> None:
    other = SigningKey.generate("PeterNeumann")
    both = sign_note(TEXT, other, PETER_KEY)
    assert open_note(both, [PETER])[1] == {PETER: None}
    assert open_note(both, [PETER, other.verifier])[1] == {PETER: None, other.verifier: None}
    refused(both, LOG.verifier)
    with pytest.raises(NoteRefused):
        open_note(NOTE, [])
    bad = LINE.replace("RyyBwJnAM", "RyyBwJnBM")
    for lines in (bad, LINE + bad, bad + LINE):
        refused(f"{TEXT}\n{lines}".encode())
    short = f"— PeterNeumann {base64.b64encode(PETER.key_id + b'x').decode()}\n"
    refused(f"{TEXT}\n{LINE}{short}".encode())


def test_limit_on_length_is_exact() -> None:
    def filled(length: int) -> bytes:
        rest = len(sign_note("\n", PETER_KEY))
        return sign_note("a" * (length - rest) + "\n", PETER_KEY)

    assert open_note(filled(MAX_NOTE), [PETER])
    refused(filled(MAX_NOTE + 1))
    # At least 16 signatures are accepted, as the standard asks.
    assert open_note(sign_note(TEXT, *[SigningKey.generate(f"k{i}") for i in range(30)], PETER_KEY), [PETER])


def test_published_checkpoint() -> None:
    opened = open_checkpoint(SUMDB_NOTE, [SUMDB])
    assert (opened.checkpoint.origin, opened.checkpoint.size) == ("go.sum database tree", 15081221)
    assert opened.verified == {"sum.golang.org": None}
    assert base64.b64encode(opened.checkpoint.root) == b"BoMMe1wd25Tco0mYGROkyqxHZWx+hcSCtMV315Lu6Lg="
    with pytest.raises(NoteRefused):
        open_checkpoint(SUMDB_NOTE.replace(b"15081221", b"15081222"), [SUMDB])


def test_checkpoint_text_is_that_of_the_standard() -> None:
    root = base64.b64decode("CsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=")
    head = Checkpoint("example.com/behind-the-sofa", 20852163, root)
    text = "example.com/behind-the-sofa\n20852163\nCsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=\n"
    assert head.text() == text
    assert Checkpoint.parse(text) == head
    extended = Checkpoint.parse(text + "one\ntwo\n")
    assert extended.extensions == ("one", "two") and extended.text() == text + "one\ntwo\n"


ROOT = base64.b64encode(bytes(32)).decode()


@pytest.mark.parametrize(
    "size",
    [
        "+5",
        "1_000",
        "05",
        "00",
        "-0",
        "-1",
        "",
        " 5",
        "5 ",
        "٥",
        "5.0",
        "0x5",
        "1e3",
        "９",
        "9223372036854775808",
        "99999999999999999999",
        "9" * 5000,
    ],
)
def test_sizes_have_one_spelling(size: str) -> None:
    with pytest.raises(NoteRefused):
        Checkpoint.parse(f"o\n{size}\n{ROOT}\n")
    with pytest.raises(NoteRefused):
        parse_add_checkpoint(f"old {size}\n\n".encode() + SIGNED)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "\n",
        "o\n5\n",
        f"o\n5\n{ROOT}",
        f"\n5\n{ROOT}\n",
        f"o\n5\n\n{ROOT}\n",
        f"o\n5\n{ROOT}\n\n",
        f"o\n5\n{ROOT}\n\nx\n",
        f"o\n5\n{ROOT[:-1]}\n",
        f"o\n5\n{ROOT}=\n",
        f"o\n5\n{ROOT[:-2]}B=\n",
        f"o\n5\n {ROOT}\n",
        f"o\n5\n{ROOT.replace('A', '_')}\n",
        f"o\n5\n{base64.b64encode(bytes(31)).decode()}\n",
        f"o\n5\n{base64.b64encode(bytes(33)).decode()}\n",
        f"o\r\n5\r\n{ROOT}\r\n",
        f"o\0\n5\n{ROOT}\n",
        f"o\t\n5\n{ROOT}\n",
        f"o\n5\n{ROOT}\nx\x1b[0m\n",
    ],
)
def test_hostile_checkpoints(text: str) -> None:
    with pytest.raises(NoteRefused):
        Checkpoint.parse(text)


@pytest.mark.parametrize(
    "head",
    [
        Checkpoint("", 1, bytes(32)),
        Checkpoint("a\nb", 1, bytes(32)),
        Checkpoint("a", -1, bytes(32)),
        Checkpoint("a", 2**63, bytes(32)),
        Checkpoint("a", 1, bytes(31)),
        Checkpoint("a", 1, bytes(32), ("",)),
        Checkpoint("a", 1, bytes(32), ("x\n5",)),
        Checkpoint("a\0", 1, bytes(32)),
    ],
)
def test_checkpoints_that_could_not_be_read_are_not_written(head: Checkpoint) -> None:
    with pytest.raises(NoteRefused):
        sign_checkpoint(head, LOG)


@given(st.binary(max_size=300) | st.text(max_size=300).map(lambda text: text.encode("utf-8", "replace")))
def test_arbitrary_input_is_refused_not_more(raw: bytes) -> None:
    for read in (unverified_checkpoint, parse_add_checkpoint, parse_signature_lines):
        with pytest.raises(NoteRefused):
            read(raw)


def test_cosignature_signs_what_the_standard_says() -> None:
    time = 1679315147
    line = cosign(SIGNED, WITNESS, time)
    assert line == cosign(HEAD, WITNESS, time)
    ((name, raw),) = parse_signature_lines(line)
    assert name == "cn.example/witness" and len(raw) == 4 + 8 + 64
    assert raw[:4] == WITNESS.key_id and int.from_bytes(raw[4:12], "big") == time
    message = b"cosignature/v1\ntime 1679315147\n" + HEAD.text().encode()
    assert WITNESS.verifier.verify(message, raw[12:])
    opened = open_checkpoint(add_signature(SIGNED, line), [LOG.verifier, WITNESS.verifier])
    assert opened.verified == {"pk.example/ledger": None, "cn.example/witness": time}
    assert opened.signers == (LOG.verifier, WITNESS.verifier)
    assert open_checkpoint(add_signature(SIGNED, line), [WITNESS.verifier]).verified == {
        "cn.example/witness": time
    }


def test_the_latest_cosignature_counts_and_a_repeated_line_is_added_once() -> None:
    note = SIGNED
    for time in (100, 300, 200, 300):
        note = add_signature(note, cosign(HEAD, WITNESS, time))
    assert note.count(b"cn.example/witness") == 3
    assert open_checkpoint(note, [WITNESS.verifier]).verified == {"cn.example/witness": 300}
    assert add_signature(note, note.split(b"\n\n")[1]) == note


def test_a_cosignature_cannot_be_moved() -> None:
    line = cosign(HEAD, WITNESS, 1000)
    other = sign_checkpoint(Checkpoint(HEAD.origin, HEAD.size + 1, HEAD.root), LOG)
    refused(add_signature(other, line), WITNESS.verifier)
    raw = base64.b64decode(line.split(b" ")[2])
    for forged in (
        raw[:4] + (1001).to_bytes(8, "big") + raw[12:],
        raw[:4] + raw[12:],
        raw[:4] + b"\xff" * 8 + raw[12:],
        raw[:12],
        raw + b"\0",
    ):
        encoded = b"\xe2\x80\x94 cn.example/witness " + base64.b64encode(forged) + b"\n"
        refused(add_signature(SIGNED, encoded), LOG.verifier, WITNESS.verifier)


def test_keys_make_their_own_kind_of_signature_only() -> None:
    with pytest.raises(NoteRefused):
        sign_checkpoint(HEAD, WITNESS)
    with pytest.raises(NoteRefused):
        cosign(HEAD, LOG, 1)
    for time in (-1, 2**63):
        with pytest.raises(NoteRefused):
            cosign(HEAD, WITNESS, time)
    twin = SigningKey.generate(LOG.name, "cosignature/v1")
    with pytest.raises(ValueError, match="share a name"):
        open_checkpoint(SIGNED, [LOG.verifier, twin.verifier])


def test_adding_signatures_refuses_other_lines() -> None:
    for line in (
        b"",
        b"\n",
        b"x\n",
        cosign(HEAD, WITNESS, 1)[:-1],
        b"\n" + cosign(HEAD, WITNESS, 1),
        cosign(HEAD, WITNESS, 1) + b"\n",
    ):
        with pytest.raises(NoteRefused):
            add_signature(SIGNED, line)
    with pytest.raises(NoteRefused):
        add_signature(b"no note", cosign(HEAD, WITNESS, 1))
    big = b"\xe2\x80\x94 x " + base64.b64encode(bytes(40_000)) + b"\n"
    with pytest.raises(NoteRefused):
        add_signature(add_signature(SIGNED, big), big.replace(b" x ", b" y "))


def test_witness_request_has_the_form_of_the_standard() -> None:
    proof = [bytes([i]) * 32 for i in range(3)]
    body = build_add_checkpoint(20852014, proof, SIGNED)
    lines = body.split(b"\n")
    assert lines[0] == b"old 20852014" and lines[4] == b""
    assert [base64.b64decode(line) for line in lines[1:4]] == proof
    assert body.endswith(SIGNED)
    assert parse_add_checkpoint(body) == AddCheckpoint(20852014, tuple(proof), SIGNED)
    assert parse_add_checkpoint(build_add_checkpoint(0, [], SIGNED)).proof == ()
    assert len(parse_add_checkpoint(build_add_checkpoint(5, [bytes(32)] * 63, SIGNED)).proof) == 63


def test_hostile_witness_requests() -> None:
    line = base64.b64encode(bytes(32)) + b"\n"
    good = b"old 5\n" + line + b"\n" + SIGNED
    assert parse_add_checkpoint(good).old == 5
    for body in (
        b"old 5\n" + line * 64 + b"\n" + SIGNED,
        b"old 0\n" + line + b"\n" + SIGNED,
        b"old 20852163\n" + line + b"\n" + SIGNED,
        b"old 20852164\n\n" + SIGNED,
        b"old 5\n" + line + SIGNED,
        b"old 5\n" + line[:-3] + b"\n\n" + SIGNED,
        b"old 5\n" + base64.b64encode(bytes(31)) + b"\n\n" + SIGNED,
        b"old 5\n" + line.replace(b"A=", b"B=") + b"\n" + SIGNED,
        b"old 5\r\n\r\n" + SIGNED,
        b"old  5\n\n" + SIGNED,
        b"OLD 5\n\n" + SIGNED,
        b"\n\n" + SIGNED,
        b"old 5\n\n",
        b"old 5\n\n" + SIGNED[:-1],
        b"\0" + good,
        good + b"\0",
        good + b"x" * MAX_NOTE,
        b"old 5\n\xff\n\n" + SIGNED,
    ):
        with pytest.raises(NoteRefused):
            parse_add_checkpoint(body)
    with pytest.raises(NoteRefused):
        build_add_checkpoint(5, [bytes(32)] * 64, SIGNED)
    with pytest.raises(NoteRefused):
        build_add_checkpoint(-5, [], SIGNED)
