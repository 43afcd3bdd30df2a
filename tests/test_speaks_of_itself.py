"""The repository holds no secret and no machine's path."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

ROOT = Path(__file__).parent.parent
PRIVATE = re.compile(r"-----BEGIN [A-Z ]*PRIVATE KEY-----\s*\n[A-Za-z0-9+/=]{40}")
MACHINE = re.compile(r"(^|[\s\"'(=])/(home/[a-z]|root/|Users/|work/)")
TEXT = {".py", ".md", ".toml", ".html", ".css", ".js", ".mjs", ".json", ".po", ".sh", ""}


def tracked() -> list[Path]:
    names = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, check=True).stdout
    return [ROOT / name for name in names.decode().split("\0") if name]


def test_no_private_key_and_no_path_of_a_machine() -> None:
    wrong = []
    for path in tracked():
        if path.suffix not in TEXT or not path.is_file() or path == Path(__file__):
            continue
        text = path.read_text("utf-8", errors="replace")
        if PRIVATE.search(text) or MACHINE.search(text):
            wrong.append(str(path.relative_to(ROOT)))
    assert not wrong, wrong
