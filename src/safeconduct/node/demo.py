"""`safeconduct demo`: a Host node and a Partner node on this machine, with something to look at in both."""

from __future__ import annotations

import shutil
import subprocess
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

from safeconduct.agreement.signatures import create_key_file
from safeconduct.exchange.pairing import export_card
from safeconduct.node.demonstration import duty
from safeconduct.node.demonstration.cast import CAST, PASSWORD
from safeconduct.node.demonstration.fill import AGREEMENT, NAMES, PARTIES
from safeconduct.node.processes import serve
from safeconduct.node.setting_up import create_home, web_address
from safeconduct.records.home import SIDES, Home, HomeError

COMPLETE = "complete"
TIME_ZONES = {"host": "Asia/Karachi", "partner": "Asia/Karachi"}
"""Both nodes stand in the Host's territory."""
SCREENS = (
    ("watch floor", "watch/"),
    ("on call", "watch/on-call/"),
    ("journeys", "journeys/"),
    ("journeys on the map", "journeys/map/"),
    ("my journey (phone)", "journeys/phone/"),
    ("registry", "registry/"),
    ("incidents", "incidents/"),
    ("map", "incidents/map/"),
    ("report an incident", "incidents/report/"),
    ("incidents analysed", "assessment/"),
    ("forecast", "assessment/forecast/"),
    ("assessments", "assessment/srm/"),
    ("warnings", "assessment/warnings/"),
    ("agreement", "agreement/"),
    ("joint strategy", "committee/strategy/"),
    ("assistance", "committee/assistance/"),
    ("deployments", "committee/deployments/"),
    ("statements", "committee/statements/"),
    ("what they hold", "oversight/holdings/"),
    ("ledger", "oversight/ledger/"),
)


LADDER = [
    {"after_minutes": 0, "roles": ["security_manager", "duty_bearer"]},
    {"after_minutes": 1, "roles": ["watch_officer"]},
    {"after_minutes": 2, "roles": ["coordinator", "commander"]},
    {"after_minutes": 3, "roles": ["signatory"]},
]
"""Climbs within minutes, so that whoever tries the demonstration sees its last step."""


def run(folder: Path, host_port: int, partner_port: int, say: Callable[[str], object]) -> None:
    """Start both nodes, filling them at the first start, until SIGINT or SIGTERM."""
    folder = folder.resolve()
    ports = {"host": host_port, "partner": partner_port}
    first = not (folder / COMPLETE).exists()
    if first:
        _clear(folder)
        _create(folder, ports)
    homes = [_on_port(Home.load(folder / side), ports[side]) for side in SIDES]

    def ready() -> None:
        if first:
            _both(folder, "settle")
            (folder / COMPLETE).touch()
        going_on.extend(_go_on(folder, side) for side in SIDES)
        _introduce(homes, say)

    going_on: list[subprocess.Popen[bytes]] = []
    gateway = duty.outside(folder)
    for home in homes:
        gateway.lay_channels(home.notifying)
    try:
        serve(homes, ready)
    finally:
        gateway.close()
        for child in going_on:
            child.terminate()
        for child in going_on:
            child.wait()


def _go_on(folder: Path, side: str) -> subprocess.Popen[bytes]:
    """Let the day of journeys go on for as long as the nodes run."""
    command = [sys.executable, "-m", "safeconduct.node.demonstration.live", str(folder / side)]
    return subprocess.Popen(command, stdin=subprocess.DEVNULL)


def _clear(folder: Path) -> None:
    """Take away a demonstration that was interrupted before it was complete, and nothing else."""
    if not folder.exists():
        return
    ours = {"host", "partner", "signatories", "cards", duty.OUTSIDE}
    strangers = [p.name for p in folder.iterdir() if p.name not in ours]
    if strangers:
        raise HomeError(
            f"{folder} holds other things ({', '.join(sorted(strangers)[:5])}); choose another --home"
        )
    shutil.rmtree(folder)


def _create(folder: Path, ports: dict[str, int]) -> None:
    signatories, cards = folder / "signatories", folder / "cards"
    for place in (folder, signatories, cards):
        place.mkdir(mode=0o700, parents=True, exist_ok=True)
    homes = {}
    for side in SIDES:
        public = create_key_file(_key(folder, side))
        homes[side] = create_home(
            folder / side,
            PARTIES[side],
            side,
            NAMES[side],
            ports[side],
            ports[side] + 1000,
            {f"Signatory of the {side.title()}": public},
            second_factor="optional",
            cadence=15,
            exchange_pad=32,
            ladder=LADDER,
            time_zone=TIME_ZONES[side],
        )
    for side, home in homes.items():
        other = SIDES[1 - SIDES.index(side)]
        raw, spoken = export_card(home, PARTIES[other], AGREEMENT)
        (cards / f"{side}.json").write_bytes(raw)
        (cards / f"{side}.fingerprint").write_text(spoken)
    _both(folder, "fill")


def _both(folder: Path, step: str) -> None:
    """Run a step for both nodes at once. Raises HomeError when one of them fails."""
    children = []
    for side in SIDES:
        other = SIDES[1 - SIDES.index(side)]
        command = [sys.executable, "-m", "safeconduct.node.demonstration.fill", step, str(folder / side)]
        command.append(str(_key(folder, side)))
        if step == "fill":
            spoken = (folder / "cards" / f"{other}.fingerprint").read_text()
            command += ["--card", str(folder / "cards" / f"{other}.json"), "--fingerprint", spoken]
        children.append((side, subprocess.Popen(command)))
    failed = [side for side, child in children if child.wait() != 0]
    if failed:
        raise HomeError(f"the {' and the '.join(failed)} node could not be prepared ({step})")


def _key(folder: Path, side: str) -> Path:
    return folder / "signatories" / f"{side}.pem"


def _on_port(home: Home, port: int) -> Home:
    if home.settings.get("port") == port:
        return home
    moved = Home(home.path, home.party, home.side, home.name, home.partners, {**home.settings, "port": port})
    moved.save()
    return moved


def _introduce(homes: Sequence[Home], say: Callable[[str], object]) -> None:
    for home in homes:
        say(f"\n{home.name}: {web_address(home)}")
        say("  sign in as " + ", ".join(part.username for part in CAST[home.side]))
        for name, path in SCREENS:
            say(f"  {name:<22} {web_address(home)}{path}")
    say(f"\nmessages outside go to {homes[0].path.parent / duty.OUTSIDE} and nowhere else")
    say(f"password of every account: {PASSWORD}")
    say("ready " + " ".join(web_address(home) for home in homes))
