"""A message says more only where a grant names the channel, to whom that grant is given, and if no note is due."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from conftest import SIGNATORY_KEY
from notify.notify_node import Telling, telling
from safeconduct.node.signing_here import act, propose
from safeconduct.records import here
from safeconduct.records.home import Home

CLAUSE = """+++
clause  = "H90"
version = 1
title   = "Outside"
texts   = ["en"]

[[grant]]
id       = "H90.1"
to       = "own"
roles    = ["{role}"]
may      = ["read"]
kind     = "sos"
parts    = ["call"]
whose    = "own"
up_to    = "RESTRICTED"
channels = ["{channel}"]
{more}
+++
## en

H90.1 Certain officers may read the call of our calls for help, also by SMS, up to the label RESTRICTED.
"""


@pytest.fixture
def node(host_home: Home) -> Iterator[Telling]:
    with telling(host_home) as found:
        found.person("a", "watch_officer")
        found.contact("a", "sms", "0300111", language="en")
        yield found


def enact(folder: Path, channel: str, role: str = "watch_officer", more: str = "") -> None:
    path = folder / "90-outside.md"
    path.write_text(CLAUSE.format(channel=channel, role=role, more=more))
    (clause,) = propose("house", [path], here.door())
    act("house", clause.number, "agreed", SIGNATORY_KEY, None, here.door())


def body(node: Telling) -> str:
    node.sos(headline="Shots at the\nbridge " + "x" * 150)
    (message,) = node.take("sms")
    return str(message["body"])


def test_without_such_a_grant_a_message_says_nothing(node: Telling) -> None:
    assert body(node).startswith("Open Safeconduct. Number ")


def test_a_grant_that_names_the_channel_opens_the_headline(node: Telling, tmp_path: Path) -> None:
    enact(tmp_path, "sms")
    first, second = body(node).split("\n")
    assert first.startswith("Shots at the bridge x") and len(first) <= 140
    assert second.startswith("Open Safeconduct. Number ")


@pytest.mark.parametrize(
    ("channel", "role", "more"),
    [
        ("email", "watch_officer", ""),
        ("sms", "commander", ""),
        ("sms", "watch_officer", 'logged = ["read"]'),
        ("sms", "watch_officer", 'when = ["assigned"]'),
        ("sms", "watch_officer", 'while = { state = ["stood_down"] }'),
    ],
)
def test_no_other_grant_does(node: Telling, tmp_path: Path, channel: str, role: str, more: str) -> None:
    enact(tmp_path, channel, role, more)
    assert "Shots" not in body(node)
