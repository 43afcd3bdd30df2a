"""What the other party would get, what it holds, taking it back, and how the link is."""

from __future__ import annotations

import html
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from paired import agree, paired, receive
from records.test_commit import PARTS
from safeconduct.exchange.last_contact import Link
from safeconduct.records import here
from safeconduct.records.commit import Draft, commit
from safeconduct.records.home import Home
from safeconduct.records.principals import system_subject
from signed_in import signed_in

CANARIES = {
    **PARTS,
    "people": {"killed_best": 2, "victims": "CANARY-PEOPLE"},
    "response": {"units": "CANARY-UNITS"},
    "source": {"name": "CANARY-SOURCE"},
}


@pytest.fixture
def node_home(host_home: Home, tmp_path: Path) -> Iterator[Home]:
    """A node whose clauses 1 and 4 are agreed, and nothing else."""
    with paired(host_home, tmp_path) as (home, key):
        agree({"1", "4"}, key)
        yield home


def report(**header: object) -> str:
    return commit(system_subject("pk"), Draft("incident", CANARIES, **header)).record


def page(client, url: str) -> str:
    answer = client.get(url)
    assert answer.status_code == 200, (url, answer.status_code)
    return html.unescape(answer.content.decode())


def as_other_block(text: str) -> str:
    return text.partition('class="as-other"')[2].partition("<h2>Withheld")[0]


def test_the_preview_shows_exactly_the_parts_that_leave(node_home: Home) -> None:
    record = report()
    client, _ = signed_in("coordinator")
    text = page(client, f"/oversight/preview/{record}/cn/")
    leaving = as_other_block(text)
    assert "Bomb against a convoy" in leaving and "Karachi airport" in leaving and "pk-cn/4.2" in leaving
    assert "CANARY-PEOPLE" in leaving, "4.3 lets the people cross"
    assert "CANARY-UNITS" not in text and "CANARY-SOURCE" not in text, "withheld parts are counted, not shown"
    assert "Withheld: 3 parts" in text and "it is empty" in text
    assert "red line house/H6.1 forbids it" in text


def test_what_leaves_is_what_the_feed_has(node_home: Home) -> None:
    from safeconduct.exchange.holdings import holdings

    record = report()
    client, _ = signed_in("coordinator")
    text = as_other_block(page(client, f"/oversight/preview/{record}/cn/"))
    (_, held), *_ = holdings(partner="cn", record=record)
    shown = re.findall(r"<h2>([^<]*)</h2>", text)
    assert shown == ["What happened", "When", "Where", "People harmed"]
    assert list(held.parts) == ["summary", "when", "where", "people"]


def test_nothing_is_told_of_a_record_that_is_not_released(node_home: Home) -> None:
    record = report(releasable=())
    client, _ = signed_in("coordinator")
    text = page(client, f"/oversight/preview/{record}/cn/")
    assert "Nothing of this record leaves" in text and "is not told that it exists" in text
    assert "as-other" not in text and "Bomb against a convoy" not in text and "CANARY" not in text
    assert "not releasable to that party" in text


def test_a_clause_that_is_not_agreed_is_named(host_home: Home, tmp_path: Path) -> None:
    with paired(host_home, tmp_path) as (_, key):
        agree({"1"}, key)
        agree({"4"}, None)
        record = report()
        client, _ = signed_in("coordinator")
        text = page(client, f"/oversight/preview/{record}/cn/")
        assert "Nothing of this record leaves" in text
        assert "pk-cn/4.2" in text and "under discussion" in text


def test_the_preview_opens_no_record_that_its_reader_may_not_know(node_home: Home) -> None:
    record = report()
    theirs = receive("incident", {"summary": PARTS["summary"]})
    warden, _ = signed_in("warden")
    assert warden.get(f"/oversight/preview/{record}/cn/").status_code == 404
    client, _ = signed_in("coordinator")
    assert client.get(f"/oversight/preview/{record}/xx/").status_code == 404
    assert client.get(f"/oversight/preview/{theirs}/cn/").status_code == 404
    assert client.get(f"/oversight/preview/{'0' * 32}/cn/").status_code == 404
    assert client.get(f"/oversight/preview/{record}/").status_code == 302


