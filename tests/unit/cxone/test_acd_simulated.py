"""What only ACD tenants have, against the simulated one: drains, mixed skills, agents in Dialer, NICE's odd answers."""

import contextlib

import aiohttp
import pytest
from pydantic import SecretStr

from campaign_throttle.cxone.acd import AcdSettings
from campaign_throttle.cxone.connect import connect
from campaign_throttle.cxone.errors import (
    CredentialsRejected,
    CXoneError,
    EndpointNotAllowed,
    InvalidResponse,
    NothingToControl,
)
from campaign_throttle.cxone.protocol import DialingState, Skill, Target
from campaign_throttle.resources.behaviour import AgentCounter, Agents, AgentSource
from unit.cxone.dialects_at_work import BY_ACTIVITY, BY_STATES, INTERVAL, KEY, KEY_SECRET, TENANT, tenant
from unit.cxone.tenant_at_work import simulators

PAUSED, RUNNING, OTHER = DialingState.PAUSED, DialingState.RUNNING, DialingState.OTHER
IDLE = Agents(counter=AgentCounter.IDLE)
NAIVE = Agents(source=AgentSource.AGENT_STATES, state_ids=[1])


def campaign(*skills, **differences):
    return [{"id": 1001, "name": "Spring", "skills": list(skills), **differences}]


def acd(**differences):
    return {"tenantId": TENANT, **differences}


async def count(at, agents):
    found = await at.dialect.read_agents(at.dialect.source(agents), at.deadline())
    return found.count(agents, await at.campaign(), INTERVAL)


# Skills


async def test_a_campaign_of_all_kinds_of_skills():
    skills = [
        {"id": 4001},
        {"id": 4002, "outbound": False},
        {"id": 4003, "agentless": True},
        {"id": 4004, "active": False},
        {"id": 4005, "outboundStrategy": "Manual"},
        {"id": 4006, "running": False},
    ]
    async with tenant(BY_ACTIVITY, campaigns=campaign(*skills)) as at:
        found = await at.campaign()
        assert [(skill.id, skill.running) for skill in found.skills] == [(4001, True), (4006, False)]
        assert found.left_out == (
            "4002 (inbound)",
            "4003 (agentless)",
            "4004 (inactive)",
            "4005 (not Personal Connection)",
        )
        await at.set_state(PAUSED)
        assert {entry.skill for entry in at.asked("acd-skill-stop")} == {"4001"}
        assert not any(entry.forced for entry in at.asked("acd-skill-stop"))
        narrowed = await at.dialect.get_campaign(Target("1001", frozenset({4006, 4002, 9})), at.deadline())
        assert [skill.id for skill in narrowed.skills] == [4006]
        assert narrowed.left_out == ("9 (not in the campaign)", "4002 (inbound)")


async def test_a_campaign_that_only_takes_calls_has_nothing_to_control():
    async with tenant(BY_ACTIVITY, campaigns=campaign({"id": 4002, "outbound": False})) as at:
        with pytest.raises(NothingToControl, match=r"4002 \(inbound\)"):
            await at.campaign()
        assert at.asked("acd-skill-start", "acd-skill-stop") == []


async def test_a_campaign_that_is_switched_off():
    async with tenant(BY_ACTIVITY, campaigns=campaign({"id": 4001}, active=False)) as at:
        assert (await at.campaign()).state is OTHER


@pytest.mark.parametrize("scheduled", [True, False])
async def test_a_schedule_is_told(scheduled):
    schedule = {"isScheduled": scheduled, "mondayStartTime": "08:00:00", "mondayEndTime": "17:00:00"}
    async with tenant(BY_ACTIVITY, campaigns=campaign({"id": 4001, "schedule": schedule}, {"id": 4002})) as at:
        assert (await at.campaign()).scheduled == ((4001,) if scheduled else ())
        await at.campaign()
        assert len(at.asked("acd-schedule")) == 2


async def test_a_poll_costs_one_request_per_controlled_skill_and_a_page_for_all_campaigns():
    campaigns = [*campaign({"id": 4001}, {"id": 4002}), {"id": 1002, "skills": [{"id": 4003}]}]
    async with tenant(BY_ACTIVITY, agents=2, campaigns=campaigns) as at:
        other = Target("1002")
        await at.campaign()
        await at.dialect.get_campaign(other, at.deadline())
        before = len(at.asked())
        found = await at.read()
        assert found.count(Agents(), await at.campaign(), INTERVAL) == 2
        assert found.count(Agents(), await at.dialect.get_campaign(other, at.deadline()), INTERVAL) == 2
        assert len(at.asked()) - before == 1 + 2 + 1


