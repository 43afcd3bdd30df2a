"""What follows an SOS or incident, and what the two rooms write to each other.

A response is one room's checklist. Its items go from room to room, each room with its own record: the one that has an
item offers it; the other takes it with a record of its own about it, on whose arrival the first is handed over. Nobody
overwrites anybody. Liaison messages, requests for information and their answers stay as they were sent; receipts,
answers and translations stand beside them.
"""

from __future__ import annotations

from typing import Annotated, Any, ClassVar, Literal, Self, get_args

from pydantic import Field, StringConstraints, model_validator

from safeconduct.records.checks import about, about_if_any, all_of, requires, stays
from safeconduct.records.fields import (
    Detail,
    Latitude,
    Longitude,
    Minutes,
    Name,
    Named,
    Text,
    located,
)
from safeconduct.records.kinds import Kind, PartModel, PartRefused, register
from safeconduct.records.moments import Instant
from safeconduct.records.principals import SYSTEM
from safeconduct.records.refusals import Conflict, Malformed

SiteClass = Literal["work_site", "institution", "residence", "journey", "elsewhere"]
SITE_CLASSES: tuple[str, ...] = get_args(SiteClass)
ItemCategory = Literal[
    "hospital",
    "medical_evacuation",
    "relocation",
    "hibernation",
    "road_closed",
    "journeys_stopped",
    "consular_notice",
    "next_of_kin",
    "other",
]
ITEM_CATEGORIES: tuple[str, ...] = get_args(ItemCategory)
NOTICES = ("consular_notice", "next_of_kin")
"""What a person tells a person: done only by the record of who told whom, when and by which means."""
Room = Literal["host", "partner"]
Trauma = Literal["none", "stabilise", "surgery", "centre"]
TRAUMA: tuple[str, ...] = get_args(Trauma)
"""What a hospital can do for the badly injured, each more than the one before."""
Reach = Literal["road", "straight_line"]
Told = Literal["in_person", "telephone", "radio", "letter", "other"]
TOLD_MEANS: tuple[str, ...] = get_args(Told)
Priority = Literal["routine", "urgent", "flash"]
PRIORITIES: tuple[str, ...] = get_args(Priority)
Outcome = Literal["full", "partial", "declined"]
OUTCOMES: tuple[str, ...] = get_args(Outcome)
ITEM_STATES = ("open", "offered", "handed_over", "done", "not_needed")
MOST_ITEMS = 50
NEXT_STATES: dict[str, tuple[str, ...]] = {
    "open": ("offered", "done", "not_needed"),
    "offered": ("open", "done", "not_needed"),
    "done": ("open",),
    "not_needed": ("open",),
    "handed_over": (),
}
"""What a person may make of an item; that it is handed over follows from the other room's record alone."""

Language = Annotated[str, StringConstraints(max_length=35, pattern=r"^[A-Za-z]{2,8}(-[A-Za-z0-9]{1,8})*$")]
"""A BCP 47 tag."""
Message = Annotated[str, StringConstraints(min_length=1, max_length=20_000)]


class Summary(PartModel):
    title: Named
    site: Name = ""
    site_class: SiteClass
    begun: Instant
    exercise: bool = False


class Task(PartModel):
    """One item: whose it is first, and by when. The text stands in as many languages as its template has."""

    sequence: Annotated[int, Field(ge=1, le=1000)]
    category: ItemCategory
    text: Text = ""
    text_ur: Text = ""
    text_zh: Text = ""
    room: Room
    due: Instant | None = None


class Progress(PartModel):
    at: Instant
    by: Named
    remark: Text = ""


class Hospital(Detail):
    """A hospital and how far it is: metres, and minutes where a road was found."""

    name: Named
    name_ur: Name = ""
    name_zh: Name = ""
    trauma: Trauma = "none"
    latitude: Latitude
    longitude: Longitude
    distance_m: Annotated[int, Field(ge=0, le=50_000_000)]
    minutes: Minutes | None = None
    reach: Reach = "straight_line"
    helicopter: bool = False
    phone: Name = ""


