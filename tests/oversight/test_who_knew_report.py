"""The signed report of who knew: anyone verifies it without a node, and a changed one does not hold."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path

import pytest
from click.testing import CliRunner

from exchange.test_epochs import resume
from exchange.test_rotation import accept, renewed
from safeconduct.ledger.canonical import canonical
from safeconduct.ledger.report import ReportRefused, verify
from safeconduct.node.cli import main
from safeconduct.oversight.who_knew import GIVEN, READ, TOLD
from safeconduct.oversight.who_knew_report import signed_report
from safeconduct.records.release import release

from .two_readers import (
    Pair,
    readings_of_one,
    settle,
    somebody,
)


@pytest.mark.usefixtures("carried")
def test_anyone_can_verify_the_report_without_a_node(both: Pair, tmp_path: Path) -> None:
    host, _ = both
    record, _, auditor = readings_of_one(both)
    with host.active():
        sealed, page = signed_report(auditor, record), signed_report(auditor, record, page=True)
    for raw in (sealed, page):
        found = verify(raw)
        ways = [line["way"] for line in found.lines]
        assert ways == [GIVEN, GIVEN, TOLD, READ]
        how = dict(zip(ways, found.standing, strict=True))
        assert "cosigned by cn.safeconduct/witness to" in how[READ]
        assert "signed by cn in its feed" in how[TOLD]
        assert any("arrival acknowledged by cn" in text for text in found.standing)
        assert verify(raw, found.keys.values()).lines
        with pytest.raises(ReportRefused):
            verify(raw, [found.keys["ledger"]])
    file = tmp_path / "report.html"
    file.write_bytes(page)
    said = CliRunner().invoke(main, ["verify", "report", str(file), "--lines"])
    assert said.exit_code == 0 and "the report holds" in said.output and "p" in said.output
    assert auditor.person not in said.output.partition("it rests on")[0]
    file.write_bytes(page.replace(b"<h1>", b"<h1>Not "))
    said = CliRunner().invoke(main, ["verify", "report", str(file)])
    assert said.exit_code == 3 and "page" in said.output


def test_a_report_of_what_old_keys_have_signed_still_holds(both: Pair, world: Path) -> None:
    host, partner = both
    record, _, auditor = readings_of_one(both)
    for node, other in ((host, partner), (partner, host)):
        renewed(node)
        accept(other, node)
    resume(host, partner, world)
    settle(host, partner)
    with host.active():
        found = verify(signed_report(auditor, record))
    how = dict(zip([line["way"] for line in found.lines], found.standing, strict=True))
    assert "cosigned by cn.safeconduct/witness to" in how[READ]
    former = {name for name in found.keys if "former" in name}
    assert {name.split(",")[0] for name in former} == {
        "ledger",
        "witness",
        "witness cn",
        "feed to cn",
        "feed to xx",
        "feed from cn",
    }


def test_a_report_that_was_changed_does_not_hold(both: Pair) -> None:
    from safeconduct.exchange.identity import Keys
    from safeconduct.ledger.report import seal

    host, _ = both
    record, _, auditor = readings_of_one(both)
    with host.active():
        sealed = signed_report(auditor, record)
    whole = json.loads(sealed)
    for change in ("person", "record", "at"):
        wrong = json.loads(sealed)
        wrong["report"]["lines"][3][change] = "somebody else"
        with pytest.raises(ReportRefused):
            verify(canonical(wrong))
        # Not even the node's own key makes it hold: the entry says otherwise.
        with pytest.raises(ReportRefused):
            verify(seal(wrong["report"], Keys.of(host.home).ledger))
    for broken in (b"", b"{}", b"<html>", sealed[:-5], b"[" * 100_000, canonical({**whole, "note": "x"})):
        with pytest.raises(ReportRefused):
            verify(broken)
    for key in ("entries", "checkpoints", "keys", "lines"):
        for value in ([], {}, None, "x", [None], [{}]):
            if value == [] and key == "lines":
                continue
            report = {**whole["report"], key: value}
            with pytest.raises(ReportRefused):
                verify(seal(report, Keys.of(host.home).ledger))


def test_many_readings_make_one_report(both: Pair) -> None:
    host, partner = both
    record, at_partner, auditor = readings_of_one(both)
    _, wang, _ = somebody(partner, "coordinator")
    with partner.active():
        for _ in range(230):
            release(wang, at_partner)
    settle(host, partner)
    with host.active():
        found = verify(signed_report(auditor, record))
    assert len(found.lines) == 234 and datetime.now(UTC).year >= 2024
