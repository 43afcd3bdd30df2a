"""Decisions: who may see what, by which grant, and what is said on refusal."""

from __future__ import annotations

import pytest

from safeconduct.agreement.policy import Book, Item, Policy, Subject, compile_policy

from .sample import COMMAND, HOUSE, INCIDENTS, MOVEMENTS, VOCABULARY, books, clause

NOW = 1_728_000_000.0
POLICY = compile_policy(books(), VOCABULARY)
CN = frozenset({"cn"})


def who(party: str, role: str, clearance: int = 3, **facts: object) -> Subject:
    return Subject(party, frozenset({role}), clearance, **facts)  # type: ignore[arg-type]


def incident(**changes: object) -> Item:
    return Item("i1", "incident", "pk", "open", 0, CN)._replace(**changes)  # type: ignore[arg-type]


def movement(**changes: object) -> Item:
    return Item("m1", "movement", "cn", "notified", 0, frozenset({"pk"}))._replace(**changes)  # type: ignore[arg-type]


def test_a_permit_names_its_grants() -> None:
    decision = POLICY.decide(who("cn", "liaison"), "read", incident(), "summary", NOW)
    assert decision.permit and decision.grants == ("pk-cn/4.1",) and decision.refused_by == ""
    own = POLICY.decide(who("pk", "commander"), "write", incident(), "source", NOW)
    assert own.permit and own.grants == ("house/H1.1",)


def test_several_roles_are_the_union_and_name_all_grants() -> None:
    both = Subject("pk", frozenset({"commander", "observer"}), 3, frozenset({"u1"}), frozenset({"m1"}))
    decision = POLICY.decide(both, "read", movement(assigned=frozenset({"u1"})), "notice", NOW)
    assert set(decision.grants) == {"pk-cn/7.1", "pk-cn/7.2", "pk-cn/7.4"}


def test_default_is_refusal_and_says_which_clause_would_allow_it() -> None:
    deployment = Item("d1", "deployment", "pk", "planned", 0, CN)
    decision = POLICY.decide(who("cn", "commander"), "command", deployment, "order", NOW)
    assert not decision.permit and decision.refused_by == "no grant"
    assert decision.would == (("pk-cn/24.1", "declined"),)
    for act, part, kind in (
        ("read", "wallet", "incident"),
        ("fly", "summary", "incident"),
        ("read", "x", "y"),
    ):
        decision = POLICY.decide(who("cn", "liaison"), act, incident(kind=kind), part, NOW)
        assert not decision.permit and decision.would == ()


def test_a_suspended_clause_stops_at_once_and_is_named() -> None:
    policy = compile_policy(books(c4="suspended"), VOCABULARY)
    decision = policy.decide(who("cn", "liaison"), "read", incident(), "summary", NOW)
    assert not decision.permit and decision.would == (("pk-cn/4.1", "suspended"),)
    assert policy.digest != POLICY.digest


def test_red_lines_forbid_whatever_is_agreed() -> None:
    reader = who("cn", "coordinator", 1)
    assert POLICY.decide(reader, "read", incident(levels=0b10), "summary", NOW).refused_by == "R3"
    unreleased = incident(releasable=frozenset({"xx"}))
    assert POLICY.decide(reader, "read", unreleased, "summary", NOW).refused_by == "R2"
    orcon = incident(orcon=True)
    assert POLICY.decide(reader, "export", orcon, "where", NOW).refused_by == "R1"
    assert POLICY.decide(reader, "read", orcon, "where", NOW).permit
    assert POLICY.decide(who("pk", "commander"), "export", orcon, "where", NOW).permit
    secret_place = incident(levels=0b10 << 2)
    decision = POLICY.decide(who("cn", "coordinator"), "disclose", secret_place, "where", NOW)
    assert decision.refused_by == "house/H1.2" and decision.would == ()
    assert POLICY.decide(who("pk", "commander"), "read", secret_place, "where", NOW).permit
    assert (
        POLICY.decide(who("pk", "commander"), "disclose", secret_place, "where", NOW).refused_by
        == "house/H1.2"
    )


