"""New keys for a node whose signing keys lie in a token, while entries wait: made there, taken up, accepted, and what
the former ones sign counts no more."""

from __future__ import annotations

import shutil
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from django.db import connections

import ready
from safeconduct.exchange import succession
from safeconduct.exchange.custody import Keeping, forget_keys
from safeconduct.exchange.identity import Keys
from safeconduct.exchange.rotation import RENEWED, FormerKeys, Rotated, former_keys, rotate
from safeconduct.exchange.stick import export_bundle, import_bundle
from safeconduct.ledger.keys import KeyRefused
from safeconduct.node.key_custody import into_token
from safeconduct.records.door import Door
from safeconduct.records.home import Home, HomeError
from safeconduct.records.refusals import Malformed, Unavailable
from safeconduct.records.writer import Writer
from softhsm import Hsm, write_pin

from .forging import Forger, entry
from .nodes import INCIDENT, Node, bundle_bytes, pull
from .succeeding import clinging
from .test_epochs import circle, frozen, resume
from .test_rotation import accept, again

Pair = tuple[Node, Node]


def moved(node: Node, hsm: Hsm, label: str = "") -> str:
    """The node's keys lie in a token from here on; which."""
    node.close()
    write_pin(node.home)
    label = label or hsm.token()
    into_token(node.home, hsm.module, label, move=True)
    again_at(node)
    return label


def again_at(node: Node) -> Node:
    """The node after a start, where it is stopped."""
    fresh = Node(node.home.path)
    node.home, node.writer, node.door = fresh.home, fresh.writer, fresh.door
    return node


def renewed(node: Node, into: Keeping | None = None) -> Rotated:
    done = rotate(node.home, node.door, False, into)
    again(node)
    return done


def lost(node: Node, into: Keeping | None) -> Rotated:
    """As the command does it: the node does not begin with keys that it has not got."""
    own_tables(node)
    with Door.open(node.home, begins=False) as door:
        return rotate(node.home, door, False, into, lost=True)


def own_tables(node: Node) -> None:
    """Whoever becomes the node's writer next takes no other node's connection."""
    connections.settings["tables"] = ready.settings_of(node.home)["tables"]
    if hasattr(connections._connections, "tables"):
        del connections["tables"]


def out_of_reach(node: Node, hsm: Hsm, label: str) -> None:
    node.close()
    hsm.emptied(label)
    hsm.look_again()


def halves(node: Node) -> set[str]:
    keys = Keys.of(node.home)
    return {keys.ledger.vkey, keys.witness.vkey, keys.feed("cn").vkey, keys.feed("xx").vkey}


def settled(host: Node, partner: Node, world: Path) -> None:
    accept(partner, host)
    resume(host, partner, world)
    circle(host, partner)


def test_new_keys_in_the_token_in_the_middle_of_a_backlog(
    nodes: Pair, world: Path, hsm: Hsm, tmp_path: Path
) -> None:
    host, partner = nodes
    label = moved(host, hsm)
    for _ in range(3):
        host.commit("incident", INCIDENT)
        partner.commit("incident", INCIDENT)
    host.publish()
    pull(partner, host, limit=2)
    pull(host, partner)
    host.commit("incident", INCIDENT)
    before, old = halves(host), bundle_bytes(host, partner)
    signer = Keys.of(host.home).ledger
    forger = Forger(host, tmp_path)
    forger.entries.append(entry())
    forged = forger.bundle(len(forger.entries) - 1)

    assert renewed(host) == Rotated()
    assert frozen(host, "cn") == RENEWED and frozen(host, "xx") == RENEWED
    assert not before & halves(host) and len(hsm.labels(label)) == 4
    with pytest.raises(KeyRefused):
        signer.sign(b"once more")
    waiting = host.commit("incident", INCIDENT).record
    accept(partner, host)
    for raw in (old, forged, bundle_bytes(host, partner)):
        with pytest.raises(Malformed, match="bundle refused"):
            partner.ingest("pk", raw)
    assert frozen(partner, "pk") == "", "keys that are not known accuse nobody"

    resume(host, partner, world)
    circle(host, partner)
    assert len(partner.of_kind("incident", "pk")) == 6 and len(host.of_kind("incident", "cn")) == 4
    assert host.row(waiting) is not None
    for raw in (old, forged):
        with pytest.raises(Malformed, match="bundle refused"):
            partner.ingest("pk", raw)
    assert frozen(partner, "pk") == frozen(host, "cn") == ""
    again(host), again(partner)
    circle(host, partner)
    assert before <= {vkey for _, vkey in host.in_tx(lambda tx: list(former_keys(tx)))}
    stick = tmp_path / "stick"
    export_bundle(partner.home, "pk", stick, partner.door, 0)
    import_bundle(host.home, "cn", stick, host.door)
    for path in host.home.keys.iterdir():
        assert path.stat().st_mode & 0o077 == 0, path.name


