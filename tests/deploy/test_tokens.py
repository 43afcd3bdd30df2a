"""The node's signing keys in a PKCS#11 token, with SoftHSM as the token: signed as ever, or refused in words."""

from __future__ import annotations

import stat
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

import ready
from safeconduct.exchange import custody
from safeconduct.exchange.identity import Card, Keys, feed_origin, ledger_origin, make_card
from safeconduct.ledger.keys import KeyRefused, SigningKey, Verifier
from safeconduct.ledger.notes import Checkpoint, cosign, open_checkpoint, sign_checkpoint
from safeconduct.ledger.tokens import Token
from safeconduct.node.key_custody import into_token, shown
from safeconduct.node.setting_up import create_home
from safeconduct.records.databases import has_ledger
from safeconduct.records.home import Home, HomeError, Partner
from softhsm import PIN, Hsm, write_pin


@pytest.fixture
def home(tmp_path: Path) -> Home:
    made = create_home(tmp_path / "home", "pk", "host", "Host Party", 8001, 9001, {})
    write_pin(made)
    return made


def kept(home: Home) -> dict[str, str]:
    return {each.verifier.name: each.verifier.vkey for each in (Keys.of(home).ledger, Keys.of(home).witness)}


def test_new_keys_are_the_tokens_own_and_sign_as_ever(hsm: Hsm, home: Home) -> None:
    before = kept(home)
    settled = into_token(home, hsm.module, hsm.token(), move=False)
    assert Home.load(home.path).settings["keys"] == settled.settings["keys"]
    keys = Keys.of(settled)
    assert kept(settled).keys() == before.keys() and not set(kept(settled).values()) & set(before.values())
    head = Checkpoint(ledger_origin("pk"), 7, bytes(32))
    note = sign_checkpoint(head, keys.ledger)
    assert open_checkpoint(note, [keys.ledger.verifier]).checkpoint == head
    cosigned = note + cosign(note, keys.witness, 1_700_000_000)
    assert open_checkpoint(cosigned, [keys.ledger.verifier, keys.witness.verifier]).verified == {
        keys.ledger.name: None,
        keys.witness.name: 1_700_000_000,
    }
    feed = keys.feed("cn")
    assert feed.verifier.verify(b"x", feed.sign(b"x")) and feed.name == feed_origin("pk", "cn")
    card = Card.parse(make_card(settled, "cn", "pk-cn"))
    assert (card.ledger, card.feed, card.witness) == (
        keys.ledger.verifier,
        feed.verifier,
        keys.witness.verifier,
    )
    assert not list(home.keys.glob("*.key")) or {each.name for each in home.keys.glob("*.key")} <= {
        "tls.key", "stick.key", "decoy.key",
    }  # fmt: skip


def test_moved_keys_stay_the_same_and_leave_their_files(hsm: Hsm, home: Home) -> None:
    paired = home.with_partner(Partner("cn", "pk-cn", "Partner"))
    paired.save()
    Keys.of(paired).feed("cn")
    before = {verifier.vkey for verifier, _ in shown(paired)}
    label = hsm.token()
    settled = into_token(paired, hsm.module, label, move=True)
    found = shown(settled)
    assert {verifier.vkey for verifier, _ in found} == before and len(before) == 3
    assert {where for _, where in found} == {f"token {label}"}
    for place in ("ledger", "witness", "feed-cn"):
        assert not (home.keys / f"{place}.key").exists()
        assert stat.S_IMODE((home.keys / f"{place}.vkey").stat().st_mode) == 0o600


def test_nobody_reads_the_key_out_of_the_token(hsm: Hsm, home: Home) -> None:
    import pkcs11

    for move in (True, False):
        label = hsm.token()
        held = Token(hsm.module, label, PIN)
        if move:
            seed = SigningKey.generate("k")
            held.take_in("k", seed.seed(), seed.verifier)
        else:
            held.create("k", "ed25519")
        private = held._session.get_key(object_class=pkcs11.ObjectClass.PRIVATE_KEY, label="k")
        assert private[pkcs11.Attribute.SENSITIVE] and not private[pkcs11.Attribute.EXTRACTABLE]
        with pytest.raises(pkcs11.exceptions.AttributeSensitive):
            private[pkcs11.Attribute.VALUE]


def wrong_pin(hsm: Hsm, home: Home) -> str:
    write_pin(home, "0000000")
    return "the PIN is wrong"


def no_pin(hsm: Hsm, home: Home) -> str:
    (home.keys / "pin").unlink()
    return "cannot open .*pin"


def empty_pin(hsm: Hsm, home: Home) -> str:
    write_pin(home, "")
    return "PIN is empty"


def open_pin(hsm: Hsm, home: Home) -> str:
    (home.keys / "pin").chmod(0o640)
    return "can be touched by others"


def missing_token(hsm: Hsm, home: Home) -> str:
    named = home.settings["keys"]["token"]
    command = ["softhsm2-util", "--delete-token", "--token", named]
    subprocess.run(command, check=True, capture_output=True)
    return f"no token {named} is plugged in"


