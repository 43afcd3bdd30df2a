"""A canary in every part of every record, and all bytes that leave the node searched for those that may not.

What leaves: the feeds as their server could hand them out, each answer of that server, bundles with their disclosures
opened, sticks as the partner opens them, messages outside, metrics, and the log.
"""

from __future__ import annotations

import asyncio
import io
import json
import logging
import random
from typing import Any

import aiohttp

from exchange.nodes import INCIDENT, Node, key_file, pull, sign
from exchange.test_leaks import everything_outside
from exchange.test_link import served
from faults import canary, judge
from faults.ground import Ground, Sides
from faults.outcome import Outcome
from firing import fire_all
from safeconduct.exchange import stick
from safeconduct.exchange.bundle import Bundle
from safeconduct.exchange.identity import Card
from safeconduct.exchange.tls import client_context
from safeconduct.node.signing_here import act, propose
from safeconduct.oversight.metrics import metrics_text
from safeconduct.oversight.vitals import vitals
from safeconduct.records.home import Home
from safeconduct.records.transaction import iso

HOW = (
    "every part of every record bears a canary of its own, under random labels, releasabilities and a clause that is "
    "suspended half way; feeds, answers, sticks, messages, metrics and log are searched in eleven spellings for those "
    "that nothing released, and must hold those that something did"
)
RECORDS = 12
FIELDS = {
    "summary": "title", "when": "time_zone", "where": "place", "people": "victims", "method": "detail",
    "response": "units", "source": "name",
}  # fmt: skip
CROSSES = ("summary", "where")
"""Parts with a canary that the clause in force gives, up to RESTRICTED."""
REQUESTS = (
    "/exchange/bundle", "/exchange/bundle?from=0&limit=1000", "/exchange/bundle?from=999999", "/exchange/positions",
    "/exchange/bundle?from=x", "/exchange/../ledger.sqlite3", "/", "/healthz", "/exchange/cosignatures",
)  # fmt: skip
HOUSE = """+++
clause  = "H1"
version = 1
title   = "Calls for help"
texts   = ["en"]

[[grant]]
id     = "H1.1"
to     = "own"
roles  = ["watch_officer"]
may    = ["read"]
kind   = "sos"
parts  = ["call"]
whose  = "own"
up_to  = "SECRET"
+++
## en

H1.1 Watch officers may read calls for help.
"""


class Words:
    """Canaries by whether a partner may have them."""

    def __init__(self, seed: int, first: int) -> None:
        self.seed, self.next = seed, first
        self.given: dict[str, set[str]] = {"cn": set(), "xx": set()}
        self.every: set[str] = set()
        self.replaced: set[str] = set()
        """What a later version says otherwise: it was given, and stands in no table any more."""

    def new(self, *partners: str) -> str:
        made = canary.word(self.next, self.seed)
        self.next += 1
        self.every.add(made)
        for partner in partners:
            self.given[partner].add(made)
        return made


def run(ground: Ground, size: int, seed: int) -> Outcome:
    """`size` worlds of records."""
    outcome = Outcome(HOW)
    for number in range(size):
        with ground.nodes() as sides:
            _round(outcome, sides, random.Random(f"{seed}/{number}"), Words(seed, 1000 * number))
    return outcome


def _round(outcome: Outcome, sides: Sides, chance: random.Random, words: Words) -> None:
    log = io.StringIO()
    handler = logging.StreamHandler(log)
    root = logging.getLogger()
    before = root.level
    root.addHandler(handler)
    root.setLevel(logging.DEBUG)
    try:
        left = _everything(sides, chance, words)
    finally:
        root.removeHandler(handler)
        root.setLevel(before)
    left["the log"] = ("", log.getvalue().encode())
    for what, (partner, raw) in left.items():
        outcome.tried["kinds of bytes searched"] += 1
        outcome.seen["bytes searched"] += len(raw)
        given = words.given.get(partner, set())
        if what.startswith("the bundles"):
            unseen = given - set(canary.found_in(raw, sorted(given)))
            outcome.missed += [f"the search does not see {word} in {what}" for word in sorted(unseen)]
        forbidden = words.every - given
        outcome.leaked += [f"{what} bears {word}" for word in canary.found_in(raw, sorted(forbidden))]
    outcome.tried["canaries that may not leave"] += len(words.every - words.given["cn"])
    outcome.tried["canaries that must arrive"] += len(words.given["cn"])
    judge.settle(sides)
    arrived = json.dumps([row.values() for row in sides.partner.of_kind("incident", "pk")]).encode()
    found = set(canary.found_in(arrived, sorted(words.every)))
    outcome.lost += [f"cn never got {word}" for word in sorted(words.given["cn"] - words.replaced - found)]
    outcome.leaked += [f"cn has {word}" for word in sorted(found - words.given["cn"])]