def test_from_files_into_a_token_and_back_into_files(nodes: Pair, world: Path, hsm: Hsm) -> None:
    host, partner = nodes
    write_pin(host.home)
    label, seen = hsm.token(), halves(host)
    for into, kept in ((Keeping(hsm.module, label), 4), (Keeping(), 0)):
        assert renewed(host, into) == Rotated()
        assert not seen & halves(host) and len(hsm.labels(label)) == kept
        seen |= halves(host)
        settled(host, partner, world)
    assert "keys" not in host.home.settings and not list(host.home.keys.glob("*.vkey"))


@pytest.mark.parametrize("way", ("into another token", "into files", "into the token of the same name"))
def test_a_lost_token_is_a_lost_key_and_not_the_end(nodes: Pair, world: Path, hsm: Hsm, way: str) -> None:
    host, partner = nodes
    label = moved(host, hsm)
    host.commit("incident", INCIDENT)
    host.publish()
    pull(partner, host)
    waiting = host.commit("incident", INCIDENT).record
    before = halves(host)
    out_of_reach(host, hsm, label)
    with pytest.raises(KeyRefused, match="it was removed"):
        Keys.of(host.home)
    into = {
        "into another token": Keeping(hsm.module, hsm.token()),
        "into files": Keeping(),
        "into the token of the same name": None,
    }[way]
    done = lost(host, into)
    assert len(done.left) == (0 if into is None else 4)
    again_at(host)
    assert not before & halves(host) and frozen(host, "cn") == RENEWED
    assert before <= {vkey for _, vkey in host.in_tx(lambda tx: list(former_keys(tx)))}
    settled(host, partner, world)
    assert waiting in {row.id for row in host.of_kind("incident", "pk")}
    assert len(partner.of_kind("incident", "pk")) == 3


def test_keys_lost_with_their_files_are_known_to_the_ledger_as_former_ones(nodes: Pair, world: Path) -> None:
    host, partner = nodes
    before = halves(host)
    host.close()
    for name in ("ledger.key", "witness.key", "feed-cn.key", "feed-xx.key"):
        (host.home.keys / name).unlink()
    assert lost(host, None) == Rotated()
    again_at(host)
    assert before <= {vkey for _, vkey in host.in_tx(lambda tx: list(former_keys(tx)))}
    settled(host, partner, world)


def test_a_crash_between_the_ledgers_note_and_the_new_keys_leaves_the_old_ones(
    nodes: Pair, world: Path, hsm: Hsm, monkeypatch: pytest.MonkeyPatch
) -> None:
    host, partner = nodes
    label = moved(host, hsm)
    before = halves(host)

    def killed(*_: Any) -> Any:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(succession, "take_up", killed)
        with pytest.raises(KeyboardInterrupt):
            rotate(host.home, host.door, False)
    again(host)
    assert halves(host) == before and frozen(host, "cn") == RENEWED and len(hsm.labels(label)) == 8
    assert renewed(host) == Rotated() and len(hsm.labels(label)) == 4
    assert not before & halves(host)
    settled(host, partner, world)