# Drains


async def test_a_drain_shows_until_the_calls_have_ended():
    async with tenant(BY_ACTIVITY, campaigns=campaign({"id": 4001, "drain": {"hold": True}})) as at:
        (skill,) = await at.set_state(PAUSED)
        assert (skill.id, skill.running) == (4001, True)
        assert await at.state() is RUNNING
        await release(at, 4001)
        assert await at.state() is PAUSED


async def test_a_resume_during_the_drain_is_allowed():
    async with tenant(BY_ACTIVITY, campaigns=campaign({"id": 4001, "drain": {"hold": True}})) as at:
        await at.set_state(PAUSED)
        assert await at.set_state(RUNNING, skills=frozenset({4001})) == (Skill(4001, "Skill 4001", running=True),)
        await release(at, 4001)
        assert await at.state() is RUNNING


@pytest.mark.parametrize("status", [200, 202, 204])
async def test_any_acceptance_is_one(status):
    async with tenant(BY_ACTIVITY, acd=acd(changeStatus=status)) as at:
        await at.set_state(PAUSED)
        assert await at.state() is PAUSED


async def test_a_stop_and_a_start_in_the_closed_loop():
    document = {"mode": "loop", "dialing": {"callsPerMinute": 60, "talk": 120}}
    async with tenant(BY_ACTIVITY, agents=5, **document) as at:
        await at.sim.step(300)
        await at.set_state(PAUSED)
        assert await at.state() is RUNNING  # somebody is on the phone
        await at.sim.step(3600)
        assert await at.state() is PAUSED
        await at.set_state(RUNNING)
        assert await at.state() is RUNNING


# Agents in Dialer


async def changes_within_an_hour(at, agents, below=3, resume=5):
    """How often a throttle that decides by nothing but the count would pause and resume."""
    changes, running = 0, True
    for _ in range(60):
        await at.sim.step(60)
        counted = await count(at, agents)
        wanted = counted >= (below if running else resume)
        if wanted is not running:
            await at.set_state(RUNNING if wanted else PAUSED)
            changes, running = changes + 1, wanted
    return changes


QUIET = {"mode": "loop", "dialing": {"callsPerMinute": 2, "talk": 30}}


@pytest.mark.parametrize("agents", [NAIVE, Agents()], ids=["state 1", "agentsAvailable without Dialer"])
async def test_counting_only_available_agents_pauses_a_campaign_because_it_works(agents):
    async with tenant(BY_STATES, agents=10, acd=acd(dialerIsAvailable=False), **QUIET) as at:
        assert await changes_within_an_hour(at, agents) > 20


@pytest.mark.parametrize(
    ("agents", "dialer_is_available"),
    [
        (Agents(), True),
        (IDLE, True),
        (IDLE, False),
        (Agents(source=AgentSource.AGENT_STATES, state_ids=[1, 7]), True),
    ],
    ids=["agentsAvailable", "agentsIdle", "agentsIdle if agentsAvailable is without Dialer", "states 1 and 7"],
)
async def test_counting_by_activity_or_with_the_dialers_does_not(agents, dialer_is_available):
    async with tenant(BY_ACTIVITY, agents=10, acd=acd(dialerIsAvailable=dialer_is_available), **QUIET) as at:
        assert await changes_within_an_hour(at, agents) == 0


async def test_a_skill_with_priority_blending_leaves_its_agents_available():
    skill = {"id": 4001, "priorityBlending": True}
    async with tenant(BY_STATES, agents=4, campaigns=campaign(skill)) as at:
        assert await count(at, NAIVE) == 4


# Counts


async def test_agents_with_several_skills_are_counted_once():
    skills = [{"id": 4001, "name": "x"}, {"id": 4002, "name": "y"}]
    async with tenant(BY_ACTIVITY, agents=0, campaigns=campaign(*skills)) as at:
        for person, has in (("a", "xy"), ("b", "xy"), ("c", "y")):
            await control(at, "POST", "/_sim/agents", {"id": person, "skills": list(has)})
        assert await count(at, Agents()) == 3


