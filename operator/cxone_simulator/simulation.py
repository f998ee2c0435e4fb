"""One simulated tenant without its HTTP side: model, clock, closed loop, tokens, limits, faults,
journal.
"""

import time
from collections.abc import Callable, Iterable, Mapping
from datetime import UTC, datetime
from itertools import count

from cxone_simulator.access_keys import AccessKeys
from cxone_simulator.acd_setup import AcdSettings, SkillSetup
from cxone_simulator.activity import ActivityBoard
from cxone_simulator.clock import Clock
from cxone_simulator.dialer import Dialer
from cxone_simulator.documents import ScenarioError
from cxone_simulator.faults import Faults
from cxone_simulator.journal import Journal
from cxone_simulator.model import Agent, AgentState, Campaign, Skill, Tenant
from cxone_simulator.oauth import TokenDesk
from cxone_simulator.rate_limits import RateLimits
from cxone_simulator.scenario import AgentSetup, CampaignBody, Mode, Scenario
from cxone_simulator.series import AgentCounts, replay
from cxone_simulator.skill_setup import skill_of


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
        self.tenant = Tenant(self.now, lambda: self.clock.seconds)
        self.tokens = TokenDesk(scenario.clients, self.now)
        self.access_keys = AccessKeys(scenario.access_keys, self.tokens)
        self.activity = ActivityBoard(
            self.tenant,
            lambda: self.acd,
            self.now,
            lambda: self.clock.seconds,
        )
        self.rate_limits = RateLimits(scenario.rate_limits, self.now)
        self.faults = Faults(scenario.faults, scenario.seed)
        self.page_cap = scenario.page_cap
        self.put_status: int = scenario.put_status
        self._hire()
        for campaign_id, body in self._campaigns_at_first():
            try:
                self.put_campaign(campaign_id, body)
            except ValueError as error:
                raise ScenarioError("scenario", [f"campaigns: {campaign_id}: {error}"]) from None
        self._dialer = Dialer(
            self.tenant,
            self.clock,
            scenario.seed,
            scenario.dialing,
            scenario.breaks,
        )
        self.tenant.campaign_watchers.append(self._dialer.follow)
        self.tenant.skill_watchers.append(self._dialer.follow_skill)
        self.set_acd(scenario.acd)
        self.mode = Mode.MANUAL
        self.set_mode(scenario.starting_mode)

    def _campaigns_at_first(self) -> Iterable[tuple[str, CampaignBody]]:
        campaigns = self.scenario.campaigns
        if not isinstance(campaigns, int):
            return ((campaign.id, campaign) for campaign in campaigns)
        # The ACD knows campaigns by numbers.
        prefix = "" if self.scenario.speaks_acd else "cmp-"
        return (
            (f"{prefix}{number}", CampaignBody(name=f"Campaign {number}")) for number in range(1, campaigns + 1)
        )

    def _hire(self) -> None:
        agents = self.scenario.agents
        if isinstance(agents, int):
            self.tenant.set_counts({AgentState.AVAILABLE: agents})
        elif isinstance(agents, AgentCounts):
            self.tenant.set_counts(agents.by_state())
        else:
            for agent in agents:
                self.add_agent(agent)

    def add_agent(self, setup: AgentSetup) -> Agent:
        """Add an agent, last in every listing. Raises TenantFull, or ValueError for an id that is
        taken.
        """
        return self.tenant.add_agent(setup.id, setup.name, setup.team, setup.skills, setup.state)

    def put_skill(self, campaign: Campaign, setup: SkillSetup) -> Skill:
        """Create a skill or replace the one with its id, with its counters at 0. Raises
        ValueError.
        """
        if not campaign.has_number:
            raise ValueError(f"campaign: {campaign.id} has no number for an id")
        skill = skill_of(campaign, setup, self.tenant.skills.unused_id())
        self.tenant.put_skill(skill)
        return skill

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

    def set_acd(self, settings: AcdSettings) -> None:
        """Choose how the ACD's API behaves."""
        self.acd = settings
        self.tenant.skills.drain = settings.drain.drain()
        self.tenant.skills.settle()
        self.activity.freeze(settings.frozen)

    def set_acd_state(self, agent: Agent, state_id: int) -> None:
        """Set one agent's state by its number at the ACD; from now on nothing else moves the
        agents.
        """
        if self.mode is not Mode.MANUAL:
            self.set_mode(Mode.MANUAL)
        self.tenant.set_acd_state(agent, state_id)

    def put_campaign(self, campaign_id: str, body: CampaignBody) -> Campaign:
        """Create or replace a campaign, with its counters at 0, and its skills.

        If the tenant speaks ACD, a campaign of which no skills are told has one. Raises TenantFull,
        or ValueError for skills that it can't have.
        """
        campaign = Campaign(
            id=campaign_id,
            name=campaign_id if body.name is None else body.name,
            status=body.status,
            updated=datetime.fromtimestamp(self.now(), UTC),
            skill=body.skill,
            active=body.active,
            dialing=self.scenario.dialing.overridden_by(body.dialing),
        )
        setups = body.skills
        if setups is None and self.scenario.speaks_acd and campaign.has_number:
            setups = [SkillSetup()]
        campaign.grouped = setups is not None
        setups = setups or []
        if setups and not campaign.has_number:
            raise ValueError(f"id: a campaign with skills needs a number for an id, not {campaign_id}")
        ids = count(self.tenant.skills.unused_id())
        skills = [skill_of(campaign, one, next(ids)) for one in setups]
        self.tenant.put_campaign(campaign, skills)
        return campaign

    async def step(self, seconds: float) -> None:
        """Let so many simulated seconds pass at once. At speed 0 the outcome depends on the seed
        alone.
        """
        await self.clock.step(seconds)
