"""Who may do what with a movement, a site and a person: the demonstration's clauses, row by row."""

from __future__ import annotations

from dataclasses import replace
from functools import lru_cache

import pytest

from node.content import PARTIES, VOCABULARY, agreement, books, policy
from safeconduct.agreement.books import Book
from safeconduct.agreement.clauses import parse_clause
from safeconduct.agreement.policy import Item, Policy, Subject
from safeconduct.agreement.proof import violations
from safeconduct.agreement.vocabulary import ROLES
from safeconduct.node.demonstration.cast import CAST
from safeconduct.records.kinds import all_kinds

NOON = 1_730_000_000.0
CLEARANCE = {(side, role): part.clearance for side in CAST for part in CAST[side] for role in part.roles}


@lru_cache(maxsize=1)
def in_force() -> Policy:
    return policy()


def subject(side: str, role: str) -> Subject:
    """A holder of the role as the demonstration clears one, who serves in unit `u` and is person `p`."""
    clearance = CLEARANCE.get((side, role), 3)
    return Subject(PARTIES[side], frozenset({role}), clearance, frozenset({"u"}), person="p")


def record(kind: str, whose: str, facts: str) -> Item:
    """A released record with its kind's own labels. `facts`: "mine" when it is the subject's unit's or person's,
    "shut" while its time lock holds."""
    levels = all_kinds()[kind].default_levels()
    return Item(
        id="r1",
        kind=kind,
        originator=PARTIES[whose],
        state=all_kinds()[kind].states[0],
        levels=sum(level << 2 * bit for bit, level in enumerate(levels.values())),
        releasable=frozenset(PARTIES.values()),
        assigned=frozenset({"u", "p"}) if "mine" in facts else frozenset({"somebody-else"}),
        opens=NOON + (3600 if "shut" in facts else -3600),
        agreement="pk-cn",
    )


def decided(row: str, act: str, whose: str, what: str, facts: str = "") -> bool:
    side, role = row.split()
    kind, _, part = what.partition(".")
    return in_force().decide(subject(side, role), act, record(kind, whose, facts), part, NOON).permit