def test_a_crash_before_the_old_keys_are_destroyed_is_finished_by_the_next_command(
    nodes: Pair, world: Path, hsm: Hsm, monkeypatch: pytest.MonkeyPatch
) -> None:
    host, partner = nodes
    label = moved(host, hsm)
    before = halves(host)

    def killed(*_: Any) -> Any:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(succession, "conclude", killed)
        with pytest.raises(KeyboardInterrupt):
            rotate(host.home, host.door, False)
    again(host)
    after = halves(host)
    assert not before & after and len(hsm.labels(label)) == 8
    assert renewed(host) == Rotated(True) and halves(host) == after and len(hsm.labels(label)) == 4
    settled(host, partner, world)


def test_keys_that_a_token_kept_are_refused_when_an_old_copy_of_the_home_names_them(
    nodes: Pair, world: Path, hsm: Hsm, tmp_path: Path
) -> None:
    host, partner = nodes
    host.close()
    write_pin(host.home)
    host.home = clinging(hsm, host.home)
    again_at(host)
    shutil.copytree(host.home.keys, tmp_path / "keys")
    shutil.copy(host.home.path / "node.toml", tmp_path / "node.toml")
    done = renewed(host)
    assert len(done.left) == 4
    settled(host, partner, world)
    later = Home.load(host.home.path)
    host.close()
    hsm.look_again()
    for file in (tmp_path / "keys").glob("*.vkey"):
        shutil.copy(file, host.home.keys)
    shutil.copy(tmp_path / "node.toml", host.home.path)
    old = Home.load(host.home.path)
    Keys.of(old)  # the token signs with them still
    own_tables(host)
    with pytest.raises(FormerKeys, match="exchanged for another"):
        Writer(old)
    later.save()
    again_at(host)
    circle(host, partner)


def test_files_of_before_are_refused_too_and_a_rotation_leads_out(
    nodes: Pair, world: Path, tmp_path: Path
) -> None:
    host, partner = nodes
    shutil.copytree(host.home.keys, tmp_path / "keys")
    rotate(host.home, host.door, False)
    host.close()
    for file in ("ledger.key", "witness.key", "feed-cn.key", "feed-xx.key"):
        shutil.copy(tmp_path / "keys" / file, host.home.keys / file)
    forget_keys()
    own_tables(host)
    with pytest.raises(FormerKeys, match="--lost"):
        Writer(host.home)
    started = [sys.executable, "-m", "safeconduct.node.processes", "writer", str(host.home.path)]
    said = subprocess.run(started, capture_output=True, text=True, check=False)
    assert said.returncode == 1 and "was exchanged for another" in said.stderr, said.stderr
    assert "Traceback" not in said.stderr
    assert lost(host, None) == Rotated()
    again_at(host)
    settled(host, partner, world)


def test_a_second_rotation_waits_for_the_first_and_does_not_begin_from_before_it(
    nodes: Pair, hsm: Hsm, monkeypatch: pytest.MonkeyPatch
) -> None:
    host, _ = nodes
    moved(host, hsm)
    stale = Home.load(host.home.path)
    monkeypatch.setattr("safeconduct.records.door.STARTING", 0.0)
    with pytest.raises(Unavailable):
        Door.open(stale)
    renewed(host)
    with pytest.raises(HomeError, match="changed meanwhile"):
        rotate(stale, host.door, False)


WAITING = """
import sys
from safeconduct.records.door import Door
whole = Door.open
def opened(*given):
    print("read", flush=True)
    return whole(*given)
Door.open = opened
from safeconduct.node.cli import main
main(sys.argv[1:])
"""


