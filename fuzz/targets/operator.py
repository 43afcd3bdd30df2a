"""Files that the operator lays into a home, and a backup."""

from __future__ import annotations

import json
import shutil
from importlib.resources import files
from pathlib import Path
from typing import Any

from fuzz.target import Target
from fuzz.targets.ledger import _folder, scratch
from safeconduct.assessment import srm_standard_files
from safeconduct.node import backups, base_backups, recovery
from safeconduct.node.commands import risk
from safeconduct.notify import channels
from safeconduct.records import laid_in
from safeconduct.records.home import Home, HomeError
from safeconduct.risk.grid import AreaError
from safeconduct.watch import response_files

CHANNELS = b"""[sms]
url = "jsons://gateway.example.org/send?:to={address}&+Idempotency-Key={number}"
exercise_url = "jsons://exercise.example.org"
per_minute = 60
once = true
[email]
url = "mailtos://node:PASSWORD@mail.example.org?to={address}"
"""
NODE = b"""[node]
party = "pk"
side = "host"
name = "Host Party"
port = 8001
allowed_hosts = ["localhost"]
[partner.cn]
agreement = "pk-cn"
name = "Partner"
url = "https://127.0.0.1:9002"
[partner.cn.card]
party = "cn"
"""
MANIFEST = b'{"party": "pk", "size": 3, "root": "' + b"A" * 43 + b'="}'
SERVER = b"""{"server": 7, "version": 15, "database": "node", "feeds_database": "feeds", "owner": "node",
"feeds_owner": "feeds", "since": "2024-10-01T00:00:00+00:00"}"""
HOSPITALS = """source = "Made up"
made_up = true
[[hospital]]
name = "General"
name_ur = "ہسپتال"
latitude = 24.9
longitude = 67.1
trauma = "full"
helicopter = true
""".encode()
TOML = (b'"""', b"'''", b"a." * 60, b"1" * 5000, b"[" * 3000, b"{" * 3000, b"inf", b"nan", b"1979-05-27T07:32:00Z", b"=",
        b"[node]", b"[[node]]", b"\\ud800", b"\\U00110000", b"0x", b"\xef\xbb\xbf", b"#")  # fmt: skip


def _channels(data: bytes) -> Any:
    return channels.load(scratch(channels.FILE, data).parent)


def _home(data: bytes) -> Any:
    home = Home.load(scratch("node.toml", data).parent)
    return home.party, home.side, home.name, sorted(home.partners)


def _checklists() -> list[bytes]:
    return [files("safeconduct.watch").joinpath(response_files.CHECKLISTS).read_bytes()[:1500]]


def _standards() -> list[bytes]:
    whole = files("safeconduct.assessment").joinpath(srm_standard_files.NAME).read_bytes()
    return [whole[: whole.find(b"[[item]]", 2_000)]]


def _standard(data: bytes) -> Any:
    return srm_standard_files.adapted(srm_standard_files.built_in(), data, srm_standard_files.NAME)


def _backup(data: bytes) -> Any:
    folder = _folder() / "backup"
    folder.mkdir(exist_ok=True)
    (folder / backups.MANIFEST).write_bytes(data)
    return backups.Manifest.of(folder)


def _backed_up_server(data: bytes) -> Any:
    folder = _folder() / "server"
    folder.mkdir(exist_ok=True)
    (folder / backups.MANIFEST).write_bytes(MANIFEST)
    (folder / base_backups._SAID).write_bytes(data)
    base = base_backups.Base.of(folder)
    recovery.moment_of("2024-10-06T23:00:00+05:00", base)
    return base


def _backed_up_ledger(data: bytes) -> Any:
    """A backup whose ledger is any bytes at all."""
    home = Home.create(_anew("of"), "pk", "host", "Host Party")
    folder = _anew("ledger")
    (folder / "ledger.sqlite3").write_bytes(data)
    (folder / backups.MANIFEST).write_text(json.dumps({"party": "pk", "size": 0, "root": ""}))
    return backups.restore(home, folder)


def _anew(name: str) -> Path:
    folder = _folder() / name
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()
    return folder


def _ledgers() -> list[bytes]:
    import sqlite3

    path = scratch("made.sqlite3", b"")
    path.unlink()
    with sqlite3.connect(path) as made:
        made.execute("CREATE TABLE ledger_leaf (idx INTEGER PRIMARY KEY, leaf BLOB)")
    made.close()
    return [path.read_bytes(), b"no database"]


def _outline(data: bytes) -> Any:
    return risk._outline(scratch("outline.geojson", data))


TARGETS = (
    Target(
        "channels.toml",
        _channels,
        (channels.ChannelsRefused,),
        lambda: [CHANNELS],
        ("notify.channels:load",),
        words=TOML,
    ),
    Target("node.toml", _home, (HomeError,), lambda: [NODE], ("records.home:Home.load",), words=TOML),
    Target(
        "checklists",
        lambda data: response_files.parse_checklists(data, "x"),
        (laid_in.FileRefused,),
        _checklists,
        ("records.laid_in:toml_of",),
        words=TOML,
        weight=2,
    ),
    Target(
        "hospitals",
        lambda data: response_files.parse_hospitals(data, "x"),
        (laid_in.FileRefused,),
        lambda: [HOSPITALS],
        (),
        words=TOML,
    ),
    Target("standards", _standard, (laid_in.FileRefused,), _standards, (), words=TOML, weight=4),
    Target(
        "manifest of a backup",
        _backup,
        (HomeError,),
        lambda: [MANIFEST],
        ("node.backups:Manifest.of",),
        form="json",
        stored=False,
    ),
    Target(
        "server of a backup",
        _backed_up_server,
        (HomeError,),
        lambda: [SERVER],
        ("node.base_backups:Base.of", "node.recovery:moment_of"),
        form="json",
        stored=False,
    ),
    Target("ledger of a backup", _backed_up_ledger, (HomeError,), _ledgers, (), weight=30),
    Target(
        "outline of an area",
        _outline,
        (AreaError,),
        lambda: [b'{"type":"Polygon","coordinates":[]}'],
        ("node.commands.risk:_outline",),
        form="json",
        stored=False,
    ),
)
