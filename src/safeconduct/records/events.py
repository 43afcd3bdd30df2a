"""What happened, for the log: the code of an event and a few numbers and words of the program's own.

Logs leave a machine more easily than its databases do. So nothing that a record, a person, an address or a request
says can get in: an event is one of `EVENTS`, its fields are those of `FIELDS`, their values numbers or short words in
the form of an id. Of a fault only the type is told, and of one that nobody foresaw the places in the program.
"""

from __future__ import annotations

import logging
import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from logging import CRITICAL, ERROR, INFO, WARNING
from typing import Final, TypeAlias

log = logging.getLogger("safeconduct.events")

Value: TypeAlias = str | int | float | bool | None
MOST_PLACES = 30


@dataclass(frozen=True)
class Event:
    """Its level, and for the operator what it says and what to do."""

    level: int
    says: str
    do: str = ""


EVENTS: Final[Mapping[str, Event]] = {
    "process_ended": Event(
        ERROR, "a process ended by itself and is started again", "Look at the events before it."
    ),
    "process_killed": Event(WARNING, "a process did not stop in time and was killed"),
    "uncaught": Event(
        CRITICAL, "a process or a thread ends by a fault that nobody foresaw", "Report it with its places."
    ),
    "not_started": Event(
        ERROR, "a process does not start; what it lacks is on its standard error", "Mend it."
    ),
    "writer_stopped": Event(
        CRITICAL,
        "the ledger's databases failed; the writer ends and is rebuilt from the disk",
        "Look at the disk: space, errors.",
    ),
    "standing_by": Event(
        INFO, "the writer of this machine stands by for another's, and says whether it could take over"
    ),
    "standing_by_blind": Event(
        WARNING,
        "the writer that stands by does not reach the database",
        "Look at the network and the server.",
    ),
    "took_over": Event(WARNING, "the writer of this machine holds the sequencer from now on"),
    "claim_lost": Event(
        CRITICAL,
        "the writer lost its connection to the database and with it the sequencer; it ends and stands by",
        "Look whether this machine was cut off; another has taken over if one stood by.",
    ),
    "door_refused": Event(
        WARNING,
        "somebody was not let in at the door for other machines",
        "Find out who it was if it goes on.",
    ),
    "job_not_theirs": Event(ERROR, "a process asked the writer for what is not its own", "Find out why."),
    "sign_on_refused": Event(
        WARNING, "single sign-on was refused", "Look at the issuer's settings if it goes on."
    ),
    "job_failed": Event(
        ERROR,
        "a job of the writer failed by a fault that nobody foresaw; nothing of it is stored",
        "Report it.",
    ),
    "request_failed": Event(
        ERROR,
        "a request was answered with 500",
        "Report it with its places; `request` stands in the answer too.",
    ),
    "timer_failed": Event(ERROR, "a timer's work failed and is tried again", "Report it if it goes on."),
    "clause_void": Event(
        WARNING,
        "a clause or a signed act cannot be read and does not count",
        "`agreement check`; ask whose it is.",
    ),
    "setting_wrong": Event(ERROR, "a setting of node.toml is none; the default holds", "Correct it."),
    "link_failing": Event(WARNING, "the exchange with a partner fails", "The link's page says why."),
    "link_fork": Event(
        ERROR, "a partner has signed two histories; the exchange is frozen", "Handbook: a fork."
    ),
    "link_unproved": Event(
        ERROR, "a partner does not prove that its ledger goes on", "Ask them: a restored backup?"
    ),
    "link_unpermitted": Event(
        ERROR, "a partner disclosed parts without a clause for them; let go", "Tell the signatories."
    ),
    "link_waiting": Event(WARNING, "an entry of a partner's feed still waits after an upgrade"),
    "feed_lost": Event(
        ERROR,
        "a feed's database lost entries that cannot be made again; the exchange is frozen",
        "Put the feed back from a backup.",
    ),
    "feed_unread": Event(
        ERROR, "a feed's database cannot be read; the partner is told to wait", "Look at it."
    ),
    "feed_damaged": Event(
        CRITICAL,
        "a feed does not go on from what was signed; nothing is added to it",
        "Handbook: a lost feed.",
    ),
    "ledger_damaged": Event(
        CRITICAL, "the ledger does not go on from what was signed; no head is signed", "`verify`; restore."
    ),
    "proof_broken": Event(
        CRITICAL,
        "the recomputing of what proves itself found something that does not hold",
        "The status page.",
    ),
    "archive_missing": Event(
        WARNING,
        "entries before `size` lie in an archive that is not to be had; what needs them, an erasure too, is refused",
        "`archive` in node.toml, and the folder that it names; then start the writer again.",
    ),
    "feed_made_again": Event(WARNING, "entries of a feed were made again from the ledger"),
    "feed_request_failed": Event(
        ERROR, "a request of a partner failed by a fault that nobody foresaw", "Report it."
    ),
    "flow_refused": Event(WARNING, "live positions of a partner were not taken"),
    "flow_stopped": Event(ERROR, "what flows live cannot be written, and stops", "Look at the disk."),
    "positions_unread": Event(ERROR, "positions cannot be read or kept", "Look at the disk."),
    "positions_untold": Event(WARNING, "the writer did not hear of positions; told again"),
    "positions_unseen": Event(ERROR, "positions could not be looked at", "Report it."),
    "journey_unwatched": Event(ERROR, "a journey could not be looked at; tried again", "Report it."),
    "fence_wrong": Event(WARNING, "a route, a site or an area has no fence that can be reckoned with"),
    "areas_unread": Event(ERROR, "the Designated Areas cannot be read", "Import them again."),
    "live_failed": Event(
        ERROR, "live streams could not be served and begin again", "Report it if it goes on."
    ),
    "bus_lost": Event(
        WARNING,
        "the line to NATS is lost; the process hears of changes from the writer itself",
        "Look at the NATS server.",
    ),
    "bus_connected": Event(INFO, "the line to NATS is there"),
    "bus_faulty": Event(
        WARNING,
        "NATS says that something is wrong; what was missed is asked of the writer",
        "Look at the NATS server's log.",
    ),
    "bus_refused": Event(
        ERROR,
        "a message on NATS was dropped that no process of this node wrote; `code` says why",
        "Find out who may publish there.",
    ),
    "reports_wait": Event(
        WARNING,
        "positions cannot be written and wait sealed in NATS's stream; written when the database is back",
        "Look at the database.",
    ),
    "device_unknown": Event(ERROR, "a device could not be looked up", "Report it."),
    "device_refused": Event(
        ERROR, "an emergency of a device was refused", "Call whoever carries it; see the refusals."
    ),
    "device_wrong": Event(INFO, "a device's report was not understood or its connection ended"),
    "devices_unconfirmed": Event(
        WARNING,
        "devices that were enrolled before their persons were asked show nothing any more in two weeks",
        "See that the house rules let people confirm their devices, and ask them to.",
    ),
    "channel_broke": Event(
        ERROR, "sending over a channel failed by a fault that nobody foresaw", "Look at channels.toml."
    ),
    "channels_wrong": Event(
        WARNING,
        "channels.toml cannot be used; nobody is told outside",
        "Correct it; `code` says what is wrong.",
    ),
    "rung_cut": Event(WARNING, "a rung names more people than are told outside", "Shorten it."),
    "state_stuck": Event(WARNING, "a record does not follow its partner's"),
    "library": Event(WARNING, "a library that this node uses says something; its words are not kept"),
    "demonstration_paused": Event(WARNING, "the demonstration's day stands still for a moment"),
}