MOVEMENTS = [
    # who                      act            whose      what                       facts         may
    ("host coordinator", "read", "partner", "movement.notice", "shut", True),
    ("host commander", "read", "partner", "movement.notice", "shut", True),
    ("host liaison", "read", "partner", "movement.check_plan", "", True),
    ("host liaison", "read", "partner", "movement.check_plan", "shut", False),
    ("host auditor", "read", "partner", "movement.notice", "shut", True),
    ("host auditor", "read", "partner", "movement.itinerary", "mine", False),
    ("host signatory", "read", "partner", "movement.notice", "", True),
    ("host signatory", "write", "host", "escalation.answer", "", True),
    ("host liaison", "write", "host", "escalation.answer", "", False),
    ("host analyst", "read", "partner", "movement.notice", "", False),
    ("host administrator", "read", "partner", "movement.notice", "", False),
    ("host coordinator", "read", "partner", "movement.itinerary", "", True),
    ("host coordinator", "read", "partner", "movement.itinerary", "shut", False),
    ("host watch_officer", "read", "partner", "movement.vehicles", "", True),
    ("host liaison", "read", "partner", "movement.itinerary", "mine", False),
    ("host commander", "read", "partner", "movement.itinerary", "", False),
    ("host commander", "read", "partner", "movement.itinerary", "mine", True),
    ("host commander", "read", "partner", "movement.itinerary", "mine shut", False),
    ("host commander", "export", "partner", "movement.itinerary", "mine", False),
    ("host commander", "read", "partner", "manifest_entry.who", "mine", True),
    ("host commander", "read", "partner", "manifest_entry.who", "", False),
    ("host coordinator", "read", "partner", "manifest_entry.who", "", True),
    ("host coordinator", "read", "partner", "manifest_entry.who", "shut", False),
    ("host coordinator", "read", "partner", "manifest_entry.document", "mine", False),
    ("host watch_officer", "read", "partner", "manifest_entry.who", "mine", False),
    ("host coordinator", "write", "partner", "movement.notice", "mine", False),
    ("host watch_officer", "acknowledge", "host", "acknowledgement.receipt", "", True),
    ("host commander", "acknowledge", "host", "acknowledgement.receipt", "", True),
    ("host liaison", "acknowledge", "host", "acknowledgement.receipt", "", False),
    ("host coordinator", "approve", "host", "clearance.decision", "", True),
    ("host watch_officer", "approve", "host", "clearance.decision", "", False),
    ("host commander", "approve", "host", "clearance.decision", "mine", False),
    ("host coordinator", "command", "host", "leg.duty", "", True),
    ("host commander", "command", "host", "leg.escort", "", True),
    ("host watch_officer", "command", "host", "leg.duty", "mine", False),
    ("host commander", "write", "host", "handover.word", "mine", True),
    ("host commander", "write", "host", "handover.word", "", False),
    ("host watch_officer", "read", "host", "leg.escort", "", True),
    ("host commander", "read", "host", "leg.escort", "", False),
    ("host commander", "read", "host", "leg.escort", "mine", True),
    ("host coordinator", "read", "partner", "check_in.word", "", True),
    ("host watch_officer", "read", "partner", "check_in.position", "", True),
    ("host commander", "read", "partner", "check_in.position", "", False),
    ("host commander", "read", "partner", "check_in.position", "mine", True),
    ("host liaison", "read", "partner", "check_in.word", "", False),
    ("host coordinator", "read", "partner", "comment.remark", "", True),
    ("partner coordinator", "read", "host", "acknowledgement.receipt", "", True),
    ("partner liaison", "read", "host", "clearance.decision", "", True),
    ("partner security_manager", "read", "host", "leg.course", "", True),
    ("partner watch_officer", "read", "host", "leg.escort", "mine", False),
    ("partner coordinator", "read", "host", "handover.word", "", True),
    ("partner coordinator", "read", "host", "check_in.word", "", True),
    ("partner coordinator", "read", "host", "check_in.position", "mine", False),
    ("partner coordinator", "approve", "host", "clearance.decision", "mine", False),
    ("partner coordinator", "command", "host", "leg.duty", "mine", False),
    ("partner liaison", "write", "partner", "comment.remark", "", True),
    ("partner security_manager", "write", "partner", "movement.itinerary", "", True),
    ("partner security_manager", "write", "partner", "manifest_entry.document", "", True),
    ("partner security_manager", "read", "partner", "manifest_entry.document", "", False),
    ("partner security_manager", "withdraw", "partner", "manifest_entry.who", "", True),
    ("partner liaison", "write", "partner", "movement.notice", "", False),
    ("partner analyst", "read", "partner", "movement.itinerary", "mine", False),
    ("partner protected_person", "read", "partner", "movement.itinerary", "mine", True),
    ("partner protected_person", "read", "partner", "movement.notice", "", False),
    ("partner protected_person", "read", "partner", "manifest_entry.document", "mine", True),
    ("partner protected_person", "read", "partner", "manifest_entry.who", "", False),
    ("partner protected_person", "write", "partner", "check_in.word", "", True),
    ("partner protected_person", "write", "partner", "movement.notice", "mine", False),
]


