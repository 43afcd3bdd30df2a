"""The image and its services, by a linter, the schema of compose files, and what each process may do."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from safeconduct.records.users import FILES, GROUPS, PROCESSES

DEPLOY = Path(__file__).resolve().parents[2] / "deploy"
BIN = Path(sys.executable).parent
HOME = "/srv/safeconduct"


def lint(*command: str) -> None:
    said = subprocess.run([str(BIN / command[0]), *command[1:]], capture_output=True, text=True, check=False)
    assert said.returncode == 0, said.stdout + said.stderr


def services() -> dict[str, dict[str, Any]]:
    found: dict[str, dict[str, Any]] = yaml.safe_load((DEPLOY / "compose.yaml").read_text())["services"]
    return found


def test_the_image_is_made_as_the_linter_of_container_files_wants_it() -> None:
    lint("hadolint", "--failure-threshold", "warning", str(DEPLOY / "Containerfile"))


def test_the_services_are_as_the_schema_of_compose_files_has_it() -> None:
    lint("check-jsonschema", "--builtin-schema", "vendor.compose-spec", str(DEPLOY / "compose.yaml"))


def test_every_process_is_a_service_and_setup_is_the_only_other() -> None:
    assert set(services()) == {*PROCESSES, "setup"}


@pytest.mark.parametrize("process", PROCESSES)
def test_a_service_may_do_nothing_but_its_work(process: str) -> None:
    service = services()[process]
    assert service["user"] == f"safeconduct-{process}"
    assert service["command"] == ["run", process]
    assert service["healthcheck"]["test"] == ["CMD", "safeconduct", "run", "--check", process]
    assert service["read_only"] is True
    assert service["cap_drop"] == ["ALL"] and "cap_add" not in service and "privileged" not in service
    assert service["security_opt"] == ["no-new-privileges:true"]
    if process != "writer":
        assert service["depends_on"] == {"writer": {"condition": "service_healthy"}}


def test_only_setup_is_root_and_it_reaches_nobody() -> None:
    setup = services()["setup"]
    assert setup["user"] == "root" and setup["network_mode"] == "none" and setup["restart"] == "no"
    assert services()["writer"]["network_mode"] == "none"


@pytest.mark.parametrize("process", PROCESSES)
def test_a_service_has_the_volumes_that_the_table_gives_it(process: str) -> None:
    mounted = {}
    for volume in services()[process]["volumes"]:
        _, target, *ways = volume.split(":")
        mounted[Path(target).relative_to(HOME).as_posix()] = "ro" not in ways
    apart = {Path(v.split(":")[1]).relative_to(HOME).as_posix() for v in services()["setup"]["volumes"]} - {
        "."
    }
    for each in FILES:
        folder = each.pattern.rpartition("/")[0]
        if folder not in apart or not each.pattern.endswith("*"):
            continue
        bits = (each.mode >> 6 if each.owner == process else 0) | (
            each.mode >> 3 if process in GROUPS[each.group] else 0
        )
        if each.owner or process != "writer":
            if bits & 4 and folder != "links" and (folder, process) != ("keys/devices", "writer"):
                assert folder in mounted, f"{process} lacks {folder}"
            if bits & 2 and (folder, process) != ("keys/devices", "writer"):
                assert mounted.get(folder), f"{process} cannot write {folder}"
        if not bits & 6:
            assert folder not in mounted, f"{process} has {folder}"
