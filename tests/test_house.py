"""The house stands as it is drawn: imports point down, and there is one way in and one way out."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import safeconduct

ROOT = Path(safeconduct.__file__).parent
FLOORS = (
    ("agreement", "ledger", "geo", "risk"),
    ("records",),
    ("exchange", "people", "timers", "positions", "notify"),
    ("shell",),
    ("incidents", "journeys", "registry", "committee", "oversight", "watch", "assessment", "reports"),
    ("api", "field"),
    ("node",),
)
FLOOR = {room: number for number, rooms in enumerate(FLOORS) for room in rooms}
GROUND = FLOORS[0]
ROOMS = FLOORS[4]


def modules(room: str) -> Iterator[Path]:
    yield from sorted((ROOT / room).rglob("*.py"))


def imported(path: Path) -> set[str]:
    """Dotted names of everything a file imports, wherever in the file."""
    names: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        if isinstance(node, ast.Import):
            names.update(alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module and node.level == 0:
            names.update({node.module, *(f"{node.module}.{alias.name}" for alias in node.names)})
    return names


def rooms_of(names: set[str]) -> set[str]:
    return {name.split(".")[1] for name in names if name.startswith("safeconduct.") and name.count(".")}


def test_every_room_has_a_floor() -> None:
    there = {p.name for p in ROOT.iterdir() if p.is_dir() and (p / "__init__.py").exists()}
    assert there == set(FLOOR)


def test_imports_point_down() -> None:
    wrong = []
    for room, floor in FLOOR.items():
        for path in modules(room):
            for other in rooms_of(imported(path)) - {room}:
                if other in FLOOR and (FLOOR[other] > floor or (floor == 4 and other in ROOMS)):
                    wrong.append(f"{path.relative_to(ROOT)} imports {other}")
    assert not wrong, "\n".join(wrong)


def test_the_ground_floor_is_plain_python() -> None:
    wrong = [
        f"{path.relative_to(ROOT)} imports {name}"
        for room in GROUND
        for path in modules(room)
        for name in imported(path)
        if name.split(".")[0] in ("django", "allauth", "ninja", "aiohttp")
        or (name.startswith("safeconduct.") and name.split(".")[1] not in GROUND)
    ]
    assert not wrong, "\n".join(wrong)


def test_nobody_else_touches_the_tables() -> None:
    """Rows are written by records and exchange (what arrives), and read by records alone."""
    writes = re.compile(r"\b(INSERT INTO|UPDATE|DELETE FROM)\s+records_", re.IGNORECASE)
    reads = re.compile(r"\bFROM\s+records_(row|version|search)|records\.models|fetch_row", re.IGNORECASE)
    wrong = []
    for room, floor in FLOOR.items():
        if room in ("agreement", "records", "exchange"):
            continue
        for path in modules(room):
            text = path.read_text("utf-8")
            if writes.search(text) or (reads.search(text) and floor < FLOOR["node"]):
                wrong.append(str(path.relative_to(ROOT)))
    assert not wrong, "\n".join(wrong)


def test_sql_is_such_that_both_databases_take_it() -> None:
    """But where a home is filled for the first time, or for a drill: its databases are files then."""
    only_sqlites = re.compile(
        r"->>|\bGLOB\b|\bINSERT OR\b|\b(json_extract|json_group_array|ifnull|group_concat)\(|\bjson_object\('"
    )
    filling = {
        f"node/demonstration/{name}.py"
        for name in ("assessments", "between_rooms", "committee", "fill", "joint_work", "watch")
    }
    found = {
        path.relative_to(ROOT).as_posix()
        for room in FLOOR
        for path in modules(room)
        if only_sqlites.search(path.read_text("utf-8"))
    }
    assert {name for name in found if not name.startswith("node/drilling/")} == filling


def test_only_the_writer_opens_the_ledger_for_writing() -> None:
    """Whoever else opens it says that it is for reading; a restore looks whether somebody writes, by the same claim,
    and what puts its table into partitions has that claim, too."""
    opening = re.compile(r"open_ledger\(([^)]*)\)")
    found = {
        str(path.relative_to(ROOT)): opening.findall(path.read_text("utf-8"))
        for room in FLOOR
        for path in modules(room)
        if path.name != "databases.py" and "open_ledger(" in path.read_text("utf-8")
    }
    assert found.pop("records/claiming.py") == ["home", "self.home"]
    assert found.pop("node/partitioning.py") == ["home"]
    assert found and all("read_only=True" in given for calls in found.values() for given in calls)
    direct = [
        str(path.relative_to(ROOT))
        for room in FLOOR
        for path in modules(room)
        if "open_database(home.ledger" in path.read_text("utf-8")
    ]
    assert direct == ["records/databases.py"]


def test_no_file_outgrows_a_head() -> None:
    long = [
        f"{path.relative_to(ROOT)}: {count}"
        for path in sorted(ROOT.rglob("*.py"))
        if "migrations" not in path.parts and (count := len(path.read_text("utf-8").splitlines())) > 420
    ]
    assert not long, "\n".join(long)


def test_no_page_has_inline_code() -> None:
    """The content security policy forbids it; a template that has some is broken."""
    inline = re.compile(
        r"<script(?![^>]*\bsrc=)(?![^>]*application/json)|<style\b|\son\w+\s*=|\sstyle\s*=", re.I
    )
    wrong = [
        str(path.relative_to(ROOT))
        for path in sorted(ROOT.rglob("*.html"))
        if inline.search(path.read_text("utf-8"))
    ]
    assert not wrong, "\n".join(wrong)


def test_what_reads_records_says_for_whom() -> None:
    """On PostgreSQL nobody is shown a record by `here.tables()`: it is asked for a reader, or as the node."""
    undeclared = re.compile(
        r"(subjects?_of|load_state|confirm)\(\s*here\.tables\(\)|here\.tables\(\)\.(one|all)\([^)]*records_(row|search)",
        re.S,
    )
    wrong = [
        str(path.relative_to(ROOT))
        for room in FLOOR
        for path in modules(room)
        if "demonstration" not in path.parts and undeclared.search(path.read_text("utf-8"))
    ]
    assert not wrong, "\n".join(wrong)
