"""Clients in processes of their own: what each does is told, and what came of it comes back."""

from __future__ import annotations

import asyncio
import multiprocessing
import traceback
from collections.abc import Callable, Iterator
from typing import Any, TypeVar

from bench.asking import Answers, ask_all

T = TypeVar("T")
_fork = multiprocessing.get_context("fork")


def in_processes(count: int, work: Callable[[int], T]) -> list[T]:
    """What `work` returns in each of so many processes at once. Raises RuntimeError for one that fails."""
    from django.db import connections

    connections.close_all()
    pipes = []
    for number in range(count):
        heard, told = _fork.Pipe(duplex=False)
        child = _fork.Process(target=_do, args=(work, number, told))
        child.start()
        told.close()
        pipes.append((heard, child))
    found: list[Any] = []
    for heard, child in pipes:
        well, answer = heard.recv()
        child.join()
        found.append((well, answer))
    for well, answer in found:
        if not well:
            raise RuntimeError(answer)
    return [answer for _, answer in found]


def _do(work: Callable[[int], Any], number: int, told: Any) -> None:
    try:
        told.send((True, work(number)))
    except BaseException:
        told.send((False, traceback.format_exc()))


def by_processes(clients: int, streams: Callable[[int], list[Iterator[bytes]]], port: int) -> list[Answers]:
    """Each client sends its streams of requests, over a connection each."""
    return in_processes(clients, lambda number: asyncio.run(ask_all(port, streams(number))))
