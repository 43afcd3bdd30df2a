"""The kinds of the registry, and what each insists on.

Organisations, projects, sites and Protected Persons are the records of the party that has them there. The
protection of a site, and the units that give it, are the Host Party's. A presence is one stay of a person at a
site; a headcount is a figure that somebody counted.
"""

from __future__ import annotations

from typing import Any

from safeconduct.records.kinds import Kind, PartRefused, register
from safeconduct.records.principals import SYSTEM
from safeconduct.records.refusals import Malformed, Refused
from safeconduct.registry.parts import (
    NAMES,
    Addressee,
    Appealed,
    Arrangements,
    Bearer,
    Employment,
    Figure,
    GuardForce,
    Matter,
    OrganisationIdentity,
    PersonContact,
    PersonDocument,
    PersonLink,
    PersonName,
    ProjectIdentity,
    ProjectScope,
    RaisedBy,
    Reachable,
    Reply,
    SiteIdentity,
    SitePlace,
    Stay,
    UnitContact,
    UnitIdentity,
    UnitStrength,
)
from safeconduct.registry.stays import overlapping, seconds, too_late


def _stays_about(given: Any) -> None:
    if given.previous is not None and given.previous.about != given.header["about"]:
        raise Malformed(f"a {given.draft.kind} stays with what it is about")


def _about_a(kind: str, given: Any, tx: Any, required: bool = True) -> None:
    """The record is about one of that kind, and goes on being about that one."""
    about = given.header["about"]
    row = tx.row(about) if about else None
    if (required or about) and (row is None or row.kind != kind):
        raise Malformed(f"a {given.draft.kind} is about a {kind}")
    _stays_about(given)


def _present(*parts: str) -> Any:
    """A rule that these parts are there from the first version on."""

    def check(_tx: Any, given: Any) -> None:
        missing = [
            name
            for name in parts
            if (given.previous is None or name in given.parts) and not given.parts.get(name)
        ]
        if missing:
            raise PartRefused(given.draft.kind, [(name, "", "must not be empty") for name in missing])

    return check


def _check_protection(tx: Any, given: Any) -> None:
    _present("bearer")(tx, given)
    _about_a("site", given, tx)


def _check_headcount(tx: Any, given: Any) -> None:
    _present("figure")(tx, given)
    figure = given.parts.get("figure")
    if figure and too_late(tx.now, figure["as_of"]):
        raise PartRefused("headcount", [("figure", "as_of", "it has not come to that yet")])
    _about_a("site", given, tx)


def _check_presence(tx: Any, given: Any) -> None:
    """A stay of a person at a site: arrived while it is open, departed once it has its end."""
    _present("stay")(tx, given)
    _about_a("person", given, tx)
    stay = given.parts.get("stay") or (given.previous.values().get("stay") if given.previous else None)
    if stay is None:
        raise Malformed("a stay that was erased is not amended")
    site = tx.row(stay["site"])
    if site is None or site.kind != "site":
        raise PartRefused("presence", [("stay", "site", "no such site")])
    if (given.header["state"] == "departed") != bool(stay.get("until")):
        raise PartRefused("presence", [("stay", "until", "a person has departed when there is an end")])
    since, until = stay["since"], stay.get("until")
    if too_late(tx.now, since, until):
        raise PartRefused(
            "presence", [("stay", "until" if until else "since", "it has not come to that yet")]
        )
    there = overlapping(
        tx, given.header["about"], seconds(since), seconds(until) if until else None, given.header["record"]
    )
    if there is not None:
        raise PartRefused("presence", [("stay", "since", "the person is registered elsewhere at that time")])


def _check_grievance(tx: Any, given: Any) -> None:
    _present("matter")(tx, given)
    _stays_about(given)


def _check_answer(tx: Any, given: Any) -> None:
    """An answer to a grievance, or to an appeal: to that, by somebody other than who answered first."""
    _present("reply")(tx, given)
    about = given.header["about"]
    row = tx.row(about) if about else None
    if row is None or row.kind not in ("grievance", "appeal"):
        raise Malformed("an answer is about a grievance")
    _stays_about(given)
    if (
        row.kind == "appeal"
        and given.previous is None
        and given.subject.person in _answered_by(tx, row.about)
    ):
        attempt = {"person": given.subject.person, "act": "write", "kind": "answer", "record": row.id}
        raise Refused("an appeal is decided by somebody other than who answered first", attempt=attempt)


def _answered_by(tx: Any, grievance: str) -> set[str]:
    """Who of this party wrote the answers to a grievance."""
    return {
        str(tx.header(each.ledger_index).get("by", ""))
        for each in tx.rows_about(grievance, "answer")
        if each.originator == tx.home.party
    } - {SYSTEM}


def _check_appeal(tx: Any, given: Any) -> None:
    """An own grievance is appealed once it was answered, and one appeal at a time."""
    _present("appeal")(tx, given)
    _about_a("grievance", given, tx)
    if given.previous is not None:
        return
    row = tx.row(given.header["about"])
    if row.originator != tx.home.party:
        raise Malformed("a grievance is appealed by the party that raised it")
    if row.state != "answered":
        raise Malformed("a grievance is appealed once it was answered")
    if any(each.state == "open" for each in tx.rows_about(row.id, "appeal")):
        raise Malformed("an appeal waits for its answer already")


