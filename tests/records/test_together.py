"""Questions that wait are answered together, each for itself."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Sequence
from typing import Any

import pytest

from safeconduct.records.together import Together


async def hop(work: Callable[[], Any]) -> Any:
    return await asyncio.to_thread(work)


def test_those_that_come_meanwhile_are_one_group_in_their_order() -> None:
    groups: list[list[int]] = []
    gate = threading.Event()

    def answer(asked: Sequence[int]) -> list[int]:
        groups.append(list(asked))
        gate.wait(5)
        return [2 * each for each in asked]

    async def story() -> None:
        together = Together(answer, hop, most=5)
        asking = [asyncio.create_task(together.ask(n)) for n in range(1)]
        while not groups:
            await asyncio.sleep(0.001)
        asking += [asyncio.create_task(together.ask(n)) for n in range(1, 9)]
        await asyncio.sleep(0.01)
        gate.set()
        assert await asyncio.gather(*asking) == [2 * n for n in range(9)]
        assert groups == [[0], [1, 2, 3, 4, 5], [6, 7, 8]]
        assert await together.ask(50) == 100

    asyncio.run(story())


def test_one_that_fails_fails_alone_and_a_group_that_fails_fails_whole() -> None:
    def answer(asked: Sequence[int]) -> list[int | Exception]:
        if 7 in asked:
            raise OSError("the disk")
        return [ValueError(str(each)) if each == 3 else each for each in asked]

    async def story() -> None:
        together: Together[int, int] = Together(answer, hop)
        found = await asyncio.gather(*(together.ask(n) for n in (1, 3, 5)), return_exceptions=True)
        assert found[0] == 1 and found[2] == 5 and isinstance(found[1], ValueError)
        found = await asyncio.gather(*(together.ask(n) for n in (7, 8)), return_exceptions=True)
        assert all(isinstance(each, OSError) for each in found)
        assert await together.ask(9) == 9

    asyncio.run(story())


def test_one_that_no_longer_waits_does_not_hold_up_the_others() -> None:
    async def story() -> None:
        together: Together[int, int] = Together(lambda asked: list(asked), hop)
        gone = asyncio.create_task(together.ask(1))
        await asyncio.sleep(0)
        gone.cancel()
        assert await together.ask(2) == 2
        with pytest.raises(asyncio.CancelledError):
            await gone

    asyncio.run(story())
