"""A process on the failing disk: for each order it forks a child that arms the fault and lets a node work.

An order is one line: kind, nth, whether the fault stays, the home, and the file in which the child writes down what
was answered for. The answer is one line: how the child ended, and how many flushes and writes there were.
"""

from __future__ import annotations

import ctypes
import os
import sys
from pathlib import Path

from exchange.nodes import INCIDENT, Node
from safeconduct.exchange.cadence import keep_acks

ERASED = "Qzxdiskcanary0wjQ"


def work(home: Path, answers: int) -> None:
    """Some of everything; each line in `answers` is written when the node has answered for it."""

    def say(text: str) -> None:
        os.write(answers, f"{text}\n".encode())

    node = Node(home)

    def answered() -> None:
        log, feed = node.writer.log, node.feed("cn").log
        say(f"size {log.size} {log.root().hex()} {feed.size} {feed.root().hex()}")

    made = []
    for number in range(4):
        summary = {**INCIDENT["summary"], "narrative": ERASED if number == 1 else "of the day"}
        made.append(node.commit("incident", {**INCIDENT, "summary": summary}).record)
        say(f"record {made[-1]} 1")
        answered()
    node.commit("incident", {}, record=made[0], expected=1, state="update")
    say(f"record {made[0]} 2")
    node.publish()
    answered()
    node.system("erase", record=made[1], parts=["summary"])
    say("erased")
    node.system("withdraw", record=made[2])
    node.writer.tick(keep_acks)
    answered()
    node.close()


def main() -> None:
    disk = ctypes.CDLL(None)
    disk.disk_flushes.restype = disk.disk_writes.restype = ctypes.c_long
    for line in sys.stdin:
        kind, nth, stays, home, answers = line.rstrip("\n").split("\t")
        reading, writing = os.pipe()
        child = os.fork()
        if not child:
            _child(disk, writing, int(kind), int(nth), int(stays), Path(home), Path(answers))
        os.close(writing)
        counted = os.read(reading, 200).decode()
        os.close(reading)
        _, status = os.waitpid(child, 0)
        print(os.waitstatus_to_exitcode(status), counted or "0 0", flush=True)


def _child(
    disk: ctypes.CDLL, writing: int, kind: int, nth: int, stays: int, home: Path, answers: Path
) -> None:
    code = 0
    try:
        said = os.open(answers, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
        disk.disk_arm(str(home).encode(), kind, ctypes.c_long(nth), stays)
        work(home, said)
    except BaseException as fault:
        os.write(2, f"{type(fault).__name__}: {fault}\n".encode())
        code = 70
    os.write(writing, f"{disk.disk_flushes()} {disk.disk_writes()}".encode())
    os._exit(code)


if __name__ == "__main__":
    from safeconduct.node.django_start import start_django
    from safeconduct.records.home import Home

    start_django(Home.load(sys.argv[1]), "writer")
    main()
