"""Campaigns and skills at the ACD: what is read, what starts and stops, and how a stop drains."""

import json
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from cxone_simulator import Scenario, ScenarioError
from cxone_simulator.cli import simulator
from cxone_simulator.simulation import Simulation
from unit.simulator.acd import API, acd_scenario, activity, campaign, runs, sign_in, states
from unit.simulator.visitor import Visitor

SKILL = f"{API}/skills/4001"
START, STOP = f"{SKILL}/start", f"{SKILL}/stop?force=false"
CONTROL = "/_sim/skills/4001"

INBOUND = {"id": 4002, "name": "support", "outbound": False}
MANUAL = {"id": 4003, "outboundStrategy": "Manual Outbound"}
AGENTLESS = {"id": 4004, "agentless": True}
INACTIVE = {"id": 4005, "active": False}


@pytest.fixture
def scenario() -> Scenario:
    skills = ({"id": 4001, "name": "renewals"}, INBOUND, MANUAL, AGENTLESS, INACTIVE)
    return acd_scenario(campaigns=[campaign(*skills)])


@pytest.fixture
async def client(stranger: Visitor) -> Visitor:
    """A client with a token."""
    await sign_in(stranger)
    return stranger


async def test_a_campaign_is_read_by_its_number(client: Visitor) -> None:
    reply = await client.get(f"{API}/campaigns/1001")

    assert reply.json["id"] == 1001
    assert (reply.json["name"], reply.json["isActive"]) == ("Spring renewals", True)
    await client.post("/_sim/campaigns/1001/active", {"active": False})
    assert (await client.get(f"{API}/campaigns/1001")).json["isActive"] is False
    assert await runs(client)


async def test_a_campaigns_skills_are_told_at_once_whatever_the_page_cap(client: Visitor) -> None:
    await client.put("/_sim/page-cap", {"cap": 1})

    reply = await client.get(f"{API}/campaigns/1001/skills")

    assert [row["skillId"] for row in reply.json["skills"]] == [4001, 4002, 4003, 4004, 4005]
    assert reply.json["skills"][0]["skillName"] == "renewals"
    assert reply.json["skills"][0]["mediaType"] == 4


@pytest.mark.parametrize(
    ("skill", "told"),
    [
        (4001, {"isRunning": True, "isOutbound": True, "outboundStrategy": "Personal Connection"}),
        (4002, {"isRunning": False, "isOutbound": False, "outboundStrategy": ""}),
        (4003, {"isRunning": False, "isOutbound": True, "outboundStrategy": "Manual Outbound"}),
        (4004, {"isRunning": True, "agentless": True}),
        (4005, {"isRunning": False, "isActive": False}),
    ],
)
async def test_a_skill_tells_its_kind(client: Visitor, skill: int, told: dict[str, Any]) -> None:
    reply = await client.get(f"{API}/skills/{skill}")

    assert reply.json.items() >= told.items()
    assert (reply.json["skillId"], reply.json["campaignId"]) == (skill, 1001)
    assert reply.json["priorityBlending"] is False


@pytest.mark.parametrize(
    "path",
    [
        f"{API}/campaigns/9",
        f"{API}/campaigns/cmp-1",
        f"{API}/campaigns/9/skills",
        f"{API}/skills/9",
        f"{API}/skills/renewals",
        f"{API}/skills/9/parameters/schedule-settings",
        f"{API}/skills/4001/schedule-settings",
        f"{API}/nothing",
    ],
)
async def test_what_is_not_there_is_404_with_a_reason_in_the_header(
    client: Visitor,
    path: str,
) -> None:
    reply = await client.get(path)

    assert reply.status == 404
    assert set(reply.json) == {"error", "error_description"}
    assert reply.headers["icStatusDescription"] == reply.json["error_description"]


async def test_an_error_may_have_no_body_but_the_header(client: Visitor) -> None:
    await client.put("/_sim/acd", {"errorBody": False})

    reply = await client.get(f"{API}/skills/9")

    assert (reply.status, reply.body) == (404, b"")
    assert reply.headers["icStatusDescription"] == "no skill 9"


async def test_only_supported_versions_are_served(client: Visitor) -> None:
    async def status(version: str) -> int:
        return (await client.get(f"/incontactapi/services/{version}/skills/4001")).status

    assert [await status(f"v{n}.0") for n in (24, 25, 39, 40)] == [404, 200, 200, 404]
    await client.put("/_sim/acd", {"versions": ["v12.0"]})
    assert [await status(version) for version in ("v12.0", "v33.0")] == [200, 404]