class ItemDetail(PartModel):
    """What the item needs to know: the place it starts from, the hospitals in order of reach, the road that is closed.

    `source` says where the hospitals and roads are from; `made_up` and `schematic` what they must not be used for.
    """

    level: ClassVar[str] = "CONFIDENTIAL"
    latitude: Latitude | None = None
    longitude: Longitude | None = None
    hospitals: Annotated[list[Hospital], Field(max_length=10)] = []
    as_of: Instant | None = None
    source: Name = ""
    made_up: bool = False
    schematic: bool = False
    road: Name = ""
    radius_m: Annotated[int, Field(ge=100, le=200_000)] | None = None

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        located(self.latitude, self.longitude)
        return self


class Notice(PartModel):
    """Who told whom, when and by which means, as the one who told it writes it down."""

    level: ClassVar[str] = "CONFIDENTIAL"
    who: Named
    relation: Name = ""
    by: Named
    at: Instant
    means: Told


class LiaisonText(PartModel):
    max_bytes: ClassVar[int] = 128 * 1024
    subject: Named
    text: Message
    language: Language
    sent: Instant
    priority: Priority = "routine"
    by: Named


class MessageReceipt(PartModel):
    at: Instant
    by: Name = ""
    category: Literal["delivered", "read"]


class TranslatedText(PartModel):
    """The same in another language, by whom, and whether a person or a machine made it."""

    max_bytes: ClassVar[int] = 128 * 1024
    language: Language
    text: Message
    by: Named
    source: Literal["person", "machine"]


class Asked(PartModel):
    max_bytes: ClassVar[int] = 128 * 1024
    subject: Named
    question: Message
    asked: Instant
    due: Instant
    by: Named


class Reply(PartModel):
    max_bytes: ClassVar[int] = 128 * 1024
    text: Message
    at: Instant
    by: Named
    outcome: Outcome


def _check_item(tx: Any, given: Any) -> None:
    """Each room's record of an item is its own, and goes only where an item can go."""
    state, before = given.header["state"], given.previous.state if given.previous else None
    by_node = given.subject.person == SYSTEM
    if before is None:
        _check_taken(tx, given, state)
    elif state != before and not (
        state in NEXT_STATES[before] or (by_node and (before, state) == ("offered", "handed_over"))
    ):
        raise Malformed(f"an item that is {before} does not become {state}")
    if before == "handed_over" and given.draft.parts:
        raise Malformed("the other room has this item")
    if by_node and given.parts.get("told"):
        raise Malformed("who told whom is recorded by a person")
    _check_told(given, state, before, by_node)


def _check_taken(tx: Any, given: Any, state: str) -> None:
    if state not in ("open", "offered"):
        raise Malformed("an item begins open, or offered to the other room")
    row = tx.row(given.header["about"])
    if row is None or row.kind != "response_item":
        return
    if row.originator == tx.home.party:
        raise Malformed("an item is taken from the other room")
    if row.state != "offered":
        raise Conflict(row.version)
    if any(each.originator == tx.home.party for each in tx.rows_about(row.id, "response_item")):
        raise Conflict(row.version)


def _check_told(given: Any, state: str, before: str | None, by_node: bool) -> None:
    """A notice to a consulate or to relatives is done when it says who told whom: never by machine."""
    carried = given.previous.values() if given.previous else {}
    task = given.parts.get("task") or carried.get("task") or {}
    if task.get("category") not in NOTICES or state != "done":
        return
    if by_node:
        raise Malformed("a notice is recorded by a person")
    told = given.parts["told"] if "told" in given.parts else carried.get("told")
    if not told:
        raise PartRefused("response_item", [("told", "", "say who told whom, when and by which means")])


def _check_receipt(tx: Any, given: Any) -> None:
    """Receipts are for what the other party wrote; only a person reads."""
    receipt, row = given.parts.get("receipt") or {}, tx.row(given.header["about"])
    if row is not None and row.originator == tx.home.party:
        raise Malformed("a receipt is for a message of the other party")
    if (receipt.get("category") == "delivered") != (given.subject.person == SYSTEM):
        raise Malformed("the node says what was delivered, a person what was read")
    if receipt.get("category") == "read" and not receipt.get("by"):
        raise PartRefused("message_receipt", [("receipt", "by", "a person reads, and is named")])


