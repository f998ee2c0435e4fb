"""The closed loop under Personal Connection: skills dial, stops drain, force cuts. Without HTTP, by
steps.
"""

from importlib.resources import as_file, files
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cxone_simulator import Scenario
from cxone_simulator.acd_setup import SkillSetup
from cxone_simulator.activity import counts_of
from cxone_simulator.model import PAUSED, PERSON, RUNNING, AgentState, Campaign, Skill
from cxone_simulator.scenario import Mode
from cxone_simulator.simulation import Simulation
from unit.simulator.acd import acd_scenario, campaign

HOUR = 3600
FIXED = {"distribution": "fixed"}


def simulation(**document: Any) -> Simulation:
    """A tenant that speaks both dialects, dials, and moves by steps only."""
    both = {"mode": "loop", "dialects": ["ACD", "Campaigns"], "agents": 20}
    return Simulation(acd_scenario(**{**both, **document}))


def skill(tenant: Simulation, number: int = 4001) -> Skill:
    """A skill that is there."""
    found = tenant.tenant.skills.get(number)
    assert found is not None
    return found


def whole(tenant: Simulation) -> Campaign:
    """The campaign 1001."""
    found = tenant.tenant.campaign("1001")
    assert found is not None
    return found


def stop(tenant: Simulation, number: int = 4001, *, force: bool = False) -> None:
    """A person stops a skill."""
    tenant.tenant.skills.stop(skill(tenant, number), PERSON, force=force)


def start(tenant: Simulation, number: int = 4001) -> None:
    """A person starts a skill."""
    tenant.tenant.skills.start(skill(tenant, number), PERSON)


def numbers(tenant: Simulation) -> tuple[object, ...]:
    """Everything that a run leads to."""
    skills = [(s.id, s.dialed, s.answered, s.abandoned, s.calls) for s in tenant.tenant.skills]
    agents = [(agent.id, agent.state) for agent in tenant.tenant.agents()]
    return tenant.clock.seconds, skills, agents


async def test_the_same_seed_and_steps_give_the_same_numbers() -> None:
    async def run(seed: int) -> tuple[object, ...]:
        tenant = simulation(seed=seed, campaigns=[campaign(4001, 4002)])
        for seconds in (1, 599, 0.5, HOUR):
            await tenant.step(seconds)
        stop(tenant, 4001)
        await tenant.step(100)
        return numbers(tenant)

    assert await run(5) == await run(5)
    assert await run(5) != await run(6)


async def test_a_reset_begins_the_same_run_again() -> None:
    tenant = simulation()
    await tenant.step(HOUR)
    first = numbers(tenant)
    stop(tenant)

    tenant.reset()
    await tenant.step(HOUR)

    assert numbers(tenant) == first


async def test_running_skills_dial_and_their_campaign_counts_them_together() -> None:
    kinds = [{"id": 4003, "outbound": False}, {"id": 4004, "agentless": True}]
    off = {"id": 4005, "running": False}
    tenant = simulation(campaigns=[campaign(4001, 4002, *kinds, off)])

    await tenant.step(HOUR)

    dialed = {one.id: one.dialed for one in tenant.tenant.skills}
    assert [number for number, calls in dialed.items() if calls] == [4001, 4002]
    assert whole(tenant).dialed == sum(dialed.values())
    answered = sum(one.answered for one in tenant.tenant.skills)
    assert whole(tenant).answered == answered > 0


async def test_calls_go_only_to_agents_with_the_skill() -> None:
    agents = [{"id": "ann", "skills": ["sales"]}, {"id": "bob", "skills": ["support"]}]
    tenant = simulation(agents=agents, campaigns=[campaign({"id": 4001, "name": "sales"})])
    ann, bob = tenant.tenant.agents()

    seen = set()
    for _ in range(60):
        await tenant.step(60)
        seen.add(ann.state)
        assert bob.state is AgentState.AVAILABLE

    assert AgentState.BUSY in seen


async def test_what_one_skill_does_leaves_the_dialing_of_another_alone() -> None:
    alone = simulation(campaigns=[campaign(4001)])
    together = simulation(campaigns=[campaign(4002, 4001)])

    await alone.step(HOUR)
    await together.step(HOUR / 2)
    stop(together, 4002)
    await together.step(HOUR / 2)

    assert skill(alone).dialed == skill(together).dialed


def one_call(talk: float = 100, **document: Any) -> Simulation:
    """A skill that reaches the one agent there is: ring 10 s, talk 100 s, wrap-up 20 s."""
    dialing = {
        "callsPerMinute": 60,
        "answerProbability": 1,
        "ring": {"mean": 10, **FIXED},
        "talk": {"mean": talk, **FIXED},
        "wrapUp": {"mean": 20, **FIXED},
    }
    return simulation(agents=1, dialing=dialing, **document)


