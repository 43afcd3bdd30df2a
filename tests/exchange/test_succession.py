"""One set of signing keys takes the place of another, in SoftHSM's tokens and in files: whole or not at all."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from exchange.succeeding import (
    OTHER_PIN,
    Asked,
    Killed,
    all_new,
    key_files,
    paired_home,
    rotate,
    signs,
    token_named,
)
from safeconduct.exchange import rotation
from safeconduct.exchange.custody import Keeping
from safeconduct.exchange.identity import Keys, forget_feed_key
from safeconduct.exchange.rotation import Rotated
from safeconduct.exchange.succession import Succession, known_halves
from safeconduct.ledger.tokens import Token
from safeconduct.node.key_custody import into_token
from safeconduct.records.home import Home, Partner
from softhsm import PIN, Hsm, write_pin


@pytest.fixture
def home(tmp_path: Path) -> Home:
    return paired_home(tmp_path / "home")


@pytest.fixture
def kept(hsm: Hsm, home: Home) -> Home:
    """The same with its keys in a token."""
    return into_token(home, hsm.module, hsm.token(), move=True)


def test_new_keys_are_made_in_the_token_and_the_old_ones_destroyed_there(hsm: Hsm, kept: Home) -> None:
    label, before, old_labels = token_named(kept), signs(kept), hsm.labels(token_named(kept))
    assert rotate(kept) == Rotated()
    after = signs(kept)
    named = Home.load(kept.path).settings["keys"]
    assert all_new(before, after) and named["token"] == label
    assert hsm.labels(label) == sorted(f"{name} {named['set']}" for name in old_labels)
    assert key_files(kept) == {f"{place}.{named['set']}.vkey" for place in ("ledger", "witness", "feed-cn")}
    ids = {each.id for each in hsm.session(label).get_objects()}
    assert len(ids) == 3 and all(ids), "a key and its public half have an id of their own"
    again = rotate(kept)
    assert again == Rotated() and all_new(after, signs(kept)) and len(hsm.labels(label)) == 3


def test_a_partner_of_later_has_its_key_in_the_same_set(hsm: Hsm, kept: Home) -> None:
    rotate(kept)
    later = Home.load(kept.path).with_partner(Partner("xx", "pk-xx", "Another"))
    later.save()
    Keys.of(later).feed("xx")
    assert f"pk.safeconduct/feed/xx {later.settings['keys']['set']}" in hsm.labels(token_named(kept))
    rotate(later)
    now = Home.load(kept.path)
    assert len(hsm.labels(token_named(kept))) == 4
    forget_feed_key(now, "xx")
    assert len(hsm.labels(token_named(kept))) == 3 and not list(now.keys.glob("feed-xx.*"))


FORMS = (
    "stay",
    "files to token",
    "another token",
    "token to files",
    "lost to token",
    "lost to files",
    "lost, same",
)


@pytest.fixture(scope="module")
def two(hsm: Hsm) -> tuple[str, str]:
    """Two tokens for all tests here; the second has another PIN."""
    return hsm.token(), hsm.token(OTHER_PIN)


def prepared(form: str, hsm: Hsm, two: tuple[str, str], home: Home) -> tuple[Keeping | None, bool]:
    """Bring the home to where the form begins; what the command is then told."""
    hsm.look_again()
    first, second = hsm.emptied(two[0]), hsm.emptied(two[1], OTHER_PIN)
    if form == "files to token":
        return Keeping(hsm.module, first), False
    settled = into_token(home, hsm.module, first, move=True)
    if form == "stay":
        return None, False
    if form == "token to files":
        return Keeping(), False
    if form == "another token":
        write_pin(home, OTHER_PIN, "pin.next")
        return Keeping(hsm.module, second), False
    hsm.emptied(first)
    if form == "lost, same":  # it is there again under its name
        return None, True
    named = {"module": hsm.module, "token": "nowhere"}
    replace(settled, settings={**settled.settings, "keys": named}).save()
    return (Keeping(hsm.module, first) if form == "lost to token" else Keeping()), True


@pytest.mark.parametrize("form", FORMS)
def test_every_form_leads_where_it_says(hsm: Hsm, two: tuple[str, str], home: Home, form: str) -> None:
    before = known_halves(home)
    into, lost = prepared(form, hsm, two, home)
    pin = OTHER_PIN if form == "another token" else PIN
    door = Asked(home)
    done = rotation.rotate(Home.load(home.path), door, False, into, lost)
    after = signs(home)
    assert all_new(before, after) and not done.resumed
    assert bool(done.left) == (form in ("lost to token", "lost to files"))
    assert [job for job, _ in door.jobs] == ["exchange_keys_renew", "exchange_keys_present"]
    assert door.jobs[1][1] == {"keys": after}
    found = Home.load(home.path)
    if into is not None and not into.token:
        assert "keys" not in found.settings
        assert key_files(home) == {"ledger.key", "witness.key", "feed-cn.key"}
    else:
        kept = Keeping.of(found)
        assert key_files(home) == {kept.file(home, p).name for p in ("ledger", "witness", "feed-cn")}
        assert kept.set and len(hsm.labels(kept.token, pin)) == 3
        assert (home.keys / "pin").read_text() == f"{pin}\n" and not (home.keys / "pin.next").exists()


@contextmanager
def killed_before(step: int) -> Iterator[list[str]]:
    """Whatever changes a disk or a token is a step; the process ends before this one. Yields those that were done."""
    done: list[str] = []

    def counted(name: str, function: Callable[..., Any]) -> Callable[..., Any]:
        def run(*given: Any, **more: Any) -> Any:
            if name == "unlink" and given[0].name.startswith("."):
                return function(*given, **more)
            if len(done) == step:
                raise Killed(name)
            done.append(name)
            return function(*given, **more)

        return run

    with pytest.MonkeyPatch.context() as patch:
        for owner, name in (
            (os, "link"), (Path, "unlink"), (Path, "replace"), (Token, "create"), (Token, "destroy"),
            (Asked, "call"),
        ):  # fmt: skip
            patch.setattr(owner, name, counted(name, getattr(owner, name)))
        yield done


@pytest.mark.parametrize("form", FORMS)
def test_killed_anywhere_it_leaves_one_set_of_keys_and_the_next_attempt_finishes(
    hsm: Hsm, two: tuple[str, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, form: str
) -> None:
    monkeypatch.setattr(rotation, "renew_transport", lambda home: (home.keys / "tls").unlink(missing_ok=True))
    step, resumed = 0, 0
    while True:
        home = paired_home(tmp_path / f"home-{step}")
        before = known_halves(home)
        into, lost = prepared(form, hsm, two, home)
        was = Keeping.of(Home.load(home.path))
        try:
            with killed_before(step) as done:
                rotate(home, into, lost)
        except Killed:
            pass
        else:
            break
        hsm.look_again()
        found, switched = Succession.under_way(home), Keeping.of(Home.load(home.path)) != was
        if switched or not lost:
            present = signs(home)
            assert all_new(before, present) if switched else present == before, (step, done)
        hsm.look_again()
        tried = rotate(home, into, lost and not switched)
        assert tried.resumed == (found is not None and switched)
        resumed += tried.resumed
        hsm.look_again()
        after = signs(home)
        assert all_new(before, after) and Succession.under_way(home) is None
        assert not list(home.keys.glob("*.new")) and not list(home.keys.glob("pin.*"))
        now = Keeping.of(Home.load(home.path))
        assert key_files(home) == {now.file(home, p).name for p in ("ledger", "witness", "feed-cn")}
        if now.token:
            left = hsm.labels(now.token, OTHER_PIN if form == "another token" else PIN)
            assert len(left) == 3 and all(name.endswith(now.set) for name in left), (step, left)
        step += 1
    assert step >= 12 and resumed > 3
