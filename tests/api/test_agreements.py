"""The agreements over the API, and who may do what by them."""

from __future__ import annotations

from hashlib import sha256
from importlib.resources import files

from .conftest import MakeProgram, Program


def test_the_house_rules(officer: Program) -> None:
    (house,) = officer.get("/agreements").json()["items"]
    rules = files("safeconduct.node.demonstration").joinpath("house/host").iterdir()
    numbers = sorted(int(rule.name[:2]) for rule in rules)
    assert house["name"] == "house" and house["house"] and house["counts"] == {"agreed": len(numbers)}
    clauses = officer.get("/agreements/house/clauses").json()["items"]
    assert [clause["number"] for clause in clauses] == [f"H{number}" for number in numbers]
    for clause in clauses:
        (text,) = clause["texts"]
        assert clause["status"] == text["status"] == "agreed"
        assert text["digest"] == clause["governing"]
        assert text["digest"] == "sha256:" + sha256(text["file"].encode()).hexdigest()
        assert clause["history"][-1]["to"] == "agreed" and clause["history"][-1]["by"] == "pk"


def test_who_reads_no_clauses_finds_no_agreement(program: MakeProgram) -> None:
    outsider = program("warden")
    assert outsider.get("/agreements").json() == {"items": []}
    there, nowhere = outsider.get("/agreements/house/clauses"), outsider.get("/agreements/ghost/clauses")
    assert there.status_code == nowhere.status_code == 404
    assert there.content.replace(b"house", b"ghost") == nowhere.content


def test_explain_names_part_and_sentence(officer: Program) -> None:
    path = "/explain?party=pk&role=analyst&act=export&kind=incident"
    found = officer.get(path).json()
    assert {line["part"] for line in found["items"]} == {"summary", "when", "where", "method"}
    assert {line["grant"] for line in found["items"]} == {"house/H1.5"}
    assert all("Analysts" in line["sentence"] for line in found["items"])
    urdu = officer.get(path, Accept_Language="ur").json()["items"][0]
    assert urdu["language"] == "ur" and urdu["sentence"] != found["items"][0]["sentence"]


def test_explain_hides_what_may_not_be_read(program: MakeProgram) -> None:
    found = program("warden").get("/explain?party=pk&role=analyst&act=read&kind=incident").json()
    assert found["items"] == [] and found["hidden"] > 0


def test_explain_refuses_unknown_words(officer: Program) -> None:
    for query in (
        "party=pk&role=king&act=read&kind=incident",
        "party=pk&role=analyst&act=steal&kind=incident",
        "party=pk&role=analyst&act=read&kind=nothing",
        "party=pk&role=analyst&act=read",
        "party=pk&role=analyst&act=read&kind=incident&more=1",
    ):
        assert officer.get(f"/explain?{query}").status_code == 400
    assert officer.get("/explain?party=zz&role=analyst&act=read&kind=incident").json()["items"] == []