REGISTRY = [
    ("host coordinator", "read", "partner", "organisation.identity", "", True),
    ("host coordinator", "read", "partner", "organisation.contact", "mine", False),
    ("host watch_officer", "read", "partner", "project.scope", "", True),
    ("host commander", "read", "partner", "site.place", "", True),
    ("host analyst", "read", "partner", "site.place", "", False),
    ("host commander", "read", "partner", "site.arrangements", "", False),
    ("host commander", "read", "partner", "site.arrangements", "mine", True),
    ("host coordinator", "read", "partner", "site.arrangements", "mine", False),
    ("host watch_officer", "read", "partner", "headcount.figure", "", True),
    ("host coordinator", "read", "partner", "person.name", "mine", False),
    ("host coordinator", "read", "partner", "presence.stay", "mine", False),
    ("host commander", "read", "partner", "grievance.matter", "", True),
    ("host commander", "read", "partner", "grievance.raised_by", "", False),
    ("host coordinator", "read", "partner", "grievance.raised_by", "", True),
    ("host coordinator", "write", "host", "protection.guard_force", "", True),
    ("host liaison", "write", "host", "answer.reply", "", True),
    ("host commander", "read", "host", "unit.strength", "", False),
    ("host commander", "read", "host", "unit.strength", "mine", True),
    ("host administrator", "read", "host", "unit.identity", "", False),
    ("partner watch_officer", "read", "host", "protection.bearer", "", True),
    ("partner watch_officer", "read", "host", "protection.guard_force", "", False),
    ("partner security_officer", "read", "host", "protection.guard_force", "", True),
    ("partner security_manager", "read", "host", "unit.identity", "", True),
    ("partner coordinator", "read", "host", "unit.strength", "mine", False),
    ("partner warden", "read", "host", "answer.reply", "", True),
    ("partner protected_person", "read", "host", "answer.reply", "", False),
    ("partner protected_person", "read", "partner", "answer.reply", "mine", True),
    ("partner coordinator", "write", "partner", "site.place", "", True),
    ("partner security_manager", "write", "partner", "site.place", "", False),
    ("partner security_manager", "write", "partner", "person.document", "", True),
    ("partner security_manager", "read", "partner", "person.document", "", False),
    ("partner security_manager", "write", "partner", "headcount.figure", "", True),
    ("partner warden", "read", "partner", "presence.stay", "", True),
    ("partner protected_person", "read", "partner", "person.document", "mine", True),
    ("partner protected_person", "read", "partner", "person.name", "", False),
    ("partner protected_person", "write", "partner", "person.contact", "mine", True),
    ("partner protected_person", "write", "partner", "person.contact", "", False),
    ("partner protected_person", "write", "partner", "grievance.matter", "", True),
    ("partner administrator", "read", "partner", "person.name", "mine", False),
    ("partner protected_person", "read", "partner", "site.identity", "", True),
    ("partner protected_person", "read", "partner", "site.place", "", False),
    ("partner observer", "read", "partner", "site.identity", "", False),
]


INQUIRIES = [
    (f"{side} {role}", act, side, f"inquiry.{part}", "", may)
    for side in ("host", "partner")
    for role, act, part, may in (
        ("auditor", "write", "matter", True),
        ("coordinator", "write", "findings", True),
        ("auditor", "export", "findings", True),
        ("coordinator", "export", "findings", False),
        ("signatory", "read", "outcome", True),
        ("signatory", "read", "findings", False),
        ("commander", "read", "matter", False),
        ("administrator", "read", "matter", False),
    )
]


@pytest.mark.parametrize(("row", "act", "whose", "what", "facts", "may"), [*MOVEMENTS, *REGISTRY, *INQUIRIES])
def test_who_may_do_what(row: str, act: str, whose: str, what: str, facts: str, may: bool) -> None:
    assert decided(row, act, whose, what, facts) is may


@pytest.mark.parametrize("side", ["host", "partner"])
@pytest.mark.parametrize(
    "what",
    [
        *(f"movement.{part}" for part in ("itinerary", "vehicles", "contact")),
        *(f"manifest_entry.{part}" for part in ("who", "document", "link")),
        "check_in.position",
        "leg.escort",
    ],
)
def test_whoever_reads_what_could_be_used_in_an_ambush_is_on_record(side: str, what: str) -> None:
    """On both sides, whatever the role: without this, "who knew" would have gaps."""
    kind, _, part = what.partition(".")
    bit = 1 << all_kinds()[kind].bit(part)
    for role in ROLES:
        for whose in PARTIES:
            item = record(kind, whose, "mine")
            reader = subject(side, role)
            if in_force().decide(reader, "read", item, part, NOON).permit:
                assert in_force().logged(reader, "read", item, NOON) & bit, (role, whose)


