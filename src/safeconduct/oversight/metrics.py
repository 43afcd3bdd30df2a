"""The vitals of a node in Prometheus' text format, for whoever holds the token that lies in its home.

Sizes, ages and counts, by partner where there is one: nothing that tells of a record, a person or a place.
"""

from __future__ import annotations

import os
import secrets
import time
from collections import Counter
from collections.abc import Iterator

from django.http import HttpRequest, HttpResponse
from django.utils.crypto import constant_time_compare
from django.views.decorators.http import require_safe
from prometheus_client import CONTENT_TYPE_PLAIN_0_0_4, CollectorRegistry, generate_latest
from prometheus_client.metrics_core import GaugeMetricFamily, Metric

from safeconduct.oversight.ailments import ailments
from safeconduct.oversight.vitals import Vitals, vitals
from safeconduct.people.tokens import from_header
from safeconduct.records import commons, here
from safeconduct.records.home import Home
from safeconduct.records.refusals import Unavailable
from safeconduct.records.users import permit

TOKEN = "metrics.token"  # noqa: S105  (a file's name)


def make_token(home: Home) -> str:
    """A new token in the home, readable by its owner alone; the one before it is worth nothing any more."""
    token = secrets.token_urlsafe(32)
    place = home.path / TOKEN
    draft = place.with_name(f"{TOKEN}.new")
    draft.unlink(missing_ok=True)
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w") as file:
        file.write(token)
    permit(home, draft, place)
    draft.replace(place)
    return token


@require_safe
def metrics(request: HttpRequest) -> HttpResponse:
    """What a monitoring system scrapes: 401 without the token, 404 where none was made, 503 without a writer."""
    try:
        token = (here.home().path / TOKEN).read_text().strip()
    except OSError:
        return HttpResponse(status=404)
    given = from_header(request.headers.get("Authorization", ""))
    if not token or not constant_time_compare(given or "", token):
        return HttpResponse(status=401, headers={"WWW-Authenticate": "Bearer"})
    try:
        return HttpResponse(metrics_text(vitals()), content_type=CONTENT_TYPE_PLAIN_0_0_4)
    except Unavailable:
        return HttpResponse(status=503)


def metrics_text(found: Vitals) -> bytes:
    registry = CollectorRegistry()
    registry.register(_Collector(found))
    return bytes(generate_latest(registry))


class _Collector:
    def __init__(self, found: Vitals) -> None:
        self._found = found

    def collect(self) -> Iterator[Metric]:
        found = self._found
        yield _gauge("ledger_entries", "Entries in the own ledger.", found.entries)
        yield _gauge("disk_free_bytes", "Free on the disk of the home.", found.disk_free)
        yield _gauge("timers_waiting", "Timers that are armed.", found.timers["waiting"])
        yield _gauge("timers_late", "Timers that ought to have fired.", found.timers["late"])
        yield _gauge("timers_failing", "Timers whose handler fails.", len(found.timers["failing"]))
        yield _gauge("messages_waiting", "Messages outside that wait to be sent.", found.messages["waiting"])
        yield _gauge("messages_oldest_seconds", "Age of the oldest of them.", found.messages_oldest)
        yield _gauge(
            "bus_lost",
            "Whether the line to NATS is lost, where there is one.",
            int(found.bus_lost is not None),
        )
        if found.notifier_silent is not None:
            yield _gauge("notifier_silent_seconds", "Since the notifier asked.", found.notifier_silent)
        if found.backup is not None:
            yield _gauge("backup_age_seconds", "Age of the last complete backup.", found.at - found.backup)
        yield _gauge(
            "damage_found",
            "What did not hold when it was recomputed.",
            len(found.recompute.get("faults", ())),
        )
        if finished := found.recompute.get("finished"):
            yield _gauge(
                "recompute_age_seconds", "Since everything was last recomputed.", found.at - finished
            )
        if found.drill is not None:
            yield _gauge("restore_drill_age_seconds", "Since a restore was tried.", found.at - found.drill)
        if (shared := commons.shared()) is not None:
            there, silent = shared.alive(time.monotonic())
            yield _gauge("web_processes", "Web processes that are there.", there)
            yield _gauge("web_processes_silent", "Those of them that answer nobody.", silent)
        yield from self._links()
        troubles = GaugeMetricFamily(
            "safeconduct_ailments",
            "What is wrong, by what it is called and how grave it is.",
            labels=("code", "severity"),
        )
        # Two of one name are one sample: a scrape that holds the same series twice is no valid one.
        for (code, severity), count in Counter((e.code, e.severity) for e in ailments(found)).items():
            troubles.add_metric([code, severity], count)
        yield troubles

    def _links(self) -> Iterator[Metric]:
        up = _by_partner("link_up", "1 while the link works.")
        waiting = _by_partner("feed_waiting_entries", "Released and not acknowledged.")
        received = _by_partner("feed_received_entries", "Taken in from the partner.")
        contact = _by_partner("link_contact_age_seconds", "Since the partner was last heard of.")
        cosigned = _by_partner("ledger_cosigned_entries", "How far the partner cosigned the own ledger.")
        frozen = _by_partner("exchange_frozen", "1 while nothing is exchanged.")
        for link in self._found.links:
            name = [link.partner.party]
            up.add_metric(name, float(link.state == "up"))
            waiting.add_metric(name, link.waiting)
            received.add_metric(name, link.received)
            cosigned.add_metric(name, link.ours_cosigned)
            frozen.add_metric(name, float(bool(link.frozen)))
            if link.last_contact:
                contact.add_metric(name, self._found.at - link.last_contact.timestamp())
        yield from (up, waiting, received, contact, cosigned, frozen)


def _gauge(name: str, what: str, value: float) -> GaugeMetricFamily:
    return GaugeMetricFamily(f"safeconduct_{name}", what, value=value)


def _by_partner(name: str, what: str) -> GaugeMetricFamily:
    return GaugeMetricFamily(f"safeconduct_{name}", what, labels=("partner",))
