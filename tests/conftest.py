"""A node for a test: a fresh home on disk with its databases, and this process as its writer.

Migrating takes most of a second and signing the house rules several: both are done once in a run, and the files
are copied for each test.
"""

from __future__ import annotations

import gc
import os
import shutil
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import settings

import ready
from databases import carried as carried
from safeconduct.agreement.signatures import create_key_file, file_signatory
from safeconduct.records.home import Home
from softhsm import Hsm, module


def _found(folder: Path) -> None:
    """The first home, without databases, and the key of its signatory."""
    key = create_key_file(folder / "signatory.pem")
    signatories = [file_signatory("pk", "Signatory", key).to_dict()]
    given = {"port": 8001, "second_factor": "optional", "signatories": signatories, **ready.database()}
    Home.create(folder / "home", "pk", "host", "Host Party", **given)


_founded = ready.shared("founded", _found)
SIGNATORY_KEY = _founded / "signatory.pem"
_first = ready.OWN / "home"
ready.copy(_founded / "home", _first)
os.environ["SAFECONDUCT_HOME"] = str(_first)
# The application, once it is loaded, would otherwise call this process, and all that tests start, a web server.
os.environ["SAFECONDUCT_PROCESS"] = "cli"
os.environ["DJANGO_SETTINGS_MODULE"] = "safeconduct.node.settings"
# Playwright's event loop runs in the thread of the test; Django would refuse every query made from it.
os.environ["DJANGO_ALLOW_ASYNC_UNSAFE"] = "true"

# A shared machine stalls now and then: a law is not broken by being slow.
settings.register_profile("here", deadline=None)
settings.load_profile("here")


def pytest_configure() -> None:
    import django

    django.setup()
    ready.behind_the_wall()


def pytest_sessionstart(session: pytest.Session) -> None:
    terminal = session.config.pluginmanager.get_plugin("terminalreporter")
    if terminal and os.environ.get("CI"):
        session.config.pluginmanager.register(_SaysAtOnce(terminal))


class _SaysAtOnce:
    """Says what failed when it fails: a run that is cut off for its time has no summary."""

    def __init__(self, terminal: pytest.TerminalReporter) -> None:
        self.terminal = terminal

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        if report.failed:
            self.terminal.write_line(
                f"\n{report.nodeid} failed in its {report.when} after {report.duration:.0f} s:"
            )
            self.terminal.write_line("\n".join(report.longreprtext.splitlines()[-25:]))


def pytest_unconfigure() -> None:
    ready.end()


def _named_as_on_a_server() -> set[Path]:
    """Files in the folder of the run that bear the name of a database on the PostgreSQL server."""
    return set(Path(__file__).parent.parent.glob(f"node_{'[0-9a-f]' * 16}"))


_before = _named_as_on_a_server()


@pytest.fixture(autouse=True)
def _no_database_left_behind() -> Iterator[None]:
    """What a test made on the PostgreSQL server goes with it, and nobody has opened its name as a file."""
    mark = ready.begun()
    yield
    ready.drop_since(mark)
    assert _named_as_on_a_server() <= _before


@pytest.fixture(autouse=True)
def _no_language_left_behind() -> Iterator[None]:
    """A request leaves its reader's language to the thread; the next test begins without one."""
    yield
    from django.utils import translation

    translation.deactivate()


TOGETHER = (
    "tests/browser/",
    "tests/deploy/test_users.py",
    "tests/deploy/test_wheelhouse.py",
    "tests/node/test_attacks.py",
)
"""Tests that share what takes long to make, or, of users, for their time open the way to this Python to them."""


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> Any:
    """Tests share the workers one by one, but those that belong together stay on one.

    xdist's own groups do this by a test's private name, which pytest has had no more since 9.2.
    """
    from xdist.scheduler import LoadScopeScheduling

    class Scheduling(LoadScopeScheduling):
        def _split_scope(self, nodeid: str) -> str:
            return next((each for each in TOGETHER if nodeid.startswith(each)), nodeid)

    return Scheduling(config, log)


@pytest.fixture(scope="session")
def prepared() -> Path:
    """A home whose databases are migrated and empty. This process's databases begin as it."""
    from django.db import connections

    from safeconduct.node.django_start import migrate

    def make(folder: Path) -> None:
        migrate()
        connections.close_all()
        ready.copy(_first, folder / "home")

    made = ready.shared("prepared", make) / "home"
    ready.copy(made, _first, dirs_exist_ok=True)
    ready.point(Home.load(_first))
    return made


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    if ready.POSTGRESQL:
        about_files = [item for item in items if item.get_closest_marker("files")]
        config.hook.pytest_deselected(items=about_files)
        items[:] = [item for item in items if item not in about_files]


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """What is marked `both` is passed on both databases."""
    if metafunc.definition.get_closest_marker("both") and "database" in metafunc.fixturenames:
        wanted = ["postgresql"] if ready.POSTGRESQL else ["sqlite", "postgresql"]
        metafunc.parametrize("database", wanted, indirect=True)


