"""The key that signs sessions and seals second-factor secrets: `keys/django` in the node's home."""

from __future__ import annotations

import contextlib
import os
import secrets
from pathlib import Path

from safeconduct.records.home import Home


def secret_key(home: Home) -> str:
    """The node's key, made (mode 0600) the first time it is asked for.

    Processes that start together agree on one key: the file appears complete, by a link that only one wins.
    """
    path = home.keys / "django"
    with contextlib.suppress(FileNotFoundError):
        return path.read_text(encoding="ascii")
    home.keys.mkdir(mode=0o700, exist_ok=True)
    temporary = Path(f"{path}.{os.getpid()}.{secrets.token_hex(4)}")
    descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        with os.fdopen(descriptor, "w", encoding="ascii") as target:
            target.write(secrets.token_urlsafe(64))
            target.flush()
            os.fsync(target.fileno())
        with contextlib.suppress(FileExistsError):
            path.hardlink_to(temporary)
    finally:
        temporary.unlink()
    return path.read_text(encoding="ascii")
