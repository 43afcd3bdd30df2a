"""A host with several partners: nothing of one agreement shows under another, in any byte a partner holds."""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Callable, Iterator
from typing import Any

import ready
from bench.constellation import Constellation, agreement_with
from bench.nodes import Node, person, pull
from bench.samples import parts_of
from exchange.test_leaks import everything_outside
from faults import canary
from safeconduct.exchange.bundle import Bundle
from safeconduct.exchange.cadence import publish
from safeconduct.exchange.delivery import feed_of
from safeconduct.records.commit import Draft, commit
from safeconduct.records.find import Query, find
from safeconduct.records.kinds import all_kinds
from safeconduct.records.principals import system_subject
from safeconduct.records.under import ALWAYS_SHOWN, working_under

from .conftest import FROM, TO, word

LEAST = 50
"""Kinds, at the least, of which a record crosses in this trial."""
Around = Callable[..., Constellation]


def bundles(sender: Node, receiver: str) -> bytes:
    """All that a feed holds, with its disclosures opened."""
    raw = feed_of(sender.home, receiver).bundle(0, 100_000).pack()
    texts = [text for entry in Bundle.unpack(raw).entries for _, text in entry.parts if text]
    return raw + canary.disclosed(texts)


def test_nothing_of_one_partner_shows_with_another(around: Around) -> None:
    world = around("host", filled=True)
    host, others = world.centre, list(world.others)
    ids = {int(n): found for n, found in json.loads((world.folder / "ids.json").read_text()).items()}
    assert all(len(found) >= LEAST for found in ids.values())
    for party, node in world.others.items():
        mine = [n for n, to in TO.items() if party in to]
        theirs = [*mine, *(n for n, whose in FROM.items() if whose == party)]
        held = {"the feed": bundles(host, party), "the partner's home": ready.bytes_of(node.home)}
        for what, raw in held.items():
            assert canary.found_in(raw, list(map(word, mine))), f"the search sees nothing in {what}"
        held["the feed's files"] = everything_outside(host, party)
        forbidden = [word(n) for n in ids if n not in theirs]
        foreign = [p for p in others if p != party]
        names = [*foreign, *map(agreement_with, foreign)]
        names += [record for n, found in ids.items() if n not in theirs for record in found]
        for what, raw in held.items():
            assert canary.found_in(raw, forbidden) == [], what
            assert [name for name in names if name.encode() in raw] == [], what
        assert not [record for n in mine for record in ids[n] if record.encode() in held["the feed"]], (
            "an own id"
        )


def test_what_two_partners_hold_of_the_same_record_cannot_be_put_together(around: Around) -> None:
    world = around("host", filled=True)
    one, two = TO[3]
    first, second = (set(_strings(feed_of(world.centre.home, party))) for party in (one, two))
    both = {each for each in first & second if _tells(each)}
    assert len(first) > LEAST
    assert both == set(), "bytes that are the same with both name the record to both"


def _strings(feed: Any) -> Iterator[str]:
    """Every word of a feed's headers and of the salts beside its values, and nothing of what the values say."""
    for entry in Bundle.unpack(feed.bundle(0, 100_000).pack()).entries:
        yield entry.leaf.decode()
        yield from _words(json.loads(entry.leaf))
        for _, text in entry.parts:
            if text:
                yield text
                yield json.loads(base64.urlsafe_b64decode(text + "=="))[0]


def _words(value: Any) -> Iterator[str]:
    if isinstance(value, dict):
        for each in value.values():
            yield from _words(each)
    elif isinstance(value, list):
        for each in value:
            yield from _words(each)
    elif isinstance(value, str):
        yield value


def _tells(text: str) -> bool:
    """Whether a string could name one record among others: long, no moment and no kind."""
    return len(text) >= 16 and text not in all_kinds() and not re.fullmatch(r"[\d:TZ.+-]+", text)


def test_a_partner_sees_nothing_of_how_busy_another_is(around: Around) -> None:
    world = around("host")
    host, (busy, quiet) = world.centre, list(world.others)[:2]
    before = feed_of(host.home, quiet).bundle(0, 100_000)
    head, size = feed_of(host.home, quiet).head(), feed_of(host.home, quiet).size
    for number in range(20):
        fill_one(host, "incident", [busy], word(number))
    fill_one(host, "sos", [busy], word(21))
    assert feed_of(host.home, quiet).size == size
    assert feed_of(host.home, quiet).head() == head, "a head out of turn tells of another partner's emergency"
    assert feed_of(host.home, quiet).bundle(0, 100_000).pack() == before.pack()
    busy_head = feed_of(host.home, busy).head()
    assert busy_head is not None and head is not None and busy_head[0] > head[0]
    host.writer.tick(publish)
    pull(world.others[quiet], host)
    now = feed_of(host.home, quiet).head()
    assert now is not None and now[0] % 256 == 0, "the ledger grows by whole steps alone"


def fill_one(node: Node, kind: str, to: list[str], text: str) -> str:
    with node.active():
        draft = Draft(kind, parts_of(all_kinds()[kind], text), releasable=to)
        return commit(system_subject(node.home.party), draft, door=node.door).record


def test_a_desk_for_one_agreement_lists_nothing_of_another(around: Around) -> None:
    world = around("host", filled=True)
    host, words = world.centre, [word(n) for n in (*TO, *FROM)]
    reader = person(host, "coordinator", "reader")
    with host.active():
        assert set(canary.found_in(_listed(reader), words)) == set(words)
        for party in world.others:
            with working_under(agreement_with(party), looking=True):
                listed = _listed(reader)
            own = {word(n) for n, to in TO.items() if party in to} | {
                word(n) for n, p in FROM.items() if p == party
            }
            assert set(canary.found_in(listed, words)) == own


def _listed(reader: Any) -> bytes:
    found = []
    for kind in all_kinds():
        if not all_kinds()[kind].telemetry_of and kind not in ALWAYS_SHOWN:
            page = find(reader, Query(kind, sort="at", limit=1000))
            found += [json.dumps([each.id, dict(each.parts)], default=str) for each in page.records]
    return "\n".join(found).encode()
