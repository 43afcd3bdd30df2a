"""What stands in the way of an exchange of signing keys: tokens full, shared, gone or clinging, PINs, old files."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
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
    clinging,
    paired_home,
    rotate,
    signs,
    token_named,
)
from safeconduct.exchange import rotation, succession
from safeconduct.exchange.custody import Keeping, forget_keys
from safeconduct.exchange.identity import Keys
from safeconduct.exchange.rotation import Rotated
from safeconduct.exchange.succession import Succession, known_halves
from safeconduct.ledger import tokens
from safeconduct.ledger.keys import KeyRefused, SigningKey
from safeconduct.ledger.tokens import Token
from safeconduct.node.key_custody import into_token
from safeconduct.node.setting_up import create_home
from safeconduct.records.home import Home, HomeError, Partner
from softhsm import PIN, Hsm, write_pin


@pytest.fixture
def home(tmp_path: Path) -> Home:
    return paired_home(tmp_path / "home")


@pytest.fixture
def kept(hsm: Hsm, home: Home) -> Home:
    """The same with its keys in a token."""
    return into_token(home, hsm.module, hsm.token(), move=True)


@pytest.fixture(scope="module")
def two(hsm: Hsm) -> tuple[str, str]:
    """Two tokens for all tests here; the second has another PIN."""
    return hsm.token(), hsm.token(OTHER_PIN)


def nothing_happened(home: Home, before: dict[str, str], label: str, hsm: Hsm, count: int) -> None:
    hsm.look_again()
    assert signs(home) == before and Succession.under_way(home) is None
    assert len(hsm.labels(label)) == count


def test_a_wrong_pin_changes_nothing_and_is_tried_once(
    hsm: Hsm, kept: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    before, label = signs(kept), token_named(kept)
    tried: list[str] = []
    opened = Token.__init__
    monkeypatch.setattr(
        Token, "__init__", lambda self, m, t, pin: (tried.append(pin), opened(self, m, t, pin))[1]
    )
    hsm.look_again()
    write_pin(kept, "0000000")
    for _ in range(3):
        with pytest.raises(KeyRefused, match="the PIN is wrong") as refused:
            rotate(kept)
        assert "0000000" not in str(refused.value)
    assert tried == ["0000000"], "three wrong ones lock a token"
    write_pin(kept)
    other = hsm.token()
    write_pin(kept, "1111111", "pin.next")
    with pytest.raises(KeyRefused, match="the PIN is wrong"):
        rotate(kept, Keeping(hsm.module, other))
    nothing_happened(kept, before, label, hsm, 3)
    assert hsm.labels(other) == []


@contextmanager
def room_for(count: int) -> Iterator[None]:
    """A token that takes so many more keys."""
    import pkcs11
    import pkcs11.exceptions

    left = [count]

    class Domain:
        def __init__(self, made: Any) -> None:
            self.made = made

        def generate_keypair(self, **given: Any) -> Any:
            if not left[0]:
                raise pkcs11.exceptions.DeviceMemory()
            left[0] -= 1
            return self.made.generate_keypair(**given)

    class Session:
        def __init__(self, held: Any) -> None:
            self.held = held

        def __getattr__(self, name: str) -> Any:
            return getattr(self.held, name)

        def create_domain_parameters(self, *given: Any, **more: Any) -> Domain:
            return Domain(self.held.create_domain_parameters(*given, **more))

    entered = tokens._Writing.__enter__
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(tokens._Writing, "__enter__", lambda self: Session(entered(self)))
        yield


@pytest.mark.parametrize("count", (0, 1, 2))
def test_a_full_token_is_left_as_it_was(hsm: Hsm, kept: Home, count: int) -> None:
    before, label = signs(kept), token_named(kept)
    with room_for(count), pytest.raises(KeyRefused, match=f"the token {label} is full"):
        rotate(kept)
    nothing_happened(kept, before, label, hsm, 3)
    rotate(kept)
    assert all_new(before, signs(kept))


def test_labels_that_are_there_already_are_not_taken(
    hsm: Hsm, kept: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    before, label, taken, free = signs(kept), token_named(kept), "a" * 16, "b" * 16
    strangers = tokens.token(hsm.module, label, PIN)
    strangers.create("pk.safeconduct/witness", "cosignature/v1", f"pk.safeconduct/witness {taken}")
    sets = iter((taken, taken, free))
    monkeypatch.setattr(succession, "new_set", lambda: next(sets))
    assert rotate(kept) == Rotated()
    assert all_new(before, signs(kept)) and Keeping.of(Home.load(kept.path)).set == free
    assert f"pk.safeconduct/witness {taken}" in hsm.labels(label)
    with pytest.raises(KeyRefused, match=r"has a key .* already"):
        strangers.create("pk.safeconduct/witness", "cosignature/v1", f"pk.safeconduct/witness {taken}")


def test_what_the_token_does_not_let_go_of_is_said_and_not_used(hsm: Hsm, home: Home) -> None:
    home = clinging(hsm, home)
    before, label = signs(home), token_named(home)
    done = rotate(home)
    assert len(done.left) == 3 and all("does not allow it" in each and label in each for each in done.left)
    assert all_new(before, signs(home)) and len(hsm.labels(label)) == 6
    after = signs(home)
    assert rotate(home).left == (), "it is said once, and what can go goes"
    assert all_new(after, signs(home)) and len(hsm.labels(label)) == 6


def test_a_credential_of_the_former_token_stands_in_the_way_of_nothing(
    hsm: Hsm, two: tuple[str, str], kept: Home, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "pkcs11-pin").write_text(f"{PIN}\n")
    monkeypatch.setenv("CREDENTIALS_DIRECTORY", str(tmp_path))
    (kept.keys / "pin").unlink()
    write_pin(kept, OTHER_PIN, "pin.next")
    before, into = signs(kept), Keeping(hsm.module, hsm.emptied(two[1], OTHER_PIN))
    with monkeypatch.context() as patch:
        patch.setattr(succession, "conclude", lambda *_: (_ for _ in ()).throw(Killed()))
        with pytest.raises(Killed):
            rotate(kept, into)
    hsm.look_again()
    assert all_new(before, signs(kept))
    assert rotate(kept) == Rotated(True)
    assert (kept.keys / "pin").read_text() == f"{OTHER_PIN}\n"


def test_from_one_makers_module_to_anothers(
    hsm: Hsm, two: tuple[str, str], kept: Home, tmp_path: Path
) -> None:
    import pkcs11

    shutil.copy(hsm.module, other := tmp_path / "another.so")
    before, first, second = signs(kept), token_named(kept), hsm.emptied(two[1], OTHER_PIN)
    write_pin(kept, OTHER_PIN, "pin.next")
    try:
        assert rotate(kept, Keeping(str(other), second)) == Rotated()
        assert all_new(before, signs(kept)) and token_named(kept) == second
        assert len(hsm.labels(second, OTHER_PIN)) == 3 and hsm.labels(first) == []
    finally:
        hsm.look_again()
        pkcs11.unload(str(other))


def test_a_token_that_says_yes_and_keeps_the_key_is_not_believed(
    hsm: Hsm, kept: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = signs(kept)
    monkeypatch.setattr(Token, "_under", lambda self, *_: [])  # what is to be destroyed is not found
    monkeypatch.setattr(Token, "has", lambda self, label: label == "pk.safeconduct/witness")
    done = rotate(kept)
    (left,) = done.left
    assert "pk.safeconduct/witness is not destroyed" in left and "keeps it" in left
    assert all_new(before, signs(kept))


def test_a_token_that_both_nodes_share_loses_nothing_of_the_other(
    hsm: Hsm, home: Home, tmp_path: Path
) -> None:
    label = hsm.token()
    other = create_home(tmp_path / "cn", "cn", "partner", "Partner Party", 8002, 9002, {})
    other = other.with_partner(Partner("pk", "pk-cn", "Host"))
    other.save()
    Keys.of(other).feed("pk")
    write_pin(other)
    for each in (home, other):
        into_token(each, hsm.module, label, move=True)
    theirs = known_halves(Home.load(other.path))
    before = signs(home)
    assert rotate(home) == rotate(home) == Rotated()
    assert all_new(before, signs(home)) and len(hsm.labels(label)) == 6
    forget_keys()
    keys = Keys.of(Home.load(other.path))
    assert {keys.ledger.vkey, keys.witness.vkey, keys.feed("pk").vkey} == set(theirs.values())
    keys.ledger.sign(b"x")


def test_a_key_under_the_old_label_that_is_another_is_not_destroyed(hsm: Hsm, kept: Home) -> None:
    label = token_named(kept)
    for each in list((session := hsm.session(label)).get_objects()):
        if each.label == "pk.safeconduct/feed/cn":
            each.destroy()
    session.close()
    tokens.token(hsm.module, label, PIN).create("pk.safeconduct/feed/cn", "ed25519")
    done = rotate(kept)
    assert len(done.left) == 1 and "another than this node's" in done.left[0]
    assert "pk.safeconduct/feed/cn" in hsm.labels(label) and len(hsm.labels(label)) == 4


def test_who_has_read_node_toml_before_another_rotation_does_not_write_over_it(hsm: Hsm, kept: Home) -> None:
    stale = Home.load(kept.path)
    rotate(kept)
    after = signs(kept)
    for lost in (False, True):
        with pytest.raises(HomeError, match="changed meanwhile"):
            rotation.rotate(stale, Asked(stale), False, None, lost)
    assert signs(kept) == after


def test_a_home_with_public_halves_of_before_signs_nothing(hsm: Hsm, kept: Home) -> None:
    old = {
        each: (kept.path / each).read_bytes()
        for each in ("node.toml", "keys/ledger.vkey", "keys/witness.vkey")
    }
    rotate(kept)
    for name in ("keys/ledger.vkey", "keys/witness.vkey"):
        (kept.path / name).touch(mode=0o600)
    for name, content in old.items():
        (kept.path / name).write_bytes(content)
    with pytest.raises(KeyRefused, match=r"has no key pk\.safeconduct/ledger: it was removed"):
        signs(kept)
    for name in ("keys/ledger.vkey", "keys/witness.vkey"):
        (kept.path / name).unlink()
    with pytest.raises(KeyRefused, match=r"which says which key .* with the node\.toml of then"):
        signs(kept)


def test_a_key_file_that_lies_about_is_neither_taken_nor_destroyed(hsm: Hsm, kept: Home) -> None:
    before, label = signs(kept), token_named(kept)
    SigningKey.generate("pk.safeconduct/ledger").save(kept.keys / "ledger.key")
    with pytest.raises(KeyRefused, match="move it away first"):
        rotate(kept, Keeping())
    nothing_happened(kept, before, label, hsm, 3)
    assert (kept.keys / "ledger.key").exists()


def test_without_being_called_lost_keys_out_of_reach_are_not_exchanged(hsm: Hsm, kept: Home) -> None:
    named = {"module": hsm.module, "token": "nowhere"}
    replace(kept, settings={**kept.settings, "keys": named}).save()
    for into in (None, Keeping(), Keeping(hsm.module, token_named(kept))):
        with pytest.raises(KeyRefused, match="no token nowhere"):
            rotate(kept, into)
    assert Succession.under_way(kept) is None and Home.load(kept.path).settings["keys"] == named


def test_new_keys_whose_token_went_away_meanwhile_are_said(hsm: Hsm, kept: Home) -> None:
    before = signs(kept)
    made = succession.begin(kept, Keeping(hsm.module, hsm.token()), False)
    (kept.keys / succession.UNDER_WAY).unlink()
    succession.Succession(made.before, replace(made.after, token="nowhere"), made.places, False).write(kept)
    done = rotate(kept)
    assert len(done.left) == 3 and all("no token nowhere" in each for each in done.left)
    assert all_new(before, signs(kept))


def test_what_was_interrupted_elsewhere_destroys_nothing_here(hsm: Hsm, kept: Home) -> None:
    label = token_named(kept)
    made = succession.begin(kept, Keeping(hsm.module, label), False)
    named = {"module": hsm.module, "token": label, "set": "c" * 16}
    replace(kept, settings={**kept.settings, "keys": named}).save()
    for lost in (False, True):
        with pytest.raises(KeyRefused, match="other keys than those of the exchange that was interrupted"):
            rotate(kept, None, lost)
    assert len(hsm.labels(label)) == 6 and Succession.under_way(kept) == made


@pytest.mark.parametrize(
    "text", ("", "[]", "{}", '{"before": 3, "after": null, "places": [], "lost": false}', "[" * 9999)
)
def test_a_note_of_what_is_under_way_that_cannot_be_read_stops_the_next(
    hsm: Hsm, kept: Home, text: str
) -> None:
    before, label = signs(kept), token_named(kept)
    (kept.keys / succession.UNDER_WAY).touch(mode=0o600)
    (kept.keys / succession.UNDER_WAY).write_text(text)
    with pytest.raises(KeyRefused, match="renewal cannot be read"):
        rotate(kept)
    (kept.keys / succession.UNDER_WAY).unlink()
    nothing_happened(kept, before, label, hsm, 3)


@pytest.mark.parametrize(
    "keys", ({"module": "m", "token": "t", "set": "../x"}, {"module": "m", "token": "t", "set": 3})
)
def test_a_set_that_is_none_is_refused(home: Home, keys: dict[str, Any]) -> None:
    replace(home, settings={**home.settings, "keys": keys}).save()
    with pytest.raises(KeyRefused, match="and a set where keys were renewed"):
        Keys.of(Home.load(home.path))


def test_keys_enter_a_token_again_after_they_came_back_into_files(hsm: Hsm, kept: Home) -> None:
    label = token_named(kept)
    rotate(kept, Keeping())
    present = signs(kept)
    into_token(Home.load(kept.path), hsm.module, label, move=True)
    assert signs(kept) == present and len(hsm.labels(label)) == 3
    with pytest.raises(HomeError, match="already"):
        into_token(Home.load(kept.path), hsm.module, label, move=True)


def test_no_token_is_entered_while_an_exchange_is_under_way(hsm: Hsm, home: Home) -> None:
    made = succession.begin(home, Keeping(hsm.module, hsm.token()), False)
    with pytest.raises(HomeError, match="exchange rotate"):
        into_token(home, hsm.module, made.after.token, move=True)


def test_files_are_exchanged_over_what_an_interrupted_attempt_left(home: Home) -> None:
    before = known_halves(home)
    SigningKey.generate("pk.safeconduct/ledger").save(home.keys / "ledger.key.new")
    assert rotate(home) == Rotated()
    assert all_new(before, signs(home)) and not list(home.keys.glob("*.new"))