async def until_busy(tenant: Simulation) -> None:
    """Step until the agent talks."""
    for _ in range(100):
        if tenant.tenant.count(AgentState.BUSY):
            return
        await tenant.step(1)
    raise AssertionError("no call came about")


async def test_a_stop_drains_no_new_calls_and_off_when_the_last_has_ended() -> None:
    tenant = one_call()
    await until_busy(tenant)

    stop(tenant)

    dialed = skill(tenant).dialed
    await tenant.step(90)
    assert skill(tenant).running
    assert skill(tenant).draining
    assert whole(tenant).status == PAUSED
    await tenant.step(15)
    # The calls have ended; that the agent wraps up keeps nothing running.
    assert tenant.tenant.count(AgentState.WRAP_UP) == 1
    assert not skill(tenant).running
    assert skill(tenant).dialed == dialed
    assert skill(tenant).calls == 0


async def test_a_start_during_a_drain_goes_on_dialing() -> None:
    tenant = one_call()
    await until_busy(tenant)
    stop(tenant)
    dialed = skill(tenant).dialed

    start(tenant)
    await tenant.step(200)

    assert skill(tenant).running
    assert not skill(tenant).draining
    assert skill(tenant).dialed > dialed
    assert whole(tenant).status == RUNNING


async def test_force_cuts_the_calls_at_once() -> None:
    tenant = one_call(talk=5000)
    await until_busy(tenant)
    answered = skill(tenant).answered

    stop(tenant, force=True)

    assert not skill(tenant).running
    await tenant.step(0.001)
    assert tenant.tenant.count(AgentState.WRAP_UP) == 1
    await tenant.step(20)
    assert tenant.tenant.count(AgentState.AVAILABLE) == 1
    assert (skill(tenant).calls, skill(tenant).answered) == (0, answered)


async def test_force_during_a_drain_cuts_what_is_left() -> None:
    tenant = one_call(talk=5000)
    await until_busy(tenant)
    stop(tenant)
    await tenant.step(100)
    assert skill(tenant).running

    stop(tenant, force=True)
    await tenant.step(0.001)

    assert not skill(tenant).running
    assert tenant.tenant.count(AgentState.WRAP_UP) == 1


async def test_a_held_drain_lasts_longer_than_its_calls() -> None:
    tenant = one_call(acd={"drain": {"hold": True}})
    await until_busy(tenant)
    stop(tenant)
    await tenant.step(HOUR)
    assert (skill(tenant).calls, skill(tenant).running) == (0, True)

    tenant.tenant.skills.release(skill(tenant))

    assert not skill(tenant).running


async def test_a_release_doesn_t_end_calls() -> None:
    tenant = one_call(acd={"drain": {"hold": True}})
    await until_busy(tenant)
    stop(tenant)
    tenant.tenant.skills.release(skill(tenant))
    assert skill(tenant).running

    await tenant.step(120)

    assert not skill(tenant).running


async def test_a_drain_ends_when_the_loop_that_made_its_calls_is_gone() -> None:
    tenant = one_call(talk=5000)
    await until_busy(tenant)
    stop(tenant)

    tenant.set_mode(Mode.MANUAL)

    assert not skill(tenant).running


async def test_pausing_a_campaign_by_the_other_dialect_drains_its_skills() -> None:
    manual = {"id": 4003, "outboundStrategy": "Manual Outbound"}
    tenant = simulation(campaigns=[campaign(4001, 4002, manual)])
    await tenant.step(600)

    tenant.tenant.change_status(whole(tenant), PAUSED, "api:someone")

    assert [one.stopped_at is not None for one in tenant.tenant.skills] == [True, True, False]
    assert whole(tenant).last_changed_by == "api:someone"
    await tenant.step(HOUR)
    assert not any(one.running for one in tenant.tenant.skills)
    assert tenant.tenant.count(AgentState.AVAILABLE) == 20

    tenant.tenant.change_status(whole(tenant), RUNNING, "api:someone")

    assert [one.running for one in tenant.tenant.skills] == [True, True, False]


async def test_a_campaigns_status_follows_its_skills() -> None:
    tenant = simulation(campaigns=[campaign(4001, 4002)])
    seen = []
    for change, number in ((stop, 4001), (stop, 4002), (start, 4001), (stop, 4001)):
        change(tenant, number)
        seen.append(whole(tenant).status)

    assert seen == [RUNNING, PAUSED, RUNNING, PAUSED]


async def test_a_campaign_that_has_ended_stays_so() -> None:
    tenant = simulation()
    tenant.tenant.change_status(whole(tenant), "COMPLETED", PERSON)
    assert not skill(tenant).is_dialing

    start(tenant)

    assert whole(tenant).status == "COMPLETED"


