"""A muster on the phone: one question, two answers, and no answer is not "safe"."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django.http import HttpRequest, HttpResponse
from django.views.decorators.http import require_POST
from pydantic import BaseModel, ConfigDict, Field

from safeconduct.records.commit import Committed
from safeconduct.records.find import Query, find
from safeconduct.shell.answers import answering, reader_of
from safeconduct.shell.outbox import taken
from safeconduct.watch import muster, muster_words
from safeconduct.watch.muster_kinds import MUSTER, ROLL_ENTRY

ASKED = frozenset({"protected_person"})
"""In this role one reads one's own entry and no other."""
SHOWN = 5
PHONE = "/journeys/phone/"


class Said(BaseModel):
    """An answer as a phone sends it: `at` is when it was given, with an offset."""

    model_config = ConfigDict(extra="ignore", str_strip_whitespace=True)

    category: str = Field(max_length=20)
    at: str | None = Field(default=None, max_length=40)


def context(request: HttpRequest) -> Mapping[str, Any] | None:
    """The open musters that ask after whoever looks, with the last answer; None without any."""
    reader = reader_of(request)
    asked = reader._replace(roles=reader.roles & ASKED)
    if not asked.roles:
        return None
    entries = find(asked, Query(ROLL_ENTRY.name, withdrawn=False, sort="at", limit=SHOWN)).records
    if not entries:
        return None
    ids = [each.about for each in entries]
    found = find(asked, Query(MUSTER.name, ids=ids, parts=("call",), sort="at", limit=SHOWN)).records
    calls = {each.id: each.parts["call"] for each in found if each.state == "open" and "call" in each.parts}
    asking = [
        {
            "id": each.id,
            "call": calls[each.about],
            "state": each.state,
            "word": muster_words.word(muster_words.STATES, each.state),
            "reply": each.parts.get("reply") or {},
        }
        for each in entries
        if each.about in calls
    ]
    return {"asking": asking} if asking else None


@require_POST
@answering
def answer(request: HttpRequest, entry: str) -> HttpResponse:
    """One's own answer, from the page's form or from the phone's outbox."""
    reader = reader_of(request)

    def act(given: Mapping[str, Any]) -> Committed:
        said = Said.model_validate(given)
        return muster.reply(reader, entry, said.category, "phone", said.at, by=str(request.user))

    return taken(request, act, PHONE)
