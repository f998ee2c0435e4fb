"""The agents of a tenant, with an ordered index per state. No HTTP, no time of its own."""

from bisect import bisect_left, insort
from collections import OrderedDict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from cxone_simulator.qualifications import AgentState, Qualification, Qualifications, longest_free
from cxone_simulator.skills import Skill

MAXIMUM_AGENTS = 10_000

# What the numbers of the ACD's agent states mean to the model; all others are offline.
_MEANS = {1: AgentState.AVAILABLE, 7: AgentState.AVAILABLE} | dict.fromkeys((3, 4, 5, 6), AgentState.BUSY)


class TenantFull(ValueError):
    """More agents or campaigns than a tenant holds."""


@dataclass(slots=True, eq=False)
class Agent:
    """One agent. ``ordinal`` is the place in every listing and never changes. Set ``state`` by
    `Tenant.move`.

    ``acd_state`` is NICE's number of a state that the ACD dialect tells instead of the one that
    ``state`` means; see `Tenant.set_acd_state`.
    """

    id: str
    name: str
    team: str
    skills: frozenset[str]
    state: AgentState
    ordinal: int
    acd_state: int | None = None


class Agents:
    """All agents of a tenant. A page of them costs its own length, not the tenant's."""

    def __init__(self) -> None:
        self._agents: dict[str, Agent] = {}
        self._by_ordinal: dict[int, Agent] = {}
        self._everyone: list[int] = []
        self._in_state: dict[AgentState, list[int]] = {state: [] for state in AgentState}
        # Who has been free longest comes first.
        self._free: OrderedDict[int, None] = OrderedDict()
        self.qualifications = Qualifications()
        self._next_ordinal = 1
        self._teams: dict[str, int] = {}

    def add_agent(
        self,
        id: str | None = None,
        name: str | None = None,
        team: str = "team-1",
        skills: Iterable[str] = (),
        state: AgentState = AgentState.AVAILABLE,
    ) -> Agent:
        """A new agent, last in every listing. Raises TenantFull, or ValueError for an id that is
        taken.
        """
        if len(self._agents) >= MAXIMUM_AGENTS:
            raise TenantFull(f"a tenant holds at most {MAXIMUM_AGENTS} agents")
        ordinal = self._next_ordinal
        agent_id = id or f"agent-{ordinal}"
        if agent_id in self._agents:
            raise ValueError(f"agent {agent_id} exists already")
        self._next_ordinal += 1
        agent = Agent(agent_id, name or f"Agent {ordinal}", team, frozenset(skills), state, ordinal)
        self._agents[agent_id] = agent
        self._by_ordinal[ordinal] = agent
        self._everyone.append(ordinal)
        self._in_state[state].append(ordinal)
        self.qualifications.count(agent.skills, state, 1)
        if state is AgentState.AVAILABLE:
            self._now_free(agent)
        return agent

    def team_id(self, team: str) -> int:
        """The number of a team: one after the other, as they are asked for."""
        return self._teams.setdefault(team, len(self._teams) + 1)

    def agent(self, agent_id: str) -> Agent | None:
        """The agent with this id, or None."""
        return self._agents.get(agent_id)

    def agents(
        self,
        state: AgentState | None = None,
        offset: int = 0,
        limit: int | None = None,
    ) -> list[Agent]:
        """Agents in this state (None: all of them), in stable order, from ``offset`` on, at most
        ``limit``.
        """
        ordinals = self._everyone if state is None else self._in_state[state]
        end = None if limit is None else offset + limit
        return [self._by_ordinal[ordinal] for ordinal in ordinals[offset:end]]

    def count(self, state: AgentState) -> int:
        """How many agents are in this state."""
        return len(self._in_state[state])

    def counts(self) -> dict[AgentState, int]:
        """How many agents are in each state."""
        return {state: len(ordinals) for state, ordinals in self._in_state.items()}

    def move(self, agent: Agent, state: AgentState) -> None:
        """Put one agent into a state."""
        if agent.acd_state is not None:
            self._forget_acd_state(agent)
        if agent.state is state:
            return
        before = self._in_state[agent.state]
        del before[bisect_left(before, agent.ordinal)]
        insort(self._in_state[state], agent.ordinal)
        if agent.state is AgentState.AVAILABLE:
            self._no_longer_free(agent)
        self.qualifications.count(agent.skills, agent.state, -1)
        self.qualifications.count(agent.skills, state, 1)
        agent.state = state
        if state is AgentState.AVAILABLE:
            self._now_free(agent)

    def set_acd_state(self, agent: Agent, state_id: int) -> None:
        """Put one agent into a state of the ACD by its number; ends with the next move.

        Contacts and consults (3 to 6) are busy, 1 and 7 available, all others offline: to the other
        dialect, and to the calls.
        """
        self.move(agent, _MEANS.get(state_id, AgentState.OFFLINE))
        agent.acd_state = state_id
        if agent.state is AgentState.OFFLINE and state_id != 0:
            self.qualifications.count_elsewhere(agent.skills, 1)

    def longest_free(self, skill: str | None = None) -> Agent | None:
        """The agent who has been available longest, among those who were given this skill; None if
        there is none.
        """
        if skill is None:
            return self._by_ordinal[next(iter(self._free))] if self._free else None
        return self._agent(longest_free(self.qualifications.naming(skill)))

    def longest_free_for(self, skill: Skill) -> Agent | None:
        """The agent who has been available longest, among those whom the ACD sends this skill's
        calls; None if there is none.
        """
        return self._agent(longest_free(self.qualifications.at_acd(skill.name)))

    def set_counts(self, wanted: Mapping[AgentState, int]) -> None:
        """Make each named state hold exactly so many agents; states that aren't named keep theirs.

        Surplus agents go offline; missing ones come from offline, or are new. If ``offline`` itself
        is named, surplus offline agents leave the tenant. Raises TenantFull and then changes
        nothing.
        """
        total = sum({**self.counts(), **wanted}.values())
        if total > MAXIMUM_AGENTS and AgentState.OFFLINE in wanted:
            raise TenantFull(f"{total} agents: a tenant holds at most {MAXIMUM_AGENTS}")
        on_duty = total - wanted.get(AgentState.OFFLINE, self.count(AgentState.OFFLINE))
        if on_duty > MAXIMUM_AGENTS:
            raise TenantFull(f"{on_duty} agents: a tenant holds at most {MAXIMUM_AGENTS}")
        on_shift: dict[AgentState, int] = {
            state: n for state, n in wanted.items() if state is not AgentState.OFFLINE
        }
        for state, number in on_shift.items():
            for surplus in self.agents(state, offset=number):
                self.move(surplus, AgentState.OFFLINE)
        for state, number in on_shift.items():
            for agent in self.agents(AgentState.OFFLINE, limit=max(0, number - self.count(state))):
                self.move(agent, state)
        if AgentState.OFFLINE in wanted:
            for agent in self.agents(AgentState.OFFLINE, offset=wanted[AgentState.OFFLINE]):
                self._remove_agent(agent)
        for state, number in wanted.items():
            for _ in range(number - self.count(state)):
                self.add_agent(id=self._unused_id(), state=state)

    def _unused_id(self) -> str | None:
        number = self._next_ordinal
        while f"agent-{number}" in self._agents:
            number += 1
        return f"agent-{number}"

    def _remove_agent(self, agent: Agent) -> None:
        if agent.acd_state is not None:
            self._forget_acd_state(agent)
        for ordinals in (self._everyone, self._in_state[agent.state]):
            del ordinals[bisect_left(ordinals, agent.ordinal)]
        if agent.state is AgentState.AVAILABLE:
            self._no_longer_free(agent)
        self.qualifications.count(agent.skills, agent.state, -1)
        del self._agents[agent.id], self._by_ordinal[agent.ordinal]

    def _agent(self, ordinal: int | None) -> Agent | None:
        return None if ordinal is None else self._by_ordinal[ordinal]

    def _qualification(self, agent: Agent) -> Qualification:
        return self.qualifications.of(agent.skills)

    def _forget_acd_state(self, agent: Agent) -> None:
        if agent.state is AgentState.OFFLINE and agent.acd_state != 0:
            self.qualifications.count_elsewhere(agent.skills, -1)
        agent.acd_state = None

    def _now_free(self, agent: Agent) -> None:
        self._free[agent.ordinal] = None
        self.qualifications.now_free(self._qualification(agent), agent.ordinal)

    def _no_longer_free(self, agent: Agent) -> None:
        del self._free[agent.ordinal]
        del self._qualification(agent).free[agent.ordinal]
