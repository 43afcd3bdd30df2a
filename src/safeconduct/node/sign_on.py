"""`oidc` in node.toml: the office's own OpenID Connect issuer, and how this node proves itself to it."""

from __future__ import annotations

import stat
from collections.abc import Mapping
from pathlib import Path
from urllib.parse import urlsplit

from safeconduct.people.oidc import LOOPBACK, Issuer
from safeconduct.records.home import Home, HomeError

NEEDED = {"issuer", "client_id", "secret_file"}
OPTIONAL = {"name", "ca"}


def sign_on(home: Home) -> Issuer | None:
    """The issuer that the home names; None for none. Raises HomeError for a faulty one, in words."""
    given = home.settings.get("oidc")
    if given is None:
        return None
    if not isinstance(given, Mapping) or not set(given) >= NEEDED or set(given) - NEEDED - OPTIONAL:
        raise HomeError(f"oidc in node.toml has {', '.join(sorted(NEEDED))}, and if you like name and ca")
    if not all(isinstance(value, str) and value.strip() for value in given.values()):
        raise HomeError("oidc in node.toml: each value is a text")
    where = urlsplit(given["issuer"])
    if where.scheme != "https" and not (where.scheme == "http" and where.hostname in LOOPBACK):
        raise HomeError("oidc in node.toml: the issuer's address begins with https://")
    if not where.hostname or where.query or where.fragment or where.username:
        raise HomeError("oidc in node.toml: the issuer is an address without query or fragment")
    return Issuer(
        issuer=given["issuer"],
        client_id=given["client_id"],
        secret=_secret(home.path / given["secret_file"]),
        name=given.get("name", where.hostname),
        ca=_existing(home.path / given["ca"]) if "ca" in given else "",
    )


def _secret(path: Path) -> str:
    try:
        mode = stat.S_IMODE(path.stat().st_mode)
        if mode & 0o077:
            raise HomeError(f"{path}: others may read it; chmod 600 it")
        found = path.read_text("utf-8").strip()
    except (OSError, UnicodeDecodeError) as fault:
        raise HomeError(f"oidc in node.toml: {path} cannot be read") from fault
    if not found or len(found) > 4096:
        raise HomeError(f"{path} holds no secret")
    return found


def _existing(path: Path) -> str:
    if not path.is_file():
        raise HomeError(f"oidc in node.toml: {path} is no file")
    return str(path)
