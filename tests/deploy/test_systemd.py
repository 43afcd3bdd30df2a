"""The units of systemd: one for each process, its user and no other, and what it may touch as FILES has it."""

from __future__ import annotations

import configparser
import os
import shutil
import subprocess
import sys
from collections import OrderedDict
from pathlib import Path

import pytest

from safeconduct.records.users import FILES, GROUPS, PROCESSES

UNITS = Path(__file__).resolve().parents[2] / "deploy/systemd"
HOME = "/srv/safeconduct"
MOST_EXPOSED = 20
"""Tenths: systemd's own figure for how much a unit leaves open. A unit without any of this has 92 to 98."""


class _Several(OrderedDict):  # type: ignore[type-arg]
    """A key that stands in a section several times means all of them."""

    def __setitem__(self, key: str, value: object) -> None:
        if isinstance(value, list) and key in self:
            self[key].extend(value)
        else:
            super().__setitem__(key, value)


def unit(process: str) -> dict[str, list[str]]:
    """The [Service] section: every value of every key."""
    parsed = configparser.RawConfigParser(strict=False, dict_type=_Several, empty_lines_in_values=False)
    parsed.optionxform = str  # type: ignore[assignment,method-assign]
    parsed.read(UNITS / f"safeconduct-{process}.service")
    return {key: value.split("\n") for key, value in parsed["Service"].items()}


def paths(values: list[str]) -> set[str]:
    """Places below the home; "." is the home itself."""
    named = {word.removeprefix("-") for value in values for word in value.split()}
    return {Path(each).relative_to(HOME).as_posix() for each in named if each.startswith(HOME)}


def analyse() -> str:
    found = shutil.which("systemd-analyze")
    if found is None and not os.environ.get("CI"):
        pytest.skip("systemd-analyze is not here")
    assert found, "install the package systemd"
    return found


def test_there_is_a_unit_for_each_process_and_one_target() -> None:
    assert {each.name for each in UNITS.iterdir()} == {
        "safeconduct.target",
        *(f"safeconduct-{process}.service" for process in PROCESSES),
    }


@pytest.mark.parametrize("process", PROCESSES)
def test_a_unit_runs_its_process_as_its_user(process: str) -> None:
    said = unit(process)
    assert said["User"] == said["Group"] == [f"safeconduct-{process}"]
    assert said["ExecStart"][0].endswith(f"bin/safeconduct run {process}")
    assert said["Environment"] == [f"SAFECONDUCT_HOME={HOME}"]


@pytest.mark.parametrize("process", PROCESSES)
def test_what_a_unit_opens_is_what_the_table_gives(process: str) -> None:
    said = unit(process)
    writes, hidden = paths(said["ReadWritePaths"]), paths(said["InaccessiblePaths"])
    if process != "writer":
        assert paths(said["ReadOnlyPaths"]) == {"."}
    for each in FILES:
        place = each.pattern.replace("/*", "").removesuffix("/").removesuffix("*")
        bits = (each.mode >> 6 if each.owner == process else 0) | (
            each.mode >> 3 if process in GROUPS[each.group] else 0
        )
        inside = {place, *(parent.as_posix() for parent in Path(place).parents)}
        if bits & 2 and each.pattern != "writer.sock":
            assert inside & writes, f"{process} cannot write {each.pattern}"
        if bits & 4:
            assert not inside & hidden, f"{process} does not see {each.pattern}"
    for kept in ("ledger.sqlite3", "keys/parts"):
        inside = {kept, *(parent.as_posix() for parent in Path(kept).parents)}
        assert (process == "writer") != bool(inside & hidden), f"{process} sees {kept}"


def test_the_units_are_sound(tmp_path: Path) -> None:
    """With a program in the place of /opt's: systemd looks whether it is there."""
    for each in UNITS.iterdir():
        text = each.read_text().replace("/opt/safeconduct/.venv/bin/safeconduct", sys.executable)
        (tmp_path / each.name).write_text(text)
    names = [str(each) for each in sorted(tmp_path.iterdir())]
    said = subprocess.run(
        [analyse(), "verify", "--man=no", *names], capture_output=True, text=True, check=False
    )
    ours = [line for line in said.stderr.splitlines() if "safeconduct" in line]
    assert said.returncode == 0 and not ours, said.stderr


@pytest.mark.parametrize("process", PROCESSES)
def test_a_unit_leaves_little_open(process: str) -> None:
    file = str(UNITS / f"safeconduct-{process}.service")
    said = subprocess.run(
        [analyse(), "security", "--offline=true", f"--threshold={MOST_EXPOSED}", "--no-pager", file],
        capture_output=True,
        text=True,
        check=False,
    )
    assert said.returncode == 0, said.stdout[-300:] + said.stderr
