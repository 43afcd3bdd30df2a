"""Processes that are killed in the middle of the story, in turn, on both nodes: kill -9, the hardest end there is."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Sequence

from safeconduct.node.drilling.stations import Station

EACH = "each"
APART = 0.4
"""Seconds between two kills, so that each process goes while others still work."""


class Killing:
    """Kills these processes whenever the story says `strike`; `rest` waits until all are back."""

    def __init__(self, stations: Sequence[Station], what: str, say: Callable[[str], object]) -> None:
        self.what, self.stations, self.say = what, stations, say
        self.count = 0
        self._thread: threading.Thread | None = None

    def strike(self, when: str, hurts: Sequence[str]) -> None:
        """Begin to kill, and go on with the story once the first is dead. `hurts` are those that it hurts most to
        lose at this moment: of `each`, every process is one of them at some moment."""
        if not self.what:
            return
        self.rest()
        names = hurts if self.what == EACH else (self.what,)
        self.say(f"           {when}: kill -9 of {', '.join(names)} on both nodes")
        begun = threading.Event()
        self._thread = threading.Thread(target=self._kill, args=(names, begun))
        self._thread.start()
        begun.wait()

    def _kill(self, names: Sequence[str], begun: threading.Event) -> None:
        for name in names:
            for station in self.stations:
                self.count += station.kill(name)
                begun.set()
                time.sleep(APART)

    def rest(self) -> None:
        """Wait until every process that was killed runs again."""
        if self._thread is not None:
            self._thread.join()
            self._thread = None
            for station in self.stations:
                station.whole()
