"""The demonstration's registry: made-up organisations, projects, sites and persons, and who answers for the sites."""

from __future__ import annotations

import tomllib
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from functools import cache
from importlib.resources import files
from itertools import product
from typing import Any

from safeconduct.records.commit import Committed, Draft, commit_many
from safeconduct.records.door import Door
from safeconduct.records.principals import system_subject

COUNTRY = "Pakistan"
PREFIX = "demo:"
"""Begins the `external` of every record of the register, by which the demonstration finds them again."""
NAMES = ("name", "name_ur", "name_zh")


@cache
def told() -> Mapping[str, Any]:
    """The bundled register as it stands in its file."""
    return tomllib.loads(files("safeconduct.node.demonstration").joinpath("people.toml").read_text("utf-8"))


def put(party: str, drafts: Sequence[Draft], door: Door) -> list[Committed]:
    """Commit drafts in the node's own name. Raises the first fault."""
    done = []
    for answer in commit_many(system_subject(party), drafts, door=door):
        if isinstance(answer, Exception):
            raise answer
        done.append(answer)
    return done


def site(key: str) -> Mapping[str, Any]:
    """One site of the file. Raises StopIteration for a key it does not have."""
    found: Mapping[str, Any] = next(each for each in told()["site"] if each["key"] == key)
    return found


def people() -> Iterator[dict[str, str]]:
    """Made-up names without end: as the person writes it, and in Latin letters."""
    names = told()["names"]
    while True:
        for given, family in product(names["given"], names["family"]):
            (family_zh, family_latin), (given_zh, given_latin) = family.split(), given.split()
            written = family_zh + given_zh
            yield {"name": written, "name_zh": written, "name_latin": f"{family_latin} {given_latin}"}


def register_partner(party: str, traveller: str, door: Door) -> dict[str, str]:
    """The Partner Party's registry; returns its sites by key. The first person is the account `traveller`."""
    organisations = _by_key(party, "organisation", _organisation, door)
    sites = _by_key(party, "site", lambda each: _site(each, organisations), door)
    _by_key(party, "project", lambda each: _project(each, organisations, sites), door)
    _persons(party, traveller, organisations, sites, door)
    return sites


def register_units(party: str, door: Door) -> None:
    """The Host Party's protection units."""
    drafts = [
        Draft(
            "unit",
            {"identity": {**_named(each, "code"), "code": each["code"], **_of(each, "category", "district")}},
        )
        for each in told()["unit"]
    ]
    put(party, drafts, door)


def protect_sites(party: str, sites: Mapping[str, str], door: Door) -> None:
    """The Host Party's duty bearers and guard forces; `sites` gives the record of each site by its key."""
    unit_names = {each["code"]: each["name"] for each in told()["unit"]}
    today = datetime.now(UTC).date().isoformat()
    drafts = [
        Draft(
            "protection",
            {
                "bearer": {
                    "unit": each["unit"],
                    "unit_name": unit_names[each["unit"]],
                    "contact": "room 24 hours",
                },
                "guard_force": {
                    "forces": [{"force": force, "count": count} for force, count in each["forces"].items()],
                    "as_of": today,
                },
            },
            about=sites[each["key"]],
        )
        for each in told()["site"]
    ]
    put(party, drafts, door)


def _by_key(party: str, what: str, draft: Any, door: Door) -> dict[str, str]:
    entries = told()[what]
    done = put(party, [draft(each) for each in entries], door)
    return {each["key"]: made.record for each, made in zip(entries, done, strict=True)}


def _of(entry: Mapping[str, Any], *names: str) -> dict[str, Any]:
    return {name: entry[name] for name in names if name in entry}


def _named(entry: Mapping[str, Any], key: str = "key") -> dict[str, Any]:
    return {**_of(entry, *NAMES), "external": PREFIX + entry[key]}


def _organisation(each: Mapping[str, Any]) -> Draft:
    return Draft("organisation", {"identity": {**_named(each), **_of(each, "category"), "country": "China"}})


def _site(each: Mapping[str, Any], organisations: Mapping[str, str]) -> Draft:
    owner = next(o for o in told()["organisation"] if o["key"] == each["organisation"])
    identity = {
        **_named(each),
        **_of(each, "category"),
        "organisation": organisations[each["organisation"]],
        "organisation_name": owner["name"],
    }
    place = _of(each, "latitude", "longitude", "radius_m", "place", "district", "province")
    arrangements = {"access": "By appointment with the gate", "muster_point": each["muster_point"]}
    return Draft("site", {"identity": identity, "place": place, "arrangements": arrangements})


def _project(each: Mapping[str, Any], organisations: Mapping[str, str], sites: Mapping[str, str]) -> Draft:
    scope = {
        "organisations": [organisations[key] for key in each["organisations"]],
        "sites": [sites[key] for key in each["sites"]],
    }
    return Draft("project", {"identity": {**_named(each), **_of(each, "category")}, "scope": scope})


def _persons(
    party: str, traveller: str, organisations: Mapping[str, str], sites: Mapping[str, str], door: Door
) -> None:
    names = people()
    places = [each for each in told()["site"] for _ in range(each["persons"])]
    persons = []
    for number, each in enumerate(places, 1):
        owner = next(o for o in told()["organisation"] if o["key"] == each["organisation"])
        parts: dict[str, Any] = {
            "name": next(names),
            "employment": {
                "employer": organisations[each["organisation"]],
                "employer_name": owner["name"],
                "position": "Engineer",
                "site": sites[each["key"]],
                "external": f"{PREFIX}person-{number}",
            },
        }
        account = traveller if number == 1 else ""
        if account:
            parts["link"] = {"account": account}
        persons.append(Draft("person", parts, assigned=[account] if account else None))
    made = put(party, persons, door)
    now = datetime.now(UTC).replace(microsecond=0)
    stays = [
        Draft(
            "presence",
            {
                "stay": {
                    "site": sites[each["key"]],
                    "since": (now - timedelta(days=3 + number % 40)).isoformat(),
                    "external": f"{PREFIX}stay-{number}",
                }
            },
            about=person.record,
            assigned=[traveller] if number == 1 else None,
        )
        for number, (each, person) in enumerate(zip(places, made, strict=True), 1)
    ]
    counts = [
        Draft(
            "headcount",
            {
                "figure": {
                    "count": each["persons"],
                    "as_of": (now - timedelta(hours=2)).isoformat(),
                    "basis": "named",
                }
            },
            about=sites[each["key"]],
        )
        for each in told()["site"]
    ]
    put(party, [*stays, *counts], door)
