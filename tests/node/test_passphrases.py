"""A passphrase is asked for or taken from the environment; it is never an argument."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import CliRunner

from safeconduct.agreement.acts import StatusAct
from safeconduct.agreement.signatures import create_key_file, file_signatory, public_of_key_file
from safeconduct.node.cli import main
from safeconduct.node.commands.passphrases import NAME

WORDS = "four words of nobody"


def act_for(key: Path, passphrase: str | None, file: Path) -> Path:
    """An act that this key is to sign."""
    signer = file_signatory("pk", "-", public_of_key_file(key, passphrase)).key_id
    made = StatusAct(
        agreement="pk-cn",
        clause="4",
        text="sha256:" + "0" * 64,
        to="agreed",
        by="pk",
        seq=1,
        previous="",
        seen={},
        key=signer,
        at=1,
    )
    file.write_text(json.dumps(made.to_dict()))
    return file


def test_a_key_with_a_passphrase_asks_for_it(tmp_path: Path) -> None:
    key = tmp_path / "key.pem"
    create_key_file(key, WORDS)
    act = act_for(key, WORDS, tmp_path / "act.json")
    arguments = ["agreement", "sign-text", "--key", str(key), str(act)]
    asked = CliRunner().invoke(main, arguments, input=WORDS + "\n", env={NAME: None})
    assert asked.exit_code == 0 and "Passphrase of key.pem" in asked.output and WORDS not in asked.output
    given = CliRunner().invoke(main, arguments, env={NAME: WORDS})
    assert json.loads(given.output) and json.loads(asked.output.splitlines()[-1]) == json.loads(given.output)
    wrong = CliRunner().invoke(main, arguments, input="no\n", env={NAME: None})
    assert wrong.exit_code == 1 and "passphrase does not open it" in wrong.output


def test_a_key_without_one_asks_nothing(tmp_path: Path) -> None:
    key = tmp_path / "key.pem"
    create_key_file(key)
    act = act_for(key, None, tmp_path / "act.json")
    told = CliRunner().invoke(main, ["agreement", "sign-text", "--key", str(key), str(act)], env={NAME: None})
    assert told.exit_code == 0 and "Passphrase" not in told.output


def test_a_new_key_is_made_with_the_passphrase_that_was_typed_twice(tmp_path: Path) -> None:
    key = tmp_path / "key.pem"
    typed = CliRunner().invoke(
        main, ["agreement", "keygen", str(key)], input=f"{WORDS}\n{WORDS}\n", env={NAME: None}
    )
    assert typed.exit_code == 0 and public_of_key_file(key, WORDS) in typed.output


@pytest.mark.parametrize("command", ["keygen", "sign", "sign-text"])
def test_no_command_takes_it_as_an_argument(command: str) -> None:
    told = CliRunner().invoke(main, ["agreement", command, "--passphrase", "x"])
    assert told.exit_code == 2 and "--passphrase" in told.output
