"""What the throttles of one tenant share: one count of agents for all who ask in the same moment."""

import asyncio
from datetime import timedelta

import pytest

from campaign_throttle.cxone.errors import CXoneTimeout, InvalidResponse
from campaign_throttle.resources.behaviour import Agents
from campaign_throttle.resources.behaviour import AgentState as State
from campaign_throttle.tenants import FixedAccess, Tenant
from cxone_simulator.model import AgentState
from cxone_simulator.traffic import PathClass
from unit.cxone.tenant_at_work import INTERVAL, tenant, until
from unit.declared_tenants import access_to, connects_to

FRESH, SHARED, OLD = timedelta(0), timedelta(seconds=2), timedelta(hours=1)


@pytest.fixture
async def at():
    async with tenant(agents=100) as at:
        at.tenant = Tenant(FixedAccess(access_to(at.sim.url)), connects_to(at.sim.url))
        yield at
        await at.tenant.close()


async def agents(at, max_age=SHARED, seconds=60.0, **fields):
    wanted = Agents(**fields)
    reading = await at.tenant.read_agents(wanted, max_age=max_age, deadline=at.deadline(seconds))
    return reading.headcount.count(wanted, None, INTERVAL)


def counts(at):
    return len([entry for entry in at.requests(PathClass.AGENTS) if entry.query.endswith("offset=0")])


async def test_thirty_throttles_at_once_cost_one_count(at):
    assert await asyncio.gather(*(agents(at) for _ in range(30))) == [100] * 30
    assert counts(at) == 1


async def test_a_count_that_is_young_enough_is_used_again(at):
    await agents(at)
    at.sim.tenant.set_counts({AgentState.AVAILABLE: 7})
    assert await agents(at, OLD) == 100
    assert counts(at) == 1


async def test_a_count_that_is_too_old_is_not_used(at):
    await agents(at)
    at.sim.tenant.set_counts({AgentState.AVAILABLE: 7})
    await asyncio.sleep(0.02)
    assert await agents(at, timedelta(milliseconds=10)) == 7


async def test_who_wants_a_fresh_count_gets_one_that_began_after_asking(at):
    await agents(at)
    at.sim.tenant.set_counts({AgentState.AVAILABLE: 7})
    assert await agents(at, FRESH) == 7


async def test_a_count_under_way_is_not_fresh_for_who_asks_later(at):
    fault = at.fault(kind="hang", path="agents", when="after", count=1)
    early = asyncio.create_task(agents(at))
    await until(lambda: fault.waiting, seconds=60)
    at.sim.tenant.set_counts({AgentState.AVAILABLE: 7})
    late = [asyncio.create_task(agents(at, FRESH)) for _ in range(5)]
    shared = asyncio.create_task(agents(at, OLD))
    await asyncio.sleep(0)
    at.sim.faults.clear()
    assert await asyncio.gather(early, shared, *late) == [100, 100, 7, 7, 7, 7, 7]
    assert counts(at) == 2


async def test_a_failure_is_shared_as_a_count_is(at):
    at.fault(kind="html", path="agents", count=1)
    outcomes = await asyncio.gather(*(agents(at) for _ in range(30)), return_exceptions=True)
    assert {type(outcome) for outcome in outcomes} == {InvalidResponse}
    assert counts(at) == 1
    with pytest.raises(InvalidResponse):
        await agents(at, OLD)
    assert await agents(at, FRESH) == 100


async def test_a_failure_is_never_covered_up_by_an_older_count(at):
    await agents(at)
    at.fault(kind="html", path="agents")
    with pytest.raises(InvalidResponse):
        await agents(at, FRESH)
    with pytest.raises(InvalidResponse):
        await agents(at, OLD)


async def test_a_caller_who_leaves_does_not_end_the_count_of_the_others(at):
    fault = at.fault(kind="hang", path="agents")
    first = asyncio.create_task(agents(at))
    await until(lambda: fault.waiting, seconds=60)
    second = asyncio.create_task(agents(at))
    await asyncio.sleep(0)
    first.cancel()
    at.sim.faults.clear()
    assert await second == 100
    assert counts(at) == 1


async def test_each_caller_is_over_at_a_deadline_of_its_own(at):
    at.fault(kind="hang", path="agents")
    long = asyncio.create_task(agents(at))
    await asyncio.sleep(0)
    with pytest.raises(CXoneTimeout):
        await agents(at, seconds=0.1)
    assert not long.done()
    at.sim.faults.clear()
    assert await long == 100


async def test_different_states_are_different_counts(at):
    at.sim.tenant.set_counts({AgentState.AVAILABLE: 7, AgentState.BUSY: 2})
    assert await asyncio.gather(agents(at), agents(at, states=[State.BUSY])) == [7, 2]


async def test_the_same_failure_can_be_raised_many_times_without_growing(at):
    at.fault(kind="html", path="agents", count=1)
    errors = []
    for _ in range(50):
        with pytest.raises(InvalidResponse) as caught:
            await agents(at, OLD)
        errors.append(caught.value)
    assert len(caught.traceback) < 10
    assert counts(at) == 1


async def test_closing_ends_a_count_under_way(at):
    def under_way():
        return [task for task in asyncio.all_tasks() if "Tenant._read" in repr(task.get_coro())]

    at.fault(kind="hang", path="agents")
    with pytest.raises(CXoneTimeout):
        await agents(at, seconds=0.1)
    await at.tenant.close()
    assert not under_way()
