"""One target in one process: libFuzzer steers by coverage where `atheris` is installed, chance does where it is not."""

from __future__ import annotations

import hashlib
import logging
import os
import sys
import time
from pathlib import Path
from random import Random

from fuzz.home import bare
from fuzz.target import Finding, Target, try_one


def main() -> int:
    name, mode, seconds, corpus, *modules = sys.argv[1:]
    if mode == "--guided":
        return _guided(name, int(seconds), Path(corpus), modules)
    with bare():
        from fuzz.targets import ALL

        return _plain(ALL[name], int(seconds), Path(corpus))


def _plain(target: Target, seconds: int, folder: Path) -> int:
    """Seeded anew each round, in rounds of a thousand."""
    from fuzz.running import run

    end, seed, tried, accepted = time.monotonic() + seconds, 0, 0, 0
    while time.monotonic() < end:
        seed += 1
        try:
            outcome = run(target, 1_000 // target.weight, seed + int(time.time()))
        except Finding as found:
            return _told(target, found, getattr(found, "data", b""), folder)
        tried, accepted = tried + outcome.tried, accepted + outcome.accepted
    print(f"{target.name}: {tried:,} executions, {accepted:,} accepted, no finding", flush=True)
    return 0


def _told(target: Target, found: Finding, data: bytes, folder: Path) -> int:
    kept = Path(f"finding-{target.name.replace(' ', '_')}-{hashlib.sha256(data).hexdigest()[:12]}")
    kept.write_bytes(data)
    print(f"FINDING {found}\n  in {kept}: {data[:300]!r}", flush=True)
    return 1


def _guided(name: str, seconds: int, folder: Path, modules: list[str]) -> int:
    import atheris

    logging.getLogger().setLevel(logging.WARNING)

    with atheris.instrument_imports(
        include=["safeconduct.", "json", "tomllib", "csv", "email", "urllib", "openpyxl"]
    ):
        with bare():
            from fuzz.mutation import mutated, words_of
            from fuzz.targets import ALL

            target = ALL[name]
            seeds = list(target.seeds())
            folder.mkdir(parents=True, exist_ok=True)
            for seed in seeds:
                (folder / hashlib.sha256(seed).hexdigest()[:20]).write_bytes(seed)
            words = words_of(target, seeds)
            count = {"tried": 0, "accepted": 0}

            def one(data: bytes) -> None:
                count["tried"] += 1
                count["accepted"] += try_one(target, data)
                if time.monotonic() > end:
                    print(
                        f"{name}: {count['tried']:,} executions, {count['accepted']:,} accepted, no finding",
                        flush=True,
                    )
                    os._exit(0)

            def mutate(data: bytes, most: int, seed: int) -> bytes:
                random = Random(seed)
                if random.random() < 0.5:
                    return atheris.Mutate(data, most)
                return mutated(target, (data, random.choice(seeds)), words, random)[:most]

            end = time.monotonic() + seconds
            options = [f"-max_len={target.most}", "-timeout=30", "-rss_limit_mb=2048", "-print_final_stats=0",
                       "-verbosity=0", f"-artifact_prefix=finding-{name.replace(' ', '_')}-"]  # fmt: skip
            atheris.Setup([sys.argv[0], *options, str(folder)], one, custom_mutator=mutate)
            atheris.Fuzz()
    return 0


if __name__ == "__main__":
    sys.exit(main())
