"""What comes in at the door for other machines before anybody is let in."""

from __future__ import annotations

from typing import Any

from fuzz.target import Target
from safeconduct.records import hello


def _heard(data: bytes) -> Any:
    return hello.heard(data.rstrip(b"\n") + b"\n", "web")


TARGETS = (
    Target(
        "hello",
        _heard,
        (hello.Unfitting,),
        lambda: [hello.said(), hello.said(machine="a"), hello.refused(hello.Unfitting("upgrade it"))],
        ("records.hello:heard",),
        form="json",
        most=hello.LIMIT,
    ),
)
