"""Firing every timer of a writer that is due now, however slow the machine is."""

from __future__ import annotations

from safeconduct.records.writer import Writer
from safeconduct.timers.firing import fire_due


def fire_all(writer: Writer) -> None:
    """One look fires no more than its budget of time allows: look until nothing waits."""
    while writer.tick(fire_due):
        pass
