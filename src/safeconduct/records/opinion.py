"""The second opinion: Cedar is asked as well before a disclosure, an approval or a command.

Both engines read the same grants; either one's refusal is a refusal.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import lru_cache

from safeconduct.agreement.books import digest_of
from safeconduct.agreement.cedar import CedarOpinion
from safeconduct.agreement.policy import Decision, Item, Policy, Subject
from safeconduct.agreement.vocabulary import LEVELS
from safeconduct.records.standing import AgreementState


def agreed(
    state: AgreementState, decision: Decision, subject: Subject, act: str, item: Item, part: str, now: float
) -> Decision:
    """The dictionary's permission, if Cedar gives it too."""
    if not decision.permit or opinion_of(state.policy).permits(subject, act, item, part, now):
        return decision
    return Decision(False, refused_by="second opinion")


@lru_cache(maxsize=4)
def opinion_of(policy: Policy) -> CedarOpinion:
    """Cedar's reading of a policy, made once."""
    return CedarOpinion(policy, policy.vocabulary)


@lru_cache(maxsize=1024)
def opinion_on_giving(policy: Policy, party: str) -> CedarOpinion:
    """Cedar's reading of what may be given to a party: of the house rules and that party's agreement alone, so that it
    stays as it is, and as small, whatever is agreed with others."""
    books = tuple(book for book in policy.books if book.house or party in book.parties.values())
    kinds = tuple(policy.vocabulary.kinds.items())
    return _made(_Share(digest_of(books), kinds, Policy(books, policy.vocabulary)))


@dataclass(frozen=True)
class _Share:
    """Some of a policy's books, known by their clauses and what these may name."""

    digest: str
    kinds: tuple[object, ...]
    policy: Policy = field(compare=False)


@lru_cache(maxsize=256)
def _made(share: _Share) -> CedarOpinion:
    return CedarOpinion(share.policy, share.policy.vocabulary)


def disclosure_agreed(
    policy: Policy,
    item: Item,
    party: str,
    part: str,
    grants: tuple[str, ...],
    now: float,
    authorised: frozenset[str] = frozenset(),
) -> bool:
    """Whether Cedar, too, lets a part go to a party under these grants: to somebody there who may read it."""
    reader = Subject(
        party=party,
        roles=frozenset(role for grant in grants for role in policy.grants[grant].grant.roles),
        clearance=len(LEVELS) - 1,
        units=item.assigned,
        authorised=authorised & {item.id},
    )
    return opinion_on_giving(policy, party).permits(reader, "disclose", item, part, now)
