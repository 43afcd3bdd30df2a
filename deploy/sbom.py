"""What the program is built from: `python deploy/sbom.py [-o FILE] [--audit]`, a bill of materials in CycloneDX 1.6.

Every distribution that `safeconduct` needs as it is installed here, and every npm package in the browser's files, each
with version, licence and, from npm, its hash. A licence that is not on the list is an error. What only developers use
is not in it. `--audit` asks OSV (osv.dev) whether a known hole is in one of them: exit code 1 for a hole, 3 where it
could not be asked, and then nothing is known.
"""

from __future__ import annotations

import argparse
import base64
import json
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from importlib.metadata import Distribution, distribution
from pathlib import Path
from typing import Any

import requests
from packaging.requirements import Requirement

ROOT = Path(__file__).parent.parent
LOCK = ROOT / "frontend" / "package-lock.json"
OSV = "https://api.osv.dev/v1/querybatch"
EXTRAS = ("pkcs11",)
"""Extras of the program that an operator may install."""

ALLOWED = frozenset(
    {
        "0BSD", "Apache-2.0", "BSD-2-Clause", "BSD-3-Clause", "CC0-1.0", "ISC", "MIT", "MIT-0", "MIT-CMU", "MPL-2.0",
        "OFL-1.1", "PSF-2.0", "Unlicense", "Zlib", "LGPL-3.0-only",
    }
)  # fmt: skip
"""SPDX identifiers. LGPL: used as it is, and exchangeable by whoever has the program. GPL is none of them."""

_SAID = {
    "mit": "MIT", "mit license": "MIT", "bsd": "BSD-3-Clause", "bsd license": "BSD-3-Clause", "isc": "ISC",
    "3-clause bsd license": "BSD-3-Clause", "bsd-0-clause": "0BSD", "apache 2.0": "Apache-2.0", "apache": "Apache-2.0",
    "apache-2.0": "Apache-2.0", "apache license 2.0": "Apache-2.0", "apache license, version 2.0": "Apache-2.0",
    "apache software license": "Apache-2.0", "isc license (iscl)": "ISC", "psfl": "PSF-2.0",
    "python software foundation license": "PSF-2.0", "mozilla public license 2.0 (mpl 2.0)": "MPL-2.0",
    "gnu lesser general public license v3 (lgplv3)": "LGPL-3.0-only",
}  # fmt: skip
_BY_FILE = {"cedarpy": "Apache-2.0", "fido2": "BSD-2-Clause AND Apache-2.0 AND MPL-2.0"}
"""Distributions whose metadata do not say it: what the licence in their files is."""


class LicenceRefused(ValueError):
    """A part whose licence is unknown or not on the list."""


@dataclass(frozen=True)
class Part:
    """One package: `kind` is pypi or npm; `sha512` in hexadecimal or ""."""

    kind: str
    name: str
    version: str
    licence: str
    sha512: str = ""

    @property
    def purl(self) -> str:
        name = self.name.replace("@", "%40", 1) if self.kind == "npm" else self.name.lower().replace("_", "-")
        return f"pkg:{self.kind}/{name}@{self.version}"

    def component(self) -> dict[str, Any]:
        found: dict[str, Any] = {
            "type": "library",
            "bom-ref": self.purl,
            "name": self.name,
            "version": self.version,
            "licenses": [{"expression": self.licence}],
            "purl": self.purl,
        }
        return found | ({"hashes": [{"alg": "SHA-512", "content": self.sha512}]} if self.sha512 else {})


def parts() -> list[Part]:
    """All of them, sorted. Raises LicenceRefused."""
    return sorted({*_distributions(), *_packages()}, key=lambda part: part.purl)


