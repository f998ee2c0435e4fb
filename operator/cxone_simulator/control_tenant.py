"""The control API's part that changes agents, campaigns and the clock."""

from collections.abc import Sequence

from aiohttp import web

from cxone_simulator.activity import state_of
from cxone_simulator.control_bodies import (
    ActiveChange,
    AgentChange,
    ClockChange,
    ModeChange,
    Route,
    StatusChange,
    bad_request,
    not_found,
    read_body,
)
from cxone_simulator.model import PERSON, Agent, AgentState, Campaign, Tenant, TenantFull
from cxone_simulator.scenario import AgentSetup, CampaignBody
from cxone_simulator.series import AgentCounts
from cxone_simulator.simulation import Simulation


class TenantControl:
    """What happens in the tenant: who is available, which campaigns there are, how time passes."""

    def __init__(self, simulation: Simulation) -> None:
        self._simulation = simulation

    def routes(self) -> Sequence[Route]:
        """Method, path and handler of each route."""
        return (
            ("GET", "/_sim/state", self.state),
            ("POST", "/_sim/reset", self.reset),
            ("POST", "/_sim/clock", self.change_clock),
            ("PUT", "/_sim/agents", self.set_counts),
            ("PUT", "/_sim/agents/mode", self.set_mode),
            ("POST", "/_sim/agents", self.add_agent),
            ("PUT", "/_sim/agents/{agent}", self.set_agent),
            ("GET", "/_sim/campaigns/{campaign}", self.campaign),
            ("PUT", "/_sim/campaigns/{campaign}", self.put_campaign),
            ("DELETE", "/_sim/campaigns/{campaign}", self.remove_campaign),
            ("POST", "/_sim/campaigns/{campaign}/status", self.set_status),
            ("POST", "/_sim/campaigns/{campaign}/active", self.set_active),
        )

    async def state(self, _request: web.Request) -> web.Response:
        """Clock, mode, agent counts, campaigns with their counters."""
        simulation = self._simulation
        campaigns = simulation.tenant.campaigns()
        answered = sum(campaign.answered for campaign in campaigns)
        abandoned = sum(campaign.abandoned for campaign in campaigns)
        return web.json_response(
            {
                "clock": self._clock(),
                "mode": simulation.mode,
                "agents": self._counts(),
                "pageCap": simulation.page_cap,
                "putStatus": simulation.put_status,
                "dialed": sum(campaign.dialed for campaign in campaigns),
                "answered": answered,
                "abandoned": abandoned,
                "abandonmentRate": abandoned / answered if answered else 0.0,
                "campaigns": [_campaign_document(campaign) for campaign in campaigns],
            }
        )

    async def reset(self, _request: web.Request) -> web.Response:
        """Begin the scenario anew."""
        self._simulation.reset()
        return web.json_response({"reset": True})

    async def change_clock(self, request: web.Request) -> web.Response:
        """Change the speed, or let time pass at once."""
        change = await read_body(request, ClockChange)
        if change.speed is not None:
            self._simulation.clock.set_speed(change.speed)
        if change.step is not None:
            await self._simulation.step(change.step)
        return web.json_response(self._clock())

    async def set_counts(self, request: web.Request) -> web.Response:
        """Set agent counts directly."""
        counts = await read_body(request, AgentCounts)
        if not counts.by_state():
            raise bad_request(f"give at least one of {', '.join(AgentState)}")
        try:
            self._simulation.set_counts(counts.by_state())
        except TenantFull as error:
            raise bad_request(str(error)) from None
        return web.json_response({"mode": self._simulation.mode, "agents": self._counts()})

    async def set_mode(self, request: web.Request) -> web.Response:
        """Choose what moves the agent counts."""
        change = await read_body(request, ModeChange)
        try:
            self._simulation.set_mode(change.mode)
        except ValueError as error:
            raise bad_request(str(error)) from None
        return web.json_response({"mode": self._simulation.mode, "agents": self._counts()})

    async def set_agent(self, request: web.Request) -> web.Response:
        """Set one agent's state directly."""
        change = await read_body(request, AgentChange)
        agent = self._simulation.tenant.agent(request.match_info["agent"])
        if agent is None:
            raise not_found("agent", request.match_info["agent"])
        if change.state is not None:
            self._simulation.set_agent_state(agent, change.state)
        elif change.state_id is not None:
            self._simulation.set_acd_state(agent, change.state_id)
        return web.json_response(_agent_document(agent, self._simulation.tenant))

    async def add_agent(self, request: web.Request) -> web.Response:
        """Add an agent, last in every listing."""
        setup = await read_body(request, AgentSetup)
        try:
            agent = self._simulation.add_agent(setup)
        except ValueError as error:
            raise bad_request(str(error)) from None
        return web.json_response(_agent_document(agent, self._simulation.tenant), status=201)

    async def campaign(self, request: web.Request) -> web.Response:
        """One campaign with its counters."""
        return web.json_response(_campaign_document(self._campaign(request)))

    async def put_campaign(self, request: web.Request) -> web.Response:
        """Create or replace a campaign."""
        body = await read_body(request, CampaignBody)
        campaign_id = request.match_info["campaign"]
        existed = self._simulation.tenant.campaign(campaign_id) is not None
        try:
            campaign = self._simulation.put_campaign(campaign_id, body)
        except ValueError as error:
            raise bad_request(str(error)) from None
        return web.json_response(_campaign_document(campaign), status=200 if existed else 201)

    async def remove_campaign(self, request: web.Request) -> web.Response:
        """Remove a campaign."""
        self._simulation.tenant.remove_campaign(self._campaign(request).id)
        return web.Response(status=204)

    async def set_status(self, request: web.Request) -> web.Response:
        """Change a campaign's status as a person in CXone's own pages does; any word is taken."""
        change = await read_body(request, StatusChange)
        campaign = self._campaign(request)
        self._simulation.tenant.change_status(campaign, change.status, PERSON)
        return web.json_response(_campaign_document(campaign))

    async def set_active(self, request: web.Request) -> web.Response:
        """Activate or deactivate a campaign as a person in CXone's own pages does: it is
        configuration, and what runs goes on.
        """
        campaign = self._campaign(request)
        campaign.active = (await read_body(request, ActiveChange)).active
        return web.json_response(_campaign_document(campaign))

    def _clock(self) -> dict[str, float]:
        clock = self._simulation.clock
        return {"seconds": clock.seconds, "speed": clock.speed}

    def _counts(self) -> dict[str, int]:
        counts = self._simulation.tenant.counts()
        return {
            **{str(state): number for state, number in counts.items()},
            "total": sum(counts.values()),
        }

    def _campaign(self, request: web.Request) -> Campaign:
        campaign = self._simulation.tenant.campaign(request.match_info["campaign"])
        if campaign is None:
            raise not_found("campaign", request.match_info["campaign"])
        return campaign


def _agent_document(agent: Agent, tenant: Tenant) -> dict[str, object]:
    return {
        "id": agent.id,
        "name": agent.name,
        "state": agent.state,
        "agentId": agent.ordinal,
        "stateId": state_of(agent, tenant),
        "skills": sorted(agent.skills),
    }


def _campaign_document(campaign: Campaign) -> dict[str, object]:
    return {
        "id": campaign.id,
        "name": campaign.name,
        "status": campaign.status,
        "updatedTimestamp": campaign.updated_timestamp,
        "lastChangedBy": campaign.last_changed_by,
        "skill": campaign.skill,
        "active": campaign.active,
        "dialed": campaign.dialed,
        "answered": campaign.answered,
        "abandoned": campaign.abandoned,
        "abandonmentRate": campaign.abandonment_rate,
    }
