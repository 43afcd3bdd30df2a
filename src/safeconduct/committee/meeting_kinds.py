"""What a meeting is made of: its notice and agenda, who sits in it, what was said, decided and reserved.

The convening party writes the meeting and its items; each party writes its own attendances, reservations and words on
the minutes. An observer's seat has terms: how high, of which categories and how he may be told. The node applies them
item by item: a disclosure authorisation names one person and one record, and says where it stands on the agenda as
that person has it. So the order, the numbers and the gaps of an agenda tell nobody of an item that he may not know of.
"""

from __future__ import annotations

from typing import Annotated, Any, ClassVar, Literal, Self, get_args

from pydantic import Field, StringConstraints, model_validator

from safeconduct.records.authorisations import opened_to
from safeconduct.records.checks import about, all_of, requires, stays
from safeconduct.records.fields import Code, Name, Named, Text
from safeconduct.records.kinds import Kind, PartModel, PartRefused, register
from safeconduct.records.moments import Instant, Moment, in_order
from safeconduct.records.principals import SYSTEM
from safeconduct.records.refusals import Malformed

Group = Literal["committee", "district", "site", "working_group"]
GROUPS: tuple[str, ...] = get_args(Group)
Held = Literal["in_person", "video", "telephone"]
HELD: tuple[str, ...] = get_args(Held)
Capacity = Literal["chair", "member", "secretary", "adviser", "observer"]
CAPACITIES: tuple[str, ...] = get_args(Capacity)
Category = Literal[
    "incidents", "journeys", "sites", "strategy", "assistance", "agreement", "response", "grievances", "other"
]
CATEGORIES: tuple[str, ...] = get_args(Category)
Method = Literal["oral", "visual", "document"]
METHODS: tuple[str, ...] = get_args(Method)
"""How an observer may be told: in the room; shown on a screen; given to keep. Only the last two cross."""
Answerable = Literal["host", "partner", "both"]
Stance = Literal["agreed", "objection"]

Minuted = Annotated[str, StringConstraints(max_length=20_000)]
Reference = Annotated[str, StringConstraints(pattern=r"^[A-Z0-9-]{4,40}$")]


class MeetingNotice(PartModel):
    """When a group meets and about what; not where."""

    title: Named
    title_ur: Name = ""
    title_zh: Name = ""
    group: Group
    district: Name = ""
    starts: Instant
    ends: Instant
    held: Held = "in_person"
    chair: Name = ""

    @model_validator(mode="after")
    def _ordered(self) -> Self:
        if not in_order(self.starts, self.ends):
            raise ValueError("a meeting ends after it starts")
        return self


class Venue(PartModel):
    """Where officials will be at a known hour."""

    level: ClassVar[str] = "CONFIDENTIAL"
    place: Named
    access: Text = ""


class Seat(PartModel):
    """One person at a meeting. `person` is the account there, where the person has one."""

    name: Named
    post: Name = ""
    capacity: Capacity
    person: Code = ""


class Terms(PartModel):
    """What an observer may be told: up to which level (0 OPEN to 3 SECRET), of which categories, how, until when."""

    ceiling: Annotated[int, Field(ge=0, le=3)]
    categories: Annotated[list[Category], Field(min_length=1, max_length=len(CATEGORIES))]
    methods: Annotated[list[Method], Field(min_length=1, max_length=len(METHODS))]
    until: Instant


class AgendaEntry(PartModel):
    """An item as those who may know of it have it."""

    reference: Reference
    title: Named
    title_ur: Name = ""
    title_zh: Name = ""
    summary: Text = ""
    presenter: Name = ""
    minutes: Annotated[int, Field(ge=1, le=600)] | None = None


class Handling(PartModel):
    """How the convening party treats an item. It never crosses: its rank would tell of what stands between."""

    level: ClassVar[str] = "CONFIDENTIAL"
    category: Category
    rank: Annotated[int, Field(ge=0, le=10**15)]
    withheld: bool = False
    ground: Name = ""

    @model_validator(mode="after")
    def _grounded(self) -> Self:
        if self.withheld and not self.ground:
            raise ValueError("say on what ground the item is withheld from observers")
        return self


class Reader(PartModel):
    """One person, and how he may be told of one record. `position` counts what that person has on the agenda."""

    person: Code
    name: Named
    method: Method
    until: Instant
    position: Annotated[int, Field(ge=1, le=1000)] | None = None


class Minutes(PartModel):
    """What was said on one item, in the languages of the agreement."""

    max_bytes: ClassVar[int] = 200 * 1024
    en: Minuted = ""
    ur: Minuted = ""
    zh: Minuted = ""
    taken_by: Named

    @model_validator(mode="after")
    def _said(self) -> Self:
        if not (self.en or self.ur or self.zh):
            raise ValueError("minutes say something in one language at least")
        return self


