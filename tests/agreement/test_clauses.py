"""Clause files: what is read, and that each fault is refused with its file, line and reason."""

from __future__ import annotations

import time
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from safeconduct.agreement.clauses import ClauseError, load_folder, parse_clause
from safeconduct.agreement.source import MAX_CLAUSE_BYTES

from .sample import COMMAND, HOUSE, INCIDENTS, MOVEMENTS, VOCABULARY, clause


def refused(text: str | bytes) -> ClauseError:
    raw = text if isinstance(text, bytes) else text.encode()
    with pytest.raises(ClauseError) as caught:
        parse_clause(raw, VOCABULARY, "04.md")
    assert caught.value.file == "04.md"
    return caught.value


def line_of(text: str, words: str) -> int:
    return text[: text.index(words)].count("\n") + 1


def test_a_clause_is_read_with_its_sentences_in_every_language() -> None:
    read = clause(INCIDENTS)
    assert (read.number, read.version, read.title, read.house) == ("4", 1, "Incidents", False)
    assert read.titles == {"en": "Incidents", "ur": "واقعات"}
    first, second = read.grants
    assert first.kinds == ("incident", "alert") and first.to == "both"
    assert second.logged == ("read",) and second.retention_days == 30 and second.states == ("open",)
    assert read.sentences["4.1"]["en"] == (
        "Each Party shows the other's coordinators and liaison officers what happened."
    )
    assert read.sentences["4.1"]["zh-hans"] == "各方向对方的协调员展示摘要。"
    assert read.texts["ur"].startswith("4.1 ")
    assert read.digest.startswith("sha256:") and read.raw == INCIDENTS.encode()


def test_conditions_limits_and_assurances_are_read() -> None:
    read = clause(MOVEMENTS)
    assert read.grants[0].when == ("assigned", "not_before")
    assert read.grants[0].logged == ("read", "disclose")
    assert read.assurances[0].unless == ("24",) and read.assurances[0].may == ("command",)


def test_hours_of_opening_stand_only_in_a_grant_that_waits_for_the_time_lock() -> None:
    text = MOVEMENTS.replace("logged = true", "opens_hours = 12\nlogged = true", 1)
    assert clause(text).grants[0].opens_hours == 12
    assert clause(MOVEMENTS).grants[0].opens_hours is None
    for wrong in ('opens_hours = "12"', "opens_hours = -1", "opens_hours = true", "opens_hours = 1.5"):
        assert "whole number" in refused(text.replace("opens_hours = 12", wrong)).reason
    unlocked = text.replace('when   = ["assigned", "not_before"]', 'when   = ["assigned"]')
    fault = refused(unlocked)
    assert "not_before" in fault.reason and fault.line == line_of(unlocked, "opens_hours")


def test_house_rules_have_red_lines_and_grants_to_own_roles() -> None:
    read = clause(HOUSE)
    assert read.house and read.red_lines[0].above == 1
    assert read.red_lines[0].parts == ("people", "where")


def test_a_clause_may_be_text_alone() -> None:
    read = clause('+++\nclause="9"\nversion=1\ntitle="Talks"\ntexts=["en"]\n+++\n9.1 They shall talk.\n')
    assert read.grants == () and read.sentences["9.1"]["en"] == "They shall talk."


HEAD = 'clause="1"\nversion=1\ntitle="x"\n'


@pytest.mark.parametrize(
    ("front", "reason"),
    [
        (".".join(["a"] * 60_000) + "=1", "a key of too many parts"),
        (
            'x = { q = """a"b""", ' + ".".join(["a"] * 50_000) + ' = 1, r = """c"d""" }',
            "strings of several lines",
        ),
        ("x = " + "[" * 600 + "]" * 600, "nested more than 8 deep"),
        ("x = " + "[" * 60_000, "nested more than 8 deep"),
        ("a.b.c.d.e.f.g.h = { i = 1 }", "nested more than 8 deep"),
        ("version = " + "1" * 5_000, "TOML"),
        ("texts=[" + ",".join(f'"{n}"' for n in range(14_000)) + "]", "texts: '0' is none of"),
        ("x = 1 # " + "y" * 140_000, "front matter of more than"),
    ],
)
def test_a_file_made_to_keep_its_reader_busy_is_refused_at_once(front: str, reason: str) -> None:
    started = time.process_time()
    assert reason in refused(f"+++\n{HEAD if 'version' not in front else ''}{front}\n+++\n1.1 x\n").reason
    assert time.process_time() - started < 1.0


