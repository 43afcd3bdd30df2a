"""A home whose signing keys are exchanged for others, and what to look at before and after."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from safeconduct.exchange import rotation, succession
from safeconduct.exchange.custody import Keeping, forget_keys
from safeconduct.exchange.identity import Keys
from safeconduct.exchange.rotation import Rotated
from safeconduct.exchange.succession import known_halves
from safeconduct.ledger import tokens
from safeconduct.ledger.keys import SigningKey
from safeconduct.node.key_custody import into_token
from safeconduct.node.setting_up import create_home
from safeconduct.records.door import Door
from safeconduct.records.home import Home, Partner
from softhsm import Hsm, write_pin

ROLES = {"ledger", "witness", "feed to cn"}
OTHER_PIN = "8642135790"


class Asked(Door):
    """A door behind which jobs are only counted."""

    def __init__(self, home: Home) -> None:
        super().__init__(home)
        self.jobs: list[tuple[str, Any]] = []

    def call(self, job: str, payload: dict[str, Any]) -> dict[str, Any]:
        self.jobs.append((job, payload))
        return {}


def rotate(home: Home, into: Keeping | None = None, lost: bool = False) -> Rotated:
    return rotation.rotate(Home.load(home.path), Asked(home), False, into, lost)


def signs(home: Home) -> dict[str, str]:
    """The public halves of the keys that a node would start with, each tried."""
    forget_keys()
    found = Home.load(home.path)
    keys = Keys.of(found)
    all_of_them = {"ledger": keys.ledger, "witness": keys.witness, "feed to cn": keys.feed("cn")}
    for key in all_of_them.values():
        assert key.verifier.verify(b"x", key.sign(b"x"))
    halves = {role: key.vkey for role, key in all_of_them.items()}
    assert known_halves(found) == halves
    return halves


def token_named(home: Home) -> str:
    return str(Home.load(home.path).settings["keys"]["token"])


def all_new(before: dict[str, str], after: dict[str, str]) -> bool:
    return before.keys() == after.keys() == ROLES and not set(before.values()) & set(after.values())


def key_files(home: Home) -> set[str]:
    others = {"tls.key", "tls.pem", "stick.key", "decoy.key", "pin", "parts", "django"}
    return {each.name for each in home.keys.iterdir()} - others


def paired_home(folder: Path) -> Home:
    """A home with its keys in files, one of them for the feed of a partner, and a PIN."""
    made = create_home(folder, "pk", "host", "Host Party", 8001, 9001, {})
    made = made.with_partner(Partner("cn", "pk-cn", "Partner"))
    made.save()
    Keys.of(made).feed("cn")
    write_pin(made)
    return made


def clinging(hsm: Hsm, home: Home) -> Home:
    """The home's keys in a token that does not let go of them."""
    from pkcs11 import Attribute as A
    from pkcs11 import KeyType, ObjectClass

    label = hsm.token()
    session = hsm.session(label)
    for place, name, _ in succession.signing_keys(home):
        key = SigningKey.load(home.keys / f"{place}.key")
        kind = {A.KEY_TYPE: KeyType.EC_EDWARDS, A.EC_PARAMS: tokens._ED25519, A.TOKEN: True, A.LABEL: name}
        private = {A.CLASS: ObjectClass.PRIVATE_KEY, A.VALUE: key.seed(), A.SIGN: True, A.DESTROYABLE: False}
        session.create_object({**kind, **private, A.PRIVATE: True, A.SENSITIVE: True, A.EXTRACTABLE: False})
    session.close()
    return into_token(home, hsm.module, label, move=True)


class Killed(BaseException):
    """The process ended here."""
