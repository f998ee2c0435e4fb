"""Agents at the ACD: counted per skill, listed with their states, paged, scripted and frozen."""

from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from yarl import URL

from cxone_simulator import Scenario
from cxone_simulator.activity import counts_of, state_of
from cxone_simulator.model import AgentState, Campaign, Skill, Tenant
from unit.simulator.acd import (
    ACTIVITY,
    API,
    STATES,
    acd_scenario,
    activity,
    campaign,
    sign_in,
    states,
)
from unit.simulator.visitor import AGENTS, Visitor

ANN = {"id": "ann", "name": "Ann Lee", "skills": ["renewals"]}
BOB = {"id": "bob", "skills": ["renewals", "reminders"]}
CEM = {"id": "cem", "skills": ["reminders"]}
DOT = {"id": "dot", "skills": ["support"]}
RENEWALS = {"id": 4001, "name": "renewals"}
REMINDERS = {"id": 4002, "name": "reminders", "priorityBlending": True}
SUPPORT = {"id": 4003, "name": "support", "outbound": False}
MAIL = {"id": 4004, "name": "mail", "outbound": False, "mediaType": 1}


@pytest.fixture
def scenario() -> Scenario:
    return acd_scenario(
        dialects=["ACD", "Campaigns"],
        agents=[ANN, BOB, CEM, DOT],
        campaigns=[campaign(RENEWALS, REMINDERS, SUPPORT, MAIL)],
    )


@pytest.fixture
async def client(stranger: Visitor) -> Visitor:
    """A client with a token."""
    await sign_in(stranger)
    return stranger


async def available(client: Visitor) -> dict[int, int]:
    """What ``agentsAvailable`` says for each skill."""
    rows = (await client.get(f"{ACTIVITY}?fields=skillId,agentsAvailable")).json["skillActivity"]
    return {row["skillId"]: row["agentsAvailable"] for row in rows}


async def test_an_agent_with_several_skills_is_counted_in_each(client: Visitor) -> None:
    assert await available(client) == {4001: 2, 4002: 2, 4003: 1, 4004: 0}


async def test_each_counter_counts_what_its_agents_do(client: Visitor) -> None:
    await client.put("/_sim/agents/ann", {"state": "busy"})
    await client.put("/_sim/agents/bob", {"state": "wrap-up"})
    await client.post("/_sim/agents", {"id": "eve", "skills": ["renewals"], "state": "offline"})
    await client.post("/_sim/agents", {"id": "fay", "skills": ["renewals"]})
    await client.post("/_sim/agents", {"id": "gus", "skills": ["renewals"]})
    await client.put("/_sim/agents/gus", {"stateId": 2})

    row = await activity(client)

    assert {key: value for key, value in row.items() if key.startswith("agents")} == {
        "agentsACW": 1,
        "agentsAvailable": 1,
        "agentsIdle": 1,
        "agentsLoggedIn": 4,
        "agentsUnavailable": 1,
        "agentsWorking": 1,
    }
    assert (row["campaignId"], row["isOutbound"], row["isActive"]) == (1001, True, True)


async def test_whether_those_in_dialer_are_available_is_up_to_the_tenant(client: Visitor) -> None:
    # Bob waits in Dialer because of the one skill, and so he does for the other.
    await client.put("/_sim/acd", {"dialerIsAvailable": False})
    assert await available(client) == {4001: 0, 4002: 1, 4003: 1, 4004: 0}
    assert (await activity(client))["agentsIdle"] == 2
    assert await states(client) == [7, 7, 1, 1]

    await client.post(f"{API}/skills/4001/stop?force=false")

    assert await available(client) == {4001: 2, 4002: 2, 4003: 1, 4004: 0}
    assert await states(client) == [1, 1, 1, 1]


async def test_agents_who_were_given_no_skills_have_all(client: Visitor) -> None:
    await client.put("/_sim/agents", {"available": 6})

    assert await available(client) == {4001: 4, 4002: 4, 4003: 3, 4004: 2}