async def test_a_campaign_whose_skills_are_all_gone_dials_no_more() -> None:
    tenant = simulation()
    tenant.tenant.skills.remove(skill(tenant))
    await tenant.step(HOUR)

    tenant.tenant.change_status(whole(tenant), PAUSED, PERSON)
    tenant.tenant.change_status(whole(tenant), RUNNING, PERSON)
    await tenant.step(HOUR)

    assert whole(tenant).dialed == 0


async def test_a_campaign_that_gets_its_first_skill_leaves_the_dialing_to_it() -> None:
    tenant = simulation(dialects=["Campaigns"], campaigns=[{"id": "1001"}])
    await tenant.step(60)
    before = whole(tenant).dialed
    assert before > 0

    tenant.put_skill(whole(tenant), SkillSetup(id=4001, running=False))
    await tenant.step(HOUR)

    assert whole(tenant).dialed == before


async def test_a_removed_campaigns_skills_dial_no_more() -> None:
    tenant = simulation()
    await tenant.step(60)
    gone = skill(tenant)
    dialed = gone.dialed
    tenant.tenant.remove_campaign("1001")

    await tenant.step(HOUR)

    assert gone.dialed == dialed
    assert tenant.tenant.skills.get(4001) is None
    assert tenant.tenant.count(AgentState.AVAILABLE) == 20


async def test_counting_only_available_would_pause_a_campaign_because_it_works() -> None:
    """The trap of cxone.md §2: with Dialer not counted, nobody is available while a skill runs."""
    tenant = simulation(mode="manual")

    def available() -> int:
        return counts_of(skill(tenant), tenant.tenant, 0, dialer_is_available=False)["agentsAvailable"]

    assert available() == 0
    stop(tenant)
    assert available() == 20


OPERATIONS = st.lists(
    st.tuples(
        st.sampled_from(["start", "stop", "force", "release", "step"]),
        st.sampled_from([4001, 4002]),
        st.integers(1, 400),
    ),
    max_size=20,
)


@settings(max_examples=25, deadline=None)
@given(operations=OPERATIONS, hold=st.booleans())
async def test_whatever_is_started_and_stopped_calls_are_never_lost(
    operations: list[tuple[str, int, int]], hold: bool
) -> None:
    tenant = simulation(agents=5, campaigns=[campaign(4001, 4002)], acd={"drain": {"hold": hold}})
    for what, number, seconds in operations:
        one = skill(tenant, number)
        if what == "step":
            await tenant.step(seconds)
        elif what == "release":
            tenant.tenant.skills.release(one)
        elif what == "start":
            tenant.tenant.skills.start(one, PERSON)
        else:
            tenant.tenant.skills.stop(one, PERSON, force=what == "force")
        assert one.calls >= 0
        runs = any(one.running and not one.draining for one in tenant.tenant.skills)
        assert whole(tenant).status == (RUNNING if runs else PAUSED)
    for one in tenant.tenant.skills:
        tenant.tenant.skills.stop(one, PERSON)
        tenant.tenant.skills.release(one)
    await tenant.step(4 * HOUR)

    assert [(one.running, one.calls) for one in tenant.tenant.skills] == [(False, 0), (False, 0)]
    assert tenant.tenant.count(AgentState.AVAILABLE) == 5


@pytest.mark.parametrize("seed", [1, 2])
async def test_with_blending_or_without_the_loop_is_the_same(seed: int) -> None:
    plain = simulation(seed=seed)
    blended = simulation(seed=seed, campaigns=[campaign({"id": 4001, "priorityBlending": True})])

    await plain.step(HOUR)
    await blended.step(HOUR)

    assert numbers(plain) == numbers(blended)


async def test_lunch_raises_the_abandonment_rate_unless_the_skills_are_stopped() -> None:
    """The example that ships: what throttling by skill activity is worth."""

    async def rate_after_an_hour(pause_at: int) -> float:
        with as_file(files("cxone_simulator") / "scenarios" / "acd-lunch-break.yaml") as path:
            tenant = Simulation(Scenario.load(path).model_copy(update={"speed": 0}))
        controlled = [skill(tenant, 4001), skill(tenant, 4002)]
        for _minute in range(60):
            # An agent with both skills is counted in each, so it is the maximum that counts.
            most = max(tenant.activity.counts(one)["agentsAvailable"] for one in controlled)
            for one in controlled:
                if most < pause_at:
                    tenant.tenant.skills.stop(one, PERSON)
                elif most >= pause_at + 3:
                    tenant.tenant.skills.start(one, PERSON)
            await tenant.step(60)
        return whole(tenant).abandonment_rate

    assert 0 < await rate_after_an_hour(pause_at=5) < await rate_after_an_hour(pause_at=0) / 2