@pytest.mark.parametrize("more", ([], ["--lost"], ["--tls"]), ids=lambda more: " ".join(more))
def test_a_command_that_waited_for_another_rotation_does_not_undo_it(
    nodes: Pair, hsm: Hsm, more: list[str]
) -> None:
    host, _ = nodes
    label = moved(host, hsm)
    given = [sys.executable, "-c", WAITING, "--home", str(host.home.path), "exchange", "rotate", *more]
    with subprocess.Popen(given, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as second:
        assert second.stdout is not None and second.stderr is not None
        assert second.stdout.readline() == "read\n"
        rotate(host.home, host.door, False)
        host.close()
        said = second.stderr.read()
    try:
        assert second.returncode == 1 and ("changed meanwhile" in said or "it was removed" in said), said
    finally:
        hsm.look_again()
        again_at(host)
    assert len(halves(host)) == 4 == len(hsm.labels(label))


KILLED = """
import os, sys
from safeconduct.ledger.tokens import Token
name, count = sys.argv[1], int(sys.argv[2])
whole, done = getattr(Token, name), []
def step(self, *given):
    done.append(1)
    if len(done) == count:
        os._exit(9)
    return whole(self, *given)
setattr(Token, name, step)
from safeconduct.node.cli import main
main(sys.argv[3:])
"""


def command(
    home: Home, *given: str, killed: tuple[str, str] | None = None
) -> subprocess.CompletedProcess[str]:
    program = ["-c", KILLED, *killed] if killed else ["-m", "safeconduct"]
    return subprocess.run(
        [sys.executable, *program, "--home", str(home.path), *given],
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.mark.parametrize(("killed", "resumed"), ((("create", "2"), False), (("destroy", "2"), True)))
def test_the_command_itself_is_killed_and_given_again(
    nodes: Pair, hsm: Hsm, killed: tuple[str, str], resumed: bool
) -> None:
    host, _ = nodes
    label = moved(host, hsm)
    before = halves(host)
    host.close()
    try:
        assert command(host.home, "exchange", "rotate", killed=killed).returncode == 9
        shown = command(host.home, "keys", "show")
        assert shown.returncode == 0 and "was interrupted" in shown.stderr
        present = {line.split()[0] for line in shown.stdout.splitlines()}
        assert not present & before if resumed else present == before
        said = command(host.home, "exchange", "rotate")
        assert said.returncode == 0 and ("interrupted is finished" in said.stdout) == resumed, said.stderr
        assert "new keys; a new card goes to cn, xx" in said.stdout and "not destroyed" not in said.stdout
        shown = command(host.home, "keys", "show")
        assert f"in token {label}" in shown.stdout and "interrupted" not in shown.stderr
        hsm.look_again()
        assert len(hsm.labels(label)) == 4
    finally:
        hsm.look_again()
        again_at(host)
    assert not before & halves(host)


def test_the_command_says_what_is_wrong_with_it(nodes: Pair, hsm: Hsm) -> None:
    host, _ = nodes
    label = moved(host, hsm)
    host.close()
    try:
        for given in (
            ["--token", "x"],
            ["--module", "x"],
            ["--module", "m", "--token", "x", "--files"],
            ["--tls", "--lost"],
            ["--module", "", "--token", ""],
        ):
            assert command(host.home, "exchange", "rotate", *given).returncode == 2
        replaced = {**host.home.settings, "keys": {"module": hsm.module, "token": "nowhere"}}
        replace(host.home, settings=replaced).save()
        said = command(host.home, "exchange", "rotate")
        assert (
            said.returncode == 1
            and "no token nowhere is plugged in" in said.stderr
            and "Traceback" not in said.stderr
        )
        said = command(host.home, "exchange", "rotate", "--lost", "--module", hsm.module, "--token", label)
        assert said.returncode == 0 and said.stdout.count("not destroyed, and never used again") == 4, (
            said.stderr
        )
        hsm.look_again()
        assert len(hsm.labels(label)) == 8, "what is called lost is not looked for"
    finally:
        hsm.look_again()
        again_at(host)
    assert not list(host.home.keys.glob("*.key.*")) and ready.leaves(host.home)
