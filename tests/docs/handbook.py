"""The handbook as a script: its shell blocks, who types them, and what the text says must come of each.

A block's first line is a comment: `# WHO`, or `# WHO: how`. WHO is `host`, `partner` or `each`. `how` begins with
"refused" where the block must end with an error, with "until" where it is typed again until it shows what the
text says, and with "as root" where it changes the machine itself. A `text` block after it holds lines of the output,
in order; an ellipsis stands for anything.
"""

from __future__ import annotations

import os
import re
import subprocess
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

PATIENCE = 240.0
"""Seconds that a block with "until" is repeated for."""

_HEADING = re.compile(r"^## (.+)$")
_WHO = re.compile(r"# (host|partner|each)(?:: (.*))?")
_FINGERPRINT = re.compile(r"^  (\d{5}(?: \d{5}){7})$", re.MULTILINE)


@dataclass(frozen=True)
class Block:
    """One block of the handbook, by its line. `expected` are the lines that its output must have."""

    procedure: str
    line: int
    who: str
    how: str
    commands: str
    expected: tuple[str, ...]

    def __str__(self) -> str:
        return f"{self.procedure}, line {self.line}, {self.who}"


def blocks(text: str) -> Iterator[Block]:
    """The shell blocks of a handbook, in order. Raises ValueError for one that does not say who types it."""
    found: list[Block] = []
    procedure, fence, start, lines = "", "", 0, []
    for number, line in enumerate(text.splitlines(), 1):
        if fence:
            if line.strip() == "```":
                if fence == "sh":
                    found.append(_block(procedure, start, lines))
                elif fence == "text":
                    found[-1] = _with(found[-1], lines)
                fence = ""
            else:
                lines.append(line.strip() if fence == "text" else line)
        elif line.strip().startswith("```"):
            fence, start, lines = line.strip().removeprefix("```"), number, []
        elif heading := _HEADING.match(line):
            procedure = heading[1]
    return iter(found)


def _block(procedure: str, line: int, lines: list[str]) -> Block:
    indent = len(lines[0]) - len(lines[0].lstrip())
    who = _WHO.fullmatch(lines[0].strip())
    if who is None:
        raise ValueError(f"line {line}: a block says in its first line who types it")
    commands = "\n".join(each[indent:] for each in lines[1:])
    return Block(procedure, line, who[1], who[2] or "", commands, ())


def _with(block: Block, lines: list[str]) -> Block:
    return Block(block.procedure, block.line, block.who, block.how, block.commands, tuple(lines))


@dataclass
class Machine:
    """One party's machine: a shell that keeps what was exported from block to block."""

    party: str
    folder: Path
    environment: Mapping[str, str]
    spoken: str = ""
    """The fingerprint that this machine has shown last."""
    exported: str = ""
    said: list[str] = field(default_factory=list)

    def type(self, block: Block, heard: str) -> None:
        """Type a block in, answering what is asked with what the other party reads aloud. Raises AssertionError when
        what comes of it is not what the handbook says."""
        end = time.monotonic() + PATIENCE
        while True:
            code, output = self._shell(block.commands, heard)
            missing = missing_line(tuple(map(self._named, block.expected)), output)
            if block.how.startswith("until") and (code or missing) and time.monotonic() < end:
                time.sleep(0.2)
                continue
            refused = block.how.startswith("refused")
            assert bool(code) == refused, f"{block} ({self.party}) ended with {code}:\n{output}"
            assert missing is None, f"{block} ({self.party}) does not say {missing!r}:\n{output}"
            return

    def _named(self, line: str) -> str:
        """A line of the handbook with what a party is called in the place of $ME and $THEM."""
        them = "cn" if self.party == "pk" else "pk"
        return line.replace("$ME", self.party).replace("$THEM", them)

    def _shell(self, commands: str, heard: str) -> tuple[int, str]:
        kept = self.folder / "exported"
        script = f"set -euo pipefail\n{self.exported}\n{commands}\nexport -p > {kept}\n"
        done = subprocess.run(
            ["bash", "-c", script],
            input=f"{heard}\n",
            text=True,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            cwd=self.folder,
            env={**os.environ, **self.environment},
            check=False,
        )
        if done.returncode == 0:
            self.exported = kept.read_text()
        self.said.append(done.stdout)
        if shown := _FINGERPRINT.findall(done.stdout):
            self.spoken = shown[-1]
        return done.returncode, done.stdout


def missing_line(expected: tuple[str, ...], output: str) -> str | None:
    """The first of these lines that does not follow the ones before it in an output."""
    lines = iter(output.splitlines())
    for wanted in expected:
        pattern = re.compile(".*".join(re.escape(piece) for piece in wanted.split("…")))
        if not any(pattern.fullmatch(line.strip()) for line in lines):
            return wanted
    return None
