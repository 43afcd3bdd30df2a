"""Whether a clause that both have signed permits what arrived: the receiver's own look at what the sender cites.

A disclosure is in order if one of the grants that it cites stands in a text to which both parties have agreed at some
time, by the acts that lie here, and gives this part of this kind in this state at this label to this party. Whether
that text was in force at the very moment only the sender's clock knows: what was disclosed before a suspension still
arrives after it. What no signed text ever permitted is let go, however well it is sealed and signed.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from typing import Any, NamedTuple

from safeconduct.agreement.books import Book
from safeconduct.records.home import Partner
from safeconduct.records.kinds import vocabulary
from safeconduct.records.standing import AgreementState, load_state
from safeconduct.records.transaction import Tx


class Opening(NamedTuple):
    """What one grant of an accepted text gives of a part."""

    grant: str
    up_to: int
    states: frozenset[str] | None


Openings = Mapping[tuple[str, str], list[Opening]]


class Cited:
    """What this partner may ever have disclosed to this party, by part of a kind."""

    def __init__(self, tx: Tx, partner: Partner) -> None:
        self.tx, self.partner = tx, partner
        self._openings: Openings | None = None

    def forget(self) -> None:
        """Clauses or acts have arrived: look again."""
        self._openings = None

    def unpermitted(self, header: Mapping[str, Any]) -> tuple[str, ...]:
        """The labelled parts of a version that none of its cited grants permits, in the order of their names."""
        if self._openings is None:
            changed = self.tx.policy_changed
            state = load_state(self.tx.tables, self.tx.home) if changed else self.tx.state
            self._openings = _openings(state, self.partner, self.tx.home.party)
        kind, state_, cited = header["kind"], header["state"], header["clauses"]
        refused = []
        for part, label in sorted(header["labels"].items()):
            openings = self._openings.get((kind, part), ())
            if not any(
                each.grant in cited and label <= each.up_to and (each.states is None or state_ in each.states)
                for each in openings
            ):
                refused.append(part)
        return tuple(refused)


def _openings(state: AgreementState, partner: Partner, own: str) -> Openings:
    found: dict[tuple[str, str], list[Opening]] = defaultdict(list)
    agreement, words = state.agreements[partner.agreement], vocabulary()
    book = Book(agreement.agreement, dict(agreement.parties))
    standing = agreement.standing
    texts = (text for number in standing.numbers for text in standing.texts(number) if text.accepted)
    for clause in (text.clause for text in texts):
        for grant in clause.grants if clause is not None else ():
            if "disclose" not in grant.may or (own, partner.party) not in book.directions(grant):
                continue
            states = None if grant.states is None else frozenset(grant.states)
            for kind in set(grant.kinds) & words.kinds.keys():
                for part in grant.parts_of(kind, words):
                    name = f"{partner.agreement}/{grant.id}"
                    found[kind, part].append(Opening(name, grant.up_to, states))
    return found
