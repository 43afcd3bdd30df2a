"""A node whose ledger began in an archive: the same tables, proofs and parts, and nothing lost by kill -9."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from click.testing import CliRunner
from django.db import connections

from records.test_commit import PARTS
from safeconduct.exchange import archiving as jobs
from safeconduct.exchange.rotation import rotate
from safeconduct.ledger.database import Database, sweep
from safeconduct.ledger.log import Log
from safeconduct.ledger.past import NotAttached
from safeconduct.node.archiving import Archived, archive
from safeconduct.node.backups import verify_home
from safeconduct.node.cli import main
from safeconduct.node.point_in_time import _erase_again
from safeconduct.records import here
from safeconduct.records.commit import Committed, Draft, commit
from safeconduct.records.databases import open_ledger
from safeconduct.records.door import Door
from safeconduct.records.home import Home, HomeError
from safeconduct.records.hooks import HOOKS
from safeconduct.records.principals import system_subject
from safeconduct.records.rebuild import fingerprint, rebuild
from safeconduct.records.transaction import Tx
from safeconduct.records.writer import Writer

SYSTEM = system_subject("pk")
END = 512
NARRATIVE = "Kh7 what is to be forgotten"


@pytest.fixture
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    """Steps small enough that something can come between them."""
    monkeypatch.setattr(jobs, "TILES", 1)
    monkeypatch.setattr(jobs, "ROWS", 200)


def grown(home: Home) -> Iterator[tuple[Home, Writer, Committed]]:
    """A node with an incident among its first entries, which was amended, and 600 entries."""
    with Door.open(home) as door, here.at(home, door):
        writer = door.writer
        assert writer is not None
        summary = {**PARTS["summary"], "narrative": NARRATIVE}
        made = commit(SYSTEM, Draft("incident", {**PARTS, "summary": summary}))
        draft = Draft(
            "incident", {"people": {"killed_best": 4}}, record=made.record, expected=1, state="update"
        )
        commit(SYSTEM, draft)

        def pad(tx: Tx) -> dict[str, object]:
            while tx.log.size < 600:
                tx.append("pad", {"nonce": "00"})
            return {}

        writer._transact([pad])
        yield home, writer, made


def first_text(writer: Writer, made: Committed) -> str:
    """The parts of the first version, as the ledger has them."""
    return str(writer._fresh([]).disclosures(made.index))


def rows(home: Home) -> tuple[int, int]:
    db = open_ledger(home, read_only=True)
    try:
        return tuple(db.execute("SELECT min(idx), count(*) FROM ledger_leaf").fetchone())
    finally:
        db.close()


@pytest.mark.both
def test_a_node_goes_on_as_it_was(host_home: Home, tmp_path: Path, small: None) -> None:
    folder = tmp_path / "archive"
    for home, writer, made in grown(host_home):
        before, root, text = fingerprint(), writer.log.root(), first_text(writer, made)
        done = archive(home, here.door(), folder, size=599)
        assert done == Archived(END, END, 600) and rows(home) == (END, 600 - END)
        key = str(here.door().call("archive_begin", {"size": 0})["key"])
        assert archive(Home.load(home.path), here.door(), folder, size=0).fresh == 0
        with pytest.raises(HomeError, match="the archive of this node is"):
            archive(Home.load(home.path), here.door(), tmp_path / "another", size=599)
        assert first_text(writer, made) == text and writer.log.root() == root
        assert rebuild(writer) == 600 and fingerprint() == before
        assert commit(SYSTEM, Draft("incident", PARTS)).index == 600

        # What is erased stays so: its key is gone, and the archive holds dead bytes.
        here.door().call("erase", {"actor": {"person": "system", "roles": ["system"]},
                                   "record": made.record, "parts": ["summary"], "reason": "asked for"})  # fmt: skip
        gone = fingerprint()
        rebuild(writer)
        assert fingerprint() == gone != before
        assert first_text(writer, made).startswith("[None, ")

    home = Home.load(host_home.path)
    assert home.archive == folder
    assert NARRATIVE.encode() not in b"".join(p.read_bytes() for p in folder.rglob("*") if p.is_file())
    verdict = verify_home(home)
    assert (verdict.broken, verdict.unseen) == (None, 0)
    told = CliRunner().invoke(main, ["verify", "archive", str(folder), "--key", key])
    assert told.exit_code == 0 and "the archive holds: 512 entries of pk.safeconduct/ledger" in told.output

    # Without the archive: it starts, the tree holds, and what needs the entries says where they are.
    without = replace(home, settings={k: v for k, v in home.settings.items() if k != "archive"})
    assert verify_home(without).unseen == END
    with Door.open(without) as door, here.at(without, door):
        assert door.writer is not None and fingerprint() == gone
        with pytest.raises(NotAttached, match=r"name its folder as `archive` in node.toml"):
            rebuild(door.writer)
        assert fingerprint() == gone
        with pytest.raises(HomeError, match="512 entries were archived before"):
            archive(without, door, tmp_path / "another", size=599)

    # A damaged one is named, by whoever looks.
    file = folder / "tile/entries/001"
    file.write_bytes(file.read_bytes()[:-1])
    with pytest.raises(
        HomeError, match=r"the archive that node.toml attaches does not hold: tile/entries/001"
    ):
        verify_home(home)
    told = CliRunner().invoke(main, ["verify", "archive", str(folder), "--key", key])
    assert told.exit_code == 3 and "the archive does not hold: tile/entries/001" in told.output


def _killed_at(home: Home, folder: Path, step: str, times: int) -> None:
    """Archive in a process of its own, which is killed at a step, the so many-th."""
    connections.close_all()
    child = os.fork()
    if child == 0:
        try:
            seen = 0

            def told(what: str) -> None:
                nonlocal seen
                seen += what == step
                if seen == times:
                    os.kill(os.getpid(), signal.SIGKILL)

            if step == "within the transaction":
                plain = Log.archive

                def torn(log: Log, *given: object) -> None:
                    plain(log, *given)  # type: ignore[arg-type]
                    told(step)

                Log.archive = torn  # type: ignore[method-assign]
            with Door.open(home) as door, here.at(home, door):
                archive(home, door, folder, size=599, told=told)
        finally:
            os._exit(1)
    _, status = os.waitpid(child, 0)
    assert os.WIFSIGNALED(status) and os.WTERMSIG(status) == signal.SIGKILL, (step, times)


STEPS = (
    ("tile/entries/000", 1), ("bodies/001", 1), ("tile/1/000.p/2", 1), ("checkpoint", 1), ("signed", 1),
    ("verified", 1), ("within the transaction", 1), ("noted", 1), ("noted", 1), ("let go", 1), ("let go", 1),
)  # fmt: skip


@pytest.mark.both
def test_kill_9_at_any_step_loses_nothing(host_home: Home, tmp_path: Path, small: None) -> None:
    folder = tmp_path / "archive"
    before = root = ""
    for _, writer, _made in grown(host_home):
        before, root = fingerprint(), writer.log.root().hex()
    for step, times in STEPS:
        _killed_at(Home.load(host_home.path), folder, step, times)
        home = Home.load(host_home.path)
        verdict = verify_home(home)
        assert (verdict.broken, verdict.size, verdict.unseen) == (None, 600, 0), step
        first, count = rows(home)
        assert first + count == 600 and (first == 0 or home.archive == folder), step
    with Door.open(home) as door, here.at(home, door):
        assert door.writer is not None
        assert archive(home, door, folder, size=599).end == END and rows(home) == (END, 600 - END)
        assert door.writer.log.root().hex() == root
        rebuild(door.writer)
        assert fingerprint() == before


def test_two_at_once_would_write_over_what_the_other_has_let_go_of(
    host_home: Home, tmp_path: Path, small: None
) -> None:
    folder, ran = tmp_path / "archive", list[str]()
    for home, writer, made in grown(host_home):

        def meanwhile(what: str) -> None:
            if what == "tile/entries/000" and not ran:
                ran.append(what)
                system = {"person": "system", "roles": ["system"]}
                asked = {"actor": system, "record": made.record, "parts": ["summary"], "reason": "asked for"}
                here.door().call("erase", asked)
                with pytest.raises(HomeError, match="being archived"):
                    archive(Home.load(home.path), here.door(), folder, size=599)

        assert archive(home, here.door(), folder, size=599, told=meanwhile).end == END and ran
        assert first_text(writer, made).startswith("[None, ")
        assert rows(home)[0] == END


def test_what_an_attempt_that_was_broken_off_left_is_on_the_disk_before_the_ledger_lets_go(
    host_home: Home, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    done: list[str] = []

    def told(what: str) -> None:
        if what == "signed" and "broken off" not in done:
            done.append("broken off")
            raise KeyboardInterrupt
        done.append(what)

    monkeypatch.setattr("safeconduct.node.archiving.os.sync", lambda: done.append("on the disk"))
    for home, _writer, _made in grown(host_home):
        with pytest.raises(KeyboardInterrupt):
            archive(home, here.door(), tmp_path / "archive", size=599, told=told)
        archive(home, here.door(), tmp_path / "archive", size=599, told=told)
    assert done.index("on the disk") < done.index("noted")


def broken_off(home: Home, folder: Path, step: str) -> None:
    def told(what: str) -> None:
        if what == step:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        archive(home, here.door(), folder, size=599, told=told)


@pytest.mark.parametrize("step", ["tile/entries/001", "signed", "noted", "let go"])
def test_what_was_begun_under_a_key_goes_on_under_the_next(
    host_home: Home, tmp_path: Path, small: None, step: str
) -> None:
    folder = tmp_path / "archive"
    for home, writer, _made in grown(host_home):
        broken_off(home, folder, step)
        before = str(here.door().call("archive_begin", {"size": 0})["key"])
        rotate(home, here.door(), transport_only=False)
        for _ in range(2):
            assert archive(Home.load(home.path), here.door(), folder, size=599).end == END
            assert rows(home) == (END, writer.log.size - END)
        now = str(here.door().call("archive_begin", {"size": 0})["key"])
        told = CliRunner().invoke(main, ["verify", "archive", str(folder), "--key", before, "--key", now])
        assert before != now and told.exit_code == 0, told.output


def test_another_user_than_the_nodes_writes_no_files_that_the_writer_could_not_read(
    host_home: Home, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    me = os.geteuid()
    for home, _writer, _made in grown(host_home):
        with monkeypatch.context() as other:
            other.setattr("safeconduct.node.archiving.os.geteuid", lambda: me + 1)
            with pytest.raises(HomeError, match=r"this home belongs to .*runuser -u"):
                archive(home, here.door(), tmp_path / "archive", size=599)
        assert not (tmp_path / "archive").exists() and Home.load(home.path).archive is None


@pytest.mark.parametrize("job", ["archive_sign", "archive_note"])
def test_a_folder_that_the_writer_cannot_read_is_named(
    host_home: Home, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, job: str
) -> None:
    """As a unit of systemd with a /tmp of its own does not see it."""
    for home, writer, _made in grown(host_home):
        plain = HOOKS.jobs[job]

        def elsewhere(
            tx: Tx, payload: dict[str, object], plain: Callable[..., dict[str, object]] = plain
        ) -> dict[str, object]:
            return plain(tx, {**payload, "folder": str(tmp_path / "another")})

        monkeypatch.setitem(HOOKS.jobs, job, elsewhere)
        with pytest.raises(HomeError, match=r"archive: the writer .*(bodies|tile)/.* it is missing"):
            archive(home, here.door(), tmp_path / "archive", size=599)
        assert rows(home) == (0, writer.log.size)
        monkeypatch.setitem(HOOKS.jobs, job, plain)
        assert archive(Home.load(home.path), here.door(), tmp_path / "archive", size=599).end == END


def test_what_is_noted_is_let_go_of_though_no_head_covers_it_any_more(
    host_home: Home, tmp_path: Path, small: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    for home, _writer, _made in grown(host_home):
        broken_off(home, tmp_path / "archive", "let go")
        monkeypatch.setattr(jobs, "_head", lambda tx: b"")  # of the only partner, who is a new one
        assert archive(Home.load(home.path), here.door(), tmp_path / "archive", size=599).head == 600
        assert rows(home)[0] == END


@pytest.mark.parametrize("database", ["postgresql"], indirect=True)
def test_what_was_erased_leaves_the_bodies_that_were_kept_and_a_copy_that_is_brought_back(
    host_home: Home, tmp_path: Path, small: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    swept: list[str] = []

    def noted(db: Database, *tables: str, wait_ms: int | None = None) -> bool:
        swept.extend(tables)
        return sweep(db, *tables, wait_ms=wait_ms)

    monkeypatch.setattr("safeconduct.records.writer.sweep", noted)
    for home, writer, made in grown(host_home):
        archive(home, here.door(), tmp_path / "archive", size=599)
        system = {"person": "system", "roles": ["system"]}
        asked = {"actor": system, "record": made.record, "parts": ["summary"], "reason": "asked for"}
        before = writer.log.entry(made.index).body
        here.door().call("erase", asked)
        assert {"ledger_leaf", "ledger_kept"} <= set(swept)
        # As a copy of before has it: the first entries archived, and nothing of them erased yet.
        writer.log.replace_body(made.index, before)
        assert _erase_again(Home.load(home.path), tmp_path, Home.load(home.path)) == 1