async def test_activity_that_is_out_of_date_is_unknown():
    async with tenant(BY_ACTIVITY, acd=acd(serverTimeAge=59)) as at:
        assert await at.count() == 3
    async with tenant(BY_ACTIVITY, acd=acd(serverTimeAge=120)) as at:
        with pytest.raises(InvalidResponse, match="out of date"):
            await at.count()
    async with tenant(BY_ACTIVITY, acd=acd(serverTime=False)) as at:
        assert await at.count() == 3


@pytest.mark.parametrize("kind", [BY_ACTIVITY, BY_STATES], ids=lambda kind: kind.name)
async def test_links_to_another_host_are_not_followed(kind):
    document = {"agents": 5, "pageCap": 2, "acd": acd(nextLinkBase="https://evil.test")}
    async with tenant(kind, campaigns=campaign(*({"id": 4001 + number} for number in range(5))), **document) as at:
        assert await at.count() == 5


async def test_teams_are_told_apart():
    async with tenant(BY_STATES, agents=0) as at:
        for person, team in (("a", "north"), ("b", "north"), ("c", "south")):
            await control(at, "POST", "/_sim/agents", {"id": person, "team": team})
        assert await at.count() == 3
        # The simulator numbers teams as they come; which number is whose is not the point.
        found = await at.read()
        teams = {team for team, _ in found.agents}
        assert sorted(
            found.count(BY_STATES.agents.model_copy(update={"team_ids": [team]}), None, INTERVAL) for team in teams
        ) == [1, 2]


# Signing in


@pytest.mark.parametrize("answer", ["access_token", "token"])
async def test_the_access_key_alone_in_both_shapes_of_its_answer(answer):
    async with tenant(BY_ACTIVITY, acd=acd(accessKeyAnswer=answer)) as at:
        found = access_key(at, token_url=f"{at.sim.url}/authentication/v1/token/access-key")
        async with connected(at, found) as dialect:
            assert (await dialect.probe(at.deadline())).endpoint == at.sim.url


@pytest.mark.parametrize("error_body", [True, False])
async def test_a_wrong_access_key_is_refused_with_and_without_a_body(error_body):
    async with tenant(BY_ACTIVITY, acd=acd(errorBody=error_body)) as at:
        url = f"{at.sim.url}/authentication/v1/token/access-key"
        async with connected(at, access_key(at, token_url=url, access_key_id="wrong")) as dialect:
            with pytest.raises(CredentialsRejected):
                await dialect.probe(at.deadline())


@pytest.mark.parametrize("field", ["tokenEndpoint", "apiEndpoint"])
@pytest.mark.parametrize("url", ["http://169.254.169.254/", "https://10.0.0.1", "https://nicecxone.com.evil.test"])
async def test_discovery_that_points_elsewhere_is_refused(field, url):
    async with tenant(BY_ACTIVITY, acd=acd(**{field: url})) as at:
        with pytest.raises(EndpointNotAllowed):
            await at.campaign()
        assert (at.asked("token") == []) or field == "apiEndpoint"
        assert {entry.path_class.value for entry in at.asked()} <= {"discovery", "token"}


async def test_a_tenant_that_discovery_does_not_know():
    async with tenant(BY_ACTIVITY, acd=acd(tenantId="11e00000-0000-4000-8000-000000000bad")) as at:
        with pytest.raises(InvalidResponse, match=r"acd\.tenantID"):
            await at.campaign()
        assert at.asked("token") == []


async def test_a_version_that_the_api_does_not_have():
    async with tenant(BY_ACTIVITY, acd=acd(versions=["v25.0"])) as at:
        with pytest.raises(CXoneError):
            await at.read()


# The simulator's own handles


async def control(at, method, path, body=None):
    async with (
        aiohttp.ClientSession() as session,
        session.request(method, at.sim.control_url + path, json=body) as answer,
    ):
        assert answer.status < 300, await answer.text()


async def release(at, skill):
    await control(at, "POST", f"/_sim/skills/{skill}/release")


def access_key(at, **differences):
    found = {"tenant_id": TENANT, "issuer": at.sim.url, "grant": "AccessKey", "access_key_id": KEY}
    return AcdSettings(**found | {"access_key_secret": SecretStr(KEY_SECRET)} | differences)


@contextlib.asynccontextmanager
async def connected(at, settings):
    dialect = connect(settings, policy=simulators(at.sim.url))
    try:
        yield dialect
    finally:
        await dialect.close()