class MinutesWord(PartModel):
    """The other party's word on exactly this text (SHA-256 of its canonical JSON)."""

    stance: Stance
    remark: Text = ""
    by: Named
    at: Instant
    digest: Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{64}$")]


class Resolution(PartModel):
    """A decision. Its number has the originator's prefix and is drawn by lot: a gap tells nothing."""

    number: Reference
    text: Annotated[str, StringConstraints(min_length=1, max_length=5_000)]
    text_ur: Text = ""
    text_zh: Text = ""
    answerable: Answerable
    owner: Named
    due: Moment | None = None


class Reserve(PartModel):
    """A reservation: it stands beside the decision and changes nothing in it."""

    text: Annotated[str, StringConstraints(min_length=1, max_length=5_000)]
    by: Named
    at: Instant


class Lifting(PartModel):
    """Who took a reservation back, and when: what it said stays beside the decision."""

    by: Named
    at: Instant


class ActionTask(PartModel):
    number: Reference
    text: Annotated[str, StringConstraints(min_length=1, max_length=5_000)]
    owner: Named
    due: Moment


class ActionProgress(PartModel):
    at: Instant
    by: Named
    remark: Text = ""


def _moves(kind: str, nexts: dict[str, tuple[str, ...]]) -> Any:
    """A check that a record passes from state to state as listed; the first key is the state it begins in."""
    first = next(iter(nexts))

    def check(_tx: Any, given: Any) -> None:
        state, before = given.header["state"], given.previous.state if given.previous else None
        if before is None and state != first:
            raise Malformed(f"a {kind} begins {first}")
        if before is not None and state != before and state not in nexts[before]:
            raise Malformed(f"a {kind} that is {before} does not become {state}")

    return check


def _check_seat(tx: Any, given: Any) -> None:
    """A seat is given to an observer whom another party named."""
    row = tx.row(given.header["about"])
    seat = row.values().get("seat") or {}
    if row.originator == tx.home.party or not row.agreement:
        raise Malformed("a seat is given to an observer of the other party")
    if seat.get("capacity") != "observer" or not seat.get("person"):
        raise PartRefused(
            "observer_seat", [("terms", "", "the other party names the observer and his account")]
        )


def _no_further_than_its_item(tx: Any, given: Any) -> None:
    """What follows from an item goes to nobody who may not know of the item."""
    item = tx.row(given.header["about"])
    if item is None or item.kind != "agenda_item":
        return
    for party in given.header["releasable"]:
        if not opened_to(tx.tables, item, party, tx.now):
            raise Malformed("what follows from an item goes to nobody who may not know of the item")


def _check_word(tx: Any, given: Any) -> None:
    row = tx.row(given.header["about"])
    if row.originator == tx.home.party:
        raise Malformed("minutes are agreed by the party that did not take them")
    if row.state not in ("proposed", "agreed"):
        raise Malformed("these minutes are not proposed")


def _check_minutes(_tx: Any, given: Any) -> None:
    """Agreed minutes stay as they are; that they are agreed follows from the other party's word alone."""
    state, before = given.header["state"], given.previous
    if before is not None and before.state == "agreed" and "text" in given.parts:
        raise Malformed("agreed minutes stay as they are")
    agreed_now = state == "agreed" and (before is None or before.state != "agreed")
    if agreed_now and given.subject.person != SYSTEM:
        raise Malformed("minutes are agreed by the word of both parties")


def _check_lifting(_tx: Any, given: Any) -> None:
    """A reservation says who lifted it, once, and in the version by which it is lifted."""
    before, says = given.previous, bool(given.parts.get("lifting"))
    if before is not None and before.state == "lifted":
        if "lifting" in given.parts:
            raise Malformed("this reservation was lifted before")
    elif says != (given.header["state"] == "lifted"):
        raise PartRefused(
            "reservation", [("lifting", "", "a reservation says who lifted it when it is lifted")]
        )