async def test_a_stop_without_calls_takes_effect_at_once_and_a_start_as_well(
    client: Visitor,
) -> None:
    stopped = await client.post(STOP)
    assert (stopped.status, stopped.body) == (200, b"")
    assert not await runs(client)

    started = await client.post(START)
    assert (started.status, started.body) == (200, b"")
    assert await runs(client)


async def test_an_accepted_change_may_be_told_by_another_status(client: Visitor) -> None:
    await client.put("/_sim/acd", {"changeStatus": 204})

    assert (await client.post(STOP)).status == 204
    assert not await runs(client)


async def test_a_held_drain_ends_when_it_is_released(client: Visitor) -> None:
    await client.put("/_sim/acd", {"drain": {"hold": True}})
    await client.post(STOP)
    await client.post("/_sim/clock", {"step": 86_000})

    assert await runs(client)
    assert (await client.get(CONTROL)).json["draining"] is True

    assert (await client.post(f"{CONTROL}/release")).json["running"] is False
    assert not await runs(client)


async def test_a_drain_may_last_so_many_seconds_of_the_simulations_clock(client: Visitor) -> None:
    await client.call("PATCH", CONTROL, json={"drain": {"seconds": 90}})
    await client.post(STOP)

    await client.post("/_sim/clock", {"step": 89})
    await client.post(STOP)
    assert await runs(client)
    await client.post("/_sim/clock", {"step": 1})
    assert not await runs(client)


async def test_a_start_during_a_drain_cancels_it(client: Visitor) -> None:
    await client.call("PATCH", CONTROL, json={"drain": {"seconds": 90}})
    await client.post(STOP)

    await client.post(START)
    await client.post("/_sim/clock", {"step": 1000})

    assert await runs(client)


async def test_force_ends_even_a_held_drain_and_is_in_the_journal(client: Visitor) -> None:
    await client.put("/_sim/acd", {"drain": {"hold": True}})
    await client.post(STOP)
    assert await runs(client)

    assert (await client.post(f"{SKILL}/stop?force=true")).status == 200

    assert not await runs(client)
    rows = (await client.get("/_sim/requests?path=acd-skill-stop")).json["requests"]
    assert [(row["skill"], row["forced"]) for row in rows] == [("4001", False), ("4001", True)]


@pytest.mark.parametrize("skill", [4002, 4003, 4005])
@pytest.mark.parametrize("verb", ["start", "stop"])
async def test_only_active_personal_connection_skills_start_and_stop(
    client: Visitor, skill: int, verb: str
) -> None:
    reply = await client.post(f"{API}/skills/{skill}/{verb}")

    assert reply.status == 400
    assert str(skill) in reply.json["error_description"]


async def test_a_person_starts_and_stops_skills_too(client: Visitor) -> None:
    reply = await client.post(f"{CONTROL}/running", {"running": False})
    assert (reply.json["running"], reply.json["lastChangedBy"]) == (False, "person")
    assert not await runs(client)

    await client.post(START)
    assert (await client.get(CONTROL)).json["lastChangedBy"] == "api:simulator"
    refused = await client.post("/_sim/skills/4002/running", {"running": True})
    assert refused.status == 400


async def test_a_skill_that_is_deactivated_stops(client: Visitor) -> None:
    await client.call("PATCH", CONTROL, json={"active": False})

    assert not await runs(client)


async def test_a_schedule_is_a_week_without_a_time_zone(client: Visitor) -> None:
    path = f"{SKILL}/parameters/schedule-settings"
    assert (await client.get(path)).json["isScheduled"] is False

    monday = {"isScheduled": True, "mondayStartTime": "08:00:00", "mondayIsActive": True}
    await client.call("PATCH", CONTROL, json={"schedule": monday})

    reply = await client.get(path)
    assert reply.json.items() >= monday.items()
    assert reply.json["sundayIsActive"] is False
    assert len(reply.json) == 22
    assert await runs(client)


async def test_without_blending_a_running_skill_keeps_its_idle_agents_in_dialer(
    client: Visitor,
) -> None:
    await client.put("/_sim/agents", {"busy": 1, "wrap-up": 1, "available": 2, "offline": 1})
    assert sorted(await states(client)) == [0, 2, 4, 7, 7]

    await client.post(STOP)

    assert sorted(await states(client)) == [0, 1, 1, 2, 4]


async def test_a_draining_skill_keeps_them_there_until_it_is_off(client: Visitor) -> None:
    await client.put("/_sim/acd", {"drain": {"hold": True}})
    await client.post(STOP)
    assert await states(client) == [7, 7, 7, 7]

    await client.post(f"{CONTROL}/release")

    assert await states(client) == [1, 1, 1, 1]


async def test_with_priority_blending_they_wait_in_available(client: Visitor) -> None:
    await client.call("PATCH", CONTROL, json={"priorityBlending": True})

    assert await runs(client)
    assert await states(client) == [1, 1, 1, 1]


