"""A record of every kind, about what its kind is about, addressed to one party: a small world for one agreement."""

from __future__ import annotations

import re
from collections.abc import Sequence
from contextlib import suppress
from hashlib import sha256

from bench.nodes import Node
from bench.samples import parts_of

NOT_HERE = frozenset({"clause", "status_act", "track", "role_assignment"})
"""What an agreement is made of, what is never recorded, and what would give somebody a role."""
_ABOUT = re.compile(r" is about an? ([a-z_ ]+)")


def fill(node: Node, to: Sequence[str], word: str) -> dict[str, str]:
    """Commit a record of every kind that can be made from its parts alone; gives their ids by kind.

    What a kind must be about is taken from the words in which it refuses.
    """
    from safeconduct.records.commit import Draft, commit
    from safeconduct.records.kinds import PartRefused, all_kinds
    from safeconduct.records.principals import system_subject
    from safeconduct.records.refusals import Malformed, NotFound, Refused

    made: dict[str, str] = {}
    left, parts = [], {}
    for kind in all_kinds().values():
        with suppress(LookupError):
            if kind.name not in NOT_HERE:
                parts[kind.name] = parts_of(kind, f"{word} {kind.name}")
                if kind.joins is not None:
                    part, name = kind.joins
                    parts[kind.name][part][name] = sha256(word.encode()).hexdigest()[:32]
                left.append(kind)
    about: dict[str, str] = {}
    progress = True

    def commit_one(kind: str, on: str | None) -> str:
        draft = Draft(kind, parts[kind], about=on, releasable=list(to))
        return commit(system_subject(node.home.party), draft, door=node.door).record

    with node.active():
        while progress:
            progress = False
            for kind in list(left):
                try:
                    made[kind.name] = commit_one(kind.name, about.get(kind.name))
                    if kind.joins is not None:
                        # One alone joins nothing: a second, about another of the same.
                        named = next(each for each, record in made.items() if record == about[kind.name])
                        commit_one(kind.name, commit_one(named, about.get(named)))
                    left.remove(kind)
                    progress = True
                except (Malformed, PartRefused, Refused, NotFound) as fault:
                    named = _ABOUT.search(str(fault))
                    known = [n for n in named.group(1).split(" or ") if n in made] if named else []
                    if known and about.get(kind.name) != made[known[0]]:
                        about[kind.name] = made[known[0]]
                        progress = True
    return made