def _everything(sides: Sides, chance: random.Random, words: Words) -> dict[str, tuple[str, bytes]]:
    host, partner = sides.host, sides.partner
    for _ in range(RECORDS // 2):
        _incident(host, chance, words, True)
    _call_for_help(host, words)
    pull(partner, host)
    sign(host, sides.folder, "pk-cn", "1", "suspended")
    sign(host, sides.folder, "pk-xx", "1", "suspended")
    for _ in range(RECORDS - RECORDS // 2):
        _incident(host, chance, words, False)
    host.publish()
    left: dict[str, tuple[str, bytes]] = {"messages outside": ("", _messages(host))}
    for name in ("cn", "xx"):
        raw = host.feed(name).bundle(0).pack()
        left[f"the bundles for {name}"] = (name, _opened(raw))
        left[f"the stick for {name}"] = (name, _stick(host, sides, name))
        left[f"the answers to {name}"] = (name, asyncio.run(_answers(host, Home.load(sides.folder / name))))
        left[f"the files of the feed of {name}"] = (name, everything_outside(host, name))
    with host.active():
        left["metrics"] = ("", metrics_text(vitals()))
    return left


def _incident(node: Node, chance: random.Random, words: Words, in_force: bool) -> None:
    """A record with a canary in each part, and perhaps a second version with others."""
    releasable = chance.choice([None, None, ["cn"], ["xx"], []])
    levels = {part: chance.choice([1, 1, 2, 3]) for part in CROSSES if chance.random() < 0.5}
    to = ("cn", "xx") if releasable is None else tuple(releasable)

    def part(name: str) -> dict[str, Any]:
        crosses = in_force and name in CROSSES and levels.get(name, 1) <= 1
        return {**INCIDENT.get(name, {}), FIELDS[name]: words.new(*(to if crosses else ()))}

    names = [name for name in FIELDS if name != "when"]
    parts = {**{name: part(name) for name in names}, "when": INCIDENT["when"]}
    parts["method"]["type"] = "ambush"
    made = node.commit("incident", parts, levels=levels, releasable=releasable)
    if chance.random() < 0.4:
        chosen = chance.choice(names)
        node.commit("incident", {chosen: {**parts[chosen], **part(chosen)}}, record=made.record, expected=1)
        words.replaced.add(parts[chosen][FIELDS[chosen]])


def _call_for_help(node: Node, words: Words) -> None:
    """An SOS with somebody to tell: what goes outside is an opaque number."""
    file = node.home.path.parent / "clause-h1.md"
    file.write_text(HOUSE)
    with node.active():
        (clause,) = propose("house", [file], node.door)
        act("house", clause.number, "agreed", key_file(node.home.path.parent, "pk"), None, node.door)
    held = {"person": "officer", "account_name": "officer", "role": "watch_officer", "clearance": 3}
    node.commit("role_assignment", {"assignment": held}, releasable=())
    point = {"channel": "sms", "address": "+9200000001"}
    node.commit("contact_point", {"address": point}, assigned=["officer"], releasable=())
    steps = {"steps": [{"after_seconds": 0, "roles": ["watch_officer"]}]}
    node.commit("ladder", {"scope": {"kind": "sos"}, "steps": steps}, releasable=())
    call = {"at": iso(node.writer.clock()), "received": iso(node.writer.clock()), "headline": words.new()}
    node.commit("sos", {"call": call})


def _messages(node: Node) -> bytes:
    fire_all(node.writer)
    asked = {
        "worker": "one",
        "session": "first",
        "turn": 1,
        "holding": [],
        "channels": {"sms": {"allow": 50, "once": False}},
    }
    messages = node.call("notify_take", **asked)["messages"]
    assert messages, "nobody is told of a call for help"
    return json.dumps(messages).encode()


def _opened(raw: bytes) -> bytes:
    """A bundle's bytes together with all that its disclosures say."""
    texts = [text for entry in Bundle.unpack(raw).entries for _, text in entry.parts if text]
    return raw + canary.disclosed(texts)


def _stick(node: Node, sides: Sides, partner: str) -> bytes:
    file = sides.folder / "stick"
    stick.export_bundle(node.home, partner, file, node.door, since=0)
    home = Home.load(sides.folder / partner)
    card = Card.of(home.partners["pk"].card)
    return file.read_bytes() + b"".join(
        _opened(stick._open(home, card, sealed)) for sealed in stick._read(file)
    )


async def _answers(node: Node, asking: Home) -> bytes:
    """All that the feed server answers a partner, headers too."""
    context = client_context(asking, Card.of(asking.partners["pk"].card).certificate)
    said: list[bytes] = []
    async with (
        served(node.home) as url,
        aiohttp.ClientSession(connector=aiohttp.TCPConnector(ssl=context)) as session,
    ):
        for path in REQUESTS:
            for method, data in (("GET", None), ("POST", b"nonsense" * 20), ("PUT", b"")):
                async with session.request(method, url + path, data=data) as answer:
                    body = await answer.read()
                    said += [repr(answer.raw_headers).encode(), body]
                    if answer.status == 200 and body:
                        said.append(_opened(body))
    return b"\n".join(said)
