"""Route options on their pages: who may see any, what is shown of them, what is refused, and who decided."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import timedelta
from importlib.resources import as_file, files
from typing import Any

import pytest
from django.test import Client

from assessment.route_home import question, struck, today, with_roads
from safeconduct.agreement.clauses import load_folder
from safeconduct.assessment import route_rules as rules
from safeconduct.geo.routing import RoadGraph
from safeconduct.records import here
from safeconduct.records.commit import Draft, commit
from safeconduct.records.door import Door
from safeconduct.records.find import Query, find
from safeconduct.records.home import Home
from safeconduct.records.kinds import vocabulary
from safeconduct.records.principals import system_subject
from safeconduct.records.refusals import Malformed, Refused
from safeconduct.records.release import release
from signed_in import signed_in

HOSTILE = '<script>alert("x")</script>'
LANGUAGES = ("en", "ur", "zh-hans")


@pytest.fixture
def roads(node: Home) -> RoadGraph:
    return with_roads(node)


@pytest.fixture
def partner(partner_home: Home) -> Iterator[Home]:
    with Door.open(partner_home) as door, here.at(partner_home, door):
        yield partner_home


def text(
    client: Client, address: str = "/assessment/routes/", expect: int = 200, language: str = "en"
) -> str:
    answer = client.get(address, headers={"accept-language": language})
    assert answer.status_code == expect, (answer.status_code, answer.content[:500])
    return answer.content.decode()


def ask(client: Client, expect: int = 200, **changed: Any) -> str:
    answer = client.post("/assessment/routes/", question(**changed))
    assert answer.status_code == expect, (
        answer.status_code,
        re.findall(r"errorlist.*?</ul>", answer.content.decode()),
    )
    return answer.content.decode()


def kept(client: Client, **changed: Any) -> str:
    answer = client.post("/assessment/routes/", question(keep="1", **changed))
    assert answer.status_code == 302, re.findall(r"errorlist.*?</ul>", answer.content.decode())
    return str(answer["Location"])


def shown(page: str) -> list[str]:
    return re.findall(r'<tr data-way="\d+".*?</tr>', page, re.S)


def test_options_stand_side_by_side_by_time_with_their_figures(node: Home, roads: RoadGraph) -> None:
    struck(node, roads)
    client, _ = signed_in("coordinator")
    page = ask(client)
    rows = shown(page)
    assert len(rows) >= 2
    hours = [int(h) * 60 + int(m) for row in rows for h, m in re.findall(r">(\d+) h (\d+) min<", row)]
    assert hours == sorted(hours) and len(hours) == len(rows)
    assert all("about 1 in " in row and " km" in row for row in rows)
    assert "data-verdict" not in rows[0] and all("data-verdict" in row for row in rows[1:])
    assert "safest" not in page.lower()
    for said in (
        "Not for navigation",
        "vary your choice",
        "What is missing",
        "no hour of the day",
        "1 km of the road",
    ):
        assert said in page
    assert "Crash: not from incidents" not in page
    stretches = page.partition('id="stretches"')[2].partition("</details>")[0]
    shares = [int(each) for each in re.findall(r">(\d+) %<", stretches)]
    assert len(shares) >= len(rows) and 0 < max(shares) <= 100
    assert 'id="courses"' in page and 'data-courses="#courses"' in page


def test_width_and_window_scale_what_is_shown(node: Home, roads: RoadGraph) -> None:
    struck(node, roads)
    client, _ = signed_in("coordinator")

    def first(page: str) -> float:
        found = re.search(r'<span class="nowrap">([\d,.]+) \(', page)
        assert found
        return float(found[1].replace(",", ""))

    plain = first(ask(client))
    assert first(ask(client, half_width_km="2")) == pytest.approx(2 * plain, abs=0.3)
    assert first(ask(client, window_minutes="60")) == pytest.approx(2 * plain, abs=0.3)
    assert first(ask(client, times="3")) == pytest.approx(3 * plain, abs=0.4)
    halting = ask(client, halts="Zhob; 240\nGilgit; 60")
    assert first(halting) > plain
    assert (
        "Halts counted:" in halting
        and "Zhob\u2069 (240 min)" in halting
        and "Gilgit" not in halting.partition('id="courses-told"')[2].partition("</ul>")[0]
    )


def test_crash_risk_has_its_own_column_and_only_with_a_figure_and_its_source(
    node: Home, roads: RoadGraph
) -> None:
    struck(node, roads)
    client, _ = signed_in("coordinator")
    before = shown(ask(client))
    page = ask(client, crash_rate="50", crash_per="vehicle", crash_source="Ministry of Transport, 2025")
    assert "Crash: not from incidents; your figure" in page and "Ministry of Transport" in page
    rows = shown(page)
    # 50 deaths in 1e9 km over some 938 km
    assert "about 1 death in 21,000 passages of a vehicle" in rows[0]
    figure = re.compile(r'<span class="nowrap">[^<]*<bdi[^<]*</bdi>')
    assert [figure.search(a)[0] for a in rows] == [figure.search(a)[0] for a in before]  # type: ignore[index]
    assert "A figure is given with its source" in ask(client, 422, crash_rate="50")


def test_nobody_but_a_journey_manager_sees_any_of_it(node: Home, roads: RoadGraph) -> None:
    struck(node, roads)
    client, _ = signed_in("coordinator")
    address = kept(client)
    before = len(find(system_subject("pk"), Query("route_option")).records)
    for role in (
        "analyst",
        "commander",
        "watch_officer",
        "liaison",
        "security_officer",
        "auditor",
        "signatory",
        "administrator",
    ):
        other, _ = signed_in(role)
        refused = text(other, expect=403)
        assert "Peshawar" not in refused and "Quetta" not in refused
        assert other.post("/assessment/routes/", question(keep="1")).status_code == 403
        assert text(other, address, 404) == text(other, address.replace(address[-6:-1], "00000"), 404)
        for act in ("choose", "drop"):
            assert other.post(f"{address}{act}/", {"seen": "1", "way": "1", "why": "x"}).status_code == 404
    assert len(find(system_subject("pk"), Query("route_option")).records) == before


def test_the_partners_security_manager_is_a_journey_manager(partner: Home) -> None:
    with_roads(partner)
    client, _ = signed_in("security_manager")
    assert "Route options" in text(client)
    address = kept(client)
    assert "nothing known" in text(client, address).lower()
    for role in ("liaison", "warden", "protected_person"):
        other, _ = signed_in(role)
        text(other, expect=403)
        text(other, address, 404)


def test_a_person_decides_once_with_a_reason_and_an_end(node: Home, roads: RoadGraph) -> None:
    incidents = struck(node, roads)
    client, actor = signed_in("coordinator")
    address = kept(client, origin="پشاور")
    record = address.rstrip("/").rpartition("/")[2]
    found = release(actor, record)
    assert found.state == "assessed" and found.levels["options"] == "CONFIDENTIAL"
    ways = found.parts["options"]["ways"]
    assert found.parts["basis"]["passed"] >= ways[0]["year"] > 0
    assert 0 < found.parts["basis"]["named"] <= rules.MOST_NAMED
    assert found.parts["basis"]["counted"] == len(incidents)
    ends = (today() + timedelta(days=7)).isoformat()
    good = {"seen": "1", "way": "2", "why": HOSTILE, "expires": ends}
    for wrong in (
        {"why": ""},
        {"way": "0"},
        {"way": str(len(ways) + 1)},
        {"expires": today().isoformat()},
        {"expires": (today() + timedelta(days=40)).isoformat()},
        {"seen": "7"},
        {"seen": "x"},
    ):
        answer = client.post(f"{address}choose/", {**good, **wrong})
        assert answer.status_code == 422, wrong
        assert release(actor, record).state == "assessed"
    assert client.post(f"{address}choose/", good).status_code == 302
    page = text(client, address)
    assert HOSTILE not in page and "&lt;script&gt;" in page
    assert "Decided by" in page and 'id="choosing"' not in page
    chosen = release(actor, record)
    assert chosen.state == "chosen" and chosen.parts["choice"]["way"] == 2
    assert chosen.parts["options"] == found.parts["options"]
    again = client.post(f"{address}choose/", {**good, "seen": str(chosen.version), "way": "1"})
    assert again.status_code == 422 and "Assess again" in again.content.decode()
    assert client.get(f"{address}choose/").status_code == 405
    assert client.post(f"{address}drop/", {"seen": "junk"}).status_code == 400
    assert client.post(f"{address}drop/", {"seen": "1"}).status_code == 409
    assert client.post(f"{address}drop/", {"seen": str(chosen.version)}).status_code == 302
    assert "dropped" in text(client, address)


def test_it_goes_to_no_other_party(node: Home, roads: RoadGraph) -> None:
    client, actor = signed_in("coordinator")
    record = kept(client).rstrip("/").rpartition("/")[2]
    found = release(actor, record)
    assert found.originator == "pk" and found.releasable == frozenset()
    with as_file(files("safeconduct.node.demonstration")) as demonstration:
        clauses = load_folder(demonstration / "agreement", vocabulary())
    let_out = [
        grant.id
        for clause in clauses
        for grant in clause.grants
        if "disclose" in grant.may and {"route_option", "*"} & set(grant.kinds)
    ]
    assert len(clauses) > 5 and not let_out


def test_figures_stay_as_they_were_reckoned(node: Home, roads: RoadGraph) -> None:
    client, actor = signed_in("coordinator")
    record = kept(client).rstrip("/").rpartition("/")[2]
    found = release(actor, record)
    basis = {**found.parts["basis"], "known": 5}
    with pytest.raises(Malformed, match="assess again"):
        commit(actor, Draft("route_option", {"basis": basis}, record=record, expected=1))
    choice = {
        "way": 1, "why": "x", "by": "me", "at": f"{today()}T00:00:00Z",
        "expires": (today() + timedelta(days=5)).isoformat(),
    }  # fmt: skip
    for act, state, parts in (
        ("write", "chosen", {"choice": choice}),
        ("approve", "chosen", {}),
        ("approve", "assessed", {"choice": choice}),
    ):
        with pytest.raises((Malformed, Refused)):
            commit(actor, Draft("route_option", parts, record=record, expected=1, state=state), act=act)
    assert release(actor, record).version == 1
    commit(
        actor, Draft("route_option", {"choice": choice}, record=record, expected=1, state="chosen"), "approve"
    )
    undone: list[tuple[dict[str, Any], str]] = [({}, "assessed"), ({"choice": None}, "chosen")]
    for parts, state in [*undone, ({"choice": None}, "dropped"), ({"choice": choice}, "chosen")]:
        for act in ("write", "approve"):
            with pytest.raises((Malformed, Refused)):
                commit(actor, Draft("route_option", parts, record=record, expected=2, state=state), act)
    assert release(actor, record).parts["choice"] == choice


WRONG: list[tuple[dict[str, Any], str]] = [
    ({"origin": "Atlantis"}, "No town or site of that name"),
    ({"origin": "Peshawer"}, "Perhaps:"),
    ({"origin": "x" * 5_000}, "at most 200"),
    ({"origin": None}, "required"),
    ({"destination": "Peshawar"}, "ends where it begins"),
    ({"half_width_km": "0"}, "greater than or equal to 0.05"),
    ({"half_width_km": "1e9"}, "less than or equal to 25"),
    ({"half_width_km": "nan"}, "Enter a number"),
    ({"window_minutes": "-3"}, "greater than or equal to 1"),
    ({"window_minutes": "99999"}, "less than or equal to 1440"),
    ({"times": "1e308"}, "less than or equal to 100"),
    ({"longest": "0.5"}, "greater than or equal to 1"),
    ({"longest": "50"}, "less than or equal to 5"),
    ({"depart": "2020-01-01"}, "at most 30 days after it"),
    ({"depart": "9999-12-31"}, "at most 30 days after it"),
    ({"until": "1815-06-18"}, "from 1970 on"),
    ({"until": "2199-01-01"}, "up to today"),
    ({"depart": "tomorrow"}, "Enter a valid date"),
    ({"halts": "Atlantis; 30"}, "No town or site of that name"),
    ({"halts": "Zhob"}, "place; minutes"),
    ({"halts": "Zhob; -5"}, "place; minutes"),
    ({"halts": "Zhob; 99999999"}, "place; minutes"),
    ({"halts": "Zhob; 5; 5"}, "place; minutes"),
    ({"halts": "Zhob; 5\n" * 30}, "At most 20 halts"),
    ({"halts": "; 5"}, "No town or site"),
    ({"crash_rate": "-1"}, "greater than or equal to"),
    ({"movement": "0" * 32}, "valid choice"),
]


def test_what_cannot_be_asked_is_answered_clearly_and_keeps_what_was_typed(
    node: Home, roads: RoadGraph
) -> None:
    client, actor = signed_in("coordinator")
    for changed, said in WRONG:
        answer = client.post("/assessment/routes/", question(keep="1", **changed))
        page = answer.content.decode()
        assert answer.status_code == 422, changed
        assert said in page, (changed, re.findall(r"errorlist.*?</ul>", page, re.S))
        assert 'value="Quetta"' in page or "destination" in changed
    assert not find(actor, Query("route_option")).records


def test_no_roads_no_incidents_and_no_way_are_said(
    node: Home, tmp_path_factory: pytest.TempPathFactory
) -> None:
    from geo.maps import line, network, town
    from safeconduct.geo.atlas import roads_file

    client, _ = signed_in("coordinator")
    assert 'id="no-roads"' in text(client)
    assert "No town or site" in ask(client, 422)
    islands = network(
        tmp_path_factory.mktemp("islands"),
        line((70, 30), (70.4, 30)), line((73, 30), (73.4, 30)),
        town("Peshawar", 70, 30), town("Quetta", 73, 30), town("Zhob", 70.4, 30),
    )  # fmt: skip
    islands.save(roads_file(node.path))
    assert "No road of the file joins the two places" in ask(client, 422)
    page = ask(client, destination="Zhob")
    assert "Nothing is known: no incident counts" in page and "about 1 in" not in page
    assert "the figures say nothing" in page
    roads_file(node.path).write_bytes(b"junk")
    assert "damaged" in text(client)


def test_what_the_reader_may_not_see_is_in_no_figure(node: Home, roads: RoadGraph) -> None:
    struck(node, roads, 30, level=3)
    below, _ = signed_in("coordinator", "below", clearance=2)
    page = ask(below)
    assert "about 1 in" not in page and "Nothing is known" in page
    above, actor = signed_in("coordinator", "above", clearance=3)
    assert "about 1 in" in ask(above) and 'data-level="SECRET"' in ask(above)
    address = kept(above)
    assert set(release(actor, address.rstrip("/").rpartition("/")[2]).levels.values()) == {"SECRET"}
    text(below, address, 404)
    assert "Nothing is kept yet" in text(below)
    low, _ = signed_in("coordinator", "low", clearance=1)
    assert "Peshawar" not in text(low, expect=403)
    assert low.post("/assessment/routes/", question()).status_code == 403


@pytest.mark.parametrize("language", LANGUAGES)
def test_the_pages_speak_every_language_and_state_their_label(
    node: Home, roads: RoadGraph, language: str
) -> None:
    struck(node, roads, 12)
    client, _ = signed_in("coordinator")
    address = kept(client)
    for page in (text(client, language=language), text(client, address, language=language)):
        assert f'lang="{language}"' in page.replace("zh-Hans", "zh-hans")
        assert "Label not stated" not in page
    names = {"en": "Route options", "ur": "راستوں", "zh-hans": "路线选项"}
    assert names[language] in text(client, address, language=language)
