"""The tenant's state: agents and campaigns. No HTTP, no time of its own; each dialect reads this
one model.
"""

from bisect import bisect_left, insort
from collections import OrderedDict
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from enum import StrEnum

from cxone_simulator.dialing import Dialing

MAXIMUM_AGENTS = 10_000
MAXIMUM_CAMPAIGNS = 5_000

RUNNING = "RUNNING"
PAUSED = "PAUSED"

#: Who changed a campaign when it wasn't an API client.
PERSON = "person"


class AgentState(StrEnum):
    """The states of an agent, in the words of the Campaigns dialect."""

    AVAILABLE = "available"
    BUSY = "busy"
    WRAP_UP = "wrap-up"
    OFFLINE = "offline"


class TenantFull(ValueError):
    """More agents or campaigns than a tenant holds."""


@dataclass(slots=True, eq=False)
class Agent:
    """One agent. ``ordinal`` is the place in every listing and never changes. Set ``state`` by
    `Tenant.move`.
    """

    id: str
    name: str
    team: str
    skills: frozenset[str]
    state: AgentState
    ordinal: int


@dataclass(slots=True, eq=False)
class Campaign:
    """One campaign and what its dialing led to.

    ``status`` is RUNNING, PAUSED or any other word; ``updated`` is wall-clock time, because it is
    compared with a client's clock; ``last_changed_by`` is ``person`` or ``api:<client id>``.
    ``skill`` limits which agents take its calls (None: everybody).
    """

    id: str
    name: str
    status: str = RUNNING
    updated: datetime = field(default_factory=lambda: datetime.now(UTC))
    last_changed_by: str = PERSON
    skill: str | None = None
    dialing: Dialing = field(default_factory=Dialing)
    dialed: int = 0
    answered: int = 0
    abandoned: int = 0

    @property
    def abandonment_rate(self) -> float:
        """Abandoned calls as a share (0 to 1) of the answered ones, as dialing rules (FTC, Ofcom)
        count it.
        """
        return self.abandoned / self.answered if self.answered else 0.0

    @property
    def updated_timestamp(self) -> str:
        """``updated`` in ISO 8601, UTC, to the millisecond."""
        return self.updated.isoformat(timespec="milliseconds").replace("+00:00", "Z")


class Tenant:
    """All agents and campaigns of one tenant, with an ordered index per agent state.

    A page of agents costs its own length, not the tenant's. ``now`` gives wall-clock seconds since
    1970.
    """

    def __init__(self, now: Callable[[], float]) -> None:
        self._now = now
        self._agents: dict[str, Agent] = {}
        self._by_ordinal: dict[int, Agent] = {}
        self._everyone: list[int] = []
        self._in_state: dict[AgentState, list[int]] = {state: [] for state in AgentState}
        # Who has been free longest comes first; a campaign without a skill asks for None.
        self._free: dict[str | None, OrderedDict[int, None]] = {}
        self._campaigns: dict[str, Campaign] = {}
        self._next_ordinal = 1
        self.campaign_watchers: list[Callable[[Campaign], None]] = []

    # Agents

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
        if state is AgentState.AVAILABLE:
            self._now_free(agent)
        return agent

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
        if agent.state is state:
            return
        before = self._in_state[agent.state]
        del before[bisect_left(before, agent.ordinal)]
        insort(self._in_state[state], agent.ordinal)
        if agent.state is AgentState.AVAILABLE:
            self._no_longer_free(agent)
        agent.state = state
        if state is AgentState.AVAILABLE:
            self._now_free(agent)

    def longest_free(self, skill: str | None = None) -> Agent | None:
        """The agent who has been available longest, among those with this skill; None if there is
        none.
        """
        waiting = self._free.get(skill)
        return self._by_ordinal[next(iter(waiting))] if waiting else None

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
        for ordinals in (self._everyone, self._in_state[agent.state]):
            del ordinals[bisect_left(ordinals, agent.ordinal)]
        if agent.state is AgentState.AVAILABLE:
            self._no_longer_free(agent)
        del self._agents[agent.id], self._by_ordinal[agent.ordinal]

    def _now_free(self, agent: Agent) -> None:
        for skill in (None, *agent.skills):
            self._free.setdefault(skill, OrderedDict())[agent.ordinal] = None

    def _no_longer_free(self, agent: Agent) -> None:
        for skill in (None, *agent.skills):
            del self._free[skill][agent.ordinal]

    # Campaigns

    def put_campaign(self, campaign: Campaign) -> None:
        """Create this campaign or replace the one with its id. Raises TenantFull."""
        if campaign.id not in self._campaigns and len(self._campaigns) >= MAXIMUM_CAMPAIGNS:
            raise TenantFull(f"a tenant holds at most {MAXIMUM_CAMPAIGNS} campaigns")
        self._campaigns[campaign.id] = campaign
        self._tell(campaign)

    def remove_campaign(self, campaign_id: str) -> bool:
        """Remove a campaign; False if there was none. Its dialing ends."""
        campaign = self._campaigns.pop(campaign_id, None)
        if campaign is not None:
            self._tell(campaign)
        return campaign is not None

    def campaign(self, campaign_id: str) -> Campaign | None:
        """The campaign with this id, or None."""
        return self._campaigns.get(campaign_id)

    def campaigns(self) -> list[Campaign]:
        """All campaigns, oldest first."""
        return list(self._campaigns.values())

    def change_status(self, campaign: Campaign, status: str, by: str) -> None:
        """Set a campaign's status. Setting what it already is changes neither the time nor who did
        it last.
        """
        if campaign.status == status:
            return
        campaign.status = status
        campaign.updated = datetime.fromtimestamp(self._now(), UTC)
        campaign.last_changed_by = by
        self._tell(campaign)

    def _tell(self, campaign: Campaign) -> None:
        for watcher in self.campaign_watchers:
            watcher(campaign)
