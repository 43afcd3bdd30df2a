"""The standing of an agreement: a pure function of the acts of its parties, whatever order they arrive in.

A text of a clause is *agreed* while the latest act of every party on it is "agreed" and each of these has
seen every narrowing act (declined, suspended, ended) of the others on it. Otherwise the narrowest word spoken
wins: ended, declined, suspended, under discussion, proposed; one party's agreement alone is discussion.

A later version takes an earlier one's place when both parties have agreed to it, not before. An earlier one
never comes back by itself: if the later one is suspended, nothing is in force.
"""

from __future__ import annotations

import heapq
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from itertools import product

from safeconduct.agreement.acts import SignedAct, StatusAct
from safeconduct.agreement.chains import Chain, Check, RefusedAct, read_chain
from safeconduct.agreement.clauses import Clause, by_number
from safeconduct.agreement.signatures import Signatory, verify
from safeconduct.agreement.vocabulary import NARROWING

__all__ = ["Event", "RefusedAct", "Standing", "TextStanding", "standing"]

_NARROWEST_FIRST = ("ended", "declined", "suspended", "under_discussion", "proposed")


@dataclass(frozen=True)
class TextStanding:
    """One text of a clause: its status, the latest word of each party, and what it is worth.

    `clause` is None for a text of which only the digest is known. `accepted`: every party has at some time
    agreed to it. `unseen` names parties whose narrowing act another party's agreement had not seen.
    """

    number: str
    text: str
    clause: Clause | None
    status: str
    stances: Mapping[str, str]
    accepted: bool
    unseen: tuple[str, ...] = ()


@dataclass(frozen=True)
class Event:
    """One act in a clause's history. `reason` says why it does not count, or not fully; else ""."""

    signed: SignedAct
    reason: str


class Standing:
    """What an agreement's acts amount to. `refused` lists acts that do not count, and why."""

    def __init__(
        self,
        agreement: str,
        parties: tuple[str, ...],
        chains: Mapping[str, Chain],
        clauses: tuple[Clause, ...],
        refused: tuple[RefusedAct, ...],
    ) -> None:
        self.agreement = agreement
        self.parties = parties
        self.refused = refused
        self._chains = chains
        self._texts = _text_standings(parties, chains, clauses)

    @property
    def numbers(self) -> tuple[str, ...]:
        return tuple(sorted(self._texts, key=by_number))

    @property
    def in_force(self) -> tuple[Clause, ...]:
        """The clauses that permit now, by number."""
        found = (self.governing(number) for number in self.numbers)
        return tuple(text.clause for text in found if text and text.clause and text.status == "agreed")

    def status(self, number: str) -> str:
        """The status of a clause: of its governing text, or else of the latest version spoken about.

        "proposed" for a text nobody has acted on; "suspended" while a text that both accepted is missing
        here, or two of the same version were accepted. Raises KeyError for an unknown number.
        """
        governing = self.governing(number)
        if governing:
            return governing.status
        spoken = [text for text in self._texts[number] if text.stances and text.clause is not None]
        return (spoken or self._texts[number])[-1].status

    def governing(self, number: str) -> TextStanding | None:
        """The accepted text of the highest version, which alone can be in force; None if there is none."""
        accepted = [text for text in self._texts[number] if text.accepted]
        if not accepted:
            return None
        top = accepted[-1]
        unclear = any(
            text.clause is None or (top.clause is not None and text.clause.version == top.clause.version)
            for text in accepted
            if text is not top
        )
        if (unclear or top.clause is None) and top.status not in ("ended", "declined"):
            return TextStanding(number, top.text, top.clause, "suspended", top.stances, True, top.unseen)
        return top

    def texts(self, number: str) -> tuple[TextStanding, ...]:
        """Every text of a clause, by version; unknown texts first. Raises KeyError."""
        return self._texts[number]

    def proposals(self, number: str) -> tuple[TextStanding, ...]:
        """Texts later than the governing one: what there is to discuss, sign or decline."""
        governing = self.governing(number)
        least = governing.clause.version if governing and governing.clause else 0
        return tuple(
            text for text in self._texts[number] if text.clause is not None and text.clause.version > least
        )

    def book_clauses(self) -> tuple[tuple[Clause, str], ...]:
        """(clause, status) pairs for a policy Book: the governing texts and the later proposals."""
        pairs: list[tuple[Clause, str]] = []
        for number in self.numbers:
            governing = self.governing(number)
            texts = ((governing,) if governing else ()) + self.proposals(number)
            pairs += [(text.clause, text.status) for text in texts if text.clause is not None]
        return tuple(pairs)

    def history(self, number: str) -> tuple[Event, ...]:
        """Every known act about a clause, causes before effects, otherwise by the signers' clocks."""
        reasons = {each.signed.act.digest(): each.reason for each in self.refused}
        acts = {
            signed.act.digest(): signed
            for chain in self._chains.values()
            for signed in (*chain.main, *(each.signed for each in chain.refused))
        }
        return tuple(
            Event(acts[digest], reasons.get(digest, ""))
            for digest in _causes_first({digest: signed.act for digest, signed in acts.items()})
            if acts[digest].act.clause == number
        )

    def head(self, party: str) -> StatusAct | None:
        """The latest undisputed act of a party: its next act continues it, the others' next have seen it."""
        return self._chains[party].head

    def signatories(self, party: str) -> tuple[Signatory, ...]:
        """Who may sign for a party now."""
        return tuple(self._chains[party].signatories.values())

    @property
    def forked(self) -> tuple[str, ...]:
        """Parties that signed two different acts in one place; nothing of theirs widens after it."""
        return tuple(party for party in self.parties if self._chains[party].forked)


