"""A device that shows what a person may see waits for that person's word, and nobody else's will do."""

from __future__ import annotations

from typing import Any

import pytest

from safeconduct.agreement.policy import Subject
from safeconduct.field import credentials, devices
from safeconduct.records import here
from safeconduct.records.commit import Draft, commit
from safeconduct.records.home import Home
from safeconduct.records.principals import system_subject
from safeconduct.records.refusals import Conflict, Malformed, NotFound, Refused
from safeconduct.records.release import fetch_row
from safeconduct.records.transaction import Tx
from signed_in import signed_in

pytestmark = pytest.mark.both


@pytest.fixture
def enroller(node: Home) -> Subject:
    return signed_in("security_manager", "enroller")[1]


@pytest.fixture
def bearer(node: Home) -> Subject:
    return signed_in("watch_officer", "bearer")[1]


def tak(account: str = "", **link: Any) -> dict[str, Any]:
    parts: dict[str, Any] = {"identity": {"name": "Radio 7", "category": "tak", "protocol": "cot"}}
    if account or link:
        parts["link"] = {"account": account, **link}
    return parts


def enrolled(actor: Subject, person: str) -> str:
    return devices.enrol(actor, tak(person))[0].record


def state(device: str) -> tuple[str, int]:
    row = fetch_row(device)
    assert row is not None
    return row.state, row.version


def reads_as(device: str) -> str:
    return str(here.door().call("field_device", {"device": device})["reads_as"])


def write(
    actor: Subject, device: str, parts: dict[str, Any] | None = None, act: str = "write", **more: Any
) -> None:
    version = state(device)[1]
    commit(actor, Draft("device", parts or {}, record=device, expected=version, **more), act)


def test_it_shows_nothing_before_the_person_has_said_so_and_then_what_they_may_see(
    enroller: Subject, bearer: Subject
) -> None:
    device = enrolled(enroller, bearer.person)
    assert state(device) == ("waiting", 1) and reads_as(device) == ""
    devices.confirm(bearer, device, 1)
    assert state(device) == ("confirmed", 2) and reads_as(device) == bearer.person


def test_the_word_can_be_proved_later(enroller: Subject, bearer: Subject) -> None:
    """The ledger has whose act it was, by which grant, and on which version it stands."""
    device = enrolled(enroller, bearer.person)
    made = devices.confirm(bearer, device, 1)
    header: dict[str, Any] = {}

    def look(tx: Tx) -> None:
        header.update(tx.header(made.index))

    here.door().writer.tick(look)  # type: ignore[union-attr]
    said = {name: header[name] for name in ("act", "by", "state", "version")}
    assert said == {"act": "acknowledge", "by": bearer.person, "state": "confirmed", "version": 2}
    assert [grant.rpartition("/")[2] for grant in header["clauses"]] == ["H23.6"]


def test_who_enrols_for_oneself_needs_nobody_elses_word(enroller: Subject) -> None:
    device = enrolled(enroller, enroller.person)
    assert state(device)[0] == "confirmed" and reads_as(device) == enroller.person
    devices.renew(enroller, device, 1)
    assert reads_as(device) == enroller.person


def test_a_device_of_nobody_who_has_an_account_shows_nothing_and_waits_for_nobody(
    enroller: Subject, bearer: Subject
) -> None:
    """Also one of a Protected Person without an account: their name stands in it, and nobody reads on it."""
    guest = tak("", person="a-protected-person", holder="Guest")
    nobodys, protected = enrolled(enroller, ""), devices.enrol(enroller, guest)[0].record
    for device in (nobodys, protected):
        assert state(device)[0] == "enrolled" and reads_as(device) == ""
        for actor in (enroller, bearer):
            with pytest.raises((Refused, NotFound)):
                devices.confirm(actor, device, 1)
        for wrong in ("confirmed", "waiting", "provisional"):
            with pytest.raises(Malformed):
                write(enroller, device, state=wrong)


def test_what_only_reports_needs_no_word(enroller: Subject, bearer: Subject) -> None:
    parts = {
        "identity": {"name": "Phone", "category": "phone", "protocol": "owntracks_http"},
        "link": {"account": bearer.person},
    }
    device = devices.enrol(enroller, parts)[0].record
    assert state(device)[0] == "enrolled" and reads_as(device) == ""
    with pytest.raises(Malformed):
        devices.confirm(bearer, device, 1)
    # Whoever's it is may end it all the same.
    devices.disown(bearer, device, 1)
    assert state(device)[0] == "revoked"


