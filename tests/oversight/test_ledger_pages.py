"""The ledger's pages: its size and cosignatures, verification by slices, entries, readings, refusals."""

from __future__ import annotations

import html
from collections.abc import Iterator
from pathlib import Path

import pytest

from paired import agree, paired, receive
from records.test_commit import PARTS
from safeconduct.oversight import verification
from safeconduct.records import here
from safeconduct.records.commit import Draft, commit
from safeconduct.records.home import Home
from safeconduct.records.principals import system_subject, to_wire
from safeconduct.records.refusals import NotFound, Refused
from signed_in import signed_in

SECRETS = {
    **PARTS,
    "people": {"killed_best": 2, "victims": "CANARY-PEOPLE"},
    "source": {"name": "CANARY-SOURCE"},
}


@pytest.fixture
def pair(host_home: Home, tmp_path: Path) -> Iterator[Home]:
    with paired(host_home, tmp_path) as (home, _):
        yield home


def fill(number: int = 3) -> None:
    for _ in range(number):
        commit(system_subject("pk"), Draft("incident", SECRETS))


def verify(actor: dict) -> dict:
    answer = here.door().call("verify", {"actor": actor})
    while not answer["finished"]:
        answer = here.door().call("verify", {"actor": actor, "run": answer["run"]})
    return answer


def test_an_auditor_sees_size_and_entries_without_content(pair: Home) -> None:
    fill()
    client, _ = signed_in("auditor")
    text = html.unescape(client.get("/oversight/ledger/").content.decode())
    writer = here.door().writer
    assert writer is not None
    assert f"<strong>{writer.log.size}</strong>" in text and writer.log.root().hex() in text
    assert "not yet cosigned by Partner Party" in text
    assert "version of an own record" in text and "CANARY" not in text
    assert "key event" in client.get("/oversight/ledger/?type=key").content.decode()


def test_others_see_the_head_but_no_entries_and_outsiders_nothing(node: Home) -> None:
    officer, _ = signed_in("watch_officer")
    text = officer.get("/oversight/ledger/").content.decode()
    assert "Verify now" in text and "version of an own record" not in text
    assert "/oversight/refusals/" not in text, "no way is offered that would be refused"
    warden, subject = signed_in("warden")
    assert warden.get("/oversight/ledger/").status_code == 404
    with pytest.raises(NotFound):
        here.door().call("verify", {"actor": to_wire(subject)})
    with pytest.raises(Refused):
        here.door().call("ledger_entries", {"actor": to_wire(subject)})


def test_verify_now_finds_a_whole_ledger_sound(node: Home) -> None:
    fill()
    client, _ = signed_in("auditor")
    answer = client.post("/oversight/ledger/verify/", follow=True)
    writer = here.door().writer
    assert writer is not None
    text = answer.content.decode()
    assert "Sound: all" in text and writer.log.root().hex() in text
    assert client.get("/oversight/ledger/verify/unknown/").status_code == 404
    assert client.get("/oversight/ledger/verify/").status_code == 405


