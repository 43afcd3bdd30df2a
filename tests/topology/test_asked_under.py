"""A program that asks under one of several agreements, a page of one that was chosen: both give nothing of another."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import timedelta

import pytest
from django.test import Client
from django.utils import timezone

from api.conftest import whole
from bench.constellation import Constellation, agreement_with
from faults import canary
from safeconduct.api import geojson
from safeconduct.incidents import views
from safeconduct.people import tokens
from safeconduct.people.models import Account
from safeconduct.people.roles import assign_role
from safeconduct.records.principals import system_subject

from .conftest import FROM, TO, word

WORDS = [word(number) for number in (*TO, *FROM)]


@pytest.mark.parametrize("headers", [{}, {"Range": "bytes=0-"}])
def test_an_export_is_of_the_agreement_that_it_is_asked_under_to_its_end(
    around: Callable[..., Constellation], monkeypatch: pytest.MonkeyPatch, headers: dict[str, str]
) -> None:
    monkeypatch.setattr(geojson, "BATCH", 1)
    world = around("host", filled=True)
    with world.centre.active():
        account = Account.objects.create_account("desk", clearance=3)
        assign_role(system_subject("hub"), account, "coordinator")
        _, secret = tokens.issue(account, "test", ["coordinator"], "read", timezone.now() + timedelta(days=1))
        for party in world.others:
            asked = {
                "Authorization": f"Bearer {secret}",
                "Safeconduct-Agreement": agreement_with(party),
                **headers,
            }
            answer = Client(SERVER_NAME="localhost").get("/api/v1/incidents.geojson", headers=asked)
            raw = whole(answer)
            assert json.loads(raw)["type"] == "FeatureCollection"
            assert set(canary.found_in(raw, WORDS)) == of(party)


def test_a_file_that_a_page_gives_is_of_the_chosen_agreement_to_its_end(
    around: Callable[..., Constellation], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(views, "EXPORT_BATCH", 1)
    world = around("host", filled=True)
    with world.centre.active():
        account = Account.objects.create_account("desk", clearance=3)
        assign_role(system_subject("hub"), account, "coordinator")
        client = Client(SERVER_NAME="localhost")
        client.force_login(account)
        for party in world.others:
            client.post("/under/", {"agreement": agreement_with(party)})
            raw = whole(client.get("/incidents/export.csv"))
            assert set(canary.found_in(raw, WORDS)) == of(party)


def of(party: str) -> set[str]:
    """The words of what is under the agreement with this partner."""
    return {word(n) for n, to in TO.items() if party in to} | {word(n) for n, p in FROM.items() if p == party}
