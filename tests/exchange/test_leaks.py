"""Nothing that was not released leaves: canaries in every unreleased part, title, id, time and count."""

from __future__ import annotations

import itertools
import json
from pathlib import Path
from typing import Any

import pytest

from safeconduct.exchange.delivery import close_feeds
from safeconduct.exchange.identity import tls_files
from safeconduct.records.attachments import attachment_parts
from safeconduct.records.refusals import Malformed

from .nodes import INCIDENT, Node, bundle_bytes, pull, unpacked

CANARY = "Zq7CanaryX"


def traces(raw: bytes) -> list[str]:
    """A bundle's bytes together with all that its disclosures say."""
    from safeconduct.exchange.bundle import Bundle
    from safeconduct.ledger.parts import open_disclosure

    bundle = Bundle.unpack(raw)
    said = [json.dumps(open_disclosure(text)) for e in bundle.entries for _, text in e.parts if text]
    return [raw.decode("latin-1"), *said]


def secrets_of(node: Node, records: list[str]) -> list[str]:
    """What could give unreleased records away: canary, ids, header hashes, private digests."""
    found = [CANARY, *records]
    for index, leaf, _ in node.writer.log.entries(0, node.writer.log.size):
        header = json.loads(leaf)
        if header.get("record") in records and header["type"] == "version":
            found += [*header["parts"], header["prev"] or CANARY, header["at"], header["by"] + "-x"]
        assert index >= 0
    return found


def assert_absent(raw: bytes, secrets: list[str]) -> None:
    for text in traces(raw):
        for secret in secrets:
            assert secret not in text


def canary_incident(**shown: Any) -> dict[str, Any]:
    """An incident whose every part that clause 1 does not release bears the canary."""
    return {
        **INCIDENT,
        **shown,
        "people": {"killed_best": 777_777, "victims": CANARY},
        "method": {"type": "ambush", "detail": CANARY},
        "response": {"units": CANARY, "measures": CANARY, "text": CANARY},
        "source": {"name": CANARY, "external": CANARY, "remark": CANARY},
    }


def everything_outside(node: Node, partner: str) -> bytes:
    """All bytes on disk that the feed server can open, and all that it may be asked for."""
    close_feeds(node.home)
    folder = node.home.feed(partner)
    return b"".join(path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file())


def test_canary_never_leaves_nor_lies_in_the_feed(nodes: tuple[Node, Node]) -> None:
    host, partner = nodes
    secret_title = {**INCIDENT["summary"], "title": CANARY}
    hidden = host.commit("incident", canary_incident(summary=secret_title), releasable=[])
    above = host.commit(
        "incident",
        canary_incident(summary=secret_title),
        levels=dict.fromkeys(("summary", "when", "where"), 2),
    )
    shown = host.commit("incident", canary_incident())
    for version in (1, 2, 3):
        changed = {"response": {"text": f"{CANARY}{version}"}}
        host.commit("incident", changed, record=shown.record, expected=version)
    claim = {
        "figure": {"what": "killed", "best": 777_777},
        "source": {"outlet": CANARY, "party": "press"},
        "remark": {"text": CANARY},
    }
    host.commit("claim", claim, about=hidden.record, levels={"figure": 1}, releasable=["cn"])
    host.commit("role_assignment", {"assignment": {"person": CANARY, "role": "analyst"}})
    host.publish()
    raw = bundle_bytes(host, partner)
    secrets = secrets_of(host, [hidden.record, above.record, shown.record])
    assert_absent(raw, secrets)
    entries = [json.loads(e.leaf) for e in unpacked(host, partner).entries]
    (told,) = [e for e in entries if e["kind"] == "incident"]
    assert told["version"] == 1
    (claimed,) = [e for e in entries if e["kind"] == "claim"]
    assert "about" not in claimed and claimed["at"].count("T") == 0
    assert 777_777 not in claimed.values()
    on_disk = everything_outside(host, "cn")
    for secret in secrets:
        assert secret.encode() not in on_disk
    assert INCIDENT["summary"]["title"].encode() not in on_disk
    pull(partner, host)
    (row,) = partner.of_kind("incident", "pk")
    assert set(row.values()) == {"summary", "when", "where"}


def test_what_is_beside_a_record_goes_no_further_than_the_record(nodes: tuple[Node, Node]) -> None:
    host, _ = nodes
    hidden = host.commit("incident", INCIDENT, releasable=[])
    size = host.feed("cn").size
    photo = host.commit("attachment", attachment_parts("gate.txt", CANARY.encode()), about=hidden.record)
    claim = {"figure": {"what": "killed", "best": 4}, "source": {"outlet": "x", "party": "press"}}
    spoken = host.commit("claim", claim, about=hidden.record)
    host.commit("claim", {}, record=spoken.record, expected=1, state="retracted")
    assert host.feed("cn").size == size
    for record in (photo.record, spoken.record):
        row = host.row(record)
        assert row is not None and row.releasable == ""


