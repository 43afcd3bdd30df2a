"""A node for a test: a fresh home on disk with its databases, and this process as its writer.

Migrating takes most of a second and so does signing the house rules: both are done once, and the files are
copied for each test.
"""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from hypothesis import settings

from safeconduct.agreement.signatures import create_key_file, file_signatory
from safeconduct.records.home import Home

_first = Path(tempfile.mkdtemp(prefix="safeconduct-test-")) / "home"
SIGNATORY_KEY = _first.parent / "signatory.pem"
_signatory = file_signatory("pk", "Signatory", create_key_file(SIGNATORY_KEY)).to_dict()
Home.create(_first, "pk", "host", "Host Party", port=8001, second_factor="optional", signatories=[_signatory])
os.environ["SAFECONDUCT_HOME"] = str(_first)
os.environ["DJANGO_SETTINGS_MODULE"] = "safeconduct.node.settings"
# Playwright's event loop runs in the thread of the test; Django would refuse every query made from it.
os.environ["DJANGO_ALLOW_ASYNC_UNSAFE"] = "true"

# A shared machine stalls now and then: a law is not broken by being slow.
settings.register_profile("here", deadline=None)
settings.load_profile("here")


def pytest_configure() -> None:
    import django

    django.setup()


def pytest_unconfigure() -> None:
    shutil.rmtree(_first.parent, ignore_errors=True)


@pytest.fixture(autouse=True)
def _no_language_left_behind() -> Iterator[None]:
    """A request leaves its reader's language to the thread; the next test begins without one."""
    yield
    from django.utils import translation

    translation.deactivate()


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> Any:
    """Tests share two workers one by one, but those against the running nodes stay together on one.

    xdist's own groups do this by a test's private name, which pytest has had no more since 9.2.
    """
    from xdist.scheduler import LoadScopeScheduling

    class Scheduling(LoadScopeScheduling):
        def _split_scope(self, nodeid: str) -> str:
            return "browser" if nodeid.startswith("tests/browser/") else nodeid

    return Scheduling(config, log)


@pytest.fixture(scope="session")
def prepared() -> Path:
    """A home whose databases are migrated and empty."""
    from django.db import connections

    from safeconduct.node.django_start import migrate

    migrate()
    connections.close_all()
    return _first


@pytest.fixture
def bare_home(prepared: Path, tmp_path: Path) -> Iterator[Home]:
    """A home of the Host Party `pk`, with empty databases, that this process's databases point to."""
    yield from _copied(prepared, tmp_path)


class using:
    """Point this process's databases at a home, for as long as the block lasts."""

    def __init__(self, home: Home) -> None:
        self.home = home

    def __enter__(self) -> Home:
        from django.db import connections

        self.before = {alias: connections[alias].settings_dict["NAME"] for alias in connections}
        self.environment = os.environ["SAFECONDUCT_HOME"]
        os.environ["SAFECONDUCT_HOME"] = str(self.home.path)
        for alias, path in (("default", self.home.accounts), ("tables", self.home.tables)):
            connections[alias].close()
            connections[alias].settings_dict["NAME"] = str(path)
        return self.home

    def __exit__(self, *_: object) -> None:
        from django.db import connections

        os.environ["SAFECONDUCT_HOME"] = self.environment
        for alias, name in self.before.items():
            connections[alias].close()
            connections[alias].settings_dict["NAME"] = name


@pytest.fixture(scope="session")
def ruled(prepared: Path) -> Callable[[str], Path]:
    """`ruled("host")`: a home in which the demonstration's house rules of that side are in force."""
    from safeconduct.records import here
    from safeconduct.records.door import Door

    @cache
    def make(side: str) -> Path:
        path = prepared.parent / side
        shutil.copytree(prepared, path)
        home = Home.load(path)
        with using(home), Door.open(home) as door, here.at(home, door):
            enact_house_rules(side)
        return path

    return make


@pytest.fixture
def host_home(ruled: Callable[[str], Path], tmp_path: Path) -> Iterator[Home]:
    """As `bare_home`, with the demonstration's house rules of the Host Party in force."""
    yield from _copied(ruled("host"), tmp_path)


@pytest.fixture
def partner_home(ruled: Callable[[str], Path], tmp_path: Path) -> Iterator[Home]:
    """The same with the Partner Party's: the registry and the journeys are this node's own."""
    yield from _copied(ruled("partner"), tmp_path)


def _copied(template: Path, folder: Path) -> Iterator[Home]:
    shutil.copytree(template, folder / "home")
    home = Home.load(folder / "home")
    with using(home):
        yield home


@pytest.fixture
def node(host_home: Home) -> Iterator[Home]:
    """A home with the demonstration's house rules in force; `records.here` is this node, in process."""
    from safeconduct.records import here
    from safeconduct.records.door import Door

    with Door.open(host_home) as door, here.at(host_home, door):
        yield host_home


def enact_house_rules(side: str) -> None:
    """Propose and sign the demonstration's house rules on the node this process is."""
    from importlib.resources import as_file, files

    from safeconduct.node.signing_here import act, propose
    from safeconduct.records import here

    door = here.door()
    with as_file(files("safeconduct.node.demonstration")) as folder:
        clauses = propose("house", sorted((folder / "house" / side).glob("*.md")), door)
    for clause in clauses:
        act("house", clause.number, "agreed", SIGNATORY_KEY, None, door)
