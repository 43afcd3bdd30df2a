"""What each process of a node weighs when it has started and nobody has asked it for anything yet.

Memory is the proportional set size of the process and its children, `start` the processor time that it has used by
then, which other programs on the machine hardly change. Beside it an interpreter that has imported Django, asyncio and
nothing of ours.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import time

from bench.measure import heading, memory, used
from bench.nodes import free_port, one_node

BARE = "import asyncio, ssl, sqlite3, django, django.forms, django.db.models, time; time.sleep(60)"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=5.0, help="after which they are looked at")
    given = parser.parse_args()
    heading("what each process of a node weighs")
    bare = subprocess.Popen([sys.executable, "-c", BARE])
    with one_node() as opened:
        from safeconduct.node import processes
        from safeconduct.records.writer import Writer

        ports = {name: free_port() for name in ("port", "cot_plain_port", "mqtt_port")}
        opened.home.settings.update(ports)  # type: ignore[attr-defined]
        opened.home.save()
        opened.writer.close()
        running = processes.Node(opened.home)
        running.start()
        try:
            running.ready()
            time.sleep(given.seconds)
            print(f"{'bare Django':<12} {memory(bare.pid) / 1000:4.0f} MB   start {used(bare.pid):4.1f} s")
            for name, child in running.children.items():
                print(f"{name:<12} {memory(child.pid) / 1000:4.0f} MB   start {used(child.pid):4.1f} s")
        finally:
            running.stop()
            bare.kill()
            bare.wait()
            opened.writer = Writer(opened.home)


if __name__ == "__main__":
    main()