def test_a_derived_record_never_goes_further_than_its_sources(nodes: tuple[Node, Node]) -> None:
    host, _ = nodes
    hidden = host.commit("incident", INCIDENT, releasable=["xx"])
    with pytest.raises(Malformed):
        host.commit("incident", INCIDENT, derived_from=[hidden.record], releasable=["cn"])
    minutes = host.commit("incident", INCIDENT, derived_from=[hidden.record])
    with pytest.raises(Malformed):
        host.commit("incident", {}, record=minutes.record, expected=1, releasable=["cn", "xx"])
    row = host.row(minutes.record)
    assert row is not None and row.releasable == "|xx|"


def test_growth_of_the_ledger_shows_in_steps_of_the_pad_only(nodes: tuple[Node, Node]) -> None:
    host, partner = nodes
    sizes = []
    for count in (0, 1, 7, 3):
        for _ in range(count):
            host.commit("incident", canary_incident(), releasable=[])
        host.publish()
        sizes.append(host.feed("cn").head_size())
        pull(partner, host)
    assert all(size % 16 == 0 for size in sizes)
    assert all(b - a == 16 for a, b in itertools.pairwise(sizes))
    assert partner.call("exchange_cursor", partner="pk")["head"] == sizes[-1]


@pytest.fixture
def three(nodes: tuple[Node, Node], world: Path) -> Any:
    third = Node(world / "xx")
    yield *nodes, third
    third.close()


def test_two_partners_see_no_trace_of_each_other(three: tuple[Node, Node, Node]) -> None:
    host, first, second = three
    only_first = host.commit("incident", INCIDENT, releasable=["cn"])
    both = host.commit("incident", {**INCIDENT, "summary": {**INCIDENT["summary"], "title": "For both"}})
    answer = {"figure": {"what": "killed", "best": 3}, "source": {"outlet": CANARY, "party": "partner"}}
    pull(first, host)
    (seen, _) = first.of_kind("incident", "pk")
    first.commit("claim", answer, about=seen.id)
    pull(host, first)
    (claim,) = host.of_kind("claim", "cn")
    theirs = {**INCIDENT, "summary": {**INCIDENT["summary"], "title": "About theirs"}}
    host.commit("incident", theirs, about=claim.id, releasable=["cn", "xx"])
    host.commit("incident", {**theirs, "summary": {**theirs["summary"], "title": CANARY}}, about=claim.id)
    host.publish()
    pull(second, host)
    raw = bundle_bytes(host, second)
    first_raw = bundle_bytes(host, first)
    opaque = {json.loads(e.leaf)["record"] for e in unpacked(host, first).entries}
    digests = {d for e in unpacked(host, first).entries for d in json.loads(e.leaf).get("digests", [])}
    commitments = {json.loads(e.leaf).get("commitment") for e in unpacked(host, first).entries} - {None}
    certificate = tls_files(first.home)[0].read_text()
    hidden = [
        only_first.record,
        both.record,
        seen.id,
        claim.id,
        '"cn"',
        "pk-cn",
        "/feed/cn",
        "cn.safeconduct",
        CANARY,
    ]
    assert_absent(raw, [*hidden, *opaque, *digests, *commitments, certificate])
    assert_absent(first_raw, ['"xx"', "pk-xx", "xx.safeconduct"])
    on_disk = everything_outside(host, "xx")
    for secret in (*hidden[:4], "pk-cn", "cn.safeconduct", *opaque, *digests, *commitments):
        assert secret.encode() not in on_disk
    titles = [row.values()["summary"]["title"] for row in second.of_kind("incident", "pk")]
    assert titles == ["For both", "About theirs"]
    assert [row.about for row in second.of_kind("incident", "pk")] == ["", ""]


def test_unreleased_records_leave_the_feed_byte_for_byte_as_it_was(nodes: tuple[Node, Node]) -> None:
    host, partner = nodes
    host.commit("incident", INCIDENT)
    before = bundle_bytes(host, partner)
    made = host.commit("incident", canary_incident(), releasable=[])
    host.commit("incident", {}, record=made.record, expected=1, state="closed")
    host.system("withdraw", record=made.record)
    host.system("erase", record=made.record)
    assert bundle_bytes(host, partner) == before