@pytest.mark.parametrize("act", ["write", "acknowledge", "approve", "command"])
def test_nobody_else_says_it_for_them_by_any_act(enroller: Subject, bearer: Subject, act: str) -> None:
    device = enrolled(enroller, bearer.person)
    coordinator = signed_in("coordinator", "chief")[1]
    stranger = signed_in("watch_officer", "stranger")[1]
    for actor in (enroller, coordinator, stranger):
        with pytest.raises((Refused, NotFound, Malformed)):
            write(actor, device, act=act, state="confirmed")
    assert state(device) == ("waiting", 1) and reads_as(device) == ""


def test_not_even_the_node_says_it(node: Home, enroller: Subject, bearer: Subject) -> None:
    device = enrolled(enroller, bearer.person)
    for act in ("write", "acknowledge"):
        with pytest.raises(Refused):
            write(system_subject(node.party), device, act=act, state="confirmed")


def test_who_enrols_does_not_begin_with_the_word(enroller: Subject, bearer: Subject) -> None:
    """A forged first version: confirmed, as if it needed no word, with a term, or assigned to the enroller as well."""
    for wrong, assigned, link in (
        ("confirmed", [bearer.person], {}),
        ("provisional", [bearer.person], {"until": "2099-01-01T00:00:00Z"}),
        ("enrolled", [bearer.person], {}),
        ("waiting", [bearer.person], {"until": "2099-01-01T00:00:00Z"}),
        ("waiting", [bearer.person, enroller.person], {}),
        ("waiting", [enroller.person], {}),
        ("waiting", [], {}),
    ):
        draft = Draft("device", tak(bearer.person, **link), state=wrong, assigned=assigned, releasable=())
        with pytest.raises((Refused, Malformed)):
            commit(enroller, draft)


def test_a_word_is_given_to_what_was_seen(enroller: Subject, bearer: Subject) -> None:
    """One that was seen before the credential was handed out anew does not count for the new one."""
    device = enrolled(enroller, bearer.person)
    devices.renew(enroller, device, 1)
    with pytest.raises(Conflict):
        devices.confirm(bearer, device, 1)
    assert reads_as(device) == ""


def test_a_new_credential_needs_the_word_anew(enroller: Subject, bearer: Subject) -> None:
    device = enrolled(enroller, bearer.person)
    devices.confirm(bearer, device, 1)
    devices.renew(enroller, device, 2)
    assert state(device) == ("waiting", 3) and reads_as(device) == ""
    # Sent again, the word is to a version that is gone.
    for seen in (1, 2):
        with pytest.raises(Conflict):
            devices.confirm(bearer, device, seen)
    devices.confirm(bearer, device, 3)
    assert reads_as(device) == bearer.person


def test_another_person_needs_their_own_word(enroller: Subject, bearer: Subject) -> None:
    device = enrolled(enroller, bearer.person)
    devices.confirm(bearer, device, 1)
    other = signed_in("watch_officer", "other")[1]
    link = {"link": {"account": other.person}}
    with pytest.raises(Refused):
        write(enroller, device, link, assigned=[other.person])
    with pytest.raises(Malformed):
        write(enroller, device, link, state="waiting")
    write(enroller, device, link, state="waiting", assigned=[other.person])
    assert reads_as(device) == ""
    with pytest.raises(Refused):
        devices.confirm(bearer, device, 3)
    devices.confirm(other, device, 3)
    assert reads_as(device) == other.person


def test_whatever_else_is_done_to_it_takes_the_word_back(enroller: Subject, bearer: Subject) -> None:
    device = enrolled(enroller, bearer.person)
    devices.confirm(bearer, device, 1)
    renamed = {"identity": {"name": "Radio 8", "category": "tak", "protocol": "cot"}}
    with pytest.raises(Refused):
        write(enroller, device, renamed)
    write(enroller, device, renamed, state="waiting")
    assert reads_as(device) == ""


def test_a_device_that_begins_to_show_things_begins_to_wait(enroller: Subject, bearer: Subject) -> None:
    parts = {
        "identity": {"name": "Phone", "category": "phone", "protocol": "owntracks_http"},
        "link": {"account": bearer.person},
    }
    device = devices.enrol(enroller, parts)[0].record
    with pytest.raises(Refused):
        write(enroller, device, tak(bearer.person))
    assert reads_as(device) == ""


def test_a_word_changes_nothing_else(enroller: Subject, bearer: Subject) -> None:
    device = enrolled(enroller, bearer.person)
    for more in (
        {"parts": tak(bearer.person, holder="Somebody")},
        {"assigned": [bearer.person, "somebody"]},
        {"levels": {"link": 0}},
        {"orcon": True},
        {"opens": "2099-01-01T00:00:00Z"},
        {"derived_from": [device]},
        {"state": "provisional"},
        {"state": "enrolled"},
    ):
        given = {"state": "confirmed", **more}
        with pytest.raises((Refused, Malformed)):
            write(bearer, device, given.pop("parts", None), act="acknowledge", **given)
    assert state(device) == ("waiting", 1)


