"""The closed loop: running campaigns dial, answered calls take agents, agents come back (SimPy
processes).

An answered call that finds no agent free is abandoned: that is the harm which pausing a campaign
avoids.
"""

from collections.abc import Generator, Iterable
from random import Random

from simpy import Event

from cxone_simulator.clock import Clock
from cxone_simulator.dialing import Break, Dialing
from cxone_simulator.model import RUNNING, Agent, AgentState, Campaign, Tenant

Process = Generator[Event, None, None]


class Dialer:
    """Dials for every running campaign of a tenant, on a clock.

    Each campaign draws from a random source of its own (from ``seed`` and its id), so that what one
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
        # Stands for the one process that dials for a campaign; a process whose object is gone ends.
        self._dialing_now: dict[str, object] = {}
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

    def stop(self) -> None:
        """Leave the agents as they are. The clock's events must be forgotten too: they belong to
        the loop.
        """
        self._active = False
        self._dialing_now.clear()

    def follow(self, campaign: Campaign) -> None:
        """Begin or end dialing for a campaign that is new, changed or gone."""
        if not self._active:
            return
        self._dialing_now.pop(campaign.id, None)
        current = self._tenant.campaign(campaign.id)
        if current is not None:
            self._clock.synchronise()
            self._begin(current)

    def _begin(self, campaign: Campaign) -> None:
        if campaign.status == RUNNING and campaign.dialing.calls_per_minute > 0:
            self._dialing_now[campaign.id] = turn = object()
            self._clock.env.process(self._dial(campaign, turn))

    def _chance_of(self, name: str) -> Random:
        return self._chances.setdefault(name, Random(f"{self._seed}/{name}"))

    def _dial(self, campaign: Campaign, turn: object) -> Process:
        env = self._clock.env
        chance = self._chance_of(f"campaign {campaign.id}")
        calls_per_second = campaign.dialing.calls_per_minute / 60
        while True:
            yield env.timeout(chance.expovariate(calls_per_second))
            if self._dialing_now.get(campaign.id) is not turn:
                return
            campaign.dialed += 1
            # Drawn here and not as the call goes on: so an agent's fate never shifts another call's
            # numbers.
            rings = campaign.dialing.ring.draw(chance)
            answered = chance.random() < campaign.dialing.answer_probability
            call = Random(chance.getrandbits(64))
            if answered:
                env.process(self._answered_call(campaign, rings, call))

    def _answered_call(self, campaign: Campaign, rings: float, chance: Random) -> Process:
        yield self._clock.env.timeout(rings)
        campaign.answered += 1
        agent = self._tenant.longest_free(campaign.skill)
        if agent is None:
            campaign.abandoned += 1
            return
        self._tenant.move(agent, AgentState.BUSY)
        yield from self._finish(agent, campaign.dialing, chance)

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
