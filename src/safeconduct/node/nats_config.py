"""What a NATS server has to know of a node: an account of its own, and in it a user for each process.

A user is a public key; its secret half lies in the node's home and is never shown. Each may publish and hear what its
process has to and nothing else, and no account hears another's subjects. The server itself is shown no record.
"""

from __future__ import annotations

import json
import os
import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from safeconduct.positions.waiting import CONSUMER, MOST_BYTES, MOST_MESSAGE, STREAM, waiting_of
from safeconduct.records.bus_link import ON_THE_LINE
from safeconduct.records.bus_messages import bell, every, heard_by, moved
from safeconduct.records.home import Home, HomeError
from safeconduct.records.users import HEARS, SHOWING, permit

SEED = "keys/nats/{process}.seed"


@dataclass(frozen=True)
class Rights:
    """What a process may publish and hear."""

    publish: Sequence[str]
    subscribe: Sequence[str]


@dataclass(frozen=True)
class Server:
    """Where a server listens, its certificate (PEM files; none: this machine only), and where its streams lie."""

    listen: str
    store: str
    certificate: str = ""
    key: str = ""


def rights(party: str, process: str) -> Rights:
    """Least privilege: the writer alone announces, who takes positions alone leaves and keeps reports."""
    answers = f"_INBOX_{process}.>"
    if process == "writer":
        streams = [f"$JS.API.STREAM.{what}.{STREAM}" for what in ("CREATE", "UPDATE", "INFO", "PURGE")]
        consumer = [
            f"$JS.API.CONSUMER.CREATE.{STREAM}.{CONSUMER}.>",
            f"$JS.API.CONSUMER.CREATE.{STREAM}.{CONSUMER}",
        ]
        return Rights([every(party), bell(party), *streams, *consumer], [answers])
    if process in SHOWING:
        own = [moved(party), f"{waiting_of(party)}.*"]
        stream = [f"$JS.API.CONSUMER.MSG.NEXT.{STREAM}.{CONSUMER}", f"$JS.ACK.{STREAM}.{CONSUMER}.>"]
        return Rights([*own, *stream], [every(party), moved(party), answers])
    if process == "feed":
        return Rights([], [bell(party)])
    return Rights([], heard_by(party, HEARS[process]))


def make_keys(home: Home) -> dict[str, str]:
    """The public key of each process; keys that are not there yet are made. Raises HomeError without the extra."""
    folder = home.keys / "nats"
    if not folder.exists():
        folder.mkdir(mode=0o700)
        permit(home, folder)
    if not (home.keys / "bus").exists():
        _keep(home, home.keys / "bus", secrets.token_hex(32))
    return {process: _public(home, home.path / SEED.format(process=process)) for process in ON_THE_LINE}


def account(home: Home, users: dict[str, str]) -> str:
    """The node's part of the server's configuration."""
    lines = [
        f"# The account of {home.party}, which server.conf includes. Made by `safeconduct nats-config`.",
        f"{json.dumps(home.party)}: {{",
        f"  jetstream: {{ max_mem: 0, max_file: {2 * MOST_BYTES}, max_streams: 1, max_consumers: 1 }}",
        "  users: [",
    ]
    for process, public in users.items():
        may = rights(home.party, process)
        lines += [
            f"    # {process}",
            f"    {{ nkey: {public}, permissions: {{",
            f"      publish: {_allowed(may.publish)}",
            f"      subscribe: {_allowed(may.subscribe)}",
            "    } }",
        ]
    return "\n".join([*lines, "  ]", "}", ""])


def server(about: Server, accounts: Sequence[str]) -> str:
    """The server's own configuration, for these accounts' files."""
    tls = ""
    if about.certificate:
        names = json.dumps(about.certificate), json.dumps(about.key)
        tls = f'tls {{ cert_file: {names[0]}, key_file: {names[1]}, min_version: "1.2", timeout: 10 }}\n'
    included = "\n".join(f"  include {json.dumps(name)}" for name in accounts)
    return (
        "# A NATS server for Safeconduct. Made by `safeconduct nats-config`. Without a user nobody may do anything.\n"
        f"listen: {json.dumps(about.listen)}\n{tls}"
        f"max_payload: {MOST_MESSAGE}\n"
        "max_connections: 1024\n"
        "max_subscriptions: 64\n"
        "max_pending: 33554432\n"
        'write_deadline: "5s"\n'
        'ping_interval: "20s"\n'
        "# What was answered for outlives a power cut.\n"
        f"jetstream {{ store_dir: {json.dumps(about.store)}, max_memory_store: 1048576, sync_interval: always }}\n"
        f"accounts {{\n{included}\n}}\n"
    )


def write(home: Home, folder: Path, about: Server) -> list[Path]:
    """Make the keys and write the account's file, and the server's own where there is none; returns what was written.

    Raises HomeError for a server that would send announcements through a network in the open.
    """
    host = about.listen.rpartition(":")[0]
    if not about.certificate and host.strip("[]") not in ("127.0.0.1", "::1", "localhost"):
        raise HomeError("a server that others reach needs --certificate and --key")
    folder.mkdir(mode=0o755, parents=True, exist_ok=True)
    mine, own = folder / f"account-{home.party}.conf", folder / "server.conf"
    mine.write_text(account(home, make_keys(home)), "utf-8")
    if own.exists():
        return [mine]
    own.write_text(server(about, [path.name for path in sorted(folder.glob("account-*.conf"))]), "utf-8")
    return [mine, own]


def _allowed(subjects: Sequence[str]) -> str:
    return json.dumps({"allow": list(subjects)} if subjects else {"deny": [">"]})


def _public(home: Home, path: Path) -> str:
    try:
        import nkeys
    except ModuleNotFoundError:
        raise HomeError("NATS needs the extra: pip install 'safeconduct[nats]'") from None
    if not path.exists():
        _keep(home, path, nkeys.encode_seed(os.urandom(32), nkeys.PREFIX_BYTE_USER).decode())
    try:
        pair = nkeys.from_seed(bytearray(path.read_bytes().strip()))
        return str(pair.public_key.decode())
    except (nkeys.errors.NkeysError, ValueError) as fault:
        raise HomeError(f"{path} is no key for NATS") from fault


def _keep(home: Home, path: Path, secret: str) -> None:
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w") as file:
        file.write(secret + "\n")
    permit(home, path)
