"""Cards and fingerprints: what two people read to each other must be this card's, digit for digit."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from safeconduct.exchange.identity import Card, CardRefused, make_card, tls_files
from safeconduct.exchange.pairing import FingerprintRefused, accept_card, export_card, fingerprint
from safeconduct.ledger.canonical import canonical
from safeconduct.records.home import Home

from .nodes import Node


@pytest.fixture
def cards(nodes: tuple[Node, Node]) -> tuple[Node, bytes, str]:
    """The host, and the partner's card for it with its fingerprint."""
    host, partner = nodes
    return host, *export_card(partner.home, "pk", "pk-cn")


def test_fingerprint_reads_as_eight_checked_groups(cards: tuple[Node, bytes, str]) -> None:
    _, card, spoken = cards
    groups = spoken.split()
    assert len(groups) == 8 and all(len(g) == 5 and g.isdigit() for g in groups)
    assert fingerprint(card) == spoken != fingerprint(card + b" ")


def test_a_digit_misheard_is_noticed_in_its_group(cards: tuple[Node, bytes, str]) -> None:
    host, card, spoken = cards
    for place in range(40):
        digits = spoken.replace(" ", "")
        wrong = digits[:place] + str((int(digits[place]) + 3) % 10) + digits[place + 1 :]
        with pytest.raises(FingerprintRefused) as fault:
            accept_card(host.home, card, wrong, host.door)
        assert fault.value.group == place // 5 + 1


def test_another_card_is_refused_though_its_fingerprint_is_well_formed(
    cards: tuple[Node, bytes, str],
) -> None:
    host, card, spoken = cards
    changed = json.loads(card) | {"url": "https://attacker.example:9001"}
    with pytest.raises(FingerprintRefused) as fault:
        accept_card(host.home, canonical(changed), spoken, host.door)
    assert fault.value.group == 0
    for text in ("", "12345", "x" * 40, spoken + " 12340"):
        with pytest.raises(FingerprintRefused):
            accept_card(host.home, card, text, host.door)


def test_acceptance_is_in_the_ledger_and_in_the_home(cards: tuple[Node, bytes, str]) -> None:
    host, card, spoken = cards
    paired = accept_card(host.home, card, spoken.replace(" ", "-"), host.door, url="https://10.0.0.2:9001")
    assert paired.partners["cn"].url == "https://10.0.0.2:9001"
    again = Home.load(host.home.path)
    assert Card.of(again.partners["cn"].card).raw == card
    entry = json.loads(host.writer.log.entry(host.writer.log.size - 1).leaf)
    assert (entry["type"], entry["partner"], entry["fingerprint"]) == ("key", "cn", spoken)


def field(name: str, value: Any) -> Any:
    return lambda card: card | {name: value}


@pytest.mark.parametrize(
    "change",
    [
        field("party", "../evil"),
        field("side", "judge"),
        field("for", "xx"),
        field("witness", "nonsense"),
        field("tls", "AAAA"),
        field("hpke", "AAAA"),
        field("url", "http://plain.example"),
        field("signatories", [{"party": "pk", "name": "x"}]),
        field("more", 1),
        lambda card: card | {"feed": card["ledger"]},
        lambda card: card | {"witness": card["ledger"]["vkey"]},
        lambda card: {k: v for k, v in card.items() if k != "tls"},
        field("side", "host"),
    ],
)
def test_a_card_that_is_not_right_in_itself_is_refused(cards: tuple[Node, bytes, str], change: Any) -> None:
    host, card, _ = cards
    changed = canonical(change(json.loads(card)))
    with pytest.raises(CardRefused):
        accept_card(host.home, changed, fingerprint(changed), host.door)


def test_an_agreement_keeps_its_name_and_its_party(nodes: tuple[Node, Node]) -> None:
    host, partner = nodes
    for agreement in ("pk-xx", "other"):
        card, spoken = export_card(partner.home, "pk", agreement)
        with pytest.raises(CardRefused):
            accept_card(host.home, card, spoken, host.door)


def test_keys_are_private_and_cards_hold_none_of_them(nodes: tuple[Node, Node]) -> None:
    host, _ = nodes
    files: list[Path] = [p for p in host.home.keys.iterdir() if p.is_file()]
    assert files and all(p.stat().st_mode & 0o077 == 0 for p in files)
    card = make_card(host.home, "cn", "pk-cn")
    for path in files:
        if path not in (tls_files(host.home)[0],):
            assert path.read_bytes().strip()[-40:] not in card
