"""The closed loop: running campaigns dial, answered calls take agents, agents come back (SimPy
processes).

What dials is a campaign, or the running Personal Connection skills of a campaign that has some. An
answered call that finds no agent free is abandoned: that is the harm which pausing a campaign
avoids.
"""

from collections.abc import Generator, Iterable
from random import Random

from simpy import Event

from cxone_simulator.clock import Clock
from cxone_simulator.dialing import Break, Dialing
from cxone_simulator.model import RUNNING, Agent, AgentState, Campaign, Skill, Tenant

#: What makes calls.
Unit = Campaign | Skill
Process = Generator[Event, None, None]


class Dialer:
    """Dials for every running campaign or skill of a tenant, on a clock.

    Each unit draws from a random source of its own (from ``seed`` and its id), so that what one
    does leaves the calls of the others as they were, and the same seed and steps give the same
    numbers.
    """

    def __init__(
        self,
        tenant: Tenant,
        clock: Clock,
        seed: int,
        dialing: Dialing,
        breaks: Iterable[Break],
    ) -> None:
        self._tenant = tenant
        self._clock = clock
        self._seed = seed
        self._dialing = dialing
        self._breaks = list(breaks)
        self._chances: dict[str, Random] = {}
        # Stands for the one process that dials for a unit; a process whose object is gone ends.
        self._dialing_now: dict[str, object] = {}
        # Happens when a skill is stopped by force: its calls end at once.
        self._cuts: dict[int, Event] = {}
        self._on_break: set[Agent] = set()
        self._active = False

    def start(self) -> None:
        """Take the agents and campaigns as they are and go on from there.

        Agents who are busy or in wrap-up finish what they do; those on a break are back.
        """
        self._active = True
        env = self._clock.env
        for agent in self._on_break:
            # Counts that were set directly in the meantime may have removed the agent.
            if agent.state is AgentState.OFFLINE and self._tenant.agent(agent.id) is agent:
                self._tenant.move(agent, AgentState.AVAILABLE)
        self._on_break.clear()
        chance = self._chance_of("agents")
        for state in (AgentState.BUSY, AgentState.WRAP_UP):
            for agent in self._tenant.agents(state):
                env.process(self._finish(agent, self._dialing, chance))
        for pause in self._breaks:
            env.process(self._take_break(pause))
        for campaign in self._tenant.campaigns():
            self._begin(campaign)
        for skill in self._tenant.skills:
            self._begin(skill)

    def stop(self) -> None:
        """Leave the agents as they are. The clock's events must be forgotten too: they belong to
        the loop.
        """
        self._active = False
        self._dialing_now.clear()
        self._cuts.clear()
        self._tenant.skills.forget_calls()

    def follow(self, campaign: Campaign) -> None:
        """Begin or end dialing for a campaign that is new, changed or gone."""
        if not self._active:
            return
        self._dialing_now.pop(_name(campaign), None)
        current = self._tenant.campaign(campaign.id)
        if current is not None:
            self._clock.synchronise()
            self._begin(current)

    def follow_skill(self, skill: Skill, cut: bool) -> None:
        """Begin or end dialing for a skill that is new, started, stopped or gone; with ``cut`` its
        calls end, too.
        """
        if not self._active:
            return
        self._dialing_now.pop(_name(skill), None)
        if cut and skill.id in self._cuts:
            self._cuts.pop(skill.id).succeed()
        if self._tenant.skills.get(skill.id) is skill and skill.is_dialing:
            self._clock.synchronise()
            self._begin(skill)

    def _begin(self, unit: Unit) -> None:
        if unit.dialing.calls_per_minute > 0 and _is_dialing(unit):
            self._dialing_now[_name(unit)] = turn = object()
            self._clock.env.process(self._dial(unit, turn))

    def _chance_of(self, name: str) -> Random:
        return self._chances.setdefault(name, Random(f"{self._seed}/{name}"))

    def _dial(self, unit: Unit, turn: object) -> Process:
        env = self._clock.env
        chance = self._chance_of(_name(unit))
        calls_per_second = unit.dialing.calls_per_minute / 60
        while True:
            yield env.timeout(chance.expovariate(calls_per_second))
            if self._dialing_now.get(_name(unit)) is not turn:
                return
            for counted in self._counted(unit):
                counted.dialed += 1
            # Drawn here and not as the call goes on: so an agent's fate never shifts another call's
            # numbers.
            rings = unit.dialing.ring.draw(chance)
            answered = chance.random() < unit.dialing.answer_probability
            call = Random(chance.getrandbits(64))
            if not answered:
                continue
            if isinstance(unit, Skill):
                unit.calls += 1
                env.process(self._skills_call(unit, rings, call))
            else:
                env.process(self._campaigns_call(unit, rings, call))

    def _campaigns_call(self, campaign: Campaign, rings: float, chance: Random) -> Process:
        yield self._clock.env.timeout(rings)
        agent = self._connect(campaign, self._tenant.longest_free(campaign.skill))
        if agent is not None:
            yield from self._finish(agent, campaign.dialing, chance)

    def _skills_call(self, skill: Skill, rings: float, chance: Random) -> Process:
        env = self._clock.env
        cut = self._cuts.setdefault(skill.id, env.event())
        yield env.timeout(rings) | cut
        agent = None
        if not cut.triggered:
            agent = self._connect(skill, self._tenant.longest_free_for(skill))
        if agent is not None:
            yield env.timeout(skill.dialing.talk.draw(chance)) | cut
            self._tenant.move(agent, AgentState.WRAP_UP)
        skill.calls -= 1
        self._tenant.skills.settle()
        if agent is not None:
            yield from self._finish(agent, skill.dialing, chance)

    def _connect(self, unit: Unit, agent: Agent | None) -> Agent | None:
        for counted in self._counted(unit):
            counted.answered += 1
            counted.abandoned += agent is None
        if agent is not None:
            self._tenant.move(agent, AgentState.BUSY)
        return agent

    def _counted(self, unit: Unit) -> Iterable[Unit]:
        campaign = self._tenant.campaign(unit.campaign_id) if isinstance(unit, Skill) else None
        return (unit,) if campaign is None else (unit, campaign)

    def _finish(self, agent: Agent, dialing: Dialing, chance: Random) -> Process:
        env = self._clock.env
        if agent.state is AgentState.BUSY:
            yield env.timeout(dialing.talk.draw(chance))
            self._tenant.move(agent, AgentState.WRAP_UP)
        yield env.timeout(dialing.wrap_up.draw(chance))
        leaves = agent in self._on_break
        self._tenant.move(agent, AgentState.OFFLINE if leaves else AgentState.AVAILABLE)

    def _take_break(self, pause: Break) -> Process:
        env = self._clock.env
        begins = pause.at
        while True:
            if begins >= env.now:
                yield env.timeout(begins - env.now)
                on_duty = [
                    agent
                    for agent in self._tenant.agents()
                    if agent.state is not AgentState.OFFLINE and agent not in self._on_break
                ]
                chance = self._chance_of("breaks")
                for agent in on_duty[: pause.agents]:
                    env.process(
                        self._be_away(agent, chance.uniform(0, pause.spread), pause.duration),
                    )
            if pause.repeat_every is None:
                return
            begins += pause.repeat_every

    def _be_away(self, agent: Agent, leaves_in: float, duration: float) -> Process:
        env = self._clock.env
        yield env.timeout(leaves_in)
        self._on_break.add(agent)
        if agent.state is AgentState.AVAILABLE:
            self._tenant.move(agent, AgentState.OFFLINE)
        yield env.timeout(duration)
        self._on_break.discard(agent)
        if agent.state is AgentState.OFFLINE:
            self._tenant.move(agent, AgentState.AVAILABLE)


def _name(unit: Unit) -> str:
    return f"skill {unit.id}" if isinstance(unit, Skill) else f"campaign {unit.id}"


def _is_dialing(unit: Unit) -> bool:
    if isinstance(unit, Skill):
        return unit.is_dialing
    return unit.status == RUNNING and not unit.grouped