def standing(
    acts: Iterable[SignedAct],
    parties: tuple[str, ...],
    clauses: Iterable[Clause],
    signatories: Mapping[str, Iterable[Signatory]],
    agreement: str | None = None,
    check: Check = verify,
) -> Standing:
    """Judge the acts of all parties of one agreement (or of one house, with a single party).

    `clauses` are all texts known, old versions too. `signatories` are those each party began with. Acts of
    another agreement are refused; without `agreement` it is taken from the acts, which must then be of one
    (ValueError).
    """
    acts = tuple(acts)
    if agreement is None:
        named = {signed.act.agreement for signed in acts}
        if len(named) > 1:
            raise ValueError(f"acts of several agreements: {', '.join(sorted(named))}")
        agreement = next(iter(named), "")
    known = {clause.digest: clause for clause in clauses}
    refused: dict[str, RefusedAct] = {}
    by_party: dict[str, list[SignedAct]] = {party: [] for party in parties}
    for signed in acts:
        if signed.act.agreement != agreement:
            refused[signed.act.digest()] = RefusedAct(signed, "it is an act of another agreement", False)
        elif signed.act.by not in by_party:
            refused[signed.act.digest()] = RefusedAct(signed, "its author is no party", False)
        else:
            by_party[signed.act.by].append(signed)
    chains = {
        party: read_chain(party, by_party[party], signatories.get(party, ()), check) for party in parties
    }
    for chain in chains.values():
        for each in chain.refused:
            refused[each.signed.act.digest()] = each
        for signed in chain.main:
            clause = known.get(signed.act.text)
            if clause is not None and clause.number != signed.act.clause:
                reason = f"its text is of clause {clause.number}"
                refused[signed.act.digest()] = RefusedAct(signed, reason, False)
    ordered = tuple(refused[digest] for digest in sorted(refused))
    return Standing(agreement, parties, chains, tuple(known.values()), ordered)


def _text_standings(
    parties: tuple[str, ...], chains: Mapping[str, Chain], clauses: tuple[Clause, ...]
) -> dict[str, tuple[TextStanding, ...]]:
    known = {clause.digest: clause for clause in clauses}
    names = {(clause.number, clause.digest) for clause in clauses}
    for chain in chains.values():
        for act in (*(signed.act for signed in chain.main), *chain.extra, *chain.tree.values()):
            if act.text and act.text not in known:
                names.add((act.clause, act.text))
    found: dict[str, list[TextStanding]] = {}
    for number, text in names:
        judged = _judge(number, text, known.get(text), parties, chains)
        found.setdefault(number, []).append(judged)
    return {
        number: tuple(sorted(texts, key=lambda each: (each.clause.version if each.clause else 0, each.text)))
        for number, texts in found.items()
    }