def _distributions() -> Iterator[Part]:
    waiting, seen = [("safeconduct", EXTRAS)], set[str]()
    while waiting:
        name, extras = waiting.pop()
        found = distribution(name)
        for text in found.requires or ():
            asked = Requirement(text)
            needed = asked.marker is None or any(
                asked.marker.evaluate({"extra": each}) for each in ("", *extras)
            )
            key = f"{asked.name.lower()}[{','.join(sorted(asked.extras))}]"
            if needed and key not in seen:
                seen.add(key)
                waiting.append((asked.name, tuple(asked.extras)))
        if name != "safeconduct":
            yield Part("pypi", found.metadata["Name"], found.version, licence_of(found))


def _packages() -> Iterator[Part]:
    for place, told in json.loads(LOCK.read_text("utf-8"))["packages"].items():
        if place and not told.get("dev"):
            name = place.rpartition("node_modules/")[2]
            digest = base64.b64decode(told["integrity"].removeprefix("sha512-")).hex()
            yield Part("npm", name, told["version"], checked(name, told.get("license", "")), digest)


def licence_of(found: Distribution) -> str:
    """The licence of a distribution as an SPDX expression, from what its metadata say. Raises LicenceRefused."""
    told, name = found.metadata, found.metadata["Name"]
    classified = [
        each.rpartition("::")[2].strip() for each in told.get_all("Classifier", []) if each[:9] == "License :"
    ]
    said = [told.get("License-Expression"), _BY_FILE.get(name.lower()), told.get("License"), *classified]
    for text in filter(None, said):
        try:
            return checked(name, text)
        except LicenceRefused:
            continue
    raise LicenceRefused(f"{name}: no licence of the list in {[text[:60] for text in filter(None, said)]}")


def checked(name: str, text: str) -> str:
    """An SPDX expression whose licences may be kept. Raises LicenceRefused."""
    text = _SAID.get(text.strip().lower(), text.strip()).strip("()")
    for either in text.split(" AND "):
        choices = [each.strip("() ") for each in either.split(" OR ")]
        if not ALLOWED.intersection(_SAID.get(each.lower(), each) for each in choices):
            raise LicenceRefused(f"{name}: {text[:80]!r} is not a licence of the list")
    return text


def bill(found: list[Part]) -> dict[str, Any]:
    """The bill of materials: the same bytes for the same parts."""
    version = distribution("safeconduct").version
    return {
        "$schema": "http://cyclonedx.org/schema/bom-1.6.schema.json",
        "bomFormat": "CycloneDX",
        "specVersion": "1.6",
        "version": 1,
        "metadata": {"component": {"type": "application", "name": "safeconduct", "version": version}},
        "components": [part.component() for part in found],
    }


def audit(found: list[Part]) -> int:
    """Ask OSV about all parts at once; says what it said."""
    asked = {"queries": [{"package": {"purl": part.purl}} for part in found]}
    try:
        answer = requests.post(OSV, json=asked, timeout=60)
        answer.raise_for_status()
        results = answer.json()["results"]
    except (requests.RequestException, ValueError, KeyError) as fault:
        print(
            f"NOT AUDITED: osv.dev could not be asked ({type(fault).__name__}). Of {len(found)} parts nothing is known."
        )
        return 3
    holes = [
        (part, each["id"])
        for part, told in zip(found, results, strict=True)
        for each in told.get("vulns", ())
    ]
    for part, number in holes:
        print(f"{part.name} {part.version}: {number}")
    print(f"{len(found)} parts asked about, {len(holes)} known holes")
    return int(bool(holes))


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("-o", "--output", type=Path, help="a file; standard output without it")
    parser.add_argument("--audit", action="store_true", help="ask osv.dev instead of writing the bill")
    given = parser.parse_args()
    found = parts()
    if given.audit:
        return audit(found)
    text = json.dumps(bill(found), indent=1) + "\n"
    if given.output:
        given.output.write_text(text, "utf-8")
        print(f"{len(found)} parts in {given.output}")
    else:
        print(text, end="")
    return 0


if __name__ == "__main__":
    sys.exit(main())
