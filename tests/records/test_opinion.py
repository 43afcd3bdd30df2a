"""The second opinion can only refuse."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from records.test_commit import PARTS, person
from safeconduct.agreement.policy import Decision
from safeconduct.committee import deployment_kinds
from safeconduct.records import commit, here, opinion
from safeconduct.records.home import Home
from safeconduct.records.refusals import Refused


class Refuser:
    def permits(self, *_: object) -> bool:
        return False


@pytest.fixture
def consented() -> Iterator[None]:
    """A clause lets deployments be proposed, and the other party has consented: the policy alone decides."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(deployment_kinds, "opening", lambda *_: [True])
        patch.setattr(deployment_kinds, "_check_approval", lambda *_: None)
        yield


def test_both_engines_must_allow_an_approval(
    node: Home, consented: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    actor = person("coordinator")
    draft = commit.Draft("deployment", {"proposal": {"title": "A convoy escort"}})
    made = commit.commit(actor, draft)
    monkeypatch.setattr(opinion, "opinion_of", lambda policy: Refuser())
    approved = commit.Draft("deployment", {}, record=made.record, expected=1, state="approved")
    with pytest.raises(Refused, match="second opinion"):
        commit.commit(actor, approved, act="approve")
    monkeypatch.undo()
    assert commit.commit(actor, approved, act="approve").version == 2
    monkeypatch.setattr(opinion, "opinion_of", lambda policy: Refuser())
    assert commit.commit(actor, commit.Draft("incident", PARTS)).version == 1, "writing asks one engine"


def test_a_refusal_stays_a_refusal(node: Home) -> None:
    refused = Decision(False, refused_by="R2")
    item = opinion.Item("r", "incident", "pk", "immediate", 0)
    subject = person("coordinator")
    assert opinion.agreed(here.state(), refused, subject, "approve", item, "summary", 0.0) is refused