def _judge(
    number: str, text: str, clause: Clause | None, parties: tuple[str, ...], chains: Mapping[str, Chain]
) -> TextStanding:
    stances: dict[str, str] = {}
    agreed: dict[str, StatusAct] = {}
    narrowings: dict[str, set[str]] = {}
    for party in parties:
        chain = chains[party]
        main = [signed.act for signed in chain.main if _about(signed.act, number, text)]
        beyond = {act.to for act in chain.extra if _about(act, number, text)}
        narrowings[party] = {act.digest() for act in main if act.to in NARROWING}
        words = beyond | ({main[-1].to} if main else set())
        if words == {"agreed"}:
            agreed[party] = main[-1]
        if words:
            stances[party] = next((word for word in _NARROWEST_FIRST if word in words), "agreed")
    unseen: dict[str, set[str]] = {}
    for party, act in agreed.items():
        for other in parties:
            if other == party or not narrowings[other]:
                continue
            seen = {each.digest() for each in chains[other].path(act.seen.get(other, ""))}
            if missed := narrowings[other] - seen:
                unseen.setdefault(other, set()).update(chains[other].tree[digest].to for digest in missed)
    if len(agreed) == len(parties) and not unseen:
        status = "agreed"
    else:
        words = {"under_discussion" if word == "agreed" else word for word in stances.values()}
        words = words.union(*unseen.values()) if unseen else words
        status = next((word for word in _NARROWEST_FIRST if word in words), "proposed")
    accepted = _accepted(number, text, parties, chains)
    return TextStanding(number, text, clause, status, stances, accepted, tuple(sorted(unseen)))


def _accepted(number: str, text: str, parties: tuple[str, ...], chains: Mapping[str, Chain]) -> bool:
    """Whether some agreement of every party exists, each having seen what the others narrowed before theirs.

    Acts beyond a fork count here: they can only retire an earlier version, and no later act undoes it.
    """
    profiles: list[set[tuple[str, frozenset[str], tuple[tuple[str, frozenset[str]], ...]]]] = []
    for party in parties:
        mine = set()
        for act in chains[party].tree.values():
            if act.to == "agreed" and _about(act, number, text):
                before = _narrowings(chains[party], act.previous, number, text)
                seen = tuple(
                    (other, _narrowings(chains[other], act.seen.get(other, ""), number, text))
                    for other in parties
                    if other != party
                )
                mine.add((party, before, seen))
        profiles.append(mine)
    for choice in product(*profiles):
        earlier = {party: narrowed for party, narrowed, _ in choice}
        if all(earlier[other] <= seen for _, _, views in choice for other, seen in views):
            return True
    return False


def _narrowings(chain: Chain, digest: str, number: str, text: str) -> frozenset[str]:
    path = chain.path(digest)
    return frozenset(act.digest() for act in path if act.to in NARROWING and _about(act, number, text))


def _about(act: StatusAct, number: str, text: str) -> bool:
    return act.text == text and act.clause == number


def _causes_first(acts: Mapping[str, StatusAct]) -> list[str]:
    """Digests in an order in which every act follows what it continues and what its signer had seen."""
    waits = {
        digest: {cause for cause in (act.previous, *act.seen.values()) if cause in acts}
        for digest, act in acts.items()
    }
    effects: dict[str, list[str]] = {}
    for digest, causes in waits.items():
        for cause in causes:
            effects.setdefault(cause, []).append(digest)
    ready = [(acts[digest].at, acts[digest].by, digest) for digest, causes in waits.items() if not causes]
    heapq.heapify(ready)
    ordered: list[str] = []
    while ready:
        _, _, digest = heapq.heappop(ready)
        ordered.append(digest)
        for effect in effects.get(digest, ()):
            waits[effect].discard(digest)
            if not waits[effect]:
                heapq.heappush(ready, (acts[effect].at, acts[effect].by, effect))
    return ordered
