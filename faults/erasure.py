"""An erased word is looked for in everything that held it: databases and their logs, feeds, backups, the peer.

Copies of both homes are made all along, as an operator's backups and as a thief's copies of the disk without the
keys. After the erasure every copy is searched as bytes, restored with the keys of today, and read.
"""

from __future__ import annotations

import random
import shutil
from pathlib import Path
from typing import Any

from exchange.nodes import INCIDENT, Node, bundle_bytes, pull
from faults import canary, copies, judge
from faults.ground import PARTIES, Ground, Sides
from faults.outcome import Outcome
from safeconduct.exchange.cadence import keep_acks
from safeconduct.exchange.delivery import close_feeds
from safeconduct.exchange.stick import export_bundle
from safeconduct.node.backups import backup
from safeconduct.records.attachments import attachment_parts
from safeconduct.records.home import Home

HOW = (
    "canaries in parts of every label and in files, released and not; erased after feeds, sticks and backups had them; "
    "then every file of both homes and every backup is searched in eleven spellings, and what was kept is opened "
    "with the keys of today"
)
ROUND = 6
"""Canaries on one pair of nodes."""


def run(ground: Ground, size: int, seed: int) -> Outcome:
    """`size` canaries."""
    outcome = Outcome(HOW)
    chance = random.Random(seed)
    while outcome.tried["canaries erased"] < size:
        count = min(ROUND, size - outcome.tried["canaries erased"])
        first = outcome.tried["canaries erased"]
        with ground.nodes() as sides:
            _round(outcome, sides, chance, [canary.word(first + n, seed) for n in range(count)])
    return outcome


def _round(outcome: Outcome, sides: Sides, chance: random.Random, words: list[str]) -> None:
    store = sides.folder.parent / "kept"
    store.mkdir()
    made = {word: _planted(sides.host, chance, word) for word in words}
    bystander = sides.host.commit("incident", INCIDENT).record
    for _ in range(2):
        pull(sides.partner, sides.host)
        sides.host.publish()
        sides.host.writer.tick(keep_acks)
    kept = _copies(sides, store)
    old = bundle_bytes(sides.host, sides.partner)
    _there(outcome, sides, kept, words)
    for word, record in made.items():
        sides.host.system("erase", record=record, reason="asked for")
        outcome.tried["canaries erased"] += 1
        if chance.random() < 0.5:
            pull(sides.partner, sides.host)
    judge.settle(sides)
    if sides.partner.ingest("pk", old)["status"] not in ("old", "ok"):
        outcome.lost.append("an old bundle is not known again")
    judge.agreed(outcome, sides)
    for node in sides.values():
        judge.sound(outcome, node)
    judge.kept(outcome, sides.host, {bystander: 1})
    _searched(outcome, sides, kept, words)


def _planted(node: Node, chance: random.Random, word: str) -> str:
    """A record that bears the canary in a part that is released, in one that is not, or in a file."""
    match chance.randrange(5):
        case 0:
            shown = {**INCIDENT["summary"], "narrative": f"of {word} it is said"}
            return node.commit("incident", {**INCIDENT, "summary": shown}).record
        case 1:
            return node.commit("incident", {**INCIDENT, "response": {"units": word, "text": word}}).record
        case 2:
            parts: dict[str, Any] = attachment_parts("paper.txt", f"{word}\n".encode() * 400)
            return node.commit("attachment", parts, levels={"description": 1, "content": 1}).record
        case 3:
            shown = {**INCIDENT["summary"], "title": word}
            return node.commit("incident", {**INCIDENT, "summary": shown}, levels={"summary": 0}).record
        case _:
            record = node.commit(
                "incident", {**INCIDENT, "where": {**INCIDENT["where"], "place": word}}
            ).record
            changed = {"where": {**INCIDENT["where"], "place": f"{word} gate"}}
            node.commit("incident", changed, record=record, expected=1, state="update")
            return record


def _copies(sides: Sides, store: Path) -> dict[str, Path]:
    """What somebody may have kept: backups, and copies of databases and their logs as they lay, without keys."""
    kept = {}
    for party in PARTIES:
        on_files = sides[party].home.database is None
        (backup if on_files else copies.dump)(sides[party].home, store / f"backup-{party}")
        kept[f"backup of {party}"] = store / f"backup-{party}"
        shutil.copytree(
            sides[party].home.path,
            store / f"copy-{party}",
            ignore=shutil.ignore_patterns("keys", "tables.sqlite3*", "*.sock", "*.pem"),
        )
        kept[f"copy of {party} without keys and tables"] = store / f"copy-{party}"
        if not on_files:
            for name, raw in copies.files(sides[party].home, ("ledger.", "feed_")):
                (store / f"copy-{party}" / name).write_bytes(raw)
    file = store / "stick"
    export_bundle(sides.host.home, "cn", file, sides.host.door, since=0)
    kept["stick"] = file
    return kept


