"""What one poll sees: the agents and the campaign, neither older than a decision may use."""

import asyncio
from dataclasses import dataclass
from datetime import timedelta

from campaign_throttle.cxone.errors import CXoneError, InvalidResponse
from campaign_throttle.cxone.protocol import Campaign, Target
from campaign_throttle.policy import Observation, SkillMemory
from campaign_throttle.resources.throttle import CampaignState, CampaignThrottleSpec
from campaign_throttle.tenants import Reading, Tenant

#: What became older than a decision may use, because the other was slow, is read once more.
ROUNDS = 2


@dataclass(frozen=True)
class Seen:
    """What a poll saw, or why not. ``campaign_read`` is when the campaign was there: a time of the event loop."""

    agents: int | None = None
    agents_error: CXoneError | None = None
    campaign: Campaign | None = None
    campaign_error: CXoneError | None = None
    reading: float | None = None
    campaign_read: float = float("-inf")

    @property
    def observation(self) -> Observation:
        """What the policy needs of it."""
        campaign = self.campaign
        if campaign is None:
            return Observation(self.agents, CampaignState.UNKNOWN, None, self.reading)
        return Observation(
            self.agents,
            CampaignState(campaign.state.value),
            campaign.changed_at,
            self.reading,
            tuple(SkillMemory(skill.id, skill.name, skill.running) for skill in campaign.skills),
        )


def target_of(spec: CampaignThrottleSpec) -> Target:
    """What a throttle controls."""
    return Target(spec.campaign_id, frozenset(spec.skill_ids or ()))


def nothing(error: CXoneError) -> Seen:
    """What is seen of a tenant that can't be asked."""
    return Seen(agents_error=error, campaign_error=error)


async def observe(
    tenant: Tenant,
    spec: CampaignThrottleSpec,
    *,
    interval: timedelta,
    max_age: timedelta,
    oldest: timedelta,
    deadline: float,
    anew: bool,
) -> Seen:
    """Read the agents and the campaign, at the same time.

    Args:
        tenant: the campaign's.
        spec: of the throttle.
        interval: how often it is really polled.
        max_age: how old a shared reading of the agents may be when this begins.
        oldest: how old either may be when this ends, as far as that can be had.
        deadline: when it ends at the latest; a time of the event loop.
        anew: whether to read what is otherwise kept for some minutes, too.
    """
    clock = asyncio.get_running_loop().time
    target = target_of(spec)

    async def campaign() -> tuple[Campaign, float]:
        # Its age is that of the answer: it may have waited for its turn behind many others.
        return await tenant.campaign(target, max_age=max_age, deadline=deadline, anew=anew), clock()

    async def agents() -> Reading:
        return await tenant.read_agents(spec.agents, max_age=max_age, deadline=deadline)

    reading, found = await asyncio.gather(agents(), campaign(), return_exceptions=True)
    for _ in range(ROUNDS - 1):
        if isinstance(reading, BaseException) or isinstance(found, BaseException):
            break
        limit = clock() - oldest.total_seconds()
        if reading.ended < limit:
            [reading] = await asyncio.gather(agents(), return_exceptions=True)
        limit = clock() - oldest.total_seconds()
        if found[1] < limit:
            [found] = await asyncio.gather(campaign(), return_exceptions=True)
    return _seen(spec, interval, reading, found)


def _seen(
    spec: CampaignThrottleSpec,
    interval: timedelta,
    reading: Reading | BaseException,
    found: tuple[Campaign, float] | BaseException,
) -> Seen:
    campaign: Campaign | None = None
    campaign_error: CXoneError | None = None
    campaign_read = float("-inf")
    if isinstance(found, CXoneError):
        campaign_error = found
    elif isinstance(found, BaseException):
        raise found
    else:
        campaign, campaign_read = found
    agents: int | None = None
    agents_error: CXoneError | None = None
    if isinstance(reading, CXoneError):
        agents_error = reading
    elif isinstance(reading, BaseException):
        raise reading
    else:
        try:
            agents = reading.headcount.count(spec.agents, campaign, interval)
        except InvalidResponse as error:
            # Without the campaign it isn't known whose agents count (ACD).
            agents_error = campaign_error or error
    return Seen(
        agents=agents,
        agents_error=agents_error,
        campaign=campaign,
        campaign_error=campaign_error,
        reading=None if isinstance(reading, BaseException) or agents is None else reading.started,
        campaign_read=campaign_read,
    )
