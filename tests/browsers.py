"""The browser that tests open: Chromium's engine without its windows, and what it is started with.

The shell without windows (`chromium-headless-shell`) draws the same pages for half the work; `CHROMIUM` names another
one, for instance the browser that people have.
"""

from __future__ import annotations

import os
import shutil

ARGUMENTS = [
    "--no-sandbox",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--no-first-run",
    # No machine that runs tests has a graphics card: only what asks for three dimensions is drawn as if there were one.
    "--disable-gpu-rasterization",
    "--disable-gpu-compositing",
]
WEBGL = [*ARGUMENTS, "--use-gl=angle", "--use-angle=swiftshader", "--enable-unsafe-swiftshader"]
WITHOUT_WEBGL = [*ARGUMENTS, "--disable-gpu", "--disable-3d-apis"]
KNOWN = ("chromium-headless-shell", "chromium", "google-chrome")


def executable() -> str:
    found = os.environ.get("CHROMIUM") or next(filter(None, map(shutil.which, KNOWN)), None)
    assert found, f"no browser: install one of {', '.join(KNOWN)}, or set CHROMIUM to one"
    return found
