"""The pages of a node with many agreements: one of them is chosen, for as long as a session lasts."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from safeconduct.records import here
from safeconduct.records.door import Door
from safeconduct.records.home import Home, Partner
from safeconduct.records.under import under
from signed_in import signed_in

PARTNERS = 9


@pytest.fixture
def many(host_home: Home) -> Iterator[Home]:
    """A host with so many partners, none of which has a card yet."""
    home = host_home
    for number in range(PARTNERS):
        home = home.with_partner(Partner(f"p{number}", f"pk-p{number}", f"Party {number}"))
    home.save()
    with Door.open(home) as door, here.at(home, door):
        yield home


def test_an_agreement_is_chosen_for_the_session_and_holds_for_what_is_entered(many: Home) -> None:
    client, _ = signed_in("watch_officer")
    page = client.get("/incidents/").content.decode()
    assert all(f'<option value="pk-p{n}">' in page for n in range(PARTNERS))
    answer = client.post("/under/", {"agreement": "pk-p3", "next": "/incidents/"})
    assert (answer.status_code, answer["Location"]) == (302, "/incidents/")
    assert '<option value="pk-p3" selected>' in client.get("/incidents/").content.decode()
    assert under() == "", "nothing of it stays behind a request"
    client.post("/under/", {"agreement": "pk-zz", "next": "https://elsewhere.example/"})
    answer = client.post("/under/", {"agreement": "pk-zz", "next": "https://elsewhere.example/"})
    assert answer["Location"] == "/", "the way back is to this node alone"
    assert " selected>Party" not in client.get("/incidents/").content.decode()


def test_with_one_partner_there_is_nothing_to_choose(host_home: Home) -> None:
    home = host_home.with_partner(Partner("p0", "pk-p0", "Party 0"))
    home.save()
    with Door.open(home) as door, here.at(home, door):
        client, _ = signed_in("watch_officer")
        assert 'name="agreement"' not in client.get("/incidents/").content.decode()