@pytest.mark.parametrize(
    ("old", "new", "at", "reason"),
    [
        ('up_to  = "RESTRICTED"', 'up_tp  = "RESTRICTED"', "up_tp", "unknown key 'up_tp'"),
        ('up_to  = "RESTRICTED"', 'up_to  = "PUBLIC"', '"PUBLIC"', "up_to: 'PUBLIC' is none of"),
        ('up_to  = "RESTRICTED"\n', "", "[[grant]]", "missing key 'up_to'"),
        ('["coordinator", "liaison"]', '["coordinator", "king"]', '"king"', "'king' is none of"),
        ('may    = ["read", "disclose"]', 'may    = ["read", "strike"]', '"strike"', "'strike' is none of"),
        ('kind   = "incident"', 'kind   = "weapon"', '"weapon"', "'weapon' is none of"),
        ('parts  = ["where", "people"]', 'parts  = ["where", "wallet"]', '"wallet"', "no part 'wallet'"),
        ('state = ["open"]', 'state = ["lost"]', '"lost"', "no state 'lost'"),
        ('state = ["open"]', 'phase = ["open"]', "phase", "unknown key 'phase'"),
        ('id     = "4.2"', 'id     = "4.1"', 'id     = "4.1"', "used twice"),
        ('id     = "4.2"', 'id     = "5.2"', '"5.2"', 'must be "4." and a number'),
        ('id     = "4.2"', 'id     = "4.3"', '"4.3"', "no numbered sentence in the text (en)"),
        ('to     = "both"', 'to     = "own"', '"own"', "'own' is none of"),
        ('whose  = "other"', 'whose  = "host"', '"host"', 'whose = "other"'),
        ("retention_days = 30", "retention_days = true", "retention_days", "whole number"),
        ('logged = ["read"]', 'logged = ["write"]', '"write"', "'write' is none of"),
        ("version = 1", "version = 0", "version", "whole number"),
        ('texts   = ["en", "ur", "zh-hans"]', 'texts   = ["en", "fr"]', "texts", "'fr' is none of"),
        ('clause  = "4"', 'clause  = "04"', "clause", "no clause number"),
        ("4.2 میزبان", "میزبان", 'id     = "4.2"', "(ur)"),
        ("4.2 The Host", "5.2 The Host", "5.2 The Host", "stands in the text of clause 4"),
        ("4.2 The Host", "4.1 The Host", "4.1 The Host", "stands twice"),
        ("## zh-hans\n", "## ur\n", "## ur\n4.1 各方", "section ur stands twice"),
        ('id     = "4.1"', 'id     = 4.1"', "id     = 4.1", "TOML"),
        ("# Clause 4", "# Clause\u202e4", "# Clause\u202e4", "override U+202E"),
        ("# Clause 4", "# Clause\u20664", "# Clause\u20664", "balanced"),
        ("# Clause 4", "# Clause\u200b4", "# Clause\u200b4", "invisible character U+200B"),
        ("# Clause 4", "# Clause\x00", "# Clause\x00", "control character U+0000"),
    ],
)
def test_faults_are_named_with_their_line(old: str, new: str, at: str, reason: str) -> None:
    assert old in INCIDENTS
    text = INCIDENTS
    if old == 'id     = "4.2"' and new == 'id     = "4.1"':
        text = text.replace(old, new)
        expected = text.index(new, text.index(new) + 1)
        line = text[:expected].count("\n") + 1
    else:
        text = text.replace(old, new, 1)
        line = line_of(text, at)
    fault = refused(text)
    assert reason in fault.reason
    assert fault.line == line
    assert str(fault) == f"04.md:{line}: {fault.reason}"


def test_bytes_that_are_no_plain_text_are_refused() -> None:
    assert "carriage return" in refused(INCIDENTS.replace("\n", "\r\n")).reason
    assert "byte order mark" in refused(b"\xef\xbb\xbf" + INCIDENTS.encode()).reason
    fault = refused(INCIDENTS.encode().replace(b"4.2 The", b"4.2 \xff"))
    assert fault.reason == "not UTF-8" and fault.line == line_of(INCIDENTS, "4.2 The")
    assert "larger than" in refused(INCIDENTS + "x" * MAX_CLAUSE_BYTES).reason
    assert refused("clause 4").line == 1
    assert "not closed" in refused("+++\nclause = '4'\n").reason


def test_isolates_may_stand_balanced_in_the_text_but_not_in_the_front_matter() -> None:
    parse_clause(INCIDENTS.replace("# Clause 4", "# \u2067Clause\u2069 4").encode(), VOCABULARY)
    fault = refused(INCIDENTS.replace('"Incidents"', '"\u2067Incidents\u2069"'))
    assert fault.line == 4


def test_red_lines_belong_in_house_rules() -> None:
    line = '[[red_line]]\nid = "24.1"\nkind = "*"\nparts = ["*"]\nabove = "OPEN"\n+++\n24.1'
    text = COMMAND.replace("+++\n24.1", line)
    assert "house rules only" in refused(text).reason


def test_a_folder_names_every_fault_and_refuses_doubles(tmp_path: Path) -> None:
    (tmp_path / "a.md").write_text(INCIDENTS)
    (tmp_path / "b.md").write_text(COMMAND)
    (tmp_path / "b2.md").write_text(COMMAND.replace("version = 1", "version = 2"))
    (tmp_path / "notes.txt").write_text("not a clause")
    loaded = load_folder(tmp_path, VOCABULARY)
    assert [(c.number, c.version) for c in loaded] == [("4", 1), ("24", 1), ("24", 2)]
    (tmp_path / "c.md").write_text(INCIDENTS.replace("# Clause 4", "# Clause four"))
    (tmp_path / "d.md").write_text(COMMAND.replace("SECRET", "TOP"))
    with pytest.raises(ClauseError) as caught:
        load_folder(tmp_path, VOCABULARY)
    reasons = [fault.reason for fault in caught.value.all]
    assert len(reasons) == 2 and "stands in" in reasons[0] and "'TOP'" in reasons[1]
    assert caught.value.line == 2


@given(st.data())
def test_a_damaged_file_is_read_or_refused_but_never_breaks(data: st.DataObject) -> None:
    raw = bytearray(INCIDENTS.encode())
    for _ in range(data.draw(st.integers(1, 4))):
        at = data.draw(st.integers(0, len(raw) - 1))
        raw[at : at + data.draw(st.integers(0, 3))] = data.draw(st.binary(max_size=3))
    try:
        parse_clause(bytes(raw), VOCABULARY, "04.md")
    except ClauseError as fault:
        assert fault.line >= 1 and fault.reason
