"""Attacking one target: a number of executions that are the same each time, or coverage-guided for as long as one likes."""

from __future__ import annotations

import subprocess
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from random import Random

from fuzz.mutation import mutated, words_of
from fuzz.target import Finding, Target, try_one
from fuzz.work import try_bounded, try_weighed

REGRESSIONS = Path(__file__).parent.parent / "tests" / "fuzzing" / "regressions"
WEIGHED = 25
"""One input in so many is tried with its memory measured."""


@dataclass(frozen=True)
class Outcome:
    """How many inputs were tried and how many of them were accepted."""

    tried: int
    accepted: int


def folder_of(target: Target) -> Path:
    return REGRESSIONS / target.name.replace(" ", "_").replace("'", "")


def regressions(target: Target) -> list[bytes]:
    """Inputs that were findings once."""
    folder = folder_of(target)
    return [each.read_bytes() for each in sorted(folder.iterdir())] if folder.is_dir() else []


def run(target: Target, executions: int, seed: int = 1) -> Outcome:
    """Try the seeds, what was found once, and so many mutations. Raises Finding, with the input beside it."""
    seeds = list(target.seeds())
    random, words = Random(f"{target.name} {seed}"), words_of(target, seeds)
    accepted = 0
    for number, data in enumerate(_inputs(target, seeds, words, random, executions)):
        try:
            tried = try_weighed if number < len(seeds) or number % WEIGHED == 0 else try_bounded
            accepted += tried(target, data)
        except Finding as found:
            found.add_note(f"input: {data[:2000]!r}")
            found.data = data  # type: ignore[attr-defined]
            raise
    return Outcome(len(seeds) + executions, accepted)


def _inputs(
    target: Target, seeds: list[bytes], words: list[bytes], random: Random, executions: int
) -> Iterator[bytes]:
    yield from seeds
    yield from regressions(target)
    corpus = list(seeds)
    for _ in range(executions):
        data = mutated(target, corpus, words, random)
        yield data
        if len(corpus) < 400 and random.random() < 0.02:
            corpus.append(data)  # a wrong input may be the way to one that is worse


def guided(target: Target, seconds: int, corpus: Path | None = None, atheris_there: bool = True) -> int:
    """Run one target in a process of its own for so long; the number of findings, none or one. What steers is the
    coverage of the modules that the target covers, and of those that declare what it refuses with."""
    modules = {f"safeconduct.{each.partition(':')[0]}" for each in target.covers}
    modules |= {error.__module__ for error in target.refuses if error.__module__.startswith("safeconduct.")}
    with tempfile.TemporaryDirectory() as folder:
        where = corpus or Path(folder)
        mode = "--guided" if atheris_there else "--plain"
        command = [
            sys.executable,
            "-m",
            "fuzz.worker",
            target.name,
            mode,
            str(seconds),
            str(where),
            *sorted(modules),
        ]
        return int(subprocess.run(command, check=False).returncode != 0)


__all__ = ["Outcome", "folder_of", "guided", "regressions", "run", "try_one"]
