"""Help with the Host Party's own capabilities: goods, training and warnings, each on a condition that is checked.

The Host asks and the Partner offers; the Host takes an offer or does not; the Partner delivers in parts and the Host
accepts each. What is delivered belongs to the Host and is operated by the Host alone. No category, field or state can
express a flow of data: what is not on the closed list cannot be asked for, offered or delivered.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal, get_args

from pydantic import Field

from safeconduct.records.checks import about, all_of, requires, stays
from safeconduct.records.fields import Name, Named, Text
from safeconduct.records.kinds import Kind, PartModel, PartRefused, register
from safeconduct.records.moments import Instant, Moment
from safeconduct.records.principals import SYSTEM
from safeconduct.records.refusals import Malformed

Category = Literal["equipment", "training", "maintenance", "advice", "warnings"]
CATEGORIES: tuple[str, ...] = get_args(Category)
"""Everything that may be given: things, lessons, upkeep, counsel, and single graded warnings that people write."""
Answered = Literal["accepted", "declined"]
Received = Literal["accepted", "in_part", "refused"]
RECEIVED: tuple[str, ...] = get_args(Received)
Kept = Literal["kept", "unclear", "not_kept"]
KEPT: tuple[str, ...] = get_args(Kept)
Count = Annotated[int, Field(ge=1, le=1_000_000)]
Days = Annotated[int, Field(ge=1, le=3_660)]
MOST_PARTS = 100


class Need(PartModel):
    """What the Host asks for, and what for."""

    title: Named
    category: Category
    quantity: Count = 1
    unit: Name = ""
    text: Text = ""
    place: Name = ""
    due: Moment | None = None
    at: Instant
    by: Named


class Offered(PartModel):
    title: Named
    category: Category
    quantity: Count = 1
    unit: Name = ""
    deliveries: Annotated[int, Field(ge=1, le=MOST_PARTS)] = 1
    text: Text = ""
    due: Moment | None = None
    at: Instant
    by: Named


class Condition(PartModel):
    """What it may be used for, how that is checked, and how often."""

    end_use: Annotated[str, Field(min_length=1, max_length=5_000)]
    check_how: Annotated[str, Field(min_length=1, max_length=5_000)]
    every_days: Days


class OfferAnswer(PartModel):
    outcome: Answered
    text: Text = ""
    at: Instant
    by: Named


class Consignment(PartModel):
    """One part of what was offered: handed over, held (a course), done (an upkeep), or written (a warning)."""

    title: Named
    category: Category
    sequence: Annotated[int, Field(ge=1, le=MOST_PARTS)]
    quantity: Count = 1
    unit: Name = ""
    place: Name = ""
    text: Text = ""
    at: Instant
    by: Named


class Receipt(PartModel):
    outcome: Received
    quantity: Annotated[int, Field(ge=0, le=1_000_000)]
    text: Text = ""
    at: Instant
    by: Named


class Check(PartModel):
    """Whether the end-use condition was kept, as the party that looked says."""

    outcome: Kept
    text: Text = ""
    at: Instant
    by: Named


_HOST = "the Host Party alone asks, accepts and receives"
_PARTNER = "the Partner Party alone offers and delivers"


def _side(side: str, who: str) -> Any:
    """A check that only this side writes such a record."""

    def check(tx: Any, _given: Any) -> None:
        if tx.home.side != side:
            raise Malformed(who)

    return check


def _to_the_other(tx: Any, given: Any) -> None:
    """One party's word to the other: about the other's record, by a person."""
    if tx.row(given.header["about"]).originator == tx.home.party:
        raise Malformed("this is said by the other party")
    if given.previous is None and given.subject.person == SYSTEM:
        raise Malformed("a person gives and takes assistance")


GIVEN = "what was given stays as it was: give another"


def _moves(**allowed: tuple[str, ...]) -> Any:
    """A check of the states that a person may choose; the others follow from the other party's word."""

    def check(_tx: Any, given: Any) -> None:
        state, before = given.header["state"], given.previous.state if given.previous else None
        if before is None:
            if state != next(iter(allowed)):
                raise Malformed(f"it begins {next(iter(allowed)).replace('_', ' ')}")
        elif state != before and given.subject.person != SYSTEM and state not in allowed.get(before, ()):
            raise Malformed("that follows from the other party's own record")

    return check


def _check_offer(tx: Any, given: Any) -> None:
    row = tx.row(given.header["about"])
    if given.previous is None and row.state != "open":
        raise Malformed("this request is no longer open")
    offered = given.parts.get("offer") or {}
    asked = row.values().get("need") or {}
    if (
        offered
        and asked
        and offered.get("category") not in (asked.get("category"), "maintenance", "training")
    ):
        raise PartRefused(
            "assistance_offer",
            [("offer", "category", "what is offered is what was asked for, or upkeep or training for it")],
        )


