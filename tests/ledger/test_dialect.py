"""The project's SQL in PostgreSQL's words."""

from __future__ import annotations

import pytest

from safeconduct.ledger.dialect import postgres


@pytest.mark.parametrize(
    ("ours", "theirs"),
    [
        ("SELECT 1", "SELECT 1"),
        ("SELECT a FROM t WHERE b = ? AND c = ?", "SELECT a FROM t WHERE b = $1 AND c = $2"),
        ("SELECT 'is it ?', \"what?\" FROM t WHERE a = ?", "SELECT 'is it ?', \"what?\" FROM t WHERE a = $1"),
        ("SELECT 'it''s ?' WHERE a = ?", "SELECT 'it''s ?' WHERE a = $1"),
        ("SELECT CAST(? AS INTEGER)", "SELECT CAST($1 AS INTEGER)"),
        ("SELECT a % 2 FROM t WHERE b = ?", "SELECT a % 2 FROM t WHERE b = $1"),
        (
            "CREATE TABLE t (a INTEGER PRIMARY KEY, b REAL NOT NULL, c BLOB DEFAULT x'') WITHOUT ROWID",
            "CREATE TABLE t (a BIGINT PRIMARY KEY, b DOUBLE PRECISION NOT NULL, c BYTEA DEFAULT '') ",
        ),
        (
            "CREATE TABLE t (text_of TEXT NOT NULL DEFAULT 'TEXT')",
            "CREATE TABLE t (text_of TEXT COLLATE \"C\" NOT NULL DEFAULT 'TEXT')",
        ),
        ("ALTER TABLE t ADD COLUMN u integer", "ALTER TABLE t ADD COLUMN u BIGINT"),
    ],
)
def test_a_statement_in_the_others_words(ours: str, theirs: str) -> None:
    assert postgres(ours) == theirs.encode()
