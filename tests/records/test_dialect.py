"""Where the two databases are asked in different words, they give the same answers."""

from __future__ import annotations

import sqlite3
import unicodedata
from collections.abc import Iterator
from contextlib import closing

import pytest
from hypothesis import given
from hypothesis import strategies as st

import ready
from safeconduct.node.django_start import migrate
from safeconduct.records import here
from safeconduct.records.dialect import LONGEST_LEXEME, tokens
from safeconduct.records.home import Home, HomeError
from safeconduct.records.projection import Tables
from safeconduct.records.search import fold, match_expression

TEXTS = (
    "Bomb against a convoy near the airport gate",
    "Überfall auf den Konvoi, São Tomé; naïve façade",
    "کراچی ہوائی اڈے کے قریب دھماکہ",
    "كراچي میں قافلے پر حملہ ۱۴۰۳",
    "卡拉奇机场附近发生爆炸，车队遇袭",
    "Gwādar—Makrān coastal_highway N-10; km 12,5",
    "a b a c a b d",
    "Ελλάδα Москва й ё Việt Nam",
    "x" * (LONGEST_LEXEME + 40) + " end",
    "O'Brien \\ 'quoted' & | ! :* <-> (none)",
    "",
    "e\u0301te\u0301 \u0301lone mark",
)
ASKED = (
    "bomb", "BOM", "air gate", "uberfall", "sao tome", "naive", "دھماکہ", "کراچی", "ہوائی اڈے", "1403", "爆炸",
    "机场附近", "卡拉奇 车队", "机炸", "gwadar", "makran", "coastal_highway", "n-10", "12,5", "a-b", "a-c-a", "b-d",
    "Москва", "и", "viet", "Ελλ", "x" * (LONGEST_LEXEME + 40), "x" * (LONGEST_LEXEME + 41), "o'brien", "\\",
    "& |", ":*", "none end", "_", "_ a",
    "ete", "lone", "quo ali", "'", '"', "NEAR(a b)", "words:a", "-a", "a*", "\x00", "a\x00b",
)  # fmt: skip


@pytest.fixture
def indexed(bare_home: Home) -> Iterator[Tables]:
    tables = here.tables()
    for place, text in enumerate(TEXTS):
        tables.execute(*tables.dialect.put_text(place, fold(text)))
    yield tables


def found(tables: Tables, asked: str) -> list[int]:
    expression = match_expression(asked)
    if expression is None:
        return []
    test, values = tables.dialect.matching(expression)
    return [
        place
        for (place,) in tables.all(f"SELECT rowid FROM records_search WHERE {test} ORDER BY rowid", values)
    ]


@pytest.mark.both
def test_both_find_the_same_texts(indexed: Tables) -> None:
    answers = {asked: found(indexed, asked) for asked in ASKED}
    assert answers["uberfall"] == [1] and answers["کراچی"] == [2, 3] and answers["1403"] == [3]
    assert answers["爆炸"] == [4] and answers["机炸"] == [] and answers["a-c-a"] == [6]
    assert answers == _as_fts5_says()


def _as_fts5_says() -> dict[str, list[int]]:
    with closing(sqlite3.connect(":memory:")) as db:
        db.execute("CREATE VIRTUAL TABLE t USING fts5 (words, tokenize = 'unicode61 remove_diacritics 2')")
        db.executemany(
            "INSERT INTO t (rowid, words) VALUES (?, ?)", [(n, fold(x)) for n, x in enumerate(TEXTS)]
        )
        sql = "SELECT rowid FROM t WHERE t MATCH ? ORDER BY rowid"
        return {
            asked: [n for (n,) in db.execute(sql, [expression])]
            if (expression := match_expression(asked))
            else []
            for asked in ASKED
        }


_OLD = [
    chr(code)
    for code in range(1, 0x2FFFF)
    if not 0xD800 <= code < 0xE000
    and unicodedata.ucd_3_2_0.category(chr(code)) == unicodedata.category(chr(code)) != "Cn"
]
"""Characters of which every edition of Unicode says the same; a newer letter is one only to the newer."""


@given(st.text(st.sampled_from(_OLD) | st.sampled_from("aé ́́ _-ł1٣क्षی。"), max_size=60))
def test_words_are_split_as_sqlite_splits_them(text: str) -> None:
    with closing(sqlite3.connect(":memory:")) as db:
        db.execute("CREATE VIRTUAL TABLE t USING fts5 (words, tokenize = 'unicode61 remove_diacritics 2')")
        db.execute("CREATE VIRTUAL TABLE v USING fts5vocab (t, 'instance')")
        db.execute("INSERT INTO t VALUES (?)", [fold(text)])
        told = [term for (term,) in db.execute("SELECT term FROM v ORDER BY offset")]
    assert tokens(fold(text)) == told


@pytest.mark.both
def test_values_are_listed_as_given(bare_home: Home) -> None:
    tables = here.tables()
    for values, kind in (
        (["b", "a", "", "a|b", "'", "{x}", '"', "\\"], "text"),
        ([3, 1 << 40], "bigint"),
        ([], "text"),
    ):
        listed, given_values = tables.dialect.listed(values, kind)
        rows = [value for (value,) in tables.all(f"SELECT value FROM {listed} AS given", given_values)]
        assert rows == values


@pytest.mark.both
def test_nothing_is_named_by_a_text_that_no_text_can_be(bare_home: Home) -> None:
    tables = here.tables()
    assert tables.all("SELECT id FROM records_row WHERE id = %s", ["\x00"]) == []
    listed, values = tables.dialect.listed(["\x00"])
    assert tables.all(f"SELECT id FROM records_row WHERE id IN {listed}", values) == []


@pytest.mark.both
def test_order_is_that_of_the_bytes(bare_home: Home) -> None:
    words = ["b", "B", "a-b", "ab", "é", "Z", "_", "ｚ", "中"]
    tables = here.tables()
    listed, values = tables.dialect.listed(words)
    assert [
        w for (w,) in tables.all(f"SELECT value FROM {listed} AS given ORDER BY value", values)
    ] == sorted(words, key=str.encode)


def test_a_database_that_orders_text_otherwise_is_refused(bare_home: Home) -> None:
    server = ready.server()
    name = f"ordered_{id(server)}"
    server.ask(f"CREATE DATABASE {name} TEMPLATE template0 ENCODING 'SQL_ASCII'")
    try:
        home = Home.create(
            bare_home.path / "other", "pk", "host", "Host", database=server.address(name, "postgres")
        )
        before = ready.point(home)
        try:
            with pytest.raises(HomeError, match="SQL_ASCII"):
                migrate()
        finally:
            ready.point_back(before)
    finally:
        server.drop([name])


def test_no_address_but_that_of_a_postgresql_database_is_taken() -> None:
    from safeconduct.node.databases import address_parts

    for wrong in ("mysql://u:hunter2@h/d", "postgresql://u:hunter2@h", "postgresql://u:hunter2@h/d?nonsense=1", 7, "",
                  "postgresql://u:hunter2@h/d?options=-csearch_path%3Dpublic"):  # fmt: skip
        with pytest.raises(HomeError) as refused:
            address_parts(wrong)
        assert "hunter2" not in str(refused.value) and refused.value.__cause__ is None
    assert address_parts("postgresql://u@h:5433/d?sslmode=verify-full")["sslmode"] == "verify-full"