async def test_the_same_count_is_seen_in_both_dialects(client: Visitor) -> None:
    await client.put("/_sim/campaigns/1001", {"skills": [{"id": 4001}]})
    for name in ("ann", "bob", "cem", "dot"):
        await client.put(f"/_sim/agents/{name}", {"state": "offline"})
    await client.put("/_sim/agents", {"offline": 0})

    await client.put("/_sim/agents", {"available": 7})

    assert await available(client) == {4001: 7}
    await client.sign_in()
    assert len((await client.get(f"{AGENTS}?state=available")).json["items"]) == 7


@pytest.mark.parametrize(
    ("query", "skills"),
    [
        ("", [4001, 4002, 4003, 4004]),
        ("?mediaTypeId=4&IsOutbound=true", [4001, 4002]),
        ("?isOutbound=False", [4003, 4004]),
        ("?mediaTypeId=1", [4004]),
        ("?mediaTypeId=4&skip=1&top=1", [4002]),
    ],
)
async def test_activity_is_of_the_skills_that_were_asked_for(
    client: Visitor, query: str, skills: list[int]
) -> None:
    reply = await client.get(f"{ACTIVITY}{query}")

    assert [row["skillId"] for row in reply.json["skillActivity"]] == skills


async def test_without_rows_it_is_204(client: Visitor) -> None:
    for query in ("?mediaTypeId=3", "?skip=4"):
        reply = await client.get(f"{ACTIVITY}{query}")
        assert (reply.status, reply.body) == (204, b"")


async def test_a_skill_that_changes_its_kind_changes_its_listing(client: Visitor) -> None:
    outbound = f"{ACTIVITY}?IsOutbound=true"
    assert (await client.get(outbound)).json["totalRecords"] == 2

    await client.call("PATCH", "/_sim/skills/4001", json={"outbound": False})

    assert (await client.get(outbound)).json["totalRecords"] == 1


async def test_only_the_fields_that_were_asked_for_are_told(client: Visitor) -> None:
    agents = await client.get(f"{STATES}?fields=agentId,agentStateId,%20nonsense&top=1")
    skills = await client.get(f"{ACTIVITY}?fields=skillId,agentsIdle,serverTime&top=1")

    assert agents.json["agentStates"] == [{"agentId": 1, "agentStateId": 7}]
    assert set(skills.json["skillActivity"][0]) == {"skillId", "agentsIdle", "serverTime"}
    whole = (await client.get(f"{STATES}?top=1")).json["agentStates"][0]
    assert (whole["firstName"], whole["lastName"], whole["teamId"]) == ("Ann", "Lee", 1)


@pytest.mark.parametrize(("path", "rows"), [(ACTIVITY, "skillActivity"), (STATES, "agentStates")])
async def test_pages_follow_their_links_to_the_end(client: Visitor, path: str, rows: str) -> None:
    await client.put("/_sim/page-cap", {"cap": 3})

    first = await client.get(f"{path}?top=100&fields=skillId,agentId")
    link = URL(first.json["_links"]["next"])
    second = await client.get(str(link.relative()))

    assert (len(first.json[rows]), len(second.json[rows])) == (3, 1)
    assert first.json["totalRecords"] == second.json["totalRecords"] == 4
    assert "next" not in second.json["_links"]
    assert str(link.origin()) == client.sim.url
    assert dict(link.query) == {"top": "3", "fields": "skillId,agentId", "skip": "3"}


async def test_a_link_may_lead_elsewhere(client: Visitor) -> None:
    await client.put("/_sim/acd", {"nextLinkBase": "https://evil.test"})

    reply = await client.get(f"{ACTIVITY}?top=1")

    link = URL(reply.json["_links"]["next"])
    assert (link.host, link.path, link.query["skip"]) == ("evil.test", ACTIVITY, "1")


@pytest.mark.parametrize("query", ["skip=-1", "skip=x", "top=0", "top=1.5", "top=9999999999"])
async def test_a_bad_page_is_refused_by_name(client: Visitor, query: str) -> None:
    for path in (ACTIVITY, STATES):
        reply = await client.get(f"{path}?{query}")
        assert reply.status == 400
        assert reply.json["error_description"].startswith(query.split("=", maxsplit=1)[0])