def test_verification_goes_in_slices_and_ends_at_the_size_it_began_with(
    node: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(verification, "SLICE_ENTRIES", 7)
    fill(5)
    _, auditor = signed_in("auditor")
    actor = to_wire(auditor)
    first = here.door().call("verify", {"actor": actor})
    fill(2)
    second = here.door().call("verify", {"actor": actor, "run": first["run"]})
    assert second["done"] == 7 and not second["finished"]
    answer = second
    while not answer["finished"]:
        answer = here.door().call("verify", {"actor": actor, "run": first["run"]})
    assert answer["broken"] is None and answer["done"] == answer["size"] == first["size"]


@pytest.mark.parametrize("where", ["leaf", "text", "body", "missing"])
def test_verification_names_the_first_entry_that_does_not_hold(node: Home, where: str) -> None:
    fill(4)
    _, auditor = signed_in("auditor")
    writer = here.door().writer
    assert writer is not None
    index = next(e[0] for e in writer.log.entries(0, writer.log.size) if b"CANARY" in (e.body or b"") or
                 b'"kind":"incident"' in e.leaf)  # fmt: skip
    if where == "leaf":
        leaf = writer.log.entry(index).leaf.replace(b"incident", b"incidenz")
        writer.db.execute("UPDATE ledger_leaf SET leaf = ? WHERE idx = ?", (leaf, index))
    elif where == "text":
        writer.db.execute("UPDATE ledger_leaf SET leaf = 'no bytes' WHERE idx = ?", (index,))
    elif where == "body":
        other = writer.log.entry(index + 1).body
        writer.db.execute("UPDATE ledger_leaf SET body = ? WHERE idx = ?", (other, index))
    else:
        writer.db.execute("DELETE FROM ledger_leaf WHERE idx = ?", (index,))
    answer = verify(to_wire(auditor))
    assert answer["finished"] and answer["why"]
    if where == "missing":
        assert answer["broken"] <= index
    else:
        assert answer["broken"] == index


def test_a_history_that_is_not_the_cosigned_one_is_broken(
    node: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    fill(2)
    _, auditor = signed_in("auditor")
    false = verification.Anchor("cn", 3, b"\0" * 32)
    monkeypatch.setattr(verification, "anchors", lambda tx: [false])
    answer = verify(to_wire(auditor))
    assert answer["broken"] is not None and "another history" in answer["why"]


def test_erased_parts_do_not_break_the_ledger(node: Home) -> None:
    made = commit(system_subject("pk"), Draft("incident", SECRETS))
    here.door().call(
        "erase",
        {"actor": {"person": "system"}, "record": made.record, "parts": ["people"], "reason": "asked"},
    )
    _, auditor = signed_in("auditor")
    assert verify(to_wire(auditor))["broken"] is None


def test_readings_name_reader_and_parts_and_none_of_the_content(host_home: Home, tmp_path: Path) -> None:
    with paired(host_home, tmp_path) as (_, key):
        agree({"1", "4"}, key)
        record = receive("incident", {"summary": PARTS["summary"], "people": SECRETS["people"]})
        officer, _ = signed_in("watch_officer")
        assert "CANARY-PEOPLE" in officer.get(f"/incidents/{record}/").content.decode()
        auditor, _ = signed_in("auditor")
        text = html.unescape(auditor.get("/oversight/readings/").content.decode())
        assert "watch-officer" in text and "People" in text and record in text
        assert "CANARY" not in text
        assert record in auditor.get(f"/oversight/readings/?originator=pk&about={record}").content.decode()
        assert record not in auditor.get("/oversight/readings/?originator=cn").content.decode().replace(
            f"about={record}", ""
        )


@pytest.mark.parametrize("odd", ["k/ä 7", "<b>", "."])
def test_a_record_whose_id_no_address_can_have_is_shown_without_a_link(
    host_home: Home, tmp_path: Path, odd: str
) -> None:
    with paired(host_home, tmp_path) as (_, key):
        agree({"1", "4"}, key)
        record = receive("incident", {"summary": PARTS["summary"], "people": SECRETS["people"]})
        officer, _ = signed_in("watch_officer")
        assert officer.get(f"/incidents/{record}/").status_code == 200
        writer = here.door().writer
        assert writer is not None
        writer.tables.execute("UPDATE records_shown SET record = %s", [odd])
        writer.tables.execute("UPDATE records_row SET about = %s WHERE kind = 'reading'", [odd])
        auditor, _ = signed_in("auditor")
        answer = auditor.get("/oversight/readings/")
        assert answer.status_code == 200 and odd in html.unescape(answer.content.decode())
        assert "/oversight/knew/" not in answer.content.decode()


def test_who_may_not_audit_is_refused_with_the_rule_and_it_is_kept(node: Home) -> None:
    officer, _ = signed_in("watch_officer")
    answer = officer.get("/oversight/readings/")
    assert answer.status_code == 403
    assert officer.get("/oversight/refusals/").status_code == 403
    auditor, _ = signed_in("auditor")
    text = html.unescape(auditor.get("/oversight/refusals/").content.decode())
    assert "watch-officer" in text and "right to read readings" in text


def test_odd_questions_do_not_break_the_pages(node: Home) -> None:
    auditor, _ = signed_in("auditor")
    for query in ("before=-1", "before=x", "type=nothing", "before=99999999"):
        assert auditor.get(f"/oversight/ledger/?{query}").status_code == 200, query
    assert auditor.get("/oversight/refusals/?before=%F0").status_code == 200
    assert auditor.get("/oversight/readings/?cursor=nonsense").status_code == 400


@pytest.mark.parametrize("index", ["9" * 5000, "9" * 25, "-1", "٣"])
def test_an_index_that_no_ledger_has_is_no_fault_of_the_page(pair: Home, index: str) -> None:
    fill(1)
    client, _ = signed_in("auditor")
    for page in (f"/oversight/refusals/?before={index}", f"/oversight/holdings/?after={index}"):
        assert client.get(page).status_code == 200
