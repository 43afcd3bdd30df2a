"""What a fault tried and what came of it. Every kind of harm is a list of sentences: an empty one is the proof."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field


@dataclass
class Outcome:
    """`how` says how the fault was brought about, `tried` how often by kind.

    `lost`: what was answered for and is no more. `accused`: an exchange frozen, or a fork told of, that nobody had
    made. `leaked`: bytes that were found where they must not be. `missed`: damage that nothing noticed.
    `seen`: what is worth knowing and no harm, by kind.
    """

    how: str
    tried: Counter[str] = field(default_factory=Counter)
    seen: Counter[str] = field(default_factory=Counter)
    lost: list[str] = field(default_factory=list)
    accused: list[str] = field(default_factory=list)
    leaked: list[str] = field(default_factory=list)
    missed: list[str] = field(default_factory=list)

    @property
    def harm(self) -> list[str]:
        """All that must not be."""
        named = (
            ("lost", self.lost),
            ("accused", self.accused),
            ("leaked", self.leaked),
            ("missed", self.missed),
        )
        return [f"{what}: {line}" for what, lines in named for line in lines]


HEAD = ("fault", "tried", "lost", "accused falsely", "leaked", "missed", "seconds")


def table(rows: Sequence[tuple[str, Outcome, float]]) -> str:
    """One line for each (name, outcome, seconds), and below what each tried by kind."""
    lines = [list(HEAD)]
    for name, outcome, seconds in rows:
        harms = (outcome.lost, outcome.accused, outcome.leaked, outcome.missed)
        lines.append(
            [name, f"{outcome.tried.total():,}", *(f"{len(each):,}" for each in harms), f"{seconds:,.0f}"]
        )
    widths = [max(len(line[column]) for line in lines) for column in range(len(HEAD))]
    text = [
        "  ".join(
            cell.ljust(w) if not n else cell.rjust(w)
            for n, (cell, w) in enumerate(zip(line, widths, strict=True))
        )
        for line in lines
    ]
    for name, outcome, _ in rows:
        text += ["", f"{name}: {outcome.how}", f"  tried: {_counts(outcome.tried)}"]
        if outcome.seen:
            text.append(f"  seen: {_counts(outcome.seen)}")
        text += [f"  {line}" for line in outcome.harm]
    return "\n".join(text)


def _counts(counted: Counter[str]) -> str:
    return ", ".join(f"{count:,} {what}" for what, count in sorted(counted.items()))
