"""Where the floors above join the writer: called inside its transaction, in the order of registration."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Collection, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from safeconduct.records.bus_link import Link
    from safeconduct.records.home import Home
    from safeconduct.records.transaction import Tx

Job = Callable[["Tx", dict[str, Any]], dict[str, Any]]
Tick = Callable[["Tx"], bool | None]
"""Returns whether there is more to do, so that it is called again at once, after the jobs that wait."""

Ask = Callable[[str, dict[str, Any]], Awaitable[dict[str, Any]]]
"""Has a job done by the writer and waits for its answer."""
OnBus = Callable[["Home", "Link", Ask], Awaitable[None]]


@dataclass
class Hooks:
    jobs: dict[str, Job] = field(default_factory=dict)
    callers: dict[str, frozenset[str]] = field(default_factory=dict)
    version: list[Callable[[Tx, Any, int], None]] = field(default_factory=list)
    received: list[Callable[[Tx, Any, int], None]] = field(default_factory=list)
    withdrawn: list[Callable[[Tx, Any], None]] = field(default_factory=list)
    recalled: list[Callable[[Tx, Any], None]] = field(default_factory=list)
    bearers: list[Callable[[Tx, Sequence[str]], None]] = field(default_factory=list)
    policy: list[Callable[[Tx, Any, Any], None]] = field(default_factory=list)
    ticks: list[tuple[str, float, Tick]] = field(default_factory=list)
    bus: list[OnBus] = field(default_factory=list)
    start: list[Callable[[Tx], None]] = field(default_factory=list)
    stop: list[Callable[[Home], None]] = field(default_factory=list)


HOOKS = Hooks()


DOORS = frozenset({"web", "field"})
"""The processes at whose doors people and devices stand."""


def job(name: str, by: Collection[str] = DOORS) -> Callable[[Job], Job]:
    """Register what the writer does for a request of this name: (tx, JSON payload) -> JSON answer.

    `by` are the processes that may ask for it where each has a user of its own; commands of the operator may ask for
    everything.
    """

    def register(function: Job) -> Job:
        HOOKS.jobs[name] = function
        HOOKS.callers[name] = frozenset(by)
        return function

    return register


def on_version(function: Callable[[Tx, Any, int], None]) -> Callable[[Tx, Any, int], None]:
    """Call `function(tx, row, ledger index)` for every own version that is committed."""
    HOOKS.version.append(function)
    return function


def on_received(function: Callable[[Tx, Any, int], None]) -> Callable[[Tx, Any, int], None]:
    """Call `function(tx, row, ledger index)` for every version of a partner's record that is taken in."""
    HOOKS.received.append(function)
    return function


def on_withdrawn(function: Callable[[Tx, Any], None]) -> Callable[[Tx, Any], None]:
    """Call `function(tx, row)` for every own record that somebody withdraws as a whole, with the row as it was."""
    HOOKS.withdrawn.append(function)
    return function


def on_recalled(function: Callable[[Tx, Any], None]) -> Callable[[Tx, Any], None]:
    """Call `function(tx, row)` for every record of a partner that the partner withdrew as a whole."""
    HOOKS.recalled.append(function)
    return function


def on_bearers(function: Callable[[Tx, Sequence[str]], None]) -> Callable[[Tx, Sequence[str]], None]:
    """Call `function(tx, records)` at the end of a job that changed who the duty bearers of these records are."""
    HOOKS.bearers.append(function)
    return function


def on_policy(function: Callable[[Tx, Any, Any], None]) -> Callable[[Tx, Any, Any], None]:
    """Call `function(tx, policy before, policy after)` when the standing of an agreement changed."""
    HOOKS.policy.append(function)
    return function


def on_start(function: Callable[[Tx], None]) -> Callable[[Tx], None]:
    """Call `function(tx)` once, before the writer takes its first job."""
    HOOKS.start.append(function)
    return function


def on_stop(function: Callable[[Home], None]) -> Callable[[Home], None]:
    """Call `function(home)` when the writer closes, to let go of what it held open."""
    HOOKS.stop.append(function)
    return function


def on_tick(setting: str, seconds: float) -> Callable[[Tick], Tick]:
    """Call the function every so many seconds: the value of `setting` in node.toml, else `seconds`."""

    def register(function: Tick) -> Tick:
        HOOKS.ticks.append((setting, seconds, function))
        return function

    return register


def on_bus(function: OnBus) -> OnBus:
    """Run `function(home, link, ask)` in the writer's event loop for as long as it serves, where the node has NATS."""
    HOOKS.bus.append(function)
    return function