def removed_key(hsm: Hsm, home: Home) -> str:
    import pkcs11

    session = pkcs11.lib(hsm.module).get_token(token_label=home.settings["keys"]["token"]).open(
        user_pin=PIN, rw=True
    )  # fmt: skip
    for each in list(session.get_objects({pkcs11.Attribute.LABEL: ledger_origin("pk")})):
        each.destroy()
    session.close()
    return "has no key pk.safeconduct/ledger: it was removed"


def another_key(hsm: Hsm, home: Home) -> str:
    removed_key(hsm, home)
    hsm.look_again()
    Token(hsm.module, home.settings["keys"]["token"], PIN).create(ledger_origin("pk"), "ed25519")
    return "another than this node's"


def two_keys(hsm: Hsm, home: Home) -> str:
    held = Token(hsm.module, home.settings["keys"]["token"], PIN)
    held._refuse_second = lambda name: None  # type: ignore[method-assign]
    other = SigningKey.generate(ledger_origin("pk"))
    with pytest.raises(KeyRefused):
        held.take_in(ledger_origin("pk"), other.seed(), other.verifier)
    return "two keys"


def no_public_half(hsm: Hsm, home: Home) -> str:
    (home.keys / "ledger.vkey").unlink()
    return "which says which key"


def no_module(hsm: Hsm, home: Home) -> str:
    _with_keys(home, {**home.settings["keys"], "module": "/nowhere/lib.so"})
    return "/nowhere/lib.so cannot be loaded"


def nonsense(hsm: Hsm, home: Home) -> str:
    _with_keys(home, {"token": 3})
    return "keys is { module"


def _with_keys(home: Home, keys: object) -> None:
    settings = {**home.settings, "keys": keys}
    Home(home.path, home.party, home.side, home.name, home.partners, settings).save()


FAULTS = [
    wrong_pin, no_pin, empty_pin, open_pin, missing_token, removed_key, another_key, two_keys, no_public_half,
    no_module, nonsense,
]  # fmt: skip


@pytest.mark.parametrize("fault", FAULTS, ids=lambda each: each.__name__)
def test_without_its_own_key_the_node_has_none(
    hsm: Hsm, home: Home, fault: Callable[[Hsm, Home], str]
) -> None:
    into_token(home, hsm.module, hsm.token(), move=False)
    hsm.look_again()
    said = fault(hsm, Home.load(home.path))
    hsm.look_again()
    with pytest.raises(KeyRefused, match=said) as refused:
        Keys.of(Home.load(home.path))
    assert PIN not in str(refused.value)
    assert not (home.keys / "ledger.key").exists()


def test_the_writer_does_not_start_and_says_why(hsm: Hsm, prepared: Path, tmp_path: Path) -> None:
    home = Home.load(ready.copy(prepared, tmp_path / "home"))
    Keys.of(home)
    write_pin(home)
    into_token(home, hsm.module, hsm.token(), move=True)
    write_pin(home, "0000000")
    said = subprocess.run(
        [sys.executable, "-m", "safeconduct.node.processes", "writer", str(home.path)],
        capture_output=True,
        text=True,
        check=False,
    )
    assert said.returncode == 1
    assert "the writer does not start: the PIN is wrong" in said.stderr
    assert "Traceback" not in said.stderr and "0000000" not in said.stderr
    assert not has_ledger(home) or ready.leaves(home) == []


def test_the_pin_comes_as_a_credential_before_it_comes_from_the_file(
    home: Home, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert custody.pin_of(home) == PIN
    monkeypatch.setenv("CREDENTIALS_DIRECTORY", str(tmp_path))
    assert custody.pin_of(home) == PIN
    (tmp_path / "pkcs11-pin").write_text("987654\n")
    assert custody.pin_of(home) == "987654"


def test_a_paired_node_gets_no_new_keys_and_a_token_is_entered_once(hsm: Hsm, home: Home) -> None:
    paired = home.with_partner(Partner("cn", "pk-cn", "Partner"))
    with pytest.raises(HomeError, match="--move"):
        into_token(paired, hsm.module, hsm.token(), move=False)
    settled = into_token(home, hsm.module, hsm.token(), move=False)
    with pytest.raises(HomeError, match="already"):
        into_token(settled, hsm.module, hsm.token(), move=False)


def test_a_wrong_pin_on_the_way_in_loses_nothing(hsm: Hsm, home: Home) -> None:
    before, label = kept(home), hsm.token()
    write_pin(home, "0000000")
    with pytest.raises(KeyRefused, match="PIN is wrong"):
        into_token(home, hsm.module, label, move=True)
    assert kept(Home.load(home.path)) == before
    write_pin(home)
    assert kept(into_token(home, hsm.module, label, move=True)) == before


def test_a_key_of_that_name_is_never_replaced(hsm: Hsm, home: Home) -> None:
    label = hsm.token()
    other = SigningKey.generate(ledger_origin("pk"))
    Token(hsm.module, label, PIN).take_in(other.name, other.seed(), other.verifier)
    hsm.look_again()
    for move in (False, True):
        with pytest.raises(KeyRefused, match=r"already|another than"):
            into_token(home, hsm.module, label, move=move)
    assert (home.keys / "ledger.key").exists()
    assert Verifier.parse(kept(home)[other.name]) != other.verifier
