"""The standing of an agreement is one function of the acts, whoever computes it and in whatever order."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from safeconduct.agreement.acts import SignedAct, next_act
from safeconduct.agreement.signatures import (
    Signatory,
    create_key_file,
    file_signatory,
    sign_with_file,
)
from safeconduct.agreement.status import Standing, standing
from safeconduct.agreement.vocabulary import NARROWING, STATUSES

from .sample import COMMAND, clause
from .two_parties import (
    CLAUSES,
    ONE,
    OTHER,
    PARTIES,
    SIGNATORIES,
    THREE,
    TWO,
    Table,
    agreed_table,
    judge,
    mock_check,
    signed,
)


def test_widening_takes_both_signatures() -> None:
    table = Table()
    assert table.status() == "proposed" and table.in_force() == []
    table.act("pk", "proposed")
    assert table.status() == "proposed"
    table.act("cn", "agreed")
    assert table.status() == "under_discussion" and table.in_force() == []
    table.act("pk", "agreed")
    assert table.status() == "agreed" and table.in_force() == [("24", 1)]


@pytest.mark.parametrize("narrowing", NARROWING)
@pytest.mark.parametrize("party", PARTIES)
def test_narrowing_takes_one_and_at_once(party: str, narrowing: str) -> None:
    table = agreed_table()
    table.act(party, narrowing)
    assert table.status() == narrowing and table.in_force() == []


def test_two_suspensions_during_an_outage_need_two_new_agreements() -> None:
    table = agreed_table()
    table.act("pk", "suspended", news=False)
    table.act("cn", "suspended", news=False)
    assert table.status() == "suspended"
    table.act("pk", "agreed")
    assert table.status() == "suspended"
    table.act("cn", "agreed")
    assert table.status() == "agreed"


def test_an_agreement_signed_before_an_unseen_suspension_does_not_lift_it() -> None:
    table = agreed_table()
    table.act("pk", "suspended")
    table.act("cn", "agreed", news=False)
    assert table.status() == "suspended"
    table.act("pk", "agreed")
    # cn's agreement still has not seen the suspension: it must say so knowingly.
    standing_now = judge(table.signed)
    assert standing_now.status("24") == "suspended"
    assert standing_now.texts("24")[0].unseen == ("pk",)
    table.act("cn", "agreed")
    assert table.status() == "agreed"


def test_a_later_version_replaces_the_earlier_one_when_both_agreed() -> None:
    table = agreed_table()
    for to in ("proposed", "under_discussion", "declined", "suspended", "agreed"):
        table.act("cn", to, TWO)
        assert table.in_force() == [("24", 1)] and table.status() == "agreed"
    now = judge(table.signed)
    assert [text.status for text in now.proposals("24")] == ["under_discussion"]
    assert [(c.version, s) for c, s in now.book_clauses() if c.number == "24"] == [
        (1, "agreed"),
        (2, "under_discussion"),
    ]
    table.act("pk", "agreed", TWO)
    assert table.in_force() == [("24", 2)]
    table.act("pk", "suspended", TWO)
    assert table.in_force() == [] and table.status() == "suspended"
    table.act("cn", "agreed", ONE)
    table.act("pk", "agreed", ONE)
    assert table.in_force() == []


def test_a_text_both_accepted_but_missing_here_blocks_the_older_one() -> None:
    table = agreed_table()
    table.act("cn", "agreed", THREE)
    table.act("pk", "agreed", THREE)
    now = judge(table.signed, (ONE, OTHER))
    assert now.in_force == () and now.status("24") == "suspended"
    assert [(c.version, s) for c, s in now.book_clauses() if c.number == "24"] == [(1, "suspended")]


def test_two_accepted_texts_of_one_version_put_neither_in_force() -> None:
    twin = clause(COMMAND.replace("The Partner's part", "The part"))
    table = agreed_table()
    table.act("cn", "agreed", twin)
    table.act("pk", "agreed", twin)
    now = judge(table.signed, (ONE, twin))
    assert now.in_force == () and now.status("24") == "suspended"


def test_one_party_books_need_one_signature() -> None:
    table = Table()
    table.act("pk", "agreed")
    alone = standing(table.signed, ("pk",), (ONE,), SIGNATORIES, check=mock_check)
    assert alone.status("24") == "agreed" and alone.in_force == (ONE,)


def test_signatories_come_and_go() -> None:
    table = agreed_table()
    deputy = Signatory("pk", "Deputy", "AAAA", "passkey", "AA", "pk.example", "https://pk.example")
    subject = deputy.to_dict()
    table.act("pk", "suspended", key="AAAA")
    assert table.status() == "agreed"
    assert "no signatory" in judge(table.signed).refused[0].reason
    table.acts["pk"].pop()
    table.act("pk", "appoint", "", subject=subject)
    table.act("pk", "suspended", key="AAAA")
    assert table.status() == "suspended"
    assert [each.name for each in judge(table.signed).signatories("pk")] == ["pk minister", "Deputy"]
    table.act("pk", "dismiss", "", subject=subject)
    table.act("pk", "ended", key="AAAA")
    assert table.status() == "suspended"
    table.acts["pk"].pop()
    foreign = replace(deputy, party="cn").to_dict()
    table.act("pk", "appoint", "", subject=foreign)
    now = judge(table.signed)
    assert "another party" in now.refused[0].reason
    assert [each.name for each in now.signatories("pk")] == ["pk minister"]


def test_forged_and_foreign_acts_do_nothing() -> None:
    table = agreed_table()
    before = judge(table.signed)
    tip = table.acts["pk"][-1]
    forged = next_act(
        tip, {}, agreement="pk-cn", by="pk", to="ended", key="key-pk", at=9, clause="24", text=ONE.digest
    )
    foreign = replace(forged, agreement="pk-xx")
    stranger = replace(forged, by="xx")
    extra = [SignedAct(forged, {"by": "key-pk", "of": "x"}), signed(foreign), signed(stranger)]
    now = judge([*table.signed, *extra])
    assert now.status("24") == before.status("24") == "agreed"
    assert len(now.refused) == 3
    assert not now.forked and now.head("pk") == tip
    # A forged signature beside the true one does no harm to the true one.
    twice = [SignedAct(tip, {"by": "nobody", "of": ""}), *table.signed]
    assert judge(twice).status("24") == "agreed" and judge(twice).refused == ()
    with pytest.raises(ValueError, match="several agreements"):
        standing([*table.signed, signed(foreign)], PARTIES, CLAUSES, SIGNATORIES, check=mock_check)


def test_a_gap_holds_widening_back_but_not_narrowing() -> None:
    table = agreed_table()
    table.act("pk", "under_discussion", OTHER)
    table.act("pk", "suspended")
    acts = table.signed
    gap = [each for each in acts if each.act.to != "under_discussion"]
    now = judge(gap)
    assert now.status("24") == "suspended"
    assert [(each.narrows, "missing" in each.reason) for each in now.refused] == [(True, True)]
    table.act("cn", "agreed")
    table.act("pk", "agreed")
    gap = [each for each in table.signed if each.act.to != "under_discussion"]
    assert judge(gap).status("24") == "suspended"
    assert table.status() == "agreed"


def test_a_fork_keeps_what_narrows_and_drops_what_widens() -> None:
    table = agreed_table()
    tip = table.acts["pk"][-1]
    base = {"agreement": "pk-cn", "by": "pk", "key": "key-pk", "at": 9, "clause": "24", "text": ONE.digest}
    left = next_act(tip, {}, to="suspended", **base)  # type: ignore[arg-type]
    right = next_act(tip, {}, to="proposed", **(base | {"clause": "4", "text": OTHER.digest}))  # type: ignore[arg-type]
    again = next_act(left, {"cn": table.acts["cn"][-1]}, to="agreed", **base)  # type: ignore[arg-type]
    now = judge([*table.signed, *map(signed, (left, right, again))])
    assert now.forked == ("pk",) and now.status("24") == "suspended" and now.head("pk") == tip
    assert len(now.refused) == 3
    assert {event.signed.act.digest() for event in now.history("24")} >= {left.digest(), again.digest()}


def test_history_puts_causes_first_whatever_the_clocks_say() -> None:
    table = agreed_table()
    acts = [replace(each.act, at=100 - number) for number, each in enumerate(table.signed)]
    assert judge(map(signed, acts)).history("24")  # the chain is broken now, yet nothing is lost
    order = [event.signed.act.to for event in judge(table.signed).history("24")]
    assert order == ["proposed", "agreed", "agreed"]
    assert judge(table.signed).history("4") == ()


def test_with_real_signatures_a_changed_byte_voids(tmp_path: Path) -> None:
    signatories, acts = {}, []
    for party in PARTIES:
        key = tmp_path / party
        who = file_signatory(party, party, create_key_file(key))
        signatories[party] = [who]
        act = next_act(
            None,
            {},
            agreement="pk-cn",
            by=party,
            to="agreed",
            key=who.key_id,
            at=1,
            clause="24",
            text=ONE.digest,
        )
        acts.append(SignedAct(act, sign_with_file(key, None, act)))
    good = standing(acts, PARTIES, (ONE,), signatories)
    assert good.in_force == (ONE,)
    changed = clause(COMMAND.replace("deployments of", "deployment of"))
    assert standing(acts, PARTIES, (changed,), signatories).in_force == ()
    bad = SignedAct(acts[0].act, acts[1].signature)
    assert standing([bad, acts[1]], PARTIES, (ONE,), signatories).status("24") == "under_discussion"


moves = st.lists(
    st.tuples(
        st.sampled_from(PARTIES),
        st.sampled_from(STATUSES + ("agreed",) * 6),
        st.sampled_from((ONE, ONE, TWO, OTHER)),
        st.booleans(),
    ),
    max_size=14,
)


def played(steps: list[tuple[str, str, object, bool]]) -> Table:
    table = Table()
    for by, to, text, news in steps:
        table.act(by, to, text, news)
    return table


def picture(now: Standing) -> object:
    return (
        now.in_force,
        [(number, now.status(number), now.texts(number)) for number in now.numbers],
        [(each.signed.act.digest(), each.reason, each.narrows) for each in now.refused],
        [event.signed.act.digest() for number in now.numbers for event in now.history(number)],
        now.forked,
    )


@settings(max_examples=150, deadline=None)
@given(moves, st.randoms(use_true_random=False))
def test_order_and_repetition_of_delivery_make_no_difference(steps: list, random: object) -> None:
    acts = played(steps).signed
    shuffled = acts + acts[: len(acts) // 2]
    random.shuffle(shuffled)  # type: ignore[attr-defined]
    clauses = list(CLAUSES)
    random.shuffle(clauses)  # type: ignore[attr-defined]
    assert picture(judge(acts)) == picture(judge(shuffled, clauses))


@settings(max_examples=150, deadline=None)
@given(moves, st.data())
def test_damaged_sets_of_acts_make_no_difference_either(steps: list, data: st.DataObject) -> None:
    acts = forked(played(steps), data)
    kept = [each for each in acts if data.draw(st.integers(0, 5))]
    shuffled = data.draw(st.permutations(kept))
    assert picture(judge(kept)) == picture(judge([*shuffled, *kept[:2]]))


def forked(table: Table, data: st.DataObject) -> list[SignedAct]:
    """The table's acts, and now and then another act in the place of one of them."""
    acts = table.signed
    for each in list(acts):
        if data.draw(st.integers(0, 4)) == 0:
            acts.append(signed(replace(each.act, to=data.draw(st.sampled_from(STATUSES)), at=77)))
    return acts