def test_a_part_that_leaves_but_is_not_the_readers_is_named_without_its_content(node_home: Home) -> None:
    record = report()
    analyst, _ = signed_in("analyst")
    text = page(analyst, f"/oversight/preview/{record}/cn/")
    if "CANARY-PEOPLE" in page(analyst, f"/incidents/{record}/"):
        pytest.fail("the house rules of the demonstration keep people from analysts")
    assert "CANARY-PEOPLE" not in text and "your role does not read it here" in text


def test_the_standing_list_shows_what_was_given_and_how_it_stands(node_home: Home) -> None:
    record, kept = report(), report(releasable=())
    client, _ = signed_in("coordinator")
    text = page(client, "/oversight/holdings/")
    assert record in text and kept not in text
    assert "What happened" in text and "held" in text and "not acknowledged yet" in text
    assert "CANARY" not in text
    assert record in page(client, "/oversight/holdings/?partner=cn&status=held")
    assert record not in page(client, "/oversight/holdings/?status=removed")
    assert record not in page(client, "/oversight/holdings/?after=0")
    warden, _ = signed_in("warden")
    assert record not in page(warden, "/oversight/holdings/")
    assert warden.get(f"/oversight/holdings/{record}/").status_code == 404


def test_withdrawing_tells_the_partner_and_stays_on_the_list(node_home: Home) -> None:
    record = report()
    client, _ = signed_in("coordinator")
    url = f"/oversight/holdings/{record}/withdraw/"
    assert client.post(url, {"reason": ""}).status_code == 422
    assert client.post(url, {"reason": "x", "parts": ["no such part"]}).status_code == 422
    answer = client.post(url, {"reason": "wrong place", "parts": ["where"]}, follow=True)
    text = html.unescape(answer.content.decode())
    assert "told: Partner Party" in text and "withdrawn, not to be used" in text
    after = page(client, f"/oversight/preview/{record}/cn/")
    assert "Karachi airport" not in as_other_block(after) and "it was withdrawn" in after
    answer = client.post(url, {"reason": "all of it"}, follow=True)
    assert "Nothing of this record leaves" in page(client, f"/oversight/preview/{record}/cn/")


def test_asking_for_erasure_destroys_here_and_waits_for_a_receipt(node_home: Home) -> None:
    record = report()
    client, _ = signed_in("coordinator")
    url = f"/oversight/holdings/{record}/erase/"
    if client.get(url).status_code == 403:
        client, _ = signed_in("security_officer")
    answer = client.post(url, {"reason": "asked by the family", "parts": ["people"]}, follow=True)
    text = html.unescape(answer.content.decode())
    assert "asked: Partner Party" in text and "erasure asked, no answer yet" in text
    assert "CANARY-PEOPLE" not in page(client, f"/incidents/{record}/")


def test_who_may_not_take_back_is_refused(node_home: Home) -> None:
    record = report()
    analyst, _ = signed_in("analyst")
    for act in ("withdraw", "erase"):
        assert analyst.get(f"/oversight/holdings/{record}/{act}/").status_code == 403
        assert analyst.post(f"/oversight/holdings/{record}/{act}/", {"reason": "x"}).status_code == 403
    assert analyst.get(f"/oversight/holdings/{record}/publish/").status_code == 404
    text = page(analyst, f"/oversight/holdings/{record}/")
    assert "/withdraw/" not in text and "/erase/" not in text


def test_the_link_is_said_in_words(node_home: Home) -> None:
    report()
    client, _ = signed_in("watch_officer")
    text = page(client, "/oversight/link/")
    assert "no contact yet" in text and "waiting" in text and "pk-cn" in text
    Link("cn", last_contact=1.0, last_error="the partner refused the connection", failing_since=2.0).save(
        here.home()
    )
    text = page(client, "/oversight/link/")
    assert "no connection" in text and "the partner refused the connection" in text
    administrator, _ = signed_in("administrator")
    assert "no connection" in page(administrator, "/oversight/link/")
    warden, _ = signed_in("warden")
    assert warden.get("/oversight/link/").status_code == 404


def test_the_footer_says_how_far_the_ledger_is_cosigned(node_home: Home) -> None:
    client, _ = signed_in("watch_officer")
    assert "As logged by Host Party; not yet cosigned by Partner Party" in page(client, "/oversight/link/")