async def test_counters_can_be_fixed_for_a_skill_and_let_go(client: Visitor) -> None:
    fixed = {"agentsAvailable": 17, "agentsACW": 3}
    await client.call("PATCH", "/_sim/skills/4001", json={"activity": fixed})

    row = await activity(client)
    assert (row["agentsAvailable"], row["agentsACW"], row["agentsIdle"]) == (17, 3, 2)
    assert (await available(client))[4002] == 2

    await client.call("PATCH", "/_sim/skills/4001", json={"activity": {}})
    assert (await activity(client))["agentsAvailable"] == 2


async def test_counters_of_a_skill_can_follow_a_script(client: Visitor) -> None:
    rows = [{"second": 10, "agentsAvailable": 9}, {"second": 60, "agentsAvailable": 1}]
    series = {"rows": rows, "repeatEvery": 100}
    await client.call("PATCH", "/_sim/skills/4001", json={"series": series})

    seen = [(await activity(client))["agentsAvailable"]]
    for seconds in (10, 49, 1, 39, 11):
        await client.post("/_sim/clock", {"step": seconds})
        seen.append((await activity(client))["agentsAvailable"])

    assert seen == [2, 9, 9, 1, 1, 9]
    await client.call("PATCH", "/_sim/skills/4001", json={"series": None})
    assert (await activity(client))["agentsAvailable"] == 2


@pytest.mark.parametrize("state_id", [-5, 0, 3, 5, 6, 8, 99])
async def test_an_agent_can_be_put_into_any_state_of_the_acd(client: Visitor, state_id: int) -> None:
    reply = await client.put("/_sim/agents/ann", {"stateId": state_id})
    assert reply.json["stateId"] == state_id
    assert await states(client) == [state_id, 7, 1, 1]
    assert (await available(client))[4001] == 1

    await client.put("/_sim/agents/ann", {"state": "available"})

    assert await states(client) == [7, 7, 1, 1]
    assert (await activity(client))["agentsUnavailable"] == 0


async def test_times_are_the_simulators_own(client: Visitor) -> None:
    client.wall.seconds += 3_000

    reply = await client.get(ACTIVITY)

    now = datetime.fromtimestamp(client.wall.seconds, UTC)
    assert parsedate_to_datetime(reply.headers["Date"]) == now
    assert datetime.fromisoformat(reply.json["lastPollTime"]) == now
    row = reply.json["skillActivity"][0]
    assert datetime.fromisoformat(row["serverTime"]) == now


async def test_rows_may_be_old_or_without_a_time(client: Visitor) -> None:
    await client.put("/_sim/acd", {"serverTimeAge": 600})
    row = await activity(client)
    aged = datetime.fromtimestamp(client.wall.seconds - 600, UTC)
    assert datetime.fromisoformat(row["serverTime"]) == aged

    await client.put("/_sim/acd", {"serverTime": False})
    assert "serverTime" not in await activity(client)


async def test_frozen_rows_keep_their_counters_and_their_time(client: Visitor) -> None:
    frozen_at = datetime.fromtimestamp(client.wall.seconds, UTC)
    await client.put("/_sim/acd", {"frozen": True})
    client.wall.seconds += 300
    await client.put("/_sim/agents/ann", {"state": "busy"})
    await client.put("/_sim/acd", {"area": "eu1"})

    row = await activity(client)
    assert row["agentsAvailable"] == 2
    assert datetime.fromisoformat(row["serverTime"]) == frozen_at
    assert await states(client) == [4, 7, 1, 1]

    await client.put("/_sim/acd", {"frozen": False})
    assert (await activity(client))["agentsAvailable"] == 1