def test_the_person_says_no_or_ends_it_later(enroller: Subject, bearer: Subject) -> None:
    for confirmed in (False, True):
        made, credential = devices.enrol(enroller, tak(bearer.person))
        device = made.record
        if confirmed:
            devices.confirm(bearer, device, 1)
        for other in (
            signed_in("watch_officer", f"other{confirmed}")[1],
            signed_in("auditor", f"a{confirmed}")[1],
        ):
            with pytest.raises((Refused, NotFound)):
                devices.disown(other, device, state(device)[1])
        assert credentials.device_of(credential) == device
        devices.disown(bearer, device, state(device)[1])
        assert state(device)[0] == "revoked" and credentials.device_of(credential) is None
        with pytest.raises(NotFound):
            reads_as(device)
        with pytest.raises(Malformed):
            devices.confirm(bearer, device, state(device)[1])


def test_a_code_that_its_bearer_takes_ends_the_one_that_others_have_seen(
    enroller: Subject, bearer: Subject
) -> None:
    for confirmed in (False, True):
        made, first = devices.enrol(enroller, tak(bearer.person))
        device = made.record
        if confirmed:
            devices.confirm(bearer, device, 1)
        seen = state(device)[1]
        for other in (enroller, signed_in("watch_officer", f"other{confirmed}")[1]):
            with pytest.raises((Refused, NotFound)):
                devices.take_code(other, device, seen)
        with pytest.raises(Conflict):
            devices.take_code(bearer, device, seen - 1)
        assert credentials.device_of(first) == device, "who may not, and what is stale, ends nothing"
        _made, second = devices.take_code(bearer, device, seen)
        assert credentials.device_of(first) is None and credentials.device_of(second) == device
        assert state(device) == ("confirmed", seen + 2) and reads_as(device) == bearer.person


def test_the_first_code_never_opens_what_the_word_is_given_for(
    enroller: Subject, bearer: Subject, monkeypatch: pytest.MonkeyPatch
) -> None:
    """While the credentials change, and if it ends there, the device waits."""
    made, _first = devices.enrol(enroller, tak(bearer.person))
    devices.confirm(bearer, made.record, 1)

    def broken(_device: str) -> str:
        assert reads_as(made.record) == ""
        raise OSError("the disk is full")

    monkeypatch.setattr(credentials, "issue", broken)
    with pytest.raises(OSError, match="full"):
        devices.take_code(bearer, made.record, 2)
    assert state(made.record) == ("waiting", 3) and reads_as(made.record) == ""


def test_what_was_refused_may_be_enrolled_again_and_waits_again(enroller: Subject, bearer: Subject) -> None:
    device = enrolled(enroller, bearer.person)
    devices.disown(bearer, device, 1)
    devices.renew(enroller, device, 2)
    assert state(device) == ("waiting", 3) and reads_as(device) == ""


def test_an_sos_of_a_device_that_waits_counts(enroller: Subject, bearer: Subject) -> None:
    """Help is never refused for want of a word; its beacon is stood down by that device alone, too."""
    device = enrolled(enroller, bearer.person)
    sos = here.door().call("field_sos", {"device": device})["record"]
    row = fetch_row(sos)
    assert row is not None and row.state == "raised"
    here.door().call("cot_stand_down", {"device": device})
    row = fetch_row(sos)
    assert row is not None and row.state == "stood_down"


def test_a_person_finds_their_own_devices_and_no_others(enroller: Subject, bearer: Subject) -> None:
    own, others = enrolled(enroller, bearer.person), enrolled(enroller, enroller.person)
    gone = enrolled(enroller, bearer.person)
    devices.disown(bearer, gone, 1)
    named = tak("", holder=bearer.person)
    commit(enroller, Draft("device", named, state="enrolled", releasable=()))
    assert [(each.record.id, each.by) for each in devices.own_devices(bearer)] == [(own, (enroller.person,))]
    assert [each.record.id for each in devices.own_devices(enroller)] == [others]
    # Who is somebody else to the writer is refused, and who holds no role has none.
    with pytest.raises(Refused):
        devices.own_devices(bearer._replace(person="nobody"))
    assert devices.own_devices(bearer._replace(roles=frozenset())) == []


def test_without_a_rule_that_lets_them_nobody_can_confirm(enroller: Subject) -> None:
    """The administrator is granted nothing of devices, not even of one in their name."""
    administrator = signed_in("administrator", "root")[1]
    device = enrolled(enroller, administrator.person)
    with pytest.raises(NotFound):
        devices.confirm(administrator, device, 1)