async def test_skills_are_made_replaced_and_removed_through_the_control_api(
    client: Visitor,
) -> None:
    path = "/_sim/skills/5001"
    made = await client.put(path, {"campaign": "1001", "name": "more", "running": False})
    assert (made.status, made.json["running"]) == (201, False)
    assert not await runs(client, 5001)

    assert (await client.put(path, {"campaign": "1001", "name": "more"})).status == 200
    assert await runs(client, 5001)
    assert (await activity(client, 5001))["skillName"] == "more"

    assert (await client.call("DELETE", path)).status == 204
    assert (await client.get(f"{API}/skills/5001")).status == 404
    assert [row["id"] for row in (await client.get("/_sim/skills")).json["skills"]] == [
        4001,
        4002,
        4003,
        4004,
        4005,
    ]


@pytest.mark.parametrize(
    ("method", "path", "body", "status", "problem"),
    [
        ("PUT", "/_sim/skills/5001", {"campaign": "9"}, 404, "no campaign 9"),
        ("PUT", "/_sim/skills/5001", {}, 400, "campaign: Field required"),
        ("PUT", "/_sim/skills/5001", {"campaign": "1001", "name": "support"}, 400, "name: "),
        ("PUT", "/_sim/skills/x", {"campaign": "1001"}, 404, "no skill x"),
        ("PATCH", "/_sim/skills/9", {}, 404, "no skill 9"),
        ("PATCH", CONTROL, {"blending": True}, 400, "blending: unknown key"),
        ("PATCH", CONTROL, {"schedule": {"mondayStart": "8"}}, 400, "mondayStart: unknown key"),
        ("PATCH", CONTROL, {"schedule": {"isScheduled": "yes"}}, 400, "isScheduled: must be"),
        ("PATCH", CONTROL, {"activity": {"agentsAvailable": -1}}, 400, "activity.agentsAvailable"),
        ("PUT", "/_sim/acd", {"versoins": []}, 400, "versoins: unknown key"),
        ("PUT", "/_sim/campaigns/1002", {"skills": [{"id": 4001}]}, 400, "skill 4001 exists"),
        ("PUT", "/_sim/campaigns/cmp-2", {"skills": [{}]}, 400, "needs a number"),
    ],
)
async def test_a_bad_change_is_refused_by_name_and_changes_nothing(
    client: Visitor, method: str, path: str, body: Any, status: int, problem: str
) -> None:
    before = (await client.get("/_sim/skills")).json

    reply = await client.call(method, path, json=body)

    assert reply.status == status
    assert problem in reply.json["error"]
    assert (await client.get("/_sim/skills")).json == before
    assert (await client.get("/_sim/campaigns/1002")).status == 404


@pytest.mark.parametrize(
    ("document", "problem"),
    [
        ({"dialects": ["SOAP"]}, "dialects: "),
        ({"dialects": []}, "dialects: "),
        ({"campaigns": [campaign({"id": 1, "kind": "inbound"})]}, "campaigns.0.skills.0.kind"),
        ({"campaigns": [campaign(4001, 4001)]}, "campaigns: skill 4001 is given twice"),
        (
            {"campaigns": [campaign({"name": "a"}, {"name": "a"})]},
            "campaigns: the skill named a is given twice",
        ),
        ({"campaigns": [{"id": "cmp-1", "skills": [{}]}]}, "campaigns: cmp-1 has skills, so its id"),
        ({"accessKeys": {"k": {}}}, "accessKeys.k.secret: "),
        ({"acd": {"drain": {"hold": 3}}}, "acd.drain.hold: "),
    ],
)
def test_a_mistake_in_a_scenario_is_told_by_its_key(document: Any, problem: str) -> None:
    with pytest.raises(ScenarioError) as refused:
        Scenario.from_document(document)

    assert any(line.startswith(problem) for line in refused.value.problems), refused.value.problems


def test_a_skill_without_an_id_must_not_get_one_that_comes_later() -> None:
    scenario = acd_scenario(campaigns=[campaign({}, 10_001)])

    with pytest.raises(ScenarioError, match="1001: skills: skill 10001 exists already"):
        Simulation(scenario)


def test_such_a_mistake_ends_the_command_with_one_line(tmp_path: Path) -> None:
    path = tmp_path / "scenario.yaml"
    document = {"dialects": ["ACD"], "campaigns": [campaign({}, 10_001)]}
    path.write_text(json.dumps(document), encoding="utf-8")

    result = CliRunner().invoke(simulator, ["--port", "0", "--scenario", str(path)])

    assert (result.exit_code, result.output.count("\n")) == (2, 1)
    assert "skill 10001 exists already" in result.output
