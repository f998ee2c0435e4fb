"""The closed loop: what dialing does to agents, and what pausing does for them. Without HTTP, by
steps.
"""

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cxone_simulator import Scenario
from cxone_simulator.model import PAUSED, PERSON, RUNNING, AgentState, Campaign
from cxone_simulator.scenario import Mode
from cxone_simulator.simulation import Simulation

HOUR = 3600
AVAILABLE, BUSY, WRAP_UP, OFFLINE = AgentState


def simulation(**document: Any) -> Simulation:
    """A tenant that moves by steps only."""
    return Simulation(Scenario.from_document({"speed": 0, **document}))


def campaign(tenant: Simulation, campaign_id: str = "cmp-1") -> Campaign:
    """A campaign that is there."""
    found = tenant.tenant.campaign(campaign_id)
    assert found is not None
    return found


def change(tenant: Simulation, status: str) -> None:
    """A person changes cmp-1."""
    tenant.tenant.change_status(campaign(tenant), status, PERSON)


def numbers(tenant: Simulation) -> tuple[object, ...]:
    """Everything that a run leads to."""
    counters = [(c.id, c.dialed, c.answered, c.abandoned) for c in tenant.tenant.campaigns()]
    states = [(agent.id, agent.state) for agent in tenant.tenant.agents()]
    return tenant.clock.seconds, counters, states


async def test_the_same_seed_and_steps_give_the_same_numbers() -> None:
    async def run(seed: int) -> tuple[object, ...]:
        tenant = simulation(seed=seed, campaigns=3)
        for seconds in (1, 599, 0.5, HOUR):
            await tenant.step(seconds)
        change(tenant, PAUSED)
        await tenant.step(60)
        return numbers(tenant)

    assert await run(5) == await run(5)
    assert await run(5) != await run(6)


async def test_a_long_step_is_the_same_as_many_short_ones() -> None:
    long, short = simulation(), simulation()

    await long.step(600)
    for _ in range(60):
        await short.step(10)

    assert numbers(long) == numbers(short)


async def test_a_reset_begins_the_same_run_again() -> None:
    tenant = simulation()
    await tenant.step(HOUR)
    first = numbers(tenant)

    tenant.reset()
    assert tenant.clock.seconds == 0
    await tenant.step(HOUR)

    assert numbers(tenant) == first


@settings(max_examples=15, deadline=None)
@given(seed=st.integers(0, 10_000), agents=st.integers(1, 40))
async def test_pausing_stops_new_calls_and_brings_agents_back(seed: int, agents: int) -> None:
    tenant = simulation(seed=seed, agents=agents, dialing={"callsPerMinute": 60})
    await tenant.step(HOUR)
    change(tenant, PAUSED)
    dialed = campaign(tenant).dialed
    assert dialed > 0

    await tenant.step(HOUR)

    assert campaign(tenant).dialed == dialed
    assert tenant.tenant.count(AVAILABLE) == agents


async def test_a_resumed_campaign_dials_again() -> None:
    tenant = simulation()
    change(tenant, PAUSED)
    await tenant.step(HOUR)
    assert campaign(tenant).dialed == 0

    change(tenant, RUNNING)
    await tenant.step(HOUR)

    # 20 calls a minute, give or take five standard deviations.
    assert campaign(tenant).dialed == pytest.approx(1200, abs=175)


@pytest.mark.parametrize("seed", range(5))
async def test_the_fewer_agents_the_higher_the_abandonment_rate(seed: int) -> None:
    rates = []
    for agents in (40, 15, 5, 0):
        tenant = simulation(seed=seed, agents=agents)
        await tenant.step(4 * HOUR)
        rates.append(campaign(tenant).abandonment_rate)

    assert rates == sorted(rates)
    assert rates[0] < 0.02
    assert rates[2] > 0.4
    assert rates[3] == 1


async def test_fixed_times_lead_a_call_through_its_stages() -> None:
    """One campaign that only ever reaches one agent: ring 10 s, talk 100 s, wrap-up 20 s."""
    fixed = {"distribution": "fixed"}
    dialing = {
        "callsPerMinute": 60_000,
        "answerProbability": 1,
        "ring": {"mean": 10, **fixed},
        "talk": {"mean": 100, **fixed},
        "wrapUp": {"mean": 20, **fixed},
    }
    tenant = simulation(agents=1, dialing=dialing)
    await tenant.step(0.1)
    change(tenant, PAUSED)
    agent = tenant.tenant.agent("agent-1")
    assert agent is not None

    seen = []
    for seconds in (9.8, 0.3, 99.6, 0.6, 19, 1):
        await tenant.step(seconds)
        seen.append(agent.state)

    assert seen == [AVAILABLE, BUSY, BUSY, WRAP_UP, WRAP_UP, AVAILABLE]
    assert campaign(tenant).abandoned == campaign(tenant).answered - 1 > 0