@settings(max_examples=200, deadline=None)
@given(moves, st.data())
def test_a_narrowing_act_never_widens(steps: list, data: st.DataObject) -> None:
    """Wherever it is put in: at the end of a chain, beside another act, or after a gap."""
    table = played(steps)
    acts = forked(table, data) if data.draw(st.booleans()) else table.signed
    before = set(judge(acts).in_force)
    party = data.draw(st.sampled_from(PARTIES))
    chain = [None, *(each.act for each in acts if each.act.by == party)]
    previous = data.draw(st.sampled_from(chain))
    text = data.draw(st.sampled_from((ONE, TWO, OTHER)))
    act = next_act(
        previous,
        {},
        agreement="pk-cn",
        by=party,
        to=data.draw(st.sampled_from(NARROWING)),
        key=f"key-{party}",
        at=99,
        clause=text.number,
        text=text.digest,
    )
    if data.draw(st.booleans()):
        act = replace(act, seq=act.seq + 5, previous="sha256:" + "0" * 64)
    after = judge([*acts, signed(act)])
    assert set(after.in_force) <= before
    assert text not in after.in_force


@settings(max_examples=150, deadline=None)
@given(moves)
def test_nothing_is_in_force_that_is_not_agreed_by_both(steps: list) -> None:
    table = played(steps)
    now = judge(table.signed)
    for each in now.in_force:
        assert now.status(each.number) == "agreed"
        for party in PARTIES:
            words = [act.to for act in table.acts[party] if act.text == each.digest]
            assert words[-1] == "agreed"
    for number in now.numbers:
        agreed = [pair for pair in now.book_clauses() if pair[0].number == number and pair[1] == "agreed"]
        assert [pair[0] for pair in agreed] == [each for each in now.in_force if each.number == number]
