"""No way out of the node leads past the second person."""

from __future__ import annotations

import warnings
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from safeconduct.people import second_person, tokens
from safeconduct.people.principal import principal_of
from safeconduct.records import here
from safeconduct.records.home import Home
from safeconduct.records.release import release

from .conftest import MakeAccount, SignIn, new_browser
from .limits import limited_incidents


@pytest.fixture
def incidents(node: Home, tmp_path: Path) -> list[str]:
    return limited_incidents(tmp_path)


def shown() -> int:
    found = here.tables().one("SELECT count(*) FROM records_shown")
    return int(found[0]) if found else -1


def test_a_program_is_stopped_as_a_person_is(person: MakeAccount, incidents: list[str]) -> None:
    day = datetime.now(UTC) + timedelta(days=2)
    _, secret = tokens.issue(person("kim", "security_manager"), "map", ("security_manager",), "read", day)
    token = {"Authorization": f"Bearer {secret}"}
    for address, headers in (
        ("/api/v1/incidents.geojson", token),
        ("/api/v1/incidents.geojson", {**token, "Range": "bytes=0-9"}),
        ("/api/v1/incidents.geojson?limit=4", token),
        ("/api/v1/incidents", token),
    ):
        answer = new_browser().get(address, headers=headers)
        assert answer.status_code == 403 and b"Shots" not in answer.content, address
        assert answer.json()["detail"].endswith("a second person has to approve")
    assert shown() == 0


@pytest.mark.parametrize(
    "address",
    [
        "/incidents/",
        "/incidents/export.csv",
        "/incidents/export.geojson",
        "/assessment/analysis/tables.csv",
        "/reports/situation/?day=2024-10-07&span=week",
        "/reports/situation/file.pdf?day=2024-10-07&span=week",
    ],
)
def test_every_page_and_file_is_stopped_with_words(
    person: MakeAccount, sign_in: SignIn, incidents: list[str], address: str
) -> None:
    now = datetime.now(UTC).isoformat(timespec="seconds")[:19]
    answer = sign_in(person("kim", "security_manager")).get(
        f"{address}&at={now}" if "?" in address else address
    )
    assert answer.status_code == 403 and "A second person is needed" in answer.content.decode()
    assert shown() == 0


def test_a_long_file_is_stopped_before_it_begins(
    person: MakeAccount, sign_in: SignIn, incidents: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("safeconduct.incidents.views.EXPORT_BATCH", 1)
    kim, second = person("kim", "security_manager"), principal_of(person("audit", "auditor"))
    browser = sign_in(kim)
    assert browser.get("/incidents/export.csv").status_code == 403
    assert shown() == 0
    request = second_person.ask_in_bulk(principal_of(kim), "export", "incident", 4, "All four.").record
    second_person.decide(second, request, 1, True)
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="StreamingHttpResponse must consume")
        body = b"".join(browser.get("/incidents/export.csv"))
    assert body.count(b"Shots") == 4 and release(second, request).state == "used"