def _check_answer(tx: Any, given: Any) -> None:
    row = tx.row(given.header["about"])
    if given.previous is None and row.state != "made":
        raise Malformed("this offer is not open to an answer")


def _once(tx: Any, given: Any) -> None:
    """One party answers one record once."""
    if given.previous is None and any(
        each.originator == tx.home.party for each in tx.rows_about(given.header["about"], given.draft.kind)
    ):
        raise Malformed("this is answered already")


def _check_receipt(tx: Any, given: Any) -> None:
    delivered = (tx.row(given.header["about"]).values().get("consignment") or {}).get("quantity")
    accepted = (given.parts.get("receipt") or {}).get("quantity", 0)
    if delivered is not None and accepted > delivered:
        raise PartRefused(
            "assistance_receipt", [("receipt", "quantity", "no more is accepted than was delivered")]
        )


def _check_delivery(tx: Any, given: Any) -> None:
    row = tx.row(given.header["about"])
    if row.originator != tx.home.party:
        raise Malformed("a delivery is of an own offer")
    if given.previous is None and row.state != "accepted":
        raise Malformed("only what was accepted is delivered")


def _check_end_use(tx: Any, given: Any) -> None:
    row = tx.row(given.header["about"])
    if given.subject.person == SYSTEM:
        raise Malformed("a person checks")
    if row.state not in ("accepted", "fulfilled", "withdrawn"):
        raise Malformed("only what was accepted has an end use to check")


REQUEST = register(
    Kind(
        name="assistance_request",
        addressed=True,
        parts={"need": Need},
        states=("open", "met", "withdrawn"),
        final=("met", "withdrawn"),
        check=all_of(
            requires("need", "a request says what is needed"),
            _side("host", _HOST),
            _moves(open=("met", "withdrawn")),
        ),
        dimensions={
            "time": ("need", "at"),
            "until": ("need", "due"),
            "category": ("need", "category"),
            "place": ("need", "place"),
        },
        searched=("need.title", "need.text"),
    )
)
OFFER = register(
    Kind(
        name="assistance_offer",
        parts={"offer": Offered, "condition": Condition},
        states=("made", "accepted", "declined", "fulfilled", "withdrawn"),
        final=("declined", "withdrawn"),
        check=all_of(
            about("assistance_request"),
            requires("offer", "an offer says what is offered"),
            requires("condition", "an offer names its end use and how that is checked"),
            _side("partner", _PARTNER),
            _to_the_other,
            stays("condition", why=GIVEN),
            _moves(made=("withdrawn",), accepted=("fulfilled", "withdrawn"), fulfilled=("withdrawn",)),
            _check_offer,
        ),
        dimensions={
            "time": ("offer", "at"),
            "until": ("offer", "due"),
            "category": ("offer", "category"),
        },
        searched=("offer.title", "offer.text", "condition.end_use"),
    )
)
ANSWER = register(
    Kind(
        name="assistance_answer",
        parts={"answer": OfferAnswer},
        states=("given",),
        check=all_of(
            about("assistance_offer"),
            requires("answer", "an answer says whether the offer is taken"),
            _side("host", _HOST),
            _to_the_other,
            stays("answer", why=GIVEN),
            _once,
            _check_answer,
        ),
        dimensions={"time": ("answer", "at"), "category": ("answer", "outcome")},
        searched=("answer.text",),
    )
)
DELIVERY = register(
    Kind(
        name="assistance_delivery",
        parts={"consignment": Consignment},
        states=("handed_over", "accepted", "refused"),
        final=("accepted", "refused"),
        check=all_of(
            about("assistance_offer"),
            requires("consignment", "a delivery says what is delivered"),
            _side("partner", _PARTNER),
            stays("consignment", why=GIVEN),
            _moves(handed_over=()),
            _check_delivery,
        ),
        dimensions={"time": ("consignment", "at"), "category": ("consignment", "category")},
        searched=("consignment.title", "consignment.text"),
    )
)
RECEIPT = register(
    Kind(
        name="assistance_receipt",
        parts={"receipt": Receipt},
        states=("given",),
        check=all_of(
            about("assistance_delivery"),
            requires("receipt", "a receipt says what was accepted"),
            _side("host", _HOST),
            _to_the_other,
            stays("receipt", why=GIVEN),
            _once,
            _check_receipt,
        ),
        dimensions={"time": ("receipt", "at"), "category": ("receipt", "outcome")},
        searched=("receipt.text",),
    )
)
END_USE_CHECK = register(
    Kind(
        name="end_use_check",
        parts={"check": Check},
        states=("made",),
        check=all_of(
            about("assistance_offer"),
            requires("check", "a check says what was found"),
            stays("check", why=GIVEN),
            _check_end_use,
        ),
        dimensions={"time": ("check", "at"), "category": ("check", "outcome")},
        searched=("check.text",),
    )
)
