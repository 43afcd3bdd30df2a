"""What `deploy/wheelhouse` puts together is all that a machine without a network needs, to the byte."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
OFFLINE = ["unshare", "--net"]
BARE = {name: os.environ[name] for name in ("PATH", "HOME", "LANG") if name in os.environ}


def run(*command: object, **more: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [str(each) for each in command], capture_output=True, text=True, check=False, env={**BARE, **more}
    )


@pytest.fixture(scope="module")
def wheels(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder as it is carried to the machine. The build needs what `dev` has installed, and nothing else."""
    folder = tmp_path_factory.mktemp("wheels") / "safeconduct"
    made = run(
        sys.executable, ROOT / "deploy/wheelhouse", folder, SAFECONDUCT_WHEEL_OPTIONS="--no-build-isolation"
    )
    assert made.returncode == 0, made.stdout + made.stderr
    return folder


def test_a_machine_without_a_network_gets_a_node(wheels: Path, tmp_path: Path) -> None:
    if run(*OFFLINE, "true").returncode != 0:
        assert not os.environ.get("CI"), "this machine does not let a test be without a network"
        pytest.skip("only root may be without a network")
    venv = tmp_path / "venv"
    assert run(sys.executable, "-m", "venv", venv).returncode == 0
    install = [
        venv / "bin/pip",
        "install",
        "--no-compile",
        "--no-index",
        "--find-links",
        wheels,
        "--require-hashes",
    ]
    done = run(*OFFLINE, *install, "-r", wheels / "requirements.txt")
    assert done.returncode == 0, done.stderr
    program = venv / "bin/safeconduct"
    assert "Joint security management" in run(*OFFLINE, program, "--help").stdout
    home = tmp_path / "home"
    begun = run(
        *OFFLINE, program, "--home", home, "init", "--party", "pk", "--side", "host", "--name", "Host Party"
    )
    assert begun.returncode == 0, begun.stderr
    assert (home / "accounts.sqlite3").exists() and (home / "keys/ledger.key").exists()
    package = next(venv.glob("lib/*/site-packages/safeconduct"))
    for brought in ("shell/static/dist/app.css", "shell/static/dist/world.pmtiles"):
        assert (package / brought).stat().st_size, brought
    assert list((package / "shell/locale").rglob("*.mo")) and list((package / "shell/typefaces").iterdir())


def test_a_wheel_that_was_changed_on_the_way_is_not_installed(wheels: Path, tmp_path: Path) -> None:
    changed = tmp_path / "changed"
    changed.mkdir()
    lines = (wheels / "requirements.txt").read_text().splitlines()
    line = next(each for each in lines if each.startswith("click=="))
    shutil.copy(next(wheels.glob("click-*.whl")), changed)
    with next(changed.iterdir()).open("ab") as wheel:
        wheel.write(b"\0")
    (changed / "requirements.txt").write_text(f"{line}\n")
    install = [
        sys.executable,
        "-m",
        "pip",
        "install",
        "--no-index",
        "--find-links",
        changed,
        "--require-hashes",
    ]
    done = run(*install, "--target", tmp_path / "there", "-r", changed / "requirements.txt")
    assert done.returncode != 0 and "DO NOT MATCH THE HASHES" in done.stderr
    assert not (tmp_path / "there/click").exists()


def test_every_wheel_is_pinned_and_a_full_folder_is_not_written_to(wheels: Path) -> None:
    pinned = (wheels / "requirements.txt").read_text().splitlines()
    assert len(pinned) == len(list(wheels.glob("*.whl"))) > 30
    assert all(" --hash=sha256:" in line for line in pinned)
    again = run(sys.executable, ROOT / "deploy/wheelhouse", wheels)
    assert again.returncode == 1 and "is not empty" in again.stderr
    assert run(sys.executable, ROOT / "deploy/wheelhouse").returncode == 1