@pytest.fixture
def database(request: pytest.FixtureRequest) -> str:
    """On what a test's home lives: what the run says, unless the test is for `both`."""
    found: str = getattr(request, "param", "postgresql" if ready.POSTGRESQL else "sqlite")
    return found


@pytest.fixture(scope="session")
def prepared_on(prepared: Path) -> Callable[[str], Path]:
    """`prepared_on("postgresql")`: as `prepared`, on this database."""

    def make(folder: Path) -> None:
        from safeconduct.node.django_start import migrate

        home = Home.load(shutil.copytree(_founded / "home", folder / "home"))
        home = replace(home, settings={**home.settings, **ready.own_database()})
        home.save()
        with using(home):
            migrate()

    def found(database: str) -> Path:
        if database == "sqlite" or ready.POSTGRESQL:
            return prepared
        return ready.shared(f"prepared-{database}", make) / "home"

    return found


@pytest.fixture
def bare_home(prepared_on: Callable[[str], Path], database: str, tmp_path: Path) -> Iterator[Home]:
    """A home of the Host Party `pk`, with empty databases, that this process's databases point to."""
    yield from _copied(prepared_on(database), tmp_path)


class using:
    """Point this process's databases at a home, for as long as the block lasts."""

    def __init__(self, home: Home) -> None:
        self.home = home

    def __enter__(self) -> Home:
        self.environment = os.environ["SAFECONDUCT_HOME"]
        os.environ["SAFECONDUCT_HOME"] = str(self.home.path)
        self.before = ready.point(self.home)
        return self.home

    def __exit__(self, *_: object) -> None:
        os.environ["SAFECONDUCT_HOME"] = self.environment
        ready.point_back(self.before)


@pytest.fixture(scope="session")
def ruled(prepared: Path, prepared_on: Callable[[str], Path]) -> Callable[..., Path]:
    """`ruled("host")`: a home in which the demonstration's house rules of that side are in force."""
    from safeconduct.records import here
    from safeconduct.records.door import Door

    def make(side: str, database: str = "") -> Path:
        database = "" if prepared_on(database or "sqlite") == prepared else database

        def rule(folder: Path) -> None:
            ready.copy(prepared_on(database) if database else prepared, folder / "home")
            home = Home.load(folder / "home")
            with using(home), Door.open(home) as door, here.at(home, door):
                enact_house_rules(side)

        return ready.shared(f"ruled-{side}{database}", rule) / "home"

    return make


@pytest.fixture
def host_home(ruled: Callable[..., Path], database: str, tmp_path: Path) -> Iterator[Home]:
    """As `bare_home`, with the demonstration's house rules of the Host Party in force."""
    yield from _copied(ruled("host", database), tmp_path)


@pytest.fixture
def partner_home(ruled: Callable[..., Path], database: str, tmp_path: Path) -> Iterator[Home]:
    """The same with the Partner Party's: the registry and the journeys are this node's own."""
    yield from _copied(ruled("partner", database), tmp_path)


def _copied(template: Path, folder: Path) -> Iterator[Home]:
    home = Home.load(ready.copy(template, folder / "home"))
    with using(home):
        yield home


@pytest.fixture(scope="session")
def hsm(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Hsm]:
    """SoftHSM, where it is installed."""
    folder = tmp_path_factory.mktemp("softhsm")
    (folder / "tokens").mkdir()
    (folder / "softhsm2.conf").write_text(
        f"directories.tokendir = {folder}/tokens\nobjectstore.backend = file\nlog.level = ERROR\n"
    )
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("SOFTHSM2_CONF", str(folder / "softhsm2.conf"))
        yield Hsm(folder, module())


@pytest.fixture(autouse=True)
def _garbage_of_this_test_alone(request: pytest.FixtureRequest) -> Iterator[None]:
    """A test of tokens clears away often what holds old sessions, and need not look through all that there was."""
    if "hsm" not in request.fixturenames:
        yield
        return
    gc.collect()
    gc.freeze()
    yield
    gc.unfreeze()


@pytest.fixture
def quick_hashes(monkeypatch: pytest.MonkeyPatch) -> None:
    """The same Argon2, at the least cost it knows, for tests that hash many a password or word."""
    from django.contrib.auth.hashers import Argon2PasswordHasher

    for name, value in (("time_cost", 1), ("memory_cost", 64), ("parallelism", 1)):
        monkeypatch.setattr(Argon2PasswordHasher, name, value)


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
