"""The rules of holds: what is kept although its erasure is due or asked for; what is held of the partners' records."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from safeconduct.agreement.policy import Subject
from safeconduct.records import here
from safeconduct.records.principals import to_wire
from safeconduct.records.refusals import NotFound
from safeconduct.records.under import looking_under


@dataclass(frozen=True)
class Parts:
    """Parts that the reader may read, by name, and how many others there are."""

    names: tuple[str, ...]
    more: int


@dataclass(frozen=True)
class AskedFor:
    """An erasure that waits for the hold to be lifted; `at` is "" where that was not noted."""

    partner: str
    at: str
    parts: Parts


@dataclass(frozen=True)
class Hold:
    """A hold in force. `due` are the parts whose time is over, None for none; `by` and `at` are "" of a hold that was
    set before it was noted who set it."""

    index: int
    by: str
    at: str
    because: str
    asked: tuple[AskedFor, ...]
    due: Parts | None

    @property
    def waits(self) -> bool:
        """Whether something is erased when the hold is lifted."""
        return bool(self.asked or self.due)


@dataclass(frozen=True)
class Kept:
    """A record as the pages of holds name it, without content. `sees` says whether the reader is shown a hold on it,
    `may_hold` whether they may set and lift one; `at` and `parts` only on the list of what is held."""

    id: str
    kind: str
    about: str
    originator: str
    own: bool
    withdrawn: bool
    may_hold: bool
    sees: bool
    hold: Hold | None
    at: str = ""
    parts: Parts = Parts((), 0)


@dataclass(frozen=True)
class KeptPage:
    """`next` is where to go on, None at the end."""

    lines: tuple[Kept, ...]
    next: int | None


def holds(reader: Subject, before: int | None = None) -> KeptPage:
    """The holds in force that the reader may see, the latest first."""
    answer = _asked("holds", reader, before=before, under=looking_under())
    return KeptPage(tuple(_kept(each) for each in answer["holds"]), answer["next"])


def held_here(reader: Subject, partner: str = "", before: int | None = None) -> KeptPage:
    """What is held of the partners' records that the reader may know of, the latest received first."""
    answer = _asked("held_here", reader, partner=partner, before=before, under=looking_under())
    return KeptPage(tuple(_kept(each) for each in answer["held"]), answer["next"])


def held_on(reader: Subject, record: str) -> Kept:
    """One record and the hold on it. Raises NotFound for one that the reader may not know of."""
    return _kept(_asked("held_on", reader, record=record))


def if_holdable(reader: Subject, record: str) -> Kept | None:
    """The same for a page about any record; None for one that is never held, such as a clause."""
    try:
        return held_on(reader, record)
    except NotFound:
        return None


def hold(actor: Subject, record: str, because: str, seen: int | None, key: str = "") -> int:
    """Keep a record until the hold is lifted: nothing of it is erased, and who asks for it is told why not.

    `seen` is the hold that was shown, None for none. Answers the entry of the ledger. Raises NotFound, Conflict, or
    Refused with the clause that would allow it.
    """
    return int(_asked("hold", actor, record=record, because=because, seen=seen, key=key)["index"])


def lift_hold(actor: Subject, record: str, seen: int) -> tuple[int, int]:
    """End a hold: what waited for it is erased now. Answers (entry of the ledger, how many erasures had been asked for
    meanwhile)."""
    answer = _asked("lift_hold", actor, record=record, seen=seen)
    return int(answer["index"]), int(answer["erased"])


def _asked(name: str, actor: Subject, **payload: Any) -> dict[str, Any]:
    answer: dict[str, Any] = here.door().call(name, {"actor": to_wire(actor), **payload})
    return answer


def _kept(given: Mapping[str, Any]) -> Kept:
    return Kept(
        id=given["record"],
        kind=given["kind"],
        about=given["about"],
        originator=given["originator"],
        own=given["own"],
        withdrawn=given["withdrawn"],
        may_hold=given["may_hold"],
        sees=given.get("sees", given["hold"] is not None),
        hold=_hold(given["hold"]) if given["hold"] is not None else None,
        at=given.get("at", ""),
        parts=_parts(given.get("parts") or {"names": (), "more": 0}),
    )


def _hold(given: Mapping[str, Any]) -> Hold:
    return Hold(
        index=given["index"],
        by=given["by"],
        at=given["at"],
        because=given["because"],
        asked=tuple(AskedFor(each["partner"], each["at"], _parts(each["parts"])) for each in given["asked"]),
        due=_parts(given["due"]) if given["due"] is not None else None,
    )


def _parts(given: Mapping[str, Any]) -> Parts:
    return Parts(tuple(given["names"]), int(given["more"]))
