"""The notifier's journal: which messages it began with and which it ended, as a file that a kill -9 leaves behind.

That it begins is on the disk before anything leaves. That it ended is written at once; a loss of power may take the
last of those lines, and then the message is uncertain rather than sent again. No line holds an address or a text.
"""

from __future__ import annotations

import json
import os
import secrets
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

FILE = "notifier.journal"
MAX_LINES = 10_000


class Journal:
    """Append only, and emptied when everything in it has been reported."""

    def __init__(self, home: Path) -> None:
        self.path = home / FILE
        self.worker = ""
        self.began: set[str] = set()
        self.ended: dict[str, dict[str, str]] = {}
        self._read()
        self._start_anew()

    def begin(self, deliveries: Iterable[str]) -> None:
        """Note, durably, that these messages are about to leave."""
        for delivery in deliveries:
            self.began.add(delivery)
            self._write({"began": delivery})
        self._out.flush()
        os.fsync(self._out.fileno())

    def end(self, result: Mapping[str, str]) -> None:
        """Note what became of one message: `delivery`, `outcome`, `fault`."""
        self.began.discard(result["delivery"])
        self.ended[result["delivery"]] = dict(result)
        self._write({"ended": dict(result)})
        self._out.flush()

    def reported(self, deliveries: Iterable[str]) -> None:
        """These results are durable with the writer."""
        for delivery in deliveries:
            self.ended.pop(delivery, None)
        if self._lines > MAX_LINES or (self._lines > 1 and not self.began and not self.ended):
            self._out.close()
            self._start_anew()

    def close(self) -> None:
        self._out.close()

    def _read(self) -> None:
        try:
            lines = self.path.read_text("utf-8", "replace").splitlines()
        except OSError:
            lines = []
        for line in lines:
            try:
                entry: Any = json.loads(line)
                if "worker" in entry:
                    self.worker = str(entry["worker"])
                elif "began" in entry:
                    self.began.add(str(entry["began"]))
                elif "ended" in entry:
                    result = {name: str(entry["ended"].get(name, "")) for name in _RESULT}
                    self.began.discard(result["delivery"])
                    self.ended[result["delivery"]] = result
            except (ValueError, TypeError, AttributeError, KeyError):
                continue  # a line that was cut off as the machine stopped
        self.worker = self.worker or secrets.token_hex(8)

    def _start_anew(self) -> None:
        """Begin a file with what is still open, in place of the old one."""
        draft = self.path.with_suffix(".new")
        handle = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        self._out = os.fdopen(handle, "w", encoding="utf-8")
        self._lines = 0
        self._write({"worker": self.worker})
        for delivery in sorted(self.began):
            self._write({"began": delivery})
        for result in self.ended.values():
            self._write({"ended": result})
        self._out.flush()
        os.fsync(self._out.fileno())
        draft.replace(self.path)

    def _write(self, entry: Mapping[str, Any]) -> None:
        self._lines += 1
        self._out.write(json.dumps(entry) + "\n")


_RESULT = ("delivery", "outcome", "fault")