def _check_answer(tx: Any, given: Any) -> None:
    row = tx.row(given.header["about"])
    if row is not None and row.originator == tx.home.party:
        raise Malformed("a request is answered by the party that was asked")
    if given.previous is None and row is not None and row.state == "withdrawn":
        raise Malformed("this request was withdrawn")


def _check_request(_tx: Any, given: Any) -> None:
    state, before = given.header["state"], given.previous.state if given.previous else None
    if before is None and state != "open":
        raise Malformed("a request begins open")
    if state == "answered" and state != before and given.subject.person != SYSTEM:
        raise Malformed("a request is answered by the party that was asked")
    if before not in (None, "open", state):
        raise Malformed("this request is closed")


RESPONSE = register(
    Kind(
        name="response",
        parts={"summary": Summary},
        states=("open", "closed"),
        final=("closed",),
        check=all_of(about("sos", "incident"), requires("summary", "a response has a title and a class")),
        inherits_bearers=True,
        dimensions={"time": ("summary", "begun"), "category": ("summary", "site_class")},
        searched=("summary.title", "summary.site"),
    )
)
RESPONSE_ITEM = register(
    Kind(
        name="response_item",
        parts={"task": Task, "progress": Progress, "detail": ItemDetail, "told": Notice},
        states=ITEM_STATES,
        final=("handed_over", "done", "not_needed"),
        check=all_of(
            about("response", "response_item"),
            requires("task", "an item says what is to be done"),
            stays("task"),
            _check_item,
        ),
        inherits_bearers=True,
        dimensions={"time": ("progress", "at"), "until": ("task", "due"), "category": ("task", "category")},
        searched=("task.text", "progress.remark"),
        falls_with=True,
    )
)
LIAISON_MESSAGE = register(
    Kind(
        name="liaison_message",
        addressed=True,
        parts={"message": LiaisonText},
        states=("sent",),
        check=all_of(
            about_if_any(
                "liaison_message", "information_request", "sos", "incident", "alert", "muster", "response",
                "response_item", "movement", "site",
            ),
            requires("message", "a message says something"),
            stays("message"),
        ),
        dimensions={"time": ("message", "sent"), "category": ("message", "priority")},
        searched=("message.subject", "message.text"),
    )
)  # fmt: skip
MESSAGE_RECEIPT = register(
    Kind(
        name="message_receipt",
        parts={"receipt": MessageReceipt},
        check=all_of(
            about("liaison_message"),
            requires("receipt", "a receipt says when"),
            stays("receipt"),
            _check_receipt,
        ),
        dimensions={"time": ("receipt", "at"), "category": ("receipt", "category")},
        falls_with=True,
    )
)
TRANSLATION = register(
    Kind(
        name="translation",
        parts={"text": TranslatedText},
        check=all_of(
            about("liaison_message", "information_request", "information_answer", "alert", "response_item"),
            requires("text", "a translation has its text"),
        ),
        searched=("text.text",),
        falls_with=True,
    )
)
INFORMATION_REQUEST = register(
    Kind(
        name="information_request",
        addressed=True,
        parts={"request": Asked},
        states=("open", "answered", "withdrawn"),
        final=("answered", "withdrawn"),
        check=all_of(
            about_if_any(
                "liaison_message", "sos", "incident", "alert", "muster", "response", "movement", "site"
            ),
            requires("request", "a request asks something"),
            stays("request"),
            _check_request,
        ),
        dimensions={"time": ("request", "asked"), "until": ("request", "due")},
        searched=("request.subject", "request.question"),
    )
)
INFORMATION_ANSWER = register(
    Kind(
        name="information_answer",
        parts={"reply": Reply},
        check=all_of(
            about("information_request"),
            requires("reply", "an answer says something"),
            stays("reply"),
            _check_answer,
        ),
        dimensions={"time": ("reply", "at"), "category": ("reply", "outcome")},
        searched=("reply.text",),
        falls_with=True,
    )
)
