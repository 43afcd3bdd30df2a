"""Devices that were enrolled by a program that asked nobody."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from safeconduct.field.device_kinds import DEVICE
from safeconduct.records.commit import Draft, commit
from safeconduct.records.principals import system_subject


@contextmanager
def _of_earlier() -> Iterator[None]:
    """The kind as it was before its rule; for a writer in this process."""
    check = DEVICE.check
    object.__setattr__(DEVICE, "check", None)
    try:
        yield
    finally:
        object.__setattr__(DEVICE, "check", check)


def enrolled_before(party: str, person: str, name: str = "Old radio") -> str:
    """A TAK client in a person's name, as an earlier program left it."""
    identity = {"name": name, "category": "tak", "protocol": "cot"}
    parts = {"identity": identity, "link": {"account": person}}
    with _of_earlier():
        draft = Draft("device", parts, state="enrolled", assigned=[person], releasable=())
        return commit(system_subject(party), draft).record