def test_a_suspended_house_rule_keeps_its_red_lines() -> None:
    policy = compile_policy(books(h1="suspended"), VOCABULARY)
    secret_place = incident(levels=0b10 << 2)
    assert (
        policy.decide(who("cn", "coordinator"), "read", secret_place, "where", NOW).refused_by == "house/H1.2"
    )
    assert not policy.decide(who("pk", "commander"), "read", incident(), "where", NOW).permit


def test_ceiling_state_and_direction_of_a_grant() -> None:
    reader = who("cn", "coordinator")
    assert not POLICY.decide(reader, "read", incident(levels=0b10), "summary", NOW).permit
    assert not POLICY.decide(reader, "read", incident(state="closed"), "where", NOW).permit
    theirs = incident(originator="cn", releasable=frozenset({"pk"}))
    assert POLICY.decide(who("pk", "liaison"), "read", theirs, "summary", NOW).permit
    assert not POLICY.decide(who("pk", "coordinator"), "read", theirs, "where", NOW).permit


def test_a_received_record_is_under_its_own_agreement_only() -> None:
    second = Book("pk-xx", {"host": "pk", "partner": "xx"}, ((clause(INCIDENTS), "agreed"),))
    policy = compile_policy([*books(c4="suspended"), second], VOCABULARY)
    cn_item = incident(originator="cn", releasable=frozenset({"pk"}), agreement="pk-cn")
    xx_item = incident(originator="xx", releasable=frozenset({"pk"}), agreement="pk-xx")
    reader = who("pk", "liaison")
    assert not policy.decide(reader, "read", cn_item, "summary", NOW).permit
    assert policy.decide(reader, "read", xx_item, "summary", NOW).grants == ("pk-xx/4.1",)
    assert not policy.decide(reader, "read", xx_item._replace(agreement="pk-cn"), "summary", NOW).permit
    assert not policy.decide(who("xx", "liaison"), "read", cn_item, "summary", NOW).permit


def test_duty_bearers_and_time_locks() -> None:
    locked = movement(assigned=frozenset({"unit-1", "p7"}), opens=NOW + 60)
    bearer = who("pk", "commander", units=frozenset({"unit-1"}))
    assert not POLICY.decide(bearer, "read", locked, "itinerary", NOW).permit
    assert POLICY.decide(bearer, "read", locked, "itinerary", NOW + 60).grants == ("pk-cn/7.1",)
    assert POLICY.decide(who("pk", "commander", person="p7"), "read", locked, "itinerary", NOW + 99).permit
    other = who("pk", "commander", units=frozenset({"unit-2"}))
    assert not POLICY.decide(other, "read", locked, "itinerary", NOW + 99).permit
    assert not POLICY.decide(who("pk", "commander"), "read", locked, "itinerary", NOW + 99).permit


def test_limits_are_the_largest_of_the_grants_in_force_to_that_party() -> None:
    def both(status: str, second: int) -> Policy:
        one = MOVEMENTS.replace("logged = true", "opens_hours = 6\nlead_time_hours = 48\nlogged = true", 1)
        two = one.replace('"7"', '"8"').replace('"7.', '"8.').replace("\n7.", "\n8.")
        two = two.replace("opens_hours = 6", f"opens_hours = {second}")
        parties = {"host": "pk", "partner": "cn"}
        return compile_policy(
            [Book("pk-cn", parties, ((clause(one), "agreed"), (clause(two), status)))], VOCABULARY
        )

    assert both("agreed", 24).limit("opens_hours", "movement", "itinerary", "pk") == 24
    assert both("suspended", 24).limit("opens_hours", "movement", "itinerary", "pk") == 6
    policy = both("agreed", 0)
    assert policy.limit("opens_hours", "movement", "itinerary", "pk", "cn") == 6
    assert policy.limit("lead_time_hours", "movement", "notice", "pk") == 48
    for asked in (("movement", "itinerary", "cn"), ("incident", "summary", "pk"), ("weapon", "x", "pk")):
        assert policy.limit("opens_hours", *asked) is None
    assert policy.limit("opens_hours", "movement", "itinerary", "pk", "xx") is None


def test_authorised_observers() -> None:
    item = movement()
    assert POLICY.decide(
        who("pk", "observer", authorised=frozenset({"m1"})), "read", item, "notice", NOW
    ).permit
    assert not POLICY.decide(
        who("pk", "observer", authorised=frozenset({"m2"})), "read", item, "notice", NOW
    ).permit