NAMES_SEARCHED = tuple(f"identity.{name}" for name in NAMES)
PERSON_NAMES = tuple(f"name.{name}" for name in NAMES)

ORGANISATION = register(
    Kind(
        name="organisation",
        addressed=True,
        parts={"identity": OrganisationIdentity, "contact": Reachable},
        states=("active", "ended"),
        check=_present("identity"),
        dimensions={"category": ("identity", "category"), "external": ("identity", "external")},
        searched=(*NAMES_SEARCHED, "contact.person"),
        names=(*NAMES_SEARCHED, "contact.person"),
    )
)

PROJECT = register(
    Kind(
        name="project",
        addressed=True,
        parts={"identity": ProjectIdentity, "scope": ProjectScope},
        states=("active", "ended"),
        check=_present("identity"),
        dimensions={"category": ("identity", "category"), "external": ("identity", "external")},
        searched=NAMES_SEARCHED,
        names=NAMES_SEARCHED,
    )
)

SITE = register(
    Kind(
        name="site",
        addressed=True,
        parts={"identity": SiteIdentity, "place": SitePlace, "arrangements": Arrangements},
        states=("active", "ended"),
        check=_present("identity", "place"),
        dimensions={
            "category": ("identity", "category"),
            "place": ("place", "district"),
            "latitude": ("place", "latitude"),
            "longitude": ("place", "longitude"),
            "external": ("identity", "external"),
        },
        searched=(*NAMES_SEARCHED, "place.place", "place.district"),
        names=(*NAMES_SEARCHED, "place.place", "place.district"),
    )
)

PROTECTION = register(
    Kind(
        name="protection",
        parts={"bearer": Bearer, "guard_force": GuardForce},
        states=("active", "ended"),
        check=_check_protection,
        dimensions={"category": ("bearer", "unit")},
        assigns=("bearer", "unit"),
        final=("ended",),
    )
)

UNIT = register(
    Kind(
        name="unit",
        parts={"identity": UnitIdentity, "contact": UnitContact, "strength": UnitStrength},
        states=("active", "ended"),
        check=_present("identity"),
        dimensions={
            "category": ("identity", "category"),
            "place": ("identity", "district"),
            "external": ("identity", "code"),
        },
        searched=NAMES_SEARCHED,
        names=NAMES_SEARCHED,
    )
)

PERSON = register(
    Kind(
        name="person",
        parts={
            "name": PersonName,
            "employment": Employment,
            "document": PersonDocument,
            "contact": PersonContact,
            "link": PersonLink,
        },
        states=("active", "departed"),
        check=_present("name"),
        dimensions={
            "category": ("employment", "employer"),
            "place": ("employment", "site"),
            "external": ("employment", "external"),
        },
        searched=(
            *PERSON_NAMES,
            "employment.employer_name",
            "employment.position",
            "document.passport",
            "document.permit",
        ),
        names=PERSON_NAMES,
        final=("departed",),
    )
)

PRESENCE = register(
    Kind(
        name="presence",
        falls_with=True,
        parts={"stay": Stay},
        states=("arrived", "departed"),
        check=_check_presence,
        dimensions={
            "time": ("stay", "since"),
            "until": ("stay", "until"),
            "place": ("stay", "site"),
            "external": ("stay", "external"),
        },
    )
)

HEADCOUNT = register(
    Kind(
        name="headcount",
        falls_with=True,
        parts={"figure": Figure},
        check=_check_headcount,
        dimensions={
            "time": ("figure", "as_of"),
            "category": ("figure", "basis"),
            "figure": ("figure", "count"),
        },
    )
)

GRIEVANCE = register(
    Kind(
        name="grievance",
        addressed=True,
        parts={"matter": Matter, "raised_by": RaisedBy},
        states=("open", "answered", "closed", "appealed"),
        check=_check_grievance,
        dimensions={
            "time": ("matter", "since"),
            "until": ("matter", "expires"),
            "category": ("matter", "measure"),
            "place": ("matter", "site"),
        },
        searched=("matter.title", "matter.ground"),
        final=("closed",),
    )
)

ANSWER = register(
    Kind(
        name="answer",
        parts={"reply": Reply},
        states=("given",),
        check=_check_answer,
        dimensions={"category": ("reply", "outcome")},
        searched=("reply.text",),
    )
)

APPEAL = register(
    Kind(
        name="appeal",
        parts={"appeal": Appealed},
        states=("open", "decided"),
        final=("decided",),
        check=_check_appeal,
        searched=("appeal.ground",),
        falls_with=True,
    )
)

ANSWER_NOTICE = register(
    Kind(
        name="answer_notice",
        parts={"to": Addressee},
        states=("told",),
        by_system=True,
        assigns=("to", "account"),
        falls_with=True,
    )
)
"""Makes whoever raised a grievance a reader of the other party's answer to it: who assigns, assigns its own."""
