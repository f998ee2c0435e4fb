"""One simulated tenant without its HTTP side: model, clock, closed loop, tokens, limits, faults,
journal.
"""

import time
from collections.abc import Callable, Mapping
from datetime import UTC, datetime

from cxone_simulator.clock import Clock
from cxone_simulator.dialer import Dialer
from cxone_simulator.faults import Faults
from cxone_simulator.journal import Journal
from cxone_simulator.model import Agent, AgentState, Campaign, Tenant
from cxone_simulator.oauth import TokenDesk
from cxone_simulator.rate_limits import RateLimits
from cxone_simulator.scenario import CampaignBody, Mode, Scenario
from cxone_simulator.series import AgentCounts, replay


class Simulation:
    """Everything that a scenario sets up and that the control API changes.

    ``now`` gives wall-clock seconds since 1970. Tokens, rate limits and ``updatedTimestamp`` go by
    it, because the client that they are meant for does; agents and dialing go by the simulation's
    clock.
    """

    def __init__(self, scenario: Scenario, now: Callable[[], float] = time.time) -> None:
        self.scenario = scenario
        self.now = now
        self.clock = Clock(scenario.speed)
        self.journal = Journal()
        self._set_up()

    def reset(self) -> None:
        """Begin the scenario anew: tokens are gone, hanging requests go on, the journal is
        empty.
        """
        self.faults.clear()
        self.journal.clear()
        self.clock.forget_events(restart=True)
        self.clock.set_speed(self.scenario.speed)
        self._set_up()

    def _set_up(self) -> None:
        scenario = self.scenario
        self.tenant = Tenant(self.now)
        self.tokens = TokenDesk(scenario.clients, self.now)
        self.rate_limits = RateLimits(scenario.rate_limits, self.now)
        self.faults = Faults(scenario.faults, scenario.seed)
        self.page_cap = scenario.page_cap
        self.put_status: int = scenario.put_status
        self._hire()
        if isinstance(scenario.campaigns, int):
            for number in range(1, scenario.campaigns + 1):
                self.put_campaign(f"cmp-{number}", CampaignBody(name=f"Campaign {number}"))
        else:
            for campaign in scenario.campaigns:
                self.put_campaign(campaign.id, campaign)
        self._dialer = Dialer(
            self.tenant,
            self.clock,
            scenario.seed,
            scenario.dialing,
            scenario.breaks,
        )
        self.tenant.campaign_watchers.append(self._dialer.follow)
        self.mode = Mode.MANUAL
        self.set_mode(scenario.starting_mode)

    def _hire(self) -> None:
        agents = self.scenario.agents
        if isinstance(agents, int):
            self.tenant.set_counts({AgentState.AVAILABLE: agents})
        elif isinstance(agents, AgentCounts):
            self.tenant.set_counts(agents.by_state())
        else:
            for agent in agents:
                self.tenant.add_agent(agent.id, agent.name, agent.team, agent.skills, agent.state)

    def set_mode(self, mode: Mode) -> None:
        """Choose what moves the agent counts; they stay as they are until it does.

        The loop goes on from there, a series begins anew. Raises ValueError if there is no series.
        """
        series = self.scenario.series
        if mode is Mode.SERIES and series is None:
            raise ValueError("mode: the scenario has no series")
        self._dialer.stop()
        self.clock.forget_events()
        self.mode = mode
        if mode is Mode.LOOP:
            self._dialer.start()
        elif series is not None and mode is Mode.SERIES:
            self.clock.env.process(replay(series, self.tenant, self.clock.env))
        self.clock.synchronise()

    def set_counts(self, counts: Mapping[AgentState, int]) -> None:
        """Set agent counts directly (see `Tenant.set_counts`); from now on nothing else moves
        them.
        """
        if self.mode is not Mode.MANUAL:
            self.set_mode(Mode.MANUAL)
        self.tenant.set_counts(counts)

    def set_agent_state(self, agent: Agent, state: AgentState) -> None:
        """Set one agent's state directly; from now on nothing else moves the agents."""
        if self.mode is not Mode.MANUAL:
            self.set_mode(Mode.MANUAL)
        self.tenant.move(agent, state)

    def put_campaign(self, campaign_id: str, body: CampaignBody) -> Campaign:
        """Create or replace a campaign, with its counters at 0. Raises TenantFull."""
        campaign = Campaign(
            id=campaign_id,
            name=campaign_id if body.name is None else body.name,
            status=body.status,
            updated=datetime.fromtimestamp(self.now(), UTC),
            skill=body.skill,
            dialing=self.scenario.dialing.overridden_by(body.dialing),
        )
        self.tenant.put_campaign(campaign)
        return campaign

    async def step(self, seconds: float) -> None:
        """Let so many simulated seconds pass at once. At speed 0 the outcome depends on the seed
        alone.
        """
        await self.clock.step(seconds)