MEETING = register(
    Kind(
        name="meeting",
        parts={"notice": MeetingNotice, "venue": Venue},
        states=("called", "held", "closed", "cancelled"),
        final=("closed", "cancelled"),
        check=all_of(
            requires("notice", "a meeting has a title and a time"),
            _moves(
                "meeting",
                {"called": ("held", "cancelled"), "held": ("closed",), "closed": ("held",), "cancelled": ()},
            ),
        ),
        dimensions={
            "time": ("notice", "starts"),
            "until": ("notice", "ends"),
            "category": ("notice", "group"),
            "place": ("notice", "district"),
        },
        searched=("notice.title", "notice.title_ur", "notice.title_zh"),
    )
)
ATTENDANCE = register(
    Kind(
        name="attendance",
        parts={"seat": Seat},
        states=("invited", "accepted", "declined", "present", "absent"),
        check=all_of(about("meeting"), requires("seat", "an attendance names a person")),
        dimensions={"category": ("seat", "capacity"), "external": ("seat", "person")},
        searched=("seat.name", "seat.post"),
        names=("seat.name",),
        falls_with=True,
    )
)
OBSERVER_SEAT = register(
    Kind(
        name="observer_seat",
        parts={"terms": Terms},
        states=("granted", "ended"),
        final=("ended",),
        check=all_of(about("attendance"), requires("terms", "a seat has its terms"), _check_seat),
        dimensions={"until": ("terms", "until")},
    )
)
AGENDA_ITEM = register(
    Kind(
        name="agenda_item",
        parts={"item": AgendaEntry, "handling": Handling},
        states=("planned", "discussed", "deferred", "dropped"),
        final=("discussed", "deferred", "dropped"),
        check=all_of(
            about("meeting"),
            requires("item", "an item has a title"),
            requires("handling", "an item has its category"),
        ),
        dimensions={"category": ("handling", "category"), "external": ("item", "reference")},
        searched=("item.title", "item.title_ur", "item.title_zh", "item.summary"),
        falls_with=True,
    )
)
DISCLOSURE_AUTHORISATION = register(
    Kind(
        name="disclosure_authorisation",
        parts={"reader": Reader},
        states=("granted", "ended"),
        final=("ended",),
        check=all_of(
            about("agenda_item", "minutes", "attachment"),
            requires("reader", "an authorisation names a person"),
        ),
        dimensions={
            "external": ("reader", "person"),
            "until": ("reader", "until"),
            "figure": ("reader", "position"),
        },
        by_system=True,
        authorises=("reader", "person"),
        falls_with=True,
    )
)
MINUTES = register(
    Kind(
        name="minutes",
        parts={"text": Minutes},
        states=("draft", "proposed", "agreed"),
        final=("agreed",),
        check=all_of(
            about("agenda_item"),
            requires("text", "minutes say something"),
            _moves("minutes", {"draft": ("proposed",), "proposed": ("draft", "agreed"), "agreed": ()}),
            _check_minutes,
        ),
        searched=("text.en", "text.ur", "text.zh"),
        falls_with=True,
    )
)
MINUTES_WORD = register(
    Kind(
        name="minutes_word",
        parts={"word": MinutesWord},
        states=("given",),
        check=all_of(
            about("minutes"), requires("word", "a word on minutes has its stance"), stays("word"), _check_word
        ),
        dimensions={"time": ("word", "at"), "category": ("word", "stance")},
        falls_with=True,
    )
)
DECISION = register(
    Kind(
        name="decision",
        parts={"decision": Resolution},
        states=("taken", "carried_out", "superseded"),
        final=("carried_out", "superseded"),
        check=all_of(
            about("agenda_item", "meeting"),
            requires("decision", "a decision says what is decided"),
            stays("decision"),
            _moves("decision", {"taken": ("carried_out", "superseded"), "carried_out": (), "superseded": ()}),
            _no_further_than_its_item,
        ),
        dimensions={"until": ("decision", "due"), "external": ("decision", "number")},
        searched=("decision.number", "decision.text", "decision.text_ur", "decision.text_zh"),
    )
)
RESERVATION = register(
    Kind(
        name="reservation",
        parts={"words": Reserve, "lifting": Lifting},
        states=("open", "lifted"),
        final=("lifted",),
        check=all_of(
            about("decision"),
            requires("words", "a reservation says something"),
            stays("words"),
            _moves("reservation", {"open": ("lifted",), "lifted": ()}),
            _check_lifting,
        ),
        dimensions={"time": ("words", "at")},
        searched=("words.text",),
    )
)
ACTION = register(
    Kind(
        name="action",
        parts={"task": ActionTask, "progress": ActionProgress},
        states=("open", "done", "dropped"),
        final=("done", "dropped"),
        check=all_of(
            about("decision", "agenda_item"),
            requires("task", "an action says what is to be done, and by when"),
            stays("task"),
            _moves("action", {"open": ("done", "dropped"), "done": (), "dropped": ()}),
            _no_further_than_its_item,
        ),
        dimensions={"until": ("task", "due"), "external": ("task", "number")},
        searched=("task.number", "task.text", "progress.remark"),
    )
)