def test_mask_and_logged_agree_with_decide() -> None:
    reader = who("cn", "coordinator")
    item = incident(levels=0b01_00_01_00)
    assert POLICY.mask(reader, "read", item, NOW) == 0b111
    assert POLICY.logged(reader, "read", item, NOW) == 0b110
    assert POLICY.logged(reader, "export", item, NOW) == 0
    bearer = Subject("pk", frozenset({"commander", "coordinator"}), 3, frozenset({"u"}))
    assigned = movement(assigned=frozenset({"u"}))
    assert POLICY.mask(bearer, "read", assigned, NOW) == 0b11
    # The notice is also open by a grant that is not logged, so only the itinerary needs noting.
    assert POLICY.logged(bearer, "read", assigned, NOW) == 0b10
    assert POLICY.mask(reader, "read", incident(kind="unknown"), NOW) == 0


def test_disclosable_is_by_the_originator_under_a_disclose_grant() -> None:
    mask, grants = POLICY.disclosable(incident(orcon=True), "cn", NOW)
    assert mask == 0b111
    assert grants == {"summary": ("pk-cn/4.1",), "where": ("pk-cn/4.2",), "people": ("pk-cn/4.2",)}
    assert POLICY.disclosable(incident(), "cn", NOW, by="cn") == (0, {})
    assert POLICY.disclosable(incident(), "pk", NOW) == (0, {})
    assert POLICY.disclosable(incident(), "xx", NOW) == (0, {})
    assert POLICY.disclosable(incident(releasable=frozenset()), "cn", NOW) == (0, {})
    assert POLICY.disclosable(incident(levels=0b10 << 2), "cn", NOW)[0] == 0b101
    assert POLICY.disclosable(incident(levels=0b10), "cn", NOW)[0] == 0b110


def test_disclosable_decides_facts_for_the_node() -> None:
    assert POLICY.disclosable(movement(), "pk", NOW) == (0, {})
    assert POLICY.disclosable(movement(assigned=frozenset({"u"})), "pk", NOW)[0] == 0b11
    locked = movement(assigned=frozenset({"u"}), opens=NOW + 1)
    assert POLICY.disclosable(locked, "pk", NOW)[0] == 0
    assert POLICY.disclosable(locked, "pk", NOW, authorised=frozenset({"m1"})) == (
        1,
        {"notice": ("pk-cn/7.2",)},
    )


def test_explain_gives_parts_with_the_sentences() -> None:
    rows = POLICY.explain("cn", "coordinator", "read", "incident")
    assert [(row.part, row.grant) for row in rows] == [
        ("summary", "pk-cn/4.1"),
        ("where", "pk-cn/4.2"),
        ("people", "pk-cn/4.2"),
    ]
    assert set(rows[0].sentences) == {"en", "ur", "zh-hans"}
    pending = POLICY.explain("cn", "commander", "command", "deployment", pending=True)
    assert {row.status for row in pending} == {"declined"}


def test_house_rules_open_nothing_of_the_others() -> None:
    theirs = incident(originator="cn", releasable=frozenset({"pk"}))
    assert POLICY.mask(who("pk", "analyst"), "read", theirs, NOW) == 0


def test_books_are_checked() -> None:
    with pytest.raises(ValueError, match="two books"):
        compile_policy([*books(), *books()], VOCABULARY)
    newer = clause(COMMAND.replace("version = 1", "version = 2"))
    twice = Book("a-b", {"host": "pk", "partner": "cn"}, ((clause(COMMAND), "agreed"), (newer, "agreed")))
    with pytest.raises(ValueError, match="two texts"):
        compile_policy([twice], VOCABULARY)
    for agreement, parties, status, text in (
        ("A b", {"own": "pk"}, "agreed", HOUSE),
        ("h", {"own": "PK"}, "agreed", HOUSE),
        ("h", {"owner": "pk"}, "agreed", HOUSE),
        ("h", {"own": "pk"}, "signed", HOUSE),
        ("h", {"own": "pk"}, "agreed", COMMAND),
        ("h", {"host": "pk", "partner": "pk"}, "agreed", COMMAND),
        ("h", {"host": "pk", "partner": "cn"}, "agreed", HOUSE),
    ):
        with pytest.raises(ValueError):
            Book(agreement, parties, ((clause(text), status),))