def test_the_itinerary_goes_to_the_hosts_node_twelve_hours_before_departure() -> None:
    decides = in_force()
    for kind, part in (("movement", "itinerary"), ("movement", "check_plan"), ("manifest_entry", "who")):
        bit = 1 << all_kinds()[kind].bit(part)
        assert not decides.disclosable(record(kind, "partner", "shut"), "pk", NOON)[0] & bit
        assert decides.disclosable(record(kind, "partner", ""), "pk", NOON)[0] & bit
        assert decides.limit("opens_hours", kind, part, "pk") == 12
        if part != "check_plan":
            assert decides.limit("erase_after_days", kind, part, "pk") == 30
    assert decides.limit("lead_time_hours", "movement", "notice", "pk") == 48


def test_documents_accounts_escort_and_strength_never_reach_the_other_node() -> None:
    decides = in_force()
    for kind, whose, parts in (
        ("manifest_entry", "partner", ("document", "link")),
        ("person", "partner", ("name", "employment", "document", "contact", "link")),
        ("presence", "partner", ("stay",)),
        ("leg", "host", ("escort",)),
        ("unit", "host", ("contact", "strength")),
        ("check_in", "host", ("position",)),
        ("inquiry", "host", ("matter", "facts", "findings", "outcome")),
        ("inquiry", "partner", ("matter", "facts", "findings", "outcome")),
    ):
        other = PARTIES["host" if whose == "partner" else "partner"]
        mask, _ = decides.disclosable(record(kind, whose, "mine"), other, NOON)
        assert not [part for part in parts if mask >> all_kinds()[kind].bit(part) & 1]


def test_every_assurance_holds_over_the_whole_demonstration() -> None:
    assert violations(books(), VOCABULARY) == []


COMMANDING = b"""+++
clause  = "12"
version = 1
title   = "A part in the protection of movements"
texts   = ["en"]

[[grant]]
id     = "12.1"
to     = "partner"
roles  = ["coordinator"]
may    = ["approve"]
kind   = "clearance"
parts  = ["decision"]
whose  = "host"
up_to  = "RESTRICTED"

[[grant]]
id     = "12.2"
to     = "partner"
roles  = ["security_officer"]
may    = ["command"]
kind   = "leg"
parts  = ["course", "duty"]
whose  = "host"
up_to  = "RESTRICTED"
+++
## en

12.1 The Partner Party's coordinators may approve a clearance.

12.2 The Partner Party's security officers may command a leg.
"""


def test_no_partner_approves_a_clearance_or_commands_a_leg_unless_clause_9_is_agreed() -> None:
    clauses = {clause.number: clause for clause in agreement()}
    promised = next(each for each in clauses["5"].assurances if each.id == "5.26")
    assert promised.unless == ("9",)
    house = books()
    added = parse_clause(COMMANDING, VOCABULARY)
    other_number = replace(house[0], clauses=(*house[0].clauses, (added, "proposed")))
    broken = violations([other_number, *house[1:]], VOCABULARY)
    assert {(each.assurance, each.role, each.act, each.kind) for each in broken} == {
        ("5.26", "coordinator", "approve", "clearance"),
        ("5.26", "security_officer", "command", "leg"),
    }
    # The same grants as a new version of clause 9 are what the assurance allows for.
    nine = parse_clause(COMMANDING.replace(b"12", b"9"), VOCABULARY)
    as_nine = replace(house[0], clauses=(*house[0].clauses, (replace(nine, version=2), "proposed")))
    assert not violations([as_nine, *house[1:]], VOCABULARY)


def test_a_promise_about_documents_has_no_exception() -> None:
    shown = parse_clause(
        COMMANDING.replace(b'kind   = "leg"', b'kind   = "manifest_entry"')
        .replace(b'["course", "duty"]', b'["document"]')
        .replace(b'may    = ["command"]', b'may    = ["read"]')
        .replace(b'to     = "partner"\nroles  = ["security', b'to     = "host"\nroles  = ["security')
        .replace(
            b'whose  = "host"\nup_to  = "RESTRICTED"\n+++', b'whose  = "partner"\nup_to  = "SECRET"\n+++'
        ),
        VOCABULARY,
    )
    book = Book("pk-cn", PARTIES, tuple((clause, "agreed") for clause in (*agreement(), shown)))
    assert "5.28" in {each.assurance for each in violations([book], VOCABULARY)}