FIELDS: Final = frozenset(
    {
        "partner", "process", "timer", "kind", "state", "channel", "setting", "code", "count", "most", "size", "entry",
        "tries", "seconds", "status", "exit",
    }
)  # fmt: skip
_WORD = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,63}\Z")
_request: ContextVar[str] = ContextVar("request", default="")


@dataclass(frozen=True)
class Told:
    """An event as the log's formatter gets it."""

    event: str
    fields: Mapping[str, Value] = field(default_factory=dict)
    fault: BaseException | None = None
    unforeseen: bool = False
    request: str = ""

    def __str__(self) -> str:
        return " ".join([self.event, *(f"{name}={value}" for name, value in self.fields.items())])


def log_event(
    event: str, *, fault: BaseException | None = None, unforeseen: bool = False, **fields: Value
) -> None:
    """Tell the log. `unforeseen` adds the places of the fault. A value that is no number and no short word is left out
    as "?": a log line is never worth a second fault."""
    said = {name: _fit(value) for name, value in fields.items() if name in FIELDS and value is not None}
    known = event if event in EVENTS else "library"
    log.log(EVENTS[known].level, Told(known, said, fault, unforeseen, _request.get()))


def _fit(value: Value) -> Value:
    return value if not isinstance(value, str) or _WORD.match(value) else "?"


def places(fault: BaseException) -> Iterator[str]:
    """Where a fault went through, innermost last: module, function, line. No word of what it was about."""
    found = []
    trace = fault.__traceback__
    while trace is not None:
        code = trace.tb_frame.f_code
        module = str(trace.tb_frame.f_globals.get("__name__", "?"))
        found.append(f"{module}:{code.co_name}:{trace.tb_lineno}")
        trace = trace.tb_next
    yield from found[-MOST_PLACES:]


@contextmanager
def request(number: str) -> Iterator[None]:
    """What is noted meanwhile bears this number of a request."""
    before = _request.set(number)
    try:
        yield
    finally:
        _request.reset(before)


def request_number() -> str:
    """The number of the request that is being answered; "" outside of one."""
    return _request.get()
