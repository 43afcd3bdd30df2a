"""One party's acts as a chain: which of them stand, which only narrow, and which are refused.

Acts arrive in any order, more than once, forged, or with some missing. A chain stands from its first act up
to the first gap or fork. What lies beyond cannot widen anything; what takes away there still takes away.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field

from safeconduct.agreement.acts import SIGNATORY_ACTS, SignedAct, StatusAct
from safeconduct.agreement.signatures import Signatory, SignatureRefused
from safeconduct.ledger.canonical import canonical

Check = Callable[[StatusAct, Mapping[str, str], Signatory], None]
"""Verifies a signature: `signatures.verify`, or a caller's own that remembers what it has verified."""

Known = Mapping[str, Signatory]


@dataclass(frozen=True)
class RefusedAct:
    """An act that does not count, or not fully. `narrows` is True if it takes away all the same."""

    signed: SignedAct
    reason: str
    narrows: bool


@dataclass
class Chain:
    """A party's chain. `main` is its undisputed line; `extra` the status acts beyond a fork or a gap that are
    no agreement; `tree` every act reachable from the first one with a valid signature, by digest."""

    party: str
    main: list[SignedAct] = field(default_factory=list)
    extra: list[StatusAct] = field(default_factory=list)
    tree: dict[str, StatusAct] = field(default_factory=dict)
    refused: list[RefusedAct] = field(default_factory=list)
    signatories: dict[str, Signatory] = field(default_factory=dict)
    forked: bool = False

    @property
    def head(self) -> StatusAct | None:
        """The latest undisputed act."""
        return self.main[-1].act if self.main else None

    def path(self, digest: str) -> list[StatusAct]:
        """The act with this digest and all before it, latest first; nothing for an act not known."""
        acts = []
        while act := self.tree.get(digest):
            acts.append(act)
            digest = act.previous
        return acts


def read_chain(party: str, acts: Iterable[SignedAct], initial: Iterable[Signatory], check: Check) -> Chain:
    """Put a party's acts in order. The result does not depend on the order or repetition of `acts`."""
    variants: dict[str, dict[bytes, SignedAct]] = {}
    for signed in acts:
        mark = canonical(dict(signed.signature))
        variants.setdefault(signed.act.digest(), {})[mark] = signed
    following: dict[str, list[str]] = {}
    for digest in sorted(variants):
        act = next(iter(variants[digest].values())).act
        following.setdefault(act.previous, []).append(digest)
    known = {signatory.key_id: signatory for signatory in initial if signatory.party == party}
    chain = Chain(party, signatories=known)
    ever: dict[str, list[Signatory]] = {key: [signatory] for key, signatory in known.items()}
    reader = _ChainReader(chain, variants, following, check, ever)
    reader.walk(known)
    reader.gather_rest()
    return chain


class _ChainReader:
    def __init__(
        self,
        chain: Chain,
        variants: dict[str, dict[bytes, SignedAct]],
        following: dict[str, list[str]],
        check: Check,
        ever: dict[str, list[Signatory]],
    ) -> None:
        self._chain = chain
        self._variants = variants
        self._following = following
        self._check = check
        self._ever = ever
        self._settled: set[str] = set()
        self._disputed: set[str] = set()

    def walk(self, known: Known) -> None:
        """Follow the chain from its first act, and past a fork along every branch."""
        pending: list[tuple[str, int, Known, bool]] = [("", 1, known, False)]
        while pending:
            previous, seq, signatories, forked = pending.pop()
            valid = [
                (digest, signed)
                for digest in self._following.get(previous, ())
                if (signed := self._signed(digest, seq, signatories, forked)) is not None
            ]
            forked = forked or len(valid) > 1
            for digest, signed in valid:
                self._settled.add(digest)
                self._chain.tree[digest] = signed.act
                after, fault = self._apply(signed.act, signatories)
                if forked:
                    self._chain.forked = True
                    self._set_aside(signed, "the party's acts fork here")
                else:
                    self._chain.main.append(signed)
                    self._chain.signatories = dict(after)
                    if fault:
                        self._chain.refused.append(RefusedAct(signed, fault, narrows=False))
                pending.append((digest, seq + 1, after, forked))

    def gather_rest(self) -> None:
        """What the walk did not accept: wrongly signed, or with an act missing before it.

        Who was a signatory is uncertain there. Past a gap the present signatories may narrow; in a forked
        chain everyone who ever was one, so that a further act can only take away.
        """
        present = {key: [signatory] for key, signatory in self._chain.signatories.items()}
        for digest in sorted(set(self._variants) - self._settled):
            signed, fault = self._verified(digest, self._ever if self._chain.forked else present)
            if fault:
                self._chain.refused.append(RefusedAct(signed, fault, narrows=False))
            elif digest in self._disputed:
                self._set_aside(signed, "the party's acts fork before it")
            else:
                self._set_aside(signed, "an act before it is missing, or its number does not follow")

    def _signed(self, digest: str, seq: int, signatories: Known, forked: bool) -> SignedAct | None:
        act = next(iter(self._variants[digest].values())).act
        if act.seq != seq:
            return None
        signed, fault = self._verified(digest, {key: [each] for key, each in signatories.items()})
        if not fault:
            return signed
        if forked:
            self._disputed.add(digest)
        else:
            self._settled.add(digest)
            self._chain.refused.append(RefusedAct(signed, fault, narrows=False))
        return None

    def _verified(self, digest: str, known: Mapping[str, list[Signatory]]) -> tuple[SignedAct, str]:
        """The act with the first signature that holds, or with the reason why none does."""
        candidates = [self._variants[digest][mark] for mark in sorted(self._variants[digest])]
        signatories = known.get(candidates[0].act.key)
        if not signatories:
            return candidates[0], "its signer was no signatory of the party at that time"
        fault = ""
        for signed in candidates:
            for signatory in signatories:
                try:
                    self._check(signed.act, signed.signature, signatory)
                except SignatureRefused as refusal:
                    fault = str(refusal)
                else:
                    return signed, ""
        return candidates[0], fault

    def _apply(self, act: StatusAct, signatories: Known) -> tuple[Known, str]:
        if act.to not in SIGNATORY_ACTS or act.subject is None:
            return signatories, ""
        try:
            subject = Signatory.from_dict(act.subject)
        except SignatureRefused as fault:
            return signatories, str(fault)
        if subject.party != act.by:
            return signatories, "it names a signatory of another party"
        if act.to == "dismiss":
            return {key: each for key, each in signatories.items() if key != subject.key_id}, ""
        if subject.key_id in signatories:
            return signatories, "this key is a signatory's already"
        self._ever.setdefault(subject.key_id, []).append(subject)
        return {**signatories, subject.key_id: subject}, ""

    def _set_aside(self, signed: SignedAct, reason: str) -> None:
        act = signed.act
        narrows = act.to not in SIGNATORY_ACTS and act.to != "agreed"
        if narrows:
            self._chain.extra.append(act)
        self._chain.refused.append(RefusedAct(signed, reason, narrows))