@pytest.mark.parametrize(
    ("path", "path_class"),
    [
        (f"{API}/campaigns/1001", "acd-campaign"),
        (f"{API}/campaigns/1001/skills", "acd-campaign-skills"),
        (f"{API}/skills/4001", "acd-skill"),
        (f"{API}/skills/4001/parameters/schedule-settings", "acd-schedule"),
        (ACTIVITY, "acd-activity"),
        (STATES, "acd-agent-states"),
    ],
)
async def test_limits_and_faults_are_per_endpoint_template(client: Visitor, path: str, path_class: str) -> None:
    await client.put(f"/_sim/rate-limits/{path_class}", {"requestsPerSecond": 1, "burst": 2})
    await client.fault(path=path_class, kind="status", code=503, count=1)

    replies = [await client.get(path) for _ in range(4)]

    assert [reply.status for reply in replies] == [503, 200, 200, 429]
    assert replies[3].headers["icStatusDescription"]
    rows = (await client.get(f"/_sim/requests?path={path_class}")).json["requests"]
    assert len(rows) == 4
    assert (await client.get("/_sim/rate-limits")).json.keys() == {path_class}


async def test_a_fault_may_be_for_one_skill_or_for_later_pages(client: Visitor) -> None:
    await client.fault(path="acd-skill", kind="html", skill="4002")
    await client.fault(path="acd-activity", kind="empty-204", minimumOffset=2)

    assert (await client.get(f"{API}/skills/4001")).json is not None
    assert (await client.get(f"{API}/skills/4002")).json is None
    assert (await client.get(f"{ACTIVITY}?skip=1")).status == 200
    assert (await client.get(f"{ACTIVITY}?skip=2")).status == 204


NAMES = ("a", "b", "c")
MOVES = st.one_of(
    st.tuples(st.just("move"), st.integers(0, 11), st.sampled_from(AgentState)),
    st.tuples(st.just("acd"), st.integers(0, 11), st.integers(-2, 9)),
    st.tuples(st.just("run"), st.integers(0, 2), st.booleans()),
    st.tuples(st.just("count"), st.sampled_from(AgentState), st.integers(0, 15)),
)


@given(
    skills=st.lists(st.frozensets(st.sampled_from(NAMES)), min_size=12, max_size=12),
    moves=st.lists(MOVES, max_size=25),
)
def test_whatever_happens_the_counters_are_those_of_a_count_by_hand(
    skills: list[frozenset[str]], moves: list[tuple[str, Any, Any]]
) -> None:
    tenant = Tenant(now=lambda: 0.0)
    blending = {"a": False, "b": True, "c": False}
    lines = [Skill(n, name, "1", priority_blending=blending[name]) for n, name in enumerate(NAMES)]
    tenant.put_campaign(Campaign("1", "One"), lines)
    for own in skills:
        tenant.add_agent(skills=own)
    for kind, which, what in moves:
        agents = tenant.agents()
        if kind == "count":
            tenant.set_counts({which: what})
        elif kind == "run":
            (tenant.skills.start if what else tenant.skills.stop)(lines[which], "me")
        elif which < len(agents) and kind == "move":
            tenant.move(agents[which], what)
        elif which < len(agents):
            tenant.set_acd_state(agents[which], what)
    dialing = {line.name for line in lines if line.running and not line.priority_blending}
    for line in lines:
        mine = [one for one in tenant.agents() if not one.skills or line.name in one.skills]
        idle = [one for one in mine if one.state is AgentState.AVAILABLE]
        waiting = [one for one in idle if (one.skills or set(NAMES)) & dialing]
        acw = [one for one in mine if one.state is AgentState.WRAP_UP]
        busy = [one for one in mine if one.state is AgentState.BUSY]
        away = [one for one in mine if one.state is AgentState.OFFLINE and one.acd_state]
        assert counts_of(line, tenant, 0.0, dialer_is_available=False) == {
            "agentsACW": len(acw),
            "agentsAvailable": len(idle) - len(waiting),
            "agentsIdle": len(idle),
            "agentsLoggedIn": len(idle) + len(busy) + len(acw) + len(away),
            "agentsUnavailable": len(away),
            "agentsWorking": len(busy),
        }
        for agent in waiting:
            assert agent.acd_state is not None or state_of(agent, tenant) == 7
        longest = tenant.longest_free_for(line)
        assert longest in idle if idle else longest is None
