"""SoftHSM as the token of tests: in a folder of its own, with fresh tokens as often as they are asked for."""

from __future__ import annotations

import gc
import os
import secrets
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from safeconduct.exchange.custody import forget_keys
from safeconduct.ledger import tokens
from safeconduct.records.home import Home

PIN = secrets.token_hex(8)


@dataclass(frozen=True)
class Hsm:
    """SoftHSM with a folder of its own; this process's module reads it from the environment."""

    folder: Path
    module: str

    def token(self, pin: str = PIN) -> str:
        """The label of a fresh token."""
        label = f"t{secrets.token_hex(6)}"
        command = ["softhsm2-util", "--init-token", "--free", "--label", label, "--so-pin", PIN, "--pin", pin]
        subprocess.run(command, check=True, capture_output=True)
        self.look_again()
        return label

    def emptied(self, label: str, pin: str = PIN) -> str:
        """The same token, as if it were fresh."""
        session = self.session(label, pin)
        for each in list(session.get_objects()):
            each.destroy()
        session.close()
        return label

    def look_again(self) -> None:
        """Another process has changed what is plugged in: the module begins anew, as in a process that starts. It
        stays loaded, and what holds its old sessions is cleared away before: its handles are given out again, and a
        session that is closed late would close another's."""
        import pkcs11

        forget_keys()
        tokens.token.cache_clear()
        tokens._wrong.clear()
        gc.collect()
        pkcs11.lib(self.module).reinitialize()

    def labels(self, label: str, pin: str = PIN) -> list[str]:
        """Under what its private keys lie."""
        import pkcs11

        wanted = {pkcs11.Attribute.CLASS: pkcs11.ObjectClass.PRIVATE_KEY}
        return sorted(each.label for each in self.session(label, pin).get_objects(wanted))

    def session(self, label: str, pin: str = PIN) -> Any:
        return tokens.token(self.module, label, pin)._token.open(rw=True)


def module() -> str:
    """SoftHSM's module; without one the test is skipped, except where everything is tried."""
    places = [Path("/usr/lib/softhsm/libsofthsm2.so"), *Path("/usr/lib").glob("*/softhsm/libsofthsm2.so")]
    found = next((str(each) for each in places if each.exists()), "")
    if not found and not os.environ.get("CI"):
        pytest.skip("SoftHSM is not here")
    assert found, "install the package softhsm2"
    return found


def write_pin(home: Home, pin: str = PIN, name: str = "pin") -> None:
    file = home.keys / name
    file.unlink(missing_ok=True)
    file.touch(mode=0o600)
    file.write_text(f"{pin}\n")
