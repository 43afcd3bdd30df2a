"""`safeconduct drill`: an attack on the road, played against two running nodes in compressed time.

Every promise is measured from the act to the moment at which the other side has what was promised: in its own tables,
on an open screen, on a phone, at a gateway.
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from pathlib import Path

from safeconduct.node.drilling import back, before, call, dark, reckoning, table
from safeconduct.node.drilling.killing import Killing
from safeconduct.node.drilling.stations import agree, make
from safeconduct.node.drilling.story import Story
from safeconduct.node.loopback import Gateway

Say = Callable[[str], object]


def run(folder: Path | None, say: Say, kill: str = "") -> int:
    """Make the nodes, play the story, stop them; answers how many promises were broken.

    `kill`: a process, or `each`, that is killed in the middle of the story on both nodes.
    """
    if folder is None:
        with tempfile.TemporaryDirectory(prefix="safeconduct-drill-") as made:
            return run(Path(made), say, kill)
    stations, people = make(folder.resolve())
    gateway = Gateway(broken=before.BROKEN)
    story = Story(*stations, people, gateway, Killing(stations, kill, say), say)
    try:
        for station in stations:
            station.start()
        agree(*stations)
        for act in (before, call, dark, back, table, reckoning):
            act.play(story)
    finally:
        for screen in story.screens.values():
            screen.close()
        story.killing.rest()
        for station in stations:
            station.stop()
        gateway.close()
    return story.broken
