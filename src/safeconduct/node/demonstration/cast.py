"""The demonstration's people: one account for each role a party has, all with the same published password."""

from __future__ import annotations

from typing import NamedTuple

PASSWORD = "a-safe-road-to-gwadar"  # noqa: S105  (a demonstration's, printed at every start)


class Part(NamedTuple):
    """`username` signs in; `clearance` is a level, 0 to 3: the most that the person may ever see or write.

    Who handles passports is cleared for SECRET; the house rules say of whom.
    """

    username: str
    name: str
    roles: tuple[str, ...]
    clearance: int
    units: tuple[str, ...] = ()


CAST = {
    "host": (
        Part("coordinator", "National co-ordinator", ("coordinator",), 3),
        Part("watch", "Watch officer", ("watch_officer",), 3),
        Part("commander", "District commander, Gwadar", ("commander",), 3, ("gwadar-police",)),
        Part("commander-karachi", "District commander, Karachi", ("commander",), 3, ("karachi-police",)),
        Part("liaison", "Liaison officer", ("liaison",), 2),
        Part("analyst", "Analyst", ("analyst",), 2),
        Part("auditor", "Auditor", ("auditor",), 2),
        Part("signatory", "Signatory of the Host", ("signatory",), 1),
        Part("admin", "Administrator", ("administrator",), 1),
    ),
    "partner": (
        Part("coordinator", "Co-ordinator at the embassy", ("coordinator",), 3),
        Part("watch", "Watch officer", ("watch_officer",), 3),
        Part("liaison", "Liaison officer", ("liaison",), 2),
        Part("security", "Embassy security officer", ("security_officer",), 2),
        Part("manager", "Company security manager", ("security_manager",), 3),
        Part("traveller", "Engineer on the road", ("protected_person",), 3),
        Part("warden", "Warden", ("warden",), 2),
        Part("analyst", "Analyst", ("analyst",), 2),
        Part("auditor", "Auditor", ("auditor",), 2),
        Part("observer", "Observer", ("observer",), 1),
        Part("signatory", "Signatory of the Partner", ("signatory",), 1),
        Part("admin", "Administrator", ("administrator",), 1),
    ),
}