def _there(outcome: Outcome, sides: Sides, kept: dict[str, Path], words: list[str]) -> None:
    """The search is worth something only if it finds a canary where it still must be."""
    if absent := set(words) - set(canary.found_in(_readable(sides.host, "cn"), words)):
        outcome.missed.append(f"{len(absent)} canaries were not found before they were erased")
    if sides.host.home.database is not None and not canary.found_in(copies.rows(sides.host.home), words):
        outcome.missed.append("no canary was found in the rows of the server before they were erased")
    for name, path in kept.items():
        outcome.tried["copies searched"] += 1
        files = [path.read_bytes()] if path.is_file() else [raw for _, raw in canary.bytes_of(path)]
        for raw in files:
            outcome.leaked += [f"{name} bears {w} in the open" for w in canary.found_in(raw, words)]


def _readable(node: Node, partner: str) -> bytes:
    """All that the node can still read of its ledger and of its feed."""
    entries = node.writer.log.entries(0, node.writer.log.size)
    said = [
        text for e in entries if e.body for text in node.in_tx(lambda tx, e=e: tx.disclosures(e[0])) if text
    ]
    said += [text for entry in node.feed(partner).bundle(0).entries for _, text in entry.parts if text]
    return canary.disclosed(said)


def _searched(outcome: Outcome, sides: Sides, kept: dict[str, Path], words: list[str]) -> None:
    for party in PARTIES:
        for path, raw in canary.bytes_of(sides[party].home.path):
            outcome.tried["files searched"] += 1
            outcome.leaked += [f"{path.name} of {party} bears {w}" for w in canary.found_in(raw, words)]
        if sides[party].home.database is not None:
            _searched_on_server(outcome, sides[party].home, party, words)
    for party in PARTIES:
        _restored(outcome, sides, party, kept[f"backup of {party}"], words)


def _searched_on_server(outcome: Outcome, home: Home, party: str, words: list[str]) -> None:
    """The rows and the files of its database; the server's log keeps what the tables held until it is written over."""
    for name, raw in (("a row", copies.rows(home)), *copies.files(home)):
        outcome.tried["files on the server searched"] += 1
        outcome.leaked += [f"{name} of {party} on the server bears {w}" for w in canary.found_in(raw, words)]
    outcome.seen["segments of the server's log that still bear one"] += sum(
        bool(canary.found_in(raw, words)) for raw in copies.log_segments()
    )


def _restored(outcome: Outcome, sides: Sides, party: str, folder: Path, words: list[str]) -> None:
    """Put the backup beside the keys of today, and read all that its ledger and its feeds can still say."""
    home = sides.shut(party)
    trial = sides.folder / "trial" / party
    shutil.copytree(home, trial)
    on_server = Home.load(home).database is not None
    if on_server:
        copies.beside(Home.load(home), trial, folder)
    else:
        _files_beside(sides, party, trial, folder)
    for partner in ("cn", "xx", "pk"):
        if (trial / "feeds" / partner).is_dir():
            (trial / "feeds" / partner / "restored").touch()
    node = Node(trial)
    try:
        outcome.tried["backups restored and read"] += 1
        leaks = canary.found_in(_readable(node, PARTIES[party]), words)
        outcome.leaked += [f"the backup of {party} gives back {w}" for w in leaks]
        on_disk = canary.bytes_of(trial)
        for name, raw in (
            *((path.name, raw) for path, raw in on_disk),
            *(copies.files(node.home) if on_server else ()),
        ):
            outcome.leaked += [
                f"{name} of the restored {party} bears {w}" for w in canary.found_in(raw, words)
            ]
    finally:
        node.close()
        close_feeds(node.home)
        if on_server:
            copies.forget(node.home)
        shutil.rmtree(trial)
        sides.open(party)


def _files_beside(sides: Sides, party: str, trial: Path, folder: Path) -> None:
    for path in trial.rglob("*.sqlite3*"):
        path.unlink()
    for source in folder.rglob("*.sqlite3"):
        shutil.copy(source, trial / source.relative_to(folder))
    shutil.copy(sides.made / party / "tables.sqlite3", trial)
