"""One poll at a time against a simulated ACD tenant, where the skill is what dials: parts fail, calls drain."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from datetime import timedelta

import pytest
from pydantic import SecretStr, TypeAdapter

from campaign_throttle.events import Event
from campaign_throttle.reconcile import Reconciler
from campaign_throttle.release import release
from campaign_throttle.reporting import Reporter
from campaign_throttle.resources.behaviour import DeletionPolicy
from campaign_throttle.tenants import Access, Default, FixedAccess, Tenant
from campaign_throttle.throttles import Throttle
from cxone_simulator import Scenario, Simulator
from cxone_simulator.faults import Fault
from cxone_simulator.model import PERSON, AgentState
from unit.cxone.dialects_at_work import KEY, KEY_SECRET, SECRET
from unit.declared_tenants import TENANT_ID, Cluster, acd_spec, connects_to, tenants_of
from unit.test_reconcile import Server, Wall

CREDENTIALS = {
    "clientID": "throttle",
    "clientSecret": SECRET,
    "accessKeyID": KEY,
    "accessKeySecret": KEY_SECRET,
}


@dataclass
class Work:
    """An operator with one throttle of two skills at work."""

    sim: Simulator
    wall: Wall
    server: Server
    tenant: Tenant
    reconciler: Reconciler
    throttle: Throttle
    events: list[Event] = field(default_factory=list)

    async def poll(self, agents=None, seconds=30) -> str:
        if agents is not None:
            self.sim.tenant.set_counts({AgentState.AVAILABLE: agents})
        if self.tenant._connection is not None:
            self.tenant._connection.outcomes.clear()  # as time would have made the shared count too old
        self.wall.seconds += seconds
        return await self.reconciler.poll(self.throttle, self.server.body(), None, self.events.append)

    def restart(self) -> None:
        self.throttle = Throttle("default", "sales", "uid-1", created=0.0)

    def fault(self, path, **rule):
        return self.sim.faults.add(TypeAdapter(Fault).validate_python({"path": path, **rule}))

    def asked(self, *paths):
        return [entry for entry in self.sim.journal.entries() if entry.path_class.value in paths]

    def skill(self, number):
        return self.sim.tenant.skills.get(number)

    @property
    def running(self):
        return {number for number in (4001, 4002) if self.skill(number).running}

    @property
    def owners(self):
        return {skill["id"]: skill.get("stoppedBy") for skill in self.server.status["skills"]}

    def condition(self, type_):
        found = next(found for found in self.server.status["conditions"] if found["type"] == type_)
        return found["status"], found["reason"]


@contextlib.asynccontextmanager
async def working(skills=({"id": 4001}, {"id": 4002}), **spec) -> AsyncIterator[Work]:
    wall = Wall()
    scenario = Scenario.from_document(
        {
            "mode": "manual",
            "speed": 0,
            "dialects": ["ACD"],
            "acd": {"tenantId": TENANT_ID},
            "clients": {"throttle": {"secret": SECRET}},
            "accessKeys": {KEY: {"secret": KEY_SECRET}},
            "agents": 20,
            "campaigns": [{"id": 1001, "name": "Spring", "skills": list(skills)}],
        }
    )
    async with Simulator.running(scenario, now=wall) as sim:
        access = Access(acd_spec(sim.url), {key: SecretStr(value) for key, value in CREDENTIALS.items()})
        shared = Tenant(FixedAccess(access), connects_to(sim.url))
        server = Server({"campaignID": "1001", "interval": "30s", **spec})
        reconciler = Reconciler(
            tenants=tenants_of(Cluster(), sim.url, default=Default(shared, access.spec)),
            reporter=Reporter(server, timedelta(minutes=5)),
            minimum_interval=timedelta(seconds=1),
            now=wall.now,
        )
        yield Work(sim, wall, server, shared, reconciler, Throttle("default", "sales", "uid-1", created=0.0))
        await shared.close()


@pytest.fixture
async def work():
    async with working() as work:
        yield work


async def test_few_agents_stop_all_skills_and_enough_start_them_again(work):
    await work.poll(20)
    assert work.condition("Ready") == ("True", "Controlling")
    await work.poll(2)
    assert work.running == set()
    assert work.server.status["pausedBy"] == "Operator"
    assert work.owners == {4001: "Operator", 4002: "Operator"}
    await work.poll(20)
    await work.poll(20)
    assert work.running == {4001, 4002}
    assert "pausedBy" not in work.server.status
    assert "intent" not in work.server.status
    assert [event.reason for event in work.events] == ["CampaignPaused", "CampaignResumed"]


async def test_a_steady_state_writes_nothing(work):
    for agents in (20, 2):
        await work.poll(agents)
        await work.poll(agents)
        written = len(work.server.writes)
        for _ in range(5):
            await work.poll(agents)
        assert len(work.server.writes) == written


async def test_what_failed_of_a_pause_is_done_at_the_next_poll(work):
    await work.poll(20)
    fault = work.fault("acd-skill-stop", kind="status", code=409, count=1)
    await work.poll(2)
    assert len(work.running) == 1
    assert work.condition("CampaignSynced") == ("False", "ActionFailed")
    assert sorted(owner or "" for owner in work.owners.values()) == ["", "Operator"]
    work.sim.faults.remove(fault.id)
    await work.poll(2)
    assert work.running == set()
    assert work.owners == {4001: "Operator", 4002: "Operator"}
    assert work.condition("CampaignSynced")[0] == "True"


async def test_what_was_done_of_a_half_failed_pause_is_ours_after_a_restart(work):
    await work.poll(20)
    work.fault("acd-skill-stop", kind="status", code=409, count=1)
    await work.poll(2)
    work.restart()
    work.sim.faults.clear()
    await work.poll(20)
    await work.poll(20)
    assert work.running == {4001, 4002}


async def test_a_throttle_that_holds_one_skill_of_a_running_campaign_holds_something(work):
    """Who deletes it, or controls the campaign next, must start that skill again."""
    await work.poll(20)
    work.fault("acd-skill-stop", kind="status", code=409, count=1)
    await work.poll(2)
    assert work.throttle.holds
    work.sim.faults.clear()
    work.server.spec["deletionPolicy"] = DeletionPolicy.RESUME.value
    memory, event = await release(work.server.body(), work.throttle.recall(), work.tenant, work.reconciler.now())
    assert event.reason == "CampaignResumed"
    assert work.running == {4001, 4002}
    assert not memory.holds


async def test_a_skill_that_somebody_else_stopped_stays_stopped():
    async with working(skills=({"id": 4001}, {"id": 4002, "running": False})) as work:
        await work.poll(20)
        await work.poll(2)
        assert work.owners[4001] == "Operator"
        assert work.owners.get(4002) != "Operator"
        await work.poll(20)
        await work.poll(20)
        assert work.running == {4001}


async def test_a_drain_is_pausing_and_neither_failed_nor_repeated():
    async with working(skills=({"id": 4001, "drain": {"hold": True}}, {"id": 4002})) as work:
        await work.poll(20)
        await work.poll(2)
        await work.poll(2)
        assert work.server.status["campaignState"] == "Pausing"
        assert work.condition("CampaignSynced") == ("False", "Draining")
        assert work.condition("Throttled") == ("True", "PausedByOperator")
        assert work.condition("Ready")[0] == "True"
        assert len(work.asked("acd-skill-stop")) == 2
        work.sim.tenant.skills.release(work.skill(4001))
        await work.poll(2)
        assert work.server.status["campaignState"] == "Paused"
        assert work.condition("CampaignSynced") == ("True", "InDesiredState")


async def test_a_person_who_starts_a_skill_is_respected(work):
    await work.poll(20)
    await work.poll(2)
    await work.poll(2)
    work.sim.tenant.skills.start(work.skill(4001), PERSON)
    for _ in range(3):
        await work.poll(2)
    assert 4001 in work.running
    assert "OverrideDetected" in [event.reason for event in work.events]


@pytest.mark.parametrize("moment", ["before", "after"])
async def test_stops_are_ours_though_the_process_was_killed_between_them(work, moment):
    await work.poll(20)
    cut = work.fault("acd-skill-stop", kind="hang", when=moment, count=2)
    work.sim.tenant.set_counts({AgentState.AVAILABLE: 2})
    poll = asyncio.create_task(work.poll(2))
    async with asyncio.timeout(60):
        while not cut.waiting:  # noqa: ASYNC110 - the request is in the simulator's hands
            await asyncio.sleep(0.001)
    poll.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await poll
    work.sim.faults.clear()
    work.restart()
    await work.poll(2, seconds=5)
    await work.poll(2, seconds=5)
    assert work.running == set()
    assert work.owners == {4001: "Operator", 4002: "Operator"}
    await work.poll(20)
    await work.poll(20)
    assert work.running == {4001, 4002}


async def test_skills_that_are_not_named_are_left_alone():
    async with working(skillIDs=[4002]) as work:
        await work.poll(20)
        await work.poll(2)
        assert work.running == {4001}
        assert work.owners == {4002: "Operator"}


async def test_a_campaign_without_a_skill_to_control_is_stalled():
    async with working(skills=({"id": 4001, "outbound": False}, {"id": 4002, "agentless": True})) as work:
        assert await work.poll(2) == "NothingToControl"
        assert work.condition("Stalled") == ("True", "NothingToControl")
        assert work.asked("acd-skill-stop", "acd-skill-start") == []


async def test_a_schedule_of_cxones_own_is_told_once():
    async with working(skills=({"id": 4001, "schedule": {"isScheduled": True}}, {"id": 4002})) as work:
        for _ in range(4):
            await work.poll(20)
        told = [event for event in work.events if event.reason == "SkillScheduled"]
        assert len(told) == 1
        assert "skill 4001" in told[0].message


async def test_a_number_of_agents_that_nobody_knows_changes_nothing(work):
    await work.poll(20)
    work.fault("acd-activity", kind="html")
    for _ in range(4):
        await work.poll(0)
    assert work.running == {4001, 4002}
    assert work.condition("FallbackActive")[0] == "True"


async def test_a_field_that_only_the_other_api_knows_is_an_invalid_spec_and_nothing_is_asked():
    async with working(agents={"states": ["busy"]}) as work:
        assert await work.poll(2) == "InvalidSpec"
        assert work.condition("Stalled") == ("True", "InvalidSpec")
        assert list(work.sim.journal.entries()) == []
