"""Questions that come together are answered together, each with its own answer."""

from __future__ import annotations

import asyncio

import pytest

from safeconduct.shell.gathering import Gathering


def test_what_comes_during_a_round_is_the_next_round_and_each_gets_its_own_answer() -> None:
    rounds: list[list[int]] = []

    async def double(numbers: list[int]) -> list[int]:
        rounds.append(numbers)
        await asyncio.sleep(0.01)
        return [2 * number for number in numbers]

    async def story() -> list[int]:
        gathering = Gathering(double, at_once=40)
        first = asyncio.create_task(gathering.ask(0))
        await asyncio.sleep(0.001)
        return [await first, *await asyncio.gather(*map(gathering.ask, range(1, 100)))]

    assert asyncio.run(story()) == [2 * number for number in range(100)]
    assert [len(each) for each in rounds] == [1, 40, 40, 19]


def test_a_round_that_fails_fails_for_those_who_were_in_it_alone() -> None:
    async def picky(numbers: list[int]) -> list[int]:
        if 13 in numbers:
            raise ValueError("unlucky")
        return numbers if 7 not in numbers else []

    async def story() -> None:
        gathering = Gathering(picky, at_once=2)
        asked = [asyncio.create_task(gathering.ask(n)) for n in (1, 2, 13, 4, 7, 6, 5)]
        found = await asyncio.gather(*asked, return_exceptions=True)
        assert found[:2] == [1, 2] and found[6] == 5
        assert all(isinstance(each, ValueError) for each in found[2:6])

    asyncio.run(story())


def test_who_stops_waiting_is_not_asked_about() -> None:
    asked: list[int] = []

    async def note(numbers: list[int]) -> list[int]:
        asked.extend(numbers)
        return numbers

    async def story() -> None:
        gathering = Gathering(note)
        waiting = [asyncio.create_task(gathering.ask(n)) for n in range(3)]
        await asyncio.sleep(0)
        waiting[1].cancel()
        assert await waiting[0] == 0 and await waiting[2] == 2
        with pytest.raises(asyncio.CancelledError):
            await waiting[1]

    asyncio.run(story())
    assert asked == [0, 2]
