"""The bill of materials: every part with version and licence, in the standard's own form; and an audit that does not
pretend."""

from __future__ import annotations

import json
import re
import sys
from email.message import Message
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from typing import Any
from unittest import mock

import pytest
import requests
from cyclonedx.schema import SchemaVersion
from cyclonedx.validation.json import JsonStrictValidator

ROOT = Path(__file__).parent.parent.parent


def _loaded() -> Any:
    """The command as a module; a folder of the tests has the name of its folder."""
    spec = spec_from_file_location("sbom", ROOT / "deploy" / "sbom.py")
    assert spec is not None and spec.loader is not None
    module = sys.modules["sbom"] = module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


sbom = _loaded()
audit, bill, checked, licence_of, parts = sbom.audit, sbom.bill, sbom.checked, sbom.licence_of, sbom.parts
LOCK, LicenceRefused = sbom.LOCK, sbom.LicenceRefused


def test_the_bill_fits_its_schema_and_is_the_same_each_time() -> None:
    text = json.dumps(bill(parts()))
    assert JsonStrictValidator(SchemaVersion.V1_6).validate_str(text) is None
    assert text == json.dumps(bill(parts()))


def test_every_part_that_the_program_names_is_in_it_with_version_and_licence() -> None:
    found = {(part.kind, part.name.lower().replace("_", "-")): part for part in parts()}
    text = (ROOT / "pyproject.toml").read_text("utf-8")
    own = re.search(r"^dependencies = \[(.*?)^\]", text, re.S | re.M)
    assert own is not None
    named = {each.lower() for each in re.findall(r'"([A-Za-z0-9_.-]+)', own[1])}
    assert len(named) > 25 and {("pypi", name) for name in named} <= found.keys()
    bundled = json.loads((ROOT / "frontend" / "package.json").read_text())["dependencies"]
    assert bundled and {("npm", name) for name in bundled} <= found.keys()
    assert all(part.version and part.licence for part in found.values())
    assert all(len(part.sha512) == 128 for part in found.values() if part.kind == "npm")
    assert not found.keys() & {("pypi", "pytest"), ("pypi", "igraph"), ("npm", "esbuild")}


def test_the_lock_pins_every_package_of_the_browser_by_its_hash() -> None:
    told = json.loads(LOCK.read_text())["packages"]
    assert all(each["integrity"].startswith("sha512-") for place, each in told.items() if place)


@pytest.mark.parametrize(
    "licence", ["", "GPL-3.0-only", "MIT AND GPL-2.0", "SSPL-1.0", "Commercial", "GPL-3.0 OR AGPL-3.0"]
)
def test_a_licence_that_cannot_be_kept_is_refused(licence: str) -> None:
    with pytest.raises(LicenceRefused):
        checked("made up", licence)
    told = Message()
    told["Name"], told["License"] = "made up", licence
    with pytest.raises(LicenceRefused):
        licence_of(mock.Mock(metadata=told))


@pytest.mark.parametrize("licence", ["MIT", "(MIT OR GPL-3.0)", "BSD License", "MIT AND OFL-1.1"])
def test_one_that_can_be_is_taken(licence: str) -> None:
    assert checked("made up", licence)


def test_an_audit_that_could_not_ask_says_so_and_is_no_success(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sbom.requests, "post", mock.Mock(side_effect=requests.ConnectionError))
    assert audit(parts()) == 3
    assert "NOT AUDITED" in capsys.readouterr().out


def test_an_audit_names_what_is_known(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def answered(_: str, json: dict[str, Any], timeout: float) -> Any:
        results: list[dict[str, Any]] = [{} for _ in json["queries"]]
        results[0] = {"vulns": [{"id": "GHSA-1"}]}
        return mock.Mock(json=lambda: {"results": results})

    monkeypatch.setattr(sbom.requests, "post", answered)
    assert audit(parts()) == 1
    assert "GHSA-1" in capsys.readouterr().out
    monkeypatch.setattr(sbom.requests, "post", lambda _, json, timeout: mock.Mock(
        json=lambda: {"results": [{} for _ in json["queries"]]}
    ))  # fmt: skip
    assert audit(parts()) == 0
