"""The footer's sentence about the ledger, worded as what it is."""

from __future__ import annotations

import contextlib
import time
from datetime import UTC, datetime

from django.http import HttpRequest
from django.utils.translation import gettext as _

from safeconduct.exchange.cadence import Cosigned, all_cosigned
from safeconduct.records import here
from safeconduct.records.refusals import Unavailable

KEPT_SECONDS = 5.0
_kept: tuple[float, str, list[Cosigned]] = (0.0, "", [])


def heads() -> list[Cosigned]:
    """How far each partner has cosigned this ledger, looked up at most every few seconds; as it last was while the
    writer does not answer."""
    global _kept
    home = here.home()
    at, path, found = _kept
    if path != str(home.path):
        found = []
    if (path != str(home.path) or time.monotonic() - at > KEPT_SECONDS) and home.partners:
        with contextlib.suppress(Unavailable):
            found = list(all_cosigned(here.door()).values())
        _kept = (time.monotonic(), str(home.path), found)
    return found


def ledger_line(request: HttpRequest) -> str:
    """As logged by this party, and how far each partner has cosigned that."""
    home = here.home()
    words = [_("As logged by %(party)s") % {"party": home.name}]
    for head in heads():
        name = home.partners[head.partner].name
        if not head.ledger_size:
            words.append(_("not yet cosigned by %(partner)s") % {"partner": name})
            continue
        clock = datetime.fromtimestamp(head.ledger_time, UTC).strftime("%Y-%m-%d %H:%M UTC")
        text = _("cosigned by %(partner)s to %(size)s at %(time)s")
        words.append(
            text % {"partner": name, "size": f"{head.ledger_size:,}", "time": f"\u2066{clock}\u2069"}
        )
    return "; ".join(words)
