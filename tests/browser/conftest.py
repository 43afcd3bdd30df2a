"""A real browser against both nodes of the demonstration. A missing browser is a failure, not a skip.

All of these tests share two nodes and one browser; `tests/conftest.py` keeps them together on one worker.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Playwright, expect, sync_playwright

import ready
from browser.demonstration import Demonstration
from browser.office import PATIENCE, Office
from browsers import WEBGL, WITHOUT_WEBGL, executable

HERE = Path(__file__).parent


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if HERE in item.path.parents:
            item.add_marker(pytest.mark.browser)


@pytest.fixture(scope="package")
def nodes(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Demonstration]:
    """Both nodes, running. At the end they must stop cleanly and leave no process behind."""
    running = Demonstration(tmp_path_factory.mktemp("nodes"))
    try:
        running.start()
        if ready.POSTGRESQL:
            assert running.stop() == 0
            running.move()
            running.start()
        yield running
        if running.running:
            assert running.stop() == 0
            assert running.processes() == []
        assert "Traceback" not in running.complaints(), running.complaints()
    finally:
        running.kill()


@pytest.fixture(scope="package")
def playwright() -> Iterator[Playwright]:
    with sync_playwright() as running:
        expect.set_options(timeout=PATIENCE)
        yield running


@pytest.fixture(scope="package")
def browser(playwright: Playwright) -> Iterator[Browser]:
    running = playwright.chromium.launch(executable_path=executable(), args=WEBGL)
    yield running
    running.close()


@pytest.fixture(scope="package")
def _shared_office(browser: Browser, nodes: Demonstration) -> Iterator[Office]:
    office = Office(browser, nodes)
    yield office
    office.forget()


@pytest.fixture
def office(_shared_office: Office) -> Iterator[Office]:
    """People at their screens, and no complaint from any page that they open."""
    _shared_office.watch.begin()
    yield _shared_office
    _shared_office.close_pages()
    assert _shared_office.watch.complaints == []


@pytest.fixture
def plain_office(playwright: Playwright, nodes: Demonstration) -> Iterator[Office]:
    """The same in a browser that cannot draw in three dimensions."""
    running = playwright.chromium.launch(executable_path=executable(), args=WITHOUT_WEBGL)
    office = Office(running, nodes)
    yield office
    office.forget()
    running.close()
    assert office.watch.complaints == []