async def test_calls_go_only_to_agents_with_the_campaigns_skill() -> None:
    agents = [{"id": "ann", "skills": ["sales"]}, {"id": "bob"}]
    tenant = simulation(agents=agents, campaigns=[{"id": "cmp-1", "skill": "sales"}])

    for _ in range(60):
        await tenant.step(60)
        bob = tenant.tenant.agent("bob")
        assert bob is not None
        assert bob.state is AVAILABLE

    assert campaign(tenant).abandoned < campaign(tenant).answered


async def test_what_one_campaign_does_leaves_the_dialing_of_another_alone() -> None:
    alone = simulation(campaigns=[{"id": "a"}])
    together = simulation(campaigns=[{"id": "b"}, {"id": "a"}])

    await alone.step(HOUR)
    await together.step(HOUR)

    assert campaign(alone, "a").dialed == campaign(together, "a").dialed


async def test_a_removed_campaign_dials_no_more() -> None:
    tenant = simulation()
    gone = campaign(tenant)
    await tenant.step(60)
    tenant.tenant.remove_campaign("cmp-1")
    dialed = gone.dialed

    await tenant.step(HOUR)

    assert gone.dialed == dialed


async def test_direct_counts_stay_until_the_loop_is_told_to_go_on() -> None:
    tenant = simulation()
    await tenant.step(600)
    tenant.set_counts({AVAILABLE: 3, BUSY: 4, WRAP_UP: 0})
    assert tenant.mode is Mode.MANUAL

    await tenant.step(HOUR)
    assert (tenant.tenant.count(AVAILABLE), tenant.tenant.count(BUSY)) == (3, 4)

    change(tenant, PAUSED)
    tenant.set_mode(Mode.LOOP)
    await tenant.step(HOUR)
    assert (tenant.tenant.count(AVAILABLE), tenant.tenant.count(BUSY)) == (7, 0)


async def test_agents_on_a_break_are_offline_and_come_back() -> None:
    lunch = {"at": 600, "agents": 12, "duration": 1200, "spread": 60, "repeatEvery": 7200}
    tenant = simulation(breaks=[lunch], dialing={"callsPerMinute": 0})
    offline = []
    for seconds in (599, 61, 1140, 61, 599 + 7200 - 1861, 61):
        await tenant.step(seconds)
        offline.append(tenant.tenant.count(OFFLINE))

    assert offline == [0, 12, 12, 0, 0, 12]


async def test_an_agent_in_a_call_leaves_for_the_break_after_it() -> None:
    fixed = {"mean": 300, "distribution": "fixed"}
    tenant = simulation(
        agents={"busy": 1},
        campaigns=0,
        breaks=[{"at": 10, "agents": 1, "duration": 1000}],
        dialing={"talk": fixed, "wrapUp": fixed},
    )
    states = []
    for seconds in (20, 300, 300, 500):
        await tenant.step(seconds)
        states += [state for state in AgentState if tenant.tenant.count(state)]

    assert states == [BUSY, WRAP_UP, OFFLINE, AVAILABLE]


async def test_lunch_raises_the_abandonment_rate_unless_the_campaign_is_paused() -> None:
    """The example that ships: what the operator is for, in one number."""

    async def rate_after_an_hour(pause_at: int | None) -> float:
        tenant = simulation(
            seed=7,
            breaks=[{"at": 600, "agents": 12, "duration": 1200, "spread": 180}],
            agents=20,
        )
        for _minute in range(60):
            if pause_at is not None:
                available = tenant.tenant.count(AVAILABLE)
                paused = campaign(tenant).status == PAUSED
                if not paused and available < pause_at:
                    change(tenant, PAUSED)
                elif paused and available >= pause_at + 3:
                    change(tenant, RUNNING)
            await tenant.step(60)
        return campaign(tenant).abandonment_rate

    assert await rate_after_an_hour(pause_at=5) < await rate_after_an_hour(pause_at=None) / 2


async def test_a_series_sets_the_counts_second_by_second_and_then_again() -> None:
    rows = [{"second": 0, "available": 12, "busy": 8}, {"second": 60, "available": 3, "wrap-up": 2}]
    tenant = simulation(series={"rows": rows, "repeatEvery": 100})
    seen = []
    for seconds in (0.1, 59.8, 0.2, 39.8, 0.2):
        await tenant.step(seconds)
        counts = tenant.tenant.counts()
        seen.append((counts[AVAILABLE], counts[BUSY], counts[WRAP_UP], counts[OFFLINE]))

    enough, few = (12, 8, 0, 0), (3, 0, 2, 15)
    assert seen == [enough, enough, few, few, enough]


async def test_a_series_that_is_chosen_again_begins_again() -> None:
    rows = [{"second": 0, "available": 9}, {"second": 60, "available": 1}]
    tenant = simulation(series={"rows": rows})
    await tenant.step(61)
    tenant.set_counts({AVAILABLE: 5})
    await tenant.step(61)
    assert tenant.tenant.count(AVAILABLE) == 5

    tenant.set_mode(Mode.SERIES)

    assert tenant.tenant.count(AVAILABLE) == 9
    await tenant.step(60)
    assert tenant.tenant.count(AVAILABLE) == 1
