"""Clause 5.34 of the demonstration: who bears no duty reads one itinerary in an emergency, once it may be here."""

from __future__ import annotations

from journeys.roads import officer, said
from journeys.two_nodes import Node, parts, person, pull
from safeconduct.journeys import rules

WHY = "Its escort does not answer, and nobody of its units can be reached."


def notified(nodes: tuple[Node, Node], hours: float) -> str:
    """A movement of the partner that departs so many hours from now, as the host's node has it."""
    host, partner = nodes
    manager = person(partner, "manager", "security_manager")
    with partner.active():
        rules.notify_movement(manager, parts(hours, emergency=hours < 48))
    pull(host, partner)
    return host.of_kind("movement", "cn")[-1].id


def test_an_open_itinerary_is_read_in_an_emergency_and_no_longer(nodes: tuple[Node, Node]) -> None:
    host, _ = nodes
    record = notified(nodes, 6)
    with host.active():
        client, _ = officer("commander", units=("quetta-police",))
        page = said(client, f"/journeys/{record}/")
        assert "BC-1207" not in page and f"/oversight/break-glass/?record={record}" in page
        form = {"record": record, "reason": WHY, "minutes": "15"}
        answer = client.post("/oversight/break-glass/", form)
        assert answer["Location"] == f"/journeys/{record}/"
        assert "BC-1207" in said(client, f"/journeys/{record}/")
        client.post("/oversight/break-glass/end/")
        assert "BC-1207" not in said(client, f"/journeys/{record}/")
        watch, _ = officer("watch_officer")
        assert "break-glass" not in said(watch, f"/journeys/{record}/"), "the watch needs no emergency"


def test_what_waits_for_its_time_lock_is_not_here_to_be_read(nodes: tuple[Node, Node]) -> None:
    host, _ = nodes
    record = notified(nodes, 60)
    with host.active():
        client, _ = officer("commander", units=("quetta-police",))
        form = {"record": record, "reason": WHY, "minutes": "60"}
        assert client.post("/oversight/break-glass/", form).status_code == 404
        assert not host.of_kind("emergency_reading", "pk")
