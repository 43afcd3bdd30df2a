"""What a host shares with several partners at once: no one of them answers for another."""

from __future__ import annotations

from collections.abc import Callable

from bench.constellation import Constellation
from bench.nodes import Node, person
from bench.samples import parts_of
from safeconduct.committee import meeting_rules as rules
from safeconduct.records.commit import Draft, commit
from safeconduct.records.find import Query, find
from safeconduct.records.kinds import all_kinds
from safeconduct.records.principals import system_subject
from safeconduct.records.release import fetch_row


def test_minutes_are_agreed_when_every_party_that_has_their_text_agrees(
    around: Callable[[str], Constellation],
) -> None:
    world = around("host")
    one, two, other = sorted(world.others)
    both, only = (minutes(world.centre, to) for to in ([one, two], [one]))
    world.settle()
    assert answer(world.others[one]) == 2
    world.settle()
    assert [state(world.centre, record) for record in (both, only)] == ["proposed", "agreed"]
    assert answer(world.others[other]) == 0
    assert answer(world.others[two]) == 1
    world.settle()
    assert state(world.centre, both) == "agreed"


def minutes(node: Node, to: list[str]) -> str:
    system, kinds = system_subject(node.home.party), all_kinds()
    with node.active():
        about = ""
        for kind in ("meeting", "agenda_item"):
            draft = Draft(kind, parts_of(kinds[kind], "Talks"), about=about, releasable=to)
            about = commit(system, draft, door=node.door).record
        text = Draft("minutes", parts_of(kinds["minutes"], "Said"), about=about, releasable=to)
        made = commit(system, text, door=node.door).record
        commit(system, Draft("minutes", {}, record=made, expected=1, state="proposed"), door=node.door)
        return made


def answer(node: Node) -> int:
    """Agree to all minutes that have come; how many there were."""
    speaker = person(node, "liaison", "speaker")
    with node.active():
        found = find(speaker, Query("minutes", sort="at")).records
        for each in found:
            rules.answer_minutes(speaker, each, "agreed", door=node.door)
    return len(found)


def state(node: Node, record: str) -> str:
    with node.active():
        found = fetch_row(record)
        assert found is not None
        return found.state
