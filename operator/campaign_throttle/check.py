"""``campaign-throttle check``: what works between here and a tenant, line by line. Reads only."""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import timedelta
from typing import TypeVar

from campaign_throttle.cxone.campaigns import SCOPES
from campaign_throttle.cxone.connect import Observers
from campaign_throttle.cxone.endpoints import EndpointPolicy
from campaign_throttle.cxone.errors import CredentialsRejected, CXoneError
from campaign_throttle.cxone.protocol import Campaign, Dialect, Headcount, Probe, Target
from campaign_throttle.resources.behaviour import Agents
from campaign_throttle.resources.tenant import Api
from campaign_throttle.tenants import AccessSource, connector
from campaign_throttle.tenants.connecting import budget_of

#: Seconds for each of the lines.
TIME_LIMIT = 30.0
#: How old what CXone has measured may be; see Headcount.count.
INTERVAL = timedelta(seconds=30)

T = TypeVar("T")
Say = Callable[[str], object]


async def check(
    source: AccessSource | None, policy: EndpointPolicy, campaign_id: str, say: Say, skill_ids: frozenset[int]
) -> bool:
    """Try a token, its scopes, the agents and one campaign; say how each went. True if all is well.

    Args:
        source: where the access to the tenant comes from; None for a default tenant that isn't configured.
        policy: where credentials may be sent.
        campaign_id: the campaign to read.
        say: takes each line.
        skill_ids: of the campaign's skills only these (ACD); none means all.
    """
    if source is None:
        say("FAILED  tenant    none is configured: set CXONE_BASE_URL, CXONE_CLIENT_ID and CXONE_CLIENT_SECRET")
        return False
    access = await _line(say, "secret", source.look(), lambda found: f"has {', '.join(found.credentials)}")
    if access is None:
        return False
    try:
        dialect = connector(policy, Observers())(access, budget_of(access.spec.rate_limit))
    except CXoneError as error:
        say(f"FAILED  tenant    {error.reason}: {error}")
        return False
    spec = access.spec
    named = spec.base_url or f"tenant {spec.acd.tenant_id if spec.acd else ''}"
    say(f"ok      tenant    {named}, api {spec.api.value}")
    deadline = asyncio.get_running_loop().time
    agents = Agents()
    try:
        probe = await _token(say, dialect, deadline() + TIME_LIMIT)
        if probe is None:
            return False
        missing = [scope for scope in SCOPES if probe.scopes and scope not in probe.scopes]
        if spec.api is Api.CAMPAIGNS:
            if missing:
                say(f"FAILED  scopes    missing: {', '.join(missing)}: grant them to the client")
            else:
                told = ", ".join(probe.scopes) if probe.scopes else "CXone does not tell which were granted"
                say(f"ok      scopes    {told}")
        campaign = await _line(
            say,
            "campaign",
            dialect.get_campaign(Target(campaign_id, skill_ids), deadline() + TIME_LIMIT, anew=True),
            lambda found: f"{found.id} ({found.name}) is {found.word}",
        )
        if campaign is not None and spec.api is Api.ACD:
            _say_skills(say, campaign)
        headcount = await _line(
            say,
            "agents",
            _count(dialect.read_agents(dialect.source(agents), deadline() + TIME_LIMIT), agents, campaign),
            lambda count: f"{count} available",
        )
        return not missing and headcount is not None and campaign is not None
    finally:
        await dialect.close()


async def _token(say: Say, dialect: Dialect, deadline: float) -> Probe | None:
    """Whether a token is granted; what the API then refuses is for the lines below to tell."""
    try:
        probe = await dialect.probe(deadline)
    except CXoneError as error:
        granted = None if isinstance(error, CredentialsRejected) else dialect.known
        if granted is None:
            say(f"FAILED  token     {error.reason}: {error}")
            return None
        probe = granted
    say(f"ok      token     granted, for {probe.endpoint}")
    return probe


def _say_skills(say: Say, campaign: Campaign) -> None:
    for skill in campaign.skills:
        say(f"ok      skill     {skill.id} ({skill.name}) is {'running' if skill.running else 'stopped'}")
    for left_out in campaign.left_out:
        say(f"        skill     {left_out} is left out")
    for skill_id in campaign.scheduled:
        say(f"warning skill     {skill_id} has a schedule of its own in CXone: remove it there")


async def _count(reading: Awaitable[Headcount], agents: Agents, campaign: Campaign | None) -> int:
    return (await reading).count(agents, campaign, INTERVAL)


async def _line(say: Say, what: str, question: Awaitable[T], describe: Callable[[T], str]) -> T | None:
    try:
        found = await question
    except CXoneError as error:
        say(f"FAILED  {what:<9} {error.reason}: {error}")
        return None
    say(f"ok      {what:<9} {describe(found)}")
    return found
