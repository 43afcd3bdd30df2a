"""A line of the committee's work: which kinds it has, what stands below what, and what a person may do with it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from django.urls import reverse
from django.utils.functional import Promise

from safeconduct.agreement.policy import Subject
from safeconduct.committee.sheets import Sheet
from safeconduct.committee.work_forms import WorkForm
from safeconduct.records import here
from safeconduct.records.release import Released


def _anybody(_reader: Subject, _found: Released) -> bool:
    return True


@dataclass(frozen=True)
class Act:
    """Something that is done to a record of these kinds (none: it begins a new one), by writing a record of `writes`.

    It is offered for records that are `whose` and in one of `states` (none: any), on the node of one `side` or of
    both. What is offered is a courtesy: commit() and the kinds' own rules decide.
    """

    name: str
    label: Promise
    form: type[WorkForm]
    writes: str
    to: Sequence[str] = ()
    whose: Literal["own", "other", "any"] = "any"
    states: Sequence[str] = ()
    side: Literal["", "host", "partner"] = ""
    act: str = "write"
    primary: bool = False
    fits: Callable[[Subject, Released], bool] = _anybody

    def offered(self, reader: Subject, found: Released | None) -> bool:
        if (found.kind if found else None) not in (self.to or (None,)):
            return False
        if self.side and here.home().side != self.side:
            return False
        if found is not None:
            own = found.originator == reader.party
            if found.withdrawn or (self.whose == "own" and not own) or (self.whose == "other" and own):
                return False
            if (self.states and found.state not in self.states) or not self.fits(reader, found):
                return False
        return bool(here.state().policy.entries(reader, self.act, self.writes))


@dataclass(frozen=True)
class Line:
    """`name` is that of its addresses; `root` the kind that its list shows, with only these parts of it; `below` says
    which kinds are about which."""

    name: str
    title: Promise
    lead: Promise
    root: str
    listed: Sequence[str]
    below: Mapping[str, Sequence[str]]
    acts: Sequence[Act]

    @property
    def kinds(self) -> list[str]:
        return sorted({self.root, *self.below, *(kind for under in self.below.values() for kind in under)})

    @property
    def live(self) -> str:
        return f"/live?topics={','.join(self.kinds)}"

    def act(self, name: str) -> Act | None:
        return next((each for each in self.acts if each.name == name), None)

    def offers(self, reader: Subject, found: Released | None) -> list[dict[str, Any]]:
        """What the page offers the reader for a record: a button for what needs no form, else a link."""
        return [
            {
                "label": each.label,
                "url": self.address(each.name, found),
                "plain": each.form.plain,
                "primary": each.primary,
                "seen": found.version if found else 0,
            }
            for each in self.acts
            if each.offered(reader, found)
        ]

    def address(self, act: str, found: Released | None) -> str:
        if found is None:
            return reverse(f"{self.name}:new", args=[act])
        return reverse(f"{self.name}:act", args=[found.id, act])

    def offering(self, reader: Subject, top: Sheet) -> Sheet:
        """The sheet with what is offered for it and for everything below."""
        for each in top.everything:
            each.acts = self.offers(reader, each.record)
        return top
